#include "kernels/elementwise_rows.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

static R1_INLINE f32x16 part(const float* p, int64_t i, int64_t n) {
  return i + 16 <= n ? load(p + i) : load_first(p + i, (int)(n - i));
}
template <typename T>
static R1_INLINE void put(T* p, f32x16 v, int64_t i, int64_t n) {
  if (i + 16 <= n)
    store(p + i, v);
  else
    store_first(p + i, v, (int)(n - i));
}
static R1_INLINE void put_operand(void* p, bool is_bf16, f32x16 v, int64_t i, int64_t n) {
  if (is_bf16)
    put(static_cast<bf16*>(p), v, i, n);
  else
    put(static_cast<float*>(p), v, i, n);
}

void rms_norm_row(const float* x, const float* w, int64_t n, float eps, void* y, bool y_is_bf16, float* inv_rms) {
  f32x16 sum = splat(0.0f);
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 xi = part(x, i, end);
        sum += xi * xi;
      });
  const float inverse = 1.0f / __builtin_sqrtf(reduce_add(sum) / (float)n + eps);
  *inv_rms = inverse;
  in_sixteens(n, R1_SIXTEEN { put_operand(y, y_is_bf16, part(x, i, end) * inverse * part(w, i, end), i, end); });
}

// With r = inv_rms, g = dy w:  dx = r (g - x r^2 mean(g x))
void rms_norm_dx_row(const float* x, const float* w, float inv_rms, const float* dy, int64_t n, float* dx, bool add) {
  f32x16 sum = splat(0.0f);
  in_sixteens(n, R1_SIXTEEN { sum += part(dy, i, end) * part(w, i, end) * part(x, i, end); });
  const float c = reduce_add(sum) / (float)n * inv_rms * inv_rms;
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 d = (part(dy, i, end) * part(w, i, end) - part(x, i, end) * c) * inv_rms;
        put(dx, add ? part(dx, i, end) + d : d, i, end);
      });
}

// dw (n <= 16 columns) += sum over rows of dy x inv_rms, rows in order.
void rms_norm_dw_columns(const float* x, int64_t x_stride, const float* dy, int64_t dy_stride, const float* inv_rms,
                         int64_t inv_stride, int64_t rows, int n, float* dw) {
  f32x16 sum = part(dw, 0, n);
  for (int64_t r = 0; r < rows; r++)
    sum += part(dy + r * dy_stride, 0, n) * part(x + r * x_stride, 0, n) * inv_rms[r * inv_stride];
  put(dw, sum, 0, n);
}

void rope_row(float* x, const float* c, const float* s, int half, float sign) {
  for (int j = 0; j < half; j += 16) {
    const f32x16 a = part(x, j, half), b = part(x + half, j, half), cj = part(c, j, half), sj = part(s, j, half) * sign;
    put(x, a * cj - b * sj, j, half);
    put(x + half, b * cj + a * sj, j, half);
  }
}

static R1_INLINE f32x16 sigmoid(f32x16 x) { return 1.0f / (1.0f + exp(-x)); }

template <typename T>
static R1_INLINE f32x16 part_of(const void* p, int64_t i, int64_t n) {
  const T* x = static_cast<const T*>(p);
  return i + 16 <= n ? load(x + i) : load_first(x + i, (int)(n - i));
}

template <typename T>
static void swiglu(const float* gate, const float* up, int64_t n, T* kept_gate, T* kept_up, T* h) {
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 g = rounded<T>(part(gate, i, end)), u = rounded<T>(part(up, i, end));
        put(h, g * sigmoid(g) * u, i, end);
        if (kept_gate == nullptr) return;
        put(kept_gate, g, i, end);
        put(kept_up, u, i, end);
      });
}

void swiglu_row(const float* gate, const float* up, int64_t n, void* kept_gate, void* kept_up, void* h, bool is_bf16) {
  if (is_bf16)
    swiglu(gate, up, n, static_cast<bf16*>(kept_gate), static_cast<bf16*>(kept_up), static_cast<bf16*>(h));
  else
    swiglu(gate, up, n, static_cast<float*>(kept_gate), static_cast<float*>(kept_up), static_cast<float*>(h));
}

template <typename T>
static void swiglu_backward(const void* gate, const void* up, const float* dh, int64_t n, T* dgate, T* dup) {
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 g = part_of<T>(gate, i, end), u = part_of<T>(up, i, end), d = part(dh, i, end), s = sigmoid(g);
        put(dgate, d * u * (s + g * s * (1.0f - s)), i, end);
        put(dup, d * g * s, i, end);
      });
}

void swiglu_backward_row(const void* gate, const void* up, const float* dh, int64_t n, void* dgate, void* dup,
                         bool is_bf16) {
  if (is_bf16)
    swiglu_backward(gate, up, dh, n, static_cast<bf16*>(dgate), static_cast<bf16*>(dup));
  else
    swiglu_backward(gate, up, dh, n, static_cast<float*>(dgate), static_cast<float*>(dup));
}

template <typename T>
static void swiglu_again(const void* gate, const void* up, int64_t n, T* h) {
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 g = part_of<T>(gate, i, end);
        put(h, g * sigmoid(g) * part_of<T>(up, i, end), i, end);
      });
}

void swiglu_again_row(const void* gate, const void* up, int64_t n, void* h, bool is_bf16) {
  if (is_bf16)
    swiglu_again(gate, up, n, static_cast<bf16*>(h));
  else
    swiglu_again(gate, up, n, static_cast<float*>(h));
}

void round_row(const float* x, int64_t n, bf16* y) {
  in_sixteens(n, R1_SIXTEEN { put(y, part(x, i, end), i, end); });
}

void add_row(float* y, const float* x, int64_t n) {
  in_sixteens(n, R1_SIXTEEN { put(y, part(y, i, end) + part(x, i, end), i, end); });
}

void adamw_range(float* p, float* g, float* m, float* v, int64_t n, const AdamwConstants& c) {
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 gi = part(g, i, end) * c.grad_scale;
        const f32x16 mi = part(m, i, end) * c.beta1 + gi * c.rest1;
        const f32x16 vi = part(v, i, end) * c.beta2 + gi * gi * c.rest2;
        const f32x16 denominator = square_root(vi) / c.sqrt_bias2 + c.eps;
        put(p, part(p, i, end) * c.shrink - mi / denominator * c.rate, i, end);
        put(m, mi, i, end);
        put(v, vi, i, end);
        put(g, splat(0.0f), i, end);
      });
}

}  // namespace r1::R1_NS
