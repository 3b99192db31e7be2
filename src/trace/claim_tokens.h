// The words of arithmetic: free text as numbers, operations, signs of equality and what stands between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reward/number.h"

namespace r1 {

enum class ClaimKind : uint8_t {
  number,    // value; share: "half", ½: it may be of something
  op,        // + - * / ^ ! %, 'o' of, 'D' 的, 'B' 倍, 'M' more than, 'L' less than
  scale,     // value: behind a number, "dozen", "million"
  factor,    // value: before an operand, "twice"
  function,  // op, before operands: S sum, P product, d difference, Q quotient, R subtract..from, A average, V root
  of_list,   // op, behind two operands (Chinese): S d P Q
  open,
  close,
  equals,  // =
  is,      // a word of equality
  comma,
  join,    // "and", "to", "by", "from": between a function's operands
  about,   // before a number: approximately; after equality words
  filler,  // words that say nothing: "the", "a total of"
  rest,    // remainder
  word,    // any other: perhaps a unit
  poison,  // what makes a side unreadable
  stop     // what ends every side
};

struct ClaimToken {
  ClaimKind kind = ClaimKind::stop;
  size_t from = 0, to = 0;  // bytes
  bool spaced = true;       // white space (or nothing) before it
  char op = 0;
  bool share = false, in_words = false, cut_off = false;  // cut_off: dots follow the digits
  bool glued = false;                                     // a word that stands right behind a number
  bool approximate = false;                               // of equals and is: ≈
  int decimals = 0;
  Rational value = 0;
  std::string word;  // small letters; of a number its currency's name
};

std::vector<ClaimToken> claim_tokens(std::string_view text);

}  // namespace r1
