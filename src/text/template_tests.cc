// Tests (`x is odd`).
#include <fmt/format.h>

#include <map>

#include "text/template_filters.h"
#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/template_strings.h"

namespace r1::jinja {
namespace {

using Table = std::map<std::string, Test, std::less<>>;

void no_arguments(const Arguments& arguments) { const Bound b("the test", arguments, {}); }
Value other(const Arguments& arguments) { return Bound("the test", arguments, {""}, 1)[0]; }

bool is_remainder(Runtime& runtime, const Value& v, const Value& by, int64_t rest) {
  return equal(runtime, arithmetic(runtime, Operator::modulo, v, by), Value::integer(rest));
}

// operator.lt and its like: less(a, b) or equal, with Python's messages.
bool compare(Runtime& runtime, const std::string& op, const Value& a, const Value& b) {
  const bool swapped = op == ">" || op == "<=";
  const bool is_less = swapped ? less(runtime, b, a, op.c_str()) : less(runtime, a, b, op.c_str());
  if (op == "<" || op == ">") return is_less;
  // not simply the opposite, for nan has no order
  return equal(runtime, a, b) || (op == "<=" ? less(runtime, a, b) : less(runtime, b, a));
}

bool is_sequence(const Value& v) {
  return v.is_undefined() || v.is_text() || v.is(Kind::list) || v.is(Kind::tuple) || v.is(Kind::dict) ||
         v.is(Kind::range);
}

bool is_same(Runtime& runtime, const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.identity() != nullptr && a.identity() == b.identity()) return true;
  return (a.is_none() || a.is(Kind::boolean) || a.is(Kind::integer) || a.is_text()) && equal(runtime, a, b);
}

bool is_name(const Value& v) {
  hash_key(v);  // what cannot be a key of the table is an error
  return v.is_text();
}

#define R1_TEST(expression)                                    \
  [](Runtime& r, const Value& v, const Arguments& a) -> bool { \
    (void)r;                                                   \
    (void)v;                                                   \
    no_arguments(a);                                           \
    return expression;                                         \
  }
#define R1_TEST_WITH(expression) [](Runtime& r, const Value& v, const Arguments& a) -> bool { return expression; }

const Table& tests() {
  static const Table table = {
      {"defined", R1_TEST(!v.is_undefined())},
      {"undefined", R1_TEST(v.is_undefined())},
      {"none", R1_TEST(v.is_none())},
      {"boolean", R1_TEST(v.is(Kind::boolean))},
      {"true", R1_TEST(v.is(Kind::boolean) && v.boolean())},
      {"false", R1_TEST(v.is(Kind::boolean) && !v.boolean())},
      {"integer", R1_TEST(v.is(Kind::integer))},
      {"float", R1_TEST(v.is(Kind::real))},
      {"number", R1_TEST(v.is_number())},
      {"string", R1_TEST(v.is_text())},
      {"mapping", R1_TEST(v.is(Kind::dict))},
      {"sequence", R1_TEST(is_sequence(v))},
      {"iterable", R1_TEST(is_iterable(v) || v.is(Kind::loop))},
      {"callable", R1_TEST(v.is(Kind::function) || v.is(Kind::loop) || v.is_undefined())},
      {"escaped", R1_TEST(v.is_text() && v.text().markup)},
      {"lower", R1_TEST(is_lower(print_text(r, v)))},
      {"upper", R1_TEST(is_upper(print_text(r, v)))},
      {"odd", R1_TEST(is_remainder(r, v, Value::integer(2), 1))},
      {"even", R1_TEST(is_remainder(r, v, Value::integer(2), 0))},
      {"divisibleby", R1_TEST_WITH(is_remainder(r, v, Bound("divisibleby", a, {"num"}, 1)[0], 0))},
      {"filter", R1_TEST(is_name(v) && find_filter(v.text().bytes()) != nullptr)},
      {"test", R1_TEST(is_name(v) && find_test(v.text().bytes()) != nullptr)},
      {"sameas", R1_TEST_WITH(is_same(r, v, Bound("sameas", a, {"other"}, 1)[0]))},
      {"in", R1_TEST_WITH(contains(r, Bound("in", a, {"seq"}, 1)[0], v))},
      {"==", R1_TEST_WITH(equal(r, v, other(a)))},
      {"eq", R1_TEST_WITH(equal(r, v, other(a)))},
      {"equalto", R1_TEST_WITH(equal(r, v, other(a)))},
      {"!=", R1_TEST_WITH(!equal(r, v, other(a)))},
      {"ne", R1_TEST_WITH(!equal(r, v, other(a)))},
      {">", R1_TEST_WITH(compare(r, ">", v, other(a)))},
      {"gt", R1_TEST_WITH(compare(r, ">", v, other(a)))},
      {"greaterthan", R1_TEST_WITH(compare(r, ">", v, other(a)))},
      {">=", R1_TEST_WITH(compare(r, ">=", v, other(a)))},
      {"ge", R1_TEST_WITH(compare(r, ">=", v, other(a)))},
      {"<", R1_TEST_WITH(compare(r, "<", v, other(a)))},
      {"lt", R1_TEST_WITH(compare(r, "<", v, other(a)))},
      {"lessthan", R1_TEST_WITH(compare(r, "<", v, other(a)))},
      {"<=", R1_TEST_WITH(compare(r, "<=", v, other(a)))},
      {"le", R1_TEST_WITH(compare(r, "<=", v, other(a)))},
  };
  return table;
}

#undef R1_TEST
#undef R1_TEST_WITH

}  // namespace

Test find_test(const std::string& name) {
  const auto it = tests().find(name);
  return it == tests().end() ? nullptr : it->second;
}

bool apply_test(Runtime& runtime, const std::string& name, const Value& value, const Arguments& arguments) {
  const Test test = find_test(name);
  if (test == nullptr) throw Trouble(fmt::format("unknown test '{}'", name));
  return test(runtime, value, arguments);
}

bool has_test(const std::string& name) { return find_test(name) != nullptr; }

}  // namespace r1::jinja
