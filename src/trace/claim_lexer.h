// Reads free text as the tokens of arithmetic: one pass, each character once. Of claim_tokens alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trace/claim_tokens.h"
#include "trace/claim_words.h"

namespace r1 {

class ClaimLexer {
 public:
  explicit ClaimLexer(std::string_view text) : text_(text) {}

  std::vector<ClaimToken> run() {
    while (at_ < text_.size()) one();
    return std::move(out_);
  }

 private:
  using Kind = ClaimKind;

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts(std::string_view part) const { return text_.substr(at_, part.size()) == part; }
  size_t after_blanks(size_t at) const;
  ClaimToken& push(Kind kind, size_t length, char op = 0);
  void blank(size_t length);
  Kind last() const { return out_.empty() ? Kind::stop : out_.back().kind; }
  bool after_operand() const;
  void one();
  void line_end();
  void angle();
  void sign(char c);
  // A product, a power, a bullet or emphasis.
  void star();
  // A price's sign, or one of LaTeX's: nothing in either case but a name for the number that follows.
  void dollar(size_t length);
  void comma();

  // ---- numbers

  bool three_digits(size_t at) const;
  void number();
  static boost::multiprecision::cpp_int whole(const std::string& digits);
  // Letters glued to a number: 5kg, 2x3, 3rd, 2x.
  void behind_number();
  // An x between two numbers.
  bool is_times() const;

  // ---- words

  static std::string lowered(std::string_view text);
  // Where the word at `at` ends; digits belong to it ("x1"), a hyphen or an apostrophe between letters does.
  size_t word_end(size_t at) const;
  // The length of `phrase` in words from here, any blanks between them; 0: something else stands here.
  size_t phrase_length(std::string_view phrase) const;
  void word();
  void phrase(const ClaimPhrase& p, size_t length);
  void scale(size_t length, int64_t by, char op);
  // "half of", "a third of", "two thirds of": a number, where something it is of follows.
  bool share(const std::string& first, size_t end);

  // ---- LaTeX

  std::string_view braces();
  // The tokens of an argument, as if they stood at `from`.
  void inside(std::string_view text, bool brackets);
  void command();

  // ---- beyond ASCII

  void wide();
  bool fraction_sign();
  bool power_sign();
  bool currency();
  // A Chinese figure (二, 两, 十); -1: none.
  int han_digit(size_t at) const;
  void han(size_t length);

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  bool spaced_ = true;
  std::string currency_;  // of the sign before the next number
  std::vector<ClaimToken> out_;
};

}  // namespace r1
