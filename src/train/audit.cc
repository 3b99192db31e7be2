#include "train/audit.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "data/question.h"
#include "data/sources.h"
#include "data/tasks/task_rows.h"
#include "reward/math_answer.h"
#include "reward/reward_terms.h"
#include "text/thinking.h"
#include "train/audit_functions.h"

namespace r1 {
namespace {

using Status = AuditCheck::Status;

constexpr size_t kRows = 64, kFunctionRows = 16, kLongRows = 32, kListed = 5;
constexpr double kBadRows = 0.02;       // of the rows looked at
constexpr double kOtherRight = 0.5;     // of a task's items, which may have several right answers (paths of mazes)
constexpr double kNearRows = 0.1;       // of the held-out rows, by 8-grams
constexpr const char* kWork = "Work.";  // a thought that says something

bool looks_at_answer(const std::string& name) {
  return name == "math" || name == "accuracy" || name == "task" || name == "auto";
}
bool looks_at_tags(const std::string& name) { return name == "format" || name == "tag_count"; }

size_t count_of(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) n++;
  return n;
}

// The answer alone, of a reference that may be a worked solution.
std::string gold_of(const DataRow& row) {
  std::string text = row.answer;
  if (text.empty() && row.row.is_object())
    for (const char* key : {"answer", "target", "solution", "ground_truth"})
      if (text.empty() && row.row.contains(key))
        text = row.row[key].is_string() ? row.row[key].get<std::string>() : row.row[key].dump();
  const ExtractedAnswer inner = extract_answer(text, "");
  return inner.place == AnswerPlace::boxed || inner.place == AnswerPlace::hashes ? inner.text : text;
}

class Auditor {
 public:
  explicit Auditor(const AuditInputs& in) : in_(in), o_(*in.options), terms_(reward_terms(o_.reward)) {
    for (const RewardTerm& t : terms_)
      if (judge_name_.empty() && looks_at_answer(t.name)) judge_name_ = t.name;
    for (const RewardTerm& t : terms_)
      if (is_users_reward(t.name) && t.weight > 0)
        users_ +=
            fmt::format("{}{}{}", users_.empty() ? "" : "+", t.name, t.weight == 1 ? "" : fmt::format("*{}", t.weight));
    const size_t n = in.rows->size(), looked = std::min(kRows, n);
    for (size_t i = 0; i < looked; i++) add_sample(i * n / looked);
    if (!judge_name_.empty() && !plays_) judge_ = make_reward_for(o_.data.data, judge_name_, o_.reward_options());
  }

  AuditReport run() {
    if (!judge_ && !plays_ && !users_.empty()) {
      functions();
    } else {
      gold();
      shuffled();
      empty();
    }
    reachable();
    tags();
    budget();
    overlap();
    return std::move(report_);
  }

 private:
  struct Sample {
    size_t row = 0;
    Prompt prompt;
    std::string gold, completion;  // of the gold: the form that was right, or the first one
    Verdict verdict;
  };

  const DataRow& row_of(const Sample& s) const { return (*in_.rows)[s.row]; }

  void add_sample(size_t row) {
    const DataRow& r = (*in_.rows)[row];
    samples_.push_back(
        {.row = row, .prompt = in_.prompts->build(r), .gold = gold_of(r), .completion = "", .verdict = {}});
  }

  int64_t tokens(const std::string& text) const {
    return static_cast<int64_t>(in_.prompts->tokenizer()->encode(text, {.add_special_tokens = false}).size());
  }

  Verdict judged(Reward& reward, const Sample& s, const std::string& completion) const {
    const RewardInput input{.prompt = s.prompt.text,
                            .completion = completion,
                            .prefilled = s.prompt.prefilled,
                            .num_tokens = tokens(completion),
                            .group = 0,
                            .row = row_of(s).row};
    return reward.judge({&input, 1})[0];
  }

