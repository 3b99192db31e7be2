// SwiGLU (Shazeer 2020): silu(gate) * up, gate and up side by side in one row.
#pragma once

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

// gate_up (rows, 2 inner), h (rows, inner).
void swiglu_forward(const Compute& compute, TensorView<const float> gate_up, Operand h);
// d_gate_up (rows, 2 inner) is the operand of the next products.
void swiglu_backward(const Compute& compute, TensorView<const float> gate_up, TensorView<const float> dh,
                     Operand d_gate_up);

}  // namespace r1
