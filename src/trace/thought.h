// One thought under trace: prompt and completion with the completion's steps, in text and in tokens; and continuations
// of its prefixes, sampled from a model and judged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reward/reward.h"
#include "rollout/sampler.h"
#include "text/steps.h"
#include "trace/step_values.h"

namespace r1 {

struct Thought {
  std::string prompt, prefilled;    // as RewardInput has them
  std::vector<TokenId> prompt_ids;  // empty where no model is asked
  std::string completion;
  std::vector<Step> steps;        // of completion
  std::vector<TokenId> ids;       // of completion; empty where no model is asked
  std::vector<Step> token_steps;  // of ids, one a step
  nlohmann::ordered_json row;     // for the reward
  int64_t index = 0;              // with the seed it fixes the draws

  std::string text_of(size_t step) const {
    return completion.substr(steps[step].from, steps[step].to - steps[step].from);
  }
  std::vector<std::string> texts() const;
};

// The verdict of a completion as a whole.
Verdict judge_thought(const Thought& thought, const std::string& completion, Reward& reward);

class ThoughtSampler : public PrefixSampler {
 public:
  // Borrows all of them. `options`: max_new_tokens is of a whole completion, what its prefix has is taken off.
  ThoughtSampler(const Thought& thought, Sampler& sampler, const Tokenizer& tokenizer, Reward& reward,
                 const SamplingOptions& options)
      : thought_(thought), sampler_(sampler), tokenizer_(tokenizer), reward_(reward), options_(options) {}
  std::vector<PrefixDraws> draw(std::span<const PrefixRequest> requests) override;
  // The ids behind which continuations of the first `steps` steps are sampled.
  std::vector<TokenId> prefix_ids(size_t steps) const;

 private:
  const Thought& thought_;
  Sampler& sampler_;
  const Tokenizer& tokenizer_;
  Reward& reward_;
  SamplingOptions options_;
};

// The ids behind which a completion goes on after its first `bytes` bytes, which end a character. A token that reaches
// beyond them is replaced by tokens of its part.
std::vector<TokenId> first_ids(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, std::string_view completion,
                               size_t bytes);

// Of text that a model wrote: its own markers (<think>) are tokens, special ones are not.
std::vector<TokenId> encode_completion(const Tokenizer& tokenizer, std::string_view text);

}  // namespace r1
