// Blocks of ggml's types as floats, with the operations and the order of ggml's own dequantisers.
#include "formats/gguf.h"
#include "formats/gguf_blocks.h"

namespace r1 {
namespace {

void read_f32(const std::byte* p, float* out) { std::memcpy(out, p, 4); }
void read_f16(const std::byte* p, float* out) { *out = half_at(p); }
void read_bf16(const std::byte* p, float* out) {
  bf16 x;
  std::memcpy(&x, p, 2);
  *out = to_float(x);
}

void read_q4_0(const std::byte* p, float* out) {
  const float d = half_at(p);
  for (int j = 0; j < 16; j++) {
    const int q = byte_at(p + 2 + j);
    out[j] = static_cast<float>((q & 15) - 8) * d;
    out[j + 16] = static_cast<float>((q >> 4) - 8) * d;
  }
}

void read_q4_1(const std::byte* p, float* out) {
  const float d = half_at(p), m = half_at(p + 2);
  for (int j = 0; j < 16; j++) {
    const int q = byte_at(p + 4 + j);
    out[j] = static_cast<float>(q & 15) * d + m;
    out[j + 16] = static_cast<float>(q >> 4) * d + m;
  }
}

uint32_t fifth_bits(const std::byte* p) {
  uint32_t bits;
  std::memcpy(&bits, p, 4);
  return bits;
}

void read_q5_0(const std::byte* p, float* out) {
  const float d = half_at(p);
  const uint32_t high = fifth_bits(p + 2);
  for (int j = 0; j < 16; j++) {
    const int q = byte_at(p + 6 + j), h0 = static_cast<int>(high >> j & 1), h1 = static_cast<int>(high >> (j + 16) & 1);
    out[j] = static_cast<float>(((q & 15) | h0 << 4) - 16) * d;
    out[j + 16] = static_cast<float>((q >> 4 | h1 << 4) - 16) * d;
  }
}

void read_q5_1(const std::byte* p, float* out) {
  const float d = half_at(p), m = half_at(p + 2);
  const uint32_t high = fifth_bits(p + 4);
  for (int j = 0; j < 16; j++) {
    const int q = byte_at(p + 8 + j), h0 = static_cast<int>(high >> j & 1), h1 = static_cast<int>(high >> (j + 16) & 1);
    out[j] = static_cast<float>((q & 15) | h0 << 4) * d + m;
    out[j + 16] = static_cast<float>(q >> 4 | h1 << 4) * d + m;
  }
}

void read_q8_0(const std::byte* p, float* out) {
  const float d = half_at(p);
  for (int j = 0; j < 32; j++) out[j] = static_cast<float>(signed_at(p + 2 + j)) * d;
}

constexpr GgufType kTypes[] = {
    {0, "F32", 1, 4, read_f32},          {1, "F16", 1, 2, read_f16},
    {2, "Q4_0", 32, 18, read_q4_0},      {3, "Q4_1", 32, 20, read_q4_1},
    {6, "Q5_0", 32, 22, read_q5_0},      {7, "Q5_1", 32, 24, read_q5_1},
    {8, "Q8_0", 32, 34, read_q8_0},      {10, "Q2_K", 256, 84, read_q2_k},
    {11, "Q3_K", 256, 110, read_q3_k},   {12, "Q4_K", 256, 144, read_q4_k},
    {13, "Q5_K", 256, 176, read_q5_k},   {14, "Q6_K", 256, 210, read_q6_k},
    {20, "IQ4_NL", 32, 18, read_iq4_nl}, {23, "IQ4_XS", 256, 136, read_iq4_xs},
    {30, "BF16", 1, 2, read_bf16},
};

}  // namespace

const GgufType* find_gguf_type(uint32_t id) {
  for (const GgufType& t : kTypes)
    if (t.id == id) return &t;
  return nullptr;
}

std::string gguf_type_names() {
  std::string out;
  for (const GgufType& t : kTypes) out += (out.empty() ? "" : ", ") + std::string(t.name);
  return out;
}

}  // namespace r1
