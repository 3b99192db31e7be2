// Which part of a completion is the answer to a generated task, and how families read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reward/verdict.h"

namespace r1::tasks {

struct TaskAnswer {
  std::string text;      // without the dollar signs, back-ticks and \text{} around it
  bool marked = false;   // stood in \boxed{}, behind #### or in <answer>: all of it is the answer
  bool several = false;  // answers that differ stand side by side
};

// Of what follows the thought: the last \boxed{}, else what stands behind the last ####, else in <answer>, else the
// last line, without "The answer is". nullopt: nothing there, or the thought never ended.
std::optional<TaskAnswer> find_task_answer(std::string_view completion, std::string_view prefilled);

// All numbers of a text, from left to right, as they stand there: signs where they are no operators, thousands commas
// taken out. A decimal whose places are all zero is its whole number.
std::vector<std::string> numbers_in(std::string_view text);

// For families whose answer is one whole number.
Verdict judge_number(const TaskAnswer& answer, const std::string& expected);
// For families whose answer is one of a few words or a text: equal after `extracted` was made of it.
Verdict judge_equal(const std::string& extracted, const std::string& expected);

Verdict right_answer(std::string extracted, std::string reason = "as it should be");
Verdict wrong_answer(std::string extracted, std::string reason);
Verdict no_answer(std::string reason);

// "6 or 7": alternatives are no answer that one commits to.
bool names_alternatives(std::string_view text);
// Why an answer commits to nothing: it names alternatives, or denies or bounds what it names ("not 6", "more than 6",
// "6 is wrong"), be it marked or in the last sentence of a text without marks. nullptr when it does commit.
const char* uncommitted(const TaskAnswer& answer);

std::string lowered(std::string_view text);  // ASCII
// Parts between commas, semicolons, line breaks and "and"; trimmed, without brackets around the whole.
std::vector<std::string> list_items(std::string_view text);

}  // namespace r1::tasks
