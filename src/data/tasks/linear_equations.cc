// Linear equations in one unknown, and pairs of them in two, with whole solutions. An equation in a step is true when
// the solution satisfies it, and when it comes from one before it by the operation that the step names.
#include <algorithm>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr int64_t kMostValue = 1'000'000'000;

// "3x", "-x", "x" for the first term of a sum.
std::string term(int64_t factor, char name) {
  if (factor == 1) return std::string(1, name);
  if (factor == -1) return fmt::format("-{}", name);
  return fmt::format("{}{}", factor, name);
}
std::string plus(int64_t factor, char name) {  // " + 3x", " - x"; nothing for 0
  if (factor == 0) return "";
  return fmt::format(" {} {}", factor < 0 ? '-' : '+', term(std::abs(factor), name));
}
std::string plus(int64_t number) {
  return number == 0 ? "" : fmt::format(" {} {}", number < 0 ? '-' : '+', std::abs(number));
}
// a x + b, never empty
std::string side(int64_t a, int64_t b) { return a == 0 ? std::to_string(b) : term(a, 'x') + plus(b); }
std::string two(int64_t a, int64_t b, int64_t e) { return fmt::format("{}{} = {}", term(a, 'x'), plus(b, 'y'), e); }
std::string bracketed(int64_t n) { return n < 0 ? fmt::format("({})", n) : std::to_string(n); }

std::string take_away(const std::string& what, bool negative) {
  return negative ? fmt::format("Add {} to both sides", what) : fmt::format("Subtract {} from both sides", what);
}

int64_t nonzero(Draws& draws, int64_t most) {
  const int64_t n = draws.between(1, most);
  return draws.chance(50) ? n : -n;
}

std::optional<Draft> draw_one(Draws& draws, int64_t size) {
  const int64_t x = draws.between(-size, size), a = nonzero(draws, size), b = draws.between(-size, size);
  const int64_t c = draws.chance(50) ? nonzero(draws, size) : 0;
  if (a == c) return std::nullopt;
  const int64_t d = (a - c) * x + b;
  Draft out;
  const std::string equation = fmt::format("{} = {}", side(a, b), side(c, d));
  out.prompt = fmt::format("Solve for x: {}", equation);
  out.answer = fmt::format("x = {}", x);
  out.key = fmt::format("linear {}", equation);
  if (c != 0)
    out.steps.push_back(fmt::format("{}: {} = {}.", take_away(term(std::abs(c), 'x'), c < 0), side(a - c, b), d));
  if (b != 0)
    out.steps.push_back(
        fmt::format("{}: {} = {}.", take_away(std::to_string(std::abs(b)), b < 0), term(a - c, 'x'), d - b));
  if (a - c != 1) out.steps.push_back(fmt::format("Divide both sides by {}: x = {}.", a - c, x));
  out.steps.push_back(fmt::format("The solution is x = {}.", x));
  out.meta = {{"equations", {equation}}, {"solution", {x}}};
  return out;
}

// The first equation times b2 less the second times b1 has no y.
std::optional<Draft> draw_two(Draws& draws, int64_t size) {
  const int64_t x = draws.between(-size, size), y = draws.between(-size, size);
  const int64_t a1 = nonzero(draws, size), b1 = nonzero(draws, size), a2 = nonzero(draws, size),
                b2 = nonzero(draws, size);
  const int64_t e1 = a1 * x + b1 * y, e2 = a2 * x + b2 * y, det = a1 * b2 - a2 * b1;
  if (det == 0) return std::nullopt;
  Draft out;
  const std::string first = two(a1, b1, e1), second = two(a2, b2, e2);
  out.prompt = fmt::format("Solve for x and y: {} and {}", first, second);
  out.answer = fmt::format("x = {}, y = {}", x, y);
  out.key = fmt::format("linear {} and {}", std::min(first, second), std::max(first, second));
  out.steps = {
      fmt::format("Multiply the first equation by {}: {}.", b2, two(a1 * b2, b1 * b2, e1 * b2)),
      fmt::format("Multiply the second equation by {}: {}.", b1, two(a2 * b1, b2 * b1, e2 * b1)),
      fmt::format("Subtract the second from the first: {} = {}.", term(det, 'x'), e1 * b2 - e2 * b1),
      fmt::format("Divide both sides by {}: x = {}.", det, x),
      fmt::format("Put it into the first equation: {} * {}{} = {}.", a1, bracketed(x), plus(b1, 'y'), e1),
      fmt::format("{}: {} = {}.", take_away(std::to_string(std::abs(a1 * x)), a1 * x < 0), term(b1, 'y'), e1 - a1 * x),
      fmt::format("Divide both sides by {}: y = {}.", b1, y),
      fmt::format("The solution is x = {}, y = {}.", x, y)};
  out.meta = {{"equations", {first, second}}, {"solution", {x, y}}};
  return out;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t unknowns = dials.whole("unknowns", draws), size = dials.whole("size", draws);
  return unknowns == 1 ? draw_one(draws, size) : draw_two(draws, size);
}

