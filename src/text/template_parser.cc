#include "text/template_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace r1::jinja {
namespace {
constexpr int kDeepest = 150, kTallest = 200;
}

ExpressionParser::Nested::Nested(ExpressionParser& parser) : p(parser) {
  if (++p.depth_ > kDeepest) p.error("nested too deeply");
}

void ExpressionParser::refuse_unknown(size_t since) const {
  if (unknown_.size() > since) template_error(name_, unknown_[since].first, unknown_[since].second);
}

void ExpressionParser::expect_op(const char* op) {
  if (!accept_op(op)) error(fmt::format("expected '{}', found '{}'", op, peek().text));
}

std::string ExpressionParser::expect_identifier() {
  if (peek().kind != Kind_::name) error("expected a name");
  return take().text;
}

ExprPtr ExpressionParser::make_expr(ExprKind kind, std::string text) const {
  auto e = std::make_unique<Expr>();
  e->kind = kind;
  e->place = peek().place;
  e->text = std::move(text);
  return e;
}

void ExpressionParser::add(Expr& e, ExprPtr part) const {
  if (part) e.height = std::max(e.height, part->height + 1);
  if (e.height > kTallest) error("the expression is too long");
  e.parts.push_back(std::move(part));
}

bool ExpressionParser::ends_tuple(const char* end) const {
  return peek().kind == Kind_::block_end || peek().kind == Kind_::print_end || is_op(")") ||
         (end != nullptr && is_name(end));
}

ExprPtr ExpressionParser::tuple(bool with_condition, const char* end) {
  ExprPtr first = with_condition ? expression() : disjunction();
  if (!is_op(",")) return first;
  auto list = make_expr(ExprKind::tuple);
  add(*list, std::move(first));
  while (accept_op(",")) {
    if (ends_tuple(end)) break;
    add(*list, with_condition ? expression() : disjunction());
  }
  return list;
}

ExprPtr ExpressionParser::expression() {
  Nested nested(*this);
  const size_t unknown = unknown_.size();
  ExprPtr value = disjunction();
  while (accept_name("if")) {
    auto e = make_expr(ExprKind::conditional);
    ExprPtr test = disjunction();
    ExprPtr other = accept_name("else") ? expression() : nullptr;
    unknown_.resize(unknown);
    add(*e, std::move(test));
    add(*e, std::move(value));
    add(*e, std::move(other));
    value = std::move(e);
  }
  return value;
}

ExprPtr ExpressionParser::disjunction() {
  ExprPtr left = conjunction();
  while (is_name("or")) {
    auto e = make_expr(ExprKind::either);
    take();
    add(*e, std::move(left));
    add(*e, conjunction());
    left = std::move(e);
  }
  return left;
}

ExprPtr ExpressionParser::conjunction() {
  ExprPtr left = negation();
  while (is_name("and")) {
    auto e = make_expr(ExprKind::both);
    take();
    add(*e, std::move(left));
    add(*e, negation());
    left = std::move(e);
  }
  return left;
}

ExprPtr ExpressionParser::negation() {
  Nested nested(*this);
  if (!is_name("not")) return comparison();
  auto e = make_expr(ExprKind::invert);
  take();
  add(*e, negation());
  return e;
}

ExprPtr ExpressionParser::comparison() {
  ExprPtr first = sum();
  ExprPtr e;
  while (true) {
    std::string op;
    for (const char* candidate : {"==", "!=", "<=", ">=", "<", ">"})
      if (op.empty() && is_op(candidate)) op = candidate;
    if (op.empty() && is_name("in")) op = "in";
    if (op.empty() && is_name("not") && peek(1).kind == Kind_::name && peek(1).text == "in") op = "not in";
    if (op.empty()) return e ? std::move(e) : std::move(first);
    if (!e) {
      e = make_expr(ExprKind::compare);
      add(*e, std::move(first));
    }
    at_ += op == "not in" ? 2 : 1;
    e->comparisons.push_back(op);
    add(*e, sum());
  }
}

ExprPtr ExpressionParser::arithmetic(Operator op, ExprPtr a, ExprPtr b) const {
  auto e = make_expr(ExprKind::arithmetic);
  e->op = op;
  e->place = a->place;
  add(*e, std::move(a));
  add(*e, std::move(b));
  return e;
}

ExprPtr ExpressionParser::sum() {
  ExprPtr left = concatenation();
  while (is_op("+") || is_op("-")) {
    const Operator op = take().text == "+" ? Operator::add : Operator::subtract;
    left = arithmetic(op, std::move(left), concatenation());
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  ExprPtr left = product();
  if (!is_op("~")) return left;
  auto e = make_expr(ExprKind::concat);
  add(*e, std::move(left));
  while (accept_op("~")) add(*e, product());
  return e;
}

ExprPtr ExpressionParser::product() {
  ExprPtr left = power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    const std::string sign = take().text;
    const Operator op = sign == "*"   ? Operator::multiply
                        : sign == "/" ? Operator::divide
                        : sign == "%" ? Operator::modulo
                                      : Operator::floor_divide;
    left = arithmetic(op, std::move(left), power());
  }
  return left;
}

