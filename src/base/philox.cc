#include "base/philox.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace r1 {

PhiloxBlock philox4x32(PhiloxBlock c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0], p1 = uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

PhiloxBlock random_block(const RandomPlace& at, uint32_t draw) {
  R1_DCHECK(at.token < (1u << 20) && at.step < (1u << 24) && draw < 4096);
  const PhiloxBlock counter = {at.token << 12 | draw, at.sample, at.prompt,
                               at.step | static_cast<uint32_t>(at.stage) << 24};
  return philox4x32(counter, {static_cast<uint32_t>(at.seed), static_cast<uint32_t>(at.seed >> 32)});
}

namespace {
uint64_t word64(const PhiloxBlock& b, int i) { return uint64_t{b[i]} << 32 | b[i + 1]; }
double unit(uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }
}  // namespace

double random_uniform(const RandomPlace& at, uint32_t draw) { return unit(word64(random_block(at, draw), 0)); }

uint64_t random_below(const RandomPlace& at, uint64_t n, uint32_t draw) {
  R1_CHECK(n >= 1);
  return static_cast<uint64_t>(static_cast<unsigned __int128>(word64(random_block(at, draw), 0)) * n >> 64);
}

double random_normal(const RandomPlace& at, uint32_t draw) {
  const PhiloxBlock b = random_block(at, draw);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - unit(word64(b, 0))));
  return radius * std::cos(2.0 * std::numbers::pi * unit(word64(b, 2)));
}

uint64_t permuted_index(const RandomPlace& key, uint64_t i, uint64_t n) {
  R1_CHECK(i < n);
  int half = 1;
  while (half < 32 && (uint64_t{1} << (2 * half)) < n) half++;
  const uint64_t mask = (uint64_t{1} << half) - 1;
  do {  // a Feistel network permutes [0, 4^half), a superset; walk the cycle until back inside [0, n)
    uint64_t left = i >> half, right = i & mask;
    for (uint32_t round = 0; round < 6; round++) {
      RandomPlace at = key;
      at.sample = static_cast<uint32_t>(right);
      at.token = round;
      const uint64_t next = left ^ (random_block(at)[0] & mask);
      left = right;
      right = next;
    }
    i = left << half | right;
  } while (i >= n);
  return i;
}

}  // namespace r1
