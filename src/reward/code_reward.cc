#include "reward/code_reward.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/threads.h"
#include "reward/code_compare.h"
#include "reward/code_task.h"
#include "reward/compiled_programs.h"
#include "reward/cpp_function.h"
#include "reward/sandbox/sandbox.h"
#include "reward/verdict_journal.h"
#include "text/thinking.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using jail::Ending;
constexpr size_t kLongestCode = 1 << 20;
constexpr size_t kLongestReason = 300;
constexpr size_t kMostExecutables = size_t{128} << 20;  // bytes kept; one is 2 MB

std::string dump(const Json& j) { return j.dump(-1, ' ', false, Json::error_handler_t::replace); }

Verdict verdict(Outcome outcome, std::string reason) {
  Verdict v;
  v.outcome = outcome;
  v.score = outcome == Outcome::correct ? 1 : 0;
  if (reason.size() > kLongestReason) {
    size_t end = kLongestReason;
    while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) end--;
    reason.resize(end);
  }
  for (char& c : reason)  // a program's words may be meant for a terminal
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  v.reason = std::move(reason);
  return v;
}

std::string last_line(std::string_view text) {
  text = trim(text);
  const size_t line = text.rfind('\n');
  return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

// How a program ended, when it did not end well; empty when it did.
std::string bad_ending(const JailResult& r, const SandboxLimits& l) {
  switch (r.ending) {
    case Ending::exited:
      if (r.code == 0) return "";
      return fmt::format("exit code {}{}{}", r.code, r.err.empty() ? "" : ": ", last_line(r.err));
    case Ending::signaled:
      return r.code == 31 ? "a system call that is not allowed"
                          : fmt::format("ended by signal {} ({})", r.code, strsignal(r.code));
    case Ending::cpu_time:
      return fmt::format("more than {:g} s of processor time", l.cpu_seconds);
    case Ending::wall_time:
      return fmt::format("more than {:g} s of doing nothing", l.idle_seconds);
    case Ending::memory:
      return fmt::format("more than {} MB of memory", l.memory_mb);
    case Ending::output:
      return fmt::format("more than {} kB of output", l.output_kb);
    case Ending::broken:
      return "the sandbox broke: " + r.err;
  }
  return "";
}

// The messages of a descriptor: 8 bytes of length, JSON. False when anything else is there.
bool read_messages(std::string_view bytes, std::vector<Json>& out) {
  while (!bytes.empty()) {
    uint64_t size = 0;
    if (bytes.size() < sizeof size) return false;
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    if (size > bytes.size()) return false;
    const std::string text(bytes.substr(0, size));
    out.push_back(Json::parse(text, nullptr, false));
    if (out.back().is_discarded()) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

// One program at a time, in the jails of one lane.
class Judge {
 public:
  Judge(const CodeOptions& options, int tier, CompiledPrograms& compiled)
      : o_(options), tier_(tier), compiled_(compiled), sandbox_(tier) {}

  Verdict judge(const CodeTask& task) {
    if (task.kind == CodeTask::Kind::check) return judge_by_check(task);
    std::string executable;
    if (task.language == Language::cpp)
      if (std::optional<Verdict> v = compile(task, executable)) return *v;
    Verdict v = verdict(Outcome::correct, fmt::format("passed {} tests", task.tests.size()));
    size_t passed = 0;
    for (const Json& test : task.tests) {
      JailResult r;
      Verdict one = task.kind == CodeTask::Kind::stdio ? stdio_test(task, executable, test)
                                                       : function_test(task, executable, test);
      if (one.outcome != Outcome::correct) {
        one.reason = fmt::format("test {} of {}: {}", passed + 1, task.tests.size(), one.reason);
        v = std::move(one);
        break;
      }
      passed++;
    }
    v.parts = {{"tests", static_cast<double>(task.tests.size())}, {"passed", static_cast<double>(passed)}};
    return v;
  }

 private:
  // Empty when there is an executable now.
  std::optional<Verdict> compile(const CodeTask& task, std::string& executable) {
    if (tier_ == 1) return verdict(Outcome::failed, "C++ needs sandbox tier 2: " + sandbox_state().detail);
    const bool function = task.kind == CodeTask::Kind::function;
    const std::string& code = task.sources[0];
    CompiledProgram made;
    std::optional<Verdict> broken =
        compile_source(function ? cpp_function_program(code, task.entry_point) : code, made);
    if (!broken && function && made.wants_types)
      if (const std::string again = cpp_function_program(code, task.entry_point, task.tests); !again.empty())
        broken = compile_source(again, made);
    if (broken) return broken;
    if (made.executable.empty()) return verdict(Outcome::wrong, "does not compile: " + made.complaint);
    executable = std::move(made.executable);
    return std::nullopt;
  }

  // Empty unless the sandbox broke.
  std::optional<Verdict> compile_source(const std::string& source, CompiledProgram& made) {
    if (std::optional<CompiledProgram> known = compiled_.find(source)) {
      made = std::move(*known);
    } else {
      JailResult r = sandbox_.compile(source, o_.compile_limits);
      const std::string why = bad_ending(r, o_.compile_limits);
      if (r.ending == Ending::broken) return verdict(Outcome::failed, why);
      made = {};
      if (why.empty())
        made.executable = std::move(r.result);
      else if (r.ending == Ending::exited)
        made.complaint = first_error(r.err), made.wants_types = needs_types_of_tests(r.err);
      else
        made.complaint = why;
      compiled_.add(source, made);
    }
    return std::nullopt;
  }

  static std::string first_error(std::string_view text) {
    const size_t at = text.find("error: ");
    if (at == std::string_view::npos) return last_line(text);
    return std::string(text.substr(at + 7, text.find('\n', at) - at - 7));
  }

  Verdict stdio_test(const CodeTask& task, const std::string& executable, const Json& test) {
    const std::string input =
        test.contains("stdin") && test["stdin"].is_string() ? test["stdin"].get<std::string>() : "";
    const JailResult r =
        task.language == Language::cpp
            ? sandbox_.run_binary(executable, input, o_.limits)
            : sandbox_.run_python(dump({{"run", "program"}, {"sources", task.sources}}), input, o_.limits);
    const std::string why = bad_ending(r, o_.limits);
    if (!why.empty()) return verdict(r.ending == Ending::broken ? Outcome::failed : Outcome::wrong, why);
    std::string difference;
    if (same_output(r.out, test["stdout"].get<std::string>(), o_.float_tolerance, difference))
      return verdict(Outcome::correct, "");
    return verdict(Outcome::wrong, "wrong output: " + difference);
  }

  Verdict function_test(const CodeTask& task, const std::string& executable, const Json& test) {
    const JailResult r = task.language == Language::cpp
                             ? sandbox_.run_binary(executable, cpp_arguments(test["args"]), o_.limits)
                             : sandbox_.run_python(python_order(task, test), "", o_.limits);
    const std::string why = bad_ending(r, o_.limits);
    if (!why.empty()) return verdict(r.ending == Ending::broken ? Outcome::failed : Outcome::wrong, why);
    std::vector<Json> messages;
    if (!read_messages(r.result, messages) || messages.size() != 1)
      return verdict(Outcome::wrong, messages.empty() ? "the function gave no result" : "more than one result");
    if (same_value(messages[0], test["result"], o_.result_tolerance)) return verdict(Outcome::correct, "");
    return verdict(Outcome::wrong, "wrong result: " + readable(messages[0], 100));
  }

  static std::string python_order(const CodeTask& task, const Json& test) {
    Json args = Json::array();
    for (const Json& arg : test["args"]) args.push_back(tagged(arg));
    return dump({{"run", "function"}, {"sources", task.sources}, {"entry_point", task.entry_point}, {"args", args}});
  }

  Verdict judge_by_check(const CodeTask& task) {
    const Json program = {{"run", "candidate"}, {"sources", task.sources}, {"entry_point", task.entry_point}};
    const Json tests = {{"run", "check"},
                        {"sources", task.prompt.empty() ? Json::array() : Json::array({task.prompt})},
                        {"entry_point", task.entry_point},
                        {"check", task.check}};
    const Sandbox::Pair r = sandbox_.run_pair(dump(program), dump(tests), o_.limits);
    for (const JailResult* part : {&r.program, &r.tests})
      if (part->ending == Ending::broken) return verdict(Outcome::failed, bad_ending(*part, o_.limits));
    std::vector<Json> messages;
    // The tests are the row's, and their process is not the program's: what they say can be believed.
    const bool readable_answer = read_messages(r.tests.result, messages) && !messages.empty();
    const Json& last = readable_answer ? messages.back() : Json();
    if (!last.is_object() || !last.contains("passed")) {
      const bool called = !messages.empty();  // the first call is announced
      const std::string why = "the tests did not end: " + bad_ending(r.tests, o_.limits);
      return verdict(called ? Outcome::wrong : Outcome::failed, why);
    }
    const std::string program_end = bad_ending(r.program, o_.limits);
    if (last.value("passed", false))
      return verdict(Outcome::correct, fmt::format("passed, {} calls", last.value("calls", 0)));
    const std::string why = last.value("why", std::string());
    if (last.value("harness", false)) return verdict(Outcome::failed, "the tests: " + why);
    return verdict(Outcome::wrong, why + (program_end.empty() ? "" : " (" + program_end + ")"));
  }

  const CodeOptions& o_;
  const int tier_;
  CompiledPrograms& compiled_;
  Sandbox sandbox_;
};

void check_limits(const SandboxLimits& l, const char* whose) {
  const auto check = [&](double value, double least, double most, const char* what) {
    if (!(value >= least && value <= most))
      fail_usage("reward code: {} {} is {}; expected {} to {}", whose, what, value, least, most);
  };
  check(l.cpu_seconds, 0.01, 3600, "processor time (s)");
  check(l.idle_seconds, 0.01, 3600, "idle time (s)");
  check(static_cast<double>(l.memory_mb), 64, 1 << 20, "memory (MB)");
  check(static_cast<double>(l.output_kb), 1, 65536, "output (kB)");
  check(static_cast<double>(l.disk_mb), 1, 4096, "disk (MB)");
  check(static_cast<double>(l.processes), 4, 4096, "number of processes");
  check(static_cast<double>(l.files), 8, 4096, "number of open files");
}

class CodeReward : public Reward {
 public:
  explicit CodeReward(const CodeOptions& options) : o_(options) {
    check_limits(o_.limits, "a test's");
    check_limits(o_.compile_limits, "the compiler's");
    for (const double tolerance : {o_.float_tolerance, o_.result_tolerance})
      if (!(tolerance >= 0 && tolerance < 1)) fail_usage("reward code: a tolerance of {}; expected 0 to 1", tolerance);
    if (o_.minimum_tier < 1 || o_.minimum_tier > 2)
      fail_usage("reward code: minimum tier {}; expected 1 or 2", o_.minimum_tier);
    if (o_.workers < 0 || o_.workers > 256) fail_usage("reward code: {} workers; expected 0 to 256", o_.workers);
    if (!o_.journal.empty() && o_.journal != kJournalOfTheRun) journal_ = std::make_unique<VerdictJournal>(o_.journal);
    lanes_.resize(static_cast<size_t>(o_.workers > 0 ? o_.workers : available_cores()));
  }
  std::string name() const override { return "code"; }
  bool judges_answers() const override { return true; }

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size());
    std::atomic<size_t> next = 0;
    parallel_for(static_cast<int64_t>(std::min(lanes_.size(), inputs.size())), [&](int64_t lane) {
      for (size_t i = next++; i < inputs.size(); i = next++)
        out[i] = judge_one(inputs[i], lanes_[static_cast<size_t>(lane)]);
    });
    return out;
  }

 private:
  Verdict judge_one(const RewardInput& input, std::unique_ptr<Judge>& lane) {
    const auto start = std::chrono::steady_clock::now();
    Verdict v;
    try {
      v = judge_task(read_code_task(input), lane);
    } catch (const std::exception& e) {  // the row, or this machine; whatever the program is worth
      v = verdict(Outcome::failed, e.what());
    }
    v.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return v;
  }

  Verdict judge_task(const CodeTask& task, std::unique_ptr<Judge>& lane) {
    if (task.code.empty()) return verdict(Outcome::no_answer, "no program after the thought");
    if (task.code.size() > kLongestCode) return verdict(Outcome::wrong, "a program of more than 1 MB");
    const std::string key = journal_ ? key_of(task) : "";
    if (journal_)
      if (std::optional<Verdict> known = journal_->find(key)) return *known;
    const int tier = sandbox_state().tier;
    if (tier < o_.minimum_tier && !o_.unsafe_no_sandbox)
      return verdict(Outcome::failed, fmt::format("no sandbox of tier {}, this machine has tier {}: {}",
                                                  o_.minimum_tier, tier, sandbox_state().detail));
    if (!lane) lane = std::make_unique<Judge>(o_, tier, compiled_);
    Verdict v = lane->judge(task);
    v.extracted = task.code;
    if (journal_) journal_->add(key, v);
    return v;
  }

  // All that a verdict depends on.
  std::string key_of(const CodeTask& t) const {
    Json limits = Json::array();
    for (const SandboxLimits& l : {o_.limits, o_.compile_limits})
      limits.push_back({l.cpu_seconds, l.idle_seconds, l.memory_mb, l.output_kb, l.disk_mb, l.processes, l.files});
    const Json all = {2,
                      static_cast<int>(t.kind),
                      static_cast<int>(t.language),
                      t.sources,
                      t.prompt,
                      t.entry_point,
                      t.check,
                      t.tests,
                      limits,
                      o_.float_tolerance,
                      o_.result_tolerance};
    return sha256_hex(dump(all));
  }

  const CodeOptions o_;
  std::unique_ptr<VerdictJournal> journal_;
  CompiledPrograms compiled_{kMostExecutables};
  std::vector<std::unique_ptr<Judge>> lanes_;  // one for each thread; started when first used
};

}  // namespace

std::unique_ptr<Reward> make_code_reward(const CodeOptions& options) { return std::make_unique<CodeReward>(options); }

}  // namespace r1
