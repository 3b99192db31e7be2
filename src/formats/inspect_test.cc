#include "formats/inspect.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "formats/gguf_by_hand.h"
#include "formats/model_files.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct TemporaryFolder {
  fs::path path = testing::TempDir() + "r1_inspect_" + std::to_string(getpid());
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string put(const std::string& name, const std::string& bytes) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return (path / name).string();
  }
};

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

constexpr const char* kTokenizer =
    R"({"added_tokens":[{"id":3,"content":"<s>","special":true}],"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},)"
    R"("merges":[["a","b"]]}})";

TEST(Inspect, Gguf) {
  const TemporaryFolder t;
  Bytes b;
  b.start(2, 6).key_text("general.architecture", "mamba").key_u32("mamba.context_length", 77);
  b.key_text("tokenizer.ggml.model", "llama").key_text("tokenizer.ggml.pre", "odd");
  b.key_texts("tokenizer.ggml.tokens", {"a", "b", "</s>"}).key_u32("tokenizer.ggml.eos_token_id", 2);
  b.tensor("x", {256, 3}, 14, 0).tensor("y", {8}, 0, 640).data(640 + 32);
  const Inspection got = inspect_path(t.put("m.gguf", b.out));
  const Json& r = got.report;
  EXPECT_EQ(r["format"], "gguf");
  EXPECT_EQ(r["version"], 3);
  EXPECT_EQ(r["architecture"], "mamba");
  EXPECT_EQ(r["parameters"], 256 * 3 + 8);
  EXPECT_EQ(r["context_length"], 77);
  EXPECT_EQ(r["quantisation"], "Q6_K");
  EXPECT_EQ(r["dtypes"][0], Json({{"dtype", "Q6_K"}, {"tensors", 1}, {"parameters", 768}, {"bytes", 630}}));
  EXPECT_EQ(r["tensors"][1]["shape"], Json::array({8}));
  EXPECT_EQ(r["tokenizer"]["tokens"], 3);
  EXPECT_EQ(r["tokenizer"]["pre"], "odd") << "told though it cannot be used";
  EXPECT_EQ(r["tokenizer"]["eos_token"], "</s>");
  EXPECT_TRUE(r["chat_template"].is_null());
  EXPECT_EQ(r["size_bytes"], b.out.size());
}

// A Llama of one layer's worth of metadata, with two tensors.
std::string llama_with(const std::string& tensor) {
  Bytes b;
  b.start(2, 7).key_text("general.architecture", "llama").key_u32("llama.context_length", 77);
  b.key_u32("llama.embedding_length", 64).key_u32("llama.feed_forward_length", 64).key_u32("llama.block_count", 1);
  b.key_u32("llama.attention.head_count", 2).key_u32("llama.attention.sliding_window", 16);
  b.tensor("token_embd.weight", {64, 3}, 0, 0).tensor(tensor, {64}, 0, 768).data(768 + 256);
  return b.out;
}

TEST(Inspect, TensorsAreKnownByHuggingFacesNames) {
  const TemporaryFolder t;
  const Inspection bias = inspect_path(t.put("bias.gguf", llama_with("blk.0.attn_output.bias")));
  ASSERT_TRUE(bias.tensors != nullptr) << bias.config_problem;
  EXPECT_EQ(bias.tensors->find("model.layers.0.self_attn.o_proj.bias"), 1);
  EXPECT_FALSE(bias.config.contains("sliding_window")) << "llama.cpp does not read it in this architecture";
  const Inspection odd = inspect_path(t.put("odd.gguf", llama_with("blk.0.ffn_sub_norm.weight")));
  EXPECT_TRUE(odd.tensors == nullptr);
  EXPECT_NE(odd.config_problem.find("tensor blk.0.ffn_sub_norm.weight: no such tensor in a llama model"),
            std::string::npos)
      << odd.config_problem;
}

