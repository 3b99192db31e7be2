#include "reward/expression.h"

#include <algorithm>

namespace r1 {
namespace {

// How tightly a node holds together, for brackets.
int binding(const Expression& e) {
  switch (e.kind) {
    case NodeKind::list:
    case NodeKind::choice:
    case NodeKind::relation:
      return 0;
    case NodeKind::add:
    case NodeKind::plus_minus:
    case NodeKind::set_union:
    case NodeKind::intersection:
    case NodeKind::without:
      return 1;
    case NodeKind::negate:
    case NodeKind::multiply:
    case NodeKind::divide:
      return 2;
    case NodeKind::power:
      return 3;
    case NodeKind::number:
      return e.value < 0 ? 1 : boost::multiprecision::denominator(e.value) == 1 ? 4 : 2;
    default:
      return 4;
  }
}

std::string wrapped(const Expression& kid, int least) {
  const std::string text = expression_text(kid);
  return binding(kid) < least ? "(" + text + ")" : text;
}

std::string joined(const std::vector<Expression>& kids, std::string_view between, int least) {
  std::string out;
  for (const Expression& kid : kids) {
    if (!out.empty()) out += between;
    out += wrapped(kid, least);
  }
  return out;
}

std::string sum_text(const Expression& e) {
  std::string out;
  for (const Expression& kid : e.kids) {
    const bool minus = kid.kind == NodeKind::negate;
    if (!out.empty()) out += minus ? " - " : " + ";
    if (out.empty() && minus) out += "-";
    out += wrapped(minus ? kid.kids[0] : kid, 2);
  }
  return out;
}

std::string relation_text(const Expression& e) {
  std::string out = expression_text(e.kids[0]);
  for (size_t i = 0; i < e.name.size(); i++) {
    const char op = e.name[i];
    out += op == relation::kAtMost    ? " <= "
           : op == relation::kAtLeast ? " >= "
           : op == relation::kUnequal ? " != "
           : op == relation::kIn      ? " in "
                                      : std::string(" ") + op + " ";
    out += expression_text(e.kids[i + 1]);
  }
  return out;
}

}  // namespace

bool same_tree(const Expression& a, const Expression& b) {
  return a.kind == b.kind && a.name == b.name && a.value == b.value &&
         std::equal(a.kids.begin(), a.kids.end(), b.kids.begin(), b.kids.end(), same_tree);
}

bool contains(const Expression& tree, NodeKind kind) {
  return tree.kind == kind ||
         std::any_of(tree.kids.begin(), tree.kids.end(), [&](const Expression& kid) { return contains(kid, kind); });
}

size_t num_nodes(const Expression& tree) {
  size_t n = 1;
  for (const Expression& kid : tree.kids) n += num_nodes(kid);
  return n;
}

std::string expression_text(const Expression& e) {
  switch (e.kind) {
    case NodeKind::number:
      return e.value.str();
    case NodeKind::symbol:
    case NodeKind::constant:
    case NodeKind::text:
      return e.name;
    case NodeKind::add:
      return sum_text(e);
    case NodeKind::multiply:
      return joined(e.kids, "*", 2);
    case NodeKind::divide:
      return wrapped(e.kids[0], 2) + "/" + wrapped(e.kids[1], 3);
    case NodeKind::power:
      return wrapped(e.kids[0], 4) + "^" + wrapped(e.kids[1], 4);
    case NodeKind::negate:
      return "-" + wrapped(e.kids[0], 2);
    case NodeKind::function:
      return e.name + "(" + joined(e.kids, ", ", 1) + ")";
    case NodeKind::percent:
      return wrapped(e.kids[0], 4) + "%";
    case NodeKind::degree:
      return wrapped(e.kids[0], 4) + " deg";
    case NodeKind::plus_minus:
      return e.kids.size() == 1 ? "+-" + wrapped(e.kids[0], 2)
                                : wrapped(e.kids[0], 1) + (e.name == "+" ? " +- " : " -+ ") + wrapped(e.kids[1], 2);
    case NodeKind::list:
      return joined(e.kids, ", ", 0);
    case NodeKind::choice:
      return joined(e.kids, " or ", 0);
    case NodeKind::tuple:
      return "(" + joined(e.kids, ", ", 0) + ")";
    case NodeKind::interval:
      return e.name[0] + joined(e.kids, ", ", 0) + e.name[1];
    case NodeKind::set:
      return "{" + joined(e.kids, ", ", 0) + "}";
    case NodeKind::builder:
      return "{" + joined(e.kids, " | ", 0) + "}";
    case NodeKind::set_union:
      return joined(e.kids, " U ", 2);
    case NodeKind::intersection:
      return joined(e.kids, " N ", 2);
    case NodeKind::without:
      return joined(e.kids, " \\ ", 2);
    case NodeKind::matrix:
      return "[" + joined(e.kids, ", ", 0) + "]";
    case NodeKind::relation:
      return relation_text(e);
    case NodeKind::ratio:
      return joined(e.kids, ":", 2);
  }
  return "";
}

}  // namespace r1
