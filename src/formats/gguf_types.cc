// Blocks of ggml's types as floats, with the operations and the order of ggml's own dequantisers.
#include "formats/gguf.h"

namespace r1 {
namespace {

float half_at(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return half_to_float(bits);
}

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
    const int q = std::to_integer<int>(p[2 + j]);
    out[j] = static_cast<float>((q & 15) - 8) * d;
    out[j + 16] = static_cast<float>((q >> 4) - 8) * d;
  }
}

void read_q4_1(const std::byte* p, float* out) {
  const float d = half_at(p), m = half_at(p + 2);
  for (int j = 0; j < 16; j++) {
    const int q = std::to_integer<int>(p[4 + j]);
    out[j] = static_cast<float>(q & 15) * d + m;
    out[j + 16] = static_cast<float>(q >> 4) * d + m;
  }
}

void read_q8_0(const std::byte* p, float* out) {
  const float d = half_at(p);
  for (int j = 0; j < 32; j++) out[j] = static_cast<float>(static_cast<int8_t>(std::to_integer<uint8_t>(p[2 + j]))) * d;
}

constexpr GgufType kTypes[] = {{0, "F32", 1, 4, read_f32},     {1, "F16", 1, 2, read_f16},
                               {30, "BF16", 1, 2, read_bf16},  {2, "Q4_0", 32, 18, read_q4_0},
                               {3, "Q4_1", 32, 20, read_q4_1}, {8, "Q8_0", 32, 34, read_q8_0}};

}  // namespace

const GgufType* find_gguf_type(uint32_t id) {
  for (const GgufType& t : kTypes)
    if (t.id == id) return &t;
  return nullptr;
}

}  // namespace r1
