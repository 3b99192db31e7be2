// What steps claim: equations in running text, judged exactly, and sentences of a known form.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tasks/task.h"

namespace r1::tasks {

// An exact number; in lowest terms, den > 0. Operations that leave int64 give nullopt: such a claim is not checked.
struct Fraction {
  int64_t num = 0, den = 1;
  friend bool operator==(const Fraction&, const Fraction&) = default;
  friend bool operator<(const Fraction& a, const Fraction& b) {
    return static_cast<__int128>(a.num) * b.den < static_cast<__int128>(b.num) * a.den;
  }
};
std::optional<Fraction> apply(Fraction a, char op, Fraction b);  // op of + - * /; nullopt also for division by 0
std::string text_of(const Fraction& f);

// One node a number, name or operation; children come before their parents, the root is last.
struct Node {
  char op = '#';  // '#' a number, 'v' a name, '~' a sign, + - * /
  Fraction value;
  char name = 0;
  int left = -1, right = -1;
};
struct Expression {
  std::vector<Node> nodes;
  // A number as it stands, perhaps with its sign: the result of something.
  bool is_number() const { return nodes.size() <= 2 && nodes[0].op == '#'; }
};

// The whole text as an expression of numbers, brackets, + - * / and the one-letter `names`; 3x is 3 * x. Also reads
// the Unicode and LaTeX signs of the operations. At most 4096 bytes and 200 nested brackets.
std::optional<Expression> parse_expression(std::string_view text, std::string_view names = "");

// An equation: two or more sides.
using Equation = std::vector<Expression>;
// All equations of a text; words and punctuation end them.
std::vector<Equation> find_equations(std::string_view text, std::string_view names = "");

// nullopt: a division by zero, or beyond int64.
using Names = std::function<std::optional<Fraction>(char)>;
std::optional<Fraction> evaluate(const Expression& e, const Names& names = {});

// Whether all equations of a text hold. none: there are none, or none that can be checked.
StepVerdict check_equations(std::string_view text, std::string_view letters = "", const Names& names = {});

// Every place where the text reads like the pattern, e.g. "from {} to {}: {} days": the texts that stand for {}, each
// as short as can be; a {} at the end goes up to a full stop, semicolon or the end. Letters' case does not count
// outside {}.
std::vector<std::vector<std::string>> find_claims(std::string_view text, std::string_view pattern);

std::optional<int64_t> whole_of(std::string_view text);

// The values of a damaged item must not hang or crash a checker. Throw r1::Error.
int64_t meta_whole(const Json& meta, const char* key, int64_t low, int64_t high);
std::string meta_text(const Json& meta, const char* key, size_t most_bytes = 4096);
std::vector<int64_t> meta_wholes(const Json& meta, const char* key, size_t most);
std::vector<std::string> meta_texts(const Json& meta, const char* key, size_t most);

std::string joined(const std::vector<std::string>& parts, const char* between = ", ");
std::string joined(const std::vector<int64_t>& parts, const char* between = ", ");

}  // namespace r1::tasks
