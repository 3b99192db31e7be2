// Matrix products of a transformer, behind one header. Native bf16 is multiplied by our own kernel (matmul_bf16.h), f32
// by oneDNN with packed weights where it is batch-invariant (a check at start decides, Compute::onednn), everything
// else by our own panels of f32 (matmul_own.h). f32 or bf16 operands, f32 accumulation and results.
//
// The promise: a row of a result depends on its own row of the operand and on the weights alone. Not on how many rows
// share the call, not on the number of threads. Primitives are made for a few row counts ("buckets") and cached; a call
// uses the next larger bucket, so operand and result blocks must have room for bucket_rows(rows) rows. What the extra
// rows hold is never used.
#pragma once

#include <memory>
#include <vector>

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

// Rows a block must have room for so that `rows` rows can be multiplied. bucket_rows(r) - r is below 12.5 % beyond 64
// rows.
int64_t bucket_rows(int64_t rows);

// Into how many shares rows are cut where they can go through several products apart from each other: one for each
// thread, which then waits for nobody, or 1 where so few rows would not pay for every thread's reading all weights. Not
// with oneDNN, whose buckets reach into the rows of others.
int64_t row_shares(const Compute& compute, int64_t rows);

// Blocks that matrices of the same shape use one after the other.
class SpareBlocks {
 public:
  Tensor take(DType dtype, int64_t rows, int64_t cols);  // a spare one, or a new one; what it holds is not defined
  void give(Tensor block) { blocks_.push_back(std::move(block)); }
  void clear() { blocks_.clear(); }

 private:
  std::vector<Tensor> blocks_;
};

enum class Pass { forward, backward };

// A weight matrix W (out, in), packed for the products a linear layer y = x W^T needs.
class PackedMatrix {
 public:
  // `with_backward`: pack() makes a copy for dx = dy W too; oneDNN needs a second one. Without it that product wants
  // lend() first.
  PackedMatrix(const Compute& compute, int64_t out, int64_t in, bool with_backward);
  ~PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;

  // Packs a new value; w is (out, in) row-major float32, rounded to the operand type. The copies are kept.
  void pack(const float* w);
  // Frees them: until the next pack(), a product needs lend().
  void drop();
  // Where keeping copies takes too much memory: packs `w` for one kind of product into a block of `spare`, unless a
  // kept copy serves. take_back() returns the block.
  void lend(Pass pass, const float* w, SpareBlocks& spare);
  void take_back(SpareBlocks& spare);
  // For a team's threads: what a product of `rows` rows will read first is asked for while they wait for each other.
  void read_while_waiting(int64_t rows) const;
  // y (T, out) = x (T, in) W^T. x is of Compute::operand type; y is dense.
  void forward(Operand x, TensorView<float> y) const;
  // y += x W^T.
  void forward_add(Operand x, TensorView<float> y) const;
  // dx (T, in) = dy (T, out) W. Overwrites dx; dense.
  void backward_input(Operand dy, TensorView<float> dx) const;
  // dx += dy W.
  void backward_input_add(Operand dy, TensorView<float> dx) const;

  int64_t out() const;
  int64_t in() const;
  size_t bytes() const;  // of packed copies

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// dw (out, in) += dy^T x for dy (T, out), x (T, in). Overwrites the rows of dy and x beyond T up to bucket_rows(T) with
// zeros.
void matmul_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw);

// Whether oneDNN gives the same bits for every number of rows and threads on this machine, for both operand types of
// `compute`. Run once at start; takes some 50 ms.
bool onednn_is_batch_invariant(const Compute& compute);

}  // namespace r1
