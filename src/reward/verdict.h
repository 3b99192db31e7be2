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
  // When several rewards were combined: name and score of each, NaN where one was left out. A single reward's own
  // numbers, by name, where it has some.
  std::vector<std::pair<std::string, double>> parts;
  // The reward does not apply to this sample: a sum goes on without it. Alone, that is as good as `failed`, which is
  // what the outcome says.
  bool left_out = false;
};

}  // namespace r1
