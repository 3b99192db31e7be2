// Products by oneDNN with packed weights. Primitives are made for a few row counts ("buckets", bucket_rows) and cached.
// Every tile of a product is run by one thread: many rows are shared out by rows, few rows by columns.
#pragma once

#include <utility>

#include "kernels/matmul_pack.h"

namespace r1 {

// B (k, n) in oneDNN's own blocked layout: columns in blocks of 64, one after the other, so that a slice of whole
// blocks is itself a packed matrix.
class DnnlPack : public MatmulPack {
 public:
  DnnlPack(DType dtype, int64_t k, int64_t n);

  bool has_block() const override { return block_.cols() > 0; }
  void use_block_of(SpareBlocks& spare) override { block_ = spare.take(DType::s8, 1, block_bytes()); }
  Tensor take_block() override { return std::exchange(block_, Tensor()); }
  void pack(const float* w, bool transposed) override;
  void multiply(Operand a, TensorView<float> c, bool accumulate) const override;
  size_t bytes() const override { return block_.bytes(); }

 private:
  int64_t block_bytes() const;
  void multiply_slices(Operand a, TensorView<float> c, bool accumulate, int64_t parts) const;

  DType dtype_;
  int64_t k_, n_;
  Tensor block_;
  bool sliceable_ = false;
};

// dw (out, in) += dy^T x. Overwrites the rows of dy and x beyond T up to bucket_rows(T) with zeros.
void dnnl_weight_gradient(Operand dy, Operand x, float* dw);

}  // namespace r1
