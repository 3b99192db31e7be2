// Llama (SmolLM2 among them): no biases, no q/k norm.
#include "base/error.h"
#include "model/families/family.h"

namespace r1 {

void read_llama(const ConfigReader& config, ModelConfig&) {
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (config.flag(key, false))
      fail("{}: config.json: {} is true; r1's llama family has no such biases", config.path(), key);
}

}  // namespace r1
