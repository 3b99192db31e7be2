// The hostile suite (hostile_programs.h) on every tier that this machine has: nothing gets out, no verdict is forged,
// the host is as it was, and the next honest program passes.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/durable_file.h"
#include "reward/code_reward.h"
#include "reward/sandbox/hostile_programs.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The processes below this one, from the host's /proc.
std::set<int> descendants() {
  std::multimap<int, int> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string text;
    std::getline(in, text);
    const size_t at = text.rfind(')');
    int parent = 0;
    char state = 0;
    if (at != std::string::npos && std::istringstream(text.substr(at + 1)) >> state >> parent)
      children.emplace(parent, std::stoi(name));
  }
  std::set<int> out;
  std::vector<int> open = {getpid()};
  while (!open.empty()) {
    const auto [begin, end] = children.equal_range(open.back());
    open.pop_back();
    for (auto it = begin; it != end; ++it)
      if (out.insert(it->second).second) open.push_back(it->second);
  }
  return out;
}

// What stays: the keeper of the last program may still be ending.
std::set<int> settled_descendants() {
  std::set<int> now = descendants();
  for (int same = 0; same < 50;) {
    usleep(10000);
    std::set<int> next = descendants();
    same = next == now ? same + 1 : 0;
    now = std::move(next);
  }
  return now;
}

// The keeper of a program replies and then ends, and with it its namespaces.
bool is_back_to(const std::set<int>& processes) {
  for (int i = 0; i < 500; i++) {
    if (descendants() == processes) return true;
    usleep(10000);
  }
  return false;
}

size_t entries(const char* folder) {
  size_t n = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) n++;
  return n;
}

// A folder that anyone may write to, a server on the loopback, a secret in the environment.
class Host {
 public:
  Host() {
    char name[] = "/tmp/r1_canary_XXXXXX";
    folder_ = mkdtemp(name);
    chmod(folder_.c_str(), 0777);
    std::ofstream(folder_ / "file") << "the canary sings";
    chmod((folder_ / "file").c_str(), 0666);
    setenv("R1_SECRET", "hush-4711", 1);
    server_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(server_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(server_, 8), 0);
    getsockname(server_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    stream_ = abstract_socket(SOCK_STREAM, "r1-hostile-" + std::to_string(port_));
    EXPECT_EQ(listen(stream_, 8), 0);
    datagrams_ = abstract_socket(SOCK_DGRAM, "r1-hostile-dgram-" + std::to_string(port_));
    before_ = state();
  }
  ~Host() {
    for (int fd : {server_, stream_, datagrams_}) close(fd);
    fs::remove_all(folder_);
    unsetenv("R1_SECRET");
  }
  std::string fill(std::string code) const {
    const std::pair<std::string, std::string> names[] = {{"$CANARY", folder_.string()},
                                                         {"$PORT", std::to_string(port_)},
                                                         {"$PARENT", std::to_string(getpid())},
                                                         {"$SECRET", "hush-4711"}};
    for (const auto& [name, value] : names)
      for (size_t at = 0; (at = code.find(name, at)) != std::string::npos; at += value.size())
        code.replace(at, name.size(), value);
    return code;
  }
  void expect_unchanged(const std::string& what) const {
    EXPECT_EQ(state(), before_) << what << " changed the canary's folder";
    pollfd waiting[] = {{server_, POLLIN, 0}, {stream_, POLLIN, 0}, {datagrams_, POLLIN, 0}};
    EXPECT_EQ(poll(waiting, 3, 0), 0) << what << " reached a socket of the host";
  }

 private:
  static int abstract_socket(int type, const std::string& name) {
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    return fd;
  }
  // Names, modes and contents.
  std::string state() const {
    std::string out;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      struct stat s = {};
      lstat(entry.path().c_str(), &s);
      out += entry.path().filename().string() + " " + std::to_string(s.st_mode) + " " + std::to_string(s.st_nlink) +
             " " + sha256_of_file(entry.path()) + "\n";
    }
    return out;
  }
  fs::path folder_;
  int server_ = -1, stream_ = -1, datagrams_ = -1, port_ = 0;
  std::string before_;
};

SandboxLimits tight() {
  return {.cpu_seconds = 1, .idle_seconds = 1, .memory_mb = 128, .output_kb = 256, .disk_mb = 16, .processes = 24};
}

std::string order_for(const std::string& code) { return Json({{"run", "program"}, {"sources", {code}}}).dump(); }

unsigned ends_of(const JailResult& r) {
  switch (r.ending) {
    case jail::Ending::exited:
      return r.code == 0 ? kDone : kError;
    case jail::Ending::signaled:
      return kSignal;
    case jail::Ending::cpu_time:
      return kCpu;
    case jail::Ending::wall_time:
      return kIdle;
    case jail::Ending::memory:
      return kMemory;
    case jail::Ending::output:
      return kOutput;
    case jail::Ending::broken:
      return 0;
  }
  return 0;
}

