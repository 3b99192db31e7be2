// A model family: how its config.json differs from the common keys. Adding one is a file in this folder and a line in
// families.cc.
#pragma once

#include <span>
#include <string_view>

#include "model/config.h"
#include "model/config_reader.h"

namespace r1 {

struct Family {
  std::string_view model_type;
  // Sets the switches; the common keys are read already. Throws r1::Error for what the family's code does not support.
  void (*read)(const ConfigReader& config, ModelConfig& out);
  int head_size = 0;  // where config.json has no head_dim; 0: hidden_size / num_attention_heads
};

void read_llama(const ConfigReader& config, ModelConfig& out);
void read_qwen2(const ConfigReader& config, ModelConfig& out);
void read_qwen3(const ConfigReader& config, ModelConfig& out);

std::span<const Family> all_families();

}  // namespace r1
