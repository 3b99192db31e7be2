#include "train/grpo_update.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/philox.h"

namespace r1 {

std::vector<std::vector<SampleIndex>> cut_into_minibatches(const Rollout& rollout, size_t parts, uint64_t seed) {
  std::vector<SampleIndex> all;
  const size_t n = rollout.groups.size();
  for (size_t i = 0; i < n; i++) {
    const size_t g =
        parts == 1
            ? i
            : permuted_index({.seed = seed, .stage = Stage::minibatch, .step = static_cast<uint32_t>(rollout.number)},
                             i, n);
    for (size_t s = 0; s < rollout.groups[g].verdicts.size(); s++) all.push_back({g, s});
  }
  R1_CHECK(parts >= 1 && all.size() % parts == 0);
  std::vector<std::vector<SampleIndex>> out(parts);
  for (size_t i = 0; i < all.size(); i++) out[i / (all.size() / parts)].push_back(all[i]);
  return out;
}

namespace {

class Minibatch {
 public:
  explicit Minibatch(const UpdateInputs& in) : in_(in) {
    counts_ = {.sequences = 0, .tokens = 0, .max_completion_length = static_cast<double>(in.max_completion_length)};
    for (const SampleIndex& at : in.minibatch) add(at);
    counts_.sequences = std::max(1.0, counts_.sequences);
    counts_.tokens = std::max(1.0, counts_.tokens);
  }

  UpdateSums run(Policy& policy) {
    std::unique_ptr<Scorer> scorer;
    if (in_.reference != nullptr)
      scorer =
          std::make_unique<Scorer>(*in_.reference, in_.reference == &policy.model() ? AdapterUse::off : AdapterUse::on);
    for (const MicroBatch& b : pack(groups_, in_.micro_batch_tokens)) {
      std::vector<HeadScore> reference;
      if (scorer) reference = scorer->score(b);
      gradient_ = {std::vector<float>(b.targets.size()),
                   std::vector<float>(in_.entropy_coef != 0 ? b.targets.size() : 0)};
      // Nothing moved since sampling: log-probs are those that were recorded, so the gradients are known beforehand.
      const bool known = in_.same_policy && in_.importance_cap == 0;
      if (known) sequences(b, [&](Tokens t) { lose(b, t, recorded(b, t), reference); });
      const std::vector<HeadScore>& scores =
          known ? policy.learn(b, gradient_.dlogp, gradient_.dentropy) : policy.forward(b);
      sequences(b, [&](Tokens t) {
        compare(b, t, scores);
        if (!known) lose(b, t, computed(t, scores), reference);
      });
      if (!known) policy.backward(b, gradient_.dlogp, gradient_.dentropy);
    }
    return sums_;
  }

 private:
  const Completion& completion(const SampleIndex& at) const {
    return in_.rollout->groups[at.group].group.completions[at.sample];
  }

  // Whether a sample can move anything.
  bool teaches(const JudgedGroup& g, size_t sample) const {
    const bool beside = in_.form.beta != 0 || in_.entropy_coef != 0;
    const std::vector<float>& by_token = g.group.completions[sample].token_advantages;
    if (by_token.empty()) return g.spread && (beside || g.group.advantages[sample] != 0);
    return beside || std::any_of(by_token.begin(), by_token.end(), [](float a) { return a != 0; });
  }

  void add(const SampleIndex& at) {
    const JudgedGroup& g = in_.rollout->groups[at.group];
    const Completion& c = completion(at);
    if (g.verdicts[at.sample].outcome == Outcome::failed) return;
    counts_.sequences++;
    if (in_.mask_truncated && c.finish == FinishReason::length) return;
    counts_.tokens += static_cast<double>(c.num_learned());
    if (!teaches(g, at.sample)) return;
    if (groups_.empty() || last_group_ != at.group) {
      groups_.push_back({g.prompt.ids, {}});
      sums_.work.push_back({.prompt = static_cast<int64_t>(g.prompt.ids.size()), .completions = {}});
    }
    sums_.work.back().completions.push_back(static_cast<int64_t>(c.ids.size()));
    last_group_ = at.group;
    groups_.back().samples.push_back({c.ids, c.learn, static_cast<int64_t>(kept_.size())});
    kept_.push_back(at);
    sums_.samples++;
  }

  // Of a sample, neighbours in a micro-batch: [first, last).
  struct Tokens {
    size_t first, last;
    size_t size() const { return last - first; }
  };
  template <typename Body>
  static void sequences(const MicroBatch& b, Body&& body) {
    for (size_t first = 0, last; first < b.tokens.size(); first = last) {
      for (last = first; last < b.tokens.size() && b.tokens[last].tag == b.tokens[first].tag;) last++;
      body(Tokens{first, last});
    }
  }
  const SampleIndex& sample_of(const MicroBatch& b, Tokens t) const {
    return kept_[static_cast<size_t>(b.tokens[t.first].tag)];
  }
  std::vector<float> recorded(const MicroBatch& b, Tokens t) const {
    const Completion& c = completion(sample_of(b, t));
    std::vector<float> out;
    for (size_t i = t.first; i < t.last; i++) out.push_back(c.behavior_logp[static_cast<size_t>(b.tokens[i].place)]);
    return out;
  }
  static std::vector<float> computed(Tokens t, const std::vector<HeadScore>& scores) {
    std::vector<float> out;
    for (size_t i = t.first; i < t.last; i++) out.push_back(scores[i].logp);
    return out;
  }

