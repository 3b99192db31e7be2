// SwiGLU (Shazeer 2020): silu(gate) * up, gate and up side by side in one row.
#pragma once

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

// h (rows, inner) = silu(gate) up for gate_up (rows, 2 inner), both rounded to the operand type first. `kept`
// (rows, 2 inner) gets the rounded gate_up, which is what backward needs; its data may be null.
void swiglu_forward(const Compute& compute, TensorView<const float> gate_up, Operand kept, Operand h);
// From what forward kept: h once more, to the bit.
void swiglu_again(const Compute& compute, Operand kept, Operand h);
// From what forward kept: d_gate_up (rows, 2 inner), the operand of the next products.
void swiglu_backward(const Compute& compute, Operand kept, TensorView<const float> dh, Operand d_gate_up);

}  // namespace r1
