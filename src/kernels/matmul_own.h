// The matmul used where oneDNN is not batch-invariant or has no kernel, but for native bf16 (matmul_bf16.h). Weights
// lie in panels of sixteen columns, the rows of the other operand in blocks of a few rows; a small kernel keeps a block
// of results in registers while k runs over a slice that stays in the first caches (after Goto and van de Geijn,
// "Anatomy of High-Performance Matrix Multiplication", 2008). Every element is summed over k in order, onto what the
// result held, so a row's bits depend on nothing but its own operand and the weights. bf16 operands are widened to f32.
#pragma once

#include <utility>

#include "kernels/matmul_pack.h"

namespace r1 {

// B (k, n) as n/16 panels of (k, 16) floats; the last panel is filled up with zeros.
class OwnPack : public MatmulPack {
 public:
  OwnPack(const Compute& compute, int64_t k, int64_t n);
  bool has_block() const override { return panels_.cols() > 0; }
  void use_block_of(SpareBlocks& spare) override { panels_ = spare.take(DType::f32, num_panels() * k_, 16); }
  Tensor take_block() override { return std::exchange(panels_, Tensor()); }
  void pack(const float* w, bool transposed) override;
  void multiply(Operand a, TensorView<float> c, bool accumulate) const override;
  // Panels are turned piece by piece while they are in the first cache, so that a backward pass needs no second copy.
  bool turns() const override { return true; }
  void multiply_turned(Operand a, TensorView<float> c, bool accumulate) const override;
  size_t bytes() const override { return panels_.bytes(); }
  std::span<const std::byte> first_read(int64_t rows) const override;

 private:
  int64_t num_panels() const { return (n_ + 15) / 16; }

  Compute compute_;
  int64_t k_, n_;
  Tensor panels_;
};

// dw (out, in) += dy^T x. Not inside in_team.
void own_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw);

// A block of (rows, k), f32 or bf16, whose element (r, k) is from[r * row_step + k * k_step], laid out for
// panel_product as row blocks of (k, own_row_block(isa)) floats. What a last, partial block has beyond the rows stays
// as it was.
struct RowBlocks {
  const void* from;
  DType dtype;
  int64_t row_step, k_step, rows, k;
  float* to;
};

// Columns [first, first + n) of `rows` rows, f32 or bf16, as a panel (rows, 16); what is missing of sixteen is zeros.
struct PanelColumns {
  const void* from;
  DType dtype;
  int64_t stride, rows, first;
  int n;
  float* to;
};

// A tile of (rows, cols), both up to 16, in rows of `stride` floats, turned: to[j * 16 + i] = from[i * stride + j],
// zeros from i = rows. What begins at `next` and is not null will be wanted soon in the same way.
struct TileTurn {
  const float* from;
  int64_t stride;
  int rows, cols;
  float* to;
  const float* next;
};

// C (rows, n <= 16) (+)= A B for A in row blocks and one panel B (k, 16). `next`, if not null, is the panel after it:
// its lines are asked for meanwhile, since a panel seen for the first time would keep the first row block waiting for
// memory.
struct PanelProduct {
  const float* a;
  int64_t rows, k;
  const float *panel, *next;
  float* c;
  int64_t c_stride;
  int n;
  bool accumulate;
};

}  // namespace r1
