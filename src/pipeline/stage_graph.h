// A pipeline's recipe as a graph: what each stage is, what it begins with, what of earlier stages it reads.
//
// Keys of a stage's table that are the pipeline's: `stage` (the kind, where the table's name is not one), `from` (the
// stage whose model it begins with, or "base"; by default the last one before it that makes a policy), `gate`, `eval`,
// and those of StageEval. Any other value may name what an earlier stage made, {NAME.model}, {NAME.data}, {NAME}, and
// {data}, the pipeline's own rows: the recipe's shared key data, or the command line's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/options.h"
#include "pipeline/stage_run.h"

namespace r1 {

struct PipelineRecipe {
  std::string name;                                       // of the file, for messages
  std::string text;                                       // as it is written; kept in the folder of the pipeline
  KeyValues shared;                                       // for every stage that knows the key, and for evaluation
  std::vector<std::pair<std::string, KeyValues>> stages;  // name and its own keys
  KeyValues given;  // from the command line, above all others: key for every stage that knows it, or STAGE.key
  bool resume = false;
  std::string from, until;  // names of stages; empty: all
};

// After a stage: on which held-out items its model is asked, and how. Shared keys say it for all stages, a stage's
// table for itself.
struct StageEval {
  bool on = true;
  std::string data, reward = "auto", general_data, general_reward = "auto";
  int64_t rows = 200, general_rows = 0, shown = 5, max_length = 256, generations = 1;
  std::string against;  // the stage whose general answers are compared with these; empty: the one it begins with
  double temperature = 0;
  void declare(OptionTable& table);
  void check() const;
};

struct RecipeStage {
  std::string name;
  const StageKind* kind = nullptr;
  std::string from;      // name of the stage whose model it begins with; empty: the pipeline's model
  std::string gate;      // empty: none
  KeyValues own, given;  // of the recipe's table; of the command line for this stage
  StageEval eval;
  std::vector<std::string> needs;  // stages whose results it reads, `from` among them
};

// What a reference stands for: `part` is "model", "data" or "" (the folder).
using Resolve = std::function<std::string(const std::string& stage, const std::string& part)>;

class StageGraph {
 public:
  // All keys are read here, before anything runs; throws r1::UsageError. Borrows the recipe.
  explicit StageGraph(const PipelineRecipe& recipe);

  const std::vector<RecipeStage>& stages() const { return stages_; }
  const RecipeStage& stage(const std::string& name) const;
  size_t index_of(const std::string& name) const;  // the number of stages when there is none
  const std::string& out() const { return out_; }
  const std::string& model() const { return model_; }
  const std::string& shared_data() const { return shared_data_; }  // empty: none
  std::string folder_of(const std::string& stage) const;
  std::string model_of(const std::string& stage) const;
  // The model that a stage makes; of one that makes none, the model it looks at: its own key, else what it begins with.
  std::string policy_of(const RecipeStage& stage) const;

  // The stage ready to run, references replaced by `resolve` (those to {NAME.model} and its own model alike). With
  // `checked`, values are looked at as a whole too (StageRun::check).
  std::unique_ptr<StageRun> make(const RecipeStage& stage, const Resolve& resolve, bool checked) const;
  // As files in the pipeline's folder.
  std::string path_of(const std::string& stage, const std::string& part) const;
  std::unique_ptr<StageRun> make(const RecipeStage& stage) const;

  // Keys that the pipeline itself knows, for help.
  static std::string keys_help();

 private:
  RecipeStage read_stage(const std::pair<std::string, KeyValues>& table);
  void read_own_keys(RecipeStage& s, const KeyValues& table);
  void give_stages_their_keys();
  void link(size_t index);
  void read_eval(RecipeStage& s) const;
  void find_opponent(size_t index);
  void check_shared(const KeyValues& values) const;

  const PipelineRecipe& r_;
  std::string out_, model_, shared_data_;
  std::vector<RecipeStage> stages_;
};

// One spelling a key where the pipeline itself looks.
std::string canonical_key(const std::string& key);

}  // namespace r1
