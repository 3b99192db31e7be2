// Qwen3: q and k are normalised per head, head_dim is its own number.
#include "base/error.h"
#include "model/families/family.h"

namespace r1 {

void read_qwen3(const ConfigReader& config, ModelConfig& out) {
  out.qk_norm = true;
  if (config.flag("attention_bias", false))
    fail("{}: config.json: attention_bias is true; r1's qwen3 family has no biases", config.path());
}

}  // namespace r1
