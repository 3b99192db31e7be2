// Qwen2 and Qwen2.5: biases on q, k and v.
#include "base/error.h"
#include "model/families/family.h"

namespace r1 {

void read_qwen2(const nlohmann::ordered_json& config, ModelConfig& out) {
  out.qkv_bias = true;
  if (config.value("use_sliding_window", false))
    fail("config.json: use_sliding_window is true; r1 attends to all positions only");
}

}  // namespace r1
