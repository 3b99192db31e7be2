#include "trace/verdict.h"

#include <algorithm>

#include "base/error.h"

namespace r1 {

std::vector<Truth> claim_truths(const std::vector<std::string>& steps) {
  std::vector<Truth> out;
  for (const std::string& step : steps) out.push_back(check_claims(step));
  return out;
}

Opinion exact_opinion(const std::vector<Truth>& truths) {
  Opinion out{"exact", false, {}};
  const auto wrong = std::find(truths.begin(), truths.end(), Truth::wrong);
  if (wrong != truths.end()) {
    out.speaks = true;
    out.first = FirstError{static_cast<size_t>(wrong - truths.begin()), 1};
  } else {
    out.speaks = !truths.empty() && std::find(truths.begin(), truths.end(), Truth::none) == truths.end();
  }
  return out;
}

Opinion monte_carlo_opinion(const MonteCarloTrace& trace) { return {"monte_carlo", trace.decided, trace.first}; }

Opinion self_opinion(const SelfGrades& grades, double threshold) {
  Opinion out{"self", !grades.right.empty(), {}};
  for (size_t i = 0; i < grades.right.size() && !out.first; i++)
    if (grades.right[i] < threshold) out.first = FirstError{i, 1 - grades.right[i]};
  return out;
}

OneVerdict one_verdict(const std::vector<Opinion>& opinions) {
  OneVerdict out;
  const auto counts = std::find_if(opinions.begin(), opinions.end(), [](const Opinion& o) { return o.speaks; });
  if (counts == opinions.end()) return out;
  if (counts->first) out.first = ErrorVerdict{counts->first->step, counts->first->confidence, counts->by};
  for (const Opinion& o : opinions) {
    if (!o.speaks || o.by == counts->by) continue;
    const bool same =
        o.first.has_value() == counts->first.has_value() && (!o.first || o.first->step == counts->first->step);
    if (!same) out.against.push_back(o);
  }
  return out;
}

namespace {
// The step that a mended completion has where the wrong one stood, and what follows.
void cut_repair(const Thought& thought, Repair& repair) {
  const std::vector<Step> steps = split_steps(repair.text);
  const size_t from = thought.steps[repair.step].from;
  for (const Step& s : steps)
    if (s.to > from) {
      repair.right_step = repair.text.substr(from, s.to - from);
      repair.rest = repair.text.substr(s.to);
      return;
    }
}
}  // namespace

Repair repair_thought(PrefixSampler& sampler, const Thought& thought, size_t step, const PrefixValue& known,
                      int attempts, int batch) {
  R1_CHECK(step < thought.steps.size() && batch >= 1);
  Repair out;
  out.step = step;
  std::optional<std::string> best = known.best;
  for (int drawn = 0; !best && drawn < attempts;) {
    const PrefixRequest request{step, known.counted + drawn, std::min(batch, attempts - drawn)};
    const std::vector<PrefixDraws> draws = sampler.draw({&request, 1});
    out.tokens += draws[0].tokens;
    drawn += request.count;
    best = draws[0].best;
  }
  if (!best) return out;
  out.right = true;
  out.text = *best;
  cut_repair(thought, out);
  return out;
}

}  // namespace r1
