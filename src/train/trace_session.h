// What `r1 trace`, `r1 trace bench` and a pipeline's trace stage share: keys, an opened model, rows as thoughts, one
// thought traced by all methods.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/options.h"
#include "formats/model_files.h"
#include "reward/reward.h"
#include "rollout/sampler.h"
#include "trace/self_grade.h"
#include "trace/training_rows.h"
#include "trace/verdict.h"
#include "train/options.h"
#include "train/prompts.h"
#include "train/self_check_run.h"

namespace r1 {

struct TraceKeys {
  DataOptions data;
  PromptOptions prompt;
  std::string model, reward = "auto", compute_dtype = "auto", methods = "auto";
  int64_t max_completion_length = 512, seed = 42, threads = 0, max_active = 64;
  double temperature = 1;
  RewardOptions rewards;
  int64_t rollouts = 2, max_rollouts = 6, exhaustive_rollouts = 8, token_budget = 0, repair_attempts = 16;
  double p_dead = 0.05, test_error = 0.25;
  SelfCheckKeys watch;  // its grade is that of the method self
  bool exhaustive = false;
  void declare(OptionTable& table);
  // The embedded world is asked in the frame its base knows where nothing is said about prompts; says so on stderr.
  void frame_the_world(const OptionTable& table);
  void check() const;
  // Whether a method is asked for: exact, monte_carlo, self.
  bool uses(const std::string& method) const;
  MonteCarloOptions monte_carlo() const;
  SamplingOptions sampling() const;
};

// One traced thought.
struct TracedThought {
  Thought thought;
  std::optional<Verdict> verdict;  // of the whole; nullopt: there is no reference answer
  std::vector<Truth> truths;       // empty: not asked for
  std::optional<MonteCarloTrace> monte_carlo;
  std::optional<SelfGrades> grades;
  OneVerdict one;
  std::optional<Repair> repair;
  int64_t tokens = 0;
};

// What is known of the prefix that ends with step `i`; nullptr: it was not tested.
const PrefixValue* value_of(const TracedThought& traced, size_t i);
// {"completion","steps":[{"text","from","to","value","ci95","exact","self"}],"first_error","repair","tokens"}; places
// count characters.
nlohmann::ordered_json json_of(const TracedThought& traced);

class TraceSession {
 public:
  // Opens the model where there is one. `data` chooses the meaning of the reward "auto".
  TraceSession(const TraceKeys& keys, const std::string& data);
  ~TraceSession();

  bool has_model() const { return model_ != nullptr; }
  // Rows as thoughts: their own "completion", else one sampled. Throws r1::UsageError where neither is there.
  std::vector<Thought> thoughts(const std::vector<DataRow>& rows);
  Thought thought_of(const DataRow& row, const std::string& completion, int64_t index) const;
  TracedThought trace(Thought thought, bool with_repair);
  // Its parts, for benches.
  std::vector<Truth> exact(const Thought& thought) const;
  MonteCarloTrace monte_carlo(const Thought& thought, bool ends_right, bool exhaustive,
                              const MonteCarloOptions& options);
  GradeLogits self_logits(const Thought& thought);
  // What the row's own step checker says; empty: it has none.
  std::vector<Truth> checked(const Thought& thought) const;
  Verdict judge(const Thought& thought) { return judge_thought(thought, thought.completion, *reward_); }
  // Continues the first steps of a thought once, as a whole completion.
  std::string continued(const Thought& thought, const std::string& prefix, uint32_t draw);
  RepairEncoder repair_encoder() const;
  const Transformer& model() const { return *model_; }
  const PromptBuilder& prompts() const { return *prompts_; }
  std::shared_ptr<const Tokenizer> shared_tokenizer() const { return tokenizer_; }
  Sampler& sampler() { return *sampler_; }
  Reward& reward() { return *reward_; }

 private:
  std::vector<std::string> sample(const std::vector<DataRow>& rows, std::vector<std::vector<TokenId>>& ids);

  const TraceKeys& keys_;
  std::unique_ptr<Reward> reward_;
  std::optional<ModelFiles> files_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Transformer> model_;
  std::unique_ptr<PromptBuilder> prompts_;
  std::unique_ptr<Sampler> sampler_;
};

// The question that a thought answers, as a person reads it.
std::string problem_of(const Thought& thought);

}  // namespace r1
