// One side of a claim: tokens read as a formula, with its value.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "trace/claim_tokens.h"

namespace r1 {

// What a formula may mean beside its plain meaning.
struct ClaimReading {
  bool percent_is_unit = false;  // 75% is 75
  bool scale_is_unit = false;    // 3 dozen is 3
  bool percent_of_left = false;  // 50 + 20% is 60
};

struct ClaimSide {
  size_t begin = 0, end = 0;  // tokens
  Rational value = 0;
  bool has_op = false;                                    // says how to compute; a percent sign alone does not
  bool percent = false;                                   // holds a percent sign
  bool scaled = false;                                    // holds "dozen", "million"
  bool cut_off = false;                                   // its digits go on: 0.33...
  bool in_words = false;                                  // a number's word alone
  int decimals = -1;                                      // of a number alone: digits behind the point; -1: no decimal
  std::optional<Rational> first;                          // the first number
  bool range = false;                                     // a-b without blanks: may be a range of pages
  std::optional<std::pair<Rational, Rational>> division;  // a / b alone
  std::string unit;  // the one unit behind (before, for money) all its numbers; empty: none, or several
  bool units_differ = false;
};

// The longest formula that begins at token `begin`; nullopt: none, or one that cannot be read for certain.
std::optional<ClaimSide> read_side(std::span<const ClaimToken> tokens, size_t begin, const ClaimReading& reading);

// Whether a word cannot stand for a unit: variables, functions, words that deny.
bool is_poison_word(const ClaimToken& token);

}  // namespace r1
