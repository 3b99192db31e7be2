// The typed records all stages share: the one place where prompt, completion, behaviour log-probs, verdict, policy
// version and advantage meet. Constructors check that lengths agree.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"

namespace r1 {

enum class FinishReason { stop, length };
inline const char* finish_name(FinishReason r) { return r == FinishReason::stop ? "stop" : "length"; }

// One sampled answer.
struct Completion {
  Completion() = default;
  Completion(std::vector<TokenId> ids_, std::vector<float> behavior_logp_, std::vector<float> sampling_logp_,
             FinishReason finish_)
      : ids(std::move(ids_)),
        behavior_logp(std::move(behavior_logp_)),
        sampling_logp(std::move(sampling_logp_)),
        finish(finish_) {
    R1_CHECK(ids.size() == behavior_logp.size() && ids.size() == sampling_logp.size(), "{} ids, {} and {} log-probs",
             ids.size(), behavior_logp.size(), sampling_logp.size());
  }
  // Tokens of an environment among the model's: they are context, have no log-probs (0 stands there) and no loss.
  void set_learn(std::vector<uint8_t> flags) {
    R1_CHECK(flags.empty() || flags.size() == ids.size(), "{} flags for {} ids", flags.size(), ids.size());
    learn = std::move(flags);
  }
  bool learned(size_t i) const { return learn.empty() || learn[i] != 0; }
  int64_t num_learned() const { return static_cast<int64_t>(ids.size()) - std::count(learn.begin(), learn.end(), 0); }

  std::vector<TokenId> ids;          // with the end token where there was one
  std::vector<float> behavior_logp;  // of the sampling policy at temperature 1, a value a token: GRPO's old log-probs
  std::vector<float> sampling_logp;  // under the distribution drawn from (temperature, filters)
  std::vector<uint8_t> learn;        // 1: the model's token, 0: an environment's; empty: all are the model's
  FinishReason finish = FinishReason::length;
  std::string text;                     // of the model's tokens alone, decoded, special tokens left out
  std::vector<float> token_advantages;  // a value a token, which count instead of the group's advantage; or empty

  void set_token_advantages(std::vector<float> values) {
    R1_CHECK(values.size() == ids.size(), "{} advantages for {} tokens", values.size(), ids.size());
    token_advantages = std::move(values);
  }
};

// One prompt and its samples, with what a stage learns about each.
struct Group {
  std::vector<TokenId> prompt_ids;
  int64_t prompt_index = 0;  // which row of the data
  int64_t policy_version = 0;
  std::vector<Completion> completions;
  std::vector<float> advantages;  // a value a completion, once computed

  void set_advantages(std::vector<float> values) {
    R1_CHECK(values.size() == completions.size(), "{} advantages for {} completions", values.size(),
             completions.size());
    advantages = std::move(values);
  }
};

}  // namespace r1
