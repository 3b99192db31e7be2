// What a stage's result was made of and what it is, by content: SHA-256 of files, and of everything that went in.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "pipeline/stage_graph.h"

namespace r1 {

// Of a model: a folder's files that say what it computes (weights, configurations, tokenizer, template), a GGUF's
// bytes. The same model in another place has the same digest. `name` as --model takes it; an address of a server, or
// none, is its own digest.
std::string model_digest(const std::string& name);

// Of one file's bytes; of a folder's files by name. A name that is no path (tasks:NAME) is its own digest.
std::string data_digest(const std::string& source);

// What went into a stage, as text by key: its kind, every key that can change its result, and the digests of what it
// reads. Two equal ones make the same bytes.
class Provenance {
 public:
  // `digest_of(stage, part)`: of an earlier stage's result, or of the pipeline's model for the stage "".
  Provenance(const StageGraph& graph, const RecipeStage& stage, const Resolve& digest_of);
  explicit Provenance(const nlohmann::ordered_json& inputs);

  const nlohmann::ordered_json& inputs() const { return inputs_; }
  std::string key() const;
  // "learning_rate (was 1e-3, is 1e-4)", for people; empty when nothing differs.
  std::string difference(const Provenance& other) const;

 private:
  nlohmann::ordered_json inputs_;
};

// Of a finished stage's folder: {"model": digest} and {"data": digest}, what there is.
nlohmann::ordered_json artefacts_of(const StageGraph& graph, const RecipeStage& stage);

}  // namespace r1
