// What a transformer's config.json says, in one struct for all families. A family (families/NAME.cc) is a page: it
// reads its own spelling and sets the switches; layers look at the switches only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

enum class RopeKind { plain, linear, llama3, yarn };

struct RopeConfig {
  RopeKind kind = RopeKind::plain;
  double theta = 10000;
  double factor = 1;                                 // linear, llama3, yarn
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  double attention_factor = 0;                       // yarn; 0: 0.1 ln(factor) + 1
  double mscale = 0, mscale_all_dim = 0;             // yarn as DeepSeek writes it
  bool truncate = true;                              // yarn: correction range rounded to whole dimensions
  int64_t original_max_positions = 0;                // llama3, yarn
};

struct ModelConfig {
  std::string family;  // model_type: llama, qwen2, qwen3
  int64_t vocabulary = 0, width = 0, inner = 0, layers = 0;
  int heads = 0, kv_heads = 0, head_size = 0;
  float norm_eps = 1e-6f;
  bool tied_embeddings = false;
  bool scalar_head = false;  // a reward model: score.weight instead of a language-model head (counts as tied then)
  bool qkv_bias = false;     // Qwen2
  bool qk_norm = false;      // Qwen3: RMSNorm of every query and key head before RoPE
  int64_t max_positions = 2048;
  RopeConfig rope;
  std::vector<int32_t> eos_ids;  // any of them ends a sequence
  int32_t bos_id = -1, pad_id = -1;

  int64_t q_cols() const { return int64_t{heads} * head_size; }
  int64_t kv_cols() const { return int64_t{kv_heads} * head_size; }
  int64_t qkv_cols() const { return q_cols() + 2 * kv_cols(); }
};

// Reads config.json (and generation_config.json's eos ids when given). Throws r1::Error naming the key, what it holds
// and what is expected; a family nobody knows is an error that lists those that are.
ModelConfig read_config(const nlohmann::ordered_json& config, const nlohmann::ordered_json& generation_config,
                        const std::string& path);

// Rotary inverse frequencies, head_size / 2 of them, and the factor that multiplies cos and sin (yarn), as
// transformers' modeling_rope_utils computes them.
struct RopeFrequencies {
  std::vector<double> inverse;
  double attention_factor = 1;
};
RopeFrequencies rope_frequencies(const RopeConfig& rope, int head_size, int64_t max_positions);

}  // namespace r1
