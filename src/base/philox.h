// Randomness as a function: Philox4x32-10 (Salmon et al., SC 2011), keyed by the run's seed, counted by where the
// number is used. Nothing to save, no order of draws: the same (seed, stage, step, prompt, sample, token, draw) gives
// the same number on any thread count, batch mix and after any resume.
#pragma once

#include <array>
#include <cstdint>

namespace r1 {

using PhiloxBlock = std::array<uint32_t, 4>;

// Ten rounds of Philox4x32.
PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key);

// What a number is drawn for. Two purposes never share a counter.
enum class Stage : uint32_t {
  sampling = 1,
  shuffle = 2,
  init = 3,
  task = 4,
  minibatch = 5,
  bootstrap = 6,
  test = 7,
  rounding = 8,
  adapter = 9
};

// The place of a draw. token < 2^20; step < 2^24.
struct RandomPlace {
  uint64_t seed = 0;
  Stage stage = Stage::test;
  uint32_t step = 0;
  uint32_t prompt = 0;
  uint32_t sample = 0;
  uint32_t token = 0;
};

// The draw'th block of four words at a place; draw < 4096.
PhiloxBlock random_block(const RandomPlace& place, uint32_t draw = 0);

// Uniform in [0, 1) with 53 bits, from the draw'th block.
double random_uniform(const RandomPlace& place, uint32_t draw = 0);

// Uniform integer in [0, n), n >= 1, by 64-bit multiplication (bias below n / 2^64).
uint64_t random_below(const RandomPlace& place, uint64_t n, uint32_t draw = 0);

// Standard normal by Box-Muller.
double random_normal(const RandomPlace& place, uint32_t draw = 0);

// A keyed permutation of [0, n): position i of the shuffled order, without a table (Feistel network, cycle walking).
uint64_t permuted_index(const RandomPlace& key, uint64_t i, uint64_t n);

}  // namespace r1
