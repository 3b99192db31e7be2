#include "model/config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

Json llama_json() {
  return Json::parse(R"({"model_type": "llama", "vocab_size": 300, "hidden_size": 48, "intermediate_size": 100,
    "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
    "max_position_embeddings": 512, "rope_theta": 100000.0, "tie_word_embeddings": true, "eos_token_id": [2, 7],
    "bos_token_id": 1, "pad_token_id": null, "hidden_act": "silu"})");
}

ModelConfig read(const Json& json, const Json& generation = nullptr) {
  return read_config(json, generation, "model/dir");
}

std::string error_of(const Json& json, const Json& generation = nullptr) {
  try {
    read(json, generation);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// llama_json() with `key` set to a value, or taken out where the value is "(gone)".
Json with(const char* key, const Json& value) {
  Json json = llama_json();
  if (value == "(gone)")
    json.erase(key);
  else
    json[key] = value;
  return json;
}

TEST(ReadConfig, ReadsTheCommonKeys) {
  const ModelConfig c = read(llama_json(), Json{{"eos_token_id", {2, 9}}});
  EXPECT_EQ(c.vocabulary, 300);
  EXPECT_EQ(c.width, 48);
  EXPECT_EQ(c.inner, 100);
  EXPECT_EQ(c.layers, 2);
  EXPECT_EQ(c.heads, 6);
  EXPECT_EQ(c.kv_heads, 2);
  EXPECT_EQ(c.head_size, 8);
  EXPECT_EQ(c.norm_eps, 1e-5f);
  EXPECT_TRUE(c.tied_embeddings);
  EXPECT_EQ(c.max_positions, 512);
  EXPECT_EQ(c.rope.theta, 100000);
  EXPECT_EQ(c.eos_ids, (std::vector<int32_t>{2, 7, 9}));
  EXPECT_EQ(c.bos_id, 1);
  EXPECT_EQ(c.pad_id, -1);
  EXPECT_FALSE(c.qkv_bias || c.qk_norm);
}

TEST(ReadConfig, BothSpellingsOfRopeGiveTheSame) {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 32}};
  Json old_form = with("rope_scaling", scaling), new_form = with("rope_theta", "(gone)");
  new_form["rope_parameters"] = scaling;
  new_form["rope_parameters"]["rope_theta"] = 100000.0;
  const ModelConfig a = read(old_form), b = read(new_form);
  EXPECT_EQ(a.rope.kind, RopeKind::llama3);
  EXPECT_EQ(b.rope.kind, RopeKind::llama3);
  EXPECT_EQ(a.rope.theta, b.rope.theta);
  EXPECT_EQ(rope_frequencies(a.rope, 8, 512).inverse, rope_frequencies(b.rope, 8, 512).inverse);
  Json older = with("rope_scaling", Json{{"type", "linear"}, {"factor", 4.0}});  // "type", before "rope_type"
  EXPECT_EQ(read(older).rope.kind, RopeKind::linear);
  EXPECT_EQ(read(with("rope_scaling", nullptr)).rope.kind, RopeKind::plain);
  EXPECT_EQ(read(with("rope_parameters", Json{{"rope_type", "default"}, {"rope_theta", 5.0}})).rope.theta, 5);
}

TEST(ReadConfig, FamiliesSetTheirSwitches) {
  Json qwen2 = with("model_type", "qwen2"), qwen3 = with("model_type", "qwen3");
  EXPECT_TRUE(read(qwen2).qkv_bias);
  EXPECT_TRUE(read(qwen3).qk_norm);
  EXPECT_EQ(read(qwen3).head_size, 128);  // its own default, not width / heads
  qwen3["head_dim"] = 16;
  EXPECT_EQ(read(qwen3).head_size, 16);
}

TEST(ReadConfig, OldLlamasPadIsNone) { EXPECT_EQ(read(with("pad_token_id", -1)).pad_id, -1); }

