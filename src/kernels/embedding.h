// Token embedding: rows of a table.
#pragma once

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

// x_row = table[ids[row]]; table (vocabulary, width).
void embedding_forward(const Compute& compute, const float* table, int64_t width, const int32_t* ids,
                       TensorView<float> x);
// dtable[ids[row]] += dx_row, in row order.
void embedding_backward(const Compute& compute, TensorView<const float> dx, const int32_t* ids, float* dtable,
                        int64_t width);

}  // namespace r1