  AuditCheck& begin(const char* name) {
    report_.checks.emplace_back();
    report_.checks.back().name = name;
    return report_.checks.back();
  }
  static void skip(AuditCheck& c, std::string why) {
    c.status = Status::skipped;
    c.detail = std::move(why);
  }
  static void refuse(AuditCheck& c, std::string advice) {
    c.status = Status::failed;
    c.advice = std::move(advice);
  }
  void find(AuditCheck& c, const Sample& s, std::string what) const {
    if (c.findings.size() < kListed)
      c.findings.push_back({static_cast<int64_t>(s.row), row_of(s).line, std::move(what)});
  }
  // Whether there is nothing to judge answers with; says so.
  bool no_judge(AuditCheck& c) const {
    if (judge_) return false;
    if (plays_) {
      skip(c, "a game is played, not answered: its rules give the reward");
      return true;
    }
    skip(c, "the reward " + o_.reward + " has no part that compares answers" +
                (o_.reward.find(':') == std::string::npos ? "" : " but a model, which the audit does not ask"));
    return true;
  }

  static bool too_many(size_t bad, size_t of) { return static_cast<double>(bad) > kBadRows * static_cast<double>(of); }

  // The first form of a right answer that the checker accepts, else the first form.
  void judge_gold(Sample& s) {
    std::vector<std::string> forms = {continuation(s.prompt.prefilled, kWork, s.gold),
                                      continuation(s.prompt.prefilled, kWork, "\\boxed{" + s.gold + "}")};
    if (!row_of(s).completion.empty()) forms.push_back(row_of(s).completion);
    for (size_t f = 0; f < forms.size(); f++) {
      Verdict v = judged(*judge_, s, forms[f]);
      const bool right = v.outcome == Outcome::correct;
      if (f > 0 && !right) continue;
      s.completion = forms[f];
      s.verdict = std::move(v);
      if (right) return;
    }
  }

  // Users' functions where nothing else compares answers. What they say here is in no journal.
  void functions() {
    std::vector<FunctionSample> asked;
    for (size_t i = 0; i < samples_.size(); i += (samples_.size() + kFunctionRows - 1) / kFunctionRows) {
      const Sample& s = samples_[i];
      if (s.gold.empty()) continue;
      const DataRow& row = row_of(s);
      asked.push_back({.input = {.prompt = s.prompt.text,
                                 .completion = "",
                                 .prefilled = s.prompt.prefilled,
                                 .group = static_cast<int64_t>(asked.size()),
                                 .row = row.row,
                                 .max_steps = o_.total_steps(in_.rows->size())},
                       .gold = s.gold,
                       .worked = row.completion,
                       .row = static_cast<int64_t>(s.row),
                       .line = row.line});
    }
    if (asked.empty()) {
      for (const char* name : {"gold_scores_right", "shuffled_gold_scores_wrong", "empty_scores_wrong"})
        skip(begin(name), fmt::format("not checked: the rows carry no answer to hold {} against", users_));
      return;
    }
    RewardOptions options = o_.reward_options();
    options.code.journal.clear();
    const std::unique_ptr<Reward> reward = make_reward_for(o_.data.data, users_, options);
    const FunctionLook look = look_at_function(*reward, asked, [&](const std::string& text) {
      return in_.prompts->tokenizer()->encode(text, {.add_special_tokens = false});
    });
    for (AuditCheck& c : checks_of(look, asked, users_)) report_.checks.push_back(std::move(c));
  }

  void gold() {
    AuditCheck& c = begin("gold_scores_right");
    if (no_judge(c)) return;
    size_t wrong = 0, failed = 0;
    for (Sample& s : samples_) {
      judge_gold(s);
      if (s.verdict.outcome == Outcome::correct) continue;
      (s.verdict.outcome == Outcome::failed ? failed : wrong)++;
      find(c, s,
           fmt::format("answer \"{}\": {} ({})", s.gold.substr(0, 80), outcome_name(s.verdict.outcome),
                       s.verdict.reason));
    }
    c.detail = fmt::format("{} of {} rows' own answers are right by {}; {} wrong, {} could not be judged",
                           samples_.size() - wrong - failed, samples_.size(), judge_->name(), wrong, failed);
    if (!users_.empty()) c.detail += fmt::format("; {} beside it is not asked", users_);
    const bool unjudged = static_cast<double>(failed) > o_.max_failed_rewards * static_cast<double>(samples_.size());
    if (too_many(wrong, samples_.size()) || unjudged)
      refuse(c,
             "the policy would be taught that right answers are wrong: correct the rows, name the column that holds "
             "the answer (answer_column=...), or choose a reward that reads such answers (r1 reward NAME --json "
             "judges one)");
    else if (wrong + failed > 0)
      c.warnings.push_back(fmt::format("{} of {} rows cannot be answered right", wrong + failed, samples_.size()));
  }

