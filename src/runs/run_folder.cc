#include "runs/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {
int64_t step_of(const Json& line) {
  const auto step = line.find("step");
  return step != line.end() && step->is_number() ? step->get<int64_t>() : 0;
}

// Whether a run left something here that a new one would overwrite.
bool holds_run(const fs::path& folder) {
  if (fs::exists(folder / "checkpoints") && !fs::is_empty(folder / "checkpoints")) return true;
  for (const char* name : {"recipe.toml", "metrics.jsonl", "samples.jsonl", "model"})
    if (fs::exists(folder / name)) return true;
  return false;
}
}  // namespace

JsonLog::JsonLog(const fs::path& path, int64_t last_step) : path_(path.string()) {
  std::string kept;
  if (last_step >= 0 && fs::exists(path)) {
    const std::string old = read_text_file(path_, uint64_t{4} << 30);
    for (size_t at = 0; at < old.size();) {
      const size_t end = old.find('\n', at);
      if (end == std::string::npos) break;  // the line a killed process was writing
      Json line = Json::parse(old.substr(at, end - at), nullptr, false);
      if (line.is_object() && step_of(line) <= last_step) {
        kept.append(old, at, end + 1 - at);
        last_kept_ = std::move(line);
      }
      at = end + 1;
    }
  }
  replace_file(path_, kept);
  file_.reset(std::fopen(path_.c_str(), "abe"));
  if (!file_) fail("{}: cannot open for writing: {}", path_, std::strerror(errno));
}

void JsonLog::append(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0)
    fail("{}: writing failed: {}", path_, std::strerror(errno));
}

void JsonLog::flush() {
  if (fsync(fileno(file_.get())) != 0) fail("{}: fsync failed: {}", path_, std::strerror(errno));
}

RunFolder::RunFolder(const std::string& path, bool resume) : path_(path) {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail("{}: cannot create the folder: {}", path, error.message());
  lock_ = open((path_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) fail("{}: cannot write: {}", (path_ / "lock").string(), std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    fail("{}: another process is running in this folder", path);
  }
  if (!resume && holds_run(path_)) {
    ::close(lock_);
    fail(
        "{}: holds a run already (recipe.toml, metrics.jsonl, samples.jsonl, checkpoints/ or model/); --resume goes on "
        "with it, another --out starts a new one",
        path);
  }
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

std::string RunFolder::old_recipe() const {
  return fs::exists(path_ / "recipe.toml") ? read_text_file((path_ / "recipe.toml").string(), 16 << 20) : "";
}

void RunFolder::write_recipe(const std::string& toml) const { replace_file((path_ / "recipe.toml").string(), toml); }

}  // namespace r1
