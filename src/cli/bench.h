// How fast the engine is, against what this machine can do: the phases of training on a model's shapes, timed through
// the classes the trainer uses, with forced lengths and random tokens. Beside each time stands its floor, from peaks
// that the same process measures around it (model/floors.h).
//
// A case holds what it needs and nothing else, so that its peak memory is its own. Machines are shared: peaks are
// measured before a case and after every repeat, the best of them count, and medians are reported.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/machine.h"
#include "model/config.h"

namespace r1 {

struct BenchOptions {
  std::string model;  // a path; empty: `shape` with random weights
  std::string shape = "smollm2-135m";
  std::string compute_dtype = "auto";
  int64_t threads = 0;  // 0: all cores
  // a GRPO step; --quick has smaller defaults
  std::optional<int64_t> prompts, samples, prompt_length, completion_length;
  std::optional<int64_t> prefill_length, decode_length;  // prompt of `prefill`; tokens a sequence of the decode cases
  std::optional<int64_t> repeats;
  int64_t micro_batch_tokens = 1280, max_active = 64;  // of the GRPO step
  bool quick = false, json = false;
  std::vector<std::string> cases;  // empty: all
};

struct BenchCase {
  std::string name;
  double tokens = 0;            // of one repeat; 0 where nothing is counted in tokens
  std::vector<double> seconds;  // of each repeat
  double floor_seconds = 0;     // median over the repeats, each by the better of the peaks measured before and after it
  size_t rss = 0, rss_predicted = 0;  // bytes
  double median() const;
  double tokens_per_s() const { return tokens / median(); }
  double share() const { return floor_seconds / median(); }
};

struct BenchStart {
  ModelConfig config;
  Compute compute;
  std::vector<ProductRate> products;
  Machine machine;
  double meeting_seconds = 0;  // of all threads
};

struct BenchHooks {
  std::function<void(const BenchStart&)> started;         // the machine is measured
  std::function<void(const std::string& what)> progress;  // what comes next
  std::function<void(const BenchCase&)> finished;         // in the order of bench_case_names()
};

// All cases, in the order they run.
std::vector<std::string> bench_case_names();
// Throws r1::UsageError for a case or shape that is not there, or a length that the model has no room for.
void run_bench_cases(const BenchOptions& options, const BenchHooks& hooks);

// Names --shape takes, and the configuration of one. Throws r1::UsageError for another name.
std::vector<std::string> bench_shapes();
ModelConfig bench_shape(const std::string& name);

}  // namespace r1
