#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "text/template_ast.h"

namespace r1 {
namespace {

using Kind = TemplateTokenKind;
constexpr int kDeepest = 150, kTallest = 200;

class Parser {
 public:
  Parser(const std::string& source, const std::string& name) : name_(name), tokens_(lex_template(source, name)) {}

  Nodes parse() {
    Nodes out = nodes({});
    if (peek().kind != Kind::end) error("unexpected end tag");
    return out;
  }

 private:
  const TemplateToken& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  TemplateToken take() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  [[noreturn]] void error(const std::string& message) const { template_error(name_, peek().place, message); }
  bool is_op(const char* op) const { return peek().kind == Kind::op && peek().text == op; }
  bool is_name(const char* name) const { return peek().kind == Kind::name && peek().text == name; }
  bool accept_op(const char* op) { return is_op(op) && (at_++, true); }
  bool accept_name(const char* name) { return is_name(name) && (at_++, true); }
  void expect_op(const char* op) {
    if (!accept_op(op)) error(fmt::format("expected '{}', found '{}'", op, peek().text));
  }
  std::string expect_identifier() {
    if (peek().kind != Kind::name) error("expected a name");
    return take().text;
  }
  void expect_block_end() {
    if (take().kind != Kind::block_end) {
      at_--;
      error(fmt::format("expected the end of the tag, found '{}'", peek().text));
    }
  }

  // Statements up to a tag whose name is in `ends`; that tag's opening and name are consumed by the caller.
  Nodes nodes(const std::vector<std::string>& ends) {
    Nested nested(*this);
    Nodes out;
    while (peek().kind != Kind::end) {
      if (peek().kind == Kind::block_begin) {
        for (const std::string& end : ends)
          if (peek(1).text == end) return out;
        out.push_back(statement());
      } else if (peek().kind == Kind::print_begin) {
        auto node = make(NodeKind::print);
        take();
        node->exprs.push_back(tuple());
        if (take().kind != Kind::print_end) error("expected the end of the expression");
        out.push_back(std::move(node));
      } else {
        auto node = make(NodeKind::text);
        node->text = take().text;
        out.push_back(std::move(node));
      }
    }
    if (!ends.empty()) error(fmt::format("expected {}", ends.back()));
    return out;
  }

  std::unique_ptr<Node> make(NodeKind kind) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->place = peek().place;
    return node;
  }
  void end_tag(const std::string& name) {
    take();
    if (expect_identifier() != name) error("expected " + name);
    expect_block_end();
  }

  std::unique_ptr<Node> statement() {
    auto node = make(NodeKind::text);
    take();
    const std::string word = expect_identifier();
    if (word == "if") return condition(std::move(node));
    if (word == "for") return loop(std::move(node));
    if (word == "set") return set(std::move(node));
    if (word == "macro") return macro(std::move(node));
    if (word == "break" || word == "continue") {
      node->kind = word == "break" ? NodeKind::break_loop : NodeKind::continue_loop;
      expect_block_end();
      return node;
    }
    if (word == "generation") {
      node->kind = NodeKind::generation;
      expect_block_end();
      node->bodies.push_back(nodes({"endgeneration"}));
      end_tag("endgeneration");
      return node;
    }
    at_--;
    error(fmt::format("unknown tag '{}'", word));
  }

  std::unique_ptr<Node> condition(std::unique_ptr<Node> node) {
    node->kind = NodeKind::condition;
    node->exprs.push_back(tuple());
    expect_block_end();
    node->bodies.push_back(nodes({"elif", "else", "endif"}));
    while (true) {
      take();
      const std::string word = expect_identifier();
      if (word == "elif") {
        node->exprs.push_back(tuple());
        expect_block_end();
        node->bodies.push_back(nodes({"elif", "else", "endif"}));
      } else if (word == "else") {
        expect_block_end();
        node->bodies.push_back(nodes({"endif"}));
      } else {
        expect_block_end();
        return node;
      }
    }
  }

  std::unique_ptr<Node> loop(std::unique_ptr<Node> node) {
    node->kind = NodeKind::loop;
    const bool bracket = accept_op("(");
    do node->names.push_back(expect_identifier());
    while (accept_op(","));
    if (bracket) expect_op(")");
    if (!accept_name("in")) error("expected 'in'");
    node->exprs.push_back(tuple(false));
    node->exprs.push_back(accept_name("if") ? expression() : nullptr);
    if (is_name("recursive")) error("recursive loops are not supported yet");
    expect_block_end();
    node->bodies.push_back(nodes({"else", "endfor"}));
    take();
    if (expect_identifier() == "else") {
      expect_block_end();
      node->bodies.push_back(nodes({"endfor"}));
      take();
      expect_identifier();
    }
    expect_block_end();
    return node;
  }

