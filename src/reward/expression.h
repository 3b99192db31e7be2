// What a mathematical answer says, as a tree: numbers, formulas, and what formulas are put into (lists, points,
// intervals, sets, matrices, relations). Made by parse_math (math_parser.h), compared by same_answer (math_equal.h).
#pragma once

#include <string>
#include <vector>

#include "reward/number.h"

namespace r1 {

enum class NodeKind {
  number,      // value; decimals as written
  symbol,      // name: "x", "x_1", "\\alpha"
  constant,    // name: "pi", "e", "i", "infinity"
  add,         // kids
  multiply,    // kids
  divide,      // two kids
  power,       // two kids
  negate,      // one kid
  function,    // name, kids: its arguments ("log" may have a base behind its argument, "root" its degree)
  percent,     // one kid
  degree,      // one kid
  plus_minus,  // name "+" or "-" (the sign of the first of the two values); one kid, or two: a +- b
  list,        // a, b: kids in no order; name kMixedName for "1 and 1/2", which may be a number, too
  choice,      // a or b: kids in no order
  tuple,       // (a, b, c), [a, b, c]
  interval,    // name "()", "[)", "(]" or "[]"; two kids. "()" may be a point, too
  set,         // {a, b}
  builder,     // {x | condition}: two kids
  set_union,
  intersection,
  without,
  matrix,    // kids: its rows, each a tuple; name: its brackets ("p", "b", "v", ...)
  relation,  // name: a letter an operator (Relation below), kids: one more than that
  ratio,     // a:b
  text       // name: words, letters small, blanks single
};

// The letters of a relation's name.
namespace relation {
inline constexpr char kEqual = '=', kLess = '<', kMore = '>', kAtMost = 'l', kAtLeast = 'g', kUnequal = 'n', kIn = 'e';
}

inline constexpr const char* kMixedName = "mixed";

struct Expression {
  NodeKind kind = NodeKind::number;
  std::string name;
  Rational value;
  int decimals = -1;  // of a number: digits written after the point; -1 for fractions and the like
  std::vector<Expression> kids;
};

inline Expression make_number(Rational value, int decimals = -1) {
  Expression out;
  out.value = std::move(value);
  out.decimals = decimals;
  return out;
}
inline Expression make_node(NodeKind kind, std::string name, std::vector<Expression> kids) {
  Expression out;
  out.kind = kind;
  out.name = std::move(name);
  out.kids = std::move(kids);
  return out;
}

// Same tree, decimals left aside.
bool same_tree(const Expression& a, const Expression& b);
// Whether some node of the tree is of the kind.
bool contains(const Expression& tree, NodeKind kind);
size_t num_nodes(const Expression& tree);
// One form of writing it, e.g. "(x^2 + 1)/2"; for people and for counting equal answers.
std::string expression_text(const Expression& tree);

}  // namespace r1
