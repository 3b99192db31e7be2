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
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 xi = part(x, i, n);
    sum += xi * xi;
  }
  const float inverse = 1.0f / __builtin_sqrtf(reduce_add(sum) / (float)n + eps);
  *inv_rms = inverse;
  for (int64_t i = 0; i < n; i += 16) put_operand(y, y_is_bf16, part(x, i, n) * inverse * part(w, i, n), i, n);
}

// With r = inv_rms, g = dy w:  dx = r (g - x r^2 mean(g x))
void rms_norm_dx_row(const float* x, const float* w, float inv_rms, const float* dy, int64_t n, float* dx, bool add) {
  f32x16 sum = splat(0.0f);
  for (int64_t i = 0; i < n; i += 16) sum += part(dy, i, n) * part(w, i, n) * part(x, i, n);
  const float c = reduce_add(sum) / (float)n * inv_rms * inv_rms;
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 d = (part(dy, i, n) * part(w, i, n) - part(x, i, n) * c) * inv_rms;
    put(dx, add ? part(dx, i, n) + d : d, i, n);
  }
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
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 g = rounded<T>(part(gate, i, n)), u = rounded<T>(part(up, i, n));
    put(h, g * sigmoid(g) * u, i, n);
    if (kept_gate == nullptr) continue;
    put(kept_gate, g, i, n);
    put(kept_up, u, i, n);
  }
}

void swiglu_row(const float* gate, const float* up, int64_t n, void* kept_gate, void* kept_up, void* h, bool is_bf16) {
  if (is_bf16)
    swiglu(gate, up, n, static_cast<bf16*>(kept_gate), static_cast<bf16*>(kept_up), static_cast<bf16*>(h));
  else
    swiglu(gate, up, n, static_cast<float*>(kept_gate), static_cast<float*>(kept_up), static_cast<float*>(h));
}

template <typename T>
static void swiglu_backward(const void* gate, const void* up, const float* dh, int64_t n, T* dgate, T* dup) {
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 g = part_of<T>(gate, i, n), u = part_of<T>(up, i, n), d = part(dh, i, n), s = sigmoid(g);
    put(dgate, d * u * (s + g * s * (1.0f - s)), i, n);
    put(dup, d * g * s, i, n);
  }
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
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 g = part_of<T>(gate, i, n);
    put(h, g * sigmoid(g) * part_of<T>(up, i, n), i, n);
  }
}

void swiglu_again_row(const void* gate, const void* up, int64_t n, void* h, bool is_bf16) {
  if (is_bf16)
    swiglu_again(gate, up, n, static_cast<bf16*>(h));
  else
    swiglu_again(gate, up, n, static_cast<float*>(h));
}

void round_row(const float* x, int64_t n, bf16* y) {
  for (int64_t i = 0; i < n; i += 16) put(y, part(x, i, n), i, n);
}

void add_row(float* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) put(y, part(y, i, n) + part(x, i, n), i, n);
}

static R1_INLINE f32x16 square_root(f32x16 x) {
  for (int i = 0; i < 16; i++) x[i] = __builtin_sqrtf(x[i]);  // vectorised by the compiler
  return x;
}

void adamw_range(float* p, float* g, float* m, float* v, int64_t n, const AdamwConstants& c) {
  for (int64_t i = 0; i < n; i += 16) {
    const f32x16 gi = part(g, i, n) * c.grad_scale;
    const f32x16 mi = part(m, i, n) * c.beta1 + gi * c.rest1;
    const f32x16 vi = part(v, i, n) * c.beta2 + gi * gi * c.rest2;
    const f32x16 denominator = square_root(vi) / c.sqrt_bias2 + c.eps;
    put(p, part(p, i, n) * c.shrink - mi / denominator * c.rate, i, n);
    put(m, mi, i, n);
    put(v, vi, i, n);
    put(g, splat(0.0f), i, n);
  }
}

}  // namespace r1::R1_NS
