// The narrow forms of AdamW for each instruction set (adamw_simd.cc).
#pragma once

#include "kernels/elementwise_rows.h"

namespace r1 {

// Philox's key and the two words of its counter that a whole range shares.
struct RoundingKey {
  uint32_t key[2], parameter, step;
};

// The map of dynamic_map_value with what encoding needs. Decade d holds values of about 10^-d.
struct DynamicMap {
  float value[256];
  float lowest;        // below it 0 is nearer
  float lower[7];      // where decade d begins: half-way to the last value of the decade below
  float to_decade[7];  // 10^d
  int32_t parts[7];    // how many values decade d has; its codes are parts, parts + 1, ...
  float one;           // from here on the value 1 is nearest
  int32_t code_of_one;
};

#define R1_DECLARE_ADAMW(ns)                                                                           \
  namespace ns {                                                                                       \
  void adamw_bf16_range(float* p, float* g, bf16* m, bf16* v, int64_t n, const AdamwConstants& c,      \
                        const RoundingKey& key, uint32_t first_counter);                               \
  void adamw_8bit_block(float* p, float* g, const QuantisedMoments& q, int n, const AdamwConstants& c, \
                        const DynamicMap& m_map, const DynamicMap& v_map);                             \
  }
R1_DECLARE_ADAMW(scalar)
R1_DECLARE_ADAMW(avx2)
R1_DECLARE_ADAMW(avx512)
R1_DECLARE_ADAMW(avx512bf16)
#undef R1_DECLARE_ADAMW

}  // namespace r1
