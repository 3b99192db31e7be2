#include "kernels/adamw.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/philox.h"
#include "base/threads.h"
#include "kernels/adamw_rows.h"

namespace r1 {
namespace {

constexpr int64_t kChunk = 1 << 16;  // elements of one task: a multiple of both blocks

AdamwConstants constants_of(const AdamwStep& s) {
  const double bias1 = 1.0 - std::pow(s.beta1, static_cast<double>(s.step));
  const double bias2 = 1.0 - std::pow(s.beta2, static_cast<double>(s.step));
  return {.beta1 = static_cast<float>(s.beta1),
          .rest1 = static_cast<float>(1 - s.beta1),
          .beta2 = static_cast<float>(s.beta2),
          .rest2 = static_cast<float>(1 - s.beta2),
          .eps = static_cast<float>(s.eps),
          .grad_scale = static_cast<float>(s.grad_scale),
          .sqrt_bias2 = static_cast<float>(std::sqrt(bias2)),
          .shrink = static_cast<float>(1 - s.lr * s.weight_decay),
          .rate = static_cast<float>(s.lr / bias1)};
}

// A signed code has its sign in front, so its decades have half as many parts. The pattern without any one behind the
// sign is 0, with the sign 1. Unsigned codes go one decade deeper, to a single value: that code is the one for 1.
DynamicMap make_map(bool is_signed) {
  DynamicMap map{};
  const int32_t most = is_signed ? 64 : 128;
  const auto middle = [](int decade, int32_t part, int32_t parts) {
    return std::pow(10.0, -decade) * (0.1 + 0.9 * (part + 0.5) / parts);
  };
  for (int d = 0; d < 7; d++) {
    const int32_t parts = map.parts[d] = most >> d;
    map.to_decade[d] = static_cast<float>(std::pow(10.0, d));
    map.lower[d] = static_cast<float>(d == 6 ? middle(6, 0, parts) / 2
                                             : (middle(d, 0, parts) + middle(d + 1, parts / 2 - 1, parts / 2)) / 2);
    for (int32_t i = 0; i < parts; i++) map.value[parts + i] = static_cast<float>(middle(d, i, parts));
  }
  map.lowest = map.lower[6];
  map.one = static_cast<float>((1 + middle(0, most - 1, most)) / 2);
  map.code_of_one = is_signed ? 0x80 : 1;
  if (is_signed)
    for (int code = 1; code < 0x80; code++) map.value[code | 0x80] = -map.value[code];
  map.value[map.code_of_one] = 1;
  return map;
}

const DynamicMap& dynamic_map(bool is_signed) {
  static const DynamicMap with_sign = make_map(true), without = make_map(false);
  return is_signed ? with_sign : without;
}

}  // namespace

float dynamic_map_value(uint8_t code, bool is_signed) { return dynamic_map(is_signed).value[code]; }

void adamw_update(const Compute& compute, float* p, float* g, float* m, float* v, int64_t n, const AdamwStep& s) {
  const AdamwConstants c = constants_of(s);
  parallel_chunks(n, kChunk, [&](int64_t begin, int64_t end) {
    R1_DISPATCH(compute.isa, adamw_range, p + begin, g + begin, m + begin, v + begin, end - begin, c);
  });
}

void adamw_bf16_update(const Compute& compute, float* p, float* g, bf16* m, bf16* v, int64_t n, const AdamwStep& s,
                       const RoundingPlace& place) {
  R1_CHECK(place.first % kRoundingBlock == 0 && s.step < (1 << 24), "first {}, step {}", place.first, s.step);
  R1_CHECK((place.first + n) / 2 < int64_t{1} << 32, "a parameter of {} weights", place.first + n);
  const AdamwConstants c = constants_of(s);
  const RoundingKey key = {.key = {static_cast<uint32_t>(place.seed), static_cast<uint32_t>(place.seed >> 32)},
                           .parameter = place.parameter,
                           .step = static_cast<uint32_t>(s.step) | static_cast<uint32_t>(Stage::rounding) << 24};
  parallel_chunks(n, kChunk, [&](int64_t begin, int64_t end) {
    const uint32_t counter = static_cast<uint32_t>((place.first + begin) / 2);
    R1_DISPATCH(compute.isa, adamw_bf16_range, p + begin, g + begin, m + begin, v + begin, end - begin, c, key,
                counter);
  });
}

void adamw_8bit_update(const Compute& compute, float* p, float* g, const QuantisedMoments& q, int64_t n,
                       const AdamwStep& s) {
  const AdamwConstants c = constants_of(s);
  const DynamicMap &m_map = dynamic_map(true), &v_map = dynamic_map(false);
  parallel_chunks(n, kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kQuantBlock) {
      const int64_t block = i / kQuantBlock;
      const QuantisedMoments at = {q.m + i, q.v + i, q.m_scale + block, q.v_scale + block};
      const int count = static_cast<int>(std::min(kQuantBlock, end - i));
      R1_DISPATCH(compute.isa, adamw_8bit_block, p + i, g + i, at, count, c, m_map, v_map);
    }
  });
}

}  // namespace r1
