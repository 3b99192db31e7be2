// TOML recipes: flat keys, and for a pipeline a table a stage.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/options.h"

namespace r1 {

struct Recipe {
  KeyValues keys;                                         // at the top
  std::vector<std::pair<std::string, KeyValues>> stages;  // [stage] tables in the file's order
  std::vector<uint32_t> key_lines;                        // where each of `keys` stands, from 1
  std::vector<std::vector<uint32_t>> stage_lines;         // and each key of each stage
};

// Throws r1::UsageError naming file and line.
Recipe parse_recipe(const std::string& toml, const std::string& name);
Recipe read_recipe(const std::string& path);

// The keys of a recipe of one stage; a table in it is an error.
KeyValues read_flat_recipe(const std::string& path);

// As OptionTable::set_all, with the recipe's name in front of every error.
void set_from_recipe(OptionTable& table, const KeyValues& values, const std::string& name);

}  // namespace r1
