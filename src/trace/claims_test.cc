#include "trace/claims.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

void expect(Truth truth, std::initializer_list<const char*> texts) {
  for (const char* text : texts) EXPECT_STREQ(truth_name(check_claims(text)), truth_name(truth)) << text;
}

TEST(Claims, Right) {
  expect(Truth::right, {"48/2 = 24",
                        "48 ÷ 2 is 24",
                        "half of 48 is 24",
                        "Half of the 48 clips is 24 clips.",
                        "twice 6 is 12",
                        "20% of 50 is 10",
                        "2*3+4 = 6+4 = 10",
                        "48的一半是24",
                        "6的2倍是12",
                        "6的两倍是12",
                        "50的20%是10",
                        "12的三分之二是8",
                        "3加4等于7",
                        "12除以4得3",
                        "3和4的和是7",
                        "She has 3 + 4 = 7 apples.",
                        "3 apples + 4 apples = 7 apples",
                        "$5 * 3 = $15",
                        "$5/hour * 3 hours = $15",
                        "1,000 + 234 = 1,234",
                        "3 1/2 + 1/2 = 4",
                        "2½ + ½ = 3",
                        "10/3 = 3.33",
                        "2/3 = 0.67",
                        "1/8 = 0.13",
                        "1/3 = 0.333...",
                        "10/3 ≈ 3.3",
                        "10/3 is about 3",
                        "5! = 120",
                        "3 + 4 = 7!",
                        "2^10 = 1024",
                        "5² = 25",
                        "2**3 = 8",
                        "\\frac{3}{4} \\times 8 = 6",
                        "\\sqrt{16} + 1 = 5",
                        "2 hours = 120 minutes",
                        "17 / 5 = 3 remainder 2",
                        "The sum of 3, 4 and 5 is 12",
                        "subtracting 3 from 10 gives 7",
                        "dividing 48 by 2 gives 24",
                        "The average of 4 and 6 is 5",
                        "5 more than 7 is 12",
                        "3 less than 10 is 7",
                        "3 times as many as 4 is 12",
                        "24 is half of 48",
                        "three plus four is seven",
                        "2 dozen eggs = 24 eggs",
                        "3 dozen * $2 = $6",
                        "2 x 3 = 6",
                        "2x3=6",
                        "(3 + 4) * 2 = 14",
                        "2(3+4) = 14",
                        "(3 + 4 = 7)",
                        "-3 + 5 = 2",
                        "15/60 = 25%",
                        "3/4 * 100 = 75%",
                        "50 + 20% = 60",
                        "In 2020, 3 + 4 = 7.",
                        "48/2 = 24+48 = 72",
                        "9+9=18, write 8, carry 1",
                        "1. 3 + 4 = 7",
                        "- 3 + 4 = 7",
                        "**3 + 4 = 7**",
                        "Total cost = 3 * 5 = 15",
                        "2*3+4\n= 6+4\n= 10",
                        "48 divided by 2, which is 24",
                        "The difference between 4 and 10 is 6",
                        "0.5 * 50% = 0.25",
                        "5kg + 3kg = 8kg",
                        "Miriam can take care of 60 / 5 = 12 flowers per hour.",
                        "40 rooms/hall * 9 halls/floor = 360 rooms/floor",
                        "so it’s 20*6 = 120 inches",
                        "1638 in/ 42in = 39 in.",
                        "1200-mile trip / 50 miles an hour = 24 hours",
                        "The TV decreased by $35/year * 8 years = $280.",
                        "an average of 1.5*8=$12",
                        "2 hours is 60*2=120 minutes.",
                        "8 / 4 = 2 times as many eggs as a 4 people cake",
                        "so 7 - 2 = 5 - the other half"});
}

