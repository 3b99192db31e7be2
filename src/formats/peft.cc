#include "formats/peft.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/nearest.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kMostRank = 1 << 16;

// A field that must be absent, null, false, 0 or empty for the product to be W x + scale B A x.
void require_unused(const Json& json, const char* key, const std::string& path) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return;
  const bool unused = (it->is_boolean() && !it->get<bool>()) || (it->is_structured() && it->empty()) ||
                      (it->is_string() && it->get<std::string>().empty());
  if (!unused)
    fail("{}: {} is {}, which is not supported: plain LoRA adapters are", path, key, it->dump().substr(0, 80));
}

double number_of(const Json& json, const char* key, const std::string& path) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_number()) fail("{}: {} is missing or no number", path, key);
  return it->get<double>();
}

// A tensor's layer, module and part, or module empty.
struct LoraName {
  int64_t layer = -1;
  std::string module;
};
LoraName parse_tensor_name(const std::string& name) {
  constexpr std::string_view kStart = "base_model.model.model.layers.";
  if (!name.starts_with(kStart)) return {};
  int64_t layer = -1;
  std::from_chars(name.data() + kStart.size(), name.data() + name.size(), layer);
  for (std::string_view module : kLoraModules)
    for (char part : {'A', 'B'})
      if (name == lora_tensor_name(layer, module, part)) return {layer, std::string(module)};
  return {};
}

Json adapter_json(const LoraConfig& c, const std::string& base) {
  return {{"alpha_pattern", Json::object()},
          {"auto_mapping", nullptr},
          {"base_model_name_or_path", base},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"inference_mode", true},
          {"init_lora_weights", true},
          {"layers_pattern", nullptr},
          {"layers_to_transform", nullptr},
          {"lora_alpha", c.alpha == std::floor(c.alpha) ? Json(static_cast<int64_t>(c.alpha)) : Json(c.alpha)},
          {"lora_dropout", 0.0},
          {"modules_to_save", nullptr},
          {"peft_type", "LORA"},
          {"r", c.r},
          {"rank_pattern", Json::object()},
          {"revision", nullptr},
          {"target_modules", c.modules},
          {"task_type", "CAUSAL_LM"},
          {"use_dora", false},
          {"use_rslora", c.rslora}};
}

}  // namespace

double LoraConfig::scale() const {
  return alpha / (rslora ? std::sqrt(static_cast<double>(r)) : static_cast<double>(r));
}

std::string lora_module_path(std::string_view module) {
  const bool attention = module == "q_proj" || module == "k_proj" || module == "v_proj" || module == "o_proj";
  return (attention ? "self_attn." : "mlp.") + std::string(module);
}

std::string lora_tensor_name(int64_t layer, std::string_view module, char part) {
  return fmt::format("base_model.model.model.layers.{}.{}.lora_{}.weight", layer, lora_module_path(module), part);
}

std::vector<std::string> parse_lora_modules(const std::string& text) {
  std::set<std::string> found;
  std::vector<std::string> known(kLoraModules.begin(), kLoraModules.end());
  known.push_back("all-linear");
  std::string word;
  for (const char c : text + ",") {
    if (c != ',') {
      if (std::string_view(" []\"'\t\n").find(c) == std::string_view::npos) word += c;
      continue;
    }
    if (!word.empty() && std::find(known.begin(), known.end(), word) == known.end())
      fail_usage("lora_target_modules: unknown module \"{}\"; nearest is \"{}\"; there are all-linear and {}", word,
                 nearest_name(word, known), fmt::join(kLoraModules, ", "));
    if (!word.empty()) found.insert(word);
    word.clear();
  }
  std::vector<std::string> out;
  for (std::string_view m : kLoraModules)
    if (found.contains("all-linear") || found.contains(std::string(m))) out.emplace_back(m);
  if (out.empty()) fail_usage("lora_target_modules is \"{}\": expected all-linear or names of modules", text);
  return out;
}

std::string adapter_base_name(const Json& json, const std::string& path) {
  const auto it = json.find("base_model_name_or_path");
  if (it == json.end() || !it->is_string() || it->get<std::string>().empty())
    fail("{}: base_model_name_or_path is missing; it names the model that the adapter belongs to", path);
  return it->get<std::string>();
}

LoraConfig read_lora_config(const Json& json, const TensorSource& tensors, const std::string& path) {
  if (const Json type = json.value("peft_type", Json()); type != "LORA")
    fail("{}: peft_type is {}, expected \"LORA\"", path, type.dump().substr(0, 80));
  if (const Json bias = json.value("bias", Json("none")); bias != "none")
    fail("{}: bias is {}, expected \"none\"", path, bias.dump().substr(0, 80));
  for (const char* key : {"use_dora", "use_qalora", "fan_in_fan_out", "lora_bias", "rank_pattern", "alpha_pattern",
                          "modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters",
                          "alora_invocation_tokens", "arrow_config", "use_bdlora", "kasa_config", "monteclora_config"})
    require_unused(json, key, path);
  if (const Json init = json.value("init_lora_weights", Json(true)); init.is_string())
    for (const char* changed :
         {"pissa", "olora", "corda", "loftq", "lora_ga"})  // the base's weights are not the published ones
      if (init.get<std::string>().starts_with(changed))
        fail("{}: init_lora_weights is {}, which changes the base model; convert the adapter to plain LoRA first", path,
             init.dump());
  LoraConfig out;
  const double r = number_of(json, "r", path);
  if (!(r >= 1 && r <= kMostRank && r == std::floor(r))) fail("{}: r is {}, expected a whole number from 1", path, r);
  out.r = static_cast<int64_t>(r);
  out.alpha = number_of(json, "lora_alpha", path);
  if (!std::isfinite(out.alpha)) fail("{}: lora_alpha is {}", path, out.alpha);
  if (const Json rslora = json.value("use_rslora", Json(false)); rslora.is_boolean()) out.rslora = rslora.get<bool>();
  std::set<std::string> modules;
  for (const TensorInfo& t : tensors.tensors()) {
    const LoraName name = parse_tensor_name(t.name);
    if (name.module.empty())
      fail("{}: tensor {} has no place; adapters of {} are known", path, t.name, fmt::join(kLoraModules, ", "));
    modules.insert(name.module);
  }
  for (std::string_view m : kLoraModules)
    if (modules.contains(std::string(m))) out.modules.emplace_back(m);
  if (out.modules.empty()) fail("{}: adapter_model.safetensors holds no tensors", path);
  return out;
}

std::vector<WrittenFile> write_peft_folder(const std::string& folder, const ModelFiles& meta, const LoraConfig& config,
                                           std::span<const NamedTensor> tensors, DType dtype) {
  const std::filesystem::path at(folder);
  if (meta.base.empty()) fail("{}: an adapter whose base model has no name cannot be written", folder);
  const std::string text = adapter_json(config, meta.base).dump(2) + "\n";
  replace_file((at / "adapter_config.json").string(), text);
  std::vector<WrittenFile> written = {{"adapter_config.json", text.size(), sha256_hex(text)}};
  write_tokenizer_files(folder, meta, written);
  written.push_back(write_safetensors((at / "adapter_model.safetensors").string(), tensors, dtype, {{"format", "pt"}}));
  sync_folder(folder);
  return written;
}

}  // namespace r1