  // The next row with a right gold that is another answer.
  const Sample* other_answer(size_t i) const {
    for (size_t k = 1; k < samples_.size(); k++) {
      const Sample &s = samples_[i], &other = samples_[(i + k) % samples_.size()];
      const bool same = trim(other.gold) == trim(s.gold) || other.verdict.extracted == s.verdict.extracted;
      if (other.verdict.outcome == Outcome::correct && !same) return &other;
    }
    return nullptr;
  }

  void shuffled() {
    AuditCheck& c = begin("shuffled_gold_scores_wrong");
    if (no_judge(c)) return;
    size_t compared = 0, right = 0;
    for (size_t i = 0; i < samples_.size(); i++) {
      const Sample* other = samples_[i].verdict.outcome == Outcome::correct ? other_answer(i) : nullptr;
      if (other == nullptr) continue;
      compared++;
      if (judged(*judge_, samples_[i], other->completion).outcome != Outcome::correct) continue;
      right++;
      find(c, samples_[i],
           fmt::format("answer \"{}\" is right where \"{}\" is expected", other->gold.substr(0, 80),
                       samples_[i].gold.substr(0, 80)));
    }
    if (compared == 0) return skip(c, "no two of the rows looked at have different answers that are right");
    c.detail = fmt::format("{} of {} rows take another row's answer", right, compared);
    const bool several = judge_->name() == "task";
    if (several ? static_cast<double>(right) > kOtherRight * static_cast<double>(compared) : too_many(right, compared))
      refuse(c, "a checker that takes any answer teaches nothing: look at the rows' answers and the reward");
  }

  void empty() {
    AuditCheck& c = begin("empty_scores_wrong");
    if (no_judge(c)) return;
    size_t right = 0;
    for (const Sample& s : samples_) {
      if (judged(*judge_, s, "").outcome != Outcome::correct) continue;
      right++;
      find(c, s, "an empty completion is right");
    }
    c.detail = fmt::format("{} of {} rows take an empty completion", right, samples_.size());
    if (right > 0) refuse(c, "the policy would learn to say nothing: give these rows an answer, or leave them out");
  }

  void reachable() {
    AuditCheck& c = begin("reward_reachable");
    if (std::all_of(terms_.begin(), terms_.end(), [](const RewardTerm& t) { return t.weight == 0; })) {
      c.detail = "every part of the reward " + o_.reward + " weighs 0";
      return refuse(c, "give a part a weight above 0");
    }
    std::vector<std::pair<RewardTerm, std::unique_ptr<Reward>>> parts;
    for (const RewardTerm& t : terms_)
      if (t.weight > 0 && ((looks_at_answer(t.name) && !plays_) || looks_at_tags(t.name)))
        parts.emplace_back(t, make_reward_for(o_.data.data, t.name, o_.reward_options()));
    if (parts.empty()) return skip(c, "the reward " + o_.reward + " has no part with a known most");
    size_t looked = 0, short_of = 0;
    double most = 0;
    for (const auto& [t, part] : parts) most += t.weight;
    for (const Sample& s : samples_) {
      if (judge_ && s.verdict.outcome != Outcome::correct) continue;
      looked++;
      const std::string full = judge_ ? s.completion : continuation(s.prompt.prefilled, kWork, "42");
      double best = 0, none = 0;
      for (const auto& [t, part] : parts) {
        best += t.weight * judged(*part, s, full).score;
        none += t.weight * judged(*part, s, "").score;
      }
      if (best >= most - 1e-9 && best > none) continue;
      short_of++;
      find(c, s,
           fmt::format("a right, well-formed completion gets {:.3g} of {:.3g}, an empty one {:.3g}", best, most, none));
    }
    if (looked == 0) return skip(c, "no row's own answer is right, see gold_scores_right");
    c.detail = fmt::format("{} of {} rows can get all of {:.3g} at once", looked - short_of, looked, most);
    if (too_many(short_of, looked))
      refuse(c,
             "no completion can be paid in full: see template_agrees_with_format, and the keys format, "
             "prompt_template and thought_prefill");
  }

