// A linear layer y = x W^T of a transformer, with what LoRA adds: where W is frozen, its modules may carry adapters,
//   y += scale (x A^T) B^T,
// and then A and B are what is trained. The adapters of a fused matrix are two more products: A of all modules one
// below the other, B block by block (zeros elsewhere add exactly nothing). They run through the same batch-invariant
// matmul as W, so sampler and trainer agree to the last bit here too.
#pragma once

#include <optional>

#include "kernels/matmul.h"
#include "model/adapter.h"

namespace r1 {

enum class AdapterUse { on, off };  // off: the base model, which is the reference of the KL term

// Buffers of the adapters of one pass; grown by make_room, a few numbers a row.
struct AdapterScratch {
  void make_room(const Compute& compute, int64_t rows, int64_t rank);
  // Rows from `first` on; those of narrower adapters begin where the widest's do, and threads may be at different ones.
  float* product_row(int64_t first) { return product.as<float>() + first * product.cols(); }

  AdapterUse use = AdapterUse::on;
  Tensor product;     // (T, R) f32: x A^T, or dy B
  Tensor operand;     // (T, R) the same times the scale, as an operand
  Tensor b_gradient;  // (out, R) f32: gradient of the blocks of B, zeros' places too
};

class Linear {
 public:
  Linear(const Compute& compute, int64_t out, int64_t in, bool with_backward);

  // W (out, in) lies at `weight` of the parameters' and gradients' blocks; without this call it is frozen.
  void train_weight(int64_t weight) { weight_ = weight; }
  void attach(const AdapterLayout& layout, const AdapterLayout::Matrix& at, bool with_backward);

  void pack(const float* w) { packed_.pack(w); }
  // As PackedMatrix does.
  void drop() { packed_.drop(); }
  void lend(Pass pass, const float* w, SpareBlocks& spare) { packed_.lend(pass, w, spare); }
  void take_back(SpareBlocks& spare) { packed_.take_back(spare); }
  void read_while_waiting(int64_t rows) const { packed_.read_while_waiting(rows); }
  void pack_adapter(const float* adapter);

  // y (T, out) from x (T, in), rows of a pass from `first_row` on: those of `scratch` that are used.
  void forward(Operand x, TensorView<float> y, int64_t first_row, AdapterScratch& scratch) const;
  // dx (T, in) is overwritten; adds the gradient of W, or of A and B, to `gradients`, a block of the trained
  // parameters. Rows of dy and x beyond T are zeroed where a gradient is taken.
  void backward(Operand dy, Operand x, TensorView<float> dx, float* gradients, AdapterScratch& scratch) const;

  int64_t out() const { return packed_.out(); }
  int64_t in() const { return packed_.in(); }
  size_t bytes() const;

 private:
  struct Adapter {
    AdapterLayout::Matrix at;
    int64_t r;
    float scale;
    PackedMatrix a, b;  // (R, in), (out, R) for R = parts * r
  };
  Operand scaled(TensorView<float> product, int64_t first_row, AdapterScratch& scratch) const;
  Operand down(Operand x, int64_t first_row, AdapterScratch& scratch) const;
  void add_b_gradient(Operand dy, Operand u, float* gradients, AdapterScratch& scratch) const;

  Compute compute_;
  PackedMatrix packed_;
  int64_t weight_ = -1;
  std::optional<Adapter> adapter_;
};

}  // namespace r1
