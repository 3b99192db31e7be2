// Numbers, words, commands and brackets: what formulas are made of.
#include <algorithm>
#include <array>
#include <utility>

#include "reward/math_grammar.h"
#include "reward/math_words.h"

namespace r1 {

// ---- what stands alone

Expression MathParser::primary() {
  const Deeper deeper(*this);
  if (split_ > 0) return letter();
  switch (peek().kind) {
    case Kind::number:
      return number();
    case Kind::word:
      return word();
    case Kind::command:
      return command();
    case Kind::sign:
      return bracketed();
    default:
      throw Unreadable{};
  }
}

Expression MathParser::number() {
  const std::string text = next().text;
  if (text.ends_with(".") || at_repetition()) return repeating(text);
  if (at_sign('_')) throw Unreadable{};  // 1010_2: a numeral of another base
  Expression whole = plain_number(text);
  if (text.find_first_of(".eE") != std::string::npos) return whole;
  return mixed(std::move(whole));
}

Expression MathParser::plain_number(const std::string& text) {
  const std::vector<NumberToken> tokens = scan_numbers(text);
  if (tokens.size() != 1 || !tokens[0].readable || tokens[0].end != text.size()) throw Unreadable{};
  return make_number(tokens[0].number.value, tokens[0].number.decimals);
}

bool MathParser::at_repetition() const { return at_command("overline") || at_command("bar") || at_command("dot"); }

Expression MathParser::repeating(const std::string& text) {
  if (!at_repetition()) throw Unreadable{};
  next();
  expect('{');
  const std::string digits = next().text;
  expect('}');
  const size_t point = text.find('.');
  const auto figure = [](char c) { return c >= '0' && c <= '9'; };
  if (point == std::string::npos || digits.empty() || digits.size() + text.size() > 100 ||
      !std::all_of(digits.begin(), digits.end(), figure))
    throw Unreadable{};
  const std::string ones(digits.size(), '9'), zeros(text.size() - point - 1, '0');
  const Rational head = plain_number(text.ends_with(".") ? text + "0" : text).value;
  return make_number(head + plain_number(digits).value / plain_number(ones + zeros).value);
}

Expression MathParser::mixed(Expression whole) {
  const auto digits = [&](size_t ahead) { return peek(ahead).kind == Kind::number; };
  Rational part;
  if (digits(0) && peek().spaced && at_sign('/', 1) && digits(2) && !at_sign('^', 3)) {
    const Expression upper = plain_number(next().text);
    next();
    const Expression lower = plain_number(next().text);
    if (lower.value == 0) throw Unreadable{};
    part = upper.value / lower.value;
  } else if (peek().kind == Kind::command && is_fraction(peek().text)) {
    const size_t kept = at_;
    const Expression fraction = command();
    if (fraction.kids[0].kind != NodeKind::number || fraction.kids[1].kind != NodeKind::number) {
      at_ = kept, split_ = 0;
      return whole;
    }
    if (fraction.kids[1].value == 0) throw Unreadable{};
    part = fraction.kids[0].value / fraction.kids[1].value;
  } else {
    return whole;
  }
  if (part <= 0 || part >= 1) throw Unreadable{};  // 3\frac{5}{2}: a product, or a slip?
  return make_number(whole.value + part);
}

bool MathParser::is_fraction(std::string_view name) {
  return name == "frac" || name == "dfrac" || name == "tfrac" || name == "cfrac" || name == "nicefrac" ||
         name == "sfrac";
}

Expression MathParser::word() {
  const std::string text = peek().text;
  if (is_function_word(text)) {
    next();
    return function(function_of_word(text));
  }
  if (text == "pi" || text == "oo" || text == "inf" || text == "infinity" || text == "infty") {
    next();
    return make_node(NodeKind::constant, text == "pi" ? "pi" : "infinity", {});
  }
  if (text.size() > 1 && !is_product_of_letters(text, latex_)) throw Unreadable{};
  const auto beside = [](const MathToken& t) {
    return t.text == "*" || t.text == "+" || t.text == "-" || t.text == "^";
  };
  const bool in_formula = beside(peek(1)) || (at_ > 0 && beside(tokens_[at_ - 1]));
  if ((text == "I" || text == "E") && in_formula && !latex_) {  // as sympy writes them
    next();
    return make_node(NodeKind::constant, text == "I" ? "i" : "e", {});
  }
  split_ = 1;
  return letter();
}

Expression MathParser::letter() {
  const std::string& text = peek().text;
  const std::string name(1, text[split_ - 1]);
  if (split_ == text.size()) {
    next();
  } else {
    split_++;
  }
  if (name == "e" || name == "i") {
    if (split_ == 0 && at_sign('_')) return symbol(name);
    return make_node(NodeKind::constant, name, {});
  }
  return symbol(name);
}

Expression MathParser::symbol(std::string name) {
  if (split_ == 0 && take('_')) {
    name += "_";
    if (take('{')) {
      for (int most = 8; !take('}'); most--) {
        if (most == 0 || peek().kind == Kind::end) throw Unreadable{};
        name += next().text;
      }
    } else {
      name += next().text;
    }
  }
  while (split_ == 0 && take('\'')) name += "'";
  if ((name == "f" || name == "g" || name == "h") && split_ == 0 && at_sign('(') && !peek().spaced) {
    next();
    Expression arguments = clauses(')');
    expect(')');
    return make_node(NodeKind::function, name, {std::move(arguments)});
  }
  return make_node(NodeKind::symbol, std::move(name), {});
}

// ---- commands

Expression MathParser::command() {
  const std::string name = next().text;
  if (is_fraction(name)) {
    std::vector<Expression> kids{argument(), argument()};
    if (digits_ > 0) throw Unreadable{};  // \\frac123
    return make_node(NodeKind::divide, "", std::move(kids));
  }
  if (name == "sqrt") return root();
  if (name == "binom" || name == "dbinom" || name == "tbinom") {
    std::vector<Expression> kids{argument(), argument()};
    return make_node(NodeKind::function, "binomial", std::move(kids));
  }
  if (name == "pi") return make_node(NodeKind::constant, "pi", {});
  if (name == "infty") return make_node(NodeKind::constant, "infinity", {});
  if (name == "emptyset" || name == "varnothing") return make_node(NodeKind::set, "", {});
  if (name == "lfloor" || name == "lceil") {
    Expression inner = sum();
    if (next().text != (name == "lfloor" ? "rfloor" : "rceil")) throw Unreadable{};
    return make_node(NodeKind::function, name == "lfloor" ? "floor" : "ceil", {std::move(inner)});
  }
  if (name == "mathbb" || name == "Bbb") {
    const std::string letters = next().text == "{" ? next().text : tokens_[at_ - 1].text;
    take('}');
    return make_node(NodeKind::symbol, "\\mathbb{" + letters + "}", {});
  }
  if (name.starts_with("begin:")) return matrix(name.substr(6));
  if (is_function_word(name)) return function(function_of_word(name));
  if (is_greek(name)) return symbol("\\" + name);
  throw Unreadable{};
}

Expression MathParser::argument() {
  const Deeper deeper(*this);
  if (at_sign('{')) return braces();
  if (split_ > 0) return letter();
  if (peek().kind == Kind::number) {
    const std::string text = peek().text;
    const std::string digit = text.substr(0, 1);
    if (text.size() == 1 || digits_ + 1 == text.size()) {
      const std::string last = text.substr(digits_, 1);
      digits_ = 0;
      next();
      return plain_number(last);
    }
    return plain_number(text.substr(digits_++, 1));  // \frac12
  }
  if (peek().kind == Kind::word && peek().text.size() > 1) {
    split_ = 1;
    return letter();
  }
  return primary();
}

Expression MathParser::braces() {
  expect('{');
  Expression inner = over_or_choose(sum());
  expect('}');
  return inner;
}

Expression MathParser::over_or_choose(Expression above) {
  const bool fraction = at_command("over");
  if (!fraction && !at_command("choose")) return above;
  next();
  std::vector<Expression> kids{std::move(above), sum()};
  return fraction ? make_node(NodeKind::divide, "", std::move(kids))
                  : make_node(NodeKind::function, "binomial", std::move(kids));
}

Expression MathParser::root() {
  std::optional<Expression> degree;
  if (take('[')) {
    degree = sum();
    expect(']');
  }
  Expression radicand = at_sign('(') ? bracketed() : peek().kind == Kind::number ? whole_number() : argument();
  std::vector<Expression> kids{std::move(radicand)};
  kids.push_back(degree ? std::move(*degree) : make_number(2));
  return make_node(NodeKind::function, "root", std::move(kids));
}

Expression MathParser::whole_number() { return plain_number(next().text); }

Expression MathParser::function(std::string name) {
  std::vector<Expression> kids;
  std::optional<Expression> base, power;
  if (take('_')) base = argument_of_index();
  if (take('^')) power = exponent();
  if (at_sign('(')) {
    next();
    kids = arguments();
  } else if (at_sign('{') || at_sign('|')) {
    kids.push_back(bracketed());
  } else {
    kids.push_back(bare_argument());
  }
  if (base) {
    if (name != "log") throw Unreadable{};
    kids.push_back(std::move(*base));
  }
  return powered(called(std::move(name), std::move(kids)), std::move(power));
}

Expression MathParser::argument_of_index() {
  if (peek().kind == Kind::number) return whole_number();
  return argument();
}

std::vector<Expression> MathParser::arguments() {
  std::vector<Expression> out;
  const int bars = std::exchange(bars_, 0);
  do out.push_back(sum());
  while (take(','));
  expect(')');
  bars_ = bars;
  return out;
}

Expression MathParser::bare_argument() {
  const Deeper deeper(*this);
  std::vector<Expression> factors{factor()};
  while (starts_factor() && peek().kind != Kind::number && !at_sign('(') && !at_sign('[') && !starts_function())
    factors.push_back(factor());
  return product_of(std::move(factors));
}

bool MathParser::starts_function() const {
  return split_ == 0 && (peek().kind == Kind::word || peek().kind == Kind::command) && is_function_word(peek().text);
}

Expression MathParser::called(std::string name, std::vector<Expression> kids) {
  const size_t most = name == "log" || name == "root" || name == "binomial" ? 2 : 1;
  if (name == "sqrt" || name == "cbrt") {
    if (kids.size() != 1) throw Unreadable{};
    kids.push_back(make_number(name == "sqrt" ? 2 : 3));
    name = "root";
  }
  if (name == "root" || name == "binomial" ? kids.size() != 2 : kids.size() > most) throw Unreadable{};
  return make_node(NodeKind::function, std::move(name), std::move(kids));
}

Expression MathParser::powered(Expression call, std::optional<Expression> power) {
  if (!power) return call;
  const bool inverse =
      power->kind == NodeKind::negate && power->kids[0].kind == NodeKind::number && power->kids[0].value == 1;
  if (inverse) {
    if (call.name != "sin" && call.name != "cos" && call.name != "tan") throw Unreadable{};
    call.name = "a" + call.name;
    return call;
  }
  std::vector<Expression> kids{std::move(call), std::move(*power)};
  return make_node(NodeKind::power, "", std::move(kids));
}

// ---- brackets

Expression MathParser::bracketed() {
  const Deeper deeper(*this);
  const int bars = std::exchange(bars_, 0);
  Expression out = inside(next().text[0], bars);
  bars_ = bars;
  return out;
}

Expression MathParser::inside(char open, int bars) {
  switch (open) {
    case '(':
    case '[':
      return round_or_square(open);
    case '{':
      return plain_braces();
    case 'S':
      return set('s');
    case '|': {
      if (bars > 0) throw Unreadable{};
      bars_ = 1;
      Expression inner = sum();
      expect('|');
      return make_node(NodeKind::function, "abs", {std::move(inner)});
    }
    default:
      throw Unreadable{};
  }
}

Expression MathParser::round_or_square(char open) {
  const int set_depth = std::exchange(set_depth_, 0);
  Expression inner = clauses(open == '(' ? ')' : ']');
  set_depth_ = set_depth;
  const bool round = at_sign(')');
  if (!round && !at_sign(']')) throw Unreadable{};
  next();
  const bool single = inner.kind != NodeKind::list;
  if (single && (open == '(') != round) throw Unreadable{};
  if (single) return open == '(' ? inner : make_node(NodeKind::tuple, "", {std::move(inner)});
  if (inner.kids.size() == 2 && inner.kids[0].kind != NodeKind::tuple && inner.kids[0].kind != NodeKind::interval)
    return make_node(NodeKind::interval, std::string(1, open) + (round ? ")" : "]"), std::move(inner.kids));
  if ((open == '(') != round) throw Unreadable{};
  return list_or_matrix(std::move(inner), open == '[');
}

Expression MathParser::list_or_matrix(Expression list, bool square) {
  const auto is_row = [](const Expression& e) {
    return e.kind == NodeKind::tuple || (e.kind == NodeKind::interval && e.name == "[]");
  };
  if (!square || !std::all_of(list.kids.begin(), list.kids.end(), is_row))
    return make_node(NodeKind::tuple, "", std::move(list.kids));
  for (Expression& row : list.kids) row = make_node(NodeKind::tuple, "", std::move(row.kids));
  return checked_matrix(make_node(NodeKind::matrix, "b", std::move(list.kids)));
}

Expression MathParser::plain_braces() {
  if (!latex_) return set('}');
  Expression inner = over_or_choose(clauses('}'));
  expect('}');
  if (inner.kind == NodeKind::choice) throw Unreadable{};
  return inner.kind == NodeKind::list ? make_node(NodeKind::set, "", std::move(inner.kids)) : inner;
}

Expression MathParser::set(char close) {
  if (take(close)) return make_node(NodeKind::set, "", {});
  set_depth_++;
  bars_ = 1;  // a bar divides
  Expression inner = clauses(close);
  if (take('|') || take(':')) {
    bars_ = 0;
    std::vector<Expression> kids{std::move(inner), clauses(close)};
    inner = make_node(NodeKind::builder, "", std::move(kids));
  }
  set_depth_--;
  expect(close);
  if (inner.kind == NodeKind::builder) return inner;
  if (inner.kind == NodeKind::choice) throw Unreadable{};
  if (inner.kind == NodeKind::list) return make_node(NodeKind::set, "", std::move(inner.kids));
  return make_node(NodeKind::set, "", {std::move(inner)});
}

Expression MathParser::matrix(const std::string& environment) {
  static constexpr std::array<std::string_view, 7> kinds = {"pmatrix", "bmatrix", "Bmatrix",    "vmatrix",
                                                            "matrix",  "array",   "smallmatrix"};
  if (std::find(kinds.begin(), kinds.end(), environment) == kinds.end()) throw Unreadable{};
  std::vector<Expression> rows, cells;
  for (;;) {
    cells.push_back(sum());
    if (take('&')) continue;
    rows.push_back(make_node(NodeKind::tuple, "", std::move(cells)));
    cells.clear();
    const bool more = take('r');
    if (at_command("end:" + environment)) break;
    if (!more) throw Unreadable{};
  }
  next();
  return checked_matrix(make_node(NodeKind::matrix, environment == "vmatrix" ? "v" : "b", std::move(rows)));
}

Expression MathParser::checked_matrix(Expression m) {
  for (const Expression& row : m.kids)
    if (row.kids.size() != m.kids[0].kids.size()) throw Unreadable{};
  return m;
}

}  // namespace r1