std::vector<int64_t> solution_of(const TaskItem& item) {
  const auto out = meta_wholes(item.meta, "solution", 2);
  if (out.empty()) fail("item: meta.solution is empty");
  for (int64_t n : out)
    if (std::abs(n) > kMostValue) fail("item: meta.solution holds {}, at most {} is read", n, kMostValue);
  return out;
}

// The value an answer gives to a name: of "x = 3", or of the name's place in "(3, -2)".
std::optional<Fraction> value_in(const std::string& text, char name, size_t place, size_t count) {
  std::optional<Fraction> found;
  for (const Equation& equation : find_equations(text, "xy")) {
    const Node& left = equation[0].nodes[0];
    if (equation[0].nodes.size() == 1 && left.op == 'v' && left.name == name) found = evaluate(equation.back());
  }
  if (found) return found;
  std::string plain = text;
  if (const size_t at = plain.rfind('='); at != std::string::npos && count == 1) plain.erase(0, at + 1);
  const std::vector<std::string> items = list_items(plain);
  if (items.size() != count) return std::nullopt;
  const auto e = parse_expression(items[place]);
  return e ? evaluate(*e) : std::nullopt;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const std::vector<int64_t> solution = solution_of(item);
  bool all = true;
  std::string extracted;
  for (size_t i = 0; i < solution.size(); i++) {
    const char name = "xy"[i];
    const auto value = value_in(answer.text, name, i, solution.size());
    if (!value) return no_answer(fmt::format("no value of {} that can be read", name));
    extracted += fmt::format("{}{} = {}", i > 0 ? ", " : "", name, text_of(*value));
    all &= *value == Fraction{solution[i], 1};
  }
  return all ? right_answer(extracted) : wrong_answer(extracted, fmt::format("expected {}", item.answer));
}

// "Subtract 3x from both sides": '-' and 3x. Empty: the step names no such operation.
struct Operation {
  char op = 0;
  Expression by;
};
std::optional<Operation> operation_of(const std::string& step, const std::string& letters) {
  constexpr std::pair<const char*, char> kForms[] = {{"add {} to both sides", '+'},
                                                     {"subtract {} from both sides", '-'},
                                                     {"divide both sides by {}:", '/'},
                                                     {"multiply both sides by {}:", '*'},
                                                     {"multiply the first equation by {}:", '*'},
                                                     {"multiply the second equation by {}:", '*'}};
  for (const auto& [form, op] : kForms)
    for (const auto& found : find_claims(step, form))
      if (auto by = parse_expression(found[0], letters)) return Operation{op, std::move(*by)};
  return std::nullopt;
}

// Whether `after` is `before` with the operation done on both sides. All are linear, so that they are the same when
// they are at three points that lie on no line.
bool comes_from(const Equation& before, const Operation& operation, const Equation& after) {
  constexpr int64_t kPoints[][2] = {{2, 3}, {5, 3}, {2, 7}};
  for (const auto& point : kPoints) {
    const Names names = [&](char name) -> std::optional<Fraction> { return Fraction{point[name == 'y'], 1}; };
    const auto by = evaluate(operation.by, names);
    for (const bool last : {false, true}) {
      const auto was = evaluate(last ? before.back() : before.front(), names);
      const auto is = evaluate(last ? after.back() : after.front(), names);
      if (!by || !was || !is || apply(*was, operation.op, *by) != is) return false;
      if (operation.op == '*' && *by == Fraction{0, 1}) return false;  // what was said is lost
    }
  }
  return true;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const std::vector<int64_t> solution = solution_of(item);
  const std::string letters = std::string("xy").substr(0, solution.size());
  const Names names = [&](char name) -> std::optional<Fraction> { return Fraction{solution[letters.find(name)], 1}; };
  std::vector<Equation> known;  // the item's, and what steps made of them
  if (item.meta.contains("equations"))
    for (const std::string& text : meta_texts(item.meta, "equations", 2))
      for (Equation& equation : find_equations(text, letters)) known.push_back(std::move(equation));
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = check_equations(step, letters, names);
    const std::vector<Equation> said = find_equations(step, letters);
    const std::optional<Operation> operation = operation_of(step, letters);
    if (v == StepVerdict::right && operation && !known.empty() && !said.empty())
      v = claim(std::any_of(known.begin(), known.end(),
                            [&](const Equation& e) { return comes_from(e, *operation, said.back()); }));
    out.push_back(v);
    known.insert(known.end(), said.begin(), said.end());
  }
  return out;
}

}  // namespace

TaskFamily linear_equations_family() {
  return {"linear_equations",
          "linear equations with one or two unknowns and whole solutions",
          {{.name = "unknowns", .low = 1, .high = 2, .fallback = "1", .help = "x, or x and y"},
           {.name = "size", .low = 2, .high = 99, .fallback = "10", .help = "the largest factor and solution"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
