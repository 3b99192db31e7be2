// Sixteen floats at a time, for files compiled once per instruction set (*_simd.cc, namespace R1_NS). The lanes, their
// order and every operation are the same on each set. Included by *_simd.cc only, and those use no std templates: an
// inline function compiled here for AVX-512 must never be the copy that other code links.
#pragma once

#ifndef R1_NS
#error "include kernels/simd.h from *_simd.cc only"
#endif

#include <stdint.h>
#include <string.h>

#include "tensor/tensor.h"

#define R1_INLINE inline __attribute__((always_inline))

namespace r1::R1_NS {

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t s32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));

static R1_INLINE f32x16 splat(float x) { return f32x16{} + x; }
static R1_INLINE f32x16 load(const float* p) {
  f32x16 v;
  memcpy(&v, p, 64);
  return v;
}
static R1_INLINE void store(float* p, f32x16 v) { memcpy(p, &v, 64); }
static R1_INLINE f32x16 load(const bf16* p) {
  u16x16 h;
  memcpy(&h, p, 32);
  return (f32x16)(__builtin_convertvector(h, u32x16) << 16);
}
// Round to nearest, ties to even. NaN is not treated: training stops on a non-finite loss before it matters.
static R1_INLINE void store(bf16* p, f32x16 v) {
  u32x16 u = (u32x16)v;
  u16x16 h = __builtin_convertvector((u + 0x7fffu + ((u >> 16) & 1u)) >> 16, u16x16);
  memcpy(p, &h, 32);
}
// What is left of x in a block of T.
template <typename T>
static R1_INLINE f32x16 rounded(f32x16 x);
template <>
R1_INLINE f32x16 rounded<float>(f32x16 x) {
  return x;
}
template <>
R1_INLINE f32x16 rounded<bf16>(f32x16 x) {
  bf16 y[16];
  store(y, x);
  return load(y);
}
// The first n (0..16) floats; the other lanes are `fill`. Never reads past p + n.
template <typename T>
static R1_INLINE f32x16 load_first(const T* p, int n, float fill = 0.0f) {
  f32x16 v = splat(fill);
  for (int i = 0; i < n; i++) v[i] = to_float(p[i]);
  return v;
}
static R1_INLINE void store_first(float* p, f32x16 v, int n) {
  for (int i = 0; i < n; i++) p[i] = v[i];
}
static R1_INLINE void store_first(bf16* p, f32x16 v, int n) {
  bf16 all[16];
  store(all, v);
  for (int i = 0; i < n; i++) p[i] = all[i];
}
static R1_INLINE f32x16 select(s32x16 mask, f32x16 yes, f32x16 no) { return mask ? yes : no; }
// Where one of them is NaN, b.
static R1_INLINE f32x16 max(f32x16 a, f32x16 b) { return a > b ? a : b; }
static R1_INLINE f32x16 min(f32x16 a, f32x16 b) { return a < b ? a : b; }
static R1_INLINE s32x16 lane_index() { return s32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

// Sum of the lanes by a fixed tree.
static R1_INLINE float reduce_add(f32x16 v) {
  typedef float f32x8 __attribute__((vector_size(32)));
  typedef float f32x4 __attribute__((vector_size(16)));
  f32x8 lo, hi;
  memcpy(&lo, &v, 32);
  memcpy(&hi, (const char*)&v + 32, 32);
  const f32x8 s = lo + hi;
  f32x4 a, b;
  memcpy(&a, &s, 16);
  memcpy(&b, (const char*)&s + 16, 16);
  const f32x4 t = a + b;
  return (t[0] + t[2]) + (t[1] + t[3]);
}
static R1_INLINE float reduce_max(f32x16 v) {
  float m = v[0];
  for (int i = 1; i < 16; i++) m = v[i] > m ? v[i] : m;
  return m;
}

// exp(x) to about 1 ulp over [-87.3, 88.7]; smaller x give 0, exp(0) is exactly 1, NaN stays NaN (the operand order of
// max and min sees to it: a broken number must never come out as a plausible one). Cody-Waite reduction, degree 6.
static R1_INLINE f32x16 exp(f32x16 x) {
  const f32x16 cut = splat(-87.3365f);
  const s32x16 tiny = x < cut;
  const f32x16 y = min(splat(88.7228f), max(cut, x));
  const f32x16 magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const f32x16 shifted = y * 1.44269504088896341f + magic;
  const f32x16 n = shifted - magic;
  f32x16 r = y - n * 0.693145751953125f;
  r = r - n * 1.42860677e-6f;
  f32x16 p = splat(1.3888889e-3f);
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 5.0e-1f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const s32x16 exponent = __builtin_convertvector(n, s32x16);
  // 2^128 does not fit: scale by 2^(n-1) and by 2
  const f32x16 scale = (f32x16)((exponent - 1 + 127) << 23);
  return select(tiny, splat(0.0f), p * scale * 2.0f);
}

}  // namespace r1::R1_NS
