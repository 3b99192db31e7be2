#include "kernels/head_rows.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

constexpr float kNever = -1e30f;

static R1_INLINE f32x16 tail(const float* p, int64_t i, int64_t n) {
  return i + 16 <= n ? load(p + i) : load_first(p + i, (int)(n - i), kNever);
}

static float row_max(const float* logits, int64_t n) {
  f32x16 top = splat(kNever);
  in_sixteens(n, R1_SIXTEEN { top = max(top, tail(logits, i, end)); });
  return reduce_max(top);
}

void head_update(const float* logits, int64_t n, HeadState& state) {
  const float tile_top = row_max(logits, n);
  const float top = tile_top > state.top ? tile_top : state.top;
  const float shrink = exp(splat(state.top - top))[0];
  f32x16 sum = splat(0.0f), weighted = splat(0.0f);
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 l = tail(logits, i, end);
        const f32x16 e = exp(l - top);
        sum += e;
        weighted += e * max(l, splat(-1e6f));  // a lane beyond the end has e = 0; keep the product finite
      });
  state.sum = state.sum * shrink + reduce_add(sum);
  state.weighted = state.weighted * shrink + reduce_add(weighted);
  state.top = top;
}

// One uniform decides both whether the draw moves into this tile and, inside it, where: given that u * total passed
// what was there before, the rest is uniform over the tile's own mass.
void head_draw(const float* logits, int64_t n, int32_t first_id, double uniform, DrawState& state) {
  const float scale = state.inverse_temperature;
  const float tile_top = row_max(logits, n) * scale;
  const float top = tile_top > state.top ? tile_top : state.top;
  const float before = state.sum * exp(splat(state.top - top))[0];
  f32x16 lanes = splat(0.0f);
  in_sixteens(n, R1_SIXTEEN { lanes += exp(max(splat(kNever), tail(logits, i, end) * scale) - top); });
  const double mass = reduce_add(lanes);
  state.sum = before + (float)mass;
  state.top = top;
  double left = uniform * (before + mass) - before;
  if (!(left >= 0) || !(mass > 0)) return;  // NaN too: the caller finds it in the sums
  int32_t last = -1;
  for (int64_t i = 0; i < n && left >= 0; i += 16) {
    const f32x16 e = exp(max(splat(kNever), tail(logits, i, n) * scale) - top);
    for (int j = 0; j < 16 && i + j < n; j++) {
      if (e[j] > 0) last = (int32_t)(i + j);  // rounding may leave a little at the end: then the last possible entry
      left -= e[j];
      if (left < 0) break;
    }
  }
  state.choice = first_id + last;
  state.choice_logit = logits[last];
}

void head_argmax(const float* logits, int64_t n, int32_t first_id, DrawState& state) {
  const float top = row_max(logits, n);
  if (state.choice >= 0 && !(top > state.choice_logit)) return;
  for (int64_t i = 0; i < n; i++)
    if (logits[i] == top) {
      state.choice = first_id + (int32_t)i;
      state.choice_logit = top;
      return;
    }
}

// d/dl_j of dlogp * logp + dentropy * H: dlogp (1[j = target] - p_j) - dentropy p_j (log p_j + H).
template <typename T>
static void gradient_row(const float* logits, int64_t n, const GradientRow& row, T* out) {
  in_sixteens(
      n, R1_SIXTEEN {
        const f32x16 logp = tail(logits, i, end) - row.lse;
        const f32x16 p = exp(logp);
        f32x16 g = p * -row.dlogp;
        if (row.dentropy != 0.0f) g -= p * (max(logp, splat(-1e6f)) + row.entropy) * row.dentropy;
        if (row.target >= i && row.target < i + 16)
          g = select(lane_index() == (int32_t)(row.target - i), g + row.dlogp, g);
        if (i + 16 <= end)
          store(out + i, g);
        else
          store_first(out + i, g, (int)(end - i));
      });
}

void head_gradient(const float* logits, int64_t n, const GradientRow& row, void* out, bool out_is_bf16) {
  if (out_is_bf16)
    gradient_row(logits, n, row, static_cast<bf16*>(out));
  else
    gradient_row(logits, n, row, static_cast<float*>(out));
}

}  // namespace r1::R1_NS
