// How blocks of ggml's quantised types are read. `block` holds one block, `out` takes its elements.
#pragma once

#include <cstddef>
#include <cstring>

#include "tensor/tensor.h"

namespace r1 {

inline float half_at(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return half_to_float(bits);
}
inline int byte_at(const std::byte* p) { return std::to_integer<int>(*p); }
inline int signed_at(const std::byte* p) { return static_cast<int8_t>(std::to_integer<uint8_t>(*p)); }

// Blocks of 256 (gguf_super_blocks.cc).
void read_q2_k(const std::byte* block, float* out);
void read_q3_k(const std::byte* block, float* out);
void read_q4_k(const std::byte* block, float* out);
void read_q5_k(const std::byte* block, float* out);
void read_q6_k(const std::byte* block, float* out);
void read_iq4_nl(const std::byte* block, float* out);  // blocks of 32, with IQ4_XS's table of values
void read_iq4_xs(const std::byte* block, float* out);

}  // namespace r1
