// For how many assignments is a formula of propositional logic true? Worked out a row a step.
#include <algorithm>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostVariables = 6, kMostNodes = 64;
constexpr std::string_view kNames = "pqrstu";

// A formula in postfix order: a variable's letter, or one of ! & | > =.
using Formula = std::string;

int operands_of(char op) { return op == '!' ? 1 : kNames.find(op) == std::string_view::npos ? 2 : 0; }

bool apply(char op, bool a, bool b) {
  switch (op) {
    case '!':
      return !a;
    case '&':
      return a && b;
    case '|':
      return a || b;
    case '>':
      return !a || b;
    default:
      return a == b;
  }
}

const char* word_of(char op) {
  switch (op) {
    case '&':
      return "and";
    case '|':
      return "or";
    case '>':
      return "implies";
    default:
      return "iff";
  }
}

// Every part of the formula in its order, as text and with its value.
struct Part {
  std::string text;
  bool value, is_variable;
};
std::vector<Part> parts_of(const Formula& f, uint32_t row) {
  std::vector<Part> parts;
  std::vector<size_t> stack;
  for (char c : f) {
    const size_t variable = kNames.find(c);
    if (variable != std::string_view::npos) {
      parts.push_back({std::string(1, c), (row >> variable & 1) != 0, true});
    } else if (c == '!') {
      const Part& a = parts[stack.back()];
      parts.push_back({fmt::format("(not {})", a.text), !a.value, false});
      stack.pop_back();
    } else {
      const Part &a = parts[stack[stack.size() - 2]], &b = parts[stack.back()];
      parts.push_back({fmt::format("({} {} {})", a.text, word_of(c), b.text), apply(c, a.value, b.value), false});
      stack.resize(stack.size() - 2);
    }
    stack.push_back(parts.size() - 1);
  }
  return parts;
}

void check_formula(const Formula& f, size_t variables) {
  int depth = 0;
  for (char c : f) {
    if (std::string_view("!&|>=").find(c) == std::string_view::npos &&
        kNames.substr(0, variables).find(c) == std::string_view::npos)
      fail("item: meta.formula holds \"{}\"", c);
    if (depth < operands_of(c)) fail("item: meta.formula lacks operands");
    depth += 1 - operands_of(c);
  }
  if (depth != 1 || f.size() > kMostNodes)
    fail("item: meta.formula is no single formula of at most {} signs", kMostNodes);
}

Formula draw_formula(int64_t connectives, int64_t variables, Draws& draws) {
  if (connectives == 0) return std::string(1, kNames[draws.below(static_cast<uint64_t>(variables))]);
  static const std::vector<char> ops = {'!', '&', '|', '>', '=', '&', '|'};
  const char op = draws.pick(ops);
  if (op == '!') {
    const Formula inside = draw_formula(connectives - 1, variables, draws);
    return inside.back() == '!' ? inside : inside + "!";
  }
  const int64_t left = draws.between(0, connectives - 1);
  return draw_formula(left, variables, draws) + draw_formula(connectives - 1 - left, variables, draws) + op;
}

std::string row_text(uint32_t row, size_t variables) {
  std::vector<std::string> parts;
  for (size_t v = 0; v < variables; v++) parts.push_back(fmt::format("{} = {}", kNames[v], (row >> v & 1) != 0));
  return joined(parts);
}

size_t count_true(const Formula& f, size_t variables) {
  size_t count = 0;
  for (uint32_t row = 0; row < 1u << variables; row++) count += parts_of(f, row).back().value ? 1 : 0;
  return count;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t variables = dials.whole("variables", draws);
  const int64_t connectives = std::max(dials.whole("connectives", draws), variables - 1);
  const size_t n = static_cast<size_t>(variables);
  const Formula f = draw_formula(connectives, variables, draws);
  for (size_t v = 0; v < n; v++)
    if (f.find(kNames[v]) == std::string::npos) return std::nullopt;
  if (f.size() < 2) return std::nullopt;
  Draft out;
  const std::string text = parts_of(f, 0).back().text;
  const std::string letters(kNames.substr(0, n));
  out.prompt = fmt::format("For how many of the {} assignments of true and false to {} is {} true?", 1u << n,
                           fmt::join(letters.begin(), letters.end(), ", "), text);
  for (uint32_t row = 1u << n; row-- > 0;) {
    std::vector<std::string> values;
    for (const Part& part : parts_of(f, row))
      if (!part.is_variable) values.push_back(fmt::format("{} is {}", part.text, part.value));
    out.steps.push_back(fmt::format("{}: {}.", row_text(row, n), joined(values)));
  }
  const size_t count = count_true(f, n);
  out.answer = std::to_string(count);
  out.steps.push_back(fmt::format("The formula is true for {} of the {} assignments.", count, 1u << n));
  out.key = "truth " + text;
  out.meta = {{"formula", f}, {"variables", variables}};
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  TaskAnswer first = answer;  // "3 of 4", "3 of the 4"
  if (const size_t of = first.text.find(" of "); of != std::string::npos) first.text.resize(of);
  return judge_number(first, item.answer);
}

// The row that a step sets out with; nullopt when it leaves a variable open.
std::optional<uint32_t> row_of(const std::string& step, size_t variables) {
  uint32_t row = 0;
  for (size_t v = 0; v < variables; v++) {
    const bool is_true = step.find(fmt::format("{} = true", kNames[v])) != std::string::npos,
               is_false = step.find(fmt::format("{} = false", kNames[v])) != std::string::npos;
    if (is_true == is_false) return std::nullopt;
    if (is_true) row |= 1u << v;
  }
  return row;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const size_t variables = static_cast<size_t>(meta_whole(item.meta, "variables", 1, kMostVariables));
  const Formula f = meta_text(item.meta, "formula");
  check_formula(f, variables);
  const int64_t count = static_cast<int64_t>(count_true(f, variables));
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = StepVerdict::none;
    if (const auto row = row_of(step, variables))
      for (const Part& part : parts_of(f, *row))
        for (bool value : {false, true})
          if (!part.is_variable && step.find(fmt::format("{} is {}", part.text, value)) != std::string::npos)
            v = join(v, claim(part.value == value));
    for (const auto& found : find_claims(step, "true for {} of"))
      if (const auto n = whole_of(found[0])) v = join(v, claim(*n == count));
    for (const auto& found : find_claims(step, "of the {} assignments"))
      if (const auto n = whole_of(found[0])) v = join(v, claim(*n == int64_t{1} << variables));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily truth_tables_family() {
  return {"truth_tables",
          "for how many assignments a formula of propositional logic is true",
          {{.name = "variables", .low = 1, .high = 5, .fallback = "2-3", .help = "p, q, ..."},
           {.name = "connectives",
            .low = 1,
            .high = 10,
            .fallback = "2-4",
            .help = "not, and, or, implies, iff; at least enough to join the variables"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