  // What is wrong with how the prompt ends, for a reward that waits for tags; empty when nothing.
  std::string wrong_ending(const Sample& s, bool tags) const {
    const Prompt& p = s.prompt;
    if (count_of(p.prefilled, "<think>") > 1) return "the prompt opens <think> more than once";
    const size_t last = p.text.rfind("<think>");
    const std::string tail = last == std::string::npos ? "" : p.text.substr(last + 7);
    // behind the question, and how all prompts end: the template's words
    const std::string question = question_text(row_of(s));
    const size_t asked = p.text.rfind(question);
    const bool of_template = last != std::string::npos && p.text.size() - last <= common_end_ &&
                             (asked == std::string::npos || asked + question.size() <= last);
    if (p.prefilled.empty() && of_template && tail.find("</think>") == std::string::npos)
      return "the prompt ends inside a thought (<think>" + tail.substr(0, 40) + "), which the reward is not told";
    if (p.prefilled.empty() && of_template && tags && trim(tail.substr(tail.find("</think>") + 8)).empty())
      return "the prompt has closed the thought already, so the completion has none";
    return "";
  }

  // Bytes that all prompts looked at have in common at their ends.
  size_t common_end() const {
    size_t n = samples_[0].prompt.text.size();
    for (const Sample& s : samples_) {
      const std::string &a = samples_[0].prompt.text, &b = s.prompt.text;
      n = std::min(n, b.size());
      size_t same = 0;
      while (same < n && a[a.size() - 1 - same] == b[b.size() - 1 - same]) same++;
      n = same;
    }
    return n;
  }

  void tags() {
    AuditCheck& c = begin("template_agrees_with_format");
    std::vector<std::unique_ptr<Reward>> rules;
    for (const RewardTerm& t : terms_)
      if (looks_at_tags(t.name)) rules.push_back(make_reward_for(o_.data.data, t.name, o_.reward_options()));
    common_end_ = common_end();
    size_t bad = 0;
    for (const Sample& s : samples_) {
      std::string why = wrong_ending(s, !rules.empty());
      for (const auto& rule : rules)
        if (const Verdict v = judged(*rule, s, continuation(s.prompt.prefilled, kWork, "42"));
            why.empty() && v.score < 1)
          why =
              fmt::format("behind \"{}\", a proper continuation is not well-formed: {}", s.prompt.prefilled, v.reason);
      if (why.empty()) continue;
      bad++;
      find(c, s, why);
    }
    c.detail = rules.empty() ? fmt::format(
                                   "no part of the reward looks at tags; {} of {} prompts end inside a thought "
                                   "that the reward is not told",
                                   bad, samples_.size())
                             : fmt::format("{} of {} prompts allow a well-formed completion (format={})",
                                           samples_.size() - bad, samples_.size(), o_.rewards.format);
    if (bad > 0)
      refuse(c,
             "the tags that the model does not write itself must be what thought_prefill gives, or what the chat "
             "template ends with as \"<think>\" and white space alone; give another chat_template or "
             "thought_prefill, or leave format and tag_count out of the reward");
  }

