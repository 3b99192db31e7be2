// Sums, differences, products and exact quotients: the items of tasks:arithmetic, worked out an operation a step.
#include "data/arithmetic.h"

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

// Precedence first, then left to right: what remains is said with each step.
std::vector<std::string> reduce(ArithmeticItem item) {
  std::vector<std::string> steps;
  while (!item.operators.empty()) {
    const size_t product = item.operators.find_first_of("*/");
    const size_t i = product == std::string::npos ? 0 : product;
    const int64_t a = item.operands[i], b = item.operands[i + 1];
    const char op = item.operators[i];
    const int64_t value = value_of({{a, b}, std::string(1, op)});
    item.operands[i] = value;
    item.operands.erase(item.operands.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    item.operators.erase(i, 1);
    const std::string rest =
        item.operators.empty() ? fmt::format("so the value is {}", value) : "which leaves " + expression_of(item);
    steps.push_back(fmt::format("{} {} {} = {}, {}.", a, op, b, value, rest));
  }
  return steps;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  TaskOptions o;
  set_task_option(o, "task_operands", dials.text("operands"));
  set_task_option(o, "task_digits", dials.text("digits"));
  set_task_option(o, "task_operators", dials.text("operators"));
  check_sizes("task arithmetic", o);
  o.seed = draws.below(UINT64_MAX);
  const ArithmeticItem item = draw_arithmetic(o, 0);
  Draft out;
  out.prompt = fmt::format("What is {}?", expression_of(item));
  out.answer = std::to_string(value_of(item));
  out.key = side_key(item);
  out.steps = reduce(item);
  out.meta["expression"] = expression_of(item);
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) { return judge_number(answer, item.answer); }

// Work in columns (worked_arithmetic.h), "34 + 58: 4+8=12, 2 carry 1; 3+5+1=9, 92": the operation before the last
// colon must have the value that the step ends with. (What is no column work has its equations with blanks.)
StepVerdict check_columns(const std::string& step) {
  const size_t colon = step.rfind(": "), before = step.rfind(": ", colon == 0 ? 0 : colon - 1);
  const std::vector<std::string> numbers = numbers_in(step);
  if (colon == std::string::npos || colon == 0 || numbers.empty()) return StepVerdict::none;
  if (step.find(" = ", colon) != std::string::npos) return StepVerdict::none;
  std::string head = step.substr(0, colon);
  if (before < colon) head.erase(0, before + 1);
  if (const size_t equals = head.find('='); equals != std::string::npos) head.resize(equals);
  const size_t begin = head.find_first_of("-0123456789");
  const auto operation = parse_expression(begin == std::string::npos ? "" : head.substr(begin));
  const auto result = whole_of(numbers.back());
  if (!operation || operation->is_number() || !result) return StepVerdict::none;
  const auto value = evaluate(*operation);
  return value ? claim(*value == Fraction{*result, 1}) : StepVerdict::none;
}

// Every equation must hold, and what is said to be left must have the item's value.
StepVerdict check_step(const std::string& step, const Fraction& value) {
  StepVerdict out = join(check_equations(step), check_columns(step));
  for (const char* pattern : {"leaves {}", "value is {}"})
    for (const auto& found : find_claims(step, pattern))
      if (const auto e = parse_expression(found[0]))
        if (const auto v = evaluate(*e)) out = join(out, claim(*v == value));
  return out;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const auto value = whole_of(item.answer);
  if (!value) fail("item: the answer \"{}\" is no whole number", item.answer);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) out.push_back(check_step(step, {*value, 1}));
  return out;
}

}  // namespace

TaskFamily arithmetic_family() {
  return {"arithmetic",
          "sums, differences, products and exact quotients of whole numbers",
          {{.name = "operands", .low = 2, .high = 8, .fallback = "2", .help = "numbers in the expression"},
           {.name = "digits", .low = 1, .high = 6, .fallback = "1-2", .help = "digits of each"},
           {.name = "operators",
            .kind = Dial::Kind::letters,
            .letters = "+-*/",
            .fallback = "+-",
            .help = "each as likely as it stands there"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
