#include "kernels/swiglu.h"

#include "base/error.h"
#include "base/threads.h"
#include "kernels/elementwise_rows.h"

namespace r1 {

void swiglu_forward(const Compute& compute, TensorView<const float> gate_up, Operand kept, Operand h) {
  R1_CHECK(gate_up.cols == 2 * h.cols && gate_up.rows == h.rows);
  const size_t half = static_cast<size_t>(h.cols) * dtype_size(h.dtype);
  parallel_chunks(h.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      char* keep = kept.data ? static_cast<char*>(kept.row(r)) : nullptr;
      R1_DISPATCH(compute.isa, swiglu_row, gate_up.row(r), gate_up.row(r) + h.cols, h.cols, keep,
                  keep ? keep + half : nullptr, h.row(r), h.dtype == DType::bf16);
    }
  });
}

void swiglu_again(const Compute& compute, Operand kept, Operand h) {
  R1_CHECK(kept.cols == 2 * h.cols && kept.rows == h.rows);
  const size_t half = static_cast<size_t>(h.cols) * dtype_size(h.dtype);
  parallel_chunks(h.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const char* gate = static_cast<const char*>(kept.row(r));
      R1_DISPATCH(compute.isa, swiglu_again_row, gate, gate + half, h.cols, h.row(r), h.dtype == DType::bf16);
    }
  });
}

void swiglu_backward(const Compute& compute, Operand kept, TensorView<const float> dh, Operand d_gate_up) {
  R1_CHECK(kept.cols == 2 * dh.cols && kept.rows == dh.rows && d_gate_up.cols == kept.cols);
  const size_t half = static_cast<size_t>(dh.cols) * dtype_size(d_gate_up.dtype);
  parallel_chunks(dh.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const char* gate = static_cast<const char*>(kept.row(r));
      char* out = static_cast<char*>(d_gate_up.row(r));
      R1_DISPATCH(compute.isa, swiglu_backward_row, gate, gate + half, dh.row(r), dh.cols, out, out + half,
                  d_gate_up.dtype == DType::bf16);
    }
  });
}

}  // namespace r1
