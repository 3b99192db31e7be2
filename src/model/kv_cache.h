// Pages of keys and values for every layer, allocated once. A page id is the same in all layers.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attention.h"
#include "model/config.h"

namespace r1 {

class KvCache {
 public:
  KvCache(const Compute& compute, const ModelConfig& config, int32_t num_pages);
  KvPages layer(int64_t index) { return {blocks_[static_cast<size_t>(index)].raw(), dtype_, shape_}; }
  // Takes n free pages, lowest ids first; n must not exceed free_pages().
  std::vector<int32_t> take(int64_t n);
  void give_back(std::vector<int32_t>& pages);
  int64_t free_pages() const { return static_cast<int64_t>(free_.size()); }
  size_t bytes() const;

  // Bytes of one page over all layers.
  static size_t page_bytes(const Compute& compute, const ModelConfig& config);
  // Pages that positions [first, end) of a segment touch.
  static int64_t pages_between(int64_t first, int64_t end) {
    return end <= first ? 0 : (end - 1) / kPageSize - first / kPageSize + 1;
  }

 private:
  DType dtype_;
  KvShape shape_;
  std::vector<Tensor> blocks_;
  std::vector<int32_t> free_;  // a heap would do; sorted descending, taken from the back
};

}  // namespace r1
