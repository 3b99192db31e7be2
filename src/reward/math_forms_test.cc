// The forms an answer may have: for each reference, completions that are right and completions that are not.
#include <gtest/gtest.h>

#include <algorithm>

#include "reward/math_answer.h"

namespace r1 {
namespace {

struct Case {
  std::string reference;
  std::vector<std::string> right, wrong;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"42",
       {"\\boxed{42}", "#### 42", "<answer>42</answer>", "The answer is 42.", "\\boxed{42.0}", "\\boxed{\\frac{84}{2}}",
        "\\boxed{x=42}", "\\boxed{42\\text{ cm}}", "x = 42", "\\boxed {42}", "\\fbox{42}", "\\boxed{\\text{42}}",
        "\\boxed{\\mathbf{42}}", "\\boxed{42 apples}", "\\[ \\boxed{42} \\]"},
       {"\\boxed{43}",
        "\\boxed{6 or 7}",
        "6 or 7",
        "\\boxed{42} or \\boxed{43}",
        "\\boxed{42 \\text{ or } 43}",
        "\\boxed{41, 42}",
        "\\boxed{40+2}",
        "40 + 2",
        "\\boxed{2x}",
        "\\boxed{x > 42}",
        "\\boxed{\\pm 42}",
        "\\boxed{9^{9^{9^9}}}",
        "\\boxed{1/0}",
        "\\boxed{blue}",
        "\\boxed{6 \\cdot 7}",
        "\\boxed{(42,42)}",
        "\\boxed{2x = 42}",
        "\\boxed{4\\boxed{2}}",
        "\\boxed{4\u202E2}",
        "\\boxed{4\u200B2}",
        "\\boxed{\u0664\u0662}",
        "\\boxed{\U0001D7D2\U0001D7D0}",
        "\\boxed{4\u00B2}"}},
      {"\\frac{1}{2}",
       {"\\boxed{0.5}", "\\boxed{1/2}", "\\boxed{\\dfrac12}", "\\boxed{\\tfrac{1}{2}}", "\\boxed{50\\%}",
        "\\boxed{2^{-1}}", "\\boxed{\\frac{2}{4}}", "\\boxed{\u00BD}", "\\boxed{.5}", "\\boxed{\\sin 30^\\circ}",
        "\\boxed{\\cos\\frac{\\pi}{3}}"},
       {}},
      {"\\sqrt{8}",
       {"\\boxed{2\\sqrt{2}}", "\\boxed{2\\sqrt2}", "\\boxed{8^{1/2}}", "The answer is $2\\sqrt{2}$.", "2*sqrt(2)",
        "\\boxed{sqrt(8)}", "\\boxed{\u221A8}", "\\boxed{\\frac{4}{\\sqrt{2}}}"},
       {"\\boxed{2.828}", "\\boxed{2\\sqrt{3}}", "\\boxed{\\sqrt{-8}}", "\\boxed{\\sqrt{8}+10^{-50}}"}},
      {"1.41421356", {"\\boxed{\\sqrt2}"}, {}},
      {"\\pi/4",
       {"\\boxed{\\frac{\\pi}{4}}", "\\boxed{\\frac14\\pi}", "pi/4", "\\boxed{\\arctan 1}", "\\boxed{0.25\\pi}"},
       {}},
      {"(1,3]",
       {"\\boxed{(1,3]}", "\\boxed{1<x\\le 3}", "\\boxed{x \\in (1, 3]}", "\\boxed{\\left(1, 3\\right]}",
        "\\boxed{3 \\geq x > 1}", "\\boxed{\\{x \\mid 1 < x \\leq 3\\}}"},
       {"\\boxed{[1,3]}", "\\boxed{(1,3)}", "\\boxed{1<x<3}", "\\boxed{x>1}"}},
      {"x > 3",
       {"\\boxed{(3,\\infty)}", "\\boxed{3<x}", "\\boxed{x>3}", "\\boxed{2x>6}", "\\boxed{x - 3 > 0}",
        "\\boxed{(3, \\infty)}"},
       {"\\boxed{x<3}", "\\boxed{x\\ge 3}", "\\boxed{-x>-3 x}", "\\boxed{[3,\\infty)}"}},
      {"(-\\infty,1)\\cup(2,\\infty)",
       {"\\boxed{(2,\\infty)\\cup(-\\infty,1)}", "\\boxed{x<1 \\text{ or } x>2}", "\\boxed{(-oo,1) U (2,oo)}"},
       {}},
      {"\\{1,2\\}",
       {"\\boxed{\\{2,1\\}}", "\\boxed{{1,2}}", "\\boxed{1, 2}", "{1, 2}", "\\boxed{x=1 \\text{ or } x=2}",
        "\\boxed{x=1, x=2}", "\\boxed{\\left\\{1, 2\\right\\}}", "\\boxed{1 \\text{ and } 2}"},
       {"\\boxed{(1,2)}", "\\boxed{\\{1,3\\}}", "\\boxed{\\{1\\}}", "\\boxed{1 or 2}"}},
      {"(1,2)",
       {"\\boxed{(1, 2)}", "\\boxed{\\left(1,2\\right)}", "\\boxed{1, 2}", "\\boxed{(\\frac22, 2)}"},
       {"\\boxed{(2,1)}", "\\boxed{[1,2]}", "\\boxed{\\{1,2\\}}"}},
      {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
       {"\\boxed{\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}}",
        "\\boxed{\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}}", "\\boxed{[[1,2],[3,4]]}",
        "\\boxed{\\left(\\begin{array}{cc}1&2\\\\3&\\frac{8}{2}\\end{array}\\right)}"},
       {"\\boxed{\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}}", "\\boxed{\\begin{pmatrix}1&2&3&4\\end{pmatrix}}"}},
      {"x^2+2x+1",
       {"\\boxed{(x+1)^2}", "\\boxed{1+2x+x^2}", "(x+1)**2", "\\boxed{(x+1)(x+1)}", "\\boxed{x(x+2)+1}", "$x^{2}+2x+1$",
        "\\boxed{y = x^2+2x+1}", "\\boxed{f(x) = (x+1)^2}"},
       {"\\boxed{(x+1)^3}", "\\boxed{x^2+2x}", "\\boxed{(y+1)^2}"}},
      {"\\sin^2 x+\\cos^2 x", {"\\boxed{1}"}, {}},
      {"2\\sin x\\cos x", {"\\boxed{\\sin 2x}", "\\boxed{\\sin(2x)}"}, {"\\boxed{\\sin x}", "\\boxed{\\cos 2x}"}},
      {"y=2x+1",
       {"\\boxed{y = 2x + 1}", "\\boxed{2x+1}", "\\boxed{2x - y + 1 = 0}", "\\boxed{y-1=2x}"},
       {"\\boxed{y=2x+2}", "\\boxed{x=2y+1}", "\\boxed{x+1}"}},
      {"x=5", {"\\boxed{5}", "\\boxed{5=x}"}, {"\\boxed{y=5}"}},
      {"B",
       {"\\boxed{B}", "\\boxed{(B)}", "\\boxed{\\text{(B)}}", "\\boxed{\\text{B}}", "The answer is (B).", "Answer: B",
        "\\boxed{(B) 12 cm}", "\\boxed{B. 12}", "The correct option is B."},
       {"\\boxed{A}", "\\boxed{(C)}", "\\boxed{A or B}", "The answer is (A).", "\\boxed{b}"}},
      {"(B)", {"\\boxed{B}", "\\boxed{\\textbf{(B)}}"}, {}},
      {"\\text{Evelyn}",
       {"\\boxed{Evelyn}", "\\boxed{\\text{evelyn}}", "The answer is Evelyn."},
       {"\\boxed{Evelyn or Bob}", "\\boxed{Bob}"}},
      {"1,234",
       {"\\boxed{1234}", "\\boxed{1{,}234}", "\\boxed{1\\,234}", "\\boxed{\\$1,234.00}", "\\boxed{1,234.0}"},
       {}},
      {"1\\frac34", {"\\boxed{7/4}", "\\boxed{1.75}", "\\boxed{1 3/4}", "\\boxed{\\frac{7}{4}}"}, {}},
      {"3\\times 10^5", {"\\boxed{300000}", "\\boxed{3e5}", "\\boxed{300,000}", "\\boxed{3 \\cdot 10^{5}}"}, {}},
      {"300000", {"\\boxed{3\\times 10^5}", "\\boxed{3e5}"}, {}},
      {"5\\text{ cm}",
       {"\\boxed{5}", "\\boxed{5 cm}", "\\boxed{5\\,\\mathrm{cm}}", "\\boxed{50 mm}", "\\boxed{0.05\\text{ m}}"},
       {"\\boxed{5 m}", "\\boxed{5\\text{ kg}}", "\\boxed{5\\text{ cm}^2}"}},
      {"30^\\circ", {"\\boxed{30}", "\\boxed{30\u00B0}", "\\boxed{30^{\\circ}}", "\\boxed{30 degrees}"}, {}},
      {"120", {"\\boxed{5!}", "\\boxed{\\binom{10}{3}}"}, {}},
      {"e^2", {"\\boxed{e^{2}}", "\\boxed{\\exp(2)}", "\\boxed{e \\cdot e}"}, {}},
      {"3+4i", {"\\boxed{4i+3}", "\\boxed{3 + 4i}"}, {"\\boxed{3-4i}", "\\boxed{3+4}", "\\boxed{5}"}},
      {"\\pm 3",
       {"\\boxed{3,-3}", "\\boxed{\\{-3,3\\}}", "\\boxed{\\pm3}", "\\boxed{x=\\pm 3}",
        "\\boxed{x = 3 \\text{ or } x=-3}"},
       {"\\boxed{3}", "\\boxed{-3}"}},
      {"2\\pm\\sqrt3", {"\\boxed{2+\\sqrt{3}, 2-\\sqrt{3}}", "\\boxed{2 \\pm \\sqrt{3}}"}, {}},
      {"\\log_2 8", {"\\boxed{3}"}, {}},
      {"2\\log 3", {"\\boxed{\\log 9}"}, {}},
      {"\\ln 2", {"\\boxed{\\ln(2)}", "\\boxed{\\frac{\\ln 4}{2}}"}, {}},
      {"0.\\overline{3}", {"\\boxed{1/3}", "\\boxed{\\frac13}"}, {}},
      {"\\infty", {"\\boxed{\\infty}", "\\boxed{oo}"}, {"\\boxed{-\\infty}", "\\boxed{5}"}},
      {"-\\frac{3}{4}", {"\\boxed{-3/4}", "\\boxed{\\frac{-3}{4}}", "\\boxed{-0.75}", "\\boxed{\u22123/4}"}, {}},
      {"2^{100}", {"\\boxed{1267650600228229401496703205376}"}, {}},
      {"\\frac{x+1}{x-1}", {"\\boxed{\\frac{-x-1}{1-x}}", "(x+1)/(x-1)", "\\boxed{1+\\frac{2}{x-1}}"}, {}},
      {"x\\sqrt{2}", {"\\boxed{\\sqrt2 x}", "\\boxed{\\sqrt{2}x}"}, {}},
      {"3:4", {"\\boxed{3:4}"}, {}},
      {"\\emptyset", {"\\boxed{\\varnothing}", "\\boxed{\\{\\}}"}, {}},
      {"50\\%", {"\\boxed{50}", "\\boxed{0.5}", "\\boxed{50 percent}"}, {}},
      {"\\$5",
       {"\\boxed{5}", "\\boxed{5 dollars}", "\\boxed{500 cents}", "\\boxed{\\$5.00}"},
       {"\\boxed{\u20AC5}", "\\boxed{5 cents}"}},
      {"12",
       {"First 7. Actually \\boxed{7}. Wait, that is wrong: \\boxed{12}", "x\n#### 12", "We get $x=12$.",
        "Thus x = 12"},
       {"\\boxed{7}\\boxed{12}", "\\boxed{12}\\boxed{7}", "$12$ or $7$"}},
      {"a_1+b", {"\\boxed{b+a_1}"}, {}},
      {"\\theta=\\frac{\\pi}{2}", {"\\boxed{\\frac{\\pi}{2}}"}, {}},
      // options: two of them are none
      {"A",
       {"\\boxed{\\text{A. }12}", "\\boxed{\\textbf{(A)}\\ 12}", "\\boxed{(A) 12 cm}"},
       {"\\boxed{(A) and (B)}", "\\boxed{(A), (B)}", "\\boxed{A) or B)}", "\\boxed{A: B}", "\\boxed{A. B}",
        "\\boxed{A)B)}", "\\boxed{(A) & (B)}", "\\boxed{(A)/(B)}", "\\boxed{\\text{(A) and (B)}}", "\\boxed{(A) B}",
        "\\boxed{A. or B.}", "\\boxed{\\text{(A)} \\text{(B)}}", "\\boxed{\\text{A}, \\text{B}}"}},
      // what is said of a number, and numbers that are unlike another by a word
      {"5",
       {"\\boxed{AB = 5}", "\\boxed{|AB| = 5}", "\\boxed{\\color{red}{5}}", "\\boxed{\\textcolor{red}{5}}",
        "\\boxed{{\\bf 5}}", "\\boxed{\\lfloor 5.9 \\rfloor}", "\\boxed{\\lceil 4.1 \\rceil}", "\\boxed{\\sim 5}",
        "\\boxed 5", "$\\boxed5$", "\\boxed 5 is the answer, found after 3 steps."},
       {"\\boxed{at least 5}", "\\boxed{more than 5}", "\\boxed{less than 5}", "\\boxed{half of 5}", "\\boxed{5 dozen}",
        "\\boxed{5+}", "\\boxed{5-}", "\\boxed{6 = 5}", "\\boxed{5 5}", "Not 5", "It is not 5.", "4 or \\boxed{5}",
        "\\boxed 4 and 5", "\\boxed -5"}},
      {"\\frac{3}{4}",
       {"\\boxed{3 \\over 4}", "\\boxed{{3 \\over 4}}", "\\boxed{\\nicefrac{3}{4}}", "$\\boxed\\frac{3}{4}$",
        "\\boxed{0.75}"},
       {"\\boxed{4 \\over 3}", "\\boxed{0.75\\%}"}},
      {"0.25", {"\\boxed{25\\%}"}, {"\\boxed{0.25\\%}", "\\boxed{25}"}},
      {"0.25\\%", {"\\boxed{0.0025}"}, {"\\boxed{25}", "\\boxed{0.25}"}},
      {"10", {"\\boxed{{5 \\choose 2}}", "\\boxed{5 \\choose 2}"}, {"\\boxed{{5 \\choose 1}}"}},
      {"1000000", {"\\boxed{1 million}", "\\boxed{1\\text{ million}}", "\\boxed{1 \\text{ million dollars}}"}, {}},
      {"1200000",
       {"\\boxed{1.2 x 10^6}", "\\boxed{1.2 million}", "\\boxed{1.2\u00D710\u2076}"},
       {"\\boxed{1.2 x 10^5}", "\\boxed{1.2}"}},
      {"0.00012", {"\\boxed{1.2 \u00D7 10\u207B\u2074}"}, {"\\boxed{1.2 \u00D7 10\u2074}"}},
      {"2", {"\\boxed{\u221B8}"}, {"\\boxed{\u221B9}"}},
      {"1/3", {"\\boxed{0.\\bar{3}}", "\\boxed{0.\\dot{3}}"}, {"\\boxed{0.\\bar{4}}"}},
      {"-1", {"\\boxed{e^{i\\pi}}"}, {"\\boxed{e^{2i\\pi}}"}},
      {"xy", {"\\boxed{x \\cdot y}", "\\boxed{x*y}"}, {"\\boxed{x+y}", "\\boxed{xz}"}},
      {"(3, 4)", {"\\boxed{(x, y) = (3, 4)}"}, {"\\boxed{(x, y) = (4, 3)}"}},
      {"-2 < x < 3",
       {"\\boxed{x > -2 \\text{ and } x < 3}", "\\boxed{x < 3 \\text{ and } x > -2}"},
       {"\\boxed{x > -2 \\text{ and } x \\le 3}", "\\boxed{x > -2 \\text{ or } x < 3}",
        "\\boxed{x > -2 \\text{ and } y < 3}"}},
      {"\\mathbb{R}", {"\\boxed{(-\\infty, \\infty)}"}, {"\\boxed{(0, \\infty)}"}},
      // units that look alike
      {"12^\\circ\\text{C}",
       {"\\boxed{12\u00B0C}", "\\boxed{12^\\circ C}", "\\boxed{12 degrees Celsius}", "\\boxed{12}",
        "\\boxed{12^\\circ}"},
       {"\\boxed{12^\\circ\\text{F}}", "\\boxed{12 degrees Fahrenheit}", "\\boxed{12\u00B0F}"}},
      {"2023-01-05",
       {"\\boxed{2023-01-05}", "\\boxed{2023-1-5}", "The answer is 2023-01-05."},
       {"\\boxed{2017}", "\\boxed{2023-01-06}", "\\boxed{2023-05-01}", "2017"}},
      {"7 PM", {"\\boxed{7 \\text{ PM}}", "\\boxed{7 pm}"}, {"\\boxed{7 AM}"}},
      {"\u00A35", {"\\boxed{5 pounds}", "\\boxed{\\pounds 5}"}, {"\\boxed{5 kg}", "\\boxed{\u20AC5}"}},
      {"12 m/s", {"\\boxed{12\\ \\frac{\\text{m}}{\\text{s}}}"}, {"\\boxed{12\\ \\frac{\\text{m}}{\\text{h}}}"}},
      {"\\$12", {"\\boxed{US$12}", "\\boxed{12}"}, {}},
      // what a text takes back does not stand, and what it denies never did
      {"B",
       {"The answer is A. No, B.", "The answer is A. Wait, it is B.", "The answer is A.\nNo, B.",
        "\\boxed{\\mathbf{B}}", "The answer is A... Actually B.", "Answer: A. Scratch that: B.",
        "\u7B54\u6848\u662FA\u3002\u4E0D\u5BF9\uFF0CB"},
       {"The answer is B. No, A.", "The answer is B. Wait, it is A.", "The answer is B; no, A", "Answer: B. Wrong.",
        "The answer is B. Hmm, no.", "The answer is not B.", "I do not think the answer is B.",
        "The answer is B. Oh, wait, that is not right."}},
      {"7",
       {"\\boxed{7 PM}", "6, no wait, 7", "The answer is 6. No, 7.", "The answer is 6. Wait, the answer is 7.",
        "7. No other value works.", "It cannot be 6, so the answer is 7", "Half of 14 is 7",
        "The answer is $6$. No, it is $7$."},
       {"7, no wait, 6",
        "6 or 7",
        "7 or 6",
        "The answer is 7. No, 6.",
        "6 instead of 7",
        "6 rather than 7",
        "more than 7",
        "at least 7",
        "7 is wrong",
        "The answer is 7 is wrong",
        "It can't be 7",
        "It can\u2019t be 7",
        "I doubt it is 7",
        "The answer cannot be 7.",
        "\\boxed{7 \\text{ squared}}",
        "\\boxed{7 \\text{ is wrong}}",
        "\\boxed{7?}",
        "the square of 7",
        "up to 7",
        "\\boxed{7\\text{ at least}}",
        "\\boxed{7, \\ldots}",
        "\\boxed{\\text{no } 7}",
        "7 is not right"}},
      {"No", {"The answer is no.", "Answer: No."}, {"The answer is no. Wait, yes."}},
      {"London",
       {"The answer is Paris. No, London."},
       {"The answer is London. No, Paris.", "The answer is London. No, no."}},
      // outward brackets, distances
      {"(1, 2]", {"\\boxed{]1,2]}", "\\boxed{\\left]1; 2\\right]}"}, {"\\boxed{[1,2[}", "\\boxed{]1,2[}"}},
      {"]1,2[", {"\\boxed{]1,2[}", "\\boxed{(1,2)}", "\\boxed{1 < x < 2}"}, {"\\boxed{[1,2[}", "\\boxed{[1,2]}"}},
      {"]-\\infty,1[\\cup]2,\\infty[",
       {"\\boxed{(-\\infty,1)\\cup(2,\\infty)}", "\\boxed{x \\in ]2,+\\infty[ \\cup ]-\\infty,1[}"},
       {"\\boxed{]-\\infty,1]\\cup[2,\\infty[}"}},
      {"(1,200)", {"\\boxed{]1,200[}"}, {"\\boxed{]1200[}", "\\boxed{]1,2[00}"}},
      {"|x|>1",
       {"\\boxed{x<-1 \\text{ or } x>1}", "\\boxed{(-\\infty,-1)\\cup(1,\\infty)}", "\\boxed{1<|x|}"},
       {"\\boxed{x>1}", "\\boxed{|x|\\ge 1}", "\\boxed{|y|>1}", "\\boxed{|x|<1}", "\\boxed{(-1,1)}",
        "\\boxed{|x-1|>1}"}},
      {"-1<x<5", {"\\boxed{|x-2|<3}", "\\boxed{|2-x|<3}"}, {"\\boxed{|x+2|<3}", "\\boxed{|x-2|\\le 3}"}},
      // a whole number and a part of one; times of day
      {"3/2",
       {"\\boxed{1 and 1/2}", "1 and 1/2", "The answer is 1 and 1/2.", "\\boxed{1 \\text{ and } \\frac{1}{2}}"},
       {"\\boxed{1, 1/2}", "\\boxed{1 or 1/2}", "\\boxed{1/2 and 1}", "\\boxed{1 and 2/4 and 0}"}},
      {"5/2", {}, {"\\boxed{1 and 3/2}"}},
      {"1, 1/2", {"\\boxed{1 and 1/2}", "\\boxed{1/2, 1}"}, {"\\boxed{3/2}"}},
      {"12:30 p.m.",
       {"\\boxed{12:30 PM}", "\\boxed{12:30\\text{ p.m.}}", "\\boxed{12:30 pm}"},
       {"\\boxed{12:30 a.m.}", "\\boxed{12:31 p.m.}", "\\boxed{12:30 AM}", "\\boxed{12:30}"}},
      {"12:30 PM", {"\\boxed{12:30 p.m.}"}, {"\\boxed{12:30 a.m.}"}},
      {"1",
       {},
       {"\\boxed{0.999999999999}", "\\boxed{x/x}", "\\boxed{\\sqrt{1-10^{-40}}}", "\\boxed{10^{10^{10}}}",
        "\\boxed{0/0}"}},
  };
  return all;
}

