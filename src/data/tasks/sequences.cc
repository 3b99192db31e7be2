// The next number of a sequence. The prompt names the five rules there are; an item is kept only when every rule that
// fits its terms says the same next number, so the answer is the only one.
#include <algorithm>
#include <functional>
#include <string>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/sourced.h"

namespace r1::tasks {
namespace {

using Terms = std::vector<int64_t>;
enum Rule { difference, ratio, second_difference, sum_of_two, interleaved, num_rules };

const std::vector<std::string> kRuleNames = {"difference", "ratio",       "second_difference",
                                             "sum_of_two", "interleaved", "all"};

Terms differences(const Terms& t, size_t stride = 1) {
  Terms out;
  for (size_t i = stride; i < t.size(); i++) out.push_back(t[i] - t[i - stride]);
  return out;
}
bool all_equal(const Terms& t) { return std::adjacent_find(t.begin(), t.end(), std::not_equal_to<>()) == t.end(); }

std::optional<int64_t> next_by(Rule rule, const Terms& t) {
  const size_t n = t.size();
  if (rule == difference) {
    const Terms d = differences(t);
    return all_equal(d) ? std::optional(t[n - 1] + d[0]) : std::nullopt;
  }
  if (rule == ratio) {
    if (t[0] == 0 || t[1] % t[0] != 0) return std::nullopt;
    const int64_t r = t[1] / t[0];
    for (size_t i = 1; i < n; i++)
      if (t[i] != t[i - 1] * r) return std::nullopt;
    return t[n - 1] * r;
  }
  if (rule == second_difference) {
    const Terms d = differences(t), dd = differences(d);
    return all_equal(dd) ? std::optional(t[n - 1] + d.back() + dd[0]) : std::nullopt;
  }
  if (rule == sum_of_two) {
    for (size_t i = 2; i < n; i++)
      if (t[i] != t[i - 1] + t[i - 2]) return std::nullopt;
    return t[n - 1] + t[n - 2];
  }
  for (size_t i = 4; i < n; i++)
    if (t[i] - t[i - 2] != t[i - 2] - t[i - 4]) return std::nullopt;
  return t[n - 2] + t[n - 2] - t[n - 4];
}

Terms make_terms(Rule rule, size_t count, int64_t size, Draws& draws) {
  const auto number = [&] { return draws.between(-size, size); };
  Terms t = {number(), number()};
  const int64_t step = number(), other = number();
  if (rule == ratio) t = {draws.between(1, size), draws.between(2, 4)};
  const int64_t factor = t[1];
  if (rule == ratio) t[1] = t[0] * factor;
  if (rule == difference) t[1] = t[0] + step;
  while (t.size() < count) {
    const size_t n = t.size();
    const int64_t last = t[n - 1], before = t[n - 2];
    t.push_back(rule == difference          ? last + step
                : rule == ratio             ? last * factor
                : rule == second_difference ? last + (last - before) + step
                : rule == sum_of_two        ? last + before
                                            : before + (n % 2 == 0 ? step : other));
  }
  return t;
}

std::string bracketed(int64_t n) { return n < 0 ? fmt::format("({})", n) : std::to_string(n); }
std::string minus(int64_t a, int64_t b) { return fmt::format("{} - {} = {}", a, bracketed(b), a - b); }
std::string add(int64_t a, int64_t b) { return fmt::format("{} + {} = {}", a, bracketed(b), a + b); }

std::string differences_text(const Terms& t, size_t stride = 1) {
  std::vector<std::string> parts;
  for (size_t i = stride; i < t.size(); i++) parts.push_back(minus(t[i], t[i - stride]));
  return joined(parts);
}

std::vector<std::string> work_out(Rule rule, const Terms& t) {
  const size_t n = t.size();
  const Terms d = differences(t), dd = differences(d);
  const int64_t last = t.back();
  std::vector<std::string> steps;
  if (rule == difference) {
    steps = {fmt::format("From term to term: {}.", differences_text(t)),
             fmt::format("The difference stays the same: {}.", add(last, d[0]))};
  } else if (rule == ratio) {
    std::vector<std::string> parts;
    for (size_t i = 1; i < n; i++) parts.push_back(fmt::format("{} / {} = {}", t[i], t[i - 1], t[i] / t[i - 1]));
    steps = {fmt::format("From term to term: {}.", joined(parts)),
             fmt::format("The ratio stays the same: {0} * {1} = {2}.", last, t[1] / t[0], last * (t[1] / t[0]))};
  } else if (rule == second_difference) {
    steps = {fmt::format("From term to term: {}.", differences_text(t)),
             fmt::format("The differences of these: {}.", differences_text(d)),
             fmt::format("The next difference: {}.", add(d.back(), dd[0])),
             fmt::format("The next term: {}.", add(last, d.back() + dd[0]))};
  } else if (rule == sum_of_two) {
    std::vector<std::string> parts;
    for (size_t i = 2; i < n; i++) parts.push_back(add(t[i - 2], t[i - 1]));
    steps = {fmt::format("Each term is the sum of the two before it: {}.", joined(parts)),
             fmt::format("The next term: {}.", add(t[n - 2], last))};
  } else {
    steps = {fmt::format("Every second term: {}.", differences_text(t, 2)),
             fmt::format("The next term: {}.", add(t[n - 2], t[n - 2] - t[n - 4]))};
  }
  return steps;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  constexpr int64_t kMostTerm = 1'000'000'000;
  const int64_t count = dials.whole("terms", draws), size = dials.whole("size", draws);
  const size_t given =
      static_cast<size_t>(std::find(kRuleNames.begin(), kRuleNames.end(), dials.text("rule")) - kRuleNames.begin());
  const Rule rule = static_cast<Rule>(given < num_rules ? given : draws.below(num_rules));
  const Terms t = make_terms(rule, static_cast<size_t>(count), size, draws);
  std::optional<int64_t> next;
  for (int r = 0; r < num_rules; r++) {
    const auto says = next_by(static_cast<Rule>(r), t);
    if (says && next && *says != *next) return std::nullopt;
    if (says) next = says;
  }
  R1_CHECK(next);
  if (std::abs(*next) > kMostTerm || all_equal(t)) return std::nullopt;
  Draft out;
  out.prompt = fmt::format(
      "What is the next number in the sequence {}? The rule is one of these: the difference from term to term stays "
      "the "
      "same, the ratio does, the difference of the differences does, each term is the sum of the two before it, or two "
      "sequences of constant difference take turns.",
      joined(t));
  out.answer = std::to_string(*next);
  out.key = "sequence " + joined(t);
  out.steps = work_out(rule, t);
  out.steps.push_back(fmt::format("The next number is {}.", *next));
  out.meta = {{"terms", t}};
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const auto numbers = numbers_in(answer.text);
  TaskAnswer last = answer;  // the sequence may be written out to its new end
  if (numbers.size() > 1) {
    const Terms terms = meta_wholes(item.meta, "terms", 100);
    const bool continues = numbers.size() == terms.size() + 1 &&
                           std::equal(terms.begin(), terms.end(), numbers.begin(),
                                      [](int64_t term, const std::string& n) { return std::to_string(term) == n; });
    if (continues) last.text = numbers.back();
  }
  return judge_number(last, item.answer);
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  SourcedEquations equations(meta_wholes(item.meta, "terms", 100));
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = equations.check(step);
    for (const auto& found : find_claims(step, "next number is {}"))
      if (whole_of(found[0])) v = join(v, claim(std::to_string(*whole_of(found[0])) == item.answer));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily sequences_family() {
  return {
      "sequences",
      "the next number of a sequence that follows one of five rules",
      {{.name = "rule",
        .kind = Dial::Kind::choice,
        .choices = kRuleNames,
        .fallback = "all",
        .help = "which of the five"},
       {.name = "terms", .low = 6, .high = 10, .fallback = "6", .help = "terms shown"},
       {.name = "size", .low = 2, .high = 100, .fallback = "10", .help = "the largest first terms and differences"}},
      draw,
      judge,
      check_all};
}

}  // namespace r1::tasks
