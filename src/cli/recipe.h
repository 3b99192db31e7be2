// TOML recipes: flat keys, and for a pipeline a table a stage.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/options.h"

namespace r1 {

struct Recipe {
  KeyValues keys;                                         // at the top
  std::vector<std::pair<std::string, KeyValues>> stages;  // [stage] tables in the file's order
};

// Throws r1::UsageError naming file and line.
Recipe parse_recipe(const std::string& toml, const std::string& name);
Recipe read_recipe(const std::string& path);

}  // namespace r1
