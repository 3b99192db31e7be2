// An answer as it is compared: a formula with its unit, the letter of an option, or words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reward/expression.h"
#include "reward/math_values.h"
#include "reward/units.h"

namespace r1 {

struct Answer {
  // alternatives: several are offered ("6 or 7"); unreadable: too long, or characters that no honest answer holds
  enum class Kind { none, unreadable, alternatives, formula, words };
  Kind kind = Kind::none;
  Expression tree;                    // of a formula
  std::optional<ExactNumber> number;  // when the formula is a plain number
  Unit unit;
  std::string option;  // "B" for "B", "(B)", "B. 12 cm"; the tree or the words may be set as well
  std::string words;   // small letters, single blanks, no clothes; always set but for none and unreadable
  std::string text;    // one form of writing it, for people and for counting equal answers
};

// Of a text that is an answer and nothing else: what stands in a box, behind ####, in an answer's tags.
Answer read_answer(std::string_view text);

// As read_answer, but only a formula is read, all of it; kind none otherwise.
Answer read_formula(std::string_view text);

// Without "The answer is", "Answer:" and the like in front, and points and dollars around.
std::string_view strip_phrase(std::string_view text, bool* had_phrase);

// A number, with sign, fraction bar, power of ten or percent sign, but nothing to work out.
bool is_literal(const Expression& e);

}  // namespace r1
