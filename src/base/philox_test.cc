#include "base/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace r1 {
namespace {

// The known-answer vectors of Random123 (kat_vectors, philox 4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t all = 0xffffffff;
  EXPECT_EQ(philox4x32({all, all, all, all}, {all, all}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, EveryPartOfAPlaceCounts) {
  const RandomPlace base{.seed = 1, .stage = Stage::sampling, .step = 2, .prompt = 3, .sample = 4, .token = 5};
  std::vector<RandomPlace> places(8, base);
  places[1].seed = 1ull << 40 | 1, places[2].stage = Stage::shuffle, places[3].step = 1 << 23;
  places[4].prompt = 1u << 31, places[5].sample = 5, places[6].token = (1 << 20) - 1, places[7].seed = 2;
  std::set<PhiloxBlock> blocks;
  for (const RandomPlace& place : places)
    for (uint32_t draw : {0u, 1u, 4095u}) blocks.insert(random_block(place, draw));
  EXPECT_EQ(blocks.size(), 24u);
  EXPECT_EQ(random_block(base), random_block(base));
}

TEST(Philox, UniformAndNormalHaveTheirMoments) {
  constexpr int n = 100000;
  double u1 = 0, u2 = 0, g1 = 0, g2 = 0, g4 = 0;
  for (int i = 0; i < n; i++) {
    const RandomPlace place{.seed = 3, .sample = static_cast<uint32_t>(i)};
    const double u = random_uniform(place), g = random_normal(place, 1);
    ASSERT_TRUE(u >= 0 && u < 1 && std::isfinite(g));
    u1 += u, u2 += u * u, g1 += g, g2 += g * g, g4 += g * g * g * g;
  }
  EXPECT_NEAR(u1 / n, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(u2 / n, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / n));
  EXPECT_NEAR(g1 / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(g2 / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(g4 / n, 3, 5 * std::sqrt(96.0 / n));
}

TEST(Philox, BelowIsEvenAndInside) {
  constexpr int n = 60000;
  std::vector<int> counts(7);
  for (int i = 0; i < n; i++) counts[random_below({.seed = 4, .sample = static_cast<uint32_t>(i)}, 7)]++;
  double chi = 0;
  for (int c : counts) chi += std::pow(c - n / 7.0, 2) / (n / 7.0);
  EXPECT_LT(chi, 6 + 5 * std::sqrt(12.0));
  EXPECT_EQ(random_below({.seed = 4}, 1), 0u);
  EXPECT_LT(random_below({.seed = 4}, uint64_t{1} << 63), uint64_t{1} << 63);
}

TEST(Philox, PermutedIndexIsAPermutation) {
  for (uint64_t n : {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097}) {
    std::vector<bool> seen(n);
    for (uint64_t i = 0; i < n; i++) {
      const uint64_t to = permuted_index({.seed = 9, .stage = Stage::shuffle}, i, n);
      ASSERT_LT(to, n);
      ASSERT_FALSE(seen[to]) << n;
      seen[to] = true;
    }
  }
  EXPECT_LT(permuted_index({.seed = 9}, (uint64_t{1} << 62) - 1, uint64_t{1} << 62), uint64_t{1} << 62);
}

// Where item 0 lands is even over the keys, and epochs differ.
TEST(Philox, PermutedIndexMixes) {
  constexpr int n = 20000, cells = 10;
  std::vector<int> counts(cells);
  for (int i = 0; i < n; i++)
    counts[permuted_index({.seed = 9, .stage = Stage::shuffle, .step = static_cast<uint32_t>(i)}, 0, cells)]++;
  double chi = 0;
  for (int c : counts) chi += std::pow(c - n / double(cells), 2) / (n / double(cells));
  EXPECT_LT(chi, 9 + 5 * std::sqrt(18.0));
}

}  // namespace
}  // namespace r1
