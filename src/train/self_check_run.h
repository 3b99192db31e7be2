// What `r1 generate --self-check` and `r1 trace bench --self-check` share: keys, judges by name, one prompt answered
// under watch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/options.h"
#include "trace/self_check.h"

namespace r1 {

class PromptBuilder;

// How a model's grades of its own steps are read.
struct GradeKeys {
  double temperature = 1, offset = 0, threshold = 0.5;
  void declare(OptionTable& table);
  void check() const;
  GradeScale scale() const { return {temperature, offset}; }
};

struct SelfCheckKeys {
  std::string judge = "claims";
  int64_t budget = 0, tries = 4, rollouts = 4;
  GradeKeys grade;  // declared apart
  void declare(OptionTable& table);
  void check() const;
};

// Log-odds of yes and no, asked as users ask. Borrows model and prompts.
Grader make_grader(const Transformer& model, const PromptBuilder& prompts, std::shared_ptr<const Tokenizer> tokenizer);

// The answer of a completion without a reference to hold it against: its last number, else its words; empty: none.
std::string answer_in(const std::string& completion, const std::string& prefilled);

struct WatchedPrompt {
  std::vector<TokenId> ids;
  std::string problem, prefilled;  // the question as a person reads it; what the prompt holds of the answer
  int64_t index = 0;               // with the seed it fixes the draws
};

class SelfCheckRunner {
 public:
  // Borrows model, prompts and keys.
  SelfCheckRunner(const Transformer& model, const PromptBuilder& prompts, std::shared_ptr<const Tokenizer> tokenizer,
                  const SelfCheckKeys& keys);
  // Throws r1::UsageError for a budget with which it could never go back.
  SelfChecked answer(const WatchedPrompt& prompt, const SamplingOptions& sampling);

 private:
  std::unique_ptr<StepJudge> judge_of(const WatchedPrompt& prompt, const SamplingOptions& sampling,
                                      SampledWriter& writer) const;

  const Transformer& model_;
  const PromptBuilder& prompts_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  const SelfCheckKeys& keys_;
  Sampler sampler_;
};

// {"text","completion","ids","finish_reason","tokens","tokens_sampled","tokens_read","backtracks","steps":[{"text",
// "from","to","value"}],"dropped":[{"step","text","value"}],"self_check"}; from and to in characters.
nlohmann::ordered_json json_of(const SelfChecked& checked, const std::string& judge);

}  // namespace r1