TEST(Inspect, FilesAndFoldersOfHuggingFace) {
  const TemporaryFolder t;
  const std::vector<float> values(12, 1);
  const std::vector<NamedTensor> tensors = {{"w", {3, 4}, values.data()}};
  fs::create_directories(t.path / "model");
  const auto file = write_safetensors((t.path / "model" / "model.safetensors").string(), tensors, DType::bf16);
  Json r = inspect_path((t.path / "model" / "model.safetensors").string()).report;
  EXPECT_EQ(r["format"], "safetensors");
  EXPECT_EQ(r["parameters"], 12);
  EXPECT_EQ(r["size_bytes"], file.size);
  EXPECT_EQ(r["dtypes"][0], Json({{"dtype", "BF16"}, {"tensors", 1}, {"parameters", 12}, {"bytes", 24}}));
  EXPECT_EQ(r["metadata"]["format"], "pt");

  t.put("model/config.json", R"({"model_type":"llama","max_position_embeddings":99})");
  t.put("model/tokenizer.json", kTokenizer);
  t.put(
      "model/tokenizer_config.json",
      R"({"bos_token":{"content":"<s>"},"chat_template":[{"name":"default","template":"x"},{"name":"rag","template":"y"}]})");
  r = inspect_path((t.path / "model").string()).report;
  EXPECT_EQ(r["format"], "huggingface");
  EXPECT_EQ(r["architecture"], "llama");
  EXPECT_EQ(r["context_length"], 99);
  EXPECT_EQ(r["files"], 4);
  EXPECT_EQ(r["tokenizer"],
            Json({{"type", "BPE"}, {"tokens", 3}, {"merges", 1}, {"added_tokens", 1}, {"bos_token", "<s>"}}));
  EXPECT_EQ(r["chat_template"]["names"], Json::array({"default", "rag"}));

  t.put("model/MANIFEST.json", R"({"format":1,"step":12,"recipe":{"model":"mini"}})");
  r = inspect_path((t.path / "model").string()).report;
  EXPECT_EQ(r["format"], "checkpoint");
  EXPECT_EQ(r["checkpoint"]["step"], 12);

  r = inspect_path(t.put("tokenizer.json", kTokenizer)).report;
  EXPECT_EQ(r["format"], "tokenizer");
  EXPECT_EQ(r["tokenizer"]["tokens"], 3);
}

TEST(Inspect, AnAdapterWithoutItsBase) {
  const TemporaryFolder t;
  t.put("a/adapter_config.json",
        R"({"peft_type":"LORA","r":4,"lora_alpha":8,"use_dora":true,"base_model_name_or_path":"no/where"})");
  const std::vector<float> values(8, 1);
  const std::vector<NamedTensor> tensors = {{"base_model.x", {2, 4}, values.data()}};
  write_safetensors((t.path / "a" / "adapter_model.safetensors").string(), tensors, DType::f32);
  const Json r = inspect_path((t.path / "a").string()).report;
  EXPECT_EQ(r["format"], "peft");
  EXPECT_EQ(r["adapter"]["r"], 4);
  EXPECT_EQ(r["adapter"]["use_dora"], true);
  EXPECT_EQ(r["adapter"]["base_model_name_or_path"], "no/where");
  EXPECT_EQ(r["parameters"], 8);
}

TEST(Inspect, WhatItCannotTell) {
  const TemporaryFolder t;
  const auto refusal = [](const std::string& path) { return message_of([&] { inspect_path(path); }); };
  EXPECT_NE(refusal((t.path / "none").string()).find("no such file"), std::string::npos);
  EXPECT_NE(refusal(t.path.string()).find("holds no model"), std::string::npos);
  EXPECT_NE(refusal(t.put("x.pt", "PK\3\4zip")).find("pickle"), std::string::npos);
  EXPECT_NE(refusal(t.put("x.txt", "hello")).find("is none of"), std::string::npos);
  EXPECT_NE(refusal(t.put("x.json", "{\"a\":1}")).find("no tokenizer.json"), std::string::npos);
  EXPECT_NE(refusal(t.put("x.json", "{\"a\":")).find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal(t.put("deep.json", "{\"model\":" + std::string(10000, '['))).find("deeper than"),
            std::string::npos);
  EXPECT_NE(refusal(t.put("x.gguf", "GGUF")).find("version"), std::string::npos);
  fs::create_directories(t.path / "pickled");
  t.put("pickled/pytorch_model.bin", "x");
  EXPECT_NE(refusal((t.path / "pickled").string()).find("pickle"), std::string::npos);
}

}  // namespace
}  // namespace r1
