// What is written as GGUF and as shards reads back as it was; encoders against ggml's own numbers.
#include "formats/gguf_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/durable_file.h"
#include "formats/weight_encoding.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct TemporaryFolder {
  fs::path path = testing::TempDir() + "r1_gguf_writer_" + std::to_string(getpid());
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

// The floats of tools/make_gguf_blocks.py.
std::vector<float> sample_values() {
  std::vector<float> out;
  uint64_t seed = 99;
  for (int word = 0; word < 4096; word++) {
    seed += 0x9E3779B97F4A7C15;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    z ^= z >> 31;
    for (int byte = 0; byte < 8; byte++) out.push_back((static_cast<float>(z >> (8 * byte) & 255) - 128) / 64);
  }
  for (size_t i = 0; i < out.size(); i++)
    if (i / 32 % 32 < 2) out[i] = i / 32 % 32 == 0 ? 0 : out[i] * 1e-6f;
  return out;
}

TEST(WeightEncoding, EveryBitIsGgmls) {
  const std::vector<float> values = sample_values();
  std::vector<std::byte> out;
  const auto digest = [](std::span<const std::byte> bytes) {
    return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  EXPECT_EQ(digest(encode_q8_0(values, "t", out)), "cf19ecb433adf1be3f174381a12089ff2de1b9158b57a2f6e57f66065d91fa63");
  EXPECT_EQ(digest(encode_weights(values, DType::bf16, "t", out)),
            "ac4bea46e001f5983f41800ee4598953ecfabcf15b8213e0876b257e8c42e4be");
  EXPECT_EQ(digest(encode_weights(values, DType::f16, "t", out)),
            "9bf93f057ad743ee67fd2de648a8a8bc6d89c054fb543cfc7d28cd910d6b608d");
}

TEST(WeightEncoding, WhatAHalfCannotHoldIsNamed) {
  std::vector<float> values(32, 1.0f);
  std::vector<std::byte> out;
  values[7] = 65504;
  EXPECT_EQ(encode_weights(values, DType::f16, "t", out).size(), 64u);
  values[7] = -70000;
  EXPECT_NE(message_of([&] { encode_weights(values, DType::f16, "tensor x", out); }).find("tensor x: holds a weight"),
            std::string::npos);
  EXPECT_EQ(encode_q8_0(values, "t", out).size(), 34u);
  values[7] = 1e7f;
  EXPECT_NE(message_of([&] { encode_q8_0(values, "tensor x", out); }).find("tensor x: holds a weight"),
            std::string::npos);
}

// A model of one layer, weights small whole numbers of sixteenths: every type holds them exactly but Q8_0.
struct Tiny {
  explicit Tiny(const std::string& family, Json rope = Json()) {
    constexpr int64_t kWidth = 32, kHeads = 4, kKv = 2, kInner = 64, kRows = 40, kSize = 8;
    meta.path = "models/tiny-" + family;
    meta.config = {{"architectures", {"X"}},        {"model_type", family},        {"vocab_size", kRows},
                   {"hidden_size", kWidth},         {"intermediate_size", kInner}, {"num_hidden_layers", 1},
                   {"num_attention_heads", kHeads}, {"num_key_value_heads", kKv},  {"max_position_embeddings", 512},
                   {"rms_norm_eps", 1e-05},         {"tie_word_embeddings", true}, {"eos_token_id", 3}};
    if (!rope.is_null()) meta.config["rope_parameters"] = rope;
    const std::string layer = "model.layers.0.";
    add("model.embed_tokens.weight", {kRows, kWidth});
    add(layer + "input_layernorm.weight", {kWidth});
    add(layer + "self_attn.q_proj.weight", {kHeads * kSize, kWidth});
    add(layer + "self_attn.k_proj.weight", {kKv * kSize, kWidth});
    add(layer + "self_attn.v_proj.weight", {kKv * kSize, kWidth});
    if (family == "qwen2") add(layer + "self_attn.k_proj.bias", {kKv * kSize});
    if (family == "qwen3") add(layer + "self_attn.q_norm.weight", {kSize});
    add(layer + "self_attn.o_proj.weight", {kWidth, kHeads * kSize});
    add(layer + "post_attention_layernorm.weight", {kWidth});
    add(layer + "mlp.gate_proj.weight", {kInner, kWidth});
    add(layer + "mlp.up_proj.weight", {kInner, kWidth});
    add(layer + "mlp.down_proj.weight", {kWidth, kInner});
    add("model.norm.weight", {kWidth});
  }
  void add(const std::string& name, const std::vector<int64_t>& shape) {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    values.emplace_back();
    for (int64_t i = 0; i < n; i++) values.back().push_back(static_cast<float>(next = (next * 31 + 7) % 201) / 16 - 6);
    tensors.push_back({name, shape, values.back().data()});
  }
  ModelFiles meta;
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  int next = 1;
};

TEST(GgufWriter, EveryFamilyAndTypeReadsBack) {
  const TemporaryFolder t;
  for (const char* family : {"llama", "qwen2", "qwen3"})
    for (const auto& [format, name] : {std::pair(GgufFormat::f32, "F32"),
                                       {GgufFormat::f16, "F16"},
                                       {GgufFormat::bf16, "BF16"},
                                       {GgufFormat::q8_0, "Q8_0"}}) {
      const Tiny tiny(family);
      const std::string path = t / (std::string(family) + name + ".gguf");
      const WrittenFile written = write_gguf(path, tiny.meta, stream_of(tiny.tensors), format);
      EXPECT_EQ(written.size, fs::file_size(path));
      const ModelFiles back = open_model_files(path);
      ASSERT_EQ(back.tensors->tensors().size(), tiny.tensors.size());
      for (const NamedTensor& want : tiny.tensors) {
        const int at = back.tensors->find(want.name);
        ASSERT_GE(at, 0) << want.name;
        const TensorInfo& info = back.tensors->tensors()[static_cast<size_t>(at)];
        EXPECT_EQ(info.shape, want.shape);
        EXPECT_EQ(info.dtype, want.shape.size() == 1 ? "F32" : name) << want.name;
        std::vector<float> got(static_cast<size_t>(info.elements()));
        back.tensors->read_f32(at, got);
        for (size_t i = 0; i < got.size(); i++)
          ASSERT_NEAR(got[i], want.data[i], info.dtype == "Q8_0" ? 6.6 / 254 : 0)
              << path << " " << want.name << " " << i;
      }
      for (const char* key :
           {"model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings"})
        EXPECT_EQ(back.config[key], tiny.meta.config[key]) << key;
      EXPECT_EQ(back.config["head_dim"], 8);
      EXPECT_TRUE(back.tokenizer_json.empty());
    }
}

TEST(GgufWriter, RopeReadsBack) {
  const TemporaryFolder t;
  const std::vector<Json> ropes = {
      {{"rope_type", "linear"}, {"rope_theta", 10000.0}, {"factor", 2.0}},
      {{"rope_type", "yarn"}, {"rope_theta", 1e6}, {"factor", 4.0}, {"original_max_position_embeddings", 128}},
      {{"rope_type", "yarn"},
       {"rope_theta", 1e6},
       {"factor", 4.0},
       {"original_max_position_embeddings", 128},
       {"beta_fast", 16.0},
       {"beta_slow", 2.0}},
      {{"rope_type", "llama3"},
       {"rope_theta", 10000.0},
       {"factor", 8.0},
       {"low_freq_factor", 1.0},
       {"high_freq_factor", 4.0},
       {"original_max_position_embeddings", 64}}};
  for (size_t i = 0; i < ropes.size(); i++) {
    const Tiny tiny("llama", ropes[i]);
    const std::string path = t / (std::to_string(i) + ".gguf");
    write_gguf(path, tiny.meta, stream_of(tiny.tensors), GgufFormat::bf16);
    EXPECT_EQ(open_model_files(path).config["rope_parameters"], ropes[i]);
  }
  const Tiny qwen("qwen3", ropes[3]);
  EXPECT_NE(message_of([&] {
              write_gguf(t / "q.gguf", qwen.meta, stream_of(qwen.tensors), GgufFormat::f32);
            }).find("llama.cpp has it for llama alone"),
            std::string::npos);
}

TEST(GgufWriter, RowsThatAreNoBlocksStayHalves) {
  const TemporaryFolder t;
  Tiny tiny("llama");
  const std::vector<float> odd(40 * 33, 0.5f);
  tiny.tensors.push_back({"lm_head.weight", {40, 33}, odd.data()});
  write_gguf(t / "m.gguf", tiny.meta, stream_of(tiny.tensors), GgufFormat::q8_0);
  const GgufFile file(t / "m.gguf");
  EXPECT_EQ(file.find("output.weight")->info.dtype, "F16");
  EXPECT_EQ(file.find("blk.0.attn_q.weight")->info.dtype, "Q8_0");
}

TEST(GgufWriter, WhatLlamaCppDoesNotHaveIsRefused) {
  const TemporaryFolder t;
  Tiny tiny("llama");
  const auto refusal = [&] {
    return message_of([&] { write_gguf(t / "m.gguf", tiny.meta, stream_of(tiny.tensors), GgufFormat::f32); });
  };
  tiny.meta.config["rope_parameters"] = {{"rope_type", "dynamic"}, {"factor", 2.0}};
  EXPECT_NE(refusal().find("rope_type \"dynamic\""), std::string::npos);
  tiny.meta.config["rope_parameters"] = {{"rope_type", "yarn"}, {"factor", 2.0}, {"truncate", false}};
  EXPECT_NE(refusal().find("truncate"), std::string::npos);
  tiny.meta.config["model_type"] = "mamba";
  EXPECT_NE(refusal().find("\"mamba\" cannot be written"), std::string::npos);
  EXPECT_FALSE(fs::exists(t / "m.gguf"));
}

// ---- the vocabulary

Json tokenizer(const Json& pre, const Json& merges) {
  Json vocab;
  int id = 0;
  for (const char* token : {"a", "b", "ab", "abb"}) vocab[token] = id++;
  return {
      {"added_tokens",
       {{{"id", 4}, {"content", "<s>"}, {"special", true}}, {{"id", 6}, {"content", "<think>"}, {"special", false}}}},
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer", pre},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

const Json kMergePairs = Json::array({Json::array({"a", "b"}), Json::array({"ab", "b"})});

GgufHeader written_header(const std::string& path, const Json& json, const Json& config, const std::string& chat = "") {
  Tiny tiny("llama");
  tiny.meta.tokenizer_json = json.dump();
  tiny.meta.tokenizer_config = config;
  tiny.meta.chat_template = chat;
  tiny.meta.generation_config = {{"eos_token_id", {3, 6}}};
  write_gguf(path, tiny.meta, stream_of(tiny.tensors), GgufFormat::f32);
  return GgufFile(path).header();
}

const Json kSmollm = {{"type", "Sequence"},
                      {"pretokenizers",
                       {{{"type", "Digits"}, {"individual_digits", true}},
                        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}}}}};

TEST(GgufWriter, VocabularyOfByteLevelBpe) {
  const TemporaryFolder t;
  const GgufHeader h = written_header(t / "m.gguf", tokenizer(kSmollm, kMergePairs),
                                      {{"bos_token", {{"content", "<s>"}}}, {"pad_token", nullptr}}, "{{ messages }}");
  EXPECT_EQ(h.text("tokenizer.ggml.model", ""), "gpt2");
  EXPECT_EQ(h.text("tokenizer.ggml.pre", ""), "smollm");
  EXPECT_EQ(*h.strings("tokenizer.ggml.merges"), (std::vector<std::string>{"a b", "ab b"}));
  const auto& tokens = *h.strings("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), 40u) << "a row of the embedding each";
  EXPECT_EQ(std::vector<std::string>(tokens.begin(), tokens.begin() + 8),
            (std::vector<std::string>{"a", "b", "ab", "abb", "<s>", "[PAD5]", "<think>", "[PAD7]"}));
  const auto& types = *h.numbers("tokenizer.ggml.token_type");
  EXPECT_EQ(std::vector<double>(types.begin(), types.begin() + 8), (std::vector<double>{1, 1, 1, 1, 3, 5, 4, 5}));
  EXPECT_EQ(h.number("tokenizer.ggml.bos_token_id", -1), 4);
  EXPECT_EQ(h.number("tokenizer.ggml.eos_token_id", -1), 3) << "from config.json";
  EXPECT_EQ(h.number("tokenizer.ggml.eot_token_id", -1), 6) << "from generation_config.json";
  EXPECT_TRUE(h.flag("tokenizer.ggml.add_bos_token", false)) << "the post-processor says so";
  EXPECT_FALSE(h.flag("tokenizer.ggml.add_eos_token", true));
  EXPECT_EQ(h.text("tokenizer.chat_template", ""), "{{ messages }}");
  EXPECT_FALSE(h.metadata.contains("tokenizer.ggml.padding_token_id"));
  // read again it is the same vocabulary, and ends a text at both
  const ModelFiles back = open_model_files(t / "m.gguf");
  EXPECT_EQ(back.generation_config["eos_token_id"], Json({3, 6}));
  EXPECT_EQ(back.tokenizer_config["bos_token"], "<s>");
  EXPECT_EQ(Json::parse(back.tokenizer_json)["model"]["merges"].size(), 2u);
}

TEST(GgufWriter, AGgufsVocabularyStaysAsItIs) {
  const TemporaryFolder t;
  const GgufHeader first = written_header(t / "a.gguf", tokenizer(kSmollm, Json::array({"a b"})), Json(), "one");
  ModelFiles meta = open_model_files(t / "a.gguf");
  meta.chat_template = "two";
  Tiny tiny("llama");
  write_gguf(t / "b.gguf", meta, stream_of(tiny.tensors), GgufFormat::f32);
  const GgufHeader second = GgufFile(t / "b.gguf").header();
  for (const auto& [key, value] : first.metadata)
    if (key.starts_with("tokenizer.ggml.")) {
      ASSERT_TRUE(second.metadata.contains(key)) << key;
      EXPECT_EQ(second.metadata.at(key).value, value.value) << key;
      EXPECT_EQ(second.metadata.at(key).kind, value.kind) << key;
    }
  EXPECT_EQ(second.text("tokenizer.chat_template", ""), "two");
}

TEST(GgufWriter, SentencePieceKeepsItsMergesAsScores) {
  const TemporaryFolder t;
  Json json = tokenizer(nullptr, kMergePairs);
  json["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "▁"}},
                          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}};
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"]["<0x0A>"] = 5;
  const GgufHeader h = written_header(t / "m.gguf", json, Json());
  EXPECT_EQ(h.text("tokenizer.ggml.model", ""), "llama");
  EXPECT_TRUE(h.flag("tokenizer.ggml.add_space_prefix", false));
  const auto& scores = *h.numbers("tokenizer.ggml.scores");
  EXPECT_EQ(std::vector<double>(scores.begin(), scores.begin() + 4), (std::vector<double>{0, 0, -1, -2}));
  EXPECT_EQ((*h.numbers("tokenizer.ggml.token_type"))[5], 6);
}

TEST(GgufWriter, TokenizersWithoutACounterpartAreRefused) {
  const TemporaryFolder t;
  const auto refusal = [&](const Json& json) {
    return message_of([&] { written_header(t / "m.gguf", json, Json()); });
  };
  Json json = tokenizer(kSmollm, Json::array({"a b"}));
  json["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_NE(refusal(json).find("Lowercase"), std::string::npos);
  json = tokenizer({{"type", "Sequence"},
                    {"pretokenizers",
                     {{{"type", "Split"}, {"pattern", {{"Regex", "x+"}}}, {"behavior", "Isolated"}, {"invert", false}},
                      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}},
                   Json::array({"a b"}));
  EXPECT_NE(refusal(json).find("knows no GGUF name for"), std::string::npos);
  json = tokenizer(kSmollm, Json::array({"a"}));
  EXPECT_NE(refusal(json).find("is no merge"), std::string::npos);
  json = tokenizer(kSmollm, Json::array({"a b"}));
  json["model"]["vocab"]["c"] = 40;
  EXPECT_NE(refusal(json).find("has id 40, the model's embedding has 40 rows"), std::string::npos);
  json["model"]["type"] = "Unigram";
  EXPECT_NE(refusal(json).find("Unigram"), std::string::npos);
}

// ---- folders

TEST(FolderWriter, ShardsReadBack) {
  const TemporaryFolder t;
  const Tiny tiny("qwen3");
  const auto written = write_hf_folder(t.path.string(), tiny.meta, stream_of(tiny.tensors),
                                       {.dtype = DType::f32, .max_shard_bytes = 10'000});
  const Json index = Json::parse(read_text_file(t / "model.safetensors.index.json"));
  uint64_t total = 0;
  size_t shards = 0;
  for (const NamedTensor& tensor : tiny.tensors) {
    uint64_t n = 4;
    for (int64_t d : tensor.shape) n *= static_cast<uint64_t>(d);
    total += n;
    ASSERT_TRUE(index["weight_map"].contains(tensor.name));
  }
  for (const WrittenFile& f : written)
    if (f.name.ends_with(".safetensors")) {
      shards++;
      EXPECT_LE(fs::file_size(t / f.name), 10'000 + 2'000u) << "and its header";
      EXPECT_EQ(f.sha256, sha256_of_file(t / f.name));
    }
  EXPECT_GE(shards, 4u);
  EXPECT_TRUE(fs::exists(t / fmt::format("model-00001-of-{:05}.safetensors", shards)));
  EXPECT_EQ(index["metadata"]["total_size"], total);
  const ModelFiles back = open_model_files(t.path.string());
  for (const NamedTensor& want : tiny.tensors) {
    std::vector<float> got(static_cast<size_t>(back.tensors->tensors()[0].elements()));
    const int at = back.tensors->find(want.name);
    got.resize(static_cast<size_t>(back.tensors->tensors()[static_cast<size_t>(at)].elements()));
    back.tensors->read_f32(at, got);
    EXPECT_TRUE(std::equal(got.begin(), got.end(), want.data)) << want.name;
  }
  EXPECT_EQ(back.config["dtype"], "float32");
}

TEST(FolderWriter, TokenizerFilesAreCarriedOver) {
  const TemporaryFolder t;
  const fs::path from = t.path / "from", to = t.path / "to";
  fs::create_directories(from / "additional_chat_templates");
  fs::create_directories(to);
  const auto put = [&](const std::string& name, const std::string& text) { std::ofstream(from / name) << text; };
  put("tokenizer.json", "{}");
  put("tokenizer_config.json", R"({"eos_token":"</s>","model_max_length":5})");
  put("added_tokens.json", R"({"<x>": 7})");
  put("special_tokens_map.json", R"({"eos_token":"</s>","extra":1})");
  put("chat_template.jinja", "plain");
  put("additional_chat_templates/rag.jinja", "rag");
  ModelFiles files = open_model_files(from.string());
  EXPECT_EQ(files.chat_template, "plain");
  files.chat_template = "changed";
  std::vector<WrittenFile> written;
  write_tokenizer_files(to.string(), files, written);
  for (const char* name : {"tokenizer.json", "added_tokens.json", "special_tokens_map.json"})
    EXPECT_EQ(read_text_file((to / name).string()), read_text_file((from / name).string())) << name;
  EXPECT_FALSE(fs::exists(to / "chat_template.jinja")) << "it would hide the list";
  const ModelFiles back = open_model_files(to.string());
  EXPECT_EQ(back.chat_template, "changed");
  EXPECT_EQ(back.tokenizer_config["chat_template"],
            Json({{{"name", "default"}, {"template", "changed"}}, {{"name", "rag"}, {"template", "rag"}}}));
  for (const WrittenFile& f : written) EXPECT_EQ(f.name.find('/'), std::string::npos) << f.name;
}

}  // namespace
}  // namespace r1
