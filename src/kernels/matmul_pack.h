// A matrix packed for products, whoever multiplies.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/matmul.h"

namespace r1 {

// B (k, n) in the layout of one backend. Holds a copy from pack() on, until its block is taken away.
class MatmulPack {
 public:
  virtual ~MatmulPack() = default;
  virtual bool has_block() const = 0;
  // A block of the right size becomes this one's; what it holds is not defined before pack().
  virtual void use_block_of(SpareBlocks& spare) = 0;
  virtual Tensor take_block() = 0;
  // `w` float32, row-major: (n, k) where transposed, else (k, n). Rounded to the operand's type.
  virtual void pack(const float* w, bool transposed) = 0;
  // C (rows, n) (+)= A (rows, k) B.
  virtual void multiply(Operand a, TensorView<float> c, bool accumulate) const = 0;
  // Whether multiply_turned() serves: C (rows, k) (+)= A (rows, n) B^T from the same copy.
  virtual bool turns() const { return false; }
  virtual void multiply_turned(Operand a, TensorView<float> c, bool accumulate) const;
  virtual size_t bytes() const = 0;
  // Of the copy, what the calling thread of a team will read first in a product of `rows` rows, where that is known.
  virtual std::span<const std::byte> first_read(int64_t) const { return {}; }
};

}  // namespace r1
