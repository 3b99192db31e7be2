// The signs of a mathematical answer, whether it is written in LaTeX, in plain text or with Unicode's signs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

struct MathToken {
  enum class Kind { number, word, command, text, sign, end };
  Kind kind = Kind::end;
  // number: digits, at most one point, an exponent ("1.5e-3"); word: letters; command: its name without the backslash
  // ("begin:pmatrix" for an environment); text: what \text{} holds, or letters of other scripts; sign: one character:
  // itself, or S s for \{ \}, l g n for <= >= !=, p m for +- -+, d for the degree sign, r for a row's end, U N M for
  // union, intersection and difference, e for "is in"
  std::string text;
  bool spaced = false;  // white space stands before it
};

struct MathTokens {
  std::vector<MathToken> tokens;  // ends with one of kind end
  bool latex = false;             // a backslash or ^{ stands in it: letters in a row are a product, braces group
};

// nullopt: more than 4096 bytes, or characters that no honest answer holds: controls, marks of direction or of no
// width, digits that only look like figures, bytes that are no UTF-8.
std::optional<MathTokens> math_tokens(std::string_view text);

}  // namespace r1
