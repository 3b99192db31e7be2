#include "kernels/matmul_int8.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

typedef int8_t s8x16 __attribute__((vector_size(16)));
typedef int8_t s8x32 __attribute__((vector_size(32)));
typedef int16_t s16x32 __attribute__((vector_size(64)));

template <typename T>
static R1_INLINE f32x16 part(const T* p, int64_t i, int64_t n) {
  return i + 16 <= n ? load(p + i) : load_first(p + i, (int)(n - i));
}

template <typename T>
static R1_INLINE void quantise(const T* x, int64_t n, int8_t* q, float* scale) {
  f32x16 top = splat(0.0f), broken = splat(0.0f);
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 xi = part(x, i, n);
    top = max((f32x16)((u32x16)xi & 0x7fffffffu), top);
    broken += xi * 0.0f;  // NaN for what is not finite
  }
  const float most = reduce_max(top), inverse = most > 0 ? 127.0f / most : 0.0f;
  *scale = most / 127.0f + reduce_add(broken);
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    const f32x16 whole = (part(x, i, n) * inverse + magic) - magic;
    const s8x16 all = __builtin_convertvector(__builtin_convertvector(whole, s32x16), s8x16);
    if (i + 16 <= n)
      memcpy(q + i, &all, 16);
    else
      memcpy(q + i, &all, (size_t)(n - i));
  }
}

void quantise_row(const void* x, bool x_is_bf16, int64_t n, int8_t* q, float* scale) {
  if (x_is_bf16)
    quantise(static_cast<const bf16*>(x), n, q, scale);
  else
    quantise(static_cast<const float*>(x), n, q, scale);
}

// sum + a0 b0 + a1 b1 for sixteen pairs of 16-bit numbers; `a` holds one pair.
static R1_INLINE s32x16 add_products(s32x16 sum, int32_t a, s16x32 b) {
  const s32x16 all = s32x16{} + a;
#if defined(__AVX512BW__)
  typedef short hi __attribute__((vector_size(64)));
  typedef int si __attribute__((vector_size(64)));
  return sum + (s32x16)__builtin_ia32_pmaddwd512_mask((hi)all, (hi)b, (si)s32x16{}, 0xffff);
#elif defined(__AVX2__)
  typedef short hi __attribute__((vector_size(32)));
  typedef int si __attribute__((vector_size(32)));
  hi low, high, one;
  memcpy(&low, &b, 32);
  memcpy(&high, (const char*)&b + 32, 32);
  memcpy(&one, &all, 32);
  const si products[2] = {__builtin_ia32_pmaddwd256(one, low), __builtin_ia32_pmaddwd256(one, high)};
  s32x16 both;
  memcpy(&both, products, 64);
  return sum + both;
#else
  const s32x16 pairs = (s32x16)b;
  return sum + ((all << 16) >> 16) * ((pairs << 16) >> 16) + (all >> 16) * (pairs >> 16);
#endif
}

static R1_INLINE int32_t pair_of(const int8_t* a) {
  return (int32_t)((uint32_t)(uint16_t)(int16_t)a[0] | (uint32_t)(uint16_t)(int16_t)a[1] << 16);
}

template <int R>
static void rows_product(const Int8Panel& p, const int8_t* a, int32_t* c) {
  s32x16 sum[R] = {};
  const int8_t* b = p.panel;
  for (int64_t k = 0; k < p.pairs; k++, b += 32) {
    s8x32 narrow;
    memcpy(&narrow, b, 32);
    const s16x32 bk = __builtin_convertvector(narrow, s16x32);
    for (int r = 0; r < R; r++) sum[r] = add_products(sum[r], pair_of(a + r * p.a_stride + 2 * k), bk);
  }
  for (int r = 0; r < R; r++) {
    int32_t* row = c + r * p.c_stride;
    if (p.n == 16)
      memcpy(row, &sum[r], 64);
    else
      memcpy(row, &sum[r], sizeof(int32_t) * (size_t)p.n);
  }
}

void int8_panel(const Int8Panel& p) {
  int64_t r = 0;
  for (; r + 6 <= p.rows; r += 6) rows_product<6>(p, p.a + r * p.a_stride, p.c + r * p.c_stride);
  for (; r < p.rows; r++) rows_product<1>(p, p.a + r * p.a_stride, p.c + r * p.c_stride);
}

void rescale_row(const int32_t* sums, int64_t n, float row_scale, const float* scales, float* y) {
  for (int64_t i = 0; i < n; i += 16) {
    const int count = i + 16 <= n ? 16 : (int)(n - i);
    s32x16 sum{};
    if (count == 16)
      memcpy(&sum, sums + i, 64);
    else
      memcpy(&sum, sums + i, sizeof(int32_t) * (size_t)count);
    const f32x16 out = __builtin_convertvector(sum, f32x16) * (part(scales, i, n) * row_scale);
    if (count == 16)
      store(y + i, out);
    else
      store_first(y + i, out, count);
  }
}

}  // namespace r1::R1_NS
