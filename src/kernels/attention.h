// Causal attention over segments, flash style (Dao et al. 2022, 2023): scores never leave a block of 64 keys. A segment
// may hang on a prefix (the prompt of a group): its rows attend to the prefix's keys, which exist once, and to their
// own.
//
// Keys and values live in pages of 64 absolute positions. Blocks are cut by absolute position, so decode, prefill,
// prefill in pieces and training walk the same blocks in the same order: a row's bits depend on its own q and on the
// keys it sees, not on which rows share the call.
//
// Products take Compute::operand: queries, weights and their gradients are rounded to it on their way in; sums are f32.
#pragma once

#include <span>

#include "kernels/compute.h"
#include "tensor/tensor.h"

namespace r1 {

constexpr int kPageSize = 64;  // positions

// A page of one layer: for each key-value head K transposed (head_size, 64), then V (64, value_stride). In bf16 two
// neighbours of the axis a product sums over lie side by side: K (head_size / 2, 64, 2), V (32, value_stride, 2).
// head_size is even.
struct KvShape {
  int kv_heads = 0, head_size = 0;
  int value_stride() const { return (head_size + 15) / 16 * 16; }
  int64_t head_elements() const { return int64_t{kPageSize} * (head_size + value_stride()); }
  int64_t page_elements() const { return kv_heads * head_elements(); }
};

// One layer's pages (borrowed). dtype is Compute::operand.
struct KvPages {
  void* data = nullptr;
  DType dtype = DType::f32;
  KvShape shape;
};

// Consecutive positions of one sequence, as rows of a batch.
struct SegmentRun {
  int64_t row = 0;  // first row in the batch
  int64_t rows = 0;
  int64_t start = 0;                      // absolute position of the first row
  const int32_t* prefix_pages = nullptr;  // page of block b, b < ceil(prefix_length / 64)
  int64_t prefix_length = 0;              // positions [0, prefix_length) are the prefix's; 0: no prefix
  const int32_t* own_pages = nullptr;     // page of block b is own_pages[b - prefix_length / 64]
  int64_t prefix_row = -1;                // backward: the batch row of the prefix's position 0
};

// Copies k and v (T, kv_heads * head_size), rotated already, to the runs' own pages.
void store_keys_values(const Compute& compute, std::span<const SegmentRun> runs, TensorView<const float> k,
                       TensorView<const float> v, KvPages pages);

// out (T, heads * head_size) = softmax(scale q k^T) v for the runs' rows. q is rotated already; keys up to each row's
// own position must be stored. lse (T, heads) = log of the sum of exp of the scaled scores.
void attention_forward(const Compute& compute, std::span<const SegmentRun> runs, Operand q, int heads, float scale,
                       KvPages pages, Operand out, float* lse);

// Gradients for whole segments: every run starts at its prefix_length, a prefix is a run of the same batch, and the
// runs that hang on it follow it directly. dq, dk, dv are overwritten; a prefix's dk and dv sum over the runs that hang
// on it.
struct AttentionGradients {
  TensorView<float> dq;  // (T, heads * head_size)
  TensorView<float> dk;  // (T, kv_heads * head_size)
  TensorView<float> dv;
};
void attention_backward(const Compute& compute, std::span<const SegmentRun> runs, Operand q, int heads, float scale,
                        KvPages pages, Operand out, TensorView<const float> d_out, const float* lse,
                        const AttentionGradients& grads);

}  // namespace r1
