// What attention.cc hands to the per-instruction-set code: plain pointers, one task a thread.
#pragma once

#include "kernels/attention.h"

namespace r1 {

constexpr int kMaxHeadSize = 256;
constexpr int kTaskQueries = 96;  // query vectors of a forward task

// Elements of the pages' type that make a lane of 32 bits.
template <typename T>
constexpr int kPack = static_cast<int>(4 / sizeof(T));

// One head of keys. Either rows [begin, end) of one run, or the only rows of several runs that hang on one prefix.
struct AttentionForwardTask {
  const SegmentRun* runs;
  int64_t num_runs;
  int64_t begin, end;  // relative to the runs' first rows
  int heads, kv_head;
  float scale;
  KvPages pages;
  Operand q, out;
  float* lse;
};

// One run and one head of keys.
struct AttentionBackwardTask {
  SegmentRun run;
  int heads, kv_head;
  float scale;
  KvPages pages;
  Operand q, out;
  TensorView<const float> d_out;
  const float* lse;
  AttentionGradients grads;                // own rows
  TensorView<float> prefix_dk, prefix_dv;  // (prefix_length, head_size): this run's part of the prefix's gradients
  float* delta;                            // room for rows * heads / kv_heads
};

#define R1_DECLARE_ATTENTION(ns)                                \
  namespace ns {                                                \
  void attention_forward_task(const AttentionForwardTask& t);   \
  void attention_backward_task(const AttentionBackwardTask& t); \
  }
R1_DECLARE_ATTENTION(scalar)
R1_DECLARE_ATTENTION(avx2)
R1_DECLARE_ATTENTION(avx512)
R1_DECLARE_ATTENTION(avx512bf16)
#undef R1_DECLARE_ATTENTION

}  // namespace r1
