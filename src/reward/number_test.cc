#include "reward/number.h"

#include <gtest/gtest.h>

#include "base/philox.h"

namespace r1 {
namespace {

using boost::multiprecision::cpp_int;

// The one number of a marked text as n/d or n/d%, or why there is none.
std::string reading_of(std::string_view text) {
  const NumberReading r = read_number(text);
  switch (r.kind) {
    case ReadingKind::none:
      return "none";
    case ReadingKind::several:
      return "several";
    case ReadingKind::unreadable:
      return "unreadable";
    case ReadingKind::one:
      return number_text(r.number);
  }
  return "?";
}

std::string last_of(std::string_view text) {
  const NumberReading r = read_last_number(text, nullptr);
  return r.kind == ReadingKind::none         ? "none"
         : r.kind == ReadingKind::several    ? "several"
         : r.kind == ReadingKind::unreadable ? "unreadable"
                                             : number_text(r.number);
}

struct Case {
  const char* text;
  const char* want;
};

void check_readings(std::initializer_list<Case> cases, std::string (*read)(std::string_view)) {
  for (const Case& c : cases) EXPECT_EQ(read(c.text), c.want) << "text: " << c.text;
}

TEST(Number, ReadsPlainSpellings) {
  check_readings({{"42", "42"},
                  {" 42.0 ", "42"},
                  {"42.", "42"},
                  {"-7", "-7"},
                  {"+7", "7"},
                  {"- 7", "-7"},
                  {"007", "7"},
                  {"0", "0"},
                  {"-0", "0"},
                  {".5", "1/2"},
                  {"0.75", "3/4"},
                  {"1,234", "1234"},
                  {"1,234,567.50", "2469135/2"},
                  {"3/4", "3/4"},
                  {"3 / 4", "3/4"},
                  {"-3/4", "-3/4"},
                  {"3/-4", "-3/4"},
                  {"6/8", "3/4"},
                  {"1 3/4", "7/4"},
                  {"-1 3/4", "-7/4"},
                  {"1.5/2", "3/4"},
                  {"2.5e3", "2500"},
                  {"25E-2", "1/4"},
                  {"1.5 * 10^3", "1500"},
                  {"75%", "75%"},
                  {"75 %", "75%"},
                  {"75 percent", "75%"},
                  {"75 per cent", "75%"},
                  {"12.5%", "25/2%"}},
                 reading_of);
}

TEST(Number, ReadsClothes) {
  check_readings({{"$42", "42"},
                  {"$42$", "42"},
                  {"$1,234.00", "1234"},
                  {"-$5", "-5"},
                  {"$-5", "-5"},
                  {"\\$5", "5"},
                  {"€5", "5"},
                  {"5 €", "5"},
                  {"£1,000", "1000"},
                  {"**42**", "42"},
                  {"*42*", "42"},
                  {"_42_", "42"},
                  {"`42`", "42"},
                  {"(42)", "42"},
                  {"\\(42\\)", "42"},
                  {"\\[ 42 \\]", "42"},
                  {"$$42$$", "42"},
                  {"\\frac{3}{4}", "3/4"},
                  {"\\dfrac34", "3/4"},
                  {"-\\frac{3}{4}", "-3/4"},
                  {"\\frac{-3}{4}", "-3/4"},
                  {"\\frac{3}{-4}", "-3/4"},
                  {"1\\frac{3}{4}", "7/4"},
                  {"1{,}234", "1234"},
                  {"1\\,234\\,567", "1234567"},
                  {"75\\%", "75%"},
                  {"\\text{42}", "42"},
                  {"42\\text{ apples}", "42"},
                  {"42 \\text{cm}", "42"},
                  {"\\mathbf{42}", "42"},
                  {"\\boxed{42}", "42"},
                  {"1.5 \\times 10^{3}", "1500"},
                  {"90^\\circ", "90"},
                  {"90^{\\circ}", "90"},
                  {"\\left(42\\right)", "42"}},
                 reading_of);
}

TEST(Number, ReadsUnicode) {
  check_readings({{"\u22127", "-7"},
                  {"\uFF14\uFF12", "42"},
                  {"\u00BD", "1/2"},
                  {"1\u00BD", "3/2"},
                  {"1\u202F234", "1234"},
                  {"1\u00A0234", "1234"},
                  {"3\u20444", "3/4"},
                  {"90\u00B0", "90"},
                  {"42\u5143", "42"},
                  {"\u7B54\u6848\u662F42\u3002", "42"},
                  {"75\uFF05", "75%"},
                  {"\u0664\u0662", "unreadable"},
                  {"4\u00B2", "unreadable"},
                  {"\u221A2", "unreadable"},
                  {"\u00B13", "unreadable"},
                  {"\u03B12", "unreadable"}},
                 reading_of);
}

TEST(Number, UnitsAndSentencesMayStandAround) {
  check_readings({{"42 apples", "42"},
                  {"42kg", "42"},
                  {"42 km/h", "42"},
                  {"42 cm^2", "42"},
                  {"42 cm\u00B2", "42"},
                  {"42 square feet", "42"},
                  {"$5 per hour", "5"},
                  {"5/hour", "5"},
                  {"42 more cookies", "42"},
                  {"a 42-year-old", "42"},
                  {"The answer is 42.", "42"},
                  {"The answer is -42.", "-42"},
                  {"x = 42", "42"},
                  {"x=-42", "-42"},
                  {"12 + 30 = 42", "42"},
                  {"84 / 2 = 42", "42"},
                  {"42 (42)", "42"},
                  {"3/4 = 0.75", "3/4"}},
                 reading_of);
}

TEST(Number, WhatIsNoSingleNumberIsNotRead) {
  check_readings({{"", "none"},
                  {"blue", "none"},
                  {"3 or 4", "several"},
                  {"42 or forty-three", "several"},
                  {"either 42", "several"},
                  {"3, 4", "several"},
                  {"3,4", "several"},
                  {"3 4", "several"},
                  {"3;4", "several"},
                  {"3\n4", "several"},
                  {"3-4", "several"},
                  {"3 - 4", "several"},
                  {"3\u20134", "several"},
                  {"$3$4", "several"},
                  {"3 + 4", "several"},
                  {"3 \\cdot 4", "several"},
                  {"x = 3 or x = 4", "several"},
                  {"x = 3, y = 4", "several"},
                  {"3 and 4", "several"},
                  {"between 3 and 4", "several"},
                  {"1 2 3 4 5 6", "several"},
                  {"1,2345", "several"},
                  {"1234,567", "several"},
                  {"0,123", "several"},
                  {"5 7/4", "several"},
                  {"\\{3, 4\\}", "several"},
                  {"x2", "unreadable"},
                  {"x_2", "unreadable"},
                  {"x_{2}", "unreadable"},
                  {"2x", "unreadable"},
                  {"2 x", "unreadable"},
                  {"x + 2", "unreadable"},
                  {"x - 2", "unreadable"},
                  {"x-2", "unreadable"},
                  {"2 + x", "unreadable"},
                  {"42 - x", "unreadable"},
                  {"f(3)", "unreadable"},
                  {"-(3)", "unreadable"},
                  {"3(x)", "unreadable"},
                  {"1/0", "unreadable"},
                  {"0/0", "unreadable"},
                  {"\\frac{1}{0}", "unreadable"},
                  {"1/2/3", "unreadable"},
                  {"3/4/2020", "unreadable"},
                  {"1.2.3", "unreadable"},
                  {"5:30", "unreadable"},
                  {"3:4", "unreadable"},
                  {"2^3", "unreadable"},
                  {"2**3", "unreadable"},
                  {"\\sqrt{2}", "unreadable"},
                  {"2\\pi", "unreadable"},
                  {"\\pm 3", "unreadable"},
                  {"x > 3", "unreadable"},
                  {"x != 3", "unreadable"},
                  {"x \\ne 3", "unreadable"},
                  {"0.333...", "unreadable"},
                  {"0.\\overline{3}", "unreadable"},
                  {"42k", "unreadable"},
                  {"42 thousand", "unreadable"},
                  {"42nd", "unreadable"},
                  {"0x2A", "unreadable"},
                  {"1_000", "unreadable"},
                  {"minus 42", "unreadable"},
                  {"not 42", "unreadable"},
                  {"--3", "unreadable"},
                  {"|-3|", "unreadable"},
                  {"1e999999999", "unreadable"},
                  {"1e-999999999", "unreadable"},
                  {"1e1001", "unreadable"},
                  {"1e99999999999999999999999", "unreadable"},
                  {"9^{9^{9}}", "unreadable"},
                  {"\\frac{x}{2}", "unreadable"},
                  {"\\frac{\\frac{1}{2}}{3}", "unreadable"}},
                 reading_of);
  EXPECT_EQ(reading_of(std::string_view("4\0002", 3)), "unreadable");
  EXPECT_EQ(reading_of(std::string_view("42\000", 3)), "unreadable");
}

TEST(Number, LastNumberOfRunningText) {
  check_readings({{"She has 3 cats and 4 dogs, so 7 animals.", "7"},
                  {"12 + 30 = 42.", "42"},
                  {"12 * 4 is 48", "48"},
                  {"Step 1: add. Step 2: the result is 42", "42"},
                  {"Answer 1: 42", "42"},
                  {"The answer is 42, as step3 shows.", "42"},
                  {"so x2 is it", "none"},
                  {"The answer is **42**.", "42"},
                  {"The answer is $\\frac{3}{4}$.", "3/4"},
                  {"\\begin{align} x &= 42 \\end{align}", "42"},
                  {"It costs $1,234.50", "2469/2"},
                  {"6 * 7 = 42\n42", "42"},
                  {"It is -5", "-5"},
                  {"9 - 4 = 5 pears", "5"},
                  {"It is 3 or 4", "several"},
                  {"It is 3 apples or 4 apples", "several"},
                  {"x = 3 or x = 4", "several"},
                  {"forty or 42", "several"},
                  {"42 or so", "several"},
                  {"1, 2, 3, 4", "several"},
                  {"1\n2\n3\n4", "several"},
                  {"It is 3 and 4", "several"},
                  {"It is 3 or 4 or 4", "several"},
                  {"5 apples - 3 apples", "unreadable"},
                  {"5 - 3", "several"},
                  {"| 3 | 4 |", "several"},
                  {"3\u62164", "several"},
                  {"x > 42", "unreadable"},
                  {"x is 2^3", "unreadable"},
                  {"the result is - 42", "unreadable"},
                  {"at 5:30", "unreadable"},
                  {"nothing", "none"}},
                 last_of);
  std::string text;
  read_last_number("it is $1,234.50 now", &text);
  EXPECT_EQ(text, "1,234.50");
}

TEST(Number, SameNumber) {
  const auto same = [](const char* reference, const char* answer) {
    return same_number(read_number(reference).number, read_number(answer).number);
  };
  EXPECT_TRUE(same("42", "42.0"));
  EXPECT_TRUE(same("0.75", "3/4"));
  EXPECT_TRUE(same("75%", "75%"));
  EXPECT_TRUE(same("75%", "0.75"));
  EXPECT_TRUE(same("0.75", "75%"));
  EXPECT_TRUE(same("75", "75%"));
  EXPECT_FALSE(same("75%", "0.75%"));
  EXPECT_FALSE(same("75", "0.75"));
  EXPECT_TRUE(same("0.6666666667", "2/3"));
  EXPECT_TRUE(same("3.33333", "10/3"));
  EXPECT_TRUE(same("3.33333", "3.333333333"));
  EXPECT_FALSE(same("0.6666666667", "0.6667"));
  EXPECT_FALSE(same("0.6666666667", "0.66"));
  EXPECT_FALSE(same("0.6666666667", "1"));
  EXPECT_FALSE(same("0.67", "2/3"));
  EXPECT_FALSE(same("2/3", "0.6666666667"));
  EXPECT_TRUE(same("0.31251", "0.312512"));
  for (const char* near : {"0.312500000001", "3125000000000000000000001/10000000000000000000000000", "0.312501"})
    EXPECT_FALSE(same("0.31250", near)) << near << ": a reference with a 0 at its end is exact";
  EXPECT_FALSE(same("3", "3.0000000001"));
}

// ---- any rational, in any spelling

struct Draws {
  uint32_t sample;
  uint32_t at = 0;
  uint64_t below(uint64_t n) { return random_below({.seed = 11, .stage = Stage::test, .sample = sample}, n, at++); }
};

cpp_int random_integer(Draws& d) {
  cpp_int n = 0;
  const uint64_t figures = 1 + d.below(d.below(8) == 0 ? 300 : 9);
  for (uint64_t i = 0; i < figures; i++) n = n * 10 + d.below(10);
  return n;
}

std::string grouped(std::string digits, const std::string& separator) {
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), separator);
  return digits;
}

