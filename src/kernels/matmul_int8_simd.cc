#include "kernels/matmul_int8.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

constexpr int kVectors = 16 / kLanes;
typedef int8_t s8pairs __attribute__((vector_size(kLanes * 2)));
typedef int16_t s16pairs __attribute__((vector_size(kLanes * 4)));

template <typename T>
static R1_INLINE f32x16 part(const T* p, int64_t i, int64_t n) {
  return i + 16 <= n ? load(p + i) : load_first(p + i, (int)(n - i));
}

template <typename T>
static R1_INLINE void quantise(const T* x, int64_t n, int8_t* q, float* scale) {
  f32x16 top = splat(0.0f), broken = splat(0.0f);
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 xi = part(x, i, end);
        top = max(float_of_bits(bits(xi) & 0x7fffffffu), top);
        broken += xi * 0.0f;  // NaN for what is not finite
      });
  const float most = reduce_max(top), inverse = most > 0 ? 127.0f / most : 0.0f;
  *scale = most / 127.0f + reduce_add(broken);
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
        const f32x16 whole = (part(x, i, end) * inverse + magic) - magic;
        int32_t all[16];
        write(all, truncated(whole));
        const int count = i + 16 <= end ? 16 : (int)(end - i);
        for (int j = 0; j < count; j++) q[i + j] = (int8_t)all[j];
      });
}

void quantise_row(const void* x, bool x_is_bf16, int64_t n, int8_t* q, float* scale) {
  if (x_is_bf16)
    quantise(static_cast<const bf16*>(x), n, q, scale);
  else
    quantise(static_cast<const float*>(x), n, q, scale);
}

// sum + a0 b0 + a1 b1 for pairs of 16-bit numbers; `a` holds one pair.
static R1_INLINE s32n add_products(s32n sum, int32_t a, s16pairs b) {
  const s32n all = s32n{} + a;
#if defined(__AVX512BW__)
  typedef short hi __attribute__((vector_size(64)));
  typedef int si __attribute__((vector_size(64)));
  return sum + (s32n)__builtin_ia32_pmaddwd512_mask((hi)all, (hi)b, (si)s32n{}, 0xffff);
#elif defined(__AVX2__)
  return sum + (s32n)_mm256_madd_epi16((__m256i)all, (__m256i)b);
#elif defined(__x86_64__)
  return sum + (s32n)_mm_madd_epi16((__m128i)all, (__m128i)b);
#else
  const s32n pairs = (s32n)b;
  return sum + ((all << 16) >> 16) * ((pairs << 16) >> 16) + (all >> 16) * (pairs >> 16);
#endif
}

static R1_INLINE int32_t pair_at(const int8_t* a) {
  return (int32_t)((uint32_t)(uint16_t)(int16_t)a[0] | (uint32_t)(uint16_t)(int16_t)a[1] << 16);
}

template <int R>
static void rows_product(const Int8Panel& p, const int8_t* a, int32_t* c) {
  s32n sum[R][kVectors] = {};
  const int8_t* b = p.panel;
  for (int64_t k = 0; k < p.pairs; k++, b += 32) {
    s16pairs bk[kVectors];
    for (int v = 0; v < kVectors; v++) {
      s8pairs narrow;
      read(b + v * 2 * kLanes, narrow);
      bk[v] = __builtin_convertvector(narrow, s16pairs);
    }
    for (int r = 0; r < R; r++) {
      const int32_t pair = pair_at(a + r * p.a_stride + 2 * k);
      for (int v = 0; v < kVectors; v++) sum[r][v] = add_products(sum[r][v], pair, bk[v]);
    }
  }
  for (int r = 0; r < R; r++) {
    int32_t all[16];
    for (int v = 0; v < kVectors; v++) write(all + v * kLanes, sum[r][v]);
    memcpy(c + r * p.c_stride, all, sizeof(int32_t) * (size_t)p.n);
  }
}

void int8_panel(const Int8Panel& p) {
  int64_t r = 0;
  for (; r + 6 <= p.rows; r += 6) rows_product<6>(p, p.a + r * p.a_stride, p.c + r * p.c_stride);
  for (; r < p.rows; r++) rows_product<1>(p, p.a + r * p.a_stride, p.c + r * p.c_stride);
}

void rescale_row(const int32_t* sums, int64_t n, float row_scale, const float* scales, float* y) {
  in_sixteens(
      n, R1_SIXTEEN {
        const int count = i + 16 <= end ? 16 : (int)(end - i);
        int32_t all[16] = {};
        memcpy(all, sums + i, sizeof(int32_t) * (size_t)count);
        s32x16 sum;
        read(all, sum);
        const f32x16 out = to_floats(sum) * (part(scales, i, end) * row_scale);
        if (count == 16)
          store(y + i, out);
        else
          store_first(y + i, out, count);
      });
}

}  // namespace r1::R1_NS
