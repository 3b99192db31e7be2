#include "train/audit_functions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "text/thinking.h"

namespace r1 {
namespace {

constexpr double kSecondsForForms = 20;
constexpr const char* kThought = "Work.";

// A thought, unless the prompt has one already, and then `rest` as it is.
std::string after_thought(std::string_view prefilled, const std::string& rest) {
  if (prefilled.find("</think>") != std::string_view::npos || prefilled.find("<answer>") != std::string_view::npos)
    return rest;
  const char* open = prefilled.find("<think>") == std::string_view::npos ? "<think>\n" : "";
  return open + std::string(kThought) + "\n</think>\n" + rest;
}

struct Form {
  const char* name;
  std::string (*write)(const FunctionSample&);  // empty: this sample has no such form
};

const Form kForms[] = {
    {"<answer>ANSWER</answer>",
     [](const FunctionSample& s) { return continuation(s.input.prefilled, kThought, s.gold); }},
    {"<answer>\\boxed{ANSWER}</answer>",
     [](const FunctionSample& s) { return continuation(s.input.prefilled, kThought, "\\boxed{" + s.gold + "}"); }},
    {"#### ANSWER", [](const FunctionSample& s) { return after_thought(s.input.prefilled, "#### " + s.gold); }},
    {"Answer: ANSWER", [](const FunctionSample& s) { return after_thought(s.input.prefilled, "Answer: " + s.gold); }},
    {"<answer>, a line, </answer>",
     [](const FunctionSample& s) { return after_thought(s.input.prefilled, "<answer>\n" + s.gold + "\n</answer>"); }},
    {"<reasoning> and <answer>, lines",
     [](const FunctionSample& s) {
       return s.input.prefilled.empty() ? "<reasoning>\nWork.\n</reasoning>\n<answer>\n" + s.gold + "\n</answer>\n"
                                        : "";
     }},
    {"ANSWER alone", [](const FunctionSample& s) { return s.gold; }},
    {"the row's completion", [](const FunctionSample& s) { return s.worked; }},
};

// The next sample of another answer.
std::optional<size_t> other_sample(std::span<const FunctionSample> samples, size_t i) {
  for (size_t k = 1; k < samples.size(); k++) {
    const size_t at = (i + k) % samples.size();
    if (!samples[at].gold.empty() && trim(samples[at].gold) != trim(samples[i].gold)) return at;
  }
  return std::nullopt;
}

class Looker {
 public:
  Looker(Reward& reward, std::span<const FunctionSample> samples,
         const std::function<std::vector<int32_t>(const std::string&)>& tokens)
      : reward_(reward), samples_(samples), tokens_(tokens) {}

  FunctionLook run() {
    const auto start = std::chrono::steady_clock::now();
    nothing_ = scores([](const FunctionSample&) { return std::string(); }, false);
    for (const Form& form : kForms) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
      if (interrupted())
        look_.unfinished = "the run was interrupted";
      else if (passed.count() > kSecondsForForms)
        look_.unfinished = "the function takes long";
      else if (judged_ == 0 && look_.tried.size() > 2)
        look_.unfinished = "it fails whatever is asked";
      if (!look_.unfinished.empty()) break;
      if (try_form(form)) break;
    }
    look_.constant = judged_ > 0 && lowest_ == highest_ && look_.unfinished.empty();
    return std::move(look_);
  }

 private:
  std::vector<std::optional<double>> scores(std::string (*write)(const FunctionSample&), bool with_other_rows) {
    std::vector<RewardInput> asked;
    std::vector<size_t> whose;
    for (size_t i = 0; i < samples_.size(); i++) {
      const std::optional<size_t> other = with_other_rows ? other_sample(samples_, i) : i;
      if (!other) continue;
      RewardInput in = samples_[i].input;
      in.row = samples_[*other].input.row;
      in.completion = write(samples_[i]);
      in.completion_ids = tokens_(in.completion);
      in.num_tokens = static_cast<int64_t>(in.completion_ids.size());
      asked.push_back(std::move(in));
      whose.push_back(i);
    }
    std::vector<std::optional<double>> out(samples_.size());
    const std::vector<Verdict> verdicts = reward_.judge(asked);
    for (size_t k = 0; k < whose.size(); k++) note(verdicts[k], out[whose[k]]);
    return out;
  }

  void note(const Verdict& v, std::optional<double>& score) {
    if (v.outcome == Outcome::failed) {
      look_.failure = v.reason;
      return;
    }
    score = v.score;
    lowest_ = judged_ == 0 ? v.score : std::min(lowest_, v.score);
    highest_ = judged_ == 0 ? v.score : std::max(highest_, v.score);
    judged_++;
  }

