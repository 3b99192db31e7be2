#include "reward/reward.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"
#include "reward/code_reward.h"
#include "reward/domain_reward.h"
#include "reward/exec_reward.h"
#include "reward/function_reward.h"
#include "reward/http_reward.h"
#include "reward/journaled_reward.h"
#include "reward/judge_reward.h"
#include "reward/language.h"
#include "reward/reward_terms.h"
#include "reward/rules.h"
#include "text/thinking.h"

namespace r1 {

const char* outcome_name(Outcome o) {
  switch (o) {
    case Outcome::correct:
      return "correct";
    case Outcome::wrong:
      return "wrong";
    case Outcome::no_answer:
      return "no_answer";
    case Outcome::failed:
      return "failed";
  }
  return "?";
}

namespace {

// A reward that looks at one completion at a time.
class RuleReward : public Reward {
 public:
  RuleReward(std::string name, Rule rule, const RewardOptions& options)
      : name_(std::move(name)), rule_(rule), options_(options) {}
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& input : inputs) {
      const auto start = std::chrono::steady_clock::now();
      try {
        out.push_back(rule_(input, options_));
      } catch (const std::exception& e) {  // the checker broke, whatever the completion is worth
        out.emplace_back();
        out.back().reason = e.what();
      }
      out.back().seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return out;
  }
  std::string name() const override { return name_; }
  bool judges_answers() const override { return name_ == "math" || name_ == "accuracy"; }

 private:
  std::string name_;
  Rule rule_;
  RewardOptions options_;
};

// A reward that looks at whether the answer is right: by another reward's verdicts, or else by math.
class ShapedReward : public Reward {
 public:
  ShapedReward(std::string name, ShapedRule rule, bool groups, const RewardOptions& options)
      : name_(std::move(name)), rule_(rule), groups_(groups), options_(options), math_("math", math_rule, options) {}
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    const std::vector<Verdict> right = math_.judge(inputs);
    return rule_(inputs, right, options_);
  }
  std::vector<Verdict> judge_given(std::span<const RewardInput> inputs, std::span<const Verdict> right) override {
    std::vector<Verdict> out = rule_(inputs, right, options_);
    for (Verdict& v : out) v.seconds = 0;  // counted with `right`
    return out;
  }
  bool needs_groups() const override { return groups_; }
  std::string name() const override { return name_; }

 private:
  std::string name_;
  ShapedRule rule_;
  bool groups_;
  RewardOptions options_;
  RuleReward math_;
};

struct Part {
  std::unique_ptr<Reward> reward;
  double weight;
};

class SumReward : public Reward {
 public:
  explicit SumReward(std::vector<Part> parts) : parts_(std::move(parts)) {}
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size()), first;
    for (size_t p = 0; p < parts_.size(); p++) {
      Reward& reward = *parts_[p].reward;
      std::vector<Verdict> verdicts =
          p > 0 && parts_[0].reward->judges_answers() ? reward.judge_given(inputs, first) : reward.judge(inputs);
      R1_CHECK(verdicts.size() == inputs.size());
      if (p == 0) first = verdicts;
      for (size_t i = 0; i < inputs.size(); i++) combine(out[i], verdicts[i], parts_[p], p == 0);
    }
    for (Verdict& v : out)
      if (v.left_out) v.outcome = Outcome::failed;
    return out;
  }
  bool judges_answers() const override { return parts_[0].reward->judges_answers(); }
  bool needs_groups() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const Part& p) { return p.reward->needs_groups(); });
  }
  std::string name() const override {
    std::string text;
    for (const Part& p : parts_) text += (text.empty() ? "" : "+") + p.reward->name();
    return text;
  }

 private:
  // A part that does not apply is left out; the sum is left out while none has applied.
  static void combine(Verdict& sum, const Verdict& v, const Part& part, bool first) {
    sum.seconds += v.seconds;
    const std::string name = part.reward->name();
    sum.parts.push_back({name, v.left_out ? NAN : v.score + 0.0});  // + 0.0: of -0, which a user may give, comes 0
    for (const auto& [own, value] : v.parts) sum.parts.push_back({name + "/" + own, value});
    if (v.left_out && !first) return;
    if (first || (sum.left_out && sum.outcome != Outcome::failed)) {
      sum.outcome = v.left_out ? Outcome::wrong : v.outcome;  // wrong: of nothing yet
      sum.reason = v.reason;
      sum.extracted = v.extracted;
      sum.left_out = v.left_out;
    } else if (v.outcome == Outcome::failed && sum.outcome != Outcome::failed) {
      sum.outcome = Outcome::failed;
      sum.reason = name + ": " + v.reason;
    }
    if (!v.left_out) sum.score += part.weight * v.score;
  }
  std::vector<Part> parts_;
};

