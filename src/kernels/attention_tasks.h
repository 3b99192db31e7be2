// What attention.cc hands to the per-instruction-set code: plain pointers, one task a thread.
#pragma once

#include "kernels/attention.h"

namespace r1 {

constexpr int kMaxHeadSize = 256;

struct AttentionForwardTask {
  SegmentRun run;
  int64_t begin, end;  // rows of the run, relative to run.row
  int heads, kv_head;
  float scale;
  KvPages pages;
  TensorView<const float> q;
  Operand out;
  float* lse;
};

struct AttentionBackwardTask {
  const SegmentRun* runs;  // a prefix and what hangs on it, or one run alone
  int64_t num_runs;
  int heads, kv_head;
  float scale;
  KvPages pages;
  TensorView<const float> q, d_out;
  Operand out;
  const float* lse;
  AttentionGradients grads;
};

#define R1_DECLARE_ATTENTION(ns)                                \
  namespace ns {                                                \
  void attention_forward_task(const AttentionForwardTask& t);   \
  void attention_backward_task(const AttentionBackwardTask& t); \
  }
R1_DECLARE_ATTENTION(scalar)
R1_DECLARE_ATTENTION(avx2)
R1_DECLARE_ATTENTION(avx512)
#undef R1_DECLARE_ATTENTION

}  // namespace r1
