#include "model/linear.h"

#include <algorithm>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/convert.h"

namespace r1 {

void AdapterScratch::make_room(const Compute& compute, int64_t rows, int64_t rank) {
  if (product.rows() >= bucket_rows(rows) && product.cols() >= rank) return;
  const int64_t room = std::max(bucket_rows(rows), product.rows());
  rank = std::max(rank, product.cols());
  product = Tensor(DType::f32, room, rank);
  operand = Tensor(compute.operand, room, rank);
}

Linear::Linear(const Compute& compute, int64_t out, int64_t in, bool with_backward)
    : compute_(compute), packed_(compute, out, in, with_backward) {}

void Linear::attach(const AdapterLayout& layout, const AdapterLayout::Matrix& at, bool with_backward) {
  if (at.parts.empty()) return;
  R1_CHECK(at.in == in());
  const int64_t r = layout.config().r, rank = r * static_cast<int64_t>(at.parts.size());
  adapter_.emplace(Adapter{at, r, static_cast<float>(layout.config().scale()),
                           PackedMatrix(compute_, rank, in(), with_backward),
                           PackedMatrix(compute_, out(), rank, with_backward)});
}

void Linear::pack_adapter(const float* adapter) {
  if (!adapter_) return;
  Adapter& l = *adapter_;
  l.a.pack(adapter + l.at.a());
  std::vector<float> b(static_cast<size_t>(out() * l.b.in()));
  for (size_t m = 0; m < l.at.parts.size(); m++) {
    const AdapterLayout::Part& part = l.at.parts[m];
    for (int64_t o = 0; o < part.columns; o++)
      std::copy_n(adapter + part.b + o * l.r, l.r,
                  b.data() + (part.first + o) * l.b.in() + static_cast<int64_t>(m) * l.r);
  }
  l.b.pack(b.data());
}

// `product` times the scale, as an operand.
Operand Linear::scaled(TensorView<float> product, int64_t first_row, AdapterScratch& scratch) const {
  const float scale = adapter_->scale;
  parallel_chunks(product.rows, 64, [&](int64_t begin, int64_t end) {
    float* p = product.row(begin);
    for (int64_t i = 0; i < (end - begin) * product.cols; i++) p[i] *= scale;
  });
  const Operand all{scratch.operand.raw(), compute_.operand, scratch.operand.rows(), scratch.operand.cols()};
  const Operand out{all.row(first_row), compute_.operand, product.rows, product.cols};
  to_operand(compute_, product, out);
  return out;
}

// scale x A^T (T, R).
Operand Linear::down(Operand x, int64_t first_row, AdapterScratch& scratch) const {
  const TensorView<float> product(scratch.product_row(first_row), x.rows, adapter_->a.out());
  adapter_->a.forward(x, product);
  return scaled(product, first_row, scratch);
}

void Linear::forward(Operand x, TensorView<float> y, int64_t first_row, AdapterScratch& scratch) const {
  packed_.forward(x, y);
  if (adapter_ && scratch.use == AdapterUse::on) adapter_->b.forward_add(down(x, first_row, scratch), y);
}

void Linear::add_b_gradient(Operand dy, Operand u, float* gradients, AdapterScratch& scratch) const {
  const Adapter& l = *adapter_;
  if (l.at.parts.size() == 1 && l.at.parts[0].columns == out())
    return matmul_weight_gradient(compute_, dy, u, gradients + l.at.parts[0].b);
  const int64_t rank = u.cols;
  if (scratch.b_gradient.cols() < out() * rank) scratch.b_gradient = Tensor(DType::f32, 1, out() * rank);
  float* all = scratch.b_gradient.as<float>();
  std::fill_n(all, out() * rank, 0.0f);
  matmul_weight_gradient(compute_, dy, u, all);
  for (size_t m = 0; m < l.at.parts.size(); m++) {
    const AdapterLayout::Part& part = l.at.parts[m];
    for (int64_t o = 0; o < part.columns; o++)
      for (int64_t k = 0; k < l.r; k++)
        gradients[part.b + o * l.r + k] += all[(part.first + o) * rank + static_cast<int64_t>(m) * l.r + k];
  }
}

void Linear::backward(Operand dy, Operand x, TensorView<float> dx, float* gradients, AdapterScratch& scratch) const {
  packed_.backward_input(dy, dx);
  if (weight_ >= 0) matmul_weight_gradient(compute_, dy, x, gradients + weight_);
  if (!adapter_) return;
  add_b_gradient(dy, down(x, 0, scratch), gradients, scratch);  // dB = dy^T (scale x A^T): computed again, not kept
  const TensorView<float> product(scratch.product_row(0), dy.rows, adapter_->b.in());
  adapter_->b.backward_input(dy, product);
  const Operand du = scaled(product, 0, scratch);  // scale dy B
  adapter_->a.backward_input_add(du, dx);
  matmul_weight_gradient(compute_, du, x, gradients + adapter_->at.a());
}

size_t Linear::bytes() const { return packed_.bytes() + (adapter_ ? adapter_->a.bytes() + adapter_->b.bytes() : 0); }

}  // namespace r1