TEST(Claims, Wrong) {
  expect(Truth::wrong, {"48/2 = 25",
                        "48 ÷ 2 is 23",
                        "half of 48 is 25",
                        "twice 6 is 13",
                        "20% of 50 is 11",
                        "2*3+4 = 6+5 = 11",
                        "2*3+4 = 6+4 = 11",
                        "48的一半是25",
                        "6的2倍是13",
                        "3加4等于8",
                        "3和4的积是7",
                        "She has 3 + 4 = 8 apples.",
                        "$5 * 3 = $16",
                        "1,000 + 234 = 1,235",
                        "10/3 = 3.34",
                        "2/3 = 0.66",
                        "10/3 = 3",
                        "10/3 ≈ 5",
                        "5! = 60",
                        "2^10 = 1000",
                        "\\frac{3}{4} \\times 8 = 7",
                        "2 hours = 100 minutes",
                        "17 / 5 = 3 remainder 1",
                        "The sum of 3, 4 and 5 is 13",
                        "dividing 48 by 2 gives 25",
                        "5 more than 7 is 13",
                        "24 is half of 46",
                        "12 is 20% of 50",
                        "(3 + 4) * 2 = 11",
                        "-3 + 5 = 3",
                        "15/60 = 26%",
                        "50 + 20% = 65",
                        "2 dozen eggs = 25 eggs",
                        "2+5+1=9, write 8",
                        "64-24: 14-4=8 borrow 1, 6-1-2=3, so 38.",
                        "37+28：7+8=16进1，3+2+1=6，得66。",
                        "3 + 4 = 7+1",
                        "2 * 23 - 4 = 46 - 4 = 62 times.",
                        "2 hours * 60 minutes = 520 minutes",
                        "Mark has 50/100 * 6 = 9 points more than Eric.",
                        "Brian needs 2000/1000 = 6 cartons of 1L milk",
                        "Total:50+100+120+540=830 eggs",
                        "Total cost = 3 * 5 = 16"});
}

TEST(Claims, NoClaim) {
  expect(Truth::none, {"",
                       "x = 5",
                       "2x = 10",
                       "x + 3 = 7",
                       "2x + 3 = 7",
                       "2m + 3 = n",
                       "f(3) = 4",
                       "P(A) = 3",
                       "3:4 = 6:8",
                       "the ratio 3:4 = 2",
                       "On 12/25 we met",
                       "He is 5",
                       "There are 24 hours",
                       "Day 3 = 2 + 4",
                       "The answer is 7",
                       "3 + 4 < 8",
                       "x < 3 + 4 = 7",
                       "3 + 4 > 5 is true",
                       "3 + 4 is not 8",
                       "3 + 4 != 8",
                       "3 times 4 is more than 10",
                       "log 10 + 5 = 6",
                       "sin 30 = 0.5",
                       "10 + 7 mod 3 = 11",
                       "a*3 + 4 = 7",
                       "version 2.3.1 = 4",
                       "2nd + 3 = 4",
                       "x1 + 3 = 7",
                       "3 + 4 = ?",
                       "3 + 4 = x",
                       "3 + 4 = 7x",
                       "3 + 4 is one of the sums",
                       "pages 3-7 = 5 pages",
                       "50% = 30 students",
                       "half of them is 24",
                       "1,5 + 2,5 = 5",
                       "3 of 5 is a lot",
                       "答案是7",
                       "小明有3个苹果",
                       "3加4不等于8",
                       "C(5,2) = 11",
                       "|3 - 5| = 2",
                       "3 + 4 → 8",
                       "First 39 + 89. So 128.",
                       "\xFF\xFE = 3",
                       "5 = 6"});
}

TEST(Claims, WhereTheyStand) {
  const std::string text = "So 3 + 4 = 7 apples, and 5 * 2 = 11 more.";
  const auto claims = find_claims(text);
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(text.substr(claims[0].from, claims[0].to - claims[0].from), "3 + 4 = 7 apples");
  EXPECT_EQ(claims[0].truth, Truth::right);
  EXPECT_EQ(text.substr(claims[1].from, claims[1].to - claims[1].from), "5 * 2 = 11");
  EXPECT_EQ(claims[1].truth, Truth::wrong);
  EXPECT_EQ(claims[1].value, "10");
}

TEST(Claims, HostileTextsEnd) {
  for (const std::string part : {"(", "9^9^9^9 = ", "2^64*", "half of ", "\\frac{", "1 + ", "1/", "= ", "is ", "as "}) {
    std::string text;
    while (text.size() < 60'000) text += part;
    find_claims(text + "1 = 1");
  }
  EXPECT_EQ(check_claims("99999999999^64 = 3"), Truth::wrong);
  EXPECT_EQ(check_claims("999999999999999999999999999999999^64 = 3"), Truth::none) << "too large to compute";
}

}  // namespace
}  // namespace r1
