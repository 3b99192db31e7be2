// The words of arithmetic claims, English and Chinese: what means an operation, a number, a part of something.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "trace/claim_tokens.h"

namespace r1 {

// Words that mean an operation, longest first where one begins like another.
struct ClaimPhrase {
  std::string_view words;
  ClaimKind kind = ClaimKind::op;
  char op = 0;
  int num = 0, den = 1;
};

std::span<const ClaimPhrase> claim_phrases();      // English, longest first where one begins like another
std::span<const ClaimPhrase> claim_han_phrases();  // Chinese, likewise

inline constexpr std::array<std::string_view, 11> kClaimHanDigits = {"零", "一", "二", "三", "四", "五",
                                                                     "六", "七", "八", "九", "十"};

// "seven" is 7, "twenty-four" 24; -1: no number's word.
int claim_number_of(std::string_view word);
// "third" and "thirds" are 3; 0: no part's word.
int claim_part_of(std::string_view word);

}  // namespace r1
