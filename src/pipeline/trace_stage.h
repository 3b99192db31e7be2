// The stage that shows one wrong answer: a held-out question that the model answers wrongly, taken apart step by step,
// the first wrong step named (by exact checks where there are some, else by Monte Carlo), and repaired from there.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/stage_run.h"
#include "train/trace_session.h"

namespace r1 {

struct TraceStageOptions {
  TraceKeys keys;
  std::string out;
  int64_t candidates = 48;  // held-out questions that are answered once, to find wrong answers among
  int64_t traced = 6;       // of the wrong ones, at most; the first with a repaired error is shown
  void declare(OptionTable& table);
  void check() const;
};

// Writes options.out: answers.jsonl, the shown answer with its steps as the report's viewer reads it; trace.json, the
// same with how many were asked and tokens spent; recipe.toml. Both hold nothing where no wrong answer was found. False
// when it was interrupted.
bool run_trace_stage(const TraceStageOptions& options, const std::string& recipe_toml);

// As StageRun.
std::unique_ptr<StageRun> make_trace_stage();

}  // namespace r1
