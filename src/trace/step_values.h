// What a beginning of a thought is worth: the share of its continuations that reach the right answer, with an interval;
// and from that the first wrong step, as the place where the value falls (values and bisection: OmegaPRM, arXiv
// 2406.06592).
//
// The thought has one place behind which its prefixes are dead. Before it they share one unknown value, v ~ Beta(1, 1);
// behind it another, d ~ Beta(kDeadStrength * p_dead, kDeadStrength * (1 - p_dead)); or nothing can be learned, as the
// prompt is dead itself. Draws at any prefix then give each place a likelihood in closed form, with v and d integrated
// out: a thought whose wrong step is now and then repaired, and a prompt that is hardly ever solved, are judged by the
// fall and not by a fixed bound. The next draws are made at the prefix that halves the posterior, until one place has
// 1 - error of it (probabilistic bisection: a binary search with a sequential test) or most_rollouts a halving are
// spent.
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
  int rollouts = 2;             // continuations a batch at one prefix
  int most_rollouts = 6;        // a halving: of a thought at most so many times ceil(log2(steps))
  int exhaustive_rollouts = 8;  // at every prefix, where all are valued
  int64_t budget = 0;           // tokens of a thought; 0: none
  double p_dead = 0.05;         // expected of a dead prefix
  double error = 0.25;          // left to the other places when the search stops
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
  std::optional<FirstError> first;    // the likeliest place; nullopt: none is wrong
  bool decided = false;               // false: the prompt is likely dead, or the budget ended; `first` is a guess
  int64_t rollouts = 0, tokens = 0;
};

// 95 % interval of a share: Wilson's score.
struct ShareInterval {
  double low = 0, high = 1;
};
ShareInterval share_interval(int right, int n);

// `ends_right`: the verdict of the whole thought. A right one has no first error and takes no draws.
MonteCarloTrace bisect_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                   const MonteCarloOptions& options);
// Every prefix by exhaustive_rollouts continuations; the place is the likeliest.
MonteCarloTrace exhaust_first_error(PrefixSampler& sampler, size_t num_steps, bool ends_right,
                                    const MonteCarloOptions& options);

// Posterior of where the value falls: element 0 that the prompt is dead, element j + 1 that step j is the first wrong
// one. `prefixes`: of 0 to n - 1 steps.
std::vector<double> place_posterior(std::span<const PrefixValue> prefixes, double p_dead);

}  // namespace r1
