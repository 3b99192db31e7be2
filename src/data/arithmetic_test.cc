#include "data/arithmetic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "data/worked_arithmetic.h"
#include "reward/math_answer.h"
#include "text/thinking.h"

namespace r1 {
namespace {

// An evaluator of its own: recursive descent over the text, exact divisions only. Also reads brackets and signs.
class Evaluator {
 public:
  explicit Evaluator(std::string_view text) : text_(text) {}
  __int128 value() {
    const __int128 v = sum();
    EXPECT_EQ(at_, text_.size()) << text_;
    return v;
  }
  bool inexact() const { return inexact_; }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') at_++;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  __int128 sum() {
    __int128 v = product();
    for (char c; (c = peek()) == '+' || c == '-';) {
      at_++;
      v = c == '+' ? v + product() : v - product();
    }
    return v;
  }
  __int128 product() {
    __int128 v = atom();
    for (char c; (c = peek()) == '*' || c == '/';) {
      at_++;
      const __int128 r = atom();
      inexact_ |= c == '/' && (r == 0 || v % r != 0);
      v = c == '*' ? v * r : r == 0 ? 0 : v / r;
    }
    return v;
  }
  __int128 atom() {
    if (peek() == '-') return at_++, -atom();
    if (peek() == '(') {
      at_++;
      const __int128 v = sum();
      EXPECT_EQ(peek(), ')') << text_;
      at_++;
      return v;
    }
    EXPECT_TRUE(std::isdigit(peek())) << text_ << " at " << at_;
    __int128 v = 0;
    for (; at_ < text_.size() && std::isdigit(text_[at_]); at_++) v = v * 10 + (text_[at_] - '0');
    return v;
  }

