// What is looked at beside the training itself: R1's metrics of every rollout, the hack radar, moments of "aha", and a
// few prompts answered again and again. Changes nothing in the run.
//
//   aha.jsonl      {"step","row","prompt","completion","outcome","word","before","after"}: up to two a rollout
//   watched.jsonl  {"step","row","prompt","completion","outcome","reflections","aha"}: the first watch_prompts rows,
//                  answered by arg-max at step 0 and every watch_steps
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runs/run_folder.h"
#include "train/evaluate.h"
#include "train/hack_radar.h"
#include "train/r1_metrics.h"
#include "train/rollouts.h"

namespace r1 {

class RunWatch {
 public:
  // Borrows all for its lifetime.
  RunWatch(const GrpoOptions& options, const std::vector<DataRow>& rows);

  // The files of a run that stands behind `step` and goes on, or begins (`resumed` false).
  void open(const std::filesystem::path& folder, int64_t step, bool resumed);

  // Of the rollout that step `step` is made with: adds to its metrics, and to aha.jsonl. Returns the radar's alarm,
  // empty when there is none.
  std::string look(Rollout& rollout, const RolloutMaker& maker, int64_t step);

  // Whether the watched prompts are to be answered behind `step` and were not yet.
  bool due(int64_t step) const;
  void answer(Sampler& sampler, const PromptBuilder& prompts, Reward& reward, int64_t step);

  nlohmann::ordered_json state() const;
  void restore(const nlohmann::ordered_json& state);  // null: as at the run's beginning
  void flush();                                       // before a checkpoint

 private:
  void log_ahas(const Rollout& rollout, const std::vector<const DataRow*>& rows, int64_t step);

  const GrpoOptions& o_;
  const std::vector<DataRow>& rows_;
  Difficulty difficulty_;
  std::unique_ptr<HackRadar> radar_;
  int64_t last_look_ = -1;  // step of the radar's last look
  int64_t last_watched_ = -1;
  std::unique_ptr<JsonLog> ahas_, watched_;
};

}  // namespace r1