// Texts that all mean sign * whole.
std::vector<std::string> integer_spellings(const cpp_int& n, bool negative) {
  const std::string digits = n.str(), s = negative ? "-" : "";
  const std::string wide = negative ? "\u2212" : "";
  return {s + digits,
          wide + digits,
          s + digits + ".0",
          s + digits + ".",
          s + digits + "e0",
          s + digits + "/1",
          s + "$" + grouped(digits, ","),
          s + grouped(digits, "\\,"),
          s + grouped(digits, "{,}") + ".00",
          s + grouped(digits, "\u202F"),
          "\\boxed{" + s + digits + "}",
          "**" + s + digits + "**",
          "x = " + s + digits,
          s + digits + " apples",
          s + digits + "\\text{ cm}",
          s + "\\frac{" + cpp_int(n * 3).str() + "}{3}",
          s + cpp_int(n * 7).str() + "/7"};
}

TEST(NumberProperty, IntegersInEverySpelling) {
  for (uint32_t i = 0; i < 400; i++) {
    Draws d{i};
    const cpp_int n = random_integer(d);
    const bool negative = n != 0 && d.below(2) == 1;
    const Rational value = negative ? Rational(-n) : Rational(n);
    for (const std::string& text : integer_spellings(n, negative)) {
      const NumberReading r = read_number(text);
      ASSERT_EQ(r.kind, ReadingKind::one) << text;
      ASSERT_EQ(r.number.value, value) << text;
    }
  }
}

