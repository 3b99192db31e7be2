#include "model/kv_cache.h"

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace r1 {

KvCache::KvCache(const Compute& compute, const ModelConfig& config, int32_t num_pages)
    : dtype_(compute.operand), shape_{config.kv_heads, config.head_size} {
  for (int64_t i = 0; i < config.layers; i++) blocks_.emplace_back(compute.operand, num_pages, shape_.page_elements());
  for (int32_t p = num_pages - 1; p >= 0; p--) free_.push_back(p);
}

std::vector<int32_t> KvCache::take(int64_t n) {
  R1_CHECK(n <= free_pages(), "{} pages wanted, {} free", n, free_pages());
  std::vector<int32_t> out(free_.rbegin(), free_.rbegin() + n);
  free_.resize(free_.size() - static_cast<size_t>(n));
  return out;
}

void KvCache::give_back(std::vector<int32_t>& pages) {
  free_.insert(free_.end(), pages.begin(), pages.end());
  std::sort(free_.begin(), free_.end(), std::greater<>());
  pages.clear();
}

size_t KvCache::bytes() const {
  size_t total = 0;
  for (const Tensor& block : blocks_) total += block.bytes();
  return total;
}

size_t KvCache::page_bytes(const Compute& compute, const ModelConfig& config) {
  const KvShape shape{config.kv_heads, config.head_size};
  return static_cast<size_t>(shape.page_elements() * config.layers) * dtype_size(compute.operand);
}

}  // namespace r1
