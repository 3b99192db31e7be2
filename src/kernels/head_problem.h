// Rows of hidden states, a vocabulary and targets for the head's tests.
#pragma once

#include <vector>

#include "kernels/head_ref.h"
#include "kernels/test_cases.h"

namespace r1 {

struct HeadProblem {
  HeadProblem(const Compute& c, int64_t rows, int64_t vocabulary, int64_t width, double spread = 0.3)
      : vocabulary(vocabulary),
        width(width),
        h(test_normals(rows * width, 2), rows, width, c.operand, bucket_rows(rows)),
        w(test_normals(vocabulary * width, 1, spread)) {
    for (int64_t r = 0; r < rows; r++)
      targets.push_back(static_cast<int32_t>(
          random_below({.seed = 3, .sample = static_cast<uint32_t>(r)}, static_cast<uint64_t>(vocabulary))));
    if (c.operand == DType::bf16)
      for (float& f : w) f = to_float(to_bf16(f));
  }
  std::vector<double> row(int64_t r) const {
    std::vector<double> out;
    for (int64_t i = 0; i < width; i++) out.push_back(h.at(r, i));
    return out;
  }
  std::vector<double> logits(int64_t r) const { return logits_ref(row(r), {w.begin(), w.end()}); }
  int64_t vocabulary, width;
  OperandBlock h;
  std::vector<float> w;
  std::vector<int32_t> targets;
};

}  // namespace r1
