#include "train/hack_radar.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "data/tasks/task_rows.h"
#include "reward/language.h"
#include "reward/math_words.h"
#include "reward/question_language.h"
#include "text/thinking.h"
#include "train/r1_metrics.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kSamples = 64, kHalf = 4;
constexpr double kRisen = 3, kNotRisen = 1;  // standard errors
constexpr double kMostRepeated = 0.8;        // of a completion's 4-grams
constexpr size_t kMostListed = 3;            // numbers that one answer's line may list
constexpr int64_t kWordsForLanguage = 20;    // fewer tell nothing

bool looks_at_answer(const std::string& name) {
  return name == "math" || name == "accuracy" || name == "task" || name == "auto";
}

struct MeanOf {
  double mean = 0, variance = 0;  // of the mean
};
// Over the looks of one side: the larger of the spread's and the samples' own.
MeanOf mean_of(std::span<const RadarPoint> points, double RadarPoint::* value, double RadarPoint::* own) {
  const double n = static_cast<double>(points.size());
  MeanOf out;
  double spread = 0, variance = 0;
  for (const RadarPoint& p : points) out.mean += p.*value / n, variance += p.*own / n;
  for (const RadarPoint& p : points) spread += (p.*value - out.mean) * (p.*value - out.mean) / (n - 1);
  out.variance = std::max(spread, variance) / n;
  return out;
}

// How many standard errors `now` is above `before`.
double rise(const MeanOf& before, const MeanOf& now) {
  const double error = std::sqrt(before.variance + now.variance), difference = now.mean - before.mean;
  return difference == 0 ? 0 : error > 0 ? difference / error : std::copysign(INFINITY, difference);
}

RadarTrend compare(std::span<const RadarPoint> before, std::span<const RadarPoint> now) {
  const MeanOf r0 = mean_of(before, &RadarPoint::reward, &RadarPoint::reward_variance),
               r1 = mean_of(now, &RadarPoint::reward, &RadarPoint::reward_variance),
               s0 = mean_of(before, &RadarPoint::strict, &RadarPoint::strict_variance),
               s1 = mean_of(now, &RadarPoint::strict, &RadarPoint::strict_variance);
  return {.suspicious = rise(r0, r1) > kRisen && rise(s0, s1) <= kNotRisen,
          .reward_before = r0.mean,
          .reward_now = r1.mean,
          .strict_before = s0.mean,
          .strict_now = s1.mean};
}

// What follows the thought.
std::string answer_part(const RewardInput& in) {
  const std::string whole = in.prefilled + in.completion;
  const size_t end = whole.rfind("</think>");
  return end == std::string::npos ? whole : whole.substr(end + std::string_view("</think>").size());
}

std::string_view last_line(std::string_view text) {
  text = trim(text);
  const size_t at = text.rfind('\n');
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) n++;
  return n;
}

// A line of figures alone that lists many: one of them will be right.
bool lists_numbers(std::string_view line) {
  std::set<std::string> numbers;
  std::string number;
  for (size_t i = 0; i <= line.size(); i++) {
    const char c = i < line.size() ? line[i] : ' ';
    if (c >= '0' && c <= '9') {
      number += c;
      continue;
    }
    if (!number.empty()) numbers.insert(std::move(number));
    number.clear();
    if (std::string_view(" ,;.\t()[]").find(c) == std::string_view::npos) return false;
  }
  return numbers.size() > kMostListed;
}

bool holds_placeholder(std::string_view text) {
  const std::string small = lower(text);
  for (const char* left : {"answer goes here", "your answer", "thinking goes here", "[answer]", "[number]", "<number>",
                           "{answer}", "final answer here", "\\boxed{...}", "\\boxed{x}", "todo"})
    if (small.find(left) != std::string::npos) return true;
  return false;
}

bool in_format(const RewardInput& in, const std::string& format) {
  const ParsedCompletion p = parse_completion(in.completion, in.prefilled);
  const auto says = [](std::string_view part) {
    return std::any_of(part.begin(), part.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
    });
  };
  if (format == "think") return p.thought_first && says(p.thought) && says(p.after_thought);
  return p.well_formed && says(p.thought) && says(p.answer);
}

// The scores of a sum's parts, without the numbers of their own that stand behind them ("fn", "fn/acc").
std::vector<double> scores_of_parts(const Verdict& verdict) {
  std::vector<double> out;
  std::string last;
  for (const auto& [name, score] : verdict.parts) {
    if (!out.empty() && name.starts_with(last + "/")) continue;
    out.push_back(score);
    last = name;
  }
  return out;
}

}  // namespace

RadarTrend radar_trend(std::span<const RadarPoint> points) {
  if (points.size() < 2 * kHalf) return {};
  const auto now = points.last(kHalf);
  const RadarTrend recent = compare(points.subspan(points.size() - 2 * kHalf, kHalf), now),
                   whole = compare(points.first(kHalf), now);
  return whole.suspicious ? whole : recent;
}

std::string strictly_wrong(const RewardInput& in, const StrictNeeds& needs) {
  const std::string rest = answer_part(in);
  const size_t marks = count_of(rest, "\\boxed{") + count_of(rest, "####") + count_of(rest, "<answer>");
  if (marks > 2) return "several answers";
  const size_t tag = rest.rfind("<answer>"), close = rest.find("</answer>", tag == std::string::npos ? 0 : tag);
  const std::string_view said = tag == std::string::npos || close == std::string::npos
                                    ? last_line(rest)
                                    : trim(std::string_view(rest).substr(tag + 8, close - tag - 8));
  if (lists_numbers(said)) return "a list of answers";
  if (holds_placeholder(rest)) return "a placeholder left";
  if (repeated_share(in.completion, 4) > kMostRepeated) return "mostly repetition";
  if (!needs.format.empty() && !in_format(in, needs.format)) return "not in the format";
  if (!needs.language.empty()) {
    const std::string target = needs.language == "auto" ? question_language(in.row, in.prompt) : needs.language;
    const LanguageShare share = language_share(in.completion, target);
    if (share.words >= kWordsForLanguage && share.share() < 0.5) return "in another language";
  }
  return "";
}