TEST(MathForms, Right) {
  for (const Case& c : cases())
    for (const std::string& text : c.right) {
      const Verdict v = judge_math(text, "", c.reference);
      EXPECT_EQ(v.outcome, Outcome::correct) << text << " for " << c.reference << ": " << v.reason;
    }
}

TEST(MathForms, Wrong) {
  for (const Case& c : cases())
    for (const std::string& text : c.wrong) {
      const Verdict v = judge_math(text, "", c.reference);
      EXPECT_EQ(v.outcome, Outcome::wrong) << text << " for " << c.reference << ": " << v.reason;
    }
}

// What is the same as itself, and not the same as any other reference of the table.
TEST(MathForms, ReferencesAreThemselvesAndNoOther) {
  for (size_t i = 0; i < cases().size(); i++)
    for (const Case& c : cases()) {
      const std::string &mine = cases()[i].reference, text = "\\boxed{" + c.reference + "}";
      const Verdict v = judge_math(text, "", mine);
      const bool listed = std::find(cases()[i].right.begin(), cases()[i].right.end(), text) != cases()[i].right.end();
      if (mine == c.reference || listed) {
        EXPECT_EQ(v.outcome, Outcome::correct) << text << " for " << mine;
      } else if (v.outcome == Outcome::correct) {
        EXPECT_EQ(judge_math("\\boxed{" + mine + "}", "", c.reference).outcome, Outcome::correct)
            << "right one way and not the other: " << text << " for " << mine;
      }
    }
}

}  // namespace
}  // namespace r1
