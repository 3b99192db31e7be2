// Equations whose numbers must come from somewhere: from the item, or from an equation before that held.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "data/tasks/claims.h"

namespace r1::tasks {

class SourcedEquations {
 public:
  explicit SourcedEquations(const std::vector<int64_t>& known);
  // wrong when an equation of the step does not hold, or works with a number that comes from nowhere. What an equation
  // that holds gives is known from then on.
  StepVerdict check(std::string_view step);

 private:
  bool is_sourced(const Expression& side) const;
  std::set<Fraction> known_;
};

}  // namespace r1::tasks
