#include "kernels/adamw_rows.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

static R1_INLINE f32x16 part(const float* p, int n) { return n == 16 ? load(p) : load_first(p, n); }
static R1_INLINE f32x16 part(const bf16* p, int n) { return n == 16 ? load(p) : load_first(p, n); }
static R1_INLINE void put(float* p, f32x16 v, int n) {
  if (n == 16)
    store(p, v);
  else
    store_first(p, v, n);
}

struct Moments {
  f32x16 m, v;
};
static R1_INLINE Moments moved(Moments old, f32x16 g, const AdamwConstants& c) {
  return {old.m * c.beta1 + g * c.rest1, old.v * c.beta2 + g * g * c.rest2};
}
static R1_INLINE f32x16 stepped(f32x16 p, Moments now, const AdamwConstants& c) {
  return p * c.shrink - now.m / (square_root(now.v) / c.sqrt_bias2 + c.eps) * c.rate;
}

// ---- stochastic rounding

struct Words {
  u32x16 w[4];
};

// High and low halves of the products of all lanes with a constant.
static R1_INLINE void multiply(u32n x, uint64_t by, u32n& high, u32n& low) {
  const u64n lower = u64n{} + 0xffffffffu;
  const u64n even = ((u64n)x & lower) * by, odd = ((u64n)x >> 32) * by;
  high = (u32n)((even >> 32) | (odd & ~lower));
  low = (u32n)((even & lower) | (odd << 32));
}
template <typename V, int N>
R1_INLINE void multiply(Pair<V, uint32_t, N> x, uint64_t by, Pair<V, uint32_t, N>& high, Pair<V, uint32_t, N>& low) {
  multiply(x.lo, by, high.lo, low.lo);
  multiply(x.hi, by, high.hi, low.hi);
}