  // Whether this form tells own from other and nothing.
  bool try_form(const Form& form) {
    if (std::all_of(samples_.begin(), samples_.end(), [&](const auto& s) { return form.write(s).empty(); }))
      return false;
    FunctionScores s;
    s.form = form.name;
    s.own = scores(form.write, false);
    s.other = scores(form.write, true);
    s.own_mean = mean(s.own), s.other_mean = mean(s.other), s.nothing_mean = mean(nothing_);
    for (size_t i = 0; i < samples_.size(); i++) {
      if (s.own[i] && nothing_[i]) s.to_nothing.add(*s.own[i], *nothing_[i]);
      if (s.own[i] && s.other[i]) s.to_other.add(*s.own[i], *s.other[i]);
    }
    look_.looks_at_rows = look_.looks_at_rows || s.to_other.above + s.to_other.below > 0;
    const bool good = s.to_other.clearly_above() && s.to_nothing.clearly_above();
    if (good || look_.tried.empty() || weight(s.to_other) > weight(look_.scores.to_other)) look_.scores = std::move(s);
    look_.tried.emplace_back(form.name);
    return good;
  }

  // How much a form says: one that tells answers before one that turns them round, and both before all others.
  static std::pair<int, int64_t> weight(const RowCount& c) {
    const int kind = c.clearly_above() ? 2 : c.turned().always_above() ? 1 : 0;
    return {kind, static_cast<int64_t>(c.above) - static_cast<int64_t>(c.below)};
  }

  static double mean(const std::vector<std::optional<double>>& scores) {
    double sum = 0, n = 0;
    for (const auto& score : scores)
      if (score) sum += *score, n++;
    return n > 0 ? sum / n : 0;
  }

  Reward& reward_;
  const std::span<const FunctionSample> samples_;
  const std::function<std::vector<int32_t>(const std::string&)>& tokens_;
  FunctionLook look_;
  std::vector<std::optional<double>> nothing_;
  size_t judged_ = 0;
  double lowest_ = 0, highest_ = 0;
};

}  // namespace

void RowCount::add(double one, double another) {
  of++;
  above += one > another;
  below += one < another;
}

bool RowCount::clearly_above() const {
  if (above <= below) return false;
  const size_t lead = above - below;
  return above == of || lead * lead >= 9 * (above + below);
}

bool RowCount::always_above() const {
  return below == 0 && ((of >= 6 && above == of) || (of >= 12 && 4 * above >= 3 * of));
}

std::string continuation(std::string_view prefilled, const std::string& thought, const std::string& answer) {
  const bool opened = prefilled.find("<think>") != std::string_view::npos,
             closed = prefilled.find("</think>") != std::string_view::npos,
             answering = prefilled.find("<answer>") != std::string_view::npos;
  std::string out;
  if (!opened && !answering) out += "<think>\n";
  if (!closed && !answering) out += thought + "\n</think>\n";
  if (!answering) out += "<answer>";
  return out + answer + "</answer>";
}

namespace {

using Status = AuditCheck::Status;
constexpr size_t kListedRows = 5;
constexpr const char* kIfItIsMeant =
    "try it on the row (r1 reward NAME --json), give rows a \"completion\" as the function wants answers written, put "
    "a "
    "reward for answers beside it (math+...), or start with --no-audit";

class FunctionChecks {
 public:
  FunctionChecks(const FunctionLook& look, std::span<const FunctionSample> samples, const std::string& name)
      : look_(look), s_(look.scores), samples_(samples), name_(name) {
    gold_.name = "gold_scores_right";
    shuffled_.name = "shuffled_gold_scores_wrong";
    empty_.name = "empty_scores_wrong";
  }

  std::vector<AuditCheck> run() {
    gold();
    shuffled();
    empty();
    return {gold_, shuffled_, empty_};
  }

 private:
  void gold() {
    if (look_.constant)
      return refuse(gold_,
                    fmt::format("{} gives every completion {:.4g}: with the row's answer ({}), with another row's, and "
                                "an empty one",
                                name_, s_.own_mean, fmt::join(look_.tried, "; ")),
                    std::string("a reward that tells nothing apart teaches nothing: ") + kIfItIsMeant);
    if (told()) {
      gold_.detail =
          fmt::format("{}: written as {}, the rows' own answers get {:.4g} on average", name_, s_.form, s_.own_mean);
      if (const size_t not_above = s_.to_other.of - s_.to_other.above; not_above > 0)
        gold_.warnings.push_back(fmt::format("in {} of {} rows the row's own answer gets no more than another row's",
                                             not_above, s_.to_other.of));
      for (size_t i = 0; i < samples_.size(); i++)
        if (s_.own[i] && s_.other[i] && *s_.own[i] <= *s_.other[i])
          find(gold_, i,
               fmt::format("answer \"{}\" gets {:.4g}, in another row {:.4g}", samples_[i].gold.substr(0, 80),
                           *s_.own[i], *s_.other[i]));
      return;
    }
    skip(gold_, why_not());
    gold_.warnings.push_back(gold_.detail);
  }

