#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include "model/tiny_models.h"

namespace r1 {
namespace {

TEST(KvCache, HandsOutEachPageOnceLowestFirst) {
  KvCache cache({Isa::scalar, DType::bf16, false}, tiny_config("llama"), 6);
  auto a = cache.take(2), b = cache.take(3);
  EXPECT_EQ(a, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(b, (std::vector<int32_t>{2, 3, 4}));
  EXPECT_EQ(cache.free_pages(), 1);
  cache.give_back(a);
  EXPECT_TRUE(a.empty());
  cache.give_back(a);  // nothing twice
  EXPECT_EQ(cache.free_pages(), 3);
  EXPECT_EQ(cache.take(3), (std::vector<int32_t>{0, 1, 5}));
}

TEST(KvCache, CountsThePagesOfPositions) {
  EXPECT_EQ(KvCache::pages_between(0, 0), 0);
  EXPECT_EQ(KvCache::pages_between(0, 1), 1);
  EXPECT_EQ(KvCache::pages_between(0, 64), 1);
  EXPECT_EQ(KvCache::pages_between(0, 65), 2);
  EXPECT_EQ(KvCache::pages_between(63, 65), 2);
  EXPECT_EQ(KvCache::pages_between(64, 65), 1);
  EXPECT_EQ(KvCache::pages_between(70, 70), 0);
}

}  // namespace
}  // namespace r1
