// What a beginning of a thought is worth: the share of its continuations that reach the right answer, with an interval;
// and from that the first wrong step, by bisection (OmegaPRM, arXiv 2406.06592) with a sequential test at each place.
//
// The first wrong step by Monte Carlo is the one behind which the value drops to about zero while it was above zero
// before it. A prefix is tested by Wald's sequential probability ratio test: "dead" (continuations are right with
// probability p_dead at most) against "alive" (with alive_share of what the prompt alone is worth, at least): draws go
// on until the likelihood ratio leaves [e^-b, e^b], b = log((1 - error) / error), or the place's budget is spent; then
// the likelier one counts. Bisection assumes that a dead prefix stays dead; a sampler that repairs errors violates it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace r1 {

// Where continuations begin, and how many there are to be. `first` is the number of draws made there before, so that
// new ones differ from them.
struct PrefixRequest {
  size_t steps = 0;  // of the thought's first ones; 0: the prompt alone
  int first = 0, count = 0;
};
struct PrefixDraws {
  int right = 0, counted = 0;       // counted: those whose checker did not fail
  int64_t tokens = 0;               // sampled
  std::optional<std::string> best;  // the first right one, as a whole completion
};

class PrefixSampler {
 public:
  virtual ~PrefixSampler() = default;
  // One answer a request, in order; all are sampled together.
  virtual std::vector<PrefixDraws> draw(std::span<const PrefixRequest> requests) = 0;
};

struct MonteCarloOptions {
  int rollouts = 4;         // continuations a batch at one prefix
  int most_rollouts = 24;   // at one prefix
  int prompt_rollouts = 8;  // at the prompt, to learn what it is worth
  int64_t budget = 0;       // tokens of a thought; 0: none
  double p_dead = 0.05, alive_share = 0.5, error = 0.05;
};

struct PrefixValue {
  int right = 0, counted = 0;
  std::optional<std::string> best;
  double value() const { return counted == 0 ? 0 : static_cast<double>(right) / counted; }
};

struct FirstError {
  size_t step = 0;  // from 0
  double confidence = 0;
};

struct MonteCarloTrace {
  std::vector<PrefixValue> prefixes;  // of 0, 1, ... steps; counted = 0: not tested
  std::optional<FirstError> first;    // nullopt: none, or nothing can be said
  bool decided = false;               // false: the prompt itself is dead, or the budget ended
  int64_t rollouts = 0, tokens = 0;
};

// 95 % interval of a share: Wilson's score.
struct ShareInterval {
  double low = 0, high = 1;
};
ShareInterval share_interval(int right, int n);

// `ends_right`: the verdict of the whole thought. A right one has no first error: its last prefix is alive.
MonteCarloTrace bisect_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                   const MonteCarloOptions& options);
// Every prefix by prompt_rollouts continuations; dead where the likelihood says so.
MonteCarloTrace exhaust_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                    const MonteCarloOptions& options);

}  // namespace r1
