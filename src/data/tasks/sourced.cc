#include "data/tasks/sourced.h"

namespace r1::tasks {

SourcedEquations::SourcedEquations(const std::vector<int64_t>& known) {
  for (int64_t n : known) known_.insert({n, 1});
}

bool SourcedEquations::is_sourced(const Expression& side) const {
  for (const Node& n : side.nodes)
    if (n.op == '#' && !known_.contains(n.value) && !known_.contains({-n.value.num, n.value.den})) return false;
  return true;
}

StepVerdict SourcedEquations::check(std::string_view step) {
  StepVerdict out = StepVerdict::none;
  for (const Equation& equation : find_equations(step)) {
    std::vector<std::optional<Fraction>> values;
    bool checkable = true;
    for (const Expression& side : equation) checkable &= values.emplace_back(evaluate(side)).has_value();
    if (!checkable) continue;
    bool good = is_sourced(equation[0]);
    for (size_t i = 1; i < equation.size(); i++)
      good &= *values[i] == *values[0] && (equation[i].is_number() || is_sourced(equation[i]));
    out = join(out, claim(good));
    if (good) known_.insert(*values[0]);
  }
  return out;
}

}  // namespace r1::tasks
