// A model family: how its config.json differs from the common keys. Adding one is a file in this folder and a line in
// families.cc.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "model/config.h"

namespace r1 {

struct Family {
  std::string_view model_type;
  // Sets the switches; the common keys are read already. Throws r1::Error for what the family's code does not support.
  void (*read)(const nlohmann::ordered_json& config, ModelConfig& out);
};

void read_llama(const nlohmann::ordered_json& config, ModelConfig& out);
void read_qwen2(const nlohmann::ordered_json& config, ModelConfig& out);
void read_qwen3(const nlohmann::ordered_json& config, ModelConfig& out);

std::span<const Family> all_families();

}  // namespace r1
