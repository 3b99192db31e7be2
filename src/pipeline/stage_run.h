// The kinds of stages: each is a verb's trainer (r1 sft, r1 grpo, ...) behind one face, so that a pipeline can read its
// keys, predict it, run it and go on with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/options.h"
#include "train/distill.h"
#include "train/options.h"

namespace r1 {

// What a kind of stage leaves behind in its folder.
struct StageKind {
  std::string name;         // of the key `stage`; the verb's
  bool makes_model = true;  // model/
  bool scores = false;      // that is a reward model: no policy that later stages begin with
  bool makes_data = false;  // accepted.jsonl, rows to learn from
  bool evaluated = true;    // its policy is asked held-out items
  bool samples = false, trains = true;
};

const std::vector<StageKind>& stage_kinds();
// Null when there is none of that name.
const StageKind* find_stage_kind(const std::string& name);

// Tokens that a stage will sample and train on, and what it holds: enough to predict its time and memory.
struct StageSize {
  int64_t steps = 0;
  int64_t prompts = 0, samples = 0;  // sampled in one step; none for SFT
  int64_t sequences = 0;             // trained in one step; none where nothing is trained
  int64_t completion = 0;            // tokens of one, at most
  int64_t rows_kept = 0;             // of a prompt's samples, at most, where rows come out of them
  int64_t rows_most = 0;             // of all that are kept; 0: no limit
  int64_t rows_added = 0;            // beside those
  int64_t rows_a_step = 0;           // where the number of steps follows from the rows: steps is 0 then
  double epochs = 0;
  int64_t max_active = 64, micro_batch_tokens = 1280;
};

// One stage with its own options. Values are set through the table; nothing is read or run before run().
class StageRun {
 public:
  virtual ~StageRun() = default;
  virtual OptionTable& table() = 0;
  // Throws r1::UsageError.
  virtual void check() const = 0;
  virtual StageSize size() const = 0;
  virtual const PromptOptions& prompt() const = 0;
  virtual const DataOptions& data() const = 0;
  virtual bool needs_data() const { return true; }
  virtual std::string begins_with() const = 0;  // its key model
  // Of a stage that distils; nullptr of others.
  virtual const DistillOptions* distills() const { return nullptr; }
  // Sets the values, a preset among them first. Throws r1::UsageError.
  void set(const KeyValues& values);
  // Into the folder `out` of the options; goes on with what is there when `resume`. False: interrupted, and saved.
  virtual bool run(bool resume) = 0;
};

// `kind` must be one of stage_kinds().
std::unique_ptr<StageRun> make_stage_run(const std::string& kind);

}  // namespace r1