TEST(ReadConfig, EveryErrorNamesFileKeyGotAndExpected) {
  struct Case {
    const char* key;
    Json value;
    const char* message;
  };
  const Case cases[] = {
      {"vocab_size", "(gone)", "model/dir: config.json has no \"vocab_size\" (expected a whole number from 1 to"},
      {"vocab_size", 0, "\"vocab_size\" is 0, expected a whole number from 1 to 4194304"},
      {"hidden_size", 48.5, "\"hidden_size\" is 48.5, expected a whole number"},
      {"hidden_size", "48", "\"hidden_size\" is \"48\", expected a whole number"},
      {"num_hidden_layers", 9223372036854775807, "\"num_hidden_layers\" is 9223372036854775807, expected"},
      {"num_hidden_layers", 18446744073709551615ull, "expected a whole number from 1 to 512"},
      {"num_key_value_heads", 4, "num_attention_heads 6 is no multiple of num_key_value_heads 4"},
      {"num_attention_heads", 1024, "head_dim is 0, expected an even number from 2 to 256"},
      {"head_dim", 7, "head_dim is 7, expected an even number"},
      {"rms_norm_eps", -1, "\"rms_norm_eps\" is -1, expected a positive number"},
      {"rope_theta", "x", "\"rope_theta\" is \"x\", expected a positive number"},
      {"tie_word_embeddings", 1, "\"tie_word_embeddings\" is 1, expected true or false"},
      {"hidden_act", "gelu", "hidden_act is \"gelu\", expected silu"},
      {"hidden_act", 3, "\"hidden_act\" is 3, expected a text"},
      {"eos_token_id", 300, "eos_token_id 300 is outside the vocabulary of 300"},
      {"eos_token_id", 4294967298, "\"eos_token_id\" is 4294967298, expected a token id"},
      {"eos_token_id", Json{"</s>"}, "expected a token id or a list of them"},
      {"rope_scaling", "yarn", "\"rope_scaling\" is \"yarn\", expected an object"},
      {"rope_scaling", Json{{"rope_type", "dynamic"}},
       "RoPE type \"dynamic\"; expected default, linear, llama3 or yarn"},
      {"rope_scaling", Json{{"rope_type", "linear"}}, "RoPE type \"linear\" needs \"factor\""},
      {"rope_scaling", Json{{"rope_type", "llama3"}, {"factor", 8}}, "needs \"original_max_position_embeddings\""},
      {"rope_scaling", Json{{"rope_type", "yarn"}, {"factor", 0.5}}, "\"factor\" is 0.5"},
      {"rope_parameters", Json{{"partial_rotary_factor", 0.5}}, "partial_rotary_factor is 0.5"},
      {"attention_bias", true, "attention_bias is true"},
      {"mlp_bias", true, "mlp_bias is true"},
      {"use_sliding_window", true, "use_sliding_window is true"},
      {"layer_types", Json{"full_attention", "sliding_attention"}, "layer_types has \"sliding_attention\""},
      {"model_type", "mamba", "model_type \"mamba\" is not supported yet; r1 knows llama, qwen2, qwen3"},
      {"model_type", 5, "\"model_type\" is 5, expected a text"},
  };
  for (const Case& c : cases) {
    const std::string error = error_of(with(c.key, c.value));
    EXPECT_NE(error.find(c.message), std::string::npos) << c.key << " " << c.value << ": " << error;
    EXPECT_EQ(error.find("model/dir"), 0u) << error;
  }
  EXPECT_NE(error_of(nullptr).find("no config.json"), std::string::npos);
  EXPECT_NE(error_of(llama_json(), Json{{"eos_token_id", 999}}).find("eos_token_id 999"), std::string::npos);
  EXPECT_EQ(error_of(llama_json()), "");
}

TEST(ReadConfig, NullCountsAsAbsent) {
  for (const char* key : {"num_key_value_heads", "head_dim", "tie_word_embeddings", "rope_theta", "hidden_act",
                          "rms_norm_eps", "eos_token_id", "layer_types"})
    EXPECT_EQ(error_of(with(key, nullptr)), "") << key;
}

}  // namespace
}  // namespace r1
