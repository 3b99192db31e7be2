// Oniguruma's regular expressions, in which tokenizers write their split patterns, said in PCRE2's words.
#pragma once

#include <string>

namespace r1 {

// For PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE. What the two libraries read differently is spelled out: \s is Unicode's
// White_Space (PCRE2 would count U+180E too), \w has marks and connectors, \h is a hexadecimal digit, a{2}+ repeats,
// (?m:) lets the dot match line ends, classes nest and intersect, properties know the characters newer than PCRE2.
// Left out: the absence operator, conditions, text segments (\y), raw bytes (\xE9), blocks, multi-character case
// folding. Throws r1::Error with the pattern and the place.
std::string pcre2_pattern(const std::string& oniguruma);

// A pattern that matches `literal` and nothing else.
std::string quoted_pattern(const std::string& literal);

}  // namespace r1
