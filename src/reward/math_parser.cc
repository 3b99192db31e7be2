#include "reward/math_parser.h"

#include <algorithm>

#include "reward/math_grammar.h"
#include "reward/math_words.h"

namespace r1 {

Expression MathParser::run() {
  Expression out = over_or_choose(answer());
  if (peek().kind != Kind::end) throw Unreadable{};
  return out;
}

// ---- tokens

const MathToken& MathParser::peek(size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

const MathToken& MathParser::next() {
  const MathToken& t = peek();
  at_ = std::min(at_ + 1, tokens_.size() - 1);
  split_ = 0;
  return t;
}

bool MathParser::at_sign(char c, size_t ahead) const {
  return peek(ahead).kind == Kind::sign && peek(ahead).text[0] == c && split_ == 0;
}

bool MathParser::take(char c) {
  if (!at_sign(c)) return false;
  next();
  return true;
}

void MathParser::expect(char c) {
  if (!take(c)) throw Unreadable{};
}

bool MathParser::at_command(std::string_view name) const { return peek().kind == Kind::command && peek().text == name; }

bool MathParser::at_word(std::string_view name) const {
  return split_ == 0 && (peek().kind == Kind::word || peek().kind == Kind::text) && lower(peek().text) == name;
}

// ---- lists of clauses

Expression MathParser::answer() {
  take('=');  // "= 5", "\approx 5"
  return clauses('\0');
}

Expression MathParser::clauses(char close) {
  const Deeper deeper(*this);
  std::vector<Expression> items{clause()};
  bool choice = false, only_and = true;
  for (;;) {
    if (at_word("or")) {
      choice = true;
      next();
    } else if (take(',') || take(';')) {
      only_and = false;
      if (at_word("and")) next();
      if (at_word("or")) choice = true, next();
    } else if (close == '\0' && at_word("and")) {
      next();
    } else {
      break;
    }
    items.push_back(clause());
  }
  if (items.size() == 1) return std::move(items[0]);
  const bool mixed = !choice && only_and && items.size() == 2 && is_whole_and_part(items[0], items[1]);
  return make_node(choice ? NodeKind::choice : NodeKind::list, mixed ? kMixedName : "", std::move(items));
}

// 1 and 1/2, which may be a mixed number
bool MathParser::is_whole_and_part(const Expression& whole, const Expression& part) {
  const auto natural = [](const Expression& e) {
    return e.kind == NodeKind::number && e.decimals < 1 && e.value > 0 && denominator(e.value) == 1;
  };
  return natural(whole) && part.kind == NodeKind::divide && natural(part.kids[0]) && natural(part.kids[1]) &&
         part.kids[0].value < part.kids[1].value;
}

bool MathParser::is_relation(char c) { return std::string_view("=<>lgne").find(c) != std::string_view::npos; }

Expression MathParser::clause() {
  const Deeper deeper(*this);
  std::vector<Expression> sides{ratio()};
  std::string operators;
  while (split_ == 0 && (peek().kind == Kind::sign || at_word("in"))) {
    const char op = peek().kind == Kind::sign ? peek().text[0] : 'e';
    if (!is_relation(op)) break;
    next();
    operators += op;
    sides.push_back(ratio());
  }
  if (operators.empty()) return std::move(sides[0]);
  return make_node(NodeKind::relation, operators, std::move(sides));
}

Expression MathParser::ratio() {
  std::vector<Expression> parts{set_expression()};
  while (set_depth_ == 0 && take(':')) parts.push_back(set_expression());
  if (parts.size() == 1) return std::move(parts[0]);
  return make_node(NodeKind::ratio, "", std::move(parts));
}

Expression MathParser::set_expression() {
  Expression left = sum();
  for (;;) {
    const NodeKind kind = at_sign('U') || (at_word("u") && peek().text == "U") ? NodeKind::set_union
                          : at_sign('N')                                       ? NodeKind::intersection
                          : at_sign('M')                                       ? NodeKind::without
                                                                               : NodeKind::number;
    if (kind == NodeKind::number) return left;
    next();
    Expression right = sum();
    if (left.kind == kind && kind != NodeKind::without) {
      left.kids.push_back(std::move(right));
    } else {
      std::vector<Expression> kids{std::move(left), std::move(right)};
      left = make_node(kind, "", std::move(kids));
    }
  }
}

// ---- formulas

Expression MathParser::sum() {
  const Deeper deeper(*this);
  Expression first = signed_term();
  std::vector<Expression> terms{std::move(first)};
  for (;;) {
    if (take('+')) {
      terms.push_back(term());
    } else if (take('-')) {
      terms.push_back(make_node(NodeKind::negate, "", {term()}));
    } else if (at_sign('p') || at_sign('m') || (at_sign('+') && at_sign('-', 1))) {
      const bool plus = next().text == "p";
      std::vector<Expression> kids{sum_of(std::move(terms)), term()};
      terms.clear();
      terms.push_back(make_node(NodeKind::plus_minus, plus ? "+" : "-", std::move(kids)));
    } else {
      return sum_of(std::move(terms));
    }
    if (++nodes_ > kMostNodes) throw Unreadable{};
  }
}

Expression MathParser::sum_of(std::vector<Expression> terms) {
  return terms.size() == 1 ? std::move(terms[0]) : make_node(NodeKind::add, "", std::move(terms));
}

Expression MathParser::signed_term() {
  if (at_sign('+') && (at_sign('-', 1) || at_sign('/', 1))) {  // +-5, +/-5
    next();
    next();
    return make_node(NodeKind::plus_minus, "+", {term()});
  }
  if (take('+')) return term();
  if (take('-')) return make_node(NodeKind::negate, "", {signed_term_after_minus()});
  if (take('p')) return make_node(NodeKind::plus_minus, "+", {term()});
  if (take('m')) return make_node(NodeKind::plus_minus, "-", {term()});
  return term();
}

Expression MathParser::signed_term_after_minus() {
  if (at_sign('-') || at_sign('+') || at_sign('p')) throw Unreadable{};  // --5: a slip, or two?
  return term();
}

Expression MathParser::term() {
  const Deeper deeper(*this);
  std::vector<Expression> factors{factor()};
  for (;;) {
    if (take('*')) {
      factors.push_back(signed_factor());
    } else if (take('/')) {
      std::vector<Expression> kids{product_of(std::move(factors)), signed_factor()};
      factors.clear();
      factors.push_back(make_node(NodeKind::divide, "", std::move(kids)));
    } else if (starts_factor()) {
      if (!is_product_here()) throw Unreadable{};
      factors.push_back(factor());
    } else {
      return product_of(std::move(factors));
    }
    if (++nodes_ > kMostNodes) throw Unreadable{};
  }
}

bool MathParser::is_product_here() const {
  if (split_ > 0) return true;
  const MathToken &t = peek(), &before = tokens_[at_ - 1];
  if (t.kind == Kind::number || (t.text == "{" && peek(1).kind == Kind::number)) return false;
  if (t.kind != Kind::word || before.kind != Kind::word || !t.spaced) return true;
  if (is_function_word(t.text) || is_function_word(before.text)) return true;
  return latex_ && t.text.size() == 1 && before.text.size() == 1;
}

Expression MathParser::product_of(std::vector<Expression> factors) {
  return factors.size() == 1 ? std::move(factors[0]) : make_node(NodeKind::multiply, "", std::move(factors));
}

Expression MathParser::signed_factor() {
  if (take('-')) return make_node(NodeKind::negate, "", {factor()});
  take('+');
  return factor();
}

bool MathParser::starts_factor() const {
  if (split_ > 0) return true;
  const MathToken& t = peek();
  switch (t.kind) {
    case Kind::number:
      return true;
    case Kind::word:
      return !is_joining_word(t.text) && t.text != "U";
    case Kind::command:
      return !t.text.starts_with("end:") && t.text != "rfloor" && t.text != "rceil" && t.text != "over" &&
             t.text != "choose";
    case Kind::sign:
      return t.text[0] == '(' || t.text[0] == '[' || t.text[0] == '{' || (t.text[0] == '|' && bars_ == 0);
    default:
      return false;
  }
}

Expression MathParser::factor() {
  const Deeper deeper(*this);
  Expression base = postfixed(primary());
  if (split_ > 0 || !at_sign('^')) return base;
  next();
  if (take('d')) return postfixed(make_node(NodeKind::degree, "", {std::move(base)}));
  if (at_sign('{') && at_sign('d', 1) && at_sign('}', 2)) {
    next(), next(), next();
    return postfixed(make_node(NodeKind::degree, "", {std::move(base)}));
  }
  std::vector<Expression> kids{std::move(base), exponent()};
  return postfixed(make_node(NodeKind::power, "", std::move(kids)));
}

Expression MathParser::exponent() {
  const Deeper deeper(*this);
  if (take('-')) return make_node(NodeKind::negate, "", {exponent()});
  if (at_sign('{')) return braces();
  Expression base = postfixed(primary());
  if (split_ > 0 || latex_ || !take('^')) return base;
  std::vector<Expression> kids{std::move(base), exponent()};  // 2^3^4 = 2^(3^4)
  return make_node(NodeKind::power, "", std::move(kids));
}

Expression MathParser::postfixed(Expression e) {
  while (split_ == 0) {
    if (at_sign('!') && !at_sign('!', 1)) {
      next();
      e = make_node(NodeKind::function, "factorial", {std::move(e)});
    } else if (take('%')) {
      e = make_node(NodeKind::percent, "", {std::move(e)});
    } else if (take('d')) {
      e = make_node(NodeKind::degree, "", {std::move(e)});
    } else {
      return e;
    }
    if (++nodes_ > kMostNodes) throw Unreadable{};
  }
  return e;
}

namespace {

// Where the interval that a bracket at `open` begins ends: one separator, and a bracket behind it. 0: it is none.
size_t end_of_interval(const std::vector<MathToken>& t, size_t open) {
  const auto is = [&](size_t i, std::string_view signs) {
    return t[i].kind == MathToken::Kind::sign && signs.find(t[i].text[0]) != std::string_view::npos;
  };
  int depth = 0, separators = 0;
  for (size_t i = open + 1; i < t.size(); i++) {
    if (depth == 0 && is(i, "[])")) return separators == 1 && !is(i - 1, ",;") ? i : 0;
    if (is(i, "({S")) depth++;
    if (is(i, ")}s")) depth--;
    separators += depth == 0 && is(i, ",;");
  }
  return 0;
}

// Brackets turned outwards mark open ends, in French and German schools: "]1, 2[" is "(1, 2)", "[1, 2[" is "[1, 2)".
MathTokens with_inward_brackets(MathTokens all) {
  std::vector<MathToken>& t = all.tokens;
  const auto is = [&](size_t i, std::string_view signs) {
    return t[i].kind == MathToken::Kind::sign && signs.find(t[i].text[0]) != std::string_view::npos;
  };
  const auto is_joint = [&](size_t i) {
    return is(i, "UNMe=,;:|{S()}s") || t[i].kind == MathToken::Kind::end || is_joining_word(t[i].text) ||
           t[i].text == "U";
  };
  for (size_t i = 0; i < t.size(); i++) {
    const bool outward = is(i, "]") && (i == 0 || is_joint(i - 1));
    if (!outward && !is(i, "[(")) continue;
    const size_t end = end_of_interval(t, i);
    if (end == 0 || (!outward && !is(end, "[")) || !is_joint(end + 1)) continue;
    if (outward) t[i].text = "(";
    if (is(end, "[")) t[end].text = ")";
    i = end;
  }
  return all;
}

}  // namespace

std::optional<Expression> parse_math(const MathTokens& tokens) {
  try {
    const bool brackets = std::any_of(tokens.tokens.begin(), tokens.tokens.end(), [](const MathToken& t) {
      return t.kind == MathToken::Kind::sign && (t.text == "[" || t.text == "]");
    });
    return brackets ? MathParser(with_inward_brackets(tokens)).run() : MathParser(tokens).run();
  } catch (const Unreadable&) {
    return std::nullopt;
  }
}

}  // namespace r1
