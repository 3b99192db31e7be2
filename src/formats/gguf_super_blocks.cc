// ggml's K types and IQ4: 256 weights share a half-precision scale, and runs of 16 or 32 of them a small whole number
// that multiplies it. Products are formed in ggml's order, so that every bit agrees.
#include "formats/gguf_blocks.h"

namespace r1 {
namespace {

// Q4_K and Q5_K keep eight scales and eight minima of six bits each in twelve bytes: the first four lie in the low six
// bits of bytes 0..3 and 4..7; the low four bits of the others in bytes 8..11, their high two in the top of 0..7.
struct ScaleAndMin {
  int scale, min;
};
ScaleAndMin six_bits_at(const std::byte* p, int i) {
  if (i < 4) return {byte_at(p + i) & 63, byte_at(p + i + 4) & 63};
  return {(byte_at(p + i + 4) & 15) | byte_at(p + i - 4) >> 6 << 4, byte_at(p + i + 4) >> 4 | byte_at(p + i) >> 6 << 4};
}

// Q3_K's sixteen scales of six bits: low four bits in bytes 0..7 (two a byte), high two in bytes 8..11 (four a byte).
int q3_scale_at(const std::byte* p, int i) {
  const int low = i < 8 ? byte_at(p + i) & 15 : byte_at(p + i - 8) >> 4;
  const int high = byte_at(p + 8 + i % 4) >> (i / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

constexpr float kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace

// 16 bytes of scale and minimum (four bits each), 64 of weights (two bits), scale, scale of the minima.
void read_q2_k(const std::byte* p, float* out) {
  const std::byte* q = p + 16;
  const float d = half_at(p + 80), min = half_at(p + 82);
  for (int i = 0; i < 256; i++) {
    const int at = i / 128 * 32 + i % 32, shift = i % 128 / 32 * 2, s = byte_at(p + i / 16);
    const float dl = d * static_cast<float>(s & 15), ml = min * static_cast<float>(s >> 4);
    out[i] = dl * static_cast<float>(byte_at(q + at) >> shift & 3) - ml;
  }
}

// 32 bytes of the weights' high bit (clear: minus 4), 64 of their low two, 12 of scales, scale.
void read_q3_k(const std::byte* p, float* out) {
  const std::byte* q = p + 32;
  const float d = half_at(p + 108);
  for (int i = 0; i < 256; i++) {
    const int at = i / 128 * 32 + i % 32, shift = i % 128 / 32 * 2, high = byte_at(p + i % 32) >> (i / 32) & 1;
    const float dl = d * static_cast<float>(q3_scale_at(p + 96, i / 16));
    out[i] = dl * static_cast<float>((byte_at(q + at) >> shift & 3) - (high != 0 ? 0 : 4));
  }
}

// Scale, scale of the minima, 12 bytes of both, 128 of weights (four bits).
void read_q4_k(const std::byte* p, float* out) {
  const float d = half_at(p), min = half_at(p + 2);
  for (int run = 0; run < 8; run++) {
    const ScaleAndMin s = six_bits_at(p + 4, run);
    const float d1 = d * static_cast<float>(s.scale), m1 = min * static_cast<float>(s.min);
    for (int j = 0; j < 32; j++) {
      const int q = byte_at(p + 16 + run / 2 * 32 + j) >> (run % 2 * 4) & 15;
      out[run * 32 + j] = d1 * static_cast<float>(q) - m1;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits before the weights.
void read_q5_k(const std::byte* p, float* out) {
  const float d = half_at(p), min = half_at(p + 2);
  for (int run = 0; run < 8; run++) {
    const ScaleAndMin s = six_bits_at(p + 4, run);
    const float d1 = d * static_cast<float>(s.scale), m1 = min * static_cast<float>(s.min);
    for (int j = 0; j < 32; j++) {
      const int low = byte_at(p + 48 + run / 2 * 32 + j) >> (run % 2 * 4) & 15;
      const int high = byte_at(p + 16 + j) >> run & 1;
      out[run * 32 + j] = d1 * static_cast<float>(low | high << 4) - m1;
    }
  }
}

// 128 bytes of the weights' low four bits, 64 of their high two, 16 signed scales, scale.
void read_q6_k(const std::byte* p, float* out) {
  const float d = half_at(p + 208);
  for (int i = 0; i < 256; i++) {
    const int half = i / 128, run = i % 128 / 32, j = i % 32;
    const int low = byte_at(p + half * 64 + run % 2 * 32 + j) >> (run / 2 * 4) & 15;
    const int high = byte_at(p + 128 + half * 32 + j) >> (run * 2) & 3;
    out[i] = d * static_cast<float>(signed_at(p + 192 + i / 16)) * static_cast<float>((low | high << 4) - 32);
  }
}

// Scale, 16 bytes of places in the table.
void read_iq4_nl(const std::byte* p, float* out) {
  const float d = half_at(p);
  for (int j = 0; j < 16; j++) {
    const int q = byte_at(p + 2 + j);
    out[j] = d * kIq4Values[q & 15];
    out[j + 16] = d * kIq4Values[q >> 4];
  }
}

// Scale, two bytes of the eight scales' high two bits, four of their low four, 128 of places in the table.
void read_iq4_xs(const std::byte* p, float* out) {
  const float d = half_at(p);
  const int high = byte_at(p + 2) | byte_at(p + 3) << 8;
  for (int run = 0; run < 8; run++) {
    const int scale = (byte_at(p + 4 + run / 2) >> (run % 2 * 4) & 15) | (high >> (run * 2) & 3) << 4;
    const float dl = d * static_cast<float>(scale - 32);
    for (int j = 0; j < 16; j++) {
      const int q = byte_at(p + 8 + run * 16 + j);
      out[run * 32 + j] = dl * kIq4Values[q & 15];
      out[run * 32 + j + 16] = dl * kIq4Values[q >> 4];
    }
  }
}

}  // namespace r1
