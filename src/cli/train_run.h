// From a training verb's words to its run: recipe and keys, each counting over what stands before it.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/recipe.h"
#include "cli/verbs.h"
#include "train/presets.h"

namespace r1 {

inline std::string out_of(const KeyValues& values) {
  std::string out;
  for (const auto& [key, value] : values)
    if (key == "out" || key == "output_dir") out = value;
  return out;
}

// What counts, lowest first: the resumed run's own recipe, the recipe file, the command line.
template <typename Options>
KeyValues gather(const TrainFlags& flags) {
  KeyValues values, given;
  const auto read = [](const std::string& path) {
    const KeyValues keys = read_flat_recipe(path);
    Options scratch;
    OptionTable table;
    scratch.declare(table);
    set_from_recipe(table, keys, path);  // so that an error names the file
    return keys;
  };
  if (!flags.recipe.empty()) given = read(flags.recipe);
  given.insert(given.end(), flags.given.begin(), flags.given.end());
  if (flags.resume) {
    const std::string out = out_of(given);
    if (out.empty()) fail_usage("--resume needs --out, the folder of the run");
    const std::string path = out + "/recipe.toml";
    if (std::filesystem::exists(path)) values = read(path);
  }
  values.insert(values.end(), given.begin(), given.end());
  return values;
}

template <typename Run>
Run prepare(const TrainFlags& flags) {
  Run run;
  OptionTable table;
  run.options.declare(table);
  apply_with_preset(table, gather<decltype(run.options)>(flags));
  run.recipe = table.values();
  run.recipe_toml = table.to_toml();
  run.resume = flags.resume;
  return run;
}

template <typename Options>
std::string keys_help() {
  Options options;
  OptionTable table;
  options.declare(table);
  return "Keys for RECIPE (TOML) and --set key=value, with their defaults:\n" + table.help();
}

}  // namespace r1
