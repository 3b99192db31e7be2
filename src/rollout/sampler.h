// Continuous batching: each prompt is prefilled once for its group, samples fork from it, a finished sample's slot is
// refilled at once. Draws are functions of (seed, step, prompt, sample, token), rows do not depend on their company:
// the same text comes out alone, in any batch, with any number of threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "rollout/records.h"

namespace r1 {

struct SamplingOptions {
  float temperature = 1;
  int32_t top_k = 0;                    // 0: off
  float top_p = 1;                      // 1: off
  float min_p = 0;                      // 0: off
  int64_t max_new_tokens = 256;         // of a sample, an environment's tokens among them
  int64_t max_turn_tokens = 0;          // a turn ends there; 0: no limit of its own. Without Hooks::turns nothing
  std::vector<TokenId> stop_ids;        // beside the model's end tokens
  std::vector<std::string> stop_texts;  // a sample (its turn) ends as soon as its text contains one
  bool ignore_eos = false;              // forced lengths, for benches
  uint64_t seed = 42;
  uint32_t step = 0;
};

struct PromptRequest {
  std::vector<TokenId> ids;
  int64_t index = 0;  // the prompt's number in its draws: with (seed, step) it fixes the samples
  int samples = 1;
  int64_t max_new_tokens = 0;  // of a sample of this prompt, where that is less than the options say; 0: as they say
};

struct SamplerLimits {
  int64_t max_active = 64;      // sequences decoded together
  int64_t prefill_rows = 1024;  // prompt tokens a forward pass
};

// What a call of generate() asks for, at most.
struct SamplingLoad {
  int64_t prompts = 0, samples = 0;  // samples: of all prompts
  int64_t longest_prompt = 0, max_new_tokens = 0;
  bool one_length = false;  // all prompts have the longest one's length: where completions lie in their pages is known
};

// A sample's turn that ended: by an end token or stop text, or by max_turn_tokens.
struct TurnEnd {
  size_t request = 0;
  int sample = 0;
  TokenId last = 0;        // the turn's last token
  std::string text;        // of the turn, decoded, special tokens left out
  bool stopped = false;    // by an end token or a stop text, and not at max_turn_tokens
  bool end_token = false;  // `last` is one
};
// What follows it: the sample's end, or tokens that are put behind it before the model goes on.
struct TurnReply {
  bool done = true;
  std::vector<TokenId> ids = {};
};

class Sampler {
 public:
  // Borrows the model for its own lifetime. `tokenizer` decodes texts and stop texts.
  Sampler(const Transformer& model, std::shared_ptr<const Tokenizer> tokenizer, SamplerLimits limits);
  ~Sampler();

  // Called when a sample is finished, in the order they finish: (request, sample, completion).
  using OnFinished = std::function<void(size_t request, int sample, const Completion& completion)>;
  // Called after each decode step with the new token of each live sample, for streaming.
  using OnToken = std::function<void(size_t request, int sample, TokenId id)>;
  struct Hooks {
    OnFinished finished;
    OnToken token;
    std::function<bool()> cancelled;  // asked between steps; true: stop and return what is finished
    // Samples of several turns: asked about all turns that ended in a step, in order; a reply each. A sample whose
    // reply does not fit its limits is finished, with FinishReason::length and without the reply; so is one whose turn
    // max_new_tokens cut off, about which nobody is asked.
    std::function<std::vector<TurnReply>(const std::vector<TurnEnd>& turns)> turns = {};
  };

  // A group a request, samples in order; one that was cancelled before its end has no ids. Throws r1::Error for an
  // empty or too long prompt, ids outside the vocabulary, options outside their ranges.
  std::vector<Group> generate(const std::vector<PromptRequest>& requests, const SamplingOptions& options,
                              const Hooks& hooks);
  std::vector<Group> generate(const std::vector<PromptRequest>& requests, const SamplingOptions& options) {
    return generate(requests, options, Hooks());
  }

  // Bytes the cache and buffers need for such a call, before any of it is there.
  static size_t planned_bytes(const Compute& compute, const ModelConfig& config, const SamplerLimits& limits,
                              const SamplingLoad& load);
  // The same with all slots taken, each by a prompt of its own.
  size_t planned_bytes(int64_t longest_prompt, int64_t max_new_tokens) const;
  // Bytes that the largest call so far took.
  size_t allocated_bytes() const;

 private:
  struct Run;
  const Transformer& model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  SamplerLimits limits_;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<KvCache> cache_;  // of the call that runs
  size_t cache_bytes_ = 0;          // of the largest call
};

}  // namespace r1
