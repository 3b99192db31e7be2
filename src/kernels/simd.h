// Sixteen floats at a time, for files compiled once per instruction set (*_simd.cc, namespace R1_NS). The lanes, their
// order and every operation are the same on each set. Included by *_simd.cc only, and those use no std templates: an
// inline function compiled here for AVX-512 must never be the copy that other code links.
#pragma once

#ifndef R1_NS
#error "include kernels/simd.h from *_simd.cc only"
#endif

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "tensor/tensor.h"

#define R1_INLINE inline __attribute__((always_inline))

namespace r1::R1_NS {

// The widest register, and vectors that fill one: f32n, s32n, u32n. Wider vectors are two halves each (Pair), because
// the compiler keeps its own vectors in memory where they are wider than a register.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float f32n __attribute__((vector_size(kLanes * 4)));
typedef int32_t s32n __attribute__((vector_size(kLanes * 4)));
typedef uint32_t u32n __attribute__((vector_size(kLanes * 4)));
typedef uint16_t u16n __attribute__((vector_size(kLanes * 2)));
typedef uint64_t u64n __attribute__((vector_size(kLanes * 4)));

template <typename V, typename E, int N>
struct Pair {
  V lo, hi;
  R1_INLINE E operator[](int i) const { return i < N / 2 ? lo[i] : hi[i - N / 2]; }
};

#define R1_PAIR_OPERATOR(op)                                              \
  template <typename V, typename E, int N>                                \
  R1_INLINE auto operator op(Pair<V, E, N> a, Pair<V, E, N> b) {          \
    return pair_of(a.lo op b.lo, a.hi op b.hi);                           \
  }                                                                       \
  template <typename V, typename E, int N>                                \
  R1_INLINE auto operator op(Pair<V, E, N> a, typename Same<E>::Type b) { \
    return pair_of(a.lo op b, a.hi op b);                                 \
  }                                                                       \
  template <typename V, typename E, int N>                                \
  R1_INLINE auto operator op(typename Same<E>::Type a, Pair<V, E, N> b) { \
    return pair_of(a op b.lo, a op b.hi);                                 \
  }
// A type that is given, not deduced.
template <typename E>
struct Same {
  typedef E Type;
};
// The pair of two halves: what an operation on halves gives decides the type.
static R1_INLINE Pair<f32n, float, 2 * kLanes> pair_of(f32n lo, f32n hi) { return {lo, hi}; }
static R1_INLINE Pair<s32n, int32_t, 2 * kLanes> pair_of(s32n lo, s32n hi) { return {lo, hi}; }
static R1_INLINE Pair<u32n, uint32_t, 2 * kLanes> pair_of(u32n lo, u32n hi) { return {lo, hi}; }
static R1_INLINE Pair<u16n, uint16_t, 2 * kLanes> pair_of(u16n lo, u16n hi) { return {lo, hi}; }
template <typename V, typename E, int N>
R1_INLINE Pair<Pair<V, E, N>, E, 2 * N> pair_of(Pair<V, E, N> lo, Pair<V, E, N> hi) {
  return {lo, hi};
}
R1_PAIR_OPERATOR(+)
R1_PAIR_OPERATOR(-)
R1_PAIR_OPERATOR(*)
R1_PAIR_OPERATOR(/)
R1_PAIR_OPERATOR(&)
R1_PAIR_OPERATOR(|)
R1_PAIR_OPERATOR(^)
R1_PAIR_OPERATOR(<<)
R1_PAIR_OPERATOR(>>)
R1_PAIR_OPERATOR(<)
R1_PAIR_OPERATOR(>)
R1_PAIR_OPERATOR(>=)
R1_PAIR_OPERATOR(==)
R1_PAIR_OPERATOR(!=)
#undef R1_PAIR_OPERATOR
template <typename V, typename E, int N>
R1_INLINE auto operator-(Pair<V, E, N> a) {
  return pair_of(-a.lo, -a.hi);
}
template <typename V, typename E, int N, typename B>
R1_INLINE Pair<V, E, N>& operator+=(Pair<V, E, N>& a, B b) {
  return a = a + b;
}
template <typename V, typename E, int N, typename B>
R1_INLINE Pair<V, E, N>& operator-=(Pair<V, E, N>& a, B b) {
  return a = a - b;
}

// One operation on registers, and on pairs half by half.
#define R1_EACH_HALF(name)                  \
  template <typename V, typename E, int N>  \
  R1_INLINE auto name(Pair<V, E, N> v) {    \
    return pair_of(name(v.lo), name(v.hi)); \
  }
static R1_INLINE u32n bits(f32n v) { return (u32n)v; }
static R1_INLINE u32n bits(s32n v) { return (u32n)v; }
static R1_INLINE s32n signed_bits(u32n v) { return (s32n)v; }
static R1_INLINE f32n float_of_bits(u32n v) { return (f32n)v; }
static R1_INLINE s32n truncated(f32n v) { return __builtin_convertvector(v, s32n); }
static R1_INLINE f32n to_floats(s32n v) { return __builtin_convertvector(v, f32n); }
static R1_INLINE u32n widened(u16n v) { return __builtin_convertvector(v, u32n); }
static R1_INLINE u16n lower_halves(u32n v) { return __builtin_convertvector(v, u16n); }
static R1_INLINE f32n square_root(f32n x) {
#if defined(__AVX512F__)
  for (int i = 0; i < 16; i++) x[i] = __builtin_sqrtf(x[i]);  // vectorised by the compiler
  return x;
#elif defined(__AVX2__)
  return (f32n)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
  return (f32n)_mm_sqrt_ps((__m128)x);
#else
  for (int i = 0; i < kLanes; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}
R1_EACH_HALF(bits)
R1_EACH_HALF(signed_bits)
R1_EACH_HALF(float_of_bits)
R1_EACH_HALF(truncated)
R1_EACH_HALF(to_floats)
R1_EACH_HALF(widened)
R1_EACH_HALF(lower_halves)
R1_EACH_HALF(square_root)

static R1_INLINE f32n select(s32n mask, f32n yes, f32n no) { return mask ? yes : no; }
static R1_INLINE s32n select(s32n mask, s32n yes, s32n no) { return mask ? yes : no; }
static R1_INLINE u32n select(s32n mask, u32n yes, u32n no) { return mask ? yes : no; }
template <typename M, int N, typename V, typename E>
R1_INLINE Pair<V, E, N> select(Pair<M, int32_t, N> mask, Pair<V, E, N> yes, Pair<V, E, N> no) {
  return {select(mask.lo, yes.lo, no.lo), select(mask.hi, yes.hi, no.hi)};
}

template <typename V>
R1_INLINE void read(const void* p, V& v) {
  memcpy(&v, p, sizeof(V));
}
template <typename V, typename E, int N>
R1_INLINE void read(const void* p, Pair<V, E, N>& v) {
  read(p, v.lo);
  read((const char*)p + N / 2 * sizeof(E), v.hi);
}
template <typename V>
R1_INLINE void write(void* p, V v) {
  memcpy(p, &v, sizeof(V));
}
template <typename V, typename E, int N>
R1_INLINE void write(void* p, Pair<V, E, N> v) {
  write(p, v.lo);
  write((char*)p + N / 2 * sizeof(E), v.hi);
}

#if defined(__AVX512F__)
typedef f32n f32x16;
typedef s32n s32x16;
typedef u32n u32x16;
typedef u16n u16x16;
#elif defined(__AVX2__)
typedef Pair<f32n, float, 16> f32x16;
typedef Pair<s32n, int32_t, 16> s32x16;
typedef Pair<u32n, uint32_t, 16> u32x16;
typedef Pair<u16n, uint16_t, 16> u16x16;
#else
typedef Pair<Pair<f32n, float, 8>, float, 16> f32x16;
typedef Pair<Pair<s32n, int32_t, 8>, int32_t, 16> s32x16;
typedef Pair<Pair<u32n, uint32_t, 8>, uint32_t, 16> u32x16;
typedef Pair<Pair<u16n, uint16_t, 8>, uint16_t, 16> u16x16;
#endif

static R1_INLINE f32x16 splat(float x) { return f32x16{} + x; }
static R1_INLINE s32x16 splat(int32_t x) { return s32x16{} + x; }
static R1_INLINE u32x16 splat(uint32_t x) { return u32x16{} + x; }
static R1_INLINE f32x16 load(const float* p) {
  f32x16 v;
  read(p, v);
  return v;
}
static R1_INLINE void store(float* p, f32x16 v) { write(p, v); }
static R1_INLINE f32x16 load(const bf16* p) {
  u16x16 h;
  read(p, h);
  return float_of_bits(widened(h) << 16);
}
// Round to nearest, ties to even. NaN is not treated: training stops on a non-finite loss before it matters.
static R1_INLINE void store(bf16* p, f32x16 v) {
  const u32x16 u = bits(v);
  write(p, lower_halves((u + 0x7fffu + ((u >> 16) & 1u)) >> 16));
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
  const u32x16 u = bits(x);
  return float_of_bits((u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u);
}
// The first n (0..16) floats; the other lanes are `fill`. Never reads past p + n.
template <typename T>
static R1_INLINE f32x16 load_first(const T* p, int n, float fill = 0.0f) {
  float all[16];
  for (int i = 0; i < 16; i++) all[i] = i < n ? to_float(p[i]) : fill;
  return load(all);
}
template <typename T>
static R1_INLINE void store_first(T* p, f32x16 v, int n) {
  T all[16];
  store(all, v);
  for (int i = 0; i < n; i++) p[i] = all[i];
}
// body(i, end) for sixteen elements at a time of [0, n): those in [i, end). Whole ones and the rest are compiled apart,
// so that `end - i == 16` costs nothing in a loop.
template <typename Body>
static R1_INLINE void in_sixteens(int64_t n, Body&& body) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) body(i, i + 16);
  if (i < n) body(i, n);
}
#define R1_SIXTEEN [&](int64_t i, int64_t end) __attribute__((always_inline))

// Where one of them is NaN, b.
static R1_INLINE f32x16 max(f32x16 a, f32x16 b) { return select(a > b, a, b); }
static R1_INLINE f32x16 min(f32x16 a, f32x16 b) { return select(a < b, a, b); }
static R1_INLINE s32x16 lane_index() {
  const int32_t all[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  s32x16 v;
  read(all, v);
  return v;
}

typedef float f32x4 __attribute__((vector_size(16)));
// The lanes folded in half twice: i with i + 8, then with i + 4.
template <typename Fold>
static R1_INLINE f32x4 folded(f32x16 v, Fold&& fold) {
  float all[16];
  store(all, v);
  f32x4 a, b, c, d;
  read(all, a);
  read(all + 4, b);
  read(all + 8, c);
  read(all + 12, d);
  return fold(fold(a, c), fold(b, d));
}
// Sum of the lanes by a fixed tree.
static R1_INLINE float reduce_add(f32x16 v) {
  const f32x4 t = folded(v, [](f32x4 a, f32x4 b) { return a + b; });
  return (t[0] + t[2]) + (t[1] + t[3]);
}
// The largest lane; a NaN may be passed over.
static R1_INLINE float reduce_max(f32x16 v) {
  const f32x4 t = folded(v, [](f32x4 a, f32x4 b) { return a > b ? a : b; });
  const float x = t[0] > t[2] ? t[0] : t[2], y = t[1] > t[3] ? t[1] : t[3];
  return x > y ? x : y;
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
  const s32x16 exponent = truncated(n);
  // 2^128 does not fit: scale by 2^(n-1) and by 2
  const f32x16 scale = float_of_bits(bits((exponent - 1 + 127) << 23));
  return select(tiny, splat(0.0f), p * scale * 2.0f);
}

}  // namespace r1::R1_NS
