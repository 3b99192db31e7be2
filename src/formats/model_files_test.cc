#include "formats/model_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/safetensors.h"

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

class ModelFolder : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) const { std::ofstream(folder_ + name) << text; }
  std::string opening() const {
    return message_of([&] { open_model_files(folder_); });
  }
  const std::string folder_ = testing::TempDir() + "r1_folder_" + std::to_string(getpid()) + "/";
};

ModelFiles sample() {
  ModelFiles m;
  m.config = {{"model_type", "llama"}, {"torch_dtype", "float16"}, {"dtype", "float16"}, {"rms_norm_eps", 1e-5}};
  m.generation_config = {{"eos_token_id", 2}};
  m.tokenizer_config = {{"eos_token", "<|im_end|>"}, {"pad_token", nullptr}, {"chat_template", "old"}};
  m.tokenizer_json = "{\"model\": {}}";
  m.chat_template = "{{ messages }}\n";
  return m;
}

TEST_F(ModelFolder, ComesBackAsItWasWritten) {
  const std::vector<float> a = {1, 2, 3, -4.75f}, b = {0.1f, 1e-30f, 3e38f};
  const std::vector<NamedTensor> tensors = {{"w", {2, 2}, a.data()}, {"n", {3}, b.data()}};
  for (DType dtype : {DType::f32, DType::bf16}) {
    write_hf_folder(folder_, sample(), tensors, dtype);
    const ModelFiles back = open_model_files(folder_);
    const char* name = dtype == DType::f32 ? "float32" : "bfloat16";
    EXPECT_EQ(back.config["dtype"], name);
    EXPECT_EQ(back.config["torch_dtype"], name);
    EXPECT_EQ(back.config["rms_norm_eps"], 1e-5);
    EXPECT_EQ(back.generation_config["eos_token_id"], 2);
    EXPECT_EQ(back.tokenizer_json, sample().tokenizer_json);
    EXPECT_EQ(back.chat_template, sample().chat_template);
    EXPECT_FALSE(back.tokenizer_config.contains("chat_template"));
    EXPECT_EQ(Json::parse(read_text_file(folder_ + "special_tokens_map.json")), (Json{{"eos_token", "<|im_end|>"}}));
    ASSERT_EQ(back.tensors->tensors().size(), 2u);
    for (const NamedTensor& t : tensors) {
      const int index = back.tensors->find(t.name);
      ASSERT_GE(index, 0);
      EXPECT_EQ(back.tensors->tensors()[static_cast<size_t>(index)].shape, t.shape);
      std::vector<float> out(static_cast<size_t>(back.tensors->tensors()[static_cast<size_t>(index)].elements()));
      back.tensors->read_f32(index, out);
      for (size_t i = 0; i < out.size(); i++)
        EXPECT_EQ(out[i], dtype == DType::f32 ? t.data[i] : to_float(to_bf16(t.data[i]))) << t.name << " " << i;
    }
  }
}

TEST_F(ModelFolder, NeedsAConfigToWrite) {
  EXPECT_NE(message_of([&] { write_hf_folder(folder_, {}, {}, DType::f32); }).find("config.json"), std::string::npos);
}

TEST_F(ModelFolder, TokenizerAlone) {
  put("tokenizer.json", "{}");
  const ModelFiles files = open_model_files(folder_);
  EXPECT_EQ(files.tokenizer_json, "{}");
  EXPECT_TRUE(files.config.is_null());
  EXPECT_EQ(files.tensors, nullptr);
}

// Judged by transformers: with tools it takes "tool_use", without "default", a last line break aside.
TEST_F(ModelFolder, TemplateForToolsIsChosenWithinTheTemplate) {
  put("tokenizer.json", "{}");
  put("tokenizer_config.json",
      R"({"chat_template":[{"name":"default","template":"\nD\n"},{"name":"tool_use","template":"T"}]})");
  EXPECT_EQ(open_model_files(folder_).chat_template,
            "{% if tools is defined and tools is not none +%}T{%+ else +%}\nD{%+ endif %}");
  put("tokenizer_config.json", R"({"chat_template":[{"name":"tool_use","template":"T"},{"name":7}]})");
  EXPECT_EQ(open_model_files(folder_).chat_template, "");
}

TEST_F(ModelFolder, TemplateOfTheTokenizerConfig) {
  put("tokenizer.json", "{}");
  put("tokenizer_config.json", R"({"chat_template":"one"})");
  EXPECT_EQ(open_model_files(folder_).chat_template, "one");
  put("tokenizer_config.json",
      R"({"chat_template":[{"name":"rag","template":"x"},{"name":"default","template":"two"}]})");
  EXPECT_EQ(open_model_files(folder_).chat_template, "two");
  put("tokenizer_config.json", R"({"chat_template":7})");
  EXPECT_EQ(open_model_files(folder_).chat_template, "");
  put("chat_template.jinja", "three");
  EXPECT_EQ(open_model_files(folder_).chat_template, "three");
}

TEST_F(ModelFolder, WhatIsWrongIsNamed) {
  EXPECT_NE(opening().find("neither a model"), std::string::npos);
  put("pytorch_model.bin", "x");
  EXPECT_NE(opening().find("pickle"), std::string::npos);
  for (const auto& [text, expected] :
       {std::pair<std::string, const char*>("{", "not valid JSON"),
        {"[1]", "expected an object"},
        {"{\"a\":1,\"a\":2}", "names a twice"},
        {std::string(100000, '['), "deeper than 64"},
        {"{\"a\":" + std::string(80, '[') + std::string(80, ']') + "}", "deeper than 64"},
        {"{\"a\":\"\xff\"}", "UTF-8"},
        {"", "not valid JSON"}}) {
    put("config.json", text);
    EXPECT_NE(opening().find("config.json"), std::string::npos) << opening();
    EXPECT_NE(opening().find(expected), std::string::npos) << opening();
  }
  std::string many = "{";
  for (int i = 0; i < 140000; i++) many += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
  put("config.json", many + "}");
  EXPECT_NE(opening().find("more than 131072 keys"), std::string::npos) << opening();
  EXPECT_NE(message_of([] { open_model_files("/nowhere/at/all"); }).find("no such file"), std::string::npos);
  EXPECT_NE(message_of([&] { open_model_files(folder_ + "config.json"); }).find(".gguf"), std::string::npos);
}

}  // namespace
}  // namespace r1