void check_options(const std::string& name, const RewardOptions& o) {
  const bool lengths = name == "length" || name == "cosine";
  if (lengths && o.max_completion_length <= 0) fail_usage("reward {} needs max_completion_length above 0", name);
  if (name == "length" && (o.soft_overlong_cache < 0 || o.soft_overlong_cache > o.max_completion_length))
    fail_usage("reward length: soft_overlong_cache is {} tokens; expected 0 to max_completion_length {}",
               o.soft_overlong_cache, o.max_completion_length);
  if (o.repetition_n_grams < 1 || o.repetition_n_grams > 100)
    fail_usage("repetition_n_grams is {}, expected 1 to 100", o.repetition_n_grams);
  if (!(o.repetition_max_penalty <= 0))
    fail_usage("repetition_max_penalty is {}, expected at most 0", o.repetition_max_penalty);
  const auto& languages = known_languages();
  if (o.language != "auto" && std::find(languages.begin(), languages.end(), o.language) == languages.end())
    fail_usage("language is \"{}\", expected auto or one of {}", o.language, fmt::join(languages, ", "));
}

double read_weight(const std::string& text, const std::string& spec) {
  try {
    size_t used = 0;
    const double w = std::stod(text, &used);
    if (used == text.size() && std::isfinite(w)) return w;
  } catch (const std::exception&) {
  }
  fail_usage("reward {}: weight \"{}\" is no number", spec, text);
}

constexpr std::pair<const char*, Rule> kRules[] = {
    {"math", math_rule},           {"accuracy", math_rule},         {"format", format_rule},
    {"tag_count", tag_count_rule}, {"language", language_rule},     {"length", length_rule},
    {"filters", filters_rule},     {"repetition", repetition_rule}, {"repetition_penalty", repetition_rule}};

// nullptr for a name that is none.
std::unique_ptr<Reward> reward_by_name(const std::string& name, const RewardOptions& options) {
  for (const auto& [known, make] : options.more)
    if (name == known) return make();
  for (const auto& [known, rule] : kRules)
    if (name == known) return std::make_unique<RuleReward>(name, rule, options);
  for (const auto& [prefix, make] : options.prefixed)
    if (name.starts_with(prefix)) return make(name.substr(prefix.size()));
  if (name.starts_with("domain(") && name.ends_with(")"))
    return make_domain_reward(std::string_view(name).substr(7, name.size() - 8), options);
  if (name == "code") return make_code_reward(options.code);
  if (name == "cosine") return std::make_unique<ShapedReward>(name, cosine_rule, false, options);
  if (name == "kimi_length") return std::make_unique<ShapedReward>(name, kimi_rule, true, options);
  return nullptr;
}

}  // namespace

const std::vector<std::string>& reward_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, rule] : kRules) out.emplace_back(name);
    for (const char* name :
         {"cosine", "kimi_length", "code", "domain(...)", "rm:", "trl:FILE.py:FUNCTION", "verl:FILE.py",
          "openrlhf:FILE.py", "openrlhf+http://HOST/PATH", "judge:http://HOST/v1#MODEL", "rg:TASK", "exec:COMMAND"})
      out.emplace_back(name);
    return out;
  }();
  return names;
}

void declare_reward_keys(OptionTable& t, RewardOptions& o) {
  t.add("soft_overlong_cache", &o.soft_overlong_cache,
        "length reward: where punishment begins; 0: a fifth of the limit");
  t.add("reward_timeout_seconds", &o.timeout_seconds,
        "users' functions and programs, openrlhf+http, judge: for all that is asked at once");
  t.add("reward_python", &o.python, "trl:, verl:, openrlhf:, rg: the interpreter they run in");
  t.add_choice("format", &o.format, {"think_answer", "think"}, "format reward: which tags it asks for");
  t.add("language", &o.language, "language reward: en, de, zh, ...; auto: the prompt's");
  t.add("repetition_n_grams", &o.repetition_n_grams, "repetition reward: words of an n-gram");
  t.add("repetition_max_penalty", &o.repetition_max_penalty, "repetition reward: when every n-gram is the same");
  t.add("cosine_min_value_wrong", &o.cosine.min_wrong, "cosine reward: wrong and empty");
  t.add("cosine_max_value_wrong", &o.cosine.max_wrong, "cosine reward: wrong and as long as can be");
  t.add("cosine_min_value_correct", &o.cosine.min_correct, "cosine reward: right and as long as can be");
  t.add("cosine_max_value_correct", &o.cosine.max_correct, "cosine reward: right and short");
  t.add("filters_longest_paragraph", &o.filters.longest_paragraph, "filters reward: characters");
  t.add("filters_language_share", &o.filters.language_share, "filters reward: of words in the language");
  t.add_choice("rm_score", &o.rm_score, {"raw", "sigmoid"}, "rm:FOLDER: the model's score as it is, or within 0 to 1");
  t.add("code_cpu_seconds", &o.code.limits.cpu_seconds, "code reward: of a test, all its processes together");
  t.add("code_idle_seconds", &o.code.limits.idle_seconds, "code reward: neither on a core nor waiting for one");
  t.add("code_memory_mb", &o.code.limits.memory_mb, "code reward: of a test");
  t.add("code_processes", &o.code.limits.processes, "code reward: and threads, of a test");
  t.add("code_output_kb", &o.code.limits.output_kb, "code reward: standard output and error, each");
  t.add("code_compile_seconds", &o.code.compile_limits.cpu_seconds, "code reward: of the C++ compiler, processor time");
  t.add("code_float_tolerance", &o.code.float_tolerance, "code reward: of printed numbers; 0: the same text");
  t.add("code_minimum_tier", &o.code.minimum_tier, "code reward: weakest sandbox that will do (r1 doctor)");
  t.add("code_unsafe_no_sandbox", &o.code.unsafe_no_sandbox, "code reward: run programs even without a sandbox");
  t.add("code_journal", &o.code.journal,
        "code and users' rewards: file of verdicts; auto: verdicts.jsonl in a run's folder; empty: none");
  t.add("code_workers", &o.code.workers, "code reward: programs at a time; 0: one a core");
}