class HostileSuiteSlow : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const SandboxState& state = sandbox_state();
    if (state.tier < GetParam()) GTEST_SKIP() << "no sandbox of tier " << GetParam() << " here: " << state.detail;
  }
  JailResult run(Sandbox& sandbox, const HostileProgram& p, const std::string& code) {
    if (p.guest == Guest::python) return sandbox.run_python(order_for(code), "", tight());
    SandboxLimits compiler = tight();
    compiler.cpu_seconds = p.guest == Guest::cpp ? 30 : 4, compiler.memory_mb = 512;
    JailResult r = sandbox.compile(code, compiler);
    if (p.guest == Guest::compile || r.ending != jail::Ending::exited || r.code != 0) return r;
    return sandbox.run_binary(r.result, "", tight());
  }
};

TEST_P(HostileSuiteSlow, NothingGetsOut) {
  const Host host;
  Sandbox sandbox(GetParam());
  const auto honest = [&] {
    const JailResult r = sandbox.run_python(order_for("print(sum(map(int, input().split())))"), "20 22\n", tight());
    return r.ending == jail::Ending::exited && r.out == "42\n";
  };
  ASSERT_TRUE(honest());
  if (GetParam() >= 2) {
    const JailResult compiled = sandbox.compile("int main() {}", {.cpu_seconds = 30, .memory_mb = 512});
    ASSERT_EQ(compiled.ending, jail::Ending::exited) << compiled.err;
  }
  const std::set<int> processes = settled_descendants();
  const size_t descriptors = entries("/proc/self/fd");
  for (const HostileProgram& p : hostile_programs()) {
    if (GetParam() < 2 && p.guest != Guest::python) continue;  // needs a compiler, which needs processes
    const std::string what = std::to_string(p.number) + " " + p.name;
    const JailResult r = run(sandbox, p, host.fill(p.code));
    EXPECT_NE(ends_of(r) & p.ends, 0u) << what << " ended as " << static_cast<int>(r.ending) << ", " << r.code << "\n"
                                       << r.out.substr(0, 500) << r.err.substr(0, 2000);
    EXPECT_EQ(r.out.find("ESCAPED"), std::string::npos) << what << "\n" << r.out.substr(0, 2000);
    EXPECT_EQ(r.err.find("SyntaxError"), std::string::npos) << what << "\n" << r.err.substr(0, 2000);
    EXPECT_EQ((r.out + r.err).find("canary sings"), std::string::npos) << what;
    EXPECT_LE(r.wall_seconds, tight().wall_seconds() + 0.5 + (p.guest == Guest::python ? 0 : 320)) << what;
    EXPECT_LE(r.cpu_seconds, p.guest == Guest::python ? 2.5 : 32) << what;
    EXPECT_TRUE(is_back_to(processes)) << what << " left a process";
    EXPECT_EQ(entries("/proc/self/fd"), descriptors) << what;
    host.expect_unchanged(what);
    EXPECT_TRUE(honest()) << "the honest program after " << what;
  }
}

TEST_P(HostileSuiteSlow, NoVerdictIsForged) {
  if (GetParam() < sandbox_state().tier) GTEST_SKIP() << "verdicts are given on the best tier";
  CodeOptions options;
  options.limits = tight();
  const auto reward = make_code_reward(options);
  for (const HostileProgram& p : forging_programs()) {
    std::vector<RewardInput> inputs(2);
    for (RewardInput& in : inputs) in.completion = "```python\n" + p.code + "```";
    inputs[0].row = Json::parse(R"({"tests":[{"stdin":"","stdout":"alpha 12345\nbeta 67890\n"}]})");
    inputs[1].row = Json::parse(R"({"entry_point":"f","tests":[{"args":[3],"result":[12345,"alpha"]}]})");
    for (const Verdict& v : reward->judge(inputs))
      EXPECT_EQ(v.outcome, Outcome::wrong) << p.number << " " << p.name << ": " << v.reason;
  }
}

TEST_P(HostileSuiteSlow, NoProgramOfTheSuiteIsMissing) {
  std::set<int> numbers;
  for (const auto* list : {&hostile_programs(), &forging_programs()})
    for (const HostileProgram& p : *list) numbers.insert(p.number);
  EXPECT_EQ(numbers.size(), 70u);
  EXPECT_EQ(*numbers.begin(), 1);
  EXPECT_EQ(*numbers.rbegin(), 70);
}

// The suite sees a hole where there is one: programs that only look, without the locks.
TEST_P(HostileSuiteSlow, WithoutLocksTheyGetOut) {
  if (GetParam() != 1) GTEST_SKIP() << "once is enough";
  const Host host;
  Sandbox open_door(0);
  for (const HostileProgram& p : hostile_programs())
    if (p.number == 33 || p.number == 35 || p.number == 46) {
      const JailResult r = open_door.run_python(order_for(host.fill(p.code)), "", tight());
      EXPECT_NE(r.out.find("ESCAPED"), std::string::npos) << p.number << " " << p.name << r.err;
    }
}

INSTANTIATE_TEST_SUITE_P(Tiers, HostileSuiteSlow, ::testing::Values(1, 2),
                         [](const auto& tier) { return "Tier" + std::to_string(tier.param); });

}  // namespace
}  // namespace r1