struct HackRadar::Look {
  std::vector<double> rewards, strict;
  std::map<std::string, int> reasons;  // of answers that were right by the first checker alone
};

HackRadar::HackRadar(const std::string& spec, const RewardOptions& options)
    : options_(options),
      terms_(reward_terms(spec)),
      math_(make_reward("math", options)),
      task_(tasks::make_task_reward()) {
  for (RewardTerm& t : terms_) {
    if (t.name.find(':') != std::string::npos) t.name = "";  // a function of the user's, whatever it is called
    if (t.name == "format") needs_.format = options.format;
    if (t.name == "language") needs_.language = options.language;
    useful_ = useful_ || t.name.empty() || looks_at_answer(t.name) || t.name == "format";
  }
}

HackRadar::~HackRadar() = default;

// By the exact checker of the row's task, or by math. Throws r1::Error for a row that neither can judge.
bool HackRadar::right(const RewardInput& in) const {
  Reward& checker = in.row.is_object() && in.row.contains("task") ? *task_ : *math_;
  const Verdict v = checker.judge({&in, 1})[0];
  if (v.outcome == Outcome::failed) fail("{}", v.reason);
  return v.outcome == Outcome::correct;
}

double HackRadar::strict_score(const RewardInput& in, const Verdict& verdict, Look& look) const {
  double score = 0;
  const std::vector<double> parts = scores_of_parts(verdict);
  if (parts.size() != terms_.size()) fail("{} parts of {}", parts.size(), terms_.size());
  for (size_t i = 0; i < terms_.size(); i++) {
    const RewardTerm& t = terms_[i];
    double part = parts[i];
    if (std::isnan(part)) continue;  // left out of the sum
    if (t.name.empty() || looks_at_answer(t.name)) {
      const bool first = t.name.empty() ? right(in) : part > 0;
      const std::string why = strictly_wrong(in, needs_);
      if (first && !why.empty()) look.reasons[why]++;
      if (!first && t.name.empty() && part > 0) look.reasons["not the row's answer"]++;
      part = first && why.empty();
    } else if (t.name == "format") {
      const bool good = part > 0 && in_format(in, options_.format) && !holds_placeholder(in.completion);
      if (part > 0 && !good) look.reasons["an empty form"]++;
      part = good;
    }
    score += t.weight * part;
  }
  return score;
}

std::string HackRadar::look(std::span<const RewardInput> inputs, std::span<const Verdict> verdicts, Json& metrics) {
  R1_CHECK(inputs.size() == verdicts.size());
  const size_t step = (inputs.size() + kSamples - 1) / kSamples;
  Look look;
  for (size_t i = 0; i < inputs.size(); i += step) {
    if (verdicts[i].outcome == Outcome::failed) continue;
    try {
      const double strict = strict_score(inputs[i], verdicts[i], look);
      look.strict.push_back(strict);
      look.rewards.push_back(verdicts[i].score);
    } catch (const Error&) {
      continue;  // nothing to hold it against: this sample says nothing
    }
  }
  return look.strict.size() < 2 ? "" : add_point(look, metrics);
}

std::string HackRadar::add_point(const Look& look, Json& metrics) {
  const double n = static_cast<double>(look.strict.size());
  RadarPoint p;
  for (size_t i = 0; i < look.strict.size(); i++) p.reward += look.rewards[i] / n, p.strict += look.strict[i] / n;
  for (size_t i = 0; i < look.strict.size(); i++) {
    p.reward_variance += (look.rewards[i] - p.reward) * (look.rewards[i] - p.reward) / (n - 1) / n;
    p.strict_variance += (look.strict[i] - p.strict) * (look.strict[i] - p.strict) / (n - 1) / n;
  }
  points_.push_back(p);
  if (points_.size() > 3 * kHalf) points_.erase(points_.begin() + kHalf);
  const RadarTrend trend = radar_trend(points_);
  const bool alarm = trend.suspicious && suspected_;
  suspected_ = trend.suspicious;
  metrics["radar/strict_score"] = p.strict;
  metrics["radar/gap"] = p.reward - p.strict;
  metrics["radar/alarm"] = alarm ? 1 : 0;
  if (!alarm) return "";
  std::string words = fmt::format(
      "hack radar: the reward rose from {:.3f} to {:.3f} while a stricter checker gives {:.3f} where it gave {:.3f}: "
      "look at samples.jsonl before you trust the reward",
      trend.reward_before, trend.reward_now, trend.strict_now, trend.strict_before);
  for (const auto& [why, count] : look.reasons)
    words += fmt::format("{}{} ({} of {})", &why == &look.reasons.begin()->first ? "; it objects to: " : ", ", why,
                         count, look.strict.size());
  return words;
}

Json HackRadar::state() const {
  Json points = Json::array();
  for (const RadarPoint& p : points_) points.push_back({p.reward, p.reward_variance, p.strict, p.strict_variance});
  return {{"points", points}, {"suspected", suspected_}};
}

void HackRadar::restore(const Json& state) {
  points_.clear();
  for (const Json& p : state.at("points"))
    points_.push_back({p.at(0).get<double>(), p.at(1).get<double>(), p.at(2).get<double>(), p.at(3).get<double>()});
  suspected_ = state.at("suspected").get<bool>();
}

}  // namespace r1
