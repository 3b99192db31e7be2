#include "pipeline/stage_run.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "train/grpo.h"
#include "train/presets.h"
#include "train/sft.h"

namespace r1 {
namespace {

StageSize size_of(const SftOptions& o) {
  return {.steps = std::max<int64_t>(0, o.max_steps),
          .sequences = o.batch(),
          .completion = o.max_length,
          .rows_a_step = o.batch(),
          .epochs = o.num_train_epochs,
          .micro_batch_tokens = o.micro_batch_tokens};
}

StageSize size_of(const GrpoOptions& o) {
  return {.steps = std::max<int64_t>(0, o.max_steps),
          .prompts = o.batch() / o.num_generations,
          .samples = o.batch(),
          .sequences = o.batch(),
          .completion = o.max_completion_length,
          .rows_a_step = o.batch() / o.num_generations,
          .epochs = o.num_train_epochs,
          .max_active = o.max_active,
          .micro_batch_tokens = o.micro_batch_tokens};
}

// A trainer whose Run has options, recipe, recipe_toml and resume.
template <typename Run>
class TrainerStage : public StageRun {
 public:
  explicit TrainerStage(bool (*trainer)(const Run&)) : trainer_(trainer) { run_.options.declare(table_); }
  OptionTable& table() override { return table_; }
  void check() const override { run_.options.check(); }
  StageSize size() const override { return size_of(run_.options); }
  const PromptOptions& prompt() const override { return run_.options.prompt; }
  const DataOptions& data() const override { return run_.options.data; }
  bool run(bool resume) override {
    run_.recipe = table_.values();
    run_.recipe_toml = table_.to_toml();
    run_.resume = resume;
    return trainer_(run_);
  }

 private:
  bool (*trainer_)(const Run&);
  Run run_;
  OptionTable table_;
};

// Trains nothing: its model is the one it begins with, evaluated with the stage's prompts.
class EvalStage : public StageRun {
 public:
  EvalStage() {
    table_.add("model", &model_, "the model that is looked at");
    table_.add("out", &out_, "the stage's folder");
    table_.add_alias("model_name_or_path", "model");
    table_.add_alias("output_dir", "out");
    prompt_.declare(table_);
    data_.declare(table_);
  }
  OptionTable& table() override { return table_; }
  void check() const override {}
  StageSize size() const override { return {}; }
  const PromptOptions& prompt() const override { return prompt_; }
  const DataOptions& data() const override { return data_; }
  bool needs_data() const override { return false; }
  bool run(bool) override { return true; }

 private:
  std::string model_, out_;
  PromptOptions prompt_;
  DataOptions data_;
  OptionTable table_;
};

}  // namespace

const std::vector<StageKind>& stage_kinds() {
  static const std::vector<StageKind> kinds = {
      {.name = "eval", .makes_model = false, .trains = false},
      {.name = "sft"},
      {.name = "grpo", .samples = true},
  };
  return kinds;
}

const StageKind* find_stage_kind(const std::string& name) {
  const auto& kinds = stage_kinds();
  const auto it = std::find_if(kinds.begin(), kinds.end(), [&](const StageKind& k) { return k.name == name; });
  return it == kinds.end() ? nullptr : &*it;
}

void StageRun::set(const KeyValues& values) { apply_with_preset(table(), values); }

std::unique_ptr<StageRun> make_stage_run(const std::string& kind) {
  if (kind == "eval") return std::make_unique<EvalStage>();
  if (kind == "sft") return std::make_unique<TrainerStage<SftRun>>(run_sft);
  if (kind == "grpo") return std::make_unique<TrainerStage<GrpoRun>>(run_grpo);
  fail("no stage of kind {}", kind);
}

}  // namespace r1
