// Single checkers on answers and steps written by hand: what else counts as right, and what must not.
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"
#include "data/tasks/task.h"

namespace r1::tasks {
namespace {

TaskItem item_of(const std::string& family, const std::string& answer, Json meta) {
  TaskItem item;
  item.answer = answer;
  item.meta = std::move(meta);
  item.meta["family"] = family;
  return item;
}

std::string judged(const TaskItem& item, const std::string& completion) {
  return outcome_name(check(find_family(item.meta["family"]), item, completion, "").outcome);
}

// "rwn": right, wrong, none
std::string steps_judged(const TaskItem& item, const std::vector<std::string>& steps) {
  std::string out;
  for (StepVerdict v : check_steps(find_family(item.meta["family"]), item, steps)) out += step_verdict_name(v)[0];
  return out;
}

const TaskItem kCountdown =
    item_of("countdown", "3 * 8 + 1", {{"numbers", {3, 8, 1, 6}}, {"target", 25}, {"operators", "+-*/"}});

TEST(Countdown, AnyExpressionOfTheNumbersCounts) {
  for (const char* right : {"3 * 8 + 1", "1 + 8*3", "(3*8)+1", "3 × 8 + 1", "$3 \\times 8 + 1$", "3 * 8 + 1 = 25",
                            "25 = 3 * 8 + 1", "8 / (1 / 3) + 6 / 6"})
    EXPECT_EQ(judged(kCountdown, fmt::format("<answer>{}</answer>", right)),
              std::string(right).find("6 / 6") == std::string::npos ? "correct" : "wrong")
        << right;
  for (const char* wrong :
       {"3 * 8", "25", "5 * 5", "3 * 8 + 1 + 6", "3 + 8 + 1 + 6", "24 + 1", "3 * 8 + 1 = 26", "(3 + 8) * 1",
        "3 * 8 + 1 or 8 * 3 + 1", "31 - 6", "3 * 8 + 3 / 3", "1 / 0", "3 * 8 + 1 * 1"})
    EXPECT_EQ(judged(kCountdown, fmt::format("<answer>{}</answer>", wrong)), "wrong") << wrong;
  for (const char* none : {"no idea", "3 8 1", "3 * 8 +", "3 ^ 8"})
    EXPECT_EQ(judged(kCountdown, fmt::format("<answer>{}</answer>", none)), "no_answer") << none;
  EXPECT_EQ(judged(kCountdown, "Let me see: 3 * 6 = 18. So 3 * 8 + 1 = 25."), "correct");
}

TEST(TaskAnswers, WhatIsDeniedOrBoundedIsNoAnswer) {
  const TaskItem number = item_of("arithmetic", "98", {{"expression", "90 + 8"}});
  const TaskItem day =
      item_of("calendar", "Tuesday", {{"kind", "weekday"}, {"from", "2000-01-01"}, {"to", "2024-03-05"}});
  for (const char* right : {"<answer>98</answer>", "It is not 97. It is 98.", "<answer>\uFF19\uFF18</answer>",
                            "\\boxed{98}", "答案是98。", "It is 98"})
    EXPECT_EQ(judged(number, right), "correct") << right;
  for (const char* wrong : {"<answer>not 98</answer>", "The answer is not 98.", "more than 98", "It can't be 98",
                            "It isn\u2019t 98.", "<answer>98 is wrong</answer>", "\\boxed{\\text{at least } 98}",
                            "答案不是98。", "<answer>98 or more than 98</answer>"})
    EXPECT_EQ(judged(number, wrong), "wrong") << wrong;
  EXPECT_EQ(judged(day, "<answer>Tuesday</answer>"), "correct");
  EXPECT_EQ(judged(day, "<answer>not Tuesday</answer>"), "wrong");
  EXPECT_EQ(judged(day, "It is not a Tuesday."), "wrong");
}

TEST(Countdown, StepsMayBeginAgainButTakeNoNumberTwice) {
  EXPECT_EQ(steps_judged(kCountdown, {"Try 3 + 8 = 11, no.", "3 * 8 = 24.", "24 + 1 = 25.", "So (3 * 8) + 1 = 25."}),
            "rrrr");
  EXPECT_EQ(steps_judged(kCountdown, {"3 * 8 = 24", "24 + 3 = 27"}), "rw") << "the 3 is in the 24 already";
  EXPECT_EQ(steps_judged(kCountdown, {"8 - 1 = 7", "7 * 3 = 22", "22 + 6 = 28"}), "rww");
  EXPECT_EQ(steps_judged(kCountdown, {"5 * 5 = 25", "3 + 3 = 6", "1 + 6 = 7"}), "wwr");
  EXPECT_EQ(steps_judged(kCountdown, {"8 / 6 = 4/3", "4/3 * 3 = 4"}), "ww") << "no 4 in the numbers";
  EXPECT_EQ(steps_judged(kCountdown, {"The target is 25.", "Step 2: 6 - 1 = 5", "1. 6 - 1 = 5", "- 6 - 1 = 5"}),
            "nrrr");
}

TEST(LinearEquations, SolutionsInManySpellings) {
  const TaskItem one = item_of("linear_equations", "x = -3", {{"solution", {-3}}});
  for (const char* right : {"x = -3", "-3", "x=-3", "$x = -3$", "x = −3", "-3.0", "x = -6/2"})
    EXPECT_EQ(judged(one, fmt::format("\\boxed{{{}}}", right)), "correct") << right;
  for (const char* wrong : {"x = 3", "3", "x = -3 or x = 3", "x = -3/2"})
    EXPECT_EQ(judged(one, fmt::format("\\boxed{{{}}}", wrong)), "wrong") << wrong;
  EXPECT_EQ(
      steps_judged(one, {"2x = -6", "2x + 1 = -5, so x = -3", "x = 3", "5 = 5", "-x = 3", "x + 1 = 2x + 4", "hm"}),
      "rrwrrrn");
  const TaskItem two = item_of("linear_equations", "x = 3, y = -2", {{"solution", {3, -2}}});
  for (const char* right : {"x = 3, y = -2", "(3, -2)", "y = -2, x = 3", "x = 3 and y = -2"})
    EXPECT_EQ(judged(two, fmt::format("<answer>{}</answer>", right)), "correct") << right;
  for (const char* wrong : {"x = -2, y = 3", "(-2, 3)", "x = 3, y = 2"})
    EXPECT_EQ(judged(two, fmt::format("<answer>{}</answer>", wrong)), "wrong") << wrong;
  EXPECT_EQ(judged(two, "<answer>x = 3</answer>"), "no_answer");
  EXPECT_EQ(steps_judged(two, {"x + y = 1", "2(x - y) = 10", "3x - 4y = 16"}), "rrw");
}

TEST(LinearEquations, TheOperationThatIsNamedIsTheOneThatWasDone) {
  const TaskItem one = item_of("linear_equations", "x = -10", {{"solution", {-10}}, {"equations", {"4x + 6 = -34"}}});
  const auto steps = [&](const char* first, const char* second) {
    return steps_judged(one, {first, second, "The solution is x = -10."});
  };
  EXPECT_EQ(steps("Subtract 6 from both sides: 4x = -40.", "Divide both sides by 4: x = -10."), "rrr");
  EXPECT_EQ(steps("Add -6 to both sides: 4x = -40.", "Multiply both sides by 1/4: x = -10."), "rrr");
  EXPECT_EQ(steps("Add 6 to both sides: 4x = -40.", "Divide both sides by 4: x = -10."), "wrr");
  EXPECT_EQ(steps("Subtract 6 from both sides: 4x = -40.", "Divide both sides by 2: x = -10."), "rwr");
  EXPECT_EQ(steps("Subtract 6 from both sides: 4x = -28.", "Divide both sides by 4: x = -7."), "wwr");
  EXPECT_EQ(steps("4x = -40", "Divide both sides by 4, so that x = -10."), "rrr");
  EXPECT_EQ(steps("Multiply both sides by 0: 0 = 0.", "Divide both sides by 4: x = -10."), "wwr") << "all is lost";
  EXPECT_EQ(steps("x^2 = 2, so x is small", "If x = 1, then 4x + 6 = 10, which is too much."), "nnr");
  const TaskItem two =
      item_of("linear_equations", "x = 3, y = -2", {{"solution", {3, -2}}, {"equations", {"x + y = 1", "2x - y = 8"}}});
  EXPECT_EQ(steps_judged(two, {"Multiply the first equation by -1: -x - y = -1.",
                               "Multiply the second equation by 2: 2x - y = 8.", "Put it in: 3 + y = 1.",
                               "Subtract 3 from both sides: y = -2."}),
            "rwrr");
}

TEST(BaseConversion, DigitsAndTheirSteps) {
  const TaskItem item = item_of("base_conversion", "1f3", {{"value", 499}, {"from", 7}, {"to", 16}});
  for (const char* right : {"1f3", "1F3", "0x1f3", "1f3_16", "1f3_{16}", "01f3"})
    EXPECT_EQ(judged(item, fmt::format("\\boxed{{{}}}", right)), "correct") << right;
  EXPECT_EQ(judged(item, "In base 16 this is 1f3."), "correct");
  for (const char* wrong : {"1f4", "499", "1g3", "0b1f3", "1f3 or 1f4"})
    EXPECT_EQ(judged(item, fmt::format("\\boxed{{{}}}", wrong)), "wrong") << wrong;
  EXPECT_EQ(
      steps_judged(item, {"In base 7, 13 is 1 * 7 + 3 = 10.", "In base 7, 1312 is 499.", "In base 7, 23 is 17.",
                          "499 = 31 * 16 + 3, digit 3.", "499 = 30 * 16 + 19, digit 3.", "498 = 31 * 16 + 2, digit 2.",
                          "31 = 1 * 16 + 15, digit f.", "31 = 1 * 16 + 15, digit e."}),
      "rrwrwwrw");
  EXPECT_EQ(steps_judged(item, {"In base 16, the digits are 1f3.", "In base 15, the digits are 1f3.",
                                "In base 40, the digits are 1f3.", "In base 7, 18 is 15.", "In base 9, 13 is 12.",
                                "In base 9, 13 is 13."}),
            "rwwwnw");
}

TEST(Sequences, NumbersMustComeFromSomewhere) {
  const TaskItem item = item_of("sequences", "20", {{"terms", {2, 5, 8, 11, 14, 17}}});
  EXPECT_EQ(judged(item, "<answer>20</answer>"), "correct");
  EXPECT_EQ(judged(item, "<answer>2, 5, 8, 11, 14, 17, 20</answer>"), "correct");
  EXPECT_EQ(judged(item, "<answer>20, 23</answer>"), "wrong");
  EXPECT_EQ(steps_judged(
                item, {"5 - 2 = 3", "17 + 3 = 20", "The next number is 20.", "17 + 4 = 21", "The next number is 21."}),
            "rrrww");
}

TEST(Sorting, ListsInManySpellings) {
  const TaskItem item = item_of("sorting", "-1, 3, 3, 10",
                                {{"items", {"3", "10", "-1", "3"}}, {"kind", "numbers"}, {"descending", false}});
  for (const char* right : {"-1, 3, 3, 10", "[-1, 3, 3, 10]", "-1 3 3 10", "-1,3,3,10", "-1, 3, 3 and 10"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", right)), "correct") << right;
  for (const char* wrong : {"-1, 3, 10", "10, 3, 3, -1", "-1, 3, 3, 3, 10", "-1, 10, 3, 3", "1, 3, 3, 10"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", wrong)), "wrong") << wrong;
  EXPECT_EQ(
      steps_judged(item, {"The smallest of 3, 10, -1, 3 is -1.", "The smallest of 3, 3, 10 is 3.",
                          "The smallest of 3, 10 is 10.", "The smallest of 3, 11 is 3.", "Sorted: -1, 3, 3, 10."}),
      "rrwwr");
}

TEST(Calendar, DatesAndDays) {
  const TaskItem item =
      item_of("calendar", "Tuesday", {{"kind", "weekday"}, {"from", "2000-01-01"}, {"to", "2024-03-05"}});
  EXPECT_EQ(judged(item, "<answer>a tuesday</answer>"), "correct");
  EXPECT_EQ(judged(item, "<answer>Monday or Tuesday</answer>"), "wrong");
  EXPECT_EQ(judged(item, "<answer>the 5th</answer>"), "no_answer");
  EXPECT_EQ(
      steps_judged(
          item, {"From 2000-01-01 to 2024-01-01 are 8766 days.", "From 2000-01-01 to 2024-01-01 are 8760 days.",
                 "2024-03-05 is a Tuesday.", "2024-03-06 is a Wednesday.", "From 2023-02-29 to 2024-01-01 are 3 days.",
                 "64 days after 2024-01-01 is 2024-03-05.", "From 2023-01-01 to 2023-13-01 are 3 days, 5 - 3 = 2."}),
      "rwrwwrw");
}

TEST(KnightsAndKnaves, EverybodyMustBeNamed) {
  // Ada: "Ben is a knave."  Ben: "Ada and Ben are of the same kind."
  const TaskItem item =
      item_of("knights_and_knaves", "Ada is a knight, Ben is a knave",
              {{"names", {"Ada", "Ben"}},
               {"says", {{{"kind", "knave"}, {"a", 1}, {"b", 0}}, {{"kind", "same"}, {"a", 0}, {"b", 1}}}}});
  for (const char* right :
       {"Ada is a knight, Ben is a knave", "Ben: knave; Ada: knight", "Ada is a knight and Ben a knave."})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", right)), "correct") << right;
  for (const char* wrong :
       {"Ada is a knight", "Ada is a knight, Ben is a knight", "Ada: knight, Ben: knight, Ben: knave"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", wrong)), "wrong") << wrong;
  EXPECT_EQ(judged(item, "<answer>nobody</answer>"), "no_answer");
  EXPECT_EQ(steps_judged(item, {"Suppose Ada is a knave, Ben is a knave: Ada's statement is true, so this cannot be.",
                                "Suppose Ada is a knight, Ben is a knave: Ben's statement is true, so this cannot be.",
                                "Suppose Ada is a knight, Ben is a knave: every statement fits, so this is possible.",
                                "So Ada is a knight, Ben is a knave.", "So Ada is a knave.", "Hm."}),
            "rwrrwn");
  // what would be, what is said, and what is denied
  EXPECT_EQ(
      steps_judged(item, {"If Ada is a knave, then Ben is a knight.", "Assume Ada is a knave.", "Then Ben is a knight.",
                          "Ada is a knave or Ben is a knave.", "It cannot be that Ada is a knave.",
                          "Ada says that Ben is a knave.", "So Ben is a knave."}),
      "nnnnnnr");
}

TEST(Mazes, EveryShortestWayCounts) {
  const TaskItem item = item_of("mazes", "RRDD", {{"rows", {"S..", ".#.", "..G"}}});
  for (const char* right : {"RRDD", "DDRR", "D, D, R, R", "right right down down", "r r d d"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", right)), "correct") << right;
  for (const char* wrong : {"RDRD", "RRD", "RLRRDD", "RRRD", "UDRRDD"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", wrong)), "wrong") << wrong;
  EXPECT_EQ(judged(item, "<answer>go there</answer>"), "no_answer");
  EXPECT_EQ(steps_judged(item, {"D: from r1c1 to r2c1, 3 moves are left.", "R: from r2c1 to r2c2, 2 moves are left.",
                                "D: from r2c1 to r3c1, 3 moves are left.", "The way is DDRR.", "The way is RDRD."}),
            "rwwrw");
}

TEST(WordProblems, TheOperationMustBeTheStorys) {
  const TaskItem item = item_of("word_problems", "14", {{"start", 12}, {"operations", "+-"}, {"numbers", {5, 3}}});
  EXPECT_EQ(judged(item, "<answer>14 apples</answer>"), "correct");
  EXPECT_EQ(judged(item, "答案是14。"), "correct");
  EXPECT_EQ(judged(item, "<answer>14 or 15</answer>"), "wrong");
  EXPECT_EQ(steps_judged(item, {"12 + 5 = 17 apples.", "17 - 3 = 14个苹果。", "答案是14。"}), "rrr");
  EXPECT_EQ(steps_judged(item, {"12 - 5 = 7 apples.", "12 + 4 = 16", "12 + 5 = 18", "The answer is 15."}), "wwww");
  EXPECT_EQ(steps_judged(item, {"5 - 3 = 2", "12 + 2 = 14"}), "rr") << "another way to the same end";
}

TEST(Programs, StepsAreTheTrace) {
  const TaskItem item = item_of("programs", "-2",
                                {{"program",
                                  "a = 7\nb = 3\nfor i in range(2):\n    a = a - b\nif a > b:\n    a = 0\nelse:\n    a "
                                  "= a // -2\n    a = a - 1\nprint(a)"}});
  EXPECT_EQ(judged(item, "<answer>-2</answer>"), "correct");
  EXPECT_EQ(judged(item, "<answer>2</answer>"), "wrong");
  EXPECT_EQ(steps_judged(item, {"Step 1, line 1: a = 7.", "Step 4, line 4: a = 7 - 3 = 4.", "Step 6, line 4: a = 1.",
                                "Step 6, line 4: a = 4.", "Step 7, line 5: 1 > 3 is False.",
                                "Step 8, line 8: a = 1 // -2 = -1.", "It prints -2.", "Step 99, line 1: a = 7."}),
            "rrrwrrrw");
}

TEST(TruthTables, RowsAndTheirCount) {
  const TaskItem item = item_of("truth_tables", "3", {{"formula", "pq|"}, {"variables", 2}});
  for (const char* right : {"3", "3 of the 4", "3 of 4"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", right)), "correct");
  EXPECT_EQ(steps_judged(item, {"p = true, q = false: (p or q) is true.", "p = false, q = false: (p or q) is true.",
                                "The formula is true for 3 of the 4 assignments.", "p = true: (p or q) is true.",
                                "The formula is true for 3 of the 5 assignments."}),
            "rwrnw");
}

TEST(StringEdits, AreExact) {
  const TaskItem item = item_of("string_edits", "cbb",
                                {{"text", "abc"},
                                 {"letter", ""},
                                 {"edits",
                                  {{{"kind", "reverse"}, {"a", "a"}, {"b", "a"}, {"n", 0}},
                                   {{"kind", "replace"}, {"a", "a"}, {"b", "b"}, {"n", 0}}}}});
  for (const char* right : {"cbb", "\"cbb\"", "`cbb`"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", right)), "correct") << right;
  for (const char* wrong : {"cba", "cbb or cba", "CBB", "cb b"})
    EXPECT_EQ(judged(item, fmt::format("<answer>{}</answer>", wrong)), "wrong") << wrong;
  EXPECT_EQ(steps_judged(item, {"Edit 1 gives \"cba\".", "Edit 2 gives \"cba\".", "Edit 3 gives \"cbb\"."}), "rww");
}

TEST(Answers, TheContractsOrder) {
  const auto text = [](const char* completion) {
    const auto a = find_task_answer(completion, "");
    return a ? a->text : "-";
  };
  EXPECT_EQ(text("\\boxed{1} and \\boxed{2} #### 3"), "2");
  EXPECT_EQ(text("#### 3\n<answer>4</answer>"), "3");
  EXPECT_EQ(text("<answer> 4 </answer> so it is 5"), "4");
  EXPECT_EQ(text("a\nthe answer is **7**."), "7");
  EXPECT_EQ(text("<think>\\boxed{1}</think>"), "-");
  EXPECT_EQ(text("<think>\\boxed{1}</think>\\boxed{\\frac{1}{2}}"), "\\frac{1}{2}");
  EXPECT_FALSE(find_task_answer("it is 7", "<think>\n"));
  EXPECT_EQ(find_task_answer("hm</think>7", "<think>\n")->text, "7");
  EXPECT_EQ(numbers_in("1,234 - 5 = -6 or 7.0, 8.50"), (std::vector<std::string>{"1234", "5", "-6", "7", "8.50"}));
}

TEST(Claims, EquationsInRunningText) {
  const auto verdict = [](const char* text) { return std::string(step_verdict_name(check_equations(text))); };
  for (const char* right : {"2 + 3 = 5", "So (2 + 3) * 4 = 20.", "(so 2 + 3 = 5)", "1. 2 + 3 = 5", "- 2 + 3 = 5",
                            "2+3=5, 5-1=4", "1,000 + 1 = 1,001", "7 / 2 = 3.5", "-2 - -3 = 1", "2 × 3 = 6",
                            "1/3 + 1/6 = 1/2", "2 + 2 = 4 = 1 + 3", "5 - 2 apples: 5 - 2 = 3 apples"})
    EXPECT_EQ(verdict(right), "right") << right;
  for (const char* wrong :
       {"2 + 3 = 6", "2 + 3 = 5, 5 - 1 = 3", "2 + 2 = 4 = 1 + 2", "1/3 = 0.333", "Step 2: 1 = 2", "先算11+15=20。"})
    EXPECT_EQ(verdict(wrong), "wrong") << wrong;
  for (const char* none : {"", "2 + 3", "x = 5", "a = b", "1 / 0 = 1", "99999999999999999999 = 1", "2 + = 3", "= 3",
                           "2024-03-05", "3rd = 3"})
    EXPECT_EQ(verdict(none), "none") << none;
  // a number that is part of something else
  for (const char* none : {"642 mod 7 = 5",   "642 % 7 = 5",     "47 / 2 = 23 remainder 1",
                           "47 / 2 = 23 R 1", "3 plus 4 = 7",    "4 times 5 = 20",
                           "half of 80 = 40", "1/2 = 50%",       "2^3 = 8",
                           "sqrt(9) = 3",     "101111_2 = 47",   "10 * 10 = 1 hundred",
                           "√9 = 3",          "6 * 4 = 2 dozen", "gcd(6, 4) = 2",
                           "15减10 = 5",      "3 and 4 = 7",     "10 = 3² + 1",
                           "if 1 = 2",        "Try 3 = 4."})
    EXPECT_EQ(verdict(none), "none") << none;
  for (const char* right : {"1/2 = 0.5 = 50%", "7 - 5 = 2 pencils, half of 4", "It comes to 5 + 2 = 7.", "2 + 3 = 5!"})
    EXPECT_EQ(verdict(right), "right") << right;
  for (const char* wrong : {"1/2 = 0.6 = 50%", "It comes to 5 + 2 = 8.", "half of 8 is 4, and 4 + 1 = 6"})
    EXPECT_EQ(verdict(wrong), "wrong") << wrong;
  EXPECT_EQ(find_claims("From a to b, and from c to d are 5 days; more", "from {} to {} are {} days").size(), 2u);
  EXPECT_EQ(find_claims("The next number is 20.", "next number is {}")[0][0], "20");
}

}  // namespace
}  // namespace r1::tasks