  // The sequence's loss at these log-probs, and its gradient.
  void lose(const MicroBatch& b, Tokens t, const std::vector<float>& new_logp,
            const std::vector<HeadScore>& reference) {
    const SampleIndex at = sample_of(b, t);
    const Completion& c = completion(at);
    R1_CHECK(static_cast<int64_t>(t.size()) == c.num_learned(), "{} scores for {} tokens", t.size(), c.num_learned());
    const std::vector<float> behavior_logp = recorded(b, t);
    std::vector<float> ref_logp, weights, token_advantages;
    if (!reference.empty()) ref_logp = computed(t, reference);
    const double weight = token_weight(in_.form, counts_, static_cast<double>(t.size()));
    for (size_t i = 0; i < t.size(); i++) {
      if (!c.token_advantages.empty())
        token_advantages.push_back(c.token_advantages[static_cast<size_t>(b.tokens[t.first + i].place)]);
      const double weight_used = weigh(static_cast<double>(new_logp[i]) - behavior_logp[i]);
      if (in_.importance_cap > 0) weights.push_back(static_cast<float>(weight_used));
      if (!gradient_.dentropy.empty()) gradient_.dentropy[t.first + i] = static_cast<float>(-in_.entropy_coef * weight);
    }
    sums_.tokens += static_cast<double>(t.size());
    sequence_loss(in_.form, counts_,
                  {.new_logp = new_logp,
                   .old_logp = in_.importance_cap > 0 ? new_logp : behavior_logp,
                   .ref_logp = ref_logp,
                   .advantage = in_.rollout->groups[at.group].group.advantages[at.sample],
                   .weights = weights,
                   .token_advantages = token_advantages},
                  std::span(gradient_.dlogp).subspan(t.first, t.size()), sums_.loss);
  }

  // Adds a token's log(pi / pi_behaviour) to the mismatch; returns its weight.
  double weigh(double log_ratio) {
    const double bounded = std::clamp(log_ratio, -kLogRatioBound, kLogRatioBound), w = std::exp(bounded);
    Mismatch& m = sums_.mismatch;
    m.kl += w - 1 - bounded;
    m.weights += w;
    m.squares += w * w;
    const double used = in_.importance_cap > 0 ? std::min(w, in_.importance_cap) : w;
    m.used_min = std::min(m.used_min, used);
    m.used_max = std::max(m.used_max, used);
    m.used_sum += used;
    return used;
  }

  // What the pass computed beside what was recorded.
  void compare(const MicroBatch& b, Tokens t, const std::vector<HeadScore>& scores) {
    const SampleIndex at = sample_of(b, t);
    const double weight = token_weight(in_.form, counts_, static_cast<double>(t.size()));
    for (size_t i = t.first; i < t.last; i++) {
      const size_t place = static_cast<size_t>(b.tokens[i].place);
      compare_token(at, place, scores[i].logp, completion(at).behavior_logp[place]);
      sums_.entropy += scores[i].entropy;
      sums_.entropy_loss -= in_.entropy_coef * scores[i].entropy * weight;
    }
  }

  void compare_token(const SampleIndex& at, size_t token, float new_logp, float behavior_logp) {
    const double gap = std::abs(static_cast<double>(new_logp) - behavior_logp);
    sums_.logp_gap_max = std::max(sums_.logp_gap_max, gap);
    sums_.logp_gap_sum += gap;
    const double ratio = std::exp(static_cast<double>(new_logp) - behavior_logp);
    sums_.sampler_ratio_min = std::min(sums_.sampler_ratio_min, ratio);
    sums_.sampler_ratio_max = std::max(sums_.sampler_ratio_max, ratio);
    sums_.sampler_ratio_sum += ratio;
    if (in_.same_policy && !(new_logp == behavior_logp))
      fail(
          "rollout {}, prompt {}, sample {}, token {}: the trainer's log-prob {} is not the sampler's {}; sampler and "
          "trainer must agree to the last bit. Nothing was changed; try compute_dtype=f32 and report this",
          in_.rollout->number + 1, at.group, at.sample, token, new_logp, behavior_logp);
  }

  struct {
    std::vector<float> dlogp, dentropy;  // of the micro-batch at hand; dentropy may be empty
  } gradient_;
  const UpdateInputs& in_;
  LossCounts counts_;
  std::vector<TrainGroup> groups_;
  std::vector<SampleIndex> kept_;  // by tag
  size_t last_group_ = 0;
  UpdateSums sums_;
};

}  // namespace

UpdateSums grpo_forward_backward(Policy& policy, const UpdateInputs& inputs) { return Minibatch(inputs).run(policy); }

}  // namespace r1
