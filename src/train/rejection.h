// Rejection sampling (r1.md 3.1 and 3.3): several samples a prompt, judged; what is right and readable is kept, and
// becomes rows that `r1 sft` reads. Prompts are worked off in order, a batch at a time; what a batch came to is on the
// disk before the next begins, so a killed run goes on where it was and ends with the same bytes.
#pragma once

#include <string>

#include "base/options.h"
#include "train/options.h"
#include "train/remote_teacher.h"
#include "train/trace_filters.h"

namespace r1 {

struct RejectOptions {
  std::string model, out;  // model: who is asked; an address of an OpenAI-compatible server too
  RemoteOptions remote;    // of such an address
  PromptOptions prompt;
  DataOptions data;
  int64_t seed = 42;
  // sampling
  int64_t num_generations = 16, max_completion_length = 1024;
  double temperature = 1, top_p = 1, min_p = 0;
  int64_t top_k = 0;
  // keeping
  std::string reward = "auto";  // none: every sample that ended is kept
  RewardOptions rewards;        // but for max_completion_length, which is the run's
  double min_reward = -1e9;     // a sample's score must be at least that, besides being right
  std::string filters = "language,paragraphs,code,repetition,summary";
  double max_repetition = 0.3;  // share of repeated n-grams (repetition_n_grams) that passes
  int64_t max_kept_tokens = 0;  // longer samples are dropped; 0: none are
  int64_t keep_per_prompt = 4;
  std::string keep_order = "sampled";  // shortest: the shorter of the kept ones first
  std::string balance_by;              // a row's key, or language: no value of it gets more rows than the rarest
  int64_t max_rows = 0;                // of all kept samples; 0: all
  // cold start: what is kept ends with a short summary
  bool cold_start = false;              // thought, then a summary; correct, readable and in the question's language
  std::string summary_by = "template";  // model: the model is asked for it
  std::string summary_template;         // {answer}, {sentence}; empty: a sentence in the question's language
  std::string summary_prompt;           // {question}, {thought}, {answer}
  int64_t summary_tokens = 128;
  // general rows beside them
  std::string general_data;
  int64_t general_rows = 0;  // 0: all
  // machine and files
  std::string compute_dtype = "auto";
  int64_t threads = 0, max_active = 64;
  int64_t batch_prompts = 32;  // worked off together, and written together
  double memory_limit_gb = 0;
  int64_t num_rejected_to_log = 20;  // of each reason, into rejected.jsonl

  RejectOptions() = default;
  void declare(OptionTable& table);
  void check() const;
  RewardOptions reward_options() const;
  SamplingOptions sampling() const;
  TraceFilters trace_filters() const;
};

struct RejectRun {
  RejectOptions options;
  KeyValues recipe;
  std::string recipe_toml;
  bool resume = false;
};

// Writes options.out: accepted.jsonl, rejected.jsonl, summary.json, metrics.jsonl, recipe.toml. Returns false when it
// was interrupted (what is done is kept).
bool run_reject(const RejectRun& run);

}  // namespace r1
