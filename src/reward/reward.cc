#include "reward/reward.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"
#include "reward/exec_reward.h"
#include "reward/math_answer.h"
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

using Json = nlohmann::ordered_json;

// The reference under one of the names data sets use; verl's rows nest it.
std::string reference_of(const Json& row) {
  if (!row.is_object()) return "";
  const auto text = [](const Json& v) {
    return v.is_string() ? v.get<std::string>() : v.is_number() ? v.dump() : std::string();
  };
  for (const char* key : {"answer", "target", "solution", "ground_truth"})
    if (row.contains(key)) return text(row[key]);
  if (row.contains("reward_model") && row["reward_model"].is_object() && row["reward_model"].contains("ground_truth"))
    return text(row["reward_model"]["ground_truth"]);
  return "";
}

// A reward that looks at one completion at a time.
class RuleReward : public Reward {
 public:
  using Rule = Verdict (*)(const RewardInput&, const RewardOptions&);
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

 private:
  std::string name_;
  Rule rule_;
  RewardOptions options_;
};

Verdict math_rule(const RewardInput& in, const RewardOptions&) {
  return judge_math(in.completion, in.prefilled, reference_of(in.row));
}

// R1's format reward: thought and answer in their tags, and nothing else.
Verdict format_rule(const RewardInput& in, const RewardOptions&) {
  const ParsedCompletion parsed = parse_completion(in.completion, in.prefilled);
  Verdict v;
  v.outcome = parsed.well_formed ? Outcome::correct : Outcome::wrong;
  v.score = parsed.well_formed ? 1 : 0;
  v.reason = parsed.well_formed    ? "thought and answer in their tags"
             : !parsed.has_thought ? "no single <think>...</think>"
             : !parsed.has_answer  ? "no single <answer>...</answer> after the thought"
                                   : "text outside the tags, or an empty part";
  return v;
}

// DAPO's soft overlong punishment (Yu et al. 2025, eq. 13): 0 up to L_max - L_cache, then linearly down to -1 at L_max.
Verdict length_rule(const RewardInput& in, const RewardOptions& o) {
  Verdict v;
  const double longest = static_cast<double>(o.max_completion_length), length = static_cast<double>(in.num_tokens);
  const double cache =
      o.soft_overlong_cache > 0 ? static_cast<double>(o.soft_overlong_cache) : std::max(1.0, longest / 5);
  v.score = length <= longest - cache ? 0 : length <= longest ? (longest - cache - length) / cache : -1;
  v.outcome = v.score == 0 ? Outcome::correct : Outcome::wrong;
  v.reason = fmt::format("{} of at most {} tokens", in.num_tokens, o.max_completion_length);
  return v;
}

struct Part {
  std::unique_ptr<Reward> reward;
  double weight;
};

class SumReward : public Reward {
 public:
  explicit SumReward(std::vector<Part> parts) : parts_(std::move(parts)) {}
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size());
    for (size_t p = 0; p < parts_.size(); p++) {
      const std::vector<Verdict> verdicts = parts_[p].reward->judge(inputs);
      R1_CHECK(verdicts.size() == inputs.size());
      for (size_t i = 0; i < inputs.size(); i++) combine(out[i], verdicts[i], parts_[p], p == 0);
    }
    return out;
  }
  std::string name() const override {
    std::string text;
    for (const Part& p : parts_) text += (text.empty() ? "" : "+") + p.reward->name();
    return text;
  }

 private:
  static void combine(Verdict& sum, const Verdict& v, const Part& part, bool first) {
    sum.seconds += v.seconds;
    sum.parts.push_back({part.reward->name(), v.score});
    if (first) {
      sum.outcome = v.outcome;
      sum.reason = v.reason;
      sum.extracted = v.extracted;
    } else if (v.outcome == Outcome::failed && sum.outcome != Outcome::failed) {
      sum.outcome = Outcome::failed;
      sum.reason = part.reward->name() + ": " + v.reason;
    }
    sum.score += part.weight * v.score;
  }
  std::vector<Part> parts_;
};

void check_length_options(const RewardOptions& o) {
  if (o.max_completion_length <= 0) fail_usage("reward length needs max_completion_length");
  if (o.soft_overlong_cache < 0 || o.soft_overlong_cache > o.max_completion_length)
    fail_usage("reward length: a soft overlong cache of {} tokens; expected 0 to max_completion_length {}",
               o.soft_overlong_cache, o.max_completion_length);
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

}  // namespace

std::unique_ptr<Reward> make_reward(const std::string& spec, const RewardOptions& options) {
  static const std::vector<std::pair<std::string, RuleReward::Rule>> rules = {
      {"math", math_rule}, {"format", format_rule}, {"length", length_rule}};
  std::vector<Part> parts;
  for (size_t at = 0; at <= spec.size();) {
    while (at < spec.size() && spec[at] == ' ') at++;
    if (spec.compare(at, 5, "exec:") == 0) {  // the command is the rest, plus signs and all
      parts.push_back({make_exec_reward(spec.substr(at + 5), options.exec_timeout_seconds), 1});
      break;
    }
    const size_t end = std::min(spec.find('+', at), spec.size());
    std::string name(trim(std::string_view(spec).substr(at, end - at)));
    double weight = 1;
    if (const size_t star = name.find('*'); star != std::string::npos) {
      weight = read_weight(std::string(trim(std::string_view(name).substr(star + 1))), spec);
      name = trim(std::string_view(name).substr(0, star));
    }
    const auto it = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r.first == name; });
    if (it == rules.end())
      fail_usage(
          "unknown reward \"{}\"; nearest is \"{}\" (math, format, length, exec:COMMAND; joined by +, weighted by *)",
          name, nearest_name(name, {"math", "format", "length", "exec:"}));
    if (name == "length") check_length_options(options);
    parts.push_back({std::make_unique<RuleReward>(name, it->second, options), weight});
    at = end + 1;
  }
  return std::make_unique<SumReward>(std::move(parts));
}

}  // namespace r1
