// A recursive-descent parser. A production that cannot go on throws Unreadable, which parse_math turns into "no
// formula"; depth and nodes are bounded, so time is, too.
#include "reward/math_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "reward/math_words.h"

namespace r1 {
namespace {

constexpr int kDeepest = 40;
constexpr int kMostNodes = 1000;

struct Unreadable {};

using Kind = MathToken::Kind;

class MathParser {
 public:
  explicit MathParser(const MathTokens& t) : tokens_(t.tokens), latex_(t.latex) {}

  Expression run() {
    Expression out = answer();
    if (peek().kind != Kind::end) throw Unreadable{};
    return out;
  }

 private:
  class Deeper {
   public:
    explicit Deeper(MathParser& p) : p_(p) {
      if (++p_.depth_ > kDeepest || ++p_.nodes_ > kMostNodes) throw Unreadable{};
    }
    ~Deeper() { p_.depth_--; }

   private:
    MathParser& p_;
  };

  // ---- tokens

  const MathToken& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const MathToken& next() {
    const MathToken& t = peek();
    at_ = std::min(at_ + 1, tokens_.size() - 1);
    split_ = 0;
    return t;
  }
  bool at_sign(char c, size_t ahead = 0) const {
    return peek(ahead).kind == Kind::sign && peek(ahead).text[0] == c && split_ == 0;
  }
  bool take(char c) {
    if (!at_sign(c)) return false;
    next();
    return true;
  }
  void expect(char c) {
    if (!take(c)) throw Unreadable{};
  }
  bool at_command(std::string_view name) const { return peek().kind == Kind::command && peek().text == name; }
  bool at_word(std::string_view name) const {
    return split_ == 0 && (peek().kind == Kind::word || peek().kind == Kind::text) && lower(peek().text) == name;
  }

  // ---- lists of clauses

  Expression answer() {
    take('=');  // "= 5", "\approx 5"
    return clauses('\0');
  }

