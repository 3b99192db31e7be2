// What a run will take of the machine's memory, before it takes any: a block a line, and the phases it is alive in. The
// peak is that of the fuller phase.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "rollout/sampler.h"
#include "train/packing.h"

namespace r1 {

struct MemoryItem {
  std::string name;
  size_t bytes = 0;
  bool in_rollout = true, in_update = true;
};

struct MemoryPlan {
  std::vector<MemoryItem> items;
  size_t rollout_bytes() const;
  size_t update_bytes() const;
  size_t peak_bytes() const;
};

// The fullest micro-batch: rows, rows that reach the head, pages of keys.
struct UpdateLoad {
  int64_t rows = 0, selected = 0, pages = 0;
};
// Of these groups, packed as training packs them; groups beyond the first few micro-batches are not looked at, so the
// longest come first.
UpdateLoad update_load(std::span<const TrainGroup> longest_first, int64_t micro_batch_tokens);
// The same for the groups of a rollout whose completions all have one length, the greatest or half of it: shorter ones
// are more to a micro-batch. Where most are shorter still, keys take a few more pages than that.
UpdateLoad update_load(const SamplingLoad& rollout, int64_t micro_batch_tokens);

// What runs. Parts that are not there take nothing.
struct MemoryNeeds {
  size_t program = 0;              // resident before any of what follows
  bool trains = true;              // gradients, moments, packed copies for backward
  int64_t trained = -1;            // parameters with gradients and optimiser state; -1: all
  int64_t kept_f32 = -1;           // weights held in float32 beside the packed copies; -1: all
  double state_bytes = 8;          // of the optimiser, a trained parameter
  bool reference = false;          // a second model, for the KL term
  bool base_is_reference = false;  // the model without its adapter, instead
  SamplerLimits limits = {};
  std::vector<SamplingLoad> sampling = {};  // kinds of calls; the largest counts
  UpdateLoad update = {};
  bool saves = true;  // checkpoints in bf16: a rounded copy of the largest tensor
};
MemoryPlan plan_memory(const Compute& compute, const ModelConfig& config, const MemoryNeeds& needs);

// Bytes of a model's packed matmul operands where all are kept; a few per cent off where the library pads.
size_t packed_bytes(const Compute& compute, const ModelConfig& config, bool with_backward);

// The plan as a table, in GB, a line an entry.
std::vector<std::string> memory_table(const MemoryPlan& plan);

// Throws r1::Error when the plan's peak does not fit `limit`, saying what the largest parts are and which keys make
// them smaller.
void require_memory(const MemoryPlan& plan, const MemoryLimit& limit);

}  // namespace r1