namespace {

// Where a name ends that begins at `at`: at the next '+', but for the one in openrlhf+http.
size_t end_of_name(const std::string& spec, size_t at) {
  constexpr std::string_view kHttp = "openrlhf+";
  if (spec.compare(at, kHttp.size(), kHttp) == 0) at += kHttp.size();
  return find_outside_brackets(spec, '+', at);
}

// "name*0.5", and "trl:my.py:fn:0.5" as other trainers' commands have it.
double take_weight(std::string& name, const std::string& spec) {
  if (const size_t star = find_outside_brackets(name, '*', 0); star < name.size()) {
    const double weight = read_weight(std::string(trim(std::string_view(name).substr(star + 1))), spec);
    name = trim(std::string_view(name).substr(0, star));
    return weight;
  }
  const size_t colon = name.rfind(':');
  if (!is_function_spec(name) || name.find(".py") == std::string::npos || colon < name.find(".py")) return 1;
  const std::string last = name.substr(colon + 1);
  if (last.empty() || last.find_first_not_of("0123456789.-") != std::string::npos) return 1;
  name.resize(colon);
  return read_weight(last, spec);
}

std::unique_ptr<Reward> user_reward(const std::string& name, const RewardOptions& options) {
  std::unique_ptr<Reward> reward;
  if (name.starts_with("exec:")) reward = make_exec_reward(name.substr(5), options.timeout_seconds);
  if (name.starts_with("openrlhf+")) reward = make_http_reward(name.substr(9), options.timeout_seconds);
  if (name.starts_with("judge:")) reward = make_judge_reward(name.substr(6), options.timeout_seconds);
  if (is_function_spec(name)) reward = make_function_reward(name, options);
  const std::string& journal = options.code.journal;
  if (reward == nullptr || journal.empty() || journal == kJournalOfTheRun) return reward;
  return make_journaled_reward(std::move(reward), name, journal);
}

}  // namespace

std::vector<RewardTerm> reward_terms(const std::string& spec) {
  std::vector<RewardTerm> out;
  for (size_t at = 0; at <= spec.size();) {
    while (at < spec.size() && spec[at] == ' ') at++;
    if (spec.compare(at, 5, "exec:") == 0) {  // the command is the rest, plus signs and all
      out.push_back({spec.substr(at)});
      break;
    }
    const size_t end = end_of_name(spec, at);
    std::string name(trim(std::string_view(spec).substr(at, end - at)));
    const double weight = take_weight(name, spec);
    out.push_back({std::move(name), weight});
    at = end + 1;
  }
  return out;
}

bool is_users_reward(const std::string& name) {
  return name.starts_with("exec:") || name.starts_with("openrlhf+") || is_function_spec(name);
}

std::unique_ptr<Reward> make_reward(const std::string& spec, const RewardOptions& options) {
  std::vector<Part> parts;
  for (const auto& [name, weight] : reward_terms(spec)) {
    std::unique_ptr<Reward> reward = user_reward(name, options);
    if (reward == nullptr) reward = reward_by_name(name, options);
    if (reward == nullptr)
      fail_usage(
          "unknown reward \"{}\"; nearest is \"{}\" ({}; joined by +, weighted by *; rm:FOLDER for a reward model)",
          name, nearest_name(name, reward_names()), fmt::join(reward_names(), ", "));
    check_options(name, options);
    parts.push_back({std::move(reward), weight});
  }
  return std::make_unique<SumReward>(std::move(parts));
}

}  // namespace r1
