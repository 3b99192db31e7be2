// A GGUF's metadata as config.json and generation_config.json.
#include <algorithm>
#include <cmath>

#include "formats/gguf.h"
#include "formats/gguf_names.h"
#include "formats/gguf_rope.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr int64_t kMostCount = 1'000'000'000;

// Metadata of one architecture.
struct Keys {
  const GgufHeader& h;
  std::string at;  // "llama."

  bool has(const char* key) const { return h.metadata.contains(at + key); }
  // A count of 1 or more; `fallback` 0: the key must be there.
  int64_t count(const char* key, int64_t fallback = 0) const {
    if (fallback == 0 && !has(key)) fail("{}: metadata key {} is missing", h.file, at + key);
    return h.whole(at + key, fallback, 1, kMostCount);
  }
  double positive(const char* key, double fallback) const {
    const double x = h.number(at + key, fallback);
    if (!(x > 0 && x < 1e30)) fail("{}: metadata key {} is {}, expected a number above 0", h.file, at + key, x);
    return std::stod(fmt::format("{}", static_cast<float>(x)));  // a float32 was kept; 1e-5 shall read 1e-05 again
  }
};

bool has_tensor(const GgufHeader& h, const std::string& name) {
  return std::any_of(h.tensors.begin(), h.tensors.end(), [&](const GgufTensor& t) { return t.info.name == name; });
}

// The tokens' number, from the embedding's rows.
int64_t vocabulary_size(const GgufHeader& h) {
  for (const GgufTensor& t : h.tensors)
    if (t.info.name == "token_embd.weight") return t.info.shape[0];
  fail("{}: tensor token_embd.weight is missing", h.file);
}

void add_special_ids(const GgufHeader& h, Json& c) {
  for (const auto& [key, name] : {std::pair("tokenizer.ggml.bos_token_id", "bos_token_id"),
                                  {"tokenizer.ggml.eos_token_id", "eos_token_id"},
                                  {"tokenizer.ggml.padding_token_id", "pad_token_id"}})
    if (h.metadata.contains(key)) c[name] = h.whole(key, 0, 0, kMostCount);
}

// Sizes that every family has.
Json common_config(const GgufHeader& h, const Keys& k, const char* class_name, const std::string& model_type) {
  Json c;
  c["architectures"] = {class_name};
  c["model_type"] = model_type;
  c["vocab_size"] = vocabulary_size(h);
  c["hidden_size"] = k.count("embedding_length");
  c["intermediate_size"] = k.count("feed_forward_length");
  c["num_hidden_layers"] = k.count("block_count");
  c["num_attention_heads"] = k.count("attention.head_count");
  c["num_key_value_heads"] = k.count("attention.head_count_kv", c["num_attention_heads"]);
  c["hidden_act"] = "silu";
  c["max_position_embeddings"] = k.count("context_length");
  c["rms_norm_eps"] = k.positive("attention.layer_norm_rms_epsilon", 1e-5);
  return c;
}

void finish(const GgufHeader& h, Json& c, const Json& rope) {
  c["rope_theta"] = rope["rope_theta"];
  if (rope["rope_type"] != "default") {
    c["rope_scaling"] = rope;
    c["rope_scaling"].erase("rope_theta");
  }
  c["rope_parameters"] = rope;
  c["tie_word_embeddings"] = !has_tensor(h, "output.weight");
  c["attention_bias"] = false;
  c["attention_dropout"] = 0.0;
  add_special_ids(h, c);
  c["initializer_range"] = 0.02;
  c["use_cache"] = true;
}

Json dense_config(const GgufHeader& h, const GgufArchitecture& architecture, std::span<const float> rope_factors) {
  const std::string name = architecture.name;
  const Keys k{h, name + "."};
  Json c = common_config(h, k, architecture.class_name, name);
  const int64_t width = c["hidden_size"], heads = c["num_attention_heads"];
  if (width < heads) fail("{}: {} attention heads for a width of {}", h.file, heads, width);
  if (k.has("expert_count") && h.whole(k.at + "expert_count", 0, 0, kMostCount) > 0)
    fail("{}: {}expert_count: mixtures of experts are not supported yet in this architecture", h.file, k.at);
  const int64_t head_size = k.count("attention.key_length", width / heads);
  if (const int64_t value = k.count("attention.value_length", head_size); value != head_size)
    fail("{}: {}attention.value_length is {}, expected attention.key_length, {}", h.file, k.at, value, head_size);
  if (const int64_t turned = k.count("rope.dimension_count", head_size); turned != head_size)
    fail("{}: {}rope.dimension_count is {}; r1 rotates whole heads of {} only", h.file, k.at, turned, head_size);
  c["head_dim"] = head_size;
  finish(h, c, rope_from_gguf(h, name, head_size, rope_factors));
  if (name == "llama") {
    c["attention_bias"] = has_tensor(h, "blk.0.attn_q.bias");
    c["mlp_bias"] = false;
  } else {
    c["use_sliding_window"] = false;
  }
  return c;
}