  std::string_view text_;
  size_t at_ = 0;
  bool inexact_ = false;
};

TaskOptions options_of(std::string operators, int operands, int digits, uint64_t seed = 1) {
  TaskOptions o;
  o.operators = std::move(operators);
  o.operands_min = 2, o.operands_max = operands;
  o.digits_min = 1, o.digits_max = digits;
  o.seed = seed;
  return o;
}

std::set<std::string> expressions_of(const Dataset& d) {
  std::set<std::string> out;
  for (const DataRow& row : d.rows) out.insert(row.row["expression"]);
  return out;
}

const TaskOptions kDials[] = {options_of("+-", 2, 2), options_of("+-*/", 4, 3), options_of("/", 3, 2),
                              options_of("*", 3, 6),  options_of("+", 8, 1),    options_of("+-", 5, 6)};

// 100,000 items over several dials: exact, right, and the two sides of the split share nothing, across seeds too.
TEST(Arithmetic, AnswersAreRightAndTheSidesDisjoint) {
  std::set<std::string> train, held;
  size_t items = 0;
  for (const TaskOptions& dials : kDials)
    for (uint64_t seed : {1, 2}) {
      TaskOptions o = dials;
      o.seed = seed;
      for (bool held_out : {false, true}) {
        o.held_out = held_out;
        o.num_rows = held_out ? 2500 : 8000;
        const Dataset d = make_task_dataset("tasks:arithmetic", o);
        for (const DataRow& row : d.rows) {
          const std::string expression = row.row["expression"];
          Evaluator e(expression);
          ASSERT_TRUE(e.value() == std::stoll(row.answer)) << expression << " = " << row.answer;
          ASSERT_FALSE(e.inexact()) << expression;
          ASSERT_EQ(row.prompt, "What is " + expression + "?");
          (held_out ? held : train).insert(expression);
          items++;
        }
        ASSERT_EQ(d.shape, DataShape::prompt_only);
      }
    }
  EXPECT_GE(items, 100000u);
  std::vector<std::string> both;
  std::set_intersection(train.begin(), train.end(), held.begin(), held.end(), std::back_inserter(both));
  EXPECT_TRUE(both.empty()) << both[0];
}

TEST(Arithmetic, OrderDoesNotCrossTheSplit) {
  TaskOptions o = options_of("+*", 3, 1);
  o.num_rows = 5000;
  const auto key = [](std::string expression) {
    std::sort(expression.begin(), expression.end());
    return expression;
  };
  std::set<std::string> train;
  for (const std::string& e : expressions_of(make_task_dataset("tasks:arithmetic", o))) train.insert(key(e));
  o.held_out = true;
  for (const std::string& e : expressions_of(make_task_dataset("tasks:arithmetic", o)))
    EXPECT_EQ(train.count(key(e)), 0u) << e;
}

TEST(Arithmetic, AFifthIsHeldOut) {
  TaskOptions o = options_of("+", 2, 2);
  o.num_rows = 100000;
  const double train = static_cast<double>(expressions_of(make_task_dataset("tasks:arithmetic", o)).size());
  o.held_out = true;
  const double held = static_cast<double>(expressions_of(make_task_dataset("tasks:arithmetic", o)).size());
  EXPECT_NEAR(held / (train + held), 0.2, 0.03);
  EXPECT_NEAR(train + held, 10000, 300);  // all pairs of numbers of one or two digits
}

TEST(Arithmetic, SameSeedSameItems) {
  TaskOptions o = options_of("+-*", 3, 3, 7);
  o.num_rows = 500;
  o.with_solution = true;
  const Dataset a = make_task_dataset("tasks:arithmetic", o), b = make_task_dataset("tasks:arithmetic", o);
  o.seed = 8;
  const Dataset c = make_task_dataset("tasks:arithmetic", o);
  o.seed = 7;
  o.num_rows = 100;
  const Dataset prefix = make_task_dataset("tasks:arithmetic", o);
  size_t same = 0;
  for (size_t i = 0; i < 500; i++) {
    EXPECT_EQ(a.rows[i].completion, b.rows[i].completion);
    EXPECT_EQ(a.rows[i].prompt, b.rows[i].prompt);
    same += a.rows[i].prompt == c.rows[i].prompt;
    if (i < 100) {
      EXPECT_EQ(a.rows[i].prompt, prefix.rows[i].prompt);
    }
  }
  EXPECT_LT(same, 25u);
}

TEST(Arithmetic, DialsBoundTheItems) {
  const Dataset d = make_task_dataset("tasks:arithmetic?digits=2-3&operands=3-4&operators=-*&rows=2000&seed=5", {});
  ASSERT_EQ(d.rows.size(), 2000u);
  std::map<size_t, int> digits;
  std::map<int, int> operands;
  std::map<char, int> operators;
  for (const DataRow& row : d.rows) {
    const std::string e = row.row["expression"];
    int count = 0;
    for (size_t i = 0; i < e.size(); i++) {
      if (std::isdigit(e[i]) && (i == 0 || e[i - 1] == ' ')) digits[std::min(e.find(' ', i), e.size()) - i]++, count++;
      if (e[i] == '-' || e[i] == '*' || e[i] == '+' || e[i] == '/') operators[e[i]]++;
    }
    operands[count]++;
  }
  ASSERT_EQ(digits.size(), 2u);
  EXPECT_GT(digits[2], 3000);
  EXPECT_GT(digits[3], 3000);
  ASSERT_EQ(operands.size(), 2u);
  EXPECT_GT(operands[3], 800);
  EXPECT_GT(operands[4], 800);
  ASSERT_EQ(operators.size(), 2u);
  EXPECT_GT(operators['-'], 2000);
  EXPECT_GT(operators['*'], 2000);
}

TEST(Arithmetic, HeldOutRowsDifferAndMayBeFew) {
  const Dataset d = make_task_dataset("tasks:arithmetic?digits=1&operators=+&rows=1000&held_out=1", {});
  EXPECT_LT(d.rows.size(), 60u);
  EXPECT_GT(d.rows.size(), 5u);
  EXPECT_EQ(expressions_of(d).size(), d.rows.size());
}

std::string message_of(const std::string& source) {
  try {
    make_task_dataset(source, {});
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Arithmetic, BadDialsAreUsageErrors) {
  EXPECT_NE(message_of("tasks:arithmetic?digit=3").find("nearest is \"digits\""), std::string::npos);
  EXPECT_NE(message_of("tasks:arithmetic?rows=5&opertors=+").find("nearest is \"operators\""), std::string::npos);
  for (const char* query : {"",
                            "digits",
                            "digits=",
                            "digits=0",
                            "digits=7",
                            "digits=3-2",
                            "digits=1-",
                            "digits=-1",
                            "digits=x",
                            "digits=1-2-3",
                            "operands=1",
                            "operands=9",
                            "operands=1-3",
                            "operators=",
                            "operators=^",
                            "rows=0",
                            "rows=-1",
                            "rows=1e3",
                            "rows=99999999999999999999",
                            "held_out=2",
                            "held_out=",
                            "solutions=yes",
                            "seed=-1",
                            "rows=5&",
                            "&rows=5",
                            "rows=5&&",
                            "operators=*&digits=6&operands=4",
                            "operators=+/&digits=3&operands=7"})
    EXPECT_NE(message_of(std::string("tasks:arithmetic?") + query), "no error") << query;
  EXPECT_NE(message_of("tasks:algebra"), "no error");
  EXPECT_EQ(message_of("tasks:arithmetic?operators=*&digits=6&operands=3&rows=10"), "no error");
  TaskOptions o;
  EXPECT_FALSE(set_task_option(o, "task_speed", "1"));
  EXPECT_FALSE(set_task_option(o, "rows", "1"));
  EXPECT_TRUE(set_task_option(o, "task_rows", "12"));
  EXPECT_EQ(o.num_rows, 12);
}

// ---- solutions

// Every "terms=terms" and "terms = terms" of a worked solution holds.
void check_statements(const std::string& thought) {
  int statements = 0;
  for (size_t sign = thought.find('='); sign != std::string::npos; sign = thought.find('=', sign + 1)) {
    const bool spaced = thought[sign + 1] == ' ';
    const std::string allowed = spaced ? "0123456789+-*/() " : "0123456789+-*";
    size_t begin = sign, end = thought.find_first_not_of(allowed, sign + 1);
    while (begin > 0 && allowed.find(thought[begin - 1]) != std::string::npos) begin--;
    std::string left = thought.substr(begin, sign - begin), right = thought.substr(sign + 1, end - sign - 1);
    while (!right.empty() && (right.back() == ' ' || right.back() == '-')) right.pop_back();  // " -> 12"
    ASSERT_TRUE(Evaluator(left).value() == Evaluator(right).value()) << left << "=" << right << " in " << thought;
    statements++;
  }
  ASSERT_GT(statements, 0) << thought;
}

TEST(Arithmetic, SolutionsHoldStepByStep) {
  std::set<std::string> openings;
  for (TaskOptions o : kDials) {
    o.num_rows = 3000;
    o.with_solution = true;
    const Dataset d = make_task_dataset("tasks:arithmetic", o);
    ASSERT_EQ(d.shape, DataShape::prompt_completion);
    for (const DataRow& row : d.rows) {
      const ParsedCompletion parsed = parse_completion(row.completion, "");
      ASSERT_TRUE(parsed.well_formed) << row.completion;
      ASSERT_EQ(parsed.answer, row.answer);
      ASSERT_EQ(judge_math(row.completion, "", row.answer).outcome, Outcome::correct) << row.completion;
      check_statements(parsed.thought);
      // the thought ends with the value, so that the answer is a copy
      std::string end = parsed.thought.substr(0, parsed.thought.size() - 1);
      ASSERT_TRUE(end.ends_with(row.answer) && !std::isdigit(end[end.size() - row.answer.size() - 1]))
          << row.completion;
      openings.insert(parsed.thought.substr(0, 3));
    }
  }
  EXPECT_TRUE(openings.count("Fir") == 1 && openings.count("Let") == 1) << "the styles vary";
}

TEST(Arithmetic, WorkedExamples) {
  const auto work = [](std::vector<int64_t> operands, std::string operators, uint64_t style = 0) {
    return work_out({std::move(operands), std::move(operators)}, style);
  };
  EXPECT_EQ(work({3, 4}, "+"), "3 + 4 = 7.");
  EXPECT_EQ(work({47, 85}, "+"), "47 + 85: 7+5=12, 2 carry 1; 4+8+1=13, 132.");
  EXPECT_EQ(work({5, 95}, "+"), "5 + 95: 5+5=10, 0 carry 1; 9+1=10, 100.");
  EXPECT_EQ(work({347, 2}, "+"), "347 + 2: 7+2=9, 349.");
  EXPECT_EQ(work({105, 95}, "+"), "105 + 95: 5+5=10, 0 carry 1; 0+9+1=10, 00 carry 1; 1+1=2, 200.");
  EXPECT_EQ(work({52, 27}, "-"), "52 - 27: 12-7=5, 5 borrow 1; 5-1-2=2, 25.");
  EXPECT_EQ(work({100, 98}, "-"), "100 - 98: 10-8=2, 2 borrow 1; 10-1-9=0, 02 borrow 1; 1-1=0, 2.");
  EXPECT_EQ(work({15, 47}, "-"), "15 - 47 = -(47 - 15): 7-5=2, 2; 4-1=3, 32, -32.");
  EXPECT_EQ(work({3, 9}, "-"), "3 - 9 = -6.");
  EXPECT_EQ(work({34, 7}, "*"), "34 * 7: 4*7=28, 8 carry 2; 3*7=21, 21+2=23, 238.");
  EXPECT_EQ(work({156, 12}, "/"), "156 / 12: 15=12*1+3, 1; 36=12*3+0, 13.");
  EXPECT_EQ(work({0, 7}, "/"), "0 / 7 = 0.");
  EXPECT_EQ(work({2, 3, 4}, "+*"), "3 * 4 = 12. 2 + 12: 2+2=4, 14.");
  EXPECT_EQ(work({47, 85}, "+", 1), "First 47 + 85. 7+5=12, write 2, carry 1. 4+8+1=13, write 132. So 132.");
  EXPECT_EQ(work({47, 85}, "+", 2),
            "Let me see. 47 + 85: 7+5=12 -> 2 and carry 1, then 4+8+1=13 -> 132. The answer is 132.");
}

}  // namespace
}  // namespace r1
