#include "reward/rules.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "reward/language.h"
#include "reward/math_answer.h"
#include "reward/question_language.h"
#include "text/thinking.h"

namespace r1 {
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

Verdict verdict(bool good, double score, std::string reason) {
  Verdict v;
  v.outcome = good ? Outcome::correct : Outcome::wrong;
  v.score = score;
  v.reason = std::move(reason);
  return v;
}

// The chain of thought: what the tags hold; all that follows an open tag; without tags, everything.
std::string thought_of(const RewardInput& in) {
  const ParsedCompletion parsed = parse_completion(in.completion, in.prefilled);
  if (parsed.has_thought) return parsed.thought;
  const std::string whole = in.prefilled + in.completion;
  const size_t open = whole.find("<think>");
  const std::string_view rest =
      open == std::string::npos ? std::string_view(whole) : std::string_view(whole).substr(open + 7);
  return std::string(trim(rest));
}

std::string target_language(const RewardInput& in, const RewardOptions& o) {
  return o.language == "auto" ? question_language(in.row, in.prompt) : o.language;
}

// A completion that was cut off is as long as can be.
int64_t length_of(const RewardInput& in, const RewardOptions& o) {
  return in.truncated ? std::max(in.num_tokens, o.max_completion_length) : in.num_tokens;
}

}  // namespace

Verdict math_rule(const RewardInput& in, const RewardOptions&) {
  return judge_math(in.completion, in.prefilled, reference_of(in.row));
}

// R1's format reward: thought and answer in their tags, and nothing else; or the thought in its tags, then anything.
Verdict format_rule(const RewardInput& in, const RewardOptions& o) {
  const ParsedCompletion parsed = parse_completion(in.completion, in.prefilled);
  if (o.format == "think") {
    const bool good =
        parsed.has_thought && parsed.thought_first && !parsed.thought.empty() && !trim(parsed.after_thought).empty();
    return verdict(good, good,
                   good                     ? "thought in its tags"
                   : !parsed.has_thought    ? "no single <think>...</think>"
                   : !parsed.thought_first  ? "text before the thought"
                   : parsed.thought.empty() ? "an empty thought"
                                            : "nothing after the thought");
  }
  return verdict(parsed.well_formed, parsed.well_formed,
                 parsed.well_formed    ? "thought and answer in their tags"
                 : !parsed.has_thought ? "no single <think>...</think>"
                 : !parsed.has_answer  ? "no single <answer>...</answer> after the thought"
                                       : "text outside the tags, or an empty part");
}

Verdict tag_count_rule(const RewardInput& in, const RewardOptions&) {
  const double share = tag_count(in.prefilled + in.completion);
  return verdict(share == 1, share, fmt::format("{} of 4 tags stand once", static_cast<int>(share * 4)));
}

Verdict language_rule(const RewardInput& in, const RewardOptions& o) {
  const std::string target = target_language(in, o);
  const LanguageShare found = language_share(thought_of(in), target);
  Verdict v = verdict(found.share() > 0.5, found.share(),
                      fmt::format("{} of {} words are of language {}", found.target, found.words, target));
  if (found.words == 0) v.outcome = Outcome::no_answer;
  return v;
}

Verdict length_rule(const RewardInput& in, const RewardOptions& o) {
  const int64_t cache =
      o.soft_overlong_cache > 0 ? o.soft_overlong_cache : std::max<int64_t>(1, o.max_completion_length / 5);
  const int64_t length = length_of(in, o);
  const double score = soft_overlong_punishment(length, o.max_completion_length, cache);
  return verdict(score == 0, score,
                 fmt::format("{} of at most {} tokens{}", in.num_tokens, o.max_completion_length,
                             in.truncated ? ", cut off" : ""));
}

Verdict repetition_rule(const RewardInput& in, const RewardOptions& o) {
  const double score = repetition_penalty(in.completion, o.repetition_n_grams, o.repetition_max_penalty);
  const double share = o.repetition_max_penalty == 0 ? 0 : score / o.repetition_max_penalty;
  return verdict(score == 0, score,
                 fmt::format("{:.1f} % of {}-grams are repeated", 100 * share, o.repetition_n_grams));
}

Verdict filters_rule(const RewardInput& in, const RewardOptions& o) {
  const std::string thought = thought_of(in);
  const LanguageShare language = language_share(thought, target_language(in, o));
  const std::string why = filtered_for(thought, language.words == 0 ? 1 : language.share(), o.filters);
  return verdict(why.empty(), why.empty(), why.empty() ? "passes" : why);
}

std::vector<Verdict> cosine_rule(std::span<const RewardInput> in, std::span<const Verdict> right,
                                 const RewardOptions& o) {
  std::vector<Verdict> out(right.begin(), right.end());
  for (size_t i = 0; i < in.size(); i++) {
    out[i].parts.clear();
    if (right[i].outcome == Outcome::failed) continue;
    out[i].score =
        cosine_reward(right[i].outcome == Outcome::correct, length_of(in[i], o), o.max_completion_length, o.cosine);
  }
  return out;
}

std::vector<Verdict> kimi_rule(std::span<const RewardInput> in, std::span<const Verdict> right,
                               const RewardOptions& o) {
  std::vector<Verdict> out(right.begin(), right.end());
  std::map<int64_t, std::vector<size_t>> groups;  // without what failed: it has left its group
  for (size_t i = 0; i < in.size(); i++) {
    out[i].parts.clear();
    if (right[i].outcome != Outcome::failed) groups[in[i].group].push_back(i);
  }
  for (const auto& [group, members] : groups) {
    std::vector<int64_t> lengths;
    std::vector<bool> correct;
    for (const size_t i : members) {
      lengths.push_back(length_of(in[i], o));
      correct.push_back(right[i].outcome == Outcome::correct);
    }
    const std::vector<double> scores = kimi_length_rewards(lengths, correct);
    for (size_t k = 0; k < members.size(); k++) out[members[k]].score = scores[k];
  }
  return out;
}

}  // namespace r1
