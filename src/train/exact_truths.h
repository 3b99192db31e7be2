// What can be said for certain of an answer's steps.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "trace/claims.h"

namespace r1 {

// One truth a step by the checker of the row's own task (tasks:NAME, world:reasoning); empty where it has
// none. Throws r1::Error for a row whose item is damaged.
std::vector<Truth> checked_truths(const nlohmann::ordered_json& row, const std::vector<std::string>& steps);

// The same, and the arithmetic claims of a step where the checker says nothing.
std::vector<Truth> exact_truths(const nlohmann::ordered_json& row, const std::vector<std::string>& steps);

}  // namespace r1
