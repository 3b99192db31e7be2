// Advantages a step of an answer, from what is known of its steps.
//
// process (DeepSeekMath, arXiv 2402.03300, 4.1.3): each step has a reward r at its end; the rewards of all steps of all
//   answers of a group are normalised together, r~ = (r - mean) / (std + 1e-4), and a token's advantage is the sum of
//   r~ over the steps that end at or behind it. A step that is right has r = 1, a wrong one 0: the scale of an accuracy
//   reward. A step without evidence has no reward: it is in no mean and adds nothing. The last step's r is the reward
//   of the outcome, whatever is known of the step itself; an answer without steps is one step. Right steps are worth
//   more than the group's mean, so that saying more right things pays as long as some steps or outcomes are wrong: the
//   sum's known weakness (PURE, arXiv 2504.15275), which step_mc has not.
// step_mc (VinePPO, arXiv 2410.01679): A = V(behind the step) - V(before it), V of a prefix the mean reward of its
//   continuations, V behind the last step the reward itself, V of the prompt the mean reward of the group's other
//   answers. The steps' advantages add up to reward - V(prompt). They are divided by what outcome advantages are
//   divided by. Steps between two valued prefixes share one advantage: the difference is theirs together.
//
// With both, an answer whose checker failed has advantages 0 and is in no mean, and so is a group without spread: for
// process one whose step rewards are all alike, for step_mc one whose outcomes are. Normalising is ScaleRewards' group,
// batch (mean still the group's) or none.
//
// blame=from_error: in an answer judged wrong, steps before the first wrong one keep what advantage they have above
// zero, and lose what they have below it. Where the first wrong step is not known, and in answers without one ("no
// answer was found"), everything carries the blame. It is the first step known to be wrong; where none is, with values
// of prefixes, the first significant fall: a prefix whose 95 % interval (Wilson, of the share of right continuations)
// lies below that of an earlier prefix, the prompt among them, marks the step before it. The answer's end is a fall
// from the prefix before it alone, and where that had a right continuation; else the fall was earlier and unseen.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "trace/claims.h"
#include "train/losses.h"

namespace r1 {

// What continuations of an answer's beginning came to.
struct PrefixWorth {
  size_t steps = 0;            // of the answer; at least 1, fewer than all
  int counted = 0, right = 0;  // continuations whose checker did not fail; those that were right
  double sum = 0;              // of their rewards
};

struct SteppedAnswer {
  std::vector<Truth> truths;  // one a step, at least one
  double reward = NAN;        // NaN: the checker failed
  bool right = false, wrong = false;
  std::vector<PrefixWorth> prefixes = {};  // step_mc: from short to long; those with nothing counted are passed over
};
using SteppedGroup = std::vector<SteppedAnswer>;
// A value a step: [group][answer][step].
using StepValues = std::vector<std::vector<std::vector<double>>>;

StepValues process_advantages(const std::vector<SteppedGroup>& groups, ScaleRewards scale);
StepValues step_mc_advantages(const std::vector<SteppedGroup>& groups, ScaleRewards scale);

// Of an answer judged wrong; nullopt: unknown, or none.
std::optional<size_t> first_wrong_step(const SteppedGroup& group, size_t answer);
void blame_from(std::vector<double>& steps, size_t first);

// The numbers of steps, at most `most` of them, at which to value an answer of whose steps `ends` says how many tokens
// they and those before them have, of at most `most_tokens` new tokens: evenly among the prefixes that differ, have
// tokens, and leave some.
std::vector<size_t> chosen_prefixes(const std::vector<size_t>& ends, size_t most, size_t most_tokens);

// What the advantages are, with their constants, for people. `advantage` and `blame` are the keys' values.
std::string step_formula_text(const std::string& advantage, const std::string& blame, const std::string& scale_rewards,
                              int64_t rollouts);

}  // namespace r1
