// What is said of a thought in the end: each step's value, and one first error. Exact truth beats Monte Carlo, that
// beats the model's own grade; who disagrees is named.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trace/claims.h"
#include "trace/step_values.h"
#include "trace/thought.h"

namespace r1 {

// One truth a step, of the steps' texts. claim_truths() judges arithmetic alone; a task's own checker knows more.
using StepChecker = std::function<std::vector<Truth>(const std::vector<std::string>& steps)>;
std::vector<Truth> claim_truths(const std::vector<std::string>& steps);

// P(step is right) a step, by the model itself; and what it read for that, in tokens.
struct SelfGrades {
  std::vector<double> right;
  int64_t tokens = 0;
};

struct ErrorVerdict {
  size_t step = 0;
  double confidence = 0;
  std::string by;  // exact, monte_carlo, self
};
// What one method says: nothing, that there is no error, or where it is.
struct Opinion {
  std::string by;
  bool speaks = false;
  std::optional<FirstError> first;
};

struct OneVerdict {
  std::optional<ErrorVerdict> first;
  std::vector<Opinion> against;  // methods that speak, and say something else
};

// Exact truth speaks where a step is wrong, or where all are right; its confidence is 1.
Opinion exact_opinion(const std::vector<Truth>& truths);
Opinion monte_carlo_opinion(const MonteCarloTrace& trace);
// The first step graded below `threshold`.
Opinion self_opinion(const SelfGrades& grades, double threshold = 0.5);
// `opinions`: the one that counts most first.
OneVerdict one_verdict(const std::vector<Opinion>& opinions);

// A thought mended: what the steps before the first error led to when sampling went on from there.
struct Repair {
  size_t step = 0;         // the first wrong one
  std::string text;        // the whole completion
  std::string right_step;  // what stands for the wrong step now
  std::string rest;        // what follows it
  bool right = false;      // false: none was right; text is empty
  int64_t tokens = 0;
};
// `known`: what is known of the prefix before the step; its right continuation is taken, else up to `attempts` more are
// sampled, `batch` at a time.
Repair repair_thought(PrefixSampler& sampler, const Thought& thought, size_t step, const PrefixValue& known,
                      int attempts, int batch);

}  // namespace r1
