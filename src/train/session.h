// What SFT and GRPO share: the model with its policy, the run's folder, checkpoints, metrics, the view, Ctrl-C.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/options.h"
#include "model/floors.h"
#include "runs/run_folder.h"
#include "runs/view.h"
#include "train/checkpoint.h"
#include "train/memory_plan.h"
#include "train/options.h"
#include "train/prompts.h"

namespace r1 {

class TrainSession {
 public:
  // Opens model and folder; with `resume` restores the newest checkpoint (none yet: starts at the beginning, says so).
  // `verb` is for messages. `random_init`: weights from the seed instead of the files'. `needs`: what the trainer will
  // work on, asked before any weights are there; throws r1::Error when that does not fit the memory.
  struct Setup {
    std::string verb;
    bool resume = false, random_init = false, with_reference = false;
    KeyValues recipe;
    std::string recipe_toml;
    std::function<MemoryNeeds(const PromptBuilder& prompts, const ModelConfig& config)> needs;
    std::function<void(ModelFiles&)> adapt = {};  // what the run makes another model of, before anything is read
  };
  TrainSession(const TrainingOptions& options, const Setup& setup);

  // Where training stands; state() is what the last checkpoint held, null at the start.
  int64_t step() const { return step_; }
  const nlohmann::ordered_json& state() const { return state_; }

  const ModelFiles& files() const { return files_; }
  std::shared_ptr<const Tokenizer> tokenizer() const { return tokenizer_; }
  Transformer& model() { return *model_; }
  Policy& policy() { return *policy_; }
  const Compute& compute() const { return compute_; }
  // For the KL term: the frozen copy, or the model itself where an adapter is trained (its base counts). Null unless
  // asked for.
  Transformer* reference() {
    if (!setup_.with_reference) return nullptr;
    return reference_ ? reference_.get() : model_.get();
  }
  PromptBuilder& prompts() { return *prompts_; }
  RunFolder& folder() { return folder_; }
  // From the peaks this process measured at its start.
  const Floors& floors() const { return *floors_; }

  // A step is over: writes the line, shows it, saves when it is due and `good`. Returns false when the run was
  // interrupted; it is saved then.
  bool end_step(nlohmann::ordered_json metrics, const StepSummary& summary, const nlohmann::ordered_json& state,
                bool good = true);
  // Back to the newest regular checkpoint (a multiple of save_steps) that `good` accepts the trainer's state of, or to
  // the model the run began with (state() is null then). Later checkpoints and lines of the logs are removed. Those of
  // interruptions are no regular ones, but take their place among save_total_limit: at a small limit a run that was
  // interrupted may go back further than it would have.
  void go_back(const std::function<bool(const nlohmann::ordered_json& state)>& good);
  // The last step is over: final checkpoint and model/.
  void finish(const nlohmann::ordered_json& state);
  // Interrupted between steps: saves what the last step left.
  void save_interrupted(const nlohmann::ordered_json& state);

  bool resumed() const { return setup_.resume; }
  // Called before a checkpoint is written: for a trainer's own logs to be on the disk by then.
  void before_save(std::function<void()> flush) { before_save_ = std::move(flush); }

  void set_total_steps(int64_t n) { total_steps_ = n; }
  JsonLog& metrics() { return *metrics_; }
  JsonLog& samples() { return *samples_; }
  RunView& view() { return *view_; }
  // For the trainer to call when its data are read and it is ready: writes recipe.toml, opens metrics, samples, view.
  void open_view(const std::string& curve, double low, double high);

 private:
  void measure(const ModelConfig& config);
  void plan(const ModelConfig& config);
  void make_model(const ModelConfig& config);
  void reserve();
  void save(const nlohmann::ordered_json& state);
  void begin_again();

  const TrainingOptions& options_;
  Setup setup_;
  RunFolder folder_;
  CheckpointStore store_;
  ModelFiles files_;
  Compute compute_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<PromptBuilder> prompts_;
  std::unique_ptr<Transformer> model_, reference_;
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<JsonLog> metrics_, samples_;
  std::unique_ptr<RunView> view_;
  Machine machine_;
  std::unique_ptr<Floors> floors_;
  MemoryPlan plan_;
  UpdateLoad update_load_;
  bool said_too_fast_ = false;
  std::function<void()> before_save_;
  nlohmann::ordered_json state_;
  int64_t step_ = 0, saved_step_ = -1, total_steps_ = 0;
};

}  // namespace r1