  std::unique_ptr<Node> set(std::unique_ptr<Node> node) {
    node->kind = NodeKind::set;
    do {
      std::string target = expect_identifier();
      if (accept_op(".")) target += "." + expect_identifier();
      node->names.push_back(target);
    } while (accept_op(","));
    if (accept_op("=")) {
      node->exprs.push_back(tuple());
      expect_block_end();
      return node;
    }
    node->kind = NodeKind::set_block;
    expect_block_end();
    node->bodies.push_back(nodes({"endset"}));
    end_tag("endset");
    return node;
  }

  std::unique_ptr<Node> macro(std::unique_ptr<Node> node) {
    node->kind = NodeKind::macro;
    node->text = expect_identifier();
    expect_op("(");
    while (!is_op(")")) {
      node->names.push_back(expect_identifier());
      node->exprs.push_back(accept_op("=") ? expression() : nullptr);
      if (!accept_op(",")) break;
    }
    expect_op(")");
    expect_block_end();
    node->bodies.push_back(nodes({"endmacro"}));
    end_tag("endmacro");
    return node;
  }

  // ---- expressions, loosest first
  struct Nested {
    explicit Nested(Parser& parser) : p(parser) {
      if (++p.depth_ > kDeepest) p.error("nested too deeply");
    }
    ~Nested() { p.depth_--; }
    Parser& p;
  };

  ExprPtr make_expr(ExprKind kind, std::string text = "") {
    auto e = std::make_unique<Expr>();
    e->kind = kind;
    e->place = peek().place;
    e->text = std::move(text);
    return e;
  }
  void add(Expr& e, ExprPtr part) {
    if (part) e.height = std::max(e.height, part->height + 1);
    if (e.height > kTallest) error("the expression is too long");
    e.parts.push_back(std::move(part));
  }
  ExprPtr binary(std::string op, ExprPtr a, ExprPtr b) {
    auto e = make_expr(ExprKind::binary, std::move(op));
    add(*e, std::move(a));
    add(*e, std::move(b));
    return e;
  }

  ExprPtr tuple(bool with_condition = true) {
    ExprPtr first = with_condition ? expression() : disjunction();
    if (!is_op(",")) return first;
    auto list = make_expr(ExprKind::list);
    add(*list, std::move(first));
    while (accept_op(",")) {
      if (peek().kind == Kind::block_end || peek().kind == Kind::print_end || is_op(")")) break;
      add(*list, expression());
    }
    return list;
  }

  ExprPtr expression() {
    Nested nested(*this);
    ExprPtr value = disjunction();
    while (accept_name("if")) {
      auto e = make_expr(ExprKind::conditional);
      ExprPtr test = disjunction();
      ExprPtr other = accept_name("else") ? expression() : nullptr;
      add(*e, std::move(test));
      add(*e, std::move(value));
      add(*e, std::move(other));
      value = std::move(e);
    }
    return value;
  }
  ExprPtr disjunction() {
    ExprPtr left = conjunction();
    while (accept_name("or")) left = binary("or", std::move(left), conjunction());
    return left;
  }
  ExprPtr conjunction() {
    ExprPtr left = negation();
    while (accept_name("and")) left = binary("and", std::move(left), negation());
    return left;
  }
  ExprPtr negation() {
    Nested nested(*this);
    if (!accept_name("not")) return comparison();
    auto e = make_expr(ExprKind::unary, "not");
    add(*e, negation());
    return e;
  }
  ExprPtr comparison() {
    ExprPtr left = sum();
    while (true) {
      std::string op;
      for (const char* candidate : {"==", "!=", "<=", ">=", "<", ">"})
        if (op.empty() && is_op(candidate)) op = candidate;
      if (!op.empty())
        take();
      else if (accept_name("in"))
        op = "in";
      else if (is_name("not") && peek(1).text == "in")
        at_ += 2, op = "not in";
      else
        return left;
      left = binary(op, std::move(left), sum());
    }
  }
  ExprPtr sum() {
    ExprPtr left = concatenation();
    while (is_op("+") || is_op("-")) {
      const std::string op = take().text;
      left = binary(op, std::move(left), concatenation());
    }
    return left;
  }
  ExprPtr concatenation() {
    ExprPtr left = product();
    while (accept_op("~")) left = binary("~", std::move(left), product());
    return left;
  }
  ExprPtr product() {
    ExprPtr left = power();
    while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
      const std::string op = take().text;
      left = binary(op, std::move(left), power());
    }
    return left;
  }
  // Jinja's order: a sign binds tighter than a filter, and ** looser than both.
  ExprPtr power() {
    ExprPtr left = signed_value(true);
    while (accept_op("**")) left = binary("**", std::move(left), signed_value(true));
    return left;
  }
  ExprPtr signed_value(bool with_filters) {
    Nested nested(*this);
    ExprPtr value;
    if (is_op("-") || is_op("+")) {
      value = make_expr(ExprKind::unary, take().text);
      add(*value, signed_value(false));
    } else {
      value = primary();
    }
    value = postfix(std::move(value));
    return with_filters ? filters(std::move(value)) : std::move(value);
  }

