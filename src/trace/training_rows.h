// What traces are worth to training: repairs as rows of three kinds, and questions to a critic with known answers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "trace/thought.h"
#include "trace/verdict.h"

namespace r1 {

struct RepairEncoder {
  std::function<std::vector<TokenId>(const std::string& text)> encode;  // of a completion's part
  TokenId end = -1;                                                     // the model's end token; -1: none
};

// A repair as a record of what was mended, and as training rows. A kind that does not apply is null.
struct RepairRows {
  nlohmann::ordered_json record;     // {"prompt","prefix","wrong_step","right_step","rest","step","by"}
  nlohmann::ordered_json continued;  // {"input_ids","labels"}: what goes on from the prefix alone is learned
  nlohmann::ordered_json corrected;  // {"prompt","completion"}: "... wrong step Wait, that is wrong: right step ..."
  nlohmann::ordered_json preferred;  // {"prompt","chosen","rejected"}: they differ in one step
};
// `asked`: the row's prompt or messages. A thought that has ended cannot be corrected inside it; a repair whose step
// says the same prefers nothing.
RepairRows repair_rows(const nlohmann::ordered_json& asked, const Thought& thought, const Repair& repair,
                       const std::string& by, const RepairEncoder& encoder);

// Which steps of a thought are known to be right or wrong, by exact truth and Monte Carlo together: of a thought with
// a right answer those that are exactly right, where none is exactly wrong; of one with a wrong answer the first wrong
// step, where both name the same, and those before it that are exactly right. Others are none.
std::vector<Truth> agreed_truths(const std::vector<Truth>& exact, const Opinion& monte_carlo, bool ends_right);

// The questions of self-grades (self_grade.h, both phrasings) about the steps that are known, with their answers, as
// {"prompt","completion"}; those about wrong steps apart.
struct CriticRows {
  std::vector<nlohmann::ordered_json> right, wrong;
};
void add_critic_rows(const std::string& problem, const std::vector<std::string>& steps,
                     const std::vector<Truth>& truths, CriticRows& rows);
// As many about right steps as about wrong ones, spread evenly over what there is, in turn: a critic that has seen
// mostly right steps says yes to all.
std::vector<nlohmann::ordered_json> balanced(const CriticRows& rows);

}  // namespace r1
