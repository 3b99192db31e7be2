#include "model/families/family.h"

namespace r1 {

std::span<const Family> all_families() {
  static constexpr Family kFamilies[] = {{"llama", read_llama}, {"qwen2", read_qwen2}, {"qwen3", read_qwen3, 128}};
  return kFamilies;
}

}  // namespace r1
