// A reward is a verdict (DESIGN decision 6): whether the answer is right is one thing, that the checker failed another.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace r1 {

enum class Outcome { correct, wrong, no_answer, failed };
const char* outcome_name(Outcome outcome);

struct Verdict {
  Outcome outcome = Outcome::failed;
  double score = 0;       // meaningless when outcome is failed: such a sample leaves its group and is counted
  std::string reason;     // one line, for people
  std::string extracted;  // the answer that was read, empty when none
  double seconds = 0;
  std::vector<std::pair<std::string, double>> parts;  // when several rewards were combined: name and score of each
};

}  // namespace r1
