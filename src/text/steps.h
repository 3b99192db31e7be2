// A text taken apart into the steps it is made of: lines, sentences, items of lists. What belongs together is never
// cut: formulas between LaTeX's signs, displayed equations and their continued lines, code, abbreviations, decimals,
// factorials, a list's marker and its item. Sentences end in . ! ? and their full-width forms.
//
// The cuts depend on what stands before them and on the little behind that is needed to be sure, so that they stay when
// the text goes on: the steps of a text's beginning are the first steps of the text, but for the last one.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace r1 {

// A range of bytes, or of tokens.
struct Step {
  size_t from = 0, to = 0;
  friend bool operator==(const Step&, const Step&) = default;
};

// In order and without gaps from the first byte to the last: white space belongs to the step before it. Every step but
// a text's only one says something (holds a letter or a digit). <think> and <answer> open a step, </think> and
// </answer> close one. Any bytes; linear in their number. No steps in an empty text.
std::vector<Step> split_steps(std::string_view text);

// Code points of UTF-8, in which people are told where a step stands.
size_t count_characters(std::string_view text);

// The ranges of `ids` that belong to the steps of their text, decoded without special tokens where `skip_special` says
// so. A token belongs to the step in which it begins; a step in which none begins is empty. Without gaps, all ids.
std::vector<Step> token_steps(const std::vector<Step>& steps, const std::vector<TokenId>& ids,
                              const Tokenizer& tokenizer, bool skip_special = true);

}  // namespace r1
