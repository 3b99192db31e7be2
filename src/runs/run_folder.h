// One run, one folder: recipe.toml (resolved), metrics.jsonl, samples.jsonl, checkpoints/, model/.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"

namespace r1 {

// A file of JSON lines that grows. Each line is handed to the system whole, so a killed process leaves at most one
// partial line, which the next opening drops.
class JsonLog {
 public:
  // Keeps the lines whose "step" is at most `last_step` (all when negative: none) and appends after them.
  JsonLog(const std::filesystem::path& path, int64_t last_step);
  void append(const nlohmann::ordered_json& line);
  void flush();  // to the disk
  // The last of the lines that were kept; an empty object when there was none.
  const nlohmann::ordered_json& last_kept() const { return last_kept_; }

 private:
  struct Closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::string path_;
  nlohmann::ordered_json last_kept_ = nlohmann::ordered_json::object();
  std::unique_ptr<std::FILE, Closer> file_;
};

class RunFolder {
 public:
  // A new run, or one that goes on when `resume`. Throws r1::Error when the folder holds a run already and resume is
  // false: nothing is ever overwritten. The folder is locked against a second process until this is destroyed.
  RunFolder(const std::string& path, bool resume);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path model() const { return path_ / "model"; }
  // The recipe of the run that is resumed; empty when there is none.
  std::string old_recipe() const;
  void write_recipe(const std::string& toml) const;

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace r1