TEST(NumberProperty, FractionsInEverySpelling) {
  for (uint32_t i = 0; i < 400; i++) {
    Draws d{1000 + i};
    const cpp_int a = random_integer(d), b = random_integer(d) + 1, whole = 1 + d.below(50);
    const Rational value(a, b);
    for (const std::string& text :
         {a.str() + "/" + b.str(), a.str() + " / " + b.str(), a.str() + "\u2044" + b.str(),
          "\\frac{" + a.str() + "}{" + b.str() + "}", "$\\dfrac{" + a.str() + "}{" + b.str() + "}$"})
      ASSERT_EQ(read_number(text).number.value, value) << text;
    const cpp_int below = a % b;
    if (below == 0) continue;
    for (const std::string& text : {whole.str() + " " + below.str() + "/" + b.str(),
                                    whole.str() + "\\frac{" + below.str() + "}{" + b.str() + "}"})
      ASSERT_EQ(read_number(text).number.value, Rational(whole) + Rational(below, b)) << text;
  }
}

TEST(NumberProperty, DecimalsAndPercentages) {
  for (uint32_t i = 0; i < 400; i++) {
    Draws d{2000 + i};
    const cpp_int a = random_integer(d);
    const size_t places = 1 + d.below(6);
    std::string digits = a.str();
    if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
    const std::string text = digits.substr(0, digits.size() - places) + "." + digits.substr(digits.size() - places);
    cpp_int scale = 1;
    for (size_t k = 0; k < places; k++) scale *= 10;
    const Rational value(a, scale);
    const std::string e = a.str() + "e-" + std::to_string(places);
    ASSERT_EQ(read_number(text).number.value, value) << text;
    ASSERT_EQ(read_number(text + "0").number.value, value) << text;
    ASSERT_EQ(read_number(e).number.value, value) << e;
    ASSERT_TRUE(read_number(text + "%").number.percent) << text;
    ASSERT_EQ(read_number(text + "%").number.value, value) << text;
  }
}

