// The built program, called the way anyone calls it: words, standard input, environment in; exit code and two streams
// out. Nothing here looks inside it.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1::e2e {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// An empty folder that goes when this goes.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string read_file(const fs::path& path);  // "" when it is not there
void write_file(const fs::path& path, const std::string& text);
// A JSON object or array a line; fails the test where a line is none.
std::vector<Json> json_lines(const std::string& text);
inline std::vector<Json> json_lines_of(const fs::path& path) { return json_lines(read_file(path)); }

struct Outcome {
  int code = -1;   // exit code, or -1
  int signal = 0;  // what ended it, or 0
  std::string out, err;
};

struct Call {
  std::vector<std::string> words;
  std::string input = "";
  std::vector<std::string> environment = {};  // NAME=value, beside this process's own
  bool ignore_interrupts = false;             // as a shell starts its background jobs
  bool stop_at_restart = false;               // hold it where the program has restarted itself, until go_on()
};

// A call that runs. It is killed where this goes before it ended.
class Running {
 public:
  explicit Running(const Call& call);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  pid_t pid() const { return pid_; }
  bool ended();
  void send(int signal);
  void go_on();
  // Waits until `happened`, or the program's end, or two minutes; says whether it happened.
  bool until(const std::function<bool()>& happened);
  // Waits for the end; after two minutes it is killed and the test fails.
  Outcome wait();

 private:
  void wait_for_exec();

  TempFolder folder_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool reaped_ = false;
};

Outcome r1(const Call& call);
inline Outcome r1(std::vector<std::string> words, std::string input = "") {
  return r1(Call{.words = std::move(words), .input = std::move(input)});
}

// Exit code 0; what it wrote otherwise.
::testing::AssertionResult done(const Outcome& outcome);
// Exit code `code`, an error on stderr holding `part`, nothing on stdout.
::testing::AssertionResult refused(const Outcome& outcome, int code, const std::string& part);

// Both files are there, not empty, and equal.
::testing::AssertionResult same_bytes(const fs::path& a, const fs::path& b);

std::string golden(const std::string& name);  // tests/golden/models/NAME: no tokenizer

// A model of some ten thousand random weights with the tokenizer and chat template of assets/mini, in `folder`/speck.
std::string make_speck(const TempFolder& folder);
// A command for --reward exec: whose scores spread over anything: the length from the completion on, modulo three.
std::string spreading_reward(const TempFolder& folder);

// "a", "b" -> {"--set", "a", "--set", "b"} behind `words`.
std::vector<std::string> with_sets(std::vector<std::string> words, const std::vector<std::string>& sets);

}  // namespace r1::e2e
