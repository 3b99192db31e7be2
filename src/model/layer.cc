#include "model/layer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/convert.h"
#include "kernels/rms_norm.h"
#include "kernels/swiglu.h"

namespace r1 {
namespace {

TensorView<float> view(Tensor& t, int64_t rows) { return {t.as<float>(), rows, t.cols()}; }
TensorView<float> view(Tensor& t, int64_t rows, int64_t cols) { return {t.as<float>(), rows, cols}; }
Operand operand(Tensor& t, int64_t rows) { return {t.raw(), t.dtype(), rows, t.cols()}; }
Operand operand(Tensor& t, int64_t rows, int64_t cols) { return {t.raw(), t.dtype(), rows, cols}; }

Operand rows_of(Operand x, int64_t begin, int64_t count) { return {x.row(begin), x.dtype, count, x.cols}; }

// out = a + b
void sum_rows(TensorView<const float> a, TensorView<const float> b, TensorView<float> out) {
  parallel_chunks(a.rows, 8, [&](int64_t begin, int64_t end) {
    const float *pa = a.row(begin), *pb = b.row(begin);
    float* po = out.row(begin);
    for (int64_t i = 0; i < (end - begin) * a.cols; i++) po[i] = pa[i] + pb[i];
  });
}

// Parts of the runs that one thread takes through several loops. They end where sixteen positions do: a lane of a page
// may hold two positions, and no two threads may write to it.
const std::vector<SegmentRun>& parts_of(std::span<const SegmentRun> runs) {
  constexpr int64_t kPositions = 16;
  thread_local std::vector<SegmentRun> parts;
  parts.clear();
  for (const SegmentRun& run : runs)
    for (int64_t done = 0; done < run.rows;) {
      SegmentRun part = run;
      part.row += done;
      part.start += done;
      part.rows = std::min(run.rows - done, kPositions - part.start % kPositions);
      done += part.rows;
      parts.push_back(part);
    }
  return parts;
}

float score_scale(const ModelConfig& c) { return 1.0f / std::sqrt(static_cast<float>(c.head_size)); }

int64_t widest_operand(const ModelConfig& c) { return std::max({c.width, c.qkv_cols(), 2 * c.inner}); }

}  // namespace

LayerState::LayerState(const Compute& compute, const ModelConfig& c, int64_t rows, bool training) {
  const int64_t room = bucket_rows(rows);
  const DType op = compute.operand;
  x_in = Tensor(DType::f32, room, c.width);
  x_mid = Tensor(DType::f32, room, c.width);
  inv_rms1 = Tensor(DType::f32, room, 1);
  inv_rms2 = Tensor(DType::f32, room, 1);
  q = Tensor(op, room, c.q_cols());
  lse = Tensor(DType::f32, room, c.heads);
  attended = Tensor(op, room, c.q_cols());
  if (!training) return;
  gate_up = Tensor(op, room, 2 * c.inner);
  if (!c.qk_norm) return;
  qkv = Tensor(DType::f32, room, c.qkv_cols());
  inv_rms_q = Tensor(DType::f32, room, c.heads);
  inv_rms_k = Tensor(DType::f32, room, c.kv_heads);
}

size_t LayerState::bytes(const Compute& compute, const ModelConfig& c, int64_t rows, bool training) {
  const size_t op = dtype_size(compute.operand);
  size_t row = 4 * static_cast<size_t>(2 * c.width + 2 + c.heads) + op * static_cast<size_t>(2 * c.q_cols());
  if (training) row += op * static_cast<size_t>(2 * c.inner);
  if (training && c.qk_norm) row += 4 * static_cast<size_t>(c.qkv_cols() + c.heads + c.kv_heads);
  return row * static_cast<size_t>(bucket_rows(rows));
}

LayerScratch::LayerScratch(const Compute& compute, const ModelConfig& c, int64_t rows, bool training) {
  const int64_t room = bucket_rows(rows);
  sum = Tensor(DType::f32, room, c.width);
  normed = Tensor(compute.operand, room, c.width);
  qkv = Tensor(DType::f32, room, c.qkv_cols());
  gate_up = Tensor(DType::f32, room, std::max(2 * c.inner, c.q_cols()));
  hidden = Tensor(compute.operand, room, c.inner);
  if (c.qk_norm) qk = Tensor(DType::f32, room, c.q_cols() + c.kv_cols());
  if (c.qk_norm && !training) inv_rms = Tensor(DType::f32, room, c.heads);
  if (training) d_operand = Tensor(compute.operand, room, widest_operand(c));
}

size_t LayerScratch::bytes(const Compute& compute, const ModelConfig& c, int64_t rows, bool training) {
  const size_t op = dtype_size(compute.operand);
  size_t row = 4 * static_cast<size_t>(c.width + c.qkv_cols() + std::max(2 * c.inner, c.q_cols())) +
               op * static_cast<size_t>(c.width + c.inner);
  if (c.qk_norm) row += 4 * static_cast<size_t>(c.q_cols() + c.kv_cols() + (training ? 0 : c.heads));
  if (training) row += op * static_cast<size_t>(widest_operand(c));
  return row * static_cast<size_t>(bucket_rows(rows));
}

Layer::Layer(const Compute& compute, const ModelConfig& c, const ParameterLayout::Layer& at, bool with_backward)
    : compute_(compute),
      config_(c),
      at_(at),
      qkv_(compute, c.qkv_cols(), c.width, with_backward),
      o_(compute, c.width, c.q_cols(), with_backward),
      gate_up_(compute, 2 * c.inner, c.width, with_backward),
      down_(compute, c.width, c.inner, with_backward) {
  qkv_.train_weight(at.qkv);
  o_.train_weight(at.o);
  gate_up_.train_weight(at.gate_up);
  down_.train_weight(at.down);
}

void Layer::pack(const float* parameters) {
  parameters_ = parameters;
  qkv_.pack(parameters + at_.qkv);
  o_.pack(parameters + at_.o);
  gate_up_.pack(parameters + at_.gate_up);
  down_.pack(parameters + at_.down);
}

void Layer::drop() {
  for (Linear* linear : {&qkv_, &o_, &gate_up_, &down_}) linear->drop();
}

void Layer::lend(Pass pass, const float* parameters, SpareBlocks& spare) {
  qkv_.lend(pass, parameters + at_.qkv, spare);
  o_.lend(pass, parameters + at_.o, spare);
  gate_up_.lend(pass, parameters + at_.gate_up, spare);
  down_.lend(pass, parameters + at_.down, spare);
}

void Layer::take_back(SpareBlocks& spare) {
  for (Linear* linear : {&qkv_, &o_, &gate_up_, &down_}) linear->take_back(spare);
}

void Layer::pack_frozen(const float* held, const ParameterLayout::Layer& at, const ReadMatrix& read) {
  parameters_ = held;
  qkv_.pack(read(at.qkv, qkv_.out() * qkv_.in()));
  o_.pack(read(at.o, o_.out() * o_.in()));
  gate_up_.pack(read(at.gate_up, gate_up_.out() * gate_up_.in()));
  down_.pack(read(at.down, down_.out() * down_.in()));
}

void Layer::attach(const AdapterLayout& layout, const AdapterLayout::Layer& at, bool with_backward) {
  qkv_.attach(layout, at.qkv, with_backward);
  o_.attach(layout, at.o, with_backward);
  gate_up_.attach(layout, at.gate_up, with_backward);
  down_.attach(layout, at.down, with_backward);
}

void Layer::pack_adapter(const float* adapter) {
  for (Linear* linear : {&qkv_, &o_, &gate_up_, &down_}) linear->pack_adapter(adapter);
}

void Layer::to_queries_and_keys(const SegmentRun& part, const Batch& batch, const RopeTable& rope, KvPages pages,
                                LayerState& s, LayerScratch& scratch) const {
  const ModelConfig& c = config_;
  const int64_t T = batch.rows(), Q = c.q_cols(), K = c.kv_cols(), first = part.row, n = part.rows;
  const bool training = s.gate_up.rows() > 0;
  const auto all_qkv = view(training && c.qk_norm ? s.qkv : scratch.qkv, T), qkv = all_qkv.row_range(first, n);
  const int32_t* positions = batch.positions.data() + first;
  if (c.qkv_bias) add_bias(compute_, qkv, parameters_ + at_.qkv_bias);
  TensorView<float> q = qkv.columns(0, Q), k = qkv.columns(Q, K), all_k = all_qkv.columns(Q, K);
  if (c.qk_norm) {
    const auto qk = view(scratch.qk, T);
    Tensor &inv_q = training ? s.inv_rms_q : scratch.inv_rms, &inv_k = training ? s.inv_rms_k : scratch.inv_rms;
    const auto rotated_q = qk.columns(0, Q).row_range(first, n), rotated_k = qk.columns(Q, K).row_range(first, n);
    head_norm_forward(compute_, q, c.heads, c.head_size, parameters_ + at_.q_norm, c.norm_eps, rotated_q,
                      inv_q.as<float>() + first * c.heads);
    head_norm_forward(compute_, k, c.kv_heads, c.head_size, parameters_ + at_.k_norm, c.norm_eps, rotated_k,
                      inv_k.as<float>() + first * (training ? c.kv_heads : c.heads));  // apart from others' rows
    q = rotated_q;
    k = rotated_k;
    all_k = qk.columns(Q, K);
  }
  rope_forward(compute_, q, c.heads, c.head_size, rope, positions);
  rope_forward(compute_, k, c.kv_heads, c.head_size, rope, positions);
  to_operand(compute_, q, rows_of(operand(s.q, T), first, n));
  store_keys_values(compute_, {&part, 1}, all_k, all_qkv.columns(Q + K, K), pages);
}

void Layer::forward(const Batch& batch, BatchRows rows, const RopeTable& rope, KvPages pages, LayerState& s,
                    LayerScratch& scratch, TensorView<float> x_out, const Layer* next) const {
  const ModelConfig& c = config_;
  const int64_t T = batch.rows(), first = rows.first, n = rows.count;
  const bool training = s.gate_up.rows() > 0;
  const auto mine = [&](Tensor& t) { return view(t, T).row_range(first, n); };
  const auto mine_as = [&](Tensor& t) { return rows_of(operand(t, T), first, n); };
  const auto x_TD = mine(s.x_in), mid_TD = mine(s.x_mid), sum_TD = mine(scratch.sum);
  const Operand normed = mine_as(scratch.normed), attended = mine_as(s.attended), hidden = mine_as(scratch.hidden);

  rms_norm_forward(compute_, x_TD, parameters_ + at_.attention_norm, c.norm_eps, normed,
                   s.inv_rms1.as<float>() + first);
  o_.read_while_waiting(n);
  qkv_.forward(normed, mine(training && c.qk_norm ? s.qkv : scratch.qkv), first, scratch.adapters);
  const std::vector<SegmentRun>& parts = parts_of(rows.runs);
  parallel_for(static_cast<int64_t>(parts.size()),
               [&](int64_t i) { to_queries_and_keys(parts[static_cast<size_t>(i)], batch, rope, pages, s, scratch); });
  attention_forward(compute_, rows.runs, operand(s.q, T), c.heads, score_scale(c), pages, operand(s.attended, T),
                    s.lse.as<float>());
  gate_up_.read_while_waiting(n);
  o_.forward(attended, sum_TD, first, scratch.adapters);
  parallel_chunks(n, 8, [&](int64_t begin, int64_t end) {
    const int64_t some = end - begin;
    sum_rows(x_TD.row_range(begin, some), sum_TD.row_range(begin, some), mid_TD.row_range(begin, some));
    rms_norm_forward(compute_, mid_TD.row_range(begin, some), parameters_ + at_.mlp_norm, c.norm_eps,
                     rows_of(normed, begin, some), s.inv_rms2.as<float>() + first + begin);
  });
  const auto gate_up = view(scratch.gate_up, T, 2 * c.inner).row_range(first, n);
  down_.read_while_waiting(n);
  gate_up_.forward(normed, gate_up, first, scratch.adapters);
  swiglu_forward(compute_, gate_up, training ? mine_as(s.gate_up) : Operand{}, hidden);
  if (next != nullptr) next->qkv_.read_while_waiting(n);
  down_.forward(hidden, sum_TD, first, scratch.adapters);
  sum_rows(mid_TD, sum_TD, x_out.row_range(first, n));
}

void Layer::backward_mlp(LayerState& s, LayerScratch& scratch, TensorView<float> dx, float* gradients) const {
  const ModelConfig& c = config_;
  const int64_t T = dx.rows;
  const Operand d_out = operand(scratch.d_operand, T, c.width), hidden = operand(scratch.hidden, T),
                d_gate_up = operand(scratch.d_operand, T, 2 * c.inner), normed = operand(scratch.normed, T);
  to_operand(compute_, dx, d_out);
  const auto d_hidden = view(scratch.gate_up, T, c.inner);
  swiglu_again(compute_, operand(s.gate_up, T), hidden);
  down_.backward(d_out, hidden, d_hidden, gradients, scratch.adapters);

  swiglu_backward(compute_, operand(s.gate_up, T), d_hidden, d_gate_up);
  rms_norm_forward(compute_, view(s.x_mid, T), parameters_ + at_.mlp_norm, c.norm_eps, normed, s.inv_rms2.as<float>());
  gate_up_.backward(d_gate_up, normed, view(scratch.sum, T), gradients, scratch.adapters);
  rms_norm_backward(compute_, view(s.x_mid, T), parameters_ + at_.mlp_norm, s.inv_rms2.as<float>(),
                    view(scratch.sum, T), dx, gradient_at(gradients, at_.mlp_norm));
}

void Layer::backward_attention(const Batch& batch, const RopeTable& rope, KvPages pages, LayerState& s,
                               LayerScratch& scratch, TensorView<float> dx, float* gradients) const {
  const ModelConfig& c = config_;
  const int64_t T = dx.rows, Q = c.q_cols(), K = c.kv_cols();
  const int32_t* positions = batch.positions.data();
  const Operand d_out = operand(scratch.d_operand, T, c.width), normed = operand(scratch.normed, T);
  to_operand(compute_, dx, d_out);
  const auto d_attended = view(scratch.gate_up, T, Q);
  o_.backward(d_out, operand(s.attended, T), d_attended, gradients, scratch.adapters);

  const auto d_qkv = view(scratch.qkv, T), d_rotated = c.qk_norm ? view(scratch.qk, T) : d_qkv;
  const auto dq = d_rotated.columns(0, Q), dk = d_rotated.columns(Q, K);
  attention_backward(compute_, batch.runs, operand(s.q, T), c.heads, score_scale(c), pages, operand(s.attended, T),
                     d_attended, s.lse.as<float>(), {dq, dk, d_qkv.columns(Q + K, K)});
  rope_backward(compute_, dq, c.heads, c.head_size, rope, positions);
  rope_backward(compute_, dk, c.kv_heads, c.head_size, rope, positions);
  if (c.qk_norm) {
    const auto qkv = view(s.qkv, T);
    head_norm_backward(compute_, qkv.columns(0, Q), c.heads, c.head_size, parameters_ + at_.q_norm,
                       s.inv_rms_q.as<float>(), dq, d_qkv.columns(0, Q), gradient_at(gradients, at_.q_norm));
    head_norm_backward(compute_, qkv.columns(Q, K), c.kv_heads, c.head_size, parameters_ + at_.k_norm,
                       s.inv_rms_k.as<float>(), dk, d_qkv.columns(Q, K), gradient_at(gradients, at_.k_norm));
  }
  if (c.qkv_bias) bias_backward(compute_, d_qkv, gradient_at(gradients, at_.qkv_bias));
  const Operand d_qkv_operand = operand(scratch.d_operand, T, c.qkv_cols());
  to_operand(compute_, d_qkv, d_qkv_operand);
  rms_norm_forward(compute_, view(s.x_in, T), parameters_ + at_.attention_norm, c.norm_eps, normed,
                   s.inv_rms1.as<float>());
  qkv_.backward(d_qkv_operand, normed, view(scratch.sum, T), gradients, scratch.adapters);
  rms_norm_backward(compute_, view(s.x_in, T), parameters_ + at_.attention_norm, s.inv_rms1.as<float>(),
                    view(scratch.sum, T), dx, gradient_at(gradients, at_.attention_norm));
}

void Layer::backward(const Batch& batch, const RopeTable& rope, KvPages pages, LayerState& state, LayerScratch& scratch,
                     TensorView<float> dx, float* gradients) const {
  backward_mlp(state, scratch, dx, gradients);
  backward_attention(batch, rope, pages, state, scratch, dx, gradients);
}

}  // namespace r1
