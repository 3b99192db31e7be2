// Arithmetic said in free text, found and judged exactly: "48/2 = 24", "half of 48 is 24", "20% of 50 is 10", "$5 * 3 =
// $15", "2 hours = 120 minutes", "2*3+4 = 6+4 = 10", "48的一半是24".
//
// A claim is two readable sides with a sign or word of equality between them, one of which says how to compute. What
// cannot be read for certain claims nothing: variables, functions, ratios, dates, inequalities, lists, "x = 5". Values
// are exact rationals. A decimal is right when it is the other side's value rounded to the digits shown; what is said
// to be about (≈, "about") is right within a unit of its last digit, and wrong only when it is far off. Units of one
// kind are converted. Of a run-on line of calculations ("48/2 = 24+48 = 72") each calculation counts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

// Of a claim, a step or a thought.
enum class Truth { none, right, wrong };
const char* truth_name(Truth truth);
// Of two claims in one step: one wrong claim makes it wrong.
Truth join(Truth a, Truth b);

struct Claim {
  size_t from = 0, to = 0;  // bytes of the text, from the first side's beginning to the second's end
  Truth truth = Truth::none;
  std::string value;  // what the first side comes to, for people
};

// From left to right, those that could be judged. At most 64 KB of the text are read; any bytes are fine.
std::vector<Claim> find_claims(std::string_view text);

// All claims of a text joined.
Truth check_claims(std::string_view text);

}  // namespace r1
