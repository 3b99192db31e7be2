#include <filesystem>

#include "base/error.h"
#include "base/recipe.h"
#include "cli/verbs.h"
#include "train/grpo.h"
#include "train/presets.h"
#include "train/pretrain.h"
#include "train/sft.h"

namespace r1 {
namespace {

std::string out_of(const KeyValues& values) {
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

}  // namespace

int run_sft_verb(const TrainFlags& flags) {
  const auto run = prepare<SftRun>(flags);
  return run_sft(run) ? 0 : 1;
}

int run_grpo_verb(const TrainFlags& flags) {
  const auto run = prepare<GrpoRun>(flags);
  return run_grpo(run) ? 0 : 1;
}

int run_pretrain_verb(const TrainFlags& flags) {
  const auto run = prepare<PretrainRun>(flags);
  return run_pretrain(run) ? 0 : 1;
}

std::string pretrain_keys_help() { return keys_help<PretrainOptions>(); }
std::string sft_keys_help() { return keys_help<SftOptions>(); }
std::string grpo_keys_help() { return keys_help<GrpoOptions>(); }

}  // namespace r1
