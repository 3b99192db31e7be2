#include "tests/e2e/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>

extern char** environ;

namespace r1::e2e {
namespace {

constexpr auto kPatience = std::chrono::minutes(2);

bool named(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
}

// With these given the program keeps them and does not restart itself.
bool stops_restart(std::string_view entry) { return named(entry, "GOMP_SPINCOUNT") || named(entry, "OMP_WAIT_POLICY"); }

}  // namespace

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "r1_e2e_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp: " + name);
  path_ = name;
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.flush();
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> out;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    out.push_back(Json::parse(line, nullptr, false));
    EXPECT_FALSE(out.back().is_discarded()) << "no JSON: " << line;
  }
  return out;
}

Running::Running(const Call& call) {
  write_file(folder_ / "in", call.input);
  std::vector<std::string> words = call.words, environment = call.environment;
  words.insert(words.begin(), R1_PROGRAM);
  for (char** entry = environ; *entry != nullptr; entry++)
    if (!named(*entry, "SOURCE_DATE_EPOCH") && !(call.stop_at_restart && stops_restart(*entry)))
      environment.push_back(*entry);
  std::vector<char*> argv, envp;
  for (std::string& w : words) argv.push_back(w.data());
  for (std::string& e : environment) envp.push_back(e.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const int in = open((folder_ / "in").c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open((folder_ / "out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int err = open((folder_ / "err").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  pid_ = fork();
  if (pid_ == 0) {
    if (call.ignore_interrupts) signal(SIGINT, SIG_IGN);
    if (call.stop_at_restart) ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2) execve(R1_PROGRAM, argv.data(), envp.data());
    _exit(127);
  }
  for (int file : {in, out, err}) close(file);
  if (pid_ < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (call.stop_at_restart) {
    wait_for_exec();
    ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    wait_for_exec();
  }
}

void Running::wait_for_exec() {
  if (waitpid(pid_, &status_, 0) != pid_ || !WIFSTOPPED(status_) || WSTOPSIG(status_) != SIGTRAP)
    throw std::runtime_error("the program did not start: status " + std::to_string(status_));
}

void Running::go_on() { ptrace(PTRACE_DETACH, pid_, nullptr, nullptr); }

Running::~Running() {
  if (ended()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
}

bool Running::ended() {
  if (!reaped_) reaped_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return reaped_;
}

void Running::send(int signal) {
  if (!ended()) kill(pid_, signal);
}

bool Running::until(const std::function<bool()>& happened) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!happened()) {
    if (ended() || std::chrono::steady_clock::now() > deadline) return happened();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

Outcome Running::wait() {
  if (!until([&] { return ended(); })) {
    ADD_FAILURE() << "not ended after two minutes: killed";
    send(SIGKILL);
    waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  Outcome out;
  if (WIFEXITED(status_)) out.code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) out.signal = WTERMSIG(status_);
  out.out = read_file(folder_ / "out");
  out.err = read_file(folder_ / "err");
  return out;
}

Outcome r1(const Call& call) { return Running(call).wait(); }

::testing::AssertionResult done(const Outcome& o) {
  if (o.code == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "exit code " << o.code << ", signal " << o.signal
                                       << "\nstdout: " << o.out.substr(0, 2000)
                                       << "\nstderr: " << o.err.substr(0, 2000);
}

::testing::AssertionResult refused(const Outcome& o, int code, const std::string& part) {
  if (o.code == code && o.out.empty() && o.err.starts_with("r1: ") && o.err.ends_with("\n") &&
      o.err.find(part) != std::string::npos)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected exit code " << code << ", nothing on stdout and \"r1: ... " << part
                                       << "\" on stderr; got exit code " << o.code << ", signal " << o.signal
                                       << "\nstdout: " << o.out.substr(0, 2000)
                                       << "\nstderr: " << o.err.substr(0, 2000);
}

::testing::AssertionResult same_bytes(const fs::path& a, const fs::path& b) {
  const std::string first = read_file(a), second = read_file(b);
  if (!first.empty() && first == second) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << a << " (" << first.size() << " bytes) and " << b << " (" << second.size()
                                       << " bytes) differ, or are not there";
}

std::string golden(const std::string& name) { return std::string(R1_SOURCE_DIR) + "/tests/golden/models/" + name; }

std::string make_speck(const TempFolder& folder) {
  const fs::path shape = folder / "speck-shape", mini = fs::path(R1_SOURCE_DIR) / "assets" / "mini";
  fs::create_directory(shape);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"})
    fs::copy_file(mini / name, shape / name);
  Json config = Json::parse(read_file(mini / "config.json"));
  config["hidden_size"] = 32;
  config["intermediate_size"] = 48;
  config["num_hidden_layers"] = 2;
  config["num_attention_heads"] = 2;
  config["num_key_value_heads"] = 1;
  config["head_dim"] = 16;
  write_file(shape / "config.json", config.dump());
  const Outcome made =
      r1(with_sets({"sft", "--model", shape.string(), "--data", "tasks:arithmetic", "--out", folder / "speck-run"},
                   {"random_init=true", "max_steps=1", "task_rows=16", "save_dtype=f32"}));
  EXPECT_TRUE(done(made));
  return (folder / "speck-run" / "model").string();
}

std::string spreading_reward(const TempFolder& folder) {
  const fs::path script = folder / "reward.sh";
  write_file(script,
             "while IFS= read -r line; do\n"
             "  id=${line#*\\\"id\\\":}; id=${id%%,*}; said=${line#*\\\"completion\\\":}\n"
             "  echo \"{\\\"id\\\":$id,\\\"score\\\":$((${#said} % 3)).0}\"\n"
             "done\n");
  return "exec:sh " + script.string();
}

std::vector<std::string> with_sets(std::vector<std::string> words, const std::vector<std::string>& sets) {
  for (const std::string& s : sets) {
    words.push_back("--set");
    words.push_back(s);
  }
  return words;
}

}  // namespace r1::e2e
