// The phases of a GRPO step on a model's shapes with random weights, timed through the classes the trainer uses:
// Sampler, pack, Policy, sequence_loss. No tokenizer, no files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/floors.h"
#include "rollout/sampler.h"
#include "train/policy.h"

namespace r1::bench {

struct EngineOptions {
  std::string shape = "smollm2-135m";
  std::string compute_dtype = "auto";
  Work work;
  int64_t rows = 2560;  // of a training micro-batch
  int repeats = 3;
  std::vector<std::string> cases;  // empty: all
};

// Names --shape takes, and the configuration of one. Throws r1::UsageError for another name.
std::vector<std::string> shape_names();
ModelConfig shape_config(const std::string& name);

struct CaseResult {
  std::string name;
  double tokens = 0;            // of one repeat
  std::vector<double> seconds;  // of each repeat
  double floor_seconds = 0;
  double rss_gb = 0;  // the process' peak while the case ran
  double median() const;
};

struct EngineReport {
  Compute compute;
  ModelConfig config;
  Machine machine;
  std::vector<ProductProbe> products;
  std::vector<CaseResult> cases;
  double logp_difference_max = 0;  // sampled against trained; the engine promises 0
};

std::vector<std::string> case_names();

// Rounds of all cases, interleaved, so that a slow minute of the machine falls on all of them. `progress` hears each
// case before it starts.
EngineReport run_engine_bench(const EngineOptions& options, const std::function<void(const std::string&)>& progress);

}  // namespace r1::bench