// Whatever the bytes, reading ends, and what it calls one number has a text that reads as the same number.
TEST(NumberProperty, AnyBytes) {
  const std::string alphabet =
      "0123456789012345678901234567890123456789.,/-+*^%$= eExX()[]{}\\_|:;<>!\n\tfracboxedtextorand\x80\xC2\xB2\xE2";
  for (uint32_t i = 0; i < 20000; i++) {
    Draws d{10000 + i};
    std::string text;
    for (uint64_t k = 1 + d.below(24); k > 0; k--) text += alphabet[d.below(alphabet.size())];
    const NumberReading r = read_number(text);
    (void)read_last_number(text, nullptr);
    if (r.kind != ReadingKind::one) continue;
    const NumberReading again = read_number(number_text(r.number));
    ASSERT_EQ(again.kind, ReadingKind::one) << text << " -> " << number_text(r.number);
    ASSERT_EQ(again.number.value, r.number.value) << text;
    ASSERT_EQ(again.number.percent, r.number.percent) << text;
  }
}

TEST(Number, SizesAreBounded) {
  const std::string thousand(1000, '7');
  EXPECT_EQ(reading_of(thousand), thousand);
  EXPECT_EQ(reading_of(thousand + "7"), "unreadable");
  EXPECT_EQ(reading_of(std::string(3000, '0') + "7"), "7");
  EXPECT_EQ(reading_of(std::string(5000, '7')), "unreadable");
  EXPECT_EQ(last_of("it is " + std::string(5000, '7')), "unreadable");
  EXPECT_EQ(reading_of("1e990").size(), 991u);
}

}  // namespace
}  // namespace r1
