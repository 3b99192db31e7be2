// RoPE as GGUF spells it: keys under ARCHITECTURE.rope.*, and for Llama 3's kind a tensor of divisors.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "formats/gguf.h"

namespace r1 {

// rope_parameters of config.json. `factors`: what rope_freqs.weight holds, or empty; the parameters of Llama 3's kind
// are found again from them. Throws r1::Error when no parameters give those factors.
nlohmann::ordered_json rope_from_gguf(const GgufHeader& header, const std::string& architecture, int64_t head_size,
                                      std::span<const float> factors);

// rope_parameters or rope_theta and rope_scaling of a config.json, as one object with rope_type and rope_theta.
nlohmann::ordered_json rope_of_config(const nlohmann::ordered_json& config);

// The divisors (head_size / 2) of rope_type llama3.
std::vector<float> llama3_factors(const nlohmann::ordered_json& rope, int64_t head_size);

// What YaRN multiplies queries and keys with, beside 0.1 ln(factor) + 1, which llama.cpp applies by itself.
double yarn_extra_magnitude(const nlohmann::ordered_json& rope);

}  // namespace r1
