#include "train/memory_plan.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "kernels/matmul_bf16.h"
#include "model/parameters.h"

namespace r1 {
namespace {

constexpr double kGb = 1e9;
constexpr const char *kWeights = "weights", *kPacked = "packed copies", *kPackedLayers = "packed layers",
                     *kPackedLayer = "packed layer", *kGradients = "gradients", *kOptimizer = "optimiser state",
                     *kActivations = "activations", *kReference = "reference model", *kSampler = "sampler, key cache";

int64_t widest(const ModelConfig& c) {
  return std::max({c.qkv_cols(), 2 * c.inner, std::min(kHeadTile, c.vocabulary)});
}

size_t round_up(int64_t n, int64_t step) { return static_cast<size_t>((n + step - 1) / step * step); }

size_t matrix_bytes(const Compute& compute, int64_t out, int64_t in) {
  if (compute.bf16_pairs()) return Bf16Pack::bytes(in, out);
  if (!compute.onednn) return round_up(out, 16) * static_cast<size_t>(in) * 4;  // these panels are f32 always
  return round_up(out, 64) * round_up(in, 2) * dtype_size(compute.operand);     // oneDNN pads to its blocks
}

DType panel_type(const Compute& compute) { return compute.bf16_pairs() ? DType::bf16 : DType::f32; }

// Whether a copy for one direction serves both.
bool one_copy_serves(const Compute& compute) { return !compute.onednn && !compute.bf16_pairs(); }

size_t sum_of(const std::vector<MemoryItem>& items, bool MemoryItem::* phase) {
  size_t total = 0;
  for (const MemoryItem& item : items) total += item.*phase ? item.bytes : 0;
  return total;
}

// A model that only computes log-probs of such micro-batches.
size_t scoring_bytes(const Compute& compute, const ModelConfig& c, const UpdateLoad& load, ModelUse use) {
  return Workspace::bytes(compute, c, load.rows, load.selected, use) +
         static_cast<size_t>(load.pages) * KvCache::page_bytes(compute, c);
}

// Beside the workspace: the gradient of the head's input, logits of a slice of rows, and our own kernel's other operand
// of a weight's gradient.
size_t update_bytes(const Compute& compute, const ModelConfig& c, const UpdateLoad& load) {
  const size_t panels = compute.onednn ? 0
                                       : static_cast<size_t>(load.rows * std::max({c.width, c.inner, c.q_cols()})) *
                                             dtype_size(panel_type(compute));
  return 4 * static_cast<size_t>(bucket_rows(load.selected) * c.width +
                                 LmHead::learn_rows(c.vocabulary) * c.vocabulary) +
         panels;
}

// How to make the parts smaller that can be.
std::string suggestion(const std::string& part) {
  static const std::map<std::string, std::string> all = {
      {kSampler, "max_active or max_completion_length smaller"},
      {kActivations, "micro_batch_tokens smaller"},
      {kOptimizer, "optim=adamw_8bit or adamw_bf16, or use_peft=true (LoRA)"},
      {kGradients, "use_peft=true (LoRA)"},
      {kReference, "beta=0, or use_peft=true (LoRA), whose reference is the model without its adapter"}};
  const auto it = all.find(part);
  return it == all.end() ? "" : it->second;
}

}  // namespace

size_t MemoryPlan::rollout_bytes() const { return sum_of(items, &MemoryItem::in_rollout); }
size_t MemoryPlan::update_bytes() const { return sum_of(items, &MemoryItem::in_update); }
size_t MemoryPlan::peak_bytes() const { return std::max(rollout_bytes(), update_bytes()); }

UpdateLoad update_load(std::span<const TrainGroup> groups, int64_t micro_batch_tokens) {
  size_t few = 0;
  for (int64_t tokens = 0; few < groups.size() && tokens < 2 * micro_batch_tokens; few++)
    for (const TrainSample& s : groups[few].samples) tokens += static_cast<int64_t>(s.ids.size());
  UpdateLoad most;
  for (const MicroBatch& b : pack(groups.first(few), micro_batch_tokens)) {
    most.rows = std::max(most.rows, b.batch.rows());
    most.selected = std::max(most.selected, static_cast<int64_t>(b.selected.size()));
    most.pages = std::max<int64_t>(most.pages, b.num_pages);
  }
  return most;
}

namespace {

UpdateLoad update_load_of_length(const SamplingLoad& rollout, int64_t completion, int64_t micro_batch_tokens) {
  const int64_t each = rollout.samples / std::max<int64_t>(1, rollout.prompts);
  // groups and samples that suffice to fill two micro-batches; more change nothing
  const int64_t samples = std::min(each, 2 * micro_batch_tokens / completion + 2),
                groups = std::min(rollout.prompts, 2 * micro_batch_tokens / (samples * completion) + 1);
  TrainGroup group{.prompt = std::vector<TokenId>(static_cast<size_t>(rollout.longest_prompt)), .samples = {}};
  const TrainSample sample{.ids = std::vector<TokenId>(static_cast<size_t>(completion)), .learn = {}};
  group.samples.assign(static_cast<size_t>(samples), sample);
  return update_load(std::vector<TrainGroup>(static_cast<size_t>(groups), group), micro_batch_tokens);
}

}  // namespace

UpdateLoad update_load(const SamplingLoad& rollout, int64_t micro_batch_tokens) {
  UpdateLoad most;
  for (int64_t length : {rollout.max_new_tokens, (rollout.max_new_tokens + 1) / 2}) {
    const UpdateLoad load = update_load_of_length(rollout, length, micro_batch_tokens);
    most.rows = std::max(most.rows, load.rows);
    most.selected = std::max(most.selected, load.selected);
    most.pages = std::max(most.pages, load.pages);
  }
  return most;
}

namespace {

size_t packed_matrix_bytes(const Compute& compute, int64_t out, int64_t in, bool with_backward) {
  const size_t backward = with_backward && !one_copy_serves(compute) ? matrix_bytes(compute, in, out) : 0;
  return matrix_bytes(compute, out, in) + backward;
}

size_t packed_layer_bytes(const Compute& compute, const ModelConfig& c, bool with_backward) {
  const auto both = [&](int64_t out, int64_t in) { return packed_matrix_bytes(compute, out, in, with_backward); };
  return both(c.qkv_cols(), c.width) + both(c.width, c.q_cols()) + both(2 * c.inner, c.width) + both(c.width, c.inner);
}

size_t packed_head_bytes(const Compute& compute, const ModelConfig& c, bool with_backward) {
  const size_t tile = static_cast<size_t>(kHeadRows * std::min(kHeadTile, c.vocabulary));
  return packed_matrix_bytes(compute, c.vocabulary, c.width, with_backward) +
         tile * (4 + (with_backward ? dtype_size(compute.operand) : 0));
}

}  // namespace

size_t packed_bytes(const Compute& compute, const ModelConfig& c, bool with_backward) {
  return static_cast<size_t>(c.layers) * packed_layer_bytes(compute, c, with_backward) +
         packed_head_bytes(compute, c, with_backward);
}

// Which blocks are alive when: Policy::rest gives back gradients and activations before a rollout, the sampler its keys
// behind it. Layers that are trained are packed for a rollout, and one at a time in an update.
MemoryPlan plan_memory(const Compute& compute, const ModelConfig& c, const MemoryNeeds& needs) {
  const int64_t all = ParameterLayout(c).total(), trained = needs.trained < 0 ? all : needs.trained;
  const size_t weights = 4 * static_cast<size_t>(needs.kept_f32 < 0 ? all : needs.kept_f32);
  MemoryPlan plan;
  const auto add = [&](const char* name, size_t bytes, bool in_rollout = true, bool in_update = true) {
    if (bytes > 0)
      plan.items.push_back({.name = name, .bytes = bytes, .in_rollout = in_rollout, .in_update = in_update});
  };
  add("program and data", needs.program);
  // oneDNN's code and its copies of operands, seen: some 20 MB and a few blocks of its largest product
  if (compute.onednn) add("matmul library", (size_t{16} << 20) + static_cast<size_t>(kHeadRows * widest(c)) * 16);
  add(kWeights, weights);
  if (needs.trains && needs.trained < 0) {
    add(kPacked, packed_head_bytes(compute, c, true));
    add(kPackedLayers, static_cast<size_t>(c.layers) * packed_layer_bytes(compute, c, false), true, false);
    // one copy for each pass
    add(kPackedLayer,
        packed_layer_bytes(compute, c, true) + (one_copy_serves(compute) ? packed_layer_bytes(compute, c, false) : 0),
        false);
  } else {
    add(kPacked, packed_bytes(compute, c, needs.trains));
  }
  if (needs.trains) add(kGradients, 4 * static_cast<size_t>(trained), false);
  if (needs.trains) add(kOptimizer, static_cast<size_t>(needs.state_bytes * static_cast<double>(trained)));
  const size_t second = needs.reference ? 4 * static_cast<size_t>(all) + packed_bytes(compute, c, false) : 0;
  if (needs.reference || needs.base_is_reference)
    add(kReference, second + scoring_bytes(compute, c, needs.update, ModelUse::inference));
  if (needs.update.rows > 0)
    add(kActivations,
        scoring_bytes(compute, c, needs.update, needs.trains ? ModelUse::training : ModelUse::inference) +
            (needs.trains ? update_bytes(compute, c, needs.update) : 0),
        false);
  if (needs.saves && needs.trains) add("saving", static_cast<size_t>(c.vocabulary * c.width) * 2);
  size_t sampler = 0;
  for (const SamplingLoad& load : needs.sampling)
    sampler = std::max(sampler, Sampler::planned_bytes(compute, c, needs.limits, load));
  add(kSampler, sampler, true, false);
  return plan;
}

std::vector<std::string> memory_table(const MemoryPlan& plan) {
  const auto line = [](const std::string& name, size_t rollout, size_t update) {
    return fmt::format("  {:<20}{:>9.3f}{:>9.3f}", name, static_cast<double>(rollout) / kGb,
                       static_cast<double>(update) / kGb);
  };
  std::vector<std::string> out = {fmt::format("  {:<20}{:>9}{:>9}", "memory, GB", "rollout", "update")};
  for (const MemoryItem& item : plan.items)
    out.push_back(line(item.name, item.in_rollout ? item.bytes : 0, item.in_update ? item.bytes : 0));
  out.push_back(line("together", plan.rollout_bytes(), plan.update_bytes()));
  return out;
}

void require_memory(const MemoryPlan& plan, const MemoryLimit& limit) {
  if (plan.peak_bytes() <= limit.bytes) return;
  const bool MemoryItem::* fuller =
      plan.rollout_bytes() > plan.update_bytes() ? &MemoryItem::in_rollout : &MemoryItem::in_update;
  std::vector<MemoryItem> items;
  for (const MemoryItem& item : plan.items)
    if (item.*fuller) items.push_back(item);
  std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::string parts, hints;
  for (const MemoryItem& item : items) {
    parts += fmt::format("{}{} {:.2f}", parts.empty() ? "" : ", ", item.name, static_cast<double>(item.bytes) / kGb);
    if (const std::string hint = suggestion(item.name); !hint.empty()) hints += "\n  try " + hint;
  }
  fail(
      "this run needs {:.2f} GB of memory and {:.2f} GB are there ({}); nothing was begun. In GB: {}.{}\n  or, if you "
      "know better, memory_limit_gb",
      static_cast<double>(plan.peak_bytes()) / kGb, static_cast<double>(limit.bytes) / kGb, limit.source, parts, hints);
}

}  // namespace r1