  void budget() {
    AuditCheck& c = begin("budget_fits");
    std::vector<size_t> order(in_.rows->size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto bytes = [&](size_t i) {
      const DataRow& r = (*in_.rows)[i];
      return r.prompt.size() + r.messages.dump().size() + r.input_ids.size();
    };
    const size_t looked = std::min(kLongRows, order.size());
    std::vector<size_t> sizes;
    for (const size_t i : order) sizes.push_back(bytes(i));
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(looked), order.end(),
                      [&](size_t a, size_t b) { return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : a < b; });
    int64_t longest = 0;
    size_t too_long = 0;
    for (size_t k = 0; k < looked; k++) {
      const int64_t n = static_cast<int64_t>(in_.prompts->build((*in_.rows)[order[k]]).ids.size());
      longest = std::max(longest, n);
      if (n + o_.max_completion_length <= in_.max_positions) continue;
      too_long++;
      if (c.findings.size() < kListed)
        c.findings.push_back({static_cast<int64_t>(order[k]), (*in_.rows)[order[k]].line,
                              fmt::format("{} prompt tokens + max_completion_length {} > {} positions", n,
                                          o_.max_completion_length, in_.max_positions)});
    }
    c.detail = fmt::format("longest prompt {} tokens, max_completion_length {}, {} positions", longest,
                           o_.max_completion_length, in_.max_positions);
    if (too_long > 0)
      refuse(c, fmt::format("set max_completion_length to at most {}, or leave the longest rows out",
                            std::max<int64_t>(1, in_.max_positions - longest)));
    answers_fit(c);
  }

  void answers_fit(AuditCheck& c) {
    size_t answers = 0, long_answers = 0, solutions = 0, long_solutions = 0;
    for (const Sample& s : samples_) {
      if (judge_ && !s.gold.empty()) {
        answers++;
        const int64_t n = tokens(s.gold);
        if (n > o_.max_completion_length) {
          long_answers++;
          find(c, s, fmt::format("its answer alone has {} tokens", n));
        }
      }
      if (!row_of(s).completion.empty()) {
        solutions++;
        long_solutions += tokens(row_of(s).completion) > o_.max_completion_length;
      }
    }
    if (answers > 0 && long_answers == answers)
      refuse(c, fmt::format("all {} answers looked at are longer than max_completion_length {}: raise it", answers,
                            o_.max_completion_length));
    else if (long_answers > 0)
      c.warnings.push_back(fmt::format("{} of {} answers alone are longer than max_completion_length {}", long_answers,
                                       answers, o_.max_completion_length));
    if (long_solutions > 0)
      c.warnings.push_back(fmt::format("{} of {} worked solutions are longer than max_completion_length {}",
                                       long_solutions, solutions, o_.max_completion_length));
  }

  void overlap() {
    AuditCheck& c = begin("train_eval_overlap");
    if (in_.held_out == nullptr || in_.held_out->empty())
      return skip(c, o_.eval_steps > 0 ? "no rows are held out (held_out_fraction)"
                                       : "the run evaluates nothing (eval_steps=0)");
    if (plays_) return skip(c, "games begin alike; what differs is how they are played");
    const bool generated = is_generated(o_.data.data);
    const Overlap found = find_overlap(*in_.rows, *in_.held_out, !generated);
    c.detail = fmt::format("of {} held-out questions {} are trained on{}", found.compared, found.same.size(),
                           generated ? "; generated ones share their wording, so 8-grams say nothing"
                                     : fmt::format(", {} share at least half of their 8-grams", found.near.size()));
    for (const auto* list : {&found.same, &found.near})
      for (const AuditFinding& f : *list)
        if (c.findings.size() < kListed) c.findings.push_back(f);
    if (!found.same.empty() || static_cast<double>(found.near.size()) > kNearRows * static_cast<double>(found.compared))
      refuse(c, "the held-out accuracy would measure what was memorised: take these questions out of one side");
    else if (!found.near.empty())
      c.warnings.push_back(fmt::format("{} of {} held-out questions share at least half of their 8-grams with training",
                                       found.near.size(), found.compared));
  }

  const AuditInputs& in_;
  const GrpoOptions& o_;
  std::vector<RewardTerm> terms_;
  std::string judge_name_;
  const bool plays_ = o_.data.data.starts_with("games:");
  std::string users_;              // the parts that are users' functions, as a reward of their own
  std::unique_ptr<Reward> judge_;  // null: nothing to compare answers with
  std::vector<Sample> samples_;
  size_t common_end_ = 0;
  AuditReport report_;
};

}  // namespace

AuditReport audit_run(const AuditInputs& in) {
  R1_CHECK(!in.rows->empty());
  return Auditor(in).run();
}

}  // namespace r1
