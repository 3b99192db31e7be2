// What a stage will take, before it runs: from the machine's peaks, the floors of model/floors.h and the memory plan.
#pragma once

#include "kernels/machine.h"
#include "model/config.h"
#include "pipeline/stage_graph.h"

namespace r1 {

struct Prediction {
  double seconds = 0;    // training alone, at kSharePredicted of the floor
  double memory_gb = 0;  // of the training or sampling, whichever is more
  int64_t steps = 0;
  int64_t tokens = 0;    // trained or sampled
  bool guessed = false;  // its rows are not there yet: lengths and numbers are guesses
};

// Kernels reach 0.3 to 0.6 of the floor on the machines measured (docs/results/speed.md).
constexpr double kSharePredicted = 0.35;

// Each stage by its own model's shape, whether that is there already or an earlier stage will make it. The machine is
// measured at the shape of the pipeline's own.
class Predictor {
 public:
  // Opens the pipeline's model (not its weights) and measures the machine, some 200 ms.
  explicit Predictor(const StageGraph& graph);
  ~Predictor();
  Prediction predict(const RecipeStage& stage) const;

 private:
  struct Lengths;
  Lengths lengths_of(const RecipeStage& stage, const StageRun& run, const StageSize& size) const;
  // Of rows that a stage before will make: half of what it samples is kept.
  Lengths guessed(const RecipeStage& stage, const StageSize& size) const;
  // The model that a stage samples or trains.
  ModelConfig config_of(const StageRun& run) const;
  // As --model has it; a folder that an earlier stage will make counts as that stage's.
  ModelConfig config_of_model(const std::string& model) const;

  const StageGraph& graph_;
  struct Base;
  std::unique_ptr<Base> base_;
};

}  // namespace r1
