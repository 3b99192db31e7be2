// bf16 products by VDPBF16PS, the instruction that multiplies pairs of bf16 and adds both to a float32: where the CPU
// has it (Isa::avx512bf16). Both operands lie in pairs along k, so that one 32-bit word is one step of a sum. Weights
// lie in panels of 32 columns, the rows of the other operand in blocks of up to twelve; a kernel keeps a block of
// results in 24 registers while k runs. Beside it the next panel is asked for from memory: a decode step multiplies few
// rows with weights that are in no cache.
//
// Every element is one chain of sums over k in order, onto what the result held: a row's bits depend on nothing but its
// own operand and the weights. The instruction takes denormals for zeros.
#pragma once

#include <utility>

#include "kernels/matmul_pack.h"

namespace r1 {

// B (k, n) as panels of 32 columns: of each pair of rows, 32 words. The last panel and an odd k are filled up with
// zeros.
class Bf16Pack : public MatmulPack {
 public:
  Bf16Pack(int64_t k, int64_t n) : k_(k), n_(n) {}
  static size_t bytes(int64_t k, int64_t n);

  bool has_block() const override { return panels_.cols() > 0; }
  void use_block_of(SpareBlocks& spare) override;
  Tensor take_block() override { return std::exchange(panels_, Tensor()); }
  void pack(const float* w, bool transposed) override;
  void multiply(Operand a, TensorView<float> c, bool accumulate) const override;
  size_t bytes() const override { return panels_.bytes(); }
  std::span<const std::byte> first_read(int64_t rows) const override;

 private:
  int64_t k_, n_;
  Tensor panels_;
};

// dw (out, in) += dy^T x. Not inside in_team.
void bf16_weight_gradient(Operand dy, Operand x, float* dw);

// Up to sixteen rows of `stride` bf16, k of each, as words [pair][16]: word r of a pair is row r's. Missing rows and
// numbers are zeros; writes whole sixteens of pairs.
struct PairRows {
  const bf16* from;
  int64_t stride;
  int rows;
  int64_t k;
  uint32_t* to;
};

// `n` columns of T rows of `stride` bf16 as words [pair of rows][width], width 16 or 32: pairs run along the rows.
struct PairColumns {
  const bf16* from;
  int64_t stride, rows;
  int n, width;
  uint32_t* to;
};

// A panel of float32 weights, 32 columns of B (k, n), n <= 32 of them there; B's columns are rows of `from` where
// transposed.
struct PairPanel {
  const float* from;
  int64_t stride, k;
  int n;
  bool transposed;
  uint32_t* to;
};

// C (rows, n <= 32) (+)= A B for A in `blocks` blocks of `block_words` words each and a part of a panel; `next` is what
// will be wanted after it. Blocks are of nearly the same size, number i from row rows * i / blocks on: a short last one
// would leave most registers empty.
struct PairProduct {
  const uint32_t* a;
  int64_t rows, blocks, block_words, pairs;
  const uint32_t *panel, *next;
  float* c;
  int64_t c_stride;
  int n;
  bool accumulate;
};

// Up to kStreamedRows rows, one laid block, against `panels` whole panels, several at a time: what few rows cost is
// reading the panels, and memory gives more when it is read in several places at once.
constexpr int kStreamedRows = 6;
struct PairStreams {
  const uint32_t* a;
  int64_t rows, pairs;
  const uint32_t* panel;
  int64_t panel_words, panels;
  float* c;
  int64_t c_stride;
  bool accumulate;
};

}  // namespace r1
