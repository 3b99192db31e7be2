#include "base/error.h"
#include "base/interrupt.h"
#include "cli/recipe.h"
#include "cli/verbs.h"
#include "runs/run_folder.h"
#include "train/grpo.h"
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
KeyValues gather(const TrainFlags& flags) {
  KeyValues values, given;
  if (!flags.recipe.empty()) {
    const Recipe recipe = read_recipe(flags.recipe);
    if (!recipe.stages.empty())
      fail_usage("{}: has a table [{}]; a recipe of one stage has flat keys only (r1 run takes pipelines)",
                 flags.recipe, recipe.stages[0].first);
    given = recipe.keys;
  }
  given.insert(given.end(), flags.given.begin(), flags.given.end());
  if (flags.resume) {
    const std::string out = out_of(given);
    if (out.empty()) fail_usage("--resume needs --out, the folder of the run");
    const std::string path = out + "/recipe.toml";
    if (std::filesystem::exists(path)) values = read_recipe(path).keys;
  }
  values.insert(values.end(), given.begin(), given.end());
  return values;
}

template <typename Run>
Run prepare(const TrainFlags& flags) {
  Run run;
  OptionTable table;
  run.options.declare(table);
  apply_with_preset(table, gather(flags));
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
  catch_interrupts();
  return run_sft(run) ? 0 : 1;
}

int run_grpo_verb(const TrainFlags& flags) {
  const auto run = prepare<GrpoRun>(flags);
  catch_interrupts();
  return run_grpo(run) ? 0 : 1;
}

std::string sft_keys_help() { return keys_help<SftOptions>(); }
std::string grpo_keys_help() { return keys_help<GrpoOptions>(); }

}  // namespace r1
