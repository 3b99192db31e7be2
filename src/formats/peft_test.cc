#include "formats/peft.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

// A base beside an adapter of one module in one layer.
class PeftFolder : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ + "base");
    fs::create_directories(root_ + "adapter");
    put("base/config.json", R"({"model_type":"qwen2"})");
    put("base/tokenizer.json", "{}");
    put("base/chat_template.jinja", "of the base");
    put_config(good());
    put_tensors({"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                 "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"});
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& name, const std::string& text) const { std::ofstream(root_ + name) << text; }
  void put_config(const Json& config) const { put("adapter/adapter_config.json", config.dump()); }
  void put_tensors(const std::vector<std::string>& names) const {
    const float values[] = {1, 2};
    std::vector<NamedTensor> tensors;
    for (const std::string& name : names) tensors.push_back({name, {1, 2}, values});
    write_safetensors(root_ + "adapter/adapter_model.safetensors", tensors, DType::f32);
  }
  static Json good() {
    return {{"peft_type", "LORA"}, {"base_model_name_or_path", "../base"}, {"r", 1}, {"lora_alpha", 2}};
  }
  std::string opening() const {
    return message_of([&] { open_model_files(root_ + "adapter"); });
  }
  const std::string root_ = testing::TempDir() + "r1_peft_test_" + std::to_string(getpid()) + "/";
};

TEST_F(PeftFolder, IsItsBaseWithAnAdapter) {
  ModelFiles files = open_model_files(root_ + "adapter");
  EXPECT_EQ(files.config["model_type"], "qwen2");
  EXPECT_EQ(files.chat_template, "of the base");
  ASSERT_TRUE(files.adapter.has_value());
  EXPECT_EQ(files.adapter->config.r, 1);
  EXPECT_EQ(files.adapter->config.scale(), 2);
  EXPECT_EQ(files.adapter->config.modules, std::vector<std::string>{"q_proj"});
  EXPECT_EQ(files.base, fs::canonical(root_ + "base").string()) << "found from any folder";
  put("adapter/chat_template.jinja", "of the adapter");
  EXPECT_EQ(open_model_files(root_ + "adapter").chat_template, "of the adapter");
  Json config = good();
  config["base_model_name_or_path"] = root_ + "base";
  put_config(config);
  EXPECT_EQ(opening(), "accepted");
}

TEST_F(PeftFolder, RsLoraScalesByTheRoot) {
  EXPECT_EQ((LoraConfig{16, 32, false, {}}).scale(), 2);
  EXPECT_EQ((LoraConfig{16, 32, true, {}}).scale(), 8);
}

TEST_F(PeftFolder, WhatIsNotPlainLoraIsNamed) {
  const std::vector<std::pair<const char*, Json>> fields = {
      {"peft_type", "LOHA"},
      {"bias", "all"},
      {"use_dora", true},
      {"rank_pattern", {{"q_proj", 2}}},
      {"alpha_pattern", {{"q_proj", 2}}},
      {"modules_to_save", Json::array({"lm_head"})},
      {"fan_in_fan_out", true},
      {"lora_bias", true},
      {"layer_replication", Json::array({Json::array({0, 1})})},
      {"alora_invocation_tokens", Json::array({5})},
      {"init_lora_weights", "pissa_niter_4"},
      {"r", 0},
      {"r", 1.5},
      {"r", "1"},
      {"r", 1e30},
      {"lora_alpha", nullptr},
      {"base_model_name_or_path", nullptr},
      {"base_model_name_or_path", 7},
      {"base_model_name_or_path", "nowhere/at-all"},
  };
  for (const auto& [key, value] : fields) {
    Json config = good();
    config[key] = value;
    put_config(config);
    const std::string said = opening();
    EXPECT_NE(said.find(key), std::string::npos) << key << " = " << value << ": " << said;
    EXPECT_NE(said.find("adapter_config.json"), std::string::npos) << said;
  }
  Json harmless = good();
  for (const char* key : {"rank_pattern", "loftq_config"}) harmless[key] = Json::object();
  for (const char* key : {"modules_to_save", "layers_to_transform", "revision"}) harmless[key] = nullptr;
  harmless["init_lora_weights"] = true;
  harmless["bias"] = "none";
  put_config(harmless);
  EXPECT_EQ(opening(), "accepted");
}

TEST_F(PeftFolder, TensorsWithoutAPlaceAreNamed) {
  for (const char* name : {"base_model.model.lm_head.lora_A.weight",
                           "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
                           "base_model.model.model.layers.0.mlp.q_proj.lora_A.weight",
                           "base_model.model.model.layers.00.self_attn.q_proj.lora_A.weight",
                           "base_model.model.model.layers.x.self_attn.q_proj.lora_A.weight",
                           "model.layers.0.self_attn.q_proj.lora_A.weight"}) {
    put_tensors({name});
    EXPECT_NE(opening().find(std::string("tensor ") + name + " has no place"), std::string::npos) << opening();
  }
  fs::remove(root_ + "adapter/adapter_model.safetensors");
  EXPECT_NE(opening().find("adapter_model.safetensors is missing"), std::string::npos) << opening();
  put("adapter/adapter_model.bin", "x");
  EXPECT_NE(opening().find("pickle"), std::string::npos) << opening();
}

TEST_F(PeftFolder, AnAdapterOnAnAdapterIsRefused) {
  fs::create_directories(root_ + "second");
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
    fs::copy_file(root_ + "adapter/" + name, root_ + "second/" + name);
  Json config = good();
  config["base_model_name_or_path"] = "../adapter";
  put("second/adapter_config.json", config.dump());
  EXPECT_NE(message_of([&] { open_model_files(root_ + "second"); }).find("is an adapter itself"), std::string::npos);
}

TEST(LoraModules, ByNameInOneOrder) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(parse_lora_modules("all-linear").size(), 7u);
  EXPECT_EQ(parse_lora_modules("v_proj,q_proj"), (Names{"q_proj", "v_proj"}));
  EXPECT_EQ(parse_lora_modules("[\"up_proj\", 'k_proj', \"up_proj\"]"), (Names{"k_proj", "up_proj"}));
  EXPECT_NE(message_of([] { parse_lora_modules("q_prj"); }).find("nearest is \"q_proj\""), std::string::npos);
  EXPECT_NE(message_of([] { parse_lora_modules(" ,"); }).find("expected all-linear"), std::string::npos);
}

}  // namespace
}  // namespace r1