  // a, b; a and b; a or b. Ends before `close` (which may be nothing: the end).
  Expression clauses(char close) {
    const Deeper deeper(*this);
    std::vector<Expression> items{clause()};
    bool choice = false;
    for (;;) {
      if (at_word("or")) {
        choice = true;
        next();
      } else if (take(',') || take(';')) {
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
    return make_node(choice ? NodeKind::choice : NodeKind::list, "", std::move(items));
  }

  static bool is_relation(char c) { return std::string_view("=<>lgne").find(c) != std::string_view::npos; }

  Expression clause() {
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

  Expression ratio() {
    std::vector<Expression> parts{set_expression()};
    while (set_depth_ == 0 && take(':')) parts.push_back(set_expression());
    if (parts.size() == 1) return std::move(parts[0]);
    return make_node(NodeKind::ratio, "", std::move(parts));
  }

  Expression set_expression() {
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

  Expression sum() {
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
  static Expression sum_of(std::vector<Expression> terms) {
    return terms.size() == 1 ? std::move(terms[0]) : make_node(NodeKind::add, "", std::move(terms));
  }

  Expression signed_term() {
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
  Expression signed_term_after_minus() {
    if (at_sign('-') || at_sign('+') || at_sign('p')) throw Unreadable{};  // --5: a slip, or two?
    return term();
  }

  Expression term() {
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
  // "3 4", "x 3", "4{2}" and "we get" are no products that anybody writes.
  bool is_product_here() const {
    if (split_ > 0) return true;
    const MathToken &t = peek(), &before = tokens_[at_ - 1];
    if (t.kind == Kind::number || (t.text == "{" && peek(1).kind == Kind::number)) return false;
    if (t.kind != Kind::word || before.kind != Kind::word || !t.spaced) return true;
    if (is_function_word(t.text) || is_function_word(before.text)) return true;
    return latex_ && t.text.size() == 1 && before.text.size() == 1;
  }
  static Expression product_of(std::vector<Expression> factors) {
    return factors.size() == 1 ? std::move(factors[0]) : make_node(NodeKind::multiply, "", std::move(factors));
  }
  Expression signed_factor() {
    if (take('-')) return make_node(NodeKind::negate, "", {factor()});
    take('+');
    return factor();
  }

  bool starts_factor() const {
    if (split_ > 0) return true;
    const MathToken& t = peek();
    switch (t.kind) {
      case Kind::number:
        return true;
      case Kind::word:
        return !is_joining_word(t.text) && t.text != "U";
      case Kind::command:
        return !t.text.starts_with("end:");
      case Kind::sign:
        return t.text[0] == '(' || t.text[0] == '[' || t.text[0] == '{' || (t.text[0] == '|' && bars_ == 0);
      default:
        return false;
    }
  }

  Expression factor() {
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

  Expression exponent() {
    const Deeper deeper(*this);
    if (take('-')) return make_node(NodeKind::negate, "", {exponent()});
    if (at_sign('{')) return braces();
    Expression base = postfixed(primary());
    if (split_ > 0 || latex_ || !take('^')) return base;
    std::vector<Expression> kids{std::move(base), exponent()};  // 2^3^4 = 2^(3^4)
    return make_node(NodeKind::power, "", std::move(kids));
  }

  Expression postfixed(Expression e) {
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

  // ---- what stands alone

  Expression primary() {
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

  Expression number() {
    const std::string text = next().text;
    if (text.ends_with(".") || at_command("overline")) return repeating(text);
    if (at_sign('_')) throw Unreadable{};  // 1010_2: a numeral of another base
    Expression whole = plain_number(text);
    if (text.find_first_of(".eE") != std::string::npos) return whole;
    return mixed(std::move(whole));
  }

  static Expression plain_number(const std::string& text) {
    const std::vector<NumberToken> tokens = scan_numbers(text);
    if (tokens.size() != 1 || !tokens[0].readable || tokens[0].end != text.size()) throw Unreadable{};
    return make_number(tokens[0].number.value, tokens[0].number.decimals);
  }

  // 0.1\overline{6}
  Expression repeating(const std::string& text) {
    if (!at_command("overline")) throw Unreadable{};
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

  // 1 3/4 and 1\frac{3}{4}: a whole number and a fraction below one.
  Expression mixed(Expression whole) {
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

  static bool is_fraction(std::string_view name) {
    return name == "frac" || name == "dfrac" || name == "tfrac" || name == "cfrac";
  }

  Expression word() {
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
    const bool starred = at_sign('*', 1) || (at_ > 0 && tokens_[at_ - 1].text == "*");
    if ((text == "I" || text == "E") && starred && !latex_) {  // as sympy writes them
      next();
      return make_node(NodeKind::constant, text == "I" ? "i" : "e", {});
    }
    split_ = 1;
    return letter();
  }

  // The next letter of a word that is a product of letters; split_ - 1 of them are read.
  Expression letter() {
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

  Expression symbol(std::string name) {
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

  Expression command() {
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

  // What a command takes: {braces}, one figure, one letter, or a command.
  Expression argument() {
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

  // {formula}
  Expression braces() {
    expect('{');
    Expression inner = sum();
    expect('}');
    return inner;
  }

  Expression root() {
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
  Expression whole_number() { return plain_number(next().text); }

  // sin x, sin(x), \sin^2 x, \log_2 8, sqrt(x), exp(x)
  Expression function(std::string name) {
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
  Expression argument_of_index() {
    if (peek().kind == Kind::number) return whole_number();
    return argument();
  }

  std::vector<Expression> arguments() {
    std::vector<Expression> out;
    const int bars = std::exchange(bars_, 0);
    do out.push_back(sum());
    while (take(','));
    expect(')');
    bars_ = bars;
    return out;
  }

  // Of "sin 2x cos y": 2x.
  Expression bare_argument() {
    const Deeper deeper(*this);
    std::vector<Expression> factors{factor()};
    while (starts_factor() && peek().kind != Kind::number && !at_sign('(') && !at_sign('[') && !starts_function())
      factors.push_back(factor());
    return product_of(std::move(factors));
  }
  bool starts_function() const {
    return split_ == 0 && (peek().kind == Kind::word || peek().kind == Kind::command) && is_function_word(peek().text);
  }

  static Expression called(std::string name, std::vector<Expression> kids) {
    const size_t most = name == "log" || name == "root" || name == "binomial" ? 2 : 1;
    if (name == "sqrt" || name == "cbrt") {
      if (kids.size() != 1) throw Unreadable{};
      kids.push_back(make_number(name == "sqrt" ? 2 : 3));
      name = "root";
    }
    if (name == "root" || name == "binomial" ? kids.size() != 2 : kids.size() > most) throw Unreadable{};
    return make_node(NodeKind::function, std::move(name), std::move(kids));
  }

  // \sin^{-1} x is the inverse function, \sin^2 x the square.
  static Expression powered(Expression call, std::optional<Expression> power) {
    if (!power) return call;
    const bool inverse = power->kind == NodeKind::negate && power->kids[0].kind == NodeKind::number &&
                         power->kids[0].value == 1;
    if (inverse) {
      if (call.name != "sin" && call.name != "cos" && call.name != "tan") throw Unreadable{};
      call.name = "a" + call.name;
      return call;
    }
    std::vector<Expression> kids{std::move(call), std::move(*power)};
    return make_node(NodeKind::power, "", std::move(kids));
  }

  // ---- brackets

  Expression bracketed() {
    const Deeper deeper(*this);
    const int bars = std::exchange(bars_, 0);
    Expression out = inside(next().text[0], bars);
    bars_ = bars;
    return out;
  }

  Expression inside(char open, int bars) {
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

  Expression round_or_square(char open) {
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

  // [[1, 2], [3, 4]] is a matrix.
  static Expression list_or_matrix(Expression list, bool square) {
    const auto is_row = [](const Expression& e) {
      return e.kind == NodeKind::tuple || (e.kind == NodeKind::interval && e.name == "[]");
    };
    if (!square || !std::all_of(list.kids.begin(), list.kids.end(), is_row))
      return make_node(NodeKind::tuple, "", std::move(list.kids));
    for (Expression& row : list.kids) row = make_node(NodeKind::tuple, "", std::move(row.kids));
    return checked_matrix(make_node(NodeKind::matrix, "b", std::move(list.kids)));
  }

  // Braces group in LaTeX; in plain text, and around a list, they hold a set.
  Expression plain_braces() {
    if (!latex_) return set('}');
    Expression inner = clauses('}');
    expect('}');
    if (inner.kind == NodeKind::choice) throw Unreadable{};
    return inner.kind == NodeKind::list ? make_node(NodeKind::set, "", std::move(inner.kids)) : inner;
  }

  Expression set(char close) {
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

  Expression matrix(const std::string& environment) {
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

  static Expression checked_matrix(Expression m) {
    for (const Expression& row : m.kids)
      if (row.kids.size() != m.kids[0].kids.size()) throw Unreadable{};
    return m;
  }

  const std::vector<MathToken>& tokens_;
  const bool latex_;
  size_t at_ = 0;
  size_t split_ = 0;   // how many letters of the word at at_ are being read; 0: it is whole
  size_t digits_ = 0;  // how many figures of the number at at_ \frac has taken
  int depth_ = 0, nodes_ = 0;
  int bars_ = 0;       // a bar ends what is being read
  int set_depth_ = 0;  // a colon divides a set
};

}  // namespace

std::optional<Expression> parse_math(const MathTokens& tokens) {
  try {
    return MathParser(tokens).run();
  } catch (const Unreadable&) {
    return std::nullopt;
  }
}

}  // namespace r1
