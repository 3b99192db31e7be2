// Exact reading of the numbers people and models write as answers: integers, decimals, fractions, mixed numbers,
// percentages, thousands separators, LaTeX and Unicode spellings. Values are rationals of any precision, so 0.1 + 0.2
// style surprises cannot decide a reward. Every size is bounded before arithmetic is done on it.
// Leaves out on purpose: symbols, roots, powers, intervals, sets. Such text is "unreadable", never guessed at.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

using Rational = boost::multiprecision::cpp_rational;

struct ExactNumber {
  Rational value;        // as written, before a percent sign is applied
  bool percent = false;  // "10%" or "10 percent"
  int decimals = 0;      // digits written after the decimal point; -1 for fractions
};

// Text with its LaTeX, Markdown and Unicode clothes removed, in the small alphabet that scan_numbers reads.
// Whatever has a meaning that numbers do not cover (roots, powers, inequalities, plus-minus) becomes kPoison.
std::string plain_math(std::string_view text);
inline constexpr char kPoison = '\x03';
inline constexpr char kThinSpace = '\x01';  // may separate thousands, unlike a plain space

struct NumberToken {
  size_t begin = 0, end = 0;  // in the plain text
  bool readable = false;      // false: digits that are no plain number ("2^3", "5:30", "1/0", "42k", "- 3 or minus 3?")
  bool word = false;          // digits inside a word ("step3", "x2"); never readable
  ExactNumber number;         // set when readable
};
// From left to right. Numbers of more than 1000 digits, written or by their exponent, are not readable.
std::vector<NumberToken> scan_numbers(std::string_view plain);

// How a text reads when it must be one number and nothing else that counts: units, currency and words may stand around
// it; of an equation the part after the last '=' counts. At most 4096 bytes are read.
enum class ReadingKind { none, one, several, unreadable };
struct NumberReading {
  ReadingKind kind = ReadingKind::none;
  ExactNumber number;  // set when kind is one
};
NumberReading read_number(std::string_view text);

// The last number of running text (of its last 4096 bytes). `several` when it stands in a list, in an expression that
// is not worked out, or beside an "or": that is no committed answer. `text_out` receives the number as written.
NumberReading read_last_number(std::string_view text, std::string* text_out);

// Whether an answer equals a reference. A percent sign on one side only may mean 1/100 or be the unit: both count,
// the unit for numbers of at least one. A reference of five or more decimals ("0.6666666667") is a rounded one: a
// fraction or longer decimal that rounds to it equals it. One that ends in 0 ("0.31250") is exact.
bool same_number(const ExactNumber& reference, const ExactNumber& answer);

// Whether a reference is a rounded number.
bool is_rounded(const ExactNumber& reference);

// Canonical: lowest terms, "42", "-3/4", "75%"; equal numbers of one kind have equal texts.
std::string number_text(const ExactNumber& number);

}  // namespace r1
