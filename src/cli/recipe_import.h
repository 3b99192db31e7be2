// Recipes of TRL and open-r1 (YAML) as ours: what was mapped, what does not matter on a CPU and was ignored, what
// cannot be done here. Where the recipe says nothing, TRL's default counts, not ours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/yaml_document.h"

namespace r1 {

struct ImportOptions {
  std::string kind = "auto";  // grpo, sft; auto: by its keys
  int64_t num_processes = 1;  // of the training it was written for: TRL counts batches per process
};

enum class Fate { mapped, ignored, impossible };
const char* fate_name(Fate fate);

struct ImportedKey {
  Fate fate = Fate::mapped;
  std::string key;    // as the YAML has it; lr_scheduler_kwargs.min_lr_rate for one inside
  uint32_t line = 0;  // of the YAML
  std::string value;  // as the YAML has it, cut
  std::string what;   // mapped: the key it became; else why
};

struct ImportedRecipe {
  std::string kind;
  std::vector<ImportedKey> keys;   // in the YAML's order
  std::vector<std::string> notes;  // what one should know before training
  std::string toml;                // the recipe, its comments saying where each key came from
};

// Throws r1::UsageError when it is no recipe (no map, or an accelerate launch file).
ImportedRecipe import_recipe(const YamlDocument& yaml, const std::string& name, const ImportOptions& options);

// import_tables.cc: why a key is ignored, or why it is impossible unless it has one of the values that change nothing;
// nullptr: it is in neither table.
struct ForeignKey {
  const char* name;     // one ending in * stands for all that begin so
  const char* neutral;  // nullptr: always ignored; else "|"-separated values that are ignored, others are impossible
  const char* why;
};
const ForeignKey* find_foreign_key(const std::string& key);

// What a reward function of open-r1 or TRL is called here; empty: it has no counterpart of another name.
std::string reward_counterpart(const std::string& function);

}  // namespace r1