  ExprPtr filters(ExprPtr value) {
    while (true) {
      if (accept_op("|")) {
        auto e = make_expr(ExprKind::filter, expect_identifier());
        add(*e, std::move(value));
        if (accept_op("(")) arguments(*e);
        value = postfix(std::move(e));
      } else if (is_name("is")) {
        take();
        const bool negated = accept_name("not");
        auto e = make_expr(ExprKind::test, expect_identifier());
        add(*e, std::move(value));
        if (accept_op("("))
          arguments(*e);
        else if (takes_bare_argument())
          add(*e, postfix(primary()));
        value = std::move(e);
        if (negated) {
          auto no = make_expr(ExprKind::unary, "not");
          add(*no, std::move(value));
          value = std::move(no);
        }
      } else {
        return value;
      }
    }
  }
  bool takes_bare_argument() const {
    if (peek().kind == Kind::string || peek().kind == Kind::number) return true;
    if (peek().kind != Kind::name) return is_op("[") || is_op("{");
    for (const char* word : {"and", "or", "not", "if", "else", "is", "in", "recursive"})
      if (is_name(word)) return false;
    return true;
  }

  ExprPtr postfix(ExprPtr value) {
    while (true) {
      if (accept_op(".")) {
        auto e = make_expr(ExprKind::attribute, peek().kind == Kind::number ? take().text : expect_identifier());
        add(*e, std::move(value));
        value = std::move(e);
      } else if (accept_op("[")) {
        value = subscript(std::move(value));
      } else if (accept_op("(")) {
        auto e = make_expr(ExprKind::call);
        add(*e, std::move(value));
        arguments(*e);
        value = std::move(e);
      } else {
        return value;
      }
    }
  }

  ExprPtr subscript(ExprPtr object) {
    auto e = make_expr(ExprKind::index);
    ExprPtr bounds[3];
    int bound = 0;
    if (!is_op(":")) bounds[0] = expression();
    while (accept_op(":")) {
      e->kind = ExprKind::slice;
      if (++bound > 2) error("a slice has at most three parts");
      if (!is_op(":") && !is_op("]")) bounds[bound] = expression();
    }
    expect_op("]");
    add(*e, std::move(object));
    for (int i = 0; i < (e->kind == ExprKind::slice ? 3 : 1); i++) add(*e, std::move(bounds[i]));
    return e;
  }

  // After the opening bracket, up to and with the closing one.
  void arguments(Expr& e) {
    while (!is_op(")")) {
      if (peek().kind == Kind::name && peek(1).kind == Kind::op && peek(1).text == "=") {
        const std::string key = take().text;
        take();
        ExprPtr value = expression();
        e.height = std::max(e.height, value->height + 1);
        e.named.push_back({key, std::move(value)});
      } else {
        add(e, expression());
      }
      if (!accept_op(",")) break;
    }
    expect_op(")");
  }

  ExprPtr primary() {
    auto e = make_expr(ExprKind::literal);
    const TemplateToken token = take();
    if (token.kind == Kind::string) {
      std::string text = token.text;
      while (peek().kind == Kind::string) text += take().text;
      e->value = text;
    } else if (token.kind == Kind::number) {
      e->value = number(token);
    } else if (token.kind == Kind::name) {
      if (token.text == "true" || token.text == "True")
        e->value = true;
      else if (token.text == "false" || token.text == "False")
        e->value = false;
      else if (token.text != "none" && token.text != "None")
        e->kind = ExprKind::name, e->text = token.text;
    } else if (token.text == "(" && token.kind == Kind::op) {
      if (accept_op(")")) {
        e->kind = ExprKind::list;
        return e;
      }
      e = tuple();
      expect_op(")");
    } else if (token.text == "[" && token.kind == Kind::op) {
      e->kind = ExprKind::list;
      while (!is_op("]")) {
        add(*e, expression());
        if (!accept_op(",")) break;
      }
      expect_op("]");
    } else if (token.text == "{" && token.kind == Kind::op) {
      e->kind = ExprKind::dict;
      while (!is_op("}")) {
        add(*e, expression());
        expect_op(":");
        add(*e, expression());
        if (!accept_op(",")) break;
      }
      expect_op("}");
    } else {
      at_--;
      error(fmt::format("unexpected '{}'", token.text));
    }
    return e;
  }

  nlohmann::ordered_json number(const TemplateToken& token) const {
    const char *begin = token.text.data(), *end = begin + token.text.size();
    int64_t whole = 0;
    if (const auto r = std::from_chars(begin, end, whole); r.ec == std::errc() && r.ptr == end) return whole;
    double value = 0;
    if (const auto r = std::from_chars(begin, end, value); r.ec == std::errc() && r.ptr == end) return value;
    template_error(name_, token.place, fmt::format("'{}' is no number that fits", token.text.substr(0, 40)));
  }

  const std::string& name_;
  std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Nodes parse_template(const std::string& source, const std::string& name) { return Parser(source, name).parse(); }

}  // namespace r1
