// The parser of math_parser.h. A production that cannot go on throws Unreadable, which parse_math turns into "no
// formula"; depth and nodes are bounded, so time is, too. Lists, sums and products are in math_parser.cc, what they are
// made of in math_atoms.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reward/math_parser.h"

namespace r1 {

struct Unreadable {};

class MathParser {
 public:
  explicit MathParser(const MathTokens& t) : tokens_(t.tokens), latex_(t.latex) {}
  Expression run();

 private:
  using Kind = MathToken::Kind;
  static constexpr int kDeepest = 40;
  static constexpr int kMostNodes = 1000;

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
  const MathToken& peek(size_t ahead = 0) const;
  const MathToken& next();
  bool at_sign(char c, size_t ahead = 0) const;
  bool take(char c);
  void expect(char c);
  bool at_command(std::string_view name) const;
  bool at_word(std::string_view name) const;
  // ---- lists of clauses
  Expression answer();
  // a, b; a and b; a or b. Ends before `close` (which may be nothing: the end).
  Expression clauses(char close);
  static bool is_whole_and_part(const Expression& whole, const Expression& part);
  static bool is_relation(char c);
  Expression clause();
  Expression ratio();
  Expression set_expression();
  // ---- formulas
  Expression sum();
  static Expression sum_of(std::vector<Expression> terms);
  Expression signed_term();
  Expression signed_term_after_minus();
  Expression term();
  // "3 4", "x 3", "4{2}" and "we get" are no products that anybody writes.
  bool is_product_here() const;
  static Expression product_of(std::vector<Expression> factors);
  Expression signed_factor();
  bool starts_factor() const;
  Expression factor();
  Expression exponent();
  Expression postfixed(Expression e);
  // ---- what stands alone
  Expression primary();
  Expression number();
  static Expression plain_number(const std::string& text);
  // 0.1\overline{6}, 0.1\bar{6}, 0.1\dot{6}
  bool at_repetition() const;
  Expression repeating(const std::string& text);
  // 1 3/4 and 1\frac{3}{4}: a whole number and a fraction below one.
  Expression mixed(Expression whole);
  static bool is_fraction(std::string_view name);
  Expression word();
  // The next letter of a word that is a product of letters; split_ - 1 of them are read.
  Expression letter();
  Expression symbol(std::string name);
  // ---- commands
  Expression command();
  // What a command takes: {braces}, one figure, one letter, or a command.
  Expression argument();
  // {formula}
  Expression braces();
  // a \over b and a \choose b, whose first part is read
  Expression over_or_choose(Expression above);
  Expression root();
  Expression whole_number();
  // sin x, sin(x), \sin^2 x, \log_2 8, sqrt(x), exp(x)
  Expression function(std::string name);
  Expression argument_of_index();
  std::vector<Expression> arguments();
  // Of "sin 2x cos y": 2x.
  Expression bare_argument();
  bool starts_function() const;
  static Expression called(std::string name, std::vector<Expression> kids);
  // \sin^{-1} x is the inverse function, \sin^2 x the square.
  static Expression powered(Expression call, std::optional<Expression> power);
  // ---- brackets
  Expression bracketed();
  Expression inside(char open, int bars);
  Expression round_or_square(char open);
  // [[1, 2], [3, 4]] is a matrix.
  static Expression list_or_matrix(Expression list, bool square);
  // Braces group in LaTeX; in plain text, and around a list, they hold a set.
  Expression plain_braces();
  Expression set(char close);
  Expression matrix(const std::string& environment);
  static Expression checked_matrix(Expression m);
  const std::vector<MathToken>& tokens_;
  const bool latex_;
  size_t at_ = 0;
  size_t split_ = 0;   // how many letters of the word at at_ are being read; 0: it is whole
  size_t digits_ = 0;  // how many figures of the number at at_ \frac has taken
  int depth_ = 0, nodes_ = 0;
  int bars_ = 0;       // a bar ends what is being read
  int set_depth_ = 0;  // a colon divides a set
};

}  // namespace r1
