// What can be said for certain of an answer's steps.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "trace/claims.h"

namespace r1 {

// One truth a step: by the task's own checker where the row is a generated one, by the step's arithmetic claims where
// that says nothing. Throws r1::Error for a row whose item is damaged.
std::vector<Truth> exact_truths(const nlohmann::ordered_json& row, const std::vector<std::string>& steps);

}  // namespace r1
