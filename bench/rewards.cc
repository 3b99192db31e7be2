// What rewards cost: bench_rewards code [PROGRAMS] | check [PROGRAMS] | cpp [PROGRAMS] | math. Processor time counts
// all processes, jails and compilers too; wall time depends on what else the machine does.
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/threads.h"
#include "reward/math_answer.h"
#include "reward/reward.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// User and system time of this process and all below it, and of what they have waited for. (Getrusage does not see the
// jails: bubblewrap leaves its child to be reaped by others.)
double cpu_seconds() {
  std::map<int, std::pair<int, double>> processes;  // parent, seconds
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream fields(text.substr(name_end + 2));
    std::vector<std::string> field(15);
    for (std::string& f : field) fields >> f;
    double ticks = 0;
    for (const size_t i : {11, 12, 13, 14}) ticks += std::atof(field[i].c_str());
    processes[pid] = {std::atoi(field[1].c_str()), ticks / static_cast<double>(sysconf(_SC_CLK_TCK))};
  }
  double sum = 0;
  for (const auto& [pid, process] : processes) {
    int above = pid;
    while (above != getpid() && processes.contains(above)) above = processes[above].first;
    if (above == getpid()) sum += process.second;
  }
  return sum;
}

double thread_seconds() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<RewardInput> programs(const std::string& kind, int count) {
  const std::string rows[] = {
      R"j({"language":"python","tests":[{"stdin":"1 2\n","stdout":"3\n"}]})j",
      R"j({"entry_point":"f","check":"def check(candidate):\n    assert candidate(3) == 9\n"})j",
      R"j({"language":"cpp","tests":[{"stdin":"1 2\n","stdout":"3\n"}]})j"};
  const std::string codes[] = {
      "print(sum(map(int, input().split())) + 0 * %)", "def f(x): return x * x + 0 * %",
      "#include <cstdio>\nint main() { int a, b; scanf(\"%d%d\", &a, &b); printf(\"%d\", a + b); }"};
  const size_t k = kind == "code" ? 0 : kind == "check" ? 1 : 2;
  std::vector<RewardInput> out(static_cast<size_t>(count));
  for (int i = 0; i < count; i++) {
    RewardInput& in = out[static_cast<size_t>(i)];
    in.row = Json::parse(rows[k]);
    in.completion = codes[k];
    if (k < 2) in.completion.replace(in.completion.find('%'), 1, std::to_string(i));
  }
  return out;
}

int bench_code(const std::string& kind, int count) {
  const std::unique_ptr<Reward> reward = make_reward("code", {});
  reward->judge(programs(kind, available_cores()));  // starts the jails
  const std::vector<RewardInput> inputs = programs(kind, count);
  double wrong = 0;
  const double cpu_before = cpu_seconds(), start = wall_seconds();
  for (const Verdict& v : reward->judge(inputs)) wrong += v.outcome != Outcome::correct;
  const double wall = wall_seconds() - start, cpu = cpu_seconds() - cpu_before;
  std::printf(
      "%s: %d programs, %.0f not correct, %.2f s: %.1f a second; %.2f ms of processor time each: %.0f a second on two "
      "cores of their own\n",
      kind.c_str(), count, wrong, wall, count / wall, 1e3 * cpu / count, 2 * count / cpu);
  return wrong > 0;
}

int bench_math() {
  double slowest = 0;
  std::string what;
  for (const char* part : {"\\boxed{",
                           "\\boxed{1}",
                           "{",
                           "}",
                           "####",
                           "#### 1\n",
                           "#### 1 ",
                           "<answer>",
                           "</answer>",
                           "<think>",
                           "</think>",
                           "\\frac{",
                           "\\frac{1}{",
                           "1/",
                           "1,",
                           "1 ",
                           "1.",
                           "-",
                           "1-",
                           "^",
                           "1e",
                           "1=",
                           "\\",
                           "$",
                           "*",
                           "_1",
                           "\xF0",
                           "or 1 ",
                           "(1",
                           "1 1/",
                           "\\frac{1}{2}",
                           "e1",
                           "$1$",
                           "\\(1\\)",
                           "answer is ",
                           "\\boxed{1}\\boxed{2} or "}) {
    std::string text;
    while (text.size() < 1 << 20) text += part;
    for (const std::string& form : {text, "<answer>" + text + "</answer>", "\\boxed{" + text + "}"})
      for (const char* reference : {"31337", "\\frac{1}{3}", "(1, 2)", "x^2 + 1"}) {
        const double start = thread_seconds();
        judge_math(form, "", reference);
        const double t = thread_seconds() - start;
        if (t > 0.02)
          std::printf("%.1f ms: \"%s\" %s, for %s\n", 1e3 * t, part, form[0] == '<' ? "in tags" : "", reference);
        if (t > slowest) slowest = t, what = part;
      }
  }
  std::printf("math: slowest of 1 MB: %.1f ms of processor time, made of \"%s\"\n", 1e3 * slowest, what.c_str());
  return 0;
}

}  // namespace
}  // namespace r1

int main(int count, char** words) {
  const std::string kind = count > 1 ? words[1] : "";
  if (kind == "math") return r1::bench_math();
  if (kind == "code" || kind == "check" || kind == "cpp")
    return r1::bench_code(kind, count > 2 ? std::atoi(words[2]) : 400);
  std::fprintf(stderr, "usage: bench_rewards code|check|cpp [PROGRAMS] | math\n");
  return 2;
}
