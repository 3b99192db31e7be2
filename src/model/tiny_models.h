// Tiny random models of every family, and batches made by hand, for tests.
#pragma once

#include <string>
#include <vector>

#include "base/threads.h"
#include "kernels/test_cases.h"
#include "model/kv_cache.h"
#include "model/transformer.h"

namespace r1 {

// Odd sizes; `family` llama, qwen2 or qwen3.
inline ModelConfig tiny_config(const std::string& family) {
  ModelConfig c;
  c.family = family;
  c.vocabulary = 19, c.width = 12, c.inner = 20, c.layers = 2;
  c.heads = 4, c.kv_heads = 2, c.head_size = 6;
  c.norm_eps = 1e-5f;
  c.max_positions = 400;
  c.tied_embeddings = family == "llama";
  c.qkv_bias = family == "qwen2";
  c.qk_norm = family == "qwen3";
  c.rope.theta = 100;
  return c;
}

// Weights large enough that every part of the model matters.
inline Tensor tiny_parameters(const ModelConfig& config, double scale = 0.35) {
  const ParameterLayout layout(config);
  Tensor block(DType::f32, 1, layout.total());
  for (size_t i = 0; i < layout.all().size(); i++) {
    const Parameter& p = layout.all()[i];
    const auto x = test_normals(p.size, static_cast<uint32_t>(100 + i), p.name.ends_with("norm.weight") ? 0.2 : scale);
    for (int64_t j = 0; j < p.size; j++)
      block.as<float>()[p.offset + j] = x[static_cast<size_t>(j)] + (p.name.ends_with("norm.weight") ? 1.0f : 0.0f);
  }
  return block;
}

inline std::vector<int32_t> tiny_ids(int64_t n, int64_t vocabulary, uint32_t sample) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; i++)
    ids.push_back(static_cast<int32_t>(random_below({.seed = 21, .sample = sample, .token = static_cast<uint32_t>(i)},
                                                    static_cast<uint64_t>(vocabulary))));
  return ids;
}

// A batch with its pages. A part hangs on the part `parent`, or on nothing (-1).
class TinyBatch {
 public:
  int add(const std::vector<int32_t>& ids, int parent = -1) {
    const int64_t start = parent < 0 ? 0 : lengths_[static_cast<size_t>(parent)];
    const int64_t rows = static_cast<int64_t>(ids.size());
    std::vector<int32_t> pages(static_cast<size_t>(KvCache::pages_between(start, start + rows)));
    for (int32_t& page : pages) page = num_pages++;
    pages_.push_back(std::move(pages));
    SegmentRun run{.row = batch.rows(), .rows = rows, .start = start, .own_pages = pages_.back().data()};
    if (parent >= 0) {
      run.prefix_pages = pages_[static_cast<size_t>(parent)].data();
      run.prefix_length = start;
      run.prefix_row = batch.runs[static_cast<size_t>(parent)].row;
    }
    batch.runs.push_back(run);
    for (int64_t i = 0; i < rows; i++) {
      batch.ids.push_back(ids[static_cast<size_t>(i)]);
      batch.positions.push_back(static_cast<int32_t>(start + i));
    }
    lengths_.push_back(start + rows);
    return static_cast<int>(lengths_.size()) - 1;
  }
  Batch batch;
  int32_t num_pages = 0;

 private:
  std::vector<std::vector<int32_t>> pages_;
  std::vector<int64_t> lengths_;
};

// Independent runs of one to five rows, in a pass where threads may each take a share of them through all layers, and
// one where they may not: which number of runs and threads gives other bits, or "".
inline std::string differs_apart(const Transformer& model) {
  const ModelConfig& c = model.config();
  const int before = thread_count();
  std::string other;
  for (int runs : {24, 41, 90}) {
    TinyBatch tiny;
    std::vector<int64_t> selected;
    for (int i = 0; i < runs; i++) {
      tiny.add(tiny_ids(1 + i % 5, c.vocabulary, static_cast<uint32_t>(i)));
      selected.push_back(tiny.batch.rows() - 1);
    }
    const auto hidden = [&] {
      Workspace workspace(model.compute(), c, tiny.batch.rows(), runs, ModelUse::inference);
      KvCache cache(model.compute(), c, tiny.num_pages);
      const Operand out = model.forward(tiny.batch, selected, cache, workspace);
      const char* bytes = static_cast<const char*>(out.data);
      return std::vector<char>(bytes, bytes + runs * c.width * static_cast<int64_t>(dtype_size(out.dtype)));
    };
    const std::vector<char> together = hidden();
    tiny.batch.independent = true;
    for (int threads : {1, 2, 3}) {
      set_thread_count(threads);
      if (hidden() != together)
        other += compute_name(model.compute()) + " runs " + std::to_string(runs) + " threads " +
                 std::to_string(threads) + "; ";
    }
  }
  set_thread_count(before);
  return other;
}

}  // namespace r1
