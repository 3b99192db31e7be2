// Qwen3: q and k are normalised per head, head_dim is its own number.
#include "base/error.h"
#include "model/families/family.h"

namespace r1 {

void read_qwen3(const nlohmann::ordered_json& config, ModelConfig& out) {
  out.qk_norm = true;
  if (config.value("attention_bias", false))
    fail("config.json: attention_bias is true; r1's qwen3 family has no biases");
  if (config.value("use_sliding_window", false))
    fail("config.json: use_sliding_window is true; r1 attends to all positions only");
}

}  // namespace r1
