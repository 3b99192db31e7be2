// Rule rewards by name, combined in one place. Knows no model: text and ids in, verdicts out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/options.h"
#include "reward/code_options.h"
#include "reward/shaping.h"
#include "reward/verdict.h"

namespace r1 {

// What a reward may look at.
struct RewardInput {
  std::string prompt;          // rendered prompt text
  std::string completion;      // text after the prompt, special tokens removed
  std::string prefilled;       // what of the completion's format the prompt already opened, e.g. "<think>\n"
  int64_t num_tokens = 0;      // completion length in tokens
  bool truncated = false;      // hit the length limit
  int64_t group = -1;          // same number: samples of one prompt (for rewards that compare them)
  nlohmann::ordered_json row;  // the data set's row: answer, solution, ... as they came
  std::vector<int32_t> completion_ids = {};  // tokens of the completion; empty where there are none
  int64_t step = 0, max_steps = 0;           // the optimiser step the sample is for, and the run's last; 0: no run
};

class Reward {
 public:
  virtual ~Reward() = default;
  // One verdict an input, same order. Never throws for a bad completion; a checker that breaks is a `failed` verdict.
  virtual std::vector<Verdict> judge(std::span<const RewardInput> inputs) = 0;
  // As judge, for rewards that depend on whether the answers are right: `right` holds another reward's verdicts of the
  // same inputs.
  virtual std::vector<Verdict> judge_given(std::span<const RewardInput> inputs, std::span<const Verdict> /*right*/) {
    return judge(inputs);
  }
  // Whether all samples of a prompt have to be judged in one call.
  virtual bool needs_groups() const { return false; }
  // Whether its outcome says that the answer is right: what `cosine` and `kimi_length` may go by.
  virtual bool judges_answers() const { return false; }
  virtual std::string name() const = 0;
};

// Of all rewards; each reads its own.
struct RewardOptions {
  int64_t max_completion_length = 0;    // L_max of `length` and `cosine`
  int64_t soft_overlong_cache = 0;      // L_cache of `length`; 0: max_completion_length / 5
  double timeout_seconds = 180;         // for all that a user's program or function is asked at once
  std::string python = "python3";       // the interpreter of users' functions, by path or name
  std::string format = "think_answer";  // or "think": what `format` asks for
  std::string language = "auto";        // of `language` and `filters`; auto: the prompt's
  int64_t repetition_n_grams = 3;
  double repetition_max_penalty = -1;
  CosineScale cosine = {};
  FilterLimits filters = {};
  CodeOptions code = {};
  // Rewards by name that this room does not know, such as those of data.
  std::vector<std::pair<std::string, std::function<std::unique_ptr<Reward>()>>> more = {};
  // The same with an argument: "rm:" makes a reward of the FOLDER in rm:FOLDER, a model's, which this room has none of.
  std::vector<std::pair<std::string, std::function<std::unique_ptr<Reward>(const std::string&)>>> prefixed = {};
  std::string rm_score = "raw";  // or "sigmoid": of rm:FOLDER
};
// All keys but max_completion_length, which is the run's. Borrows `options` for as long as the table is used.
void declare_reward_keys(OptionTable& table, RewardOptions& options);

// `spec`: names joined by '+', each with an optional weight: "math", "math+format", "math*1+format*0.2". The score is
// the weighted sum, added in the order of the names; the outcome, the reason and the answer are the first part's that
// applies; any failed part makes the whole failed. `cosine` and `kimi_length` look at whether the answer is right: they
// take the first part's verdict when that is math, code or a user's, and judge by math otherwise.
//   math (accuracy)  0 or 1                          format         0 or 1
//   tag_count        0 to 1 in quarters              language       0 to 1: share of words in the target language
//   length           -1 to 0 (soft overlong)         kimi_length    -0.5 to 0.5, within a prompt's samples
//   cosine           -1 to 1, by the cosine keys     repetition (repetition_penalty)  repetition_max_penalty to 0
//   filters          0 or 1: R1's filters of thoughts   code    0 or 1, by the row's tests (reward/code_reward.h)
//   domain(NAME:SPEC, ...)   the SPEC of the row's domain alone (reward/domain_reward.h)
// Users' own: trl:FILE.py:FUNCTION, verl:FILE.py[:FUNCTION], openrlhf:FILE.py[:FUNCTION], rg:TASK?key=v
// (reward/function_reward.h; a weight may also follow as :0.5), openrlhf+http://HOST/PATH (reward/http_reward.h),
// judge:http://HOST/v1#MODEL (reward/judge_reward.h: 0 or 1, by a model behind a server), and exec:COMMAND
// (reward/exec_reward.h; alone or last, the command is the rest of the string).
// Throws r1::UsageError for an unknown name, with the nearest, and for options that do not fit.
std::unique_ptr<Reward> make_reward(const std::string& spec, const RewardOptions& options);

// The names above, for help.
const std::vector<std::string>& reward_names();

}  // namespace r1
