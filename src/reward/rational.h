// Exact numbers as people write them: integers, decimals, fractions, percentages, scientific, LaTeX.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace r1 {

// numerator / denominator in lowest terms, denominator > 0; both below 10^36 in magnitude.
struct Rational {
  __int128 numerator = 0, denominator = 1;
  friend bool operator==(const Rational&, const Rational&) = default;
};

// The whole text as one number; nullopt when it is none, or too long to be held exactly.
// 1,234 1.50 -7 −7 3/4 \frac{3}{4} 1 3/4 25% 2.5e3 $12.00 12 apples (a unit after a number is passed over when
// `units`).
std::optional<Rational> parse_number(std::string_view text, bool units);
std::string rational_text(const Rational& r);

}  // namespace r1