// philox4x32 (base/philox.cc) of sixteen counters that differ in their first word.
static R1_INLINE Words philox(u32x16 counter, const RoundingKey& key) {
  Words c = {{counter, u32x16{} + key.parameter, u32x16{}, u32x16{} + key.step}};
  uint32_t k0 = key.key[0], k1 = key.key[1];
  for (int round = 0; round < 10; round++) {
    u32x16 high0, low0, high1, low1;
    multiply(c.w[0], 0xD2511F53u, high0, low0);
    multiply(c.w[2], 0xCD9E8D57u, high1, low1);
    c = {{high1 ^ c.w[1] ^ k0, low1, high0 ^ c.w[3] ^ k1, low0}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// Away from 0 with the probability of the bits that are cut off: their sum with sixteen random bits carries.
static R1_INLINE f32x16 rounded(f32x16 x, u32x16 random) { return float_of_bits((bits(x) + random) & 0xffff0000u); }
static R1_INLINE void put_upper(bf16* p, f32x16 x, int n) {
  bf16 all[16];
  const u16x16 h = lower_halves(bits(x) >> 16);
  if (n == 16) return write(p, h);
  write(all, h);
  memcpy(p, all, sizeof(bf16) * (size_t)n);
}

// Elements 32 b + l and 32 b + 16 + l share the words of counter 16 b + l: the first has the lower halves of three of
// them for p, m and v, the second the upper halves.
void adamw_bf16_range(float* p, float* g, bf16* m, bf16* v, int64_t n, const AdamwConstants& c, const RoundingKey& key,
                      uint32_t first_counter) {
  for (int64_t i = 0; i < n; i += 32) {
    const Words words = philox(bits(lane_index()) + first_counter + (uint32_t)(i / 2), key);
    for (int half = 0; half < 2; half++) {
      const int64_t at = i + 16 * half;
      const int count = n - at < 16 ? (int)(n - at) : 16;
      if (count <= 0) break;
      const uint32_t shift = half == 0 ? 0 : 16;
      const auto random = [&](int word) { return (words.w[word] >> shift) & 0xffffu; };
      const Moments now = moved({part(m + at, count), part(v + at, count)}, part(g + at, count) * c.grad_scale, c);
      put(p + at, rounded(stepped(part(p + at, count), now, c), random(0)), count);
      put_upper(m + at, rounded(now.m, random(1)), count);
      put_upper(v + at, rounded(now.v, random(2)), count);
      put(g + at, splat(0.0f), count);
    }
  }
}

// ---- eight bits

// A block at once: table look-ups one by one keep the vector units free of inserts.
static R1_INLINE void decode(const uint8_t* codes, int n, const DynamicMap& map, float scale, float* x) {
  for (int i = 0; i < n; i++) x[i] = map.value[codes[i]] * scale;
}
static R1_INLINE void put_codes(uint8_t* to, s32x16 codes, int n) {
  int32_t all[16];
  write(all, codes);
  for (int i = 0; i < n; i++) to[i] = (uint8_t)all[i];
}

// The code of the value nearest to x, x in [0, 1].
static R1_INLINE s32x16 encoded(f32x16 x, const DynamicMap& map) {
  f32x16 to_decade = splat(map.to_decade[6]), parts = splat((float)map.parts[6]);
  for (int d = 5; d >= 0; d--) {
    const s32x16 there = x >= map.lower[d];
    to_decade = select(there, splat(map.to_decade[d]), to_decade);
    parts = select(there, splat((float)map.parts[d]), parts);
  }
  const f32x16 place = (x * to_decade - 0.1f) * (1 / 0.9f) * parts;
  const f32x16 bounded = max(splat(0.0f), min(parts - 1.0f, place));
  s32x16 code = truncated(parts) + truncated(bounded);
  code = select(x >= map.one, splat((int32_t)map.code_of_one), code);
  return select(x < map.lowest, s32x16{}, code);
}

static R1_INLINE f32x16 magnitude(f32x16 x) { return float_of_bits(bits(x) & 0x7fffffffu); }

void adamw_8bit_block(float* p, float* g, const QuantisedMoments& q, int n, const AdamwConstants& c,
                      const DynamicMap& m_map, const DynamicMap& v_map) {
  float m[kQuantBlock], v[kQuantBlock];
  decode(q.m, n, m_map, *q.m_scale, m);
  decode(q.v, n, v_map, *q.v_scale, v);
  f32x16 m_top = splat(0.0f), v_top = splat(0.0f);
  for (int i = 0; i < n; i += 16) {
    const int count = n - i < 16 ? n - i : 16;
    const Moments now = moved({part(m + i, count), part(v + i, count)}, part(g + i, count) * c.grad_scale, c);
    put(p + i, stepped(part(p + i, count), now, c), count);
    put(g + i, splat(0.0f), count);
    put(m + i, now.m, count);
    put(v + i, now.v, count);
    m_top = max(magnitude(now.m), m_top);
    v_top = max(now.v, v_top);
  }
  *q.m_scale = reduce_max(m_top);
  *q.v_scale = reduce_max(v_top);
  const float m_inverse = *q.m_scale > 0 ? 1 / *q.m_scale : 0.0f, v_inverse = *q.v_scale > 0 ? 1 / *q.v_scale : 0.0f;
  for (int i = 0; i < n; i += 16) {
    const int count = n - i < 16 ? n - i : 16;
    const f32x16 mi = part(m + i, count), vi = part(v + i, count);
    // -1 has no code: the largest below it is the nearest. A sign on code 0 would be the code of 1.
    const s32x16 negative = mi < 0.0f, size = encoded(magnitude(mi) * m_inverse, m_map);
    const s32x16 inside = select(negative & (size == m_map.code_of_one), splat((int32_t)m_map.code_of_one - 1), size);
    const s32x16 m_code = inside | (negative & (inside != 0) & 0x80);
    s32x16 v_code = encoded(vi * v_inverse, v_map);
    v_code = select((vi > 0.0f) & (v_code == 0), splat((int32_t)v_map.parts[6]), v_code);
    put_codes(q.m + i, m_code, count);
    put_codes(q.v + i, v_code, count);
  }
}

}  // namespace r1::R1_NS
