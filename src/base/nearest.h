// The nearest of some names, for "did you mean".
#pragma once

#include <string>
#include <vector>

namespace r1 {

// By edit distance (insertions, deletions, changes); ties go to the first. Empty when there are no names.
std::string nearest_name(const std::string& wanted, const std::vector<std::string>& names);

}  // namespace r1