// Jinja's order: a sign binds tighter than a filter, and ** looser than both.
ExprPtr ExpressionParser::power() {
  ExprPtr left = signed_value(true);
  while (accept_op("**")) left = arithmetic(Operator::power, std::move(left), signed_value(true));
  return left;
}

ExprPtr ExpressionParser::signed_value(bool with_filters) {
  Nested nested(*this);
  ExprPtr value;
  if (is_op("-") || is_op("+")) {
    value = make_expr(is_op("-") ? ExprKind::negate : ExprKind::plus);
    take();
    add(*value, signed_value(false));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExprPtr ExpressionParser::filters_and_tests(ExprPtr value) {
  while (true) {
    if (is_op("|")) {
      value = filter_chain(std::move(value), false);
    } else if (is_name("is")) {
      value = test(std::move(value));
    } else if (is_op("(")) {
      auto e = make_expr(ExprKind::call);
      take();
      add(*e, std::move(value));
      arguments(*e);
      value = std::move(e);
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::filter_chain(ExprPtr value, bool starts_inside) {
  while (starts_inside || is_op("|")) {
    if (!starts_inside) take();
    starts_inside = false;
    auto e = make_expr(ExprKind::filter);
    e->text = expect_identifier();
    while (accept_op(".")) e->text += "." + expect_identifier();
    if (!has_filter(e->text)) unknown_.emplace_back(e->place, fmt::format("unknown filter '{}'", e->text));
    add(*e, std::move(value));
    if (accept_op("(")) arguments(*e);
    value = std::move(e);
  }
  return value;
}

ExprPtr ExpressionParser::test(ExprPtr value) {
  auto e = make_expr(ExprKind::test);
  take();
  const bool negated = accept_name("not");
  e->place = peek().place;
  e->text = expect_identifier();
  while (accept_op(".")) e->text += "." + expect_identifier();
  if (!has_test(e->text)) unknown_.emplace_back(e->place, fmt::format("unknown test '{}'", e->text));
  add(*e, std::move(value));
  if (accept_op("("))
    arguments(*e);
  else if (takes_bare_argument())
    add(*e, postfix(primary()));
  if (!negated) return e;
  auto no = make_expr(ExprKind::invert);
  add(*no, std::move(e));
  return no;
}

bool ExpressionParser::takes_bare_argument() const {
  if (peek().kind == Kind_::string || peek().kind == Kind_::number) return true;
  if (peek().kind != Kind_::name) return is_op("[") || is_op("{");
  if (is_name("is")) error("tests cannot be chained with is");
  return !is_name("else") && !is_name("or") && !is_name("and");
}

ExprPtr ExpressionParser::postfix(ExprPtr value) {
  while (true) {
    if (is_op(".")) {
      value = dotted(std::move(value));
    } else if (is_op("[")) {
      value = subscript(std::move(value));
    } else if (is_op("(")) {
      auto e = make_expr(ExprKind::call);
      take();
      add(*e, std::move(value));
      arguments(*e);
      value = std::move(e);
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::dotted(ExprPtr value) {
  take();
  auto e = make_expr(ExprKind::attribute);
  if (peek().kind == Kind_::number) {
    e->kind = ExprKind::index;
    auto key = make_expr(ExprKind::literal);
    key->value = number(take());
    if (!key->value.is(Kind::integer)) error("expected a name or a whole number after '.'");
    add(*e, std::move(value));
    add(*e, std::move(key));
    return e;
  }
  e->text = expect_identifier();
  add(*e, std::move(value));
  return e;
}

ExprPtr ExpressionParser::subscript(ExprPtr object) {
  take();
  ExprPtr e = subscribed(nullptr);
  if (is_op(",")) {  // a[1, 2] is a[(1, 2)]
    if (e->kind == ExprKind::slice) error("a slice cannot be part of a tuple");
    auto key = make_expr(ExprKind::tuple);
    add(*key, std::move(e->parts[1]));
    while (accept_op(",")) {
      if (is_op("]")) break;
      add(*key, expression());
    }
    e->parts.pop_back();
    add(*e, std::move(key));
  }
  expect_op("]");
  e->height = std::max(e->height, object->height + 1);
  if (e->height > kTallest) error("the expression is too long");
  e->parts[0] = std::move(object);
  return e;
}

// One index or slice; the object's place is left empty.
ExprPtr ExpressionParser::subscribed(ExprPtr object) {
  auto e = make_expr(ExprKind::index);
  ExprPtr bounds[3];
  int bound = 0;
  if (!is_op(":")) bounds[0] = expression();
  while (accept_op(":")) {
    e->kind = ExprKind::slice;
    if (++bound > 2) error("a slice has at most three parts");
    if (!is_op(":") && !is_op("]")) bounds[bound] = expression();
  }
  add(*e, std::move(object));
  for (int i = 0; i < (e->kind == ExprKind::slice ? 3 : 1); i++) add(*e, std::move(bounds[i]));
  return e;
}

// After the opening bracket, up to and with the closing one.
void ExpressionParser::arguments(Expr& e) {
  while (!is_op(")")) {
    argument(e);
    if (!accept_op(",")) break;
  }
  expect_op(")");
}

void ExpressionParser::argument(Expr& e) {
  const auto keep = [&](ExprPtr value) {
    e.height = std::max(e.height, value->height + 1);
    if (e.height > kTallest) error("the expression is too long");
    return value;
  };
  if (accept_op("*")) {
    if (e.more || e.more_named) error("invalid syntax for function call expression");
    e.more = keep(expression());
  } else if (accept_op("**")) {
    if (e.more_named) error("invalid syntax for function call expression");
    e.more_named = keep(expression());
  } else if (peek().kind == Kind_::name && peek(1).kind == Kind_::op && peek(1).text == "=") {
    if (e.more_named) error("invalid syntax for function call expression");
    const std::string key = take().text;
    take();
    for (const auto& [other, value] : e.named)
      if (other == key) error(fmt::format("keyword argument repeated: {}", key));
    e.named.emplace_back(key, keep(expression()));
  } else {
    if (e.more || e.more_named || !e.named.empty()) error("a positional argument follows a keyword argument");
    add(e, expression());
  }
}

ExprPtr ExpressionParser::name_or_constant(const std::string& text) {
  auto e = make_expr(ExprKind::literal);
  if (text == "true" || text == "True")
    e->value = Value::boolean(true);
  else if (text == "false" || text == "False")
    e->value = Value::boolean(false);
  else if (text != "none" && text != "None") {
    e->kind = ExprKind::name;
    e->text = text;
    for (Node* macro : macros_) {
      macro->uses_caller |= text == "caller";
      macro->uses_kwargs |= text == "kwargs";
      macro->uses_varargs |= text == "varargs";
    }
  }
  return e;
}

ExprPtr ExpressionParser::primary() {
  auto e = make_expr(ExprKind::literal);
  const TemplateToken token = take();
  if (token.kind == Kind_::string) {
    std::string text = token.text;
    while (peek().kind == Kind_::string) text += take().text;
    e->value = Value::text(std::move(text));
  } else if (token.kind == Kind_::number) {
    e->value = number(token);
  } else if (token.kind == Kind_::name) {
    auto named = name_or_constant(token.text);
    named->place = token.place;
    return named;
  } else if (token.kind == Kind_::op && token.text == "(") {
    if (!is_op(")")) {
      e = tuple();
    } else {
      e->kind = ExprKind::tuple;
    }
    expect_op(")");
  } else if (token.kind == Kind_::op && token.text == "[") {
    return list();
  } else if (token.kind == Kind_::op && token.text == "{") {
    return dict();
  } else {
    at_ -= at_ > 0 && token.kind != Kind_::end ? 1 : 0;
    error(fmt::format("unexpected '{}'", token.text));
  }
  return e;
}

ExprPtr ExpressionParser::list() {
  auto e = make_expr(ExprKind::list);
  while (!is_op("]")) {
    add(*e, expression());
    if (!accept_op(",")) break;
  }
  expect_op("]");
  return e;
}

ExprPtr ExpressionParser::dict() {
  auto e = make_expr(ExprKind::dict);
  while (!is_op("}")) {
    add(*e, expression());
    expect_op(":");
    add(*e, expression());
    if (!accept_op(",")) break;
  }
  expect_op("}");
  return e;
}

Value ExpressionParser::number(const TemplateToken& token) const {
  const char *begin = token.text.data(), *end = begin + token.text.size();
  int base = 10;
  if (token.text.size() > 2 && token.text[0] == '0') {
    const char letter = static_cast<char>(token.text[1] | 32);
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
  }
  const bool is_real = base == 10 && token.text.find_first_of(".eE") != std::string::npos;
  if (base == 10 && !is_real && token.text[0] == '0' && token.text.find_first_not_of('0') != std::string::npos)
    template_error(name_, token.place, "a whole number does not begin with 0");
  int64_t whole = 0;
  if (const auto r = std::from_chars(begin + (base == 10 ? 0 : 2), end, whole, base);
      r.ec == std::errc() && r.ptr == end)
    return Value::integer(whole);
  double value = 0;
  if (is_real)
    if (const auto r = std::from_chars(begin, end, value); r.ptr == end)  // 1e400 is infinite, as in Python
      return Value::real(r.ec == std::errc() ? value : std::strtod(token.text.c_str(), nullptr));
  template_error(name_, token.place,
                 fmt::format("'{}' is no whole number up to {}, the largest that templates hold here",
                             token.text.substr(0, 40), INT64_MAX));
}

}  // namespace r1::jinja
