// What the tests of kernels, layers and the sampler share: every way of computing this CPU has, and fixed random
// numbers.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "base/philox.h"
#include "kernels/compute.h"

namespace r1 {

// Element-wise kernels and attention: the instruction set matters, the matmul behind does not.
inline std::vector<Compute> own_computes() {
  std::vector<Compute> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16})
    if (isa <= detect_isa())
      for (DType dtype : {DType::f32, DType::bf16}) all.push_back({isa, dtype, false});
  return all;
}

// And oneDNN where it computes that operand natively.
inline std::vector<Compute> all_computes() {
  std::vector<Compute> all = own_computes();
  if (detect_isa() >= Isa::avx512) all.push_back({Isa::avx512, DType::f32, true});
  if (detect_isa() >= Isa::avx512bf16) all.push_back({Isa::avx512bf16, DType::bf16, true});
  return all;
}

inline std::string compute_name(const Compute& c) {
  return std::string(isa_name(c.isa)) + " " + dtype_name(c.operand) + (c.onednn ? " oneDNN" : " own");
}

// Standard normals times `scale`; `sample` names the series. At most 2^44 of them.
inline std::vector<float> test_normals(int64_t n, uint32_t sample, double scale = 1) {
  std::vector<float> x(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; i++)
    x[static_cast<size_t>(i)] =
        static_cast<float>(scale * random_normal({.seed = 7,
                                                  .step = static_cast<uint32_t>(i >> 20),
                                                  .sample = sample,
                                                  .token = static_cast<uint32_t>(i & 0xfffff)}));
  return x;
}

// A block of one operand type holding given numbers, rounded, with room for `room` rows.
struct OperandBlock {
  OperandBlock(const std::vector<float>& x, int64_t rows, int64_t cols, DType dtype, int64_t room)
      : tensor(dtype, room, cols), operand{tensor.raw(), dtype, rows, cols} {
    for (int64_t i = 0; i < rows * cols; i++) {
      if (dtype == DType::bf16)
        tensor.as<bf16>()[i] = to_bf16(x[static_cast<size_t>(i)]);
      else
        tensor.as<float>()[i] = x[static_cast<size_t>(i)];
    }
  }
  OperandBlock(int64_t rows, int64_t cols, DType dtype, int64_t room)
      : tensor(dtype, room, cols), operand{tensor.raw(), dtype, rows, cols} {}
  double at(int64_t r, int64_t c) const {
    return tensor.dtype() == DType::bf16 ? to_float(tensor.as<bf16>()[r * operand.cols + c])
                                         : tensor.as<float>()[r * operand.cols + c];
  }
  std::vector<double> values() const {
    std::vector<double> out;
    for (int64_t r = 0; r < operand.rows; r++)
      for (int64_t c = 0; c < operand.cols; c++) out.push_back(at(r, c));
    return out;
  }
  Tensor tensor;
  Operand operand;
};

// d value / d x_i by central differences, x as it was afterwards.
template <typename Value>
double central_difference(std::vector<double>& x, size_t i, const Value& value, double step = 1e-5) {
  const double kept = x[i];
  x[i] = kept + step;
  const double up = value();
  x[i] = kept - step;
  const double down = value();
  x[i] = kept;
  return (up - down) / (2 * step);
}

// ||got - want|| / ||want||, for gradients.
template <typename A, typename B>
double relative_gap(const A& got, const B& want) {
  double gap = 0, size = 0;
  for (size_t i = 0; i < want.size(); i++) {
    gap += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]);
    size += static_cast<double>(want[i]) * want[i];
  }
  return std::sqrt(gap) / (std::sqrt(size) + 1e-30);
}

}  // namespace r1
