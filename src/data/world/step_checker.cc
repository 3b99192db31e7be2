#include "data/world/step_checker.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "data/tasks/claims.h"
#include "data/world/questions.h"

namespace r1::world {
namespace {

using tasks::claim;
using tasks::StepVerdict;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Number {
  int64_t value = 0;
  size_t from = 0, to = 0;
};
// Whole numbers as figures stand there, signs left out.
std::vector<Number> numbers_of(std::string_view text) {
  constexpr size_t kMostFigures = 9;
  std::vector<Number> out;
  for (size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      i++;
      continue;
    }
    Number n{0, i, i};
    while (n.to < text.size() && is_digit(text[n.to])) n.to++;
    if (n.to - i <= kMostFigures) std::from_chars(text.data() + i, text.data() + n.to, n.value);
    i = n.to;
    out.push_back(n);
  }
  return out;
}

// "12+30;-5": what is done, with what each operation begins with.
std::vector<Operation> operations_of(const std::string& key) {
  const auto bad = [&] { fail("world:reasoning: meta.key is \"{}\", expected operations such as 12+30;-5", key); };
  std::vector<Operation> out;
  const std::vector<Number> numbers = numbers_of(key);
  for (size_t i = 0; i + 1 < numbers.size(); i++) {
    const size_t sign = numbers[i + 1].from - 1;
    const std::string between = key.substr(numbers[i].to, numbers[i + 1].from - numbers[i].to);
    if (between.size() != (i == 0 ? 1u : 2u) || (i > 0 && between[0] != ';') ||
        std::string_view("+-*/><").find(key[sign]) == std::string_view::npos)
      bad();
    const int64_t a = i == 0 ? numbers[0].value : out.back().result(), b = numbers[i + 1].value;
    if (key[sign] == '/' && (b == 0 || a % b != 0)) bad();
    out.push_back({a, key[sign], b});
  }
  if (out.empty() || numbers.back().to != key.size()) bad();
  return out;
}

bool holds(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto w) { return text.find(w) != std::string_view::npos; });
}

class Checker {
 public:
  explicit Checker(std::vector<Operation> operations) : operations_(std::move(operations)) {}

  StepVerdict check(std::string_view step) const {
    const std::vector<Number> numbers = numbers_of(step);
    if (numbers.empty()) return StepVerdict::none;
    const StepVerdict equations = tasks::check_equations(step);
    StepVerdict out = StepVerdict::none;
    if (const auto o = first_operation(step, numbers))
      out = tasks::join(way_of(o->first), columns(step, numbers, *o));
    else if (compares() && holds(step, {"larger", "smaller", "大", "小"}))
      return claim(numbers.back().value == answer());
    else
      out = stated(step, numbers);
    // figures of columns that nobody asked for prove nothing right
    return equations == StepVerdict::wrong ? equations : out;
  }

 private:
  using Found = std::pair<Operation, size_t>;  // and where its second number ends

  int64_t answer() const { return operations_.back().result(); }
  bool compares() const { return operations_.back().op == '>' || operations_.back().op == '<'; }

  // "42-13": two numbers with nothing but a sign between them.
  static std::optional<Found> first_operation(std::string_view step, const std::vector<Number>& numbers) {
    for (size_t i = 0; i + 1 < numbers.size(); i++) {
      std::string sign;
      for (char c : step.substr(numbers[i].to, numbers[i + 1].from - numbers[i].to))
        if (c != ' ') sign += c;
      if (sign.size() == 1 && std::string_view("+-*/").find(sign[0]) != std::string_view::npos)
        return Found{{numbers[i].value, sign[0], numbers[i + 1].value}, numbers[i + 1].to};
    }
    return std::nullopt;
  }

  // One of the question's own operations, or one that checks it backwards.
  StepVerdict way_of(const Operation& o) const {
    bool known_a = false, known_b = false;
    for (const Operation& q : operations_) {
      const int64_t c = q.result();
      const bool commutes = q.op == '+' || q.op == '*';
      if (o.op == q.op && ((o.a == q.a && o.b == q.b) || (commutes && o.a == q.b && o.b == q.a)))
        return StepVerdict::right;
      const char back = q.op == '+' ? '-' : q.op == '-' ? '+' : q.op == '*' ? '/' : q.op == '/' ? '*' : '\0';
      if (o.op == back && o.a == c && (o.b == q.b || (commutes && o.b == q.a))) return StepVerdict::right;
      if (o.op == back && q.op == '-' && o.a == q.b && o.b == c) return StepVerdict::right;
      for (const int64_t n : {q.a, q.b, c}) known_a |= n == o.a, known_b |= n == o.b;
    }
    if (operations_.size() == 1) return known_a && known_b ? StepVerdict::wrong : StepVerdict::none;
    // several operations may be done in another order (42-11 first, of 42-13-11), but none of them is another one
    const auto flipped = [&](const Operation& q) { return o.a == q.a && o.b == q.b; };
    const bool wrong = std::any_of(operations_.begin(), operations_.end(), flipped);
    return wrong ? StepVerdict::wrong : StepVerdict::none;
  }

  // "42-13: 12-3=9 borrow 1, 4-1-1=2, so 29": what it comes to.
  static StepVerdict columns(std::string_view step, const std::vector<Number>& numbers, const Found& found) {
    const std::string_view behind = step.substr(found.second);
    if (!behind.starts_with(":") && !behind.starts_with("：")) return StepVerdict::none;
    const size_t so = std::max(step.rfind("so ") + 1, step.rfind("得") + 1);  // npos + 1 = 0
    if (so == 0) return StepVerdict::none;
    const auto n = std::find_if(numbers.begin(), numbers.end(), [&](const Number& x) { return x.from >= so; });
    if (n == numbers.end()) return StepVerdict::none;
    const auto [a, op, b] = found.first;
    const auto value = tasks::apply({a, 1}, op, {b, 1});
    return value ? claim(*value == tasks::Fraction{n->value, 1}) : StepVerdict::none;
  }

  // The answer, or what a look back found.
  StepVerdict stated(std::string_view step, const std::vector<Number>& numbers) const {
    if (numbers.size() == 2 && holds(step, {"wrong", "mistake", "错"}))
      return claim(std::any_of(operations_.begin(), operations_.end(),
                               [&](const Operation& o) { return o.result() == numbers[1].value; }));
    if (numbers.size() != 1) return StepVerdict::none;
    const bool says = holds(step, {"<answer>", "nswer", "It is", "答", "是", "等于"});
    return says || is_bare(step, numbers[0]) ? claim(numbers[0].value == answer()) : StepVerdict::none;
  }
  static bool is_bare(std::string_view step, const Number& n) {
    std::string rest(step.substr(0, n.from));
    rest += step.substr(n.to);
    for (const std::string_view mark : {"<think>", "</think>", "</answer>", "。", ".", " ", "\n"})
      for (size_t at = rest.find(mark); at != std::string::npos; at = rest.find(mark)) rest.erase(at, mark.size());
    return rest.empty();
  }

  std::vector<Operation> operations_;
};

}  // namespace

bool is_reasoning_row(const tasks::Json& row) {
  return row.is_object() && row.contains("world") && row["world"] == "reasoning" && row.contains("meta");
}

std::vector<StepVerdict> check_reasoning_steps(const tasks::Json& row, const std::vector<std::string>& steps) {
  const Checker checker(operations_of(tasks::meta_text(row["meta"], "key")));
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) out.push_back(checker.check(step));
  return out;
}

}  // namespace r1::world
