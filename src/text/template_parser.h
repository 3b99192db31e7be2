// The parser of expressions; statements build on it (template_statements.cc).
#pragma once

#include <algorithm>

#include "text/template_ast.h"

namespace r1::jinja {

class ExpressionParser {
 public:
  ExpressionParser(const std::string& source, const std::string& name)
      : name_(name), tokens_(lex_template(source, name)) {}

 protected:
  using Kind_ = TemplateTokenKind;
  const TemplateToken& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  TemplateToken take() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  [[noreturn]] void error(const std::string& message) const { template_error(name_, peek().place, message); }
  bool is_op(const char* op) const { return peek().kind == Kind_::op && peek().text == op; }
  bool is_name(const char* name) const { return peek().kind == Kind_::name && peek().text == name; }
  bool accept_op(const char* op) { return is_op(op) && (at_++, true); }
  bool accept_name(const char* name) { return is_name(name) && (at_++, true); }
  void expect_op(const char* op);
  std::string expect_identifier();

  // Expressions with commas between are a tuple. `end`: a name that ends it.
  ExprPtr tuple(bool with_condition = true, const char* end = nullptr);
  ExprPtr expression();
  ExprPtr disjunction();
  ExprPtr filter_chain(ExprPtr value, bool starts_inside);  // `|a|b(c)`; starts_inside: without the first bar

  ExprPtr make_expr(ExprKind kind, std::string text = "") const;
  void add(Expr& e, ExprPtr part) const;  // throws when the tree gets too high

  struct Nested {
    explicit Nested(ExpressionParser& parser);
    ~Nested() { p.depth_--; }
    ExpressionParser& p;
  };
  // Filters and tests that nobody knows are errors at once, but below a condition only when they are reached: who reads
  // a condition drops what was noted in it.
  void refuse_unknown(size_t since) const;
  std::vector<std::pair<TemplatePlace, std::string>> unknown_;

  const std::string& name_;
  std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  std::vector<Node*> macros_;  // being read, outermost first

 private:
  bool ends_tuple(const char* end) const;
  ExprPtr conjunction();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr signed_value(bool with_filters);
  ExprPtr arithmetic(Operator op, ExprPtr a, ExprPtr b) const;
  ExprPtr filters_and_tests(ExprPtr value);
  ExprPtr test(ExprPtr value);
  bool takes_bare_argument() const;
  ExprPtr postfix(ExprPtr value);
  ExprPtr dotted(ExprPtr value);
  ExprPtr subscript(ExprPtr object);
  ExprPtr subscribed(ExprPtr object);
  void arguments(Expr& e);
  void argument(Expr& e);
  ExprPtr primary();
  ExprPtr name_or_constant(const std::string& text);
  ExprPtr list();
  ExprPtr dict();
  Value number(const TemplateToken& token) const;

  int depth_ = 0;
};

}  // namespace r1::jinja