  bool told() const { return s_.to_other.clearly_above(); }
  bool turned() const { return s_.to_other.turned().always_above(); }

  std::string why_not() const {
    if (turned()) return "see shuffled_gold_scores_wrong";
    std::string why;
    if (s_.to_other.of == 0 && !look_.failure.empty())
      why = fmt::format("{} failed on what it was asked: {}", name_, look_.failure);
    else if (look_.tried.empty())
      why = name_ + " was not asked about answers";
    else if (s_.to_other.of == 0)
      why = "no two of the rows looked at have different answers";
    else if (!look_.looks_at_rows)
      why = fmt::format(
          "{} gives a completion the same score whatever the row's answer is, so it looks at something else, does not "
          "find the answer, or takes any",
          name_);
    else
      why = fmt::format("{} pays the row's answer more than another row's in {} rows, less in {}: no more than chance",
                        name_, s_.to_other.above, s_.to_other.below);
    return fmt::format("not checked: {} (tried: {}{}{})", why, fmt::join(look_.tried, "; "),
                       look_.unfinished.empty() ? "" : "; the other forms not, as ", look_.unfinished);
  }

  void shuffled() {
    shuffled_.detail = fmt::format("{}: another row's answer gets {:.4g} on average, the row's own {:.4g}", name_,
                                   s_.other_mean, s_.own_mean);
    if (turned())
      return refuse(shuffled_,
                    fmt::format("{} pays another row's answer more than the row's own in {} of {} rows, less "
                                "in {} (written as {})",
                                name_, s_.to_other.below, s_.to_other.of, s_.to_other.above, s_.form),
                    std::string("the policy would be taught to answer wrong: ") + kIfItIsMeant);
    if (!told()) skip(shuffled_, "not checked: see gold_scores_right");
  }

  void empty() {
    empty_.detail = fmt::format("{}: an empty completion gets {:.4g} on average, the row's answer {:.4g}", name_,
                                s_.nothing_mean, s_.own_mean);
    if (!told()) return skip(empty_, "not checked: see gold_scores_right");
    if (s_.to_nothing.of == 0) {
      skip(empty_, fmt::format("not checked: {} fails on an empty completion: {}", name_, look_.failure));
      empty_.warnings.push_back(empty_.detail);
    } else if (!s_.to_nothing.clearly_above() && !s_.to_other.always_above()) {
      skip(empty_,
           fmt::format("not checked: {} pays the row's answer more than nothing in {} of {} rows, less in {}: no "
                       "more than chance",
                       name_, s_.to_nothing.above, s_.to_nothing.of, s_.to_nothing.below));
      empty_.warnings.push_back(empty_.detail);
    } else if (!s_.to_nothing.clearly_above()) {
      refuse(empty_,
             fmt::format("{} pays an empty completion as much as the row's answer, or more, in {} of {} rows", name_,
                         s_.to_nothing.of - s_.to_nothing.above, s_.to_nothing.of),
             std::string("the policy would learn to say nothing: ") + kIfItIsMeant);
    }
  }

  static void skip(AuditCheck& c, std::string why) { c.status = Status::skipped, c.detail = std::move(why); }
  static void refuse(AuditCheck& c, std::string what, std::string advice) {
    c.status = Status::failed, c.detail = std::move(what), c.advice = std::move(advice);
  }
  void find(AuditCheck& c, size_t sample, std::string what) const {
    if (c.findings.size() < kListedRows)
      c.findings.push_back({samples_[sample].row, samples_[sample].line, std::move(what)});
  }

  const FunctionLook& look_;
  const FunctionScores& s_;
  const std::span<const FunctionSample> samples_;
  const std::string& name_;
  AuditCheck gold_, shuffled_, empty_;
};

}  // namespace

std::vector<AuditCheck> checks_of(const FunctionLook& look, std::span<const FunctionSample> samples,
                                  const std::string& name) {
  return FunctionChecks(look, samples, name).run();
}

FunctionLook look_at_function(Reward& reward, std::span<const FunctionSample> samples,
                              const std::function<std::vector<int32_t>(const std::string&)>& tokens) {
  return Looker(reward, samples, tokens).run();
}

}  // namespace r1
