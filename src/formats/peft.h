// PEFT's folders of LoRA adapters (Hu et al. 2021): adapter_config.json and adapter_model.safetensors, whose tensors
// are base_model.model.MODULE.lora_A.weight (r, in) and .lora_B.weight (out, r). A module gives W x + scale B A x.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "formats/model_files.h"

namespace r1 {

// Every module that may carry an adapter, in the order in which lists of them are written.
constexpr std::array<std::string_view, 7> kLoraModules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                          "gate_proj", "up_proj", "down_proj"};

// "self_attn.q_proj" of "q_proj".
std::string lora_module_path(std::string_view module);
// The tensors' names in a PEFT folder; `part` is A or B.
std::string lora_tensor_name(int64_t layer, std::string_view module, char part);

// Modules by name: "all-linear", or names with commas between them; brackets and quotes of a list are passed over.
// Throws r1::UsageError for another name. The result is in kLoraModules' order, each name once.
std::vector<std::string> parse_lora_modules(const std::string& text);

// Reads adapter_config.json and looks through the tensors' names: they decide which modules there are. What would give
// another product than W x + scale B A x (DoRA, patterns of ranks, initialisations that change the base, ...) is an
// error by name, and so is a tensor that has no place.
LoraConfig read_lora_config(const nlohmann::ordered_json& json, const TensorSource& tensors, const std::string& path);

// base_model_name_or_path of adapter_config.json.
std::string adapter_base_name(const nlohmann::ordered_json& json, const std::string& path);

// Writes a PEFT folder into an existing folder: the adapter, and the tokenizer and template of `meta`, whose `base`
// becomes base_model_name_or_path.
std::vector<WrittenFile> write_peft_folder(const std::string& folder, const ModelFiles& meta, const LoraConfig& config,
                                           std::span<const NamedTensor> tensors, DType dtype);

}  // namespace r1
