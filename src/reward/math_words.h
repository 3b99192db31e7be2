// The words of formulas and of the text around answers.
#pragma once

#include <string>
#include <string_view>

namespace r1 {

std::string lower(std::string_view text);  // ASCII letters small

// A function's name as people, LaTeX or sympy write it ("sin", "arcsin", "asin", "ln"), and as trees hold it.
bool is_function_word(std::string_view word);
std::string function_of_word(std::string_view word);

bool is_greek(std::string_view command);  // a letter: "alpha", "Gamma"; not pi

// "or", "and", "in", ...: words that stand between formulas, never in them.
bool is_joining_word(std::string_view word);

// Whether letters in a row are variables multiplied ("xy") and not a word ("cm", "is"). In LaTeX words stand in
// \text{}, so that more letters may be a product there.
bool is_product_of_letters(std::string_view letters, bool latex);

}  // namespace r1
