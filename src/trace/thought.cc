#include "trace/thought.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "text/unicode.h"

namespace r1 {

std::vector<std::string> Thought::texts() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < steps.size(); i++) out.push_back(text_of(i));
  return out;
}

std::vector<TokenId> encode_completion(const Tokenizer& tokenizer, std::string_view text) {
  std::string storage;
  const std::string_view valid = valid_view(text, storage);
  const PlainRange all{0, valid.size(), true};
  EncodeOptions options;
  options.add_special_tokens = false;
  if (!valid.empty()) options.plain = {&all, 1};
  return tokenizer.encode(valid, options);
}

namespace {
RewardInput input_of(const Thought& thought, std::string completion) {
  RewardInput in;
  in.prompt = thought.prompt;
  in.completion = std::move(completion);
  in.prefilled = thought.prefilled;
  in.row = thought.row;
  in.group = thought.index;
  return in;
}
}  // namespace

Verdict judge_thought(const Thought& thought, const std::string& completion, Reward& reward) {
  RewardInput in = input_of(thought, completion);
  in.num_tokens = static_cast<int64_t>(thought.ids.size());
  return reward.judge({&in, 1})[0];
}

std::vector<TokenId> first_ids(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, std::string_view completion,
                               size_t bytes) {
  const auto stream = tokenizer.start_stream();
  std::vector<TokenId> out;
  size_t at = 0;
  for (size_t i = 0; i < ids.size() && at < bytes; i++) {
    const size_t size = tokenizer.is_special(ids[i]) ? 0 : stream->push(ids[i]).size();
    if (at + size > bytes) break;
    out.push_back(ids[i]);
    at += size;
  }
  if (at < bytes)
    for (TokenId id : encode_completion(tokenizer, completion.substr(at, bytes - at))) out.push_back(id);
  return out;
}

std::vector<TokenId> ThoughtSampler::prefix_ids(size_t steps) const {
  std::vector<TokenId> out = thought_.prompt_ids;
  if (steps == 0) return out;
  const std::vector<TokenId> kept =
      first_ids(tokenizer_, thought_.ids, thought_.completion, thought_.steps[steps - 1].to);
  out.insert(out.end(), kept.begin(), kept.end());
  return out;
}

std::vector<PrefixDraws> ThoughtSampler::draw(std::span<const PrefixRequest> requests) {
  constexpr int64_t kPlaces = 1 << 12;  // prefixes of a thought that draw apart
  constexpr int64_t kFewest = 8;        // new tokens, however long the prefix is
  std::vector<PrefixDraws> out(requests.size());
  // draws made before at a prefix are another step of the sampler's counter
  for (size_t i = 0; i < requests.size();) {
    std::vector<PromptRequest> prompts;
    size_t end = i;
    int64_t longest = 0;
    for (; end < requests.size() && requests[end].first == requests[i].first; end++) {
      prompts.push_back({prefix_ids(requests[end].steps),
                         thought_.index * kPlaces + static_cast<int64_t>(requests[end].steps) % kPlaces,
                         requests[end].count});
      longest = std::max(longest, static_cast<int64_t>(prompts.back().ids.size() - thought_.prompt_ids.size()));
    }
    SamplingOptions options = options_;
    options.step = static_cast<uint32_t>(requests[i].first) + 1;
    options.max_new_tokens = std::max(kFewest, options_.max_new_tokens - longest);
    Sampler::Hooks hooks;
    hooks.cancelled = interrupted;
    const std::vector<Group> groups = sampler_.generate(prompts, options, hooks);
    if (interrupted()) fail("interrupted");
    std::vector<RewardInput> inputs;
    for (size_t k = 0; k < groups.size(); k++) {
      const size_t steps = requests[i + k].steps;
      const std::string prefix = thought_.completion.substr(0, steps == 0 ? 0 : thought_.steps[steps - 1].to);
      for (const Completion& c : groups[k].completions) {
        RewardInput in = input_of(thought_, prefix + c.text);
        in.num_tokens = static_cast<int64_t>(c.ids.size());
        in.truncated = c.finish == FinishReason::length;
        inputs.push_back(std::move(in));
        out[i + k].tokens += static_cast<int64_t>(c.ids.size());
      }
    }
    const std::vector<Verdict> verdicts = reward_.judge(inputs);
    size_t at = 0;
    for (size_t k = 0; k < groups.size(); k++)
      for (size_t s = 0; s < groups[k].completions.size(); s++, at++) {
        PrefixDraws& d = out[i + k];
        if (verdicts[at].outcome == Outcome::failed) continue;
        d.counted++;
        if (verdicts[at].outcome != Outcome::correct) continue;
        d.right++;
        if (!d.best) d.best = inputs[at].completion;
      }
    i = end;
  }
  return out;
}

}  // namespace r1
