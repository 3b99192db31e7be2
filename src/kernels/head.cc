#include "kernels/head.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/filtered_sampling.h"
#include "kernels/head_rows.h"

namespace r1 {

LmHead::LmHead(const Compute& compute, int64_t vocabulary, int64_t width, bool with_backward)
    : compute_(compute), vocabulary_(vocabulary), width_(width) {
  for (int64_t first = 0; first < vocabulary; first += kHeadTile)
    tiles_.emplace_back(compute, std::min(kHeadTile, vocabulary - first), width, with_backward);
  const int64_t tile = std::min(kHeadTile, vocabulary);
  logits_ = Tensor(DType::f32, kHeadRows, tile);
  if (with_backward) dlogits_ = Tensor(compute.operand, kHeadRows, tile);
}

void LmHead::pack(const float* w) {
  for (int64_t t = 0; t < tiles(); t++) pack_tile(t, w);
}

// Rows whose logits take some 32 MB; whole buckets.
int64_t LmHead::learn_rows(int64_t vocabulary) {
  return std::clamp((int64_t{8} << 20) / vocabulary, int64_t{64}, kHeadRows) / 32 * 32;
}

size_t LmHead::bytes() const {
  size_t total = logits_.bytes() + dlogits_.bytes() + row_logits_.bytes();
  for (const PackedMatrix& tile : tiles_) total += tile.bytes();
  return total;
}

void LmHead::for_each_tile(Operand h, const TileBody& body) const {
  R1_CHECK(h.cols == width_);
  for (int64_t row = 0; row < h.rows; row += kHeadRows) run_tiles(h, row, std::min(kHeadRows, h.rows - row), body);
}

void LmHead::for_each_tile_of_shares(Operand h, const TileBody& body) const {
  R1_CHECK(h.cols == width_);
  for (int64_t row = 0; row < h.rows; row += kHeadRows) {
    const int64_t rows = std::min(kHeadRows, h.rows - row), shares = row_shares(compute_, rows);
    if (shares == 1)
      in_team([&] { run_tiles(h, row, rows, body); });
    else
      parallel_for(shares, [&](int64_t i) {
        const int64_t begin = rows * i / shares, end = rows * (i + 1) / shares;
        run_tiles(h, row + begin, end - begin, body);
      });
  }
}

// Rows of one slice, whose logits they find at their own place.
void LmHead::run_tiles(Operand h, int64_t row, int64_t rows, const TileBody& body) const {
  const Operand mine{h.row(row), h.dtype, rows, h.cols};
  float* at = logits_.as<float>() + row % kHeadRows * logits_.cols();
  for (size_t t = 0; t < tiles_.size(); t++) {
    const TensorView<float> logits(at, rows, tiles_[t].out());
    if (t + 1 < tiles_.size()) tiles_[t + 1].read_while_waiting(rows);
    tiles_[t].forward(mine, logits);
    body(row, rows, static_cast<int64_t>(t), logits);
  }
}

// Rows of a slice, on their way through the tiles.
struct LmHead::Scoring {
  explicit Scoring(int64_t rows) : states(static_cast<size_t>(rows)), target_logits(states.size()) {}
  std::vector<HeadState> states;
  std::vector<float> target_logits;
};

void LmHead::score_tile(int64_t row, int64_t tile, TensorView<float> logits, const int32_t* targets, Scoring& scoring,
                        HeadScore* scores) const {
  const int64_t first = tile * kHeadTile;
  parallel_for(logits.rows, [&](int64_t r) {
    HeadState& state = scoring.states[static_cast<size_t>(r)];
    float& target_logit = scoring.target_logits[static_cast<size_t>(r)];
    if (tile == 0) state = HeadState();
    R1_DISPATCH(compute_.isa, head_update, logits.row(r), logits.cols, state);
    const int64_t target = targets[row + r] - first;
    if (target >= 0 && target < logits.cols) target_logit = logits.row(r)[target];
    if (first + logits.cols < vocabulary_) return;
    HeadScore& score = scores[row + r];
    score.lse = state.top + static_cast<float>(std::log(static_cast<double>(state.sum)));
    score.logp = target_logit - score.lse;
    score.entropy = score.lse - state.weighted / state.sum;
    score.top = target_logit == state.top;
  });
}

void LmHead::gradient_tile(int64_t row, int64_t tile, TensorView<float> logits, Operand h, const int32_t* targets,
                           const HeadScore* scores, Gradient gradient, TensorView<float> dh, float* dw) const {
  const int64_t first = tile * kHeadTile, rows = logits.rows, n = logits.cols;
  const Operand dlogits{dlogits_.raw(), compute_.operand, rows, n};
  parallel_for(rows, [&](int64_t r) {
    const HeadScore& score = scores[row + r];
    const GradientRow at{gradient.dlogp[row + r], gradient.dentropy ? gradient.dentropy[row + r] : 0.0f, score.lse,
                         score.entropy, targets[row + r] - first};
    R1_DISPATCH(compute_.isa, head_gradient, logits.row(r), n, at, dlogits.row(r), compute_.operand == DType::bf16);
  });
  const PackedMatrix& matrix = tiles_[static_cast<size_t>(tile)];
  const TensorView<float> dh_slice = dh.row_range(row, rows);
  if (tile == 0)
    matrix.backward_input(dlogits, dh_slice);
  else
    matrix.backward_input_add(dlogits, dh_slice);
  if (dw != nullptr)
    matmul_weight_gradient(compute_, dlogits, {h.row(row), h.dtype, rows, h.cols}, dw + first * width_);
}

void LmHead::check_targets(Operand h, const int32_t* targets) const {
  for (int64_t r = 0; r < h.rows; r++)
    R1_CHECK(targets[r] >= 0 && targets[r] < vocabulary_, "target {} of a vocabulary of {}", targets[r], vocabulary_);
}

void LmHead::score(Operand h, const int32_t* targets, HeadScore* scores) const {
  check_targets(h, targets);
  Scoring scoring(std::min(kHeadRows, h.rows));
  for_each_tile(h, [&](int64_t row, int64_t, int64_t tile, TensorView<float> logits) {
    score_tile(row, tile, logits, targets, scoring, scores);
  });
}

void LmHead::backward(Operand h, const int32_t* targets, const HeadScore* scores, Gradient gradient,
                      TensorView<float> dh, float* dw) const {
  R1_CHECK(dh.rows == h.rows && dh.cols == width_ && dlogits_.rows() > 0);
  for_each_tile(h, [&](int64_t row, int64_t, int64_t tile, TensorView<float> logits) {
    gradient_tile(row, tile, logits, h, targets, scores, gradient, dh, dw);
  });
}

void LmHead::learn(Operand h, const int32_t* targets, Gradient gradient, HeadScore* scores, TensorView<float> dh,
                   float* dw) const {
  R1_CHECK(dh.rows == h.rows && dh.cols == width_ && dlogits_.rows() > 0);
  check_targets(h, targets);
  const int64_t most = learn_rows(vocabulary_);
  if (row_logits_.rows() == 0) row_logits_ = Tensor(DType::f32, most, tiles() * std::min(kHeadTile, vocabulary_));
  Scoring scoring(std::min(most, h.rows));
  for (int64_t row = 0; row < h.rows; row += most) {
    const int64_t rows = std::min(most, h.rows - row);
    const auto logits_of = [&](int64_t tile) {
      return TensorView<float>(row_logits_.as<float>() + tile * kHeadTile * most, rows,
                               tiles_[static_cast<size_t>(tile)].out());
    };
    for (int64_t t = 0; t < tiles(); t++) {
      tiles_[static_cast<size_t>(t)].forward({h.row(row), h.dtype, rows, h.cols}, logits_of(t));
      score_tile(row, t, logits_of(t), targets, scoring, scores);
    }
    for (int64_t t = 0; t < tiles(); t++) gradient_tile(row, t, logits_of(t), h, targets, scores, gradient, dh, dw);
  }
}

void LmHead::sample(Operand h, std::span<const SampleSpec> specs, SampledToken* out) const {
  R1_CHECK(static_cast<int64_t>(specs.size()) == h.rows);
  std::vector<HeadState> states(specs.size());
  std::vector<DrawState> draws(states.size());
  std::vector<std::vector<float>> kept(states.size());  // whole rows, for those with filters only
  for_each_tile_of_shares(h, [&](int64_t row, int64_t rows, int64_t tile, TensorView<float> logits) {
    const int64_t first = tile * kHeadTile, n = logits.cols;
    parallel_for(rows, [&](int64_t r) {
      const size_t at = static_cast<size_t>(row + r);
      const SampleSpec& spec = specs[at];
      HeadState& state = states[at];
      DrawState& draw = draws[at];
      std::vector<float>& all = kept[at];
      if (tile == 0) {
        state = HeadState();
        draw = DrawState();
        draw.inverse_temperature = spec.temperature > 0 ? 1.0f / spec.temperature : 1.0f;
        all.clear();
      }
      const int32_t id = static_cast<int32_t>(first);
      R1_DISPATCH(compute_.isa, head_update, logits.row(r), n, state);
      if (spec.filtered()) {
        all.insert(all.end(), logits.row(r), logits.row(r) + n);
      } else if (spec.temperature > 0) {
        const double u = random_uniform(spec.place, static_cast<uint32_t>(tile));
        R1_DISPATCH(compute_.isa, head_draw, logits.row(r), n, id, u, draw);
      } else {
        R1_DISPATCH(compute_.isa, head_argmax, logits.row(r), n, id, draw);
      }
      if (first + n < vocabulary_) return;
      SampledToken& token = out[row + r];
      const float lse = state.top + static_cast<float>(std::log(static_cast<double>(state.sum)));
      if (!std::isfinite(lse) || !std::isfinite(draw.sum)) {
        token = SampledToken();  // no distribution to draw from
      } else if (spec.filtered()) {
        token = sample_filtered(all, spec);
        token.logp = all[static_cast<size_t>(token.id)] - lse;
      } else {
        token = {draw.choice, draw.choice_logit - lse, 0.0f};
        if (spec.temperature > 0)
          token.sampling_logp = spec.temperature == 1.0f
                                    ? token.logp
                                    : draw.choice_logit * draw.inverse_temperature -
                                          (draw.top + static_cast<float>(std::log(static_cast<double>(draw.sum))));
      }
    });
  });
  for (int64_t r = 0; r < h.rows; r++)
    if (out[r].id < 0)
      fail("sampling: row {} has logits that are not finite; the weights are broken or training diverged", r);
}

void LmHead::logits(Operand h, TensorView<float> out) const {
  for_each_tile(h, [&](int64_t row, int64_t rows, int64_t tile, TensorView<float> logits) {
    for (int64_t r = 0; r < rows; r++) std::copy_n(logits.row(r), logits.cols, out.row(row + r) + tile * kHeadTile);
  });
}

}  // namespace r1
