#include "formats/weight_encoding.h"

#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"

namespace r1 {
namespace {

constexpr int64_t kChunk = 1 << 16, kBlock = 32, kBlockBytes = 34;

template <typename Stored, typename Convert>
std::span<const std::byte> convert(std::span<const float> values, std::vector<std::byte>& out, const Convert& to) {
  out.resize(values.size() * sizeof(Stored));
  parallel_chunks(static_cast<int64_t>(values.size()), kChunk, [&](int64_t begin, int64_t end) {
    for (size_t i = static_cast<size_t>(begin); i < static_cast<size_t>(end); i++) {
      const Stored x = to(values[i]);
      std::memcpy(out.data() + i * sizeof x, &x, sizeof x);
    }
  });
  return out;
}

bool is_infinite_half(uint16_t bits) { return (bits & 0x7fffu) == 0x7c00u; }

}  // namespace

std::span<const std::byte> encode_weights(std::span<const float> values, DType dtype, const std::string& what,
                                          std::vector<std::byte>& out) {
  if (dtype == DType::f32) return std::as_bytes(values);
  if (dtype == DType::bf16) return convert<bf16>(values, out, [](float x) { return to_bf16(x); });
  R1_CHECK(dtype == DType::f16);
  std::atomic<bool> too_large = false;
  convert<uint16_t>(values, out, [&](float x) {
    const uint16_t half = float_to_half(x);
    if (is_infinite_half(half)) too_large = true;
    return half;
  });
  if (too_large) fail("{}: holds a weight beyond 65504, the most that f16 can; use bf16 or f32", what);
  return out;
}

std::span<const std::byte> encode_q8_0(std::span<const float> values, const std::string& what,
                                       std::vector<std::byte>& out) {
  R1_CHECK(values.size() % kBlock == 0);
  const int64_t blocks = static_cast<int64_t>(values.size()) / kBlock;
  out.resize(static_cast<size_t>(blocks * kBlockBytes));
  std::atomic<bool> too_large = false;
  parallel_chunks(blocks, kChunk / kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
      const float* x = values.data() + b * kBlock;
      std::byte* to = out.data() + b * kBlockBytes;
      float most = 0;
      for (int64_t j = 0; j < kBlock; j++) most = std::max(most, std::fabs(x[j]));
      const float scale = most / 127, inverse = scale != 0 ? 1 / scale : 0;
      const uint16_t half = float_to_half(scale);
      if (is_infinite_half(half)) too_large = true;
      std::memcpy(to, &half, sizeof half);
      for (int64_t j = 0; j < kBlock; j++)
        to[2 + j] = static_cast<std::byte>(static_cast<int>(std::round(x[j] * inverse)));
    }
  });
  if (too_large) fail("{}: holds a weight too large for q8_0's scales; use bf16 or f32", what);
  return out;
}

}  // namespace r1
