// The three products of a linear layer as plain loops in double, each with the sum of magnitudes that bounds its
// rounding. Tests only.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace r1 {

struct ProductRef {
  std::vector<double> value, size;  // sum of a b, sum of |a b|
};

// c (rows, cols) = sum over k of a(row, k) b(k, col), any access functions.
template <typename A, typename B>
ProductRef matmul_ref(int64_t rows, int64_t cols, int64_t depth, const A& a, const B& b) {
  ProductRef out;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < cols; c++) {
      double value = 0, size = 0;
      for (int64_t k = 0; k < depth; k++) {
        value += a(r, k) * b(k, c);
        size += std::abs(a(r, k) * b(k, c));
      }
      out.value.push_back(value);
      out.size.push_back(size);
    }
  return out;
}

}  // namespace r1
