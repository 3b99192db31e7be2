// Weights as the bytes that files hold.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace r1 {

// `values` rounded to f32, bf16 or f16 (nearest, ties to even). `what` (file and tensor) begins the message about a
// value that f16 cannot hold. The result is `values` itself or lies in `out`.
std::span<const std::byte> encode_weights(std::span<const float> values, DType dtype, const std::string& what,
                                          std::vector<std::byte>& out);

// ggml's Q8_0: blocks of 32 with the scale max|x| / 127 as a half, then whole numbers. A multiple of 32 values.
std::span<const std::byte> encode_q8_0(std::span<const float> values, const std::string& what,
                                       std::vector<std::byte>& out);

}  // namespace r1
