// Qwen2 and Qwen2.5: biases on q, k and v.
#include "model/families/family.h"

namespace r1 {

void read_qwen2(const ConfigReader&, ModelConfig& out) { out.qkv_bias = true; }

}  // namespace r1
