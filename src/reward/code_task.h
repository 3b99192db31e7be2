// One program and what it is to be tried on, read from a row and a completion.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "reward/code_answer.h"
#include "reward/reward.h"

namespace r1 {

struct CodeTask {
  enum class Kind { stdio, function, check };
  Kind kind = Kind::stdio;
  Language language = Language::python;
  std::string code;                  // as extracted; empty: no answer
  std::vector<std::string> sources;  // the program: the first of these that is Python; one for C++
  std::string prompt;                // the row's, "" when none
  std::string entry_point;
  std::string check;             // Kind::check
  nlohmann::ordered_json tests;  // an array; Kind::stdio: {"stdin","stdout"}, function: {"args","result"}
};

// Throws r1::Error when the row has no tests of a known kind.
CodeTask read_code_task(const RewardInput& input);

}  // namespace r1
