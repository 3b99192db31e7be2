// Numbers from one base into another: the value by Horner's rule, then the digits by repeated division.
#include <algorithm>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr int64_t kMostBase = 36, kMostValue = 999'999'999'999;
constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string digits_of(int64_t value, int64_t base) {
  std::string out;
  for (; value > 0 || out.empty(); value /= base) out.insert(out.begin(), kDigits[static_cast<size_t>(value % base)]);
  return out;
}

std::optional<int64_t> value_of(std::string_view digits, int64_t base) {
  int64_t value = 0;
  if (digits.empty()) return std::nullopt;
  for (char c : digits) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos || static_cast<int64_t>(digit) >= base || value > kMostValue)
      return std::nullopt;
    value = value * base + static_cast<int64_t>(digit);
  }
  return value;
}

std::vector<std::string> work_out(int64_t value, int64_t from, int64_t to) {
  std::vector<std::string> steps;
  const std::string digits = digits_of(value, from);
  int64_t so_far = 0;
  for (size_t i = 0; i < digits.size() && from != 10; i++) {
    const int64_t digit = static_cast<int64_t>(kDigits.find(digits[i]));
    steps.push_back(i == 0 ? fmt::format("In base {}, {} is {}.", from, digits.substr(0, 1), digit)
                           : fmt::format("In base {}, {} is {} * {} + {} = {}.", from, digits.substr(0, i + 1), so_far,
                                         from, digit, so_far * from + digit));
    so_far = so_far * from + digit;
  }
  for (int64_t rest = value; to != 10; rest /= to) {
    steps.push_back(fmt::format("{} = {} * {} + {}, digit {}.", rest, rest / to, to, rest % to,
                                kDigits[static_cast<size_t>(rest % to)]));
    if (rest < to) break;
  }
  steps.push_back(fmt::format("In base {}, the digits are {}.", to, digits_of(value, to)));
  return steps;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t digits = dials.whole("digits", draws), most = dials.whole("base", draws);
  int64_t low = digits == 1 ? 2 : 1, high = 1;
  for (int64_t i = 0; i < digits; i++) {
    if (i > 0) low *= 10;
    high *= 10;
  }
  const int64_t value = draws.between(low, high - 1), from = draws.between(2, most), to = draws.between(2, most);
  if (from == to) return std::nullopt;
  Draft out;
  out.prompt = fmt::format("Convert {} from base {} to base {}.{}", digits_of(value, from), from, to,
                           std::max(from, to) > 10 ? " Digits above 9 are written a, b, c and so on." : "");
  out.answer = digits_of(value, to);
  out.key = fmt::format("base {} {} {}", value, from, to);
  out.steps = work_out(value, from, to);
  out.meta = {{"value", value}, {"from", from}, {"to", to}};
  return out;
}

struct Question {
  int64_t value, from, to;
};
Question question_of(const TaskItem& item) {
  return {meta_whole(item.meta, "value", 0, kMostValue), meta_whole(item.meta, "from", 2, kMostBase),
          meta_whole(item.meta, "to", 2, kMostBase)};
}

// 0x1F, 1f, 1f_16: the digits, in lower case.
std::string plain_digits(std::string text, int64_t base) {
  text = lowered(text);
  for (const auto& [prefix, of] : {std::pair<std::string_view, int64_t>{"0x", 16}, {"0b", 2}, {"0o", 8}})
    if (base == of && text.starts_with(prefix)) text.erase(0, prefix.size());
  for (const std::string& mark : {fmt::format("_{}", base), fmt::format("_{{{}}}", base),
                                  fmt::format(" (base {})", base), fmt::format(" in base {}", base)})
    if (text.ends_with(mark)) text.resize(text.size() - mark.size());
  return text;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const Question q = question_of(item);
  std::string text = answer.text;
  if (!answer.marked) {  // the last word
    for (const char* before : {" in base", " (base"})
      if (const size_t at = text.find(before); at != std::string::npos && at > 0 && text.find(' ') == at)
        text.resize(at);
    text = text.substr(text.rfind(' ') + 1);
  }
  const std::string digits = plain_digits(text, q.to);
  const auto value = value_of(digits, q.to);
  if (!value) return wrong_answer(answer.text, fmt::format("is no number of base {}", q.to));
  if (*value != q.value) return wrong_answer(digits, fmt::format("expected {}", digits_of(q.value, q.to)));
  return right_answer(digits);
}

// "In base B, DIGITS is E": DIGITS must begin the question's number (or be the whole result), and E their value. Of
// another base nothing is asked; what is wrong in it is wrong all the same.
StepVerdict check_value(const Question& q, const std::vector<std::string>& found) {
  const auto base = whole_of(found[0]);
  if (!base || *base < 2 || *base > kMostBase) return StepVerdict::none;
  const bool asked = *base == q.from || *base == q.to;
  const auto value = value_of(lowered(found[1]), *base);
  const std::vector<Equation> equations = find_equations(found[2]);
  const auto single = parse_expression(found[2]);
  if (equations.empty() && !single) return StepVerdict::none;
  if (!value) return whole_of(found[1]) ? claim(false) : StepVerdict::none;  // 1103 is no number of base 2
  const std::string number = digits_of(q.value, *base);
  bool good = *base == q.from ? number.starts_with(lowered(found[1])) : !asked || number == lowered(found[1]);
  if (single) good &= evaluate(*single) == Fraction{*value, 1};
  for (const Equation& equation : equations)
    for (const Expression& side : equation) good &= evaluate(side) == Fraction{*value, 1};
  return good && !asked ? StepVerdict::none : claim(good);
}

// "A = Q * B + R, digit D": A must be what is left of the value after some divisions, R below B.
StepVerdict check_division(const Question& q, const std::string& step) {
  StepVerdict out = StepVerdict::none;
  for (const Equation& equation : find_equations(step)) {
    const std::vector<Node>& right = equation[1].nodes;
    if (equation.size() != 2 || !equation[0].is_number() || right.size() != 5 || right[2].op != '*' ||
        right[4].op != '+')
      continue;
    const Fraction rest = evaluate(equation[0]).value_or(Fraction{});
    bool known = false;
    for (int64_t v = q.value; !known; v /= q.to) {
      known = rest == Fraction{v, 1};
      if (v == 0) break;
    }
    known &= right[1].value == Fraction{q.to, 1} && right[3].value < Fraction{q.to, 1} && evaluate(equation[1]) == rest;
    out = join(out, claim(known));
    for (const auto& found : find_claims(step, "digit {}"))
      if (known) out = join(out, claim(lowered(found[0]) == digits_of(rest.num % q.to, q.to)));
  }
  return out;
}

StepVerdict check_step(const Question& q, const std::string& step) {
  StepVerdict out = check_division(q, step);
  for (const auto& found : find_claims(step, "in base {}, {} is {}")) out = join(out, check_value(q, found));
  for (const auto& found : find_claims(step, "digits are {}"))
    out = join(out, claim(lowered(found[0]) == digits_of(q.value, q.to)));
  for (const auto& found : find_claims(step, "in base {}, the digits are {}"))
    if (const auto base = whole_of(found[0])) out = join(out, claim(*base == q.to));
  return out;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const Question q = question_of(item);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) out.push_back(check_step(q, step));
  return out;
}

}  // namespace

TaskFamily base_conversion_family() {
  return {"base_conversion",
          "numbers from one base into another, bases 2 to 36",
          {{.name = "digits", .low = 1, .high = 9, .fallback = "2-3", .help = "decimal digits of the number"},
           {.name = "base", .low = 3, .high = kMostBase, .fallback = "16", .help = "the largest base"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
