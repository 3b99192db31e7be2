#include "pipeline/stage_run.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "pipeline/trace_stage.h"
#include "train/grpo.h"
#include "train/presets.h"
#include "train/pretrain.h"
#include "train/rejection.h"
#include "train/reward_model.h"
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

StageSize size_of(const RewardModelOptions& o) {
  return {.steps = std::max<int64_t>(0, o.max_steps),
          .sequences = 2 * o.batch(),  // of a pair
          .completion = o.max_length,
          .rows_a_step = o.batch(),
          .epochs = o.num_train_epochs,
          .micro_batch_tokens = o.micro_batch_tokens};
}

// A step is a batch of prompts.
StageSize size_of(const RejectOptions& o) {
  return {.prompts = o.batch_prompts,
          .samples = o.batch_prompts * o.num_generations,
          .completion = o.max_completion_length,
          .rows_kept = o.keep_per_prompt,
          .rows_most = o.max_rows,
          .rows_added = o.general_rows,
          .rows_a_step = o.batch_prompts,
          .epochs = 1,
          .max_active = o.max_active};
}

StageSize size_of(const DistillOptions& o) {
  if (o.distill_method == "on_policy") return size_of(static_cast<const GrpoOptions&>(o));
  return {.steps = std::max<int64_t>(0, o.max_steps),
          .sequences = o.batch(),
          .completion = o.max_length,
          .rows_a_step = o.batch(),
          .epochs = o.num_train_epochs,
          .micro_batch_tokens = o.micro_batch_tokens};
}

// A distilled student may learn from a file alone.
bool reads_data(const DistillOptions& o) { return o.traces.empty() || o.distill_method == "on_policy"; }
template <typename Options>
bool reads_data(const Options&) {
  return true;
}

const DistillOptions* as_distill(const DistillOptions& o) { return &o; }
template <typename Options>
const DistillOptions* as_distill(const Options&) {
  return nullptr;
}

// A trainer whose Run has options, recipe, recipe_toml and resume.
template <typename Run>
class TrainerStage : public StageRun {
 public:
  explicit TrainerStage(std::function<bool(const Run&)> trainer) : trainer_(std::move(trainer)) {
    run_.options.declare(table_);
  }
  OptionTable& table() override { return table_; }
  void check() const override { run_.options.check(); }
  StageSize size() const override { return size_of(run_.options); }
  const PromptOptions& prompt() const override { return run_.options.prompt; }
  const DataOptions& data() const override { return run_.options.data; }
  bool needs_data() const override { return reads_data(run_.options); }
  std::string begins_with() const override { return run_.options.model; }
  const DistillOptions* distills() const override { return as_distill(run_.options); }
  bool run(bool resume) override {
    run_.recipe = table_.values();
    run_.recipe_toml = table_.to_toml();
    run_.resume = resume;
    return trainer_(run_);
  }

 private:
  std::function<bool(const Run&)> trainer_;
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
  std::string begins_with() const override { return model_; }
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
      {.name = "pretrain"},
      {.name = "sft"},
      {.name = "grpo", .samples = true},
      {.name = "reward-model", .scores = true, .evaluated = false},
      {.name = "reject",
       .makes_model = false,
       .makes_data = true,
       .evaluated = false,
       .samples = true,
       .trains = false},
      {.name = "distill"},
      {.name = "trace", .makes_model = false, .evaluated = false, .trains = false},
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
  if (kind == "pretrain") return std::make_unique<TrainerStage<PretrainRun>>(run_pretrain);
  if (kind == "sft") return std::make_unique<TrainerStage<SftRun>>([](const SftRun& run) { return run_sft(run); });
  if (kind == "reward-model") return std::make_unique<TrainerStage<RewardModelRun>>(run_reward_model);
  if (kind == "reject") return std::make_unique<TrainerStage<RejectRun>>(run_reject);
  if (kind == "distill") return std::make_unique<TrainerStage<DistillRun>>(run_distill);
  if (kind == "trace") return make_trace_stage();
  if (kind == "grpo") return std::make_unique<TrainerStage<GrpoRun>>(run_grpo);
  fail("no stage of kind {}", kind);
}

}  // namespace r1