// DeepSeek-V2 and V3. Heads' sizes are those before the projections are absorbed (_mla) where the file tells both.
Json deepseek_config(const GgufHeader& h) {
  const Keys k{h, "deepseek2."};
  const bool sigmoid = h.whole(k.at + "expert_gating_func", 1, 0, 16) == 2;
  Json c = common_config(h, k, sigmoid ? "DeepseekV3ForCausalLM" : "DeepseekV2ForCausalLM",
                         sigmoid ? "deepseek_v3" : "deepseek_v2");
  c["num_key_value_heads"] = c["num_attention_heads"];
  const int64_t turned = k.count("rope.dimension_count");
  const int64_t key = k.count(k.has("attention.key_length_mla") ? "attention.key_length_mla" : "attention.key_length");
  if (key <= turned) fail("{}: {}rope.dimension_count {} is no part of keys of {}", h.file, k.at, turned, key);
  c["qk_rope_head_dim"] = turned;
  c["qk_nope_head_dim"] = key - turned;
  c["v_head_dim"] =
      k.count(k.has("attention.value_length_mla") ? "attention.value_length_mla" : "attention.value_length");
  c["kv_lora_rank"] = k.count("attention.kv_lora_rank");
  c["q_lora_rank"] = k.has("attention.q_lora_rank") ? Json(k.count("attention.q_lora_rank")) : Json();
  for (const auto& [from, to] : {std::pair("expert_count", "n_routed_experts"),
                                 {"expert_used_count", "num_experts_per_tok"},
                                 {"expert_shared_count", "n_shared_experts"},
                                 {"expert_group_count", "n_group"},
                                 {"expert_group_used_count", "topk_group"},
                                 {"expert_feed_forward_length", "moe_intermediate_size"},
                                 {"leading_dense_block_count", "first_k_dense_replace"}})
    if (k.has(from)) c[to] = h.whole(k.at + from, 0, 0, kMostCount);
  c["routed_scaling_factor"] = k.positive("expert_weights_scale", 1);
  c["norm_topk_prob"] = h.flag(k.at + "expert_weights_norm", false);
  c["scoring_func"] = sigmoid ? "sigmoid" : "softmax";
  Json rope = rope_from_gguf(h, "deepseek2", turned, {});
  // ten times smaller in the file: llama.cpp multiplies ln(factor) with it
  if (const double log = h.number("deepseek2.rope.scaling.yarn_log_multiplier", 0); log > 0 && log < 1e6)
    rope["mscale_all_dim"] = rope["mscale"] = std::stod(fmt::format("{:.6g}", log * 10));
  finish(h, c, rope);
  return c;
}

}  // namespace

Json gguf_config(const GgufHeader& h, std::span<const float> rope_factors) {
  if (h.tensors.empty()) return nullptr;
  const std::string name = h.text("general.architecture", "");
  if (name.empty()) fail("{}: metadata key general.architecture is missing", h.file);
  if (const GgufArchitecture* known = find_gguf_architecture(name)) return dense_config(h, *known, rope_factors);
  if (name == "deepseek2") return deepseek_config(h);
  return {{"model_type", name}};
}

Json gguf_generation_config(const GgufHeader& h) {
  Json ends = Json::array(), c = {{"_from_model_config", true}};
  for (const char* key : {"eos", "eot", "eom"}) {
    const std::string name = fmt::format("tokenizer.ggml.{}_token_id", key);
    if (!h.metadata.contains(name)) continue;
    const Json id = h.whole(name, 0, 0, kMostCount);
    if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  }
  add_special_ids(h, c);
  if (ends.empty()) return nullptr;
  c["eos_token_id"] = ends.size() == 1 ? ends[0] : ends;
  return c;
}

}  // namespace r1
