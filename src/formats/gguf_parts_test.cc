// Split models, scaled RoPE, DeepSeek's metadata, and headers made to take much memory.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "formats/gguf.h"
#include "formats/gguf_by_hand.h"
#include "formats/gguf_rope.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct TemporaryFolder {
  fs::path path = testing::TempDir() + "r1_gguf_parts_" + std::to_string(getpid());
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string put(const std::string& name, const std::string& bytes) const {
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

// Part `number` of two, with one tensor of four floats that hold its value.
std::string part(uint16_t number, const std::string& tensor, float value, uint32_t tensors = 2, uint16_t count = 2) {
  Bytes b;
  b.start(1, 4).key_text("general.architecture", "llama").key_u16("split.no", number).key_u16("split.count", count);
  b.key_u32("split.tensors.count", tensors).tensor(tensor, {4}, 0, 0).data(0);
  for (int i = 0; i < 4; i++) b.put(value);
  return b.out;
}

TEST(GgufParts, ASplitModelIsOne) {
  const TemporaryFolder t;
  const std::string first = t.put("m-00001-of-00002.gguf", part(0, "output_norm.weight", 1.5f));
  const std::string second = t.put("m-00002-of-00002.gguf", part(1, "blk.0.attn_norm.weight", 2.5f));
  const auto file = std::make_shared<const GgufFile>(first);
  EXPECT_EQ(file->parts(), 2u);
  EXPECT_EQ(file->size(), fs::file_size(first) + fs::file_size(second));
  const auto tensors = open_gguf_tensors(file);
  std::vector<float> out(4);
  tensors->read_f32(tensors->find("model.layers.0.input_layernorm.weight"), out);
  EXPECT_EQ(out, std::vector<float>(4, 2.5f));
  tensors->read_f32(tensors->find("model.norm.weight"), out);
  EXPECT_EQ(out, std::vector<float>(4, 1.5f));
}

TEST(GgufParts, WhatDoesNotFitTogetherIsRefused) {
  const TemporaryFolder t;
  const auto open = [&](const std::string& name) {
    return message_of([&] { const GgufFile file((t.path / name).string()); });
  };
  t.put("m-00001-of-00002.gguf", part(0, "a", 1));
  EXPECT_NE(open("m-00001-of-00002.gguf").find("m-00002-of-00002.gguf: is missing"), std::string::npos);
  t.put("m-00002-of-00002.gguf", part(1, "b", 1));
  EXPECT_EQ(open("m-00001-of-00002.gguf"), "accepted");
  EXPECT_NE(open("m-00002-of-00002.gguf").find("name the first"), std::string::npos);
  t.put("other.gguf", part(0, "a", 1));
  EXPECT_NE(open("other.gguf").find("must end in -00001-of-00002.gguf"), std::string::npos);
  t.put("m-00002-of-00002.gguf", part(1, "a", 1));
  EXPECT_NE(open("m-00001-of-00002.gguf").find("tensor a is in an earlier file too"), std::string::npos);
  t.put("m-00002-of-00002.gguf", part(0, "b", 1));
  EXPECT_NE(open("m-00001-of-00002.gguf").find("do not say that it is file 2 of 2"), std::string::npos);
  t.put("m-00002-of-00002.gguf", part(1, "b", 1));
  t.put("m-00001-of-00002.gguf", part(0, "a", 1, 3));
  EXPECT_NE(open("m-00001-of-00002.gguf").find("split.tensors.count says 3"), std::string::npos);
  t.put("m-00001-of-00002.gguf", part(0, "a", 1, 2, 65535));
  EXPECT_NE(open("m-00001-of-00002.gguf").find("split.count is 65535"), std::string::npos);
}

// ---- RoPE

GgufHeader rope_header(const std::function<void(Bytes&)>& keys, uint64_t count) {
  Bytes b;
  b.start(0, count + 1).key_f32("llama.rope.freq_base", 500000);
  keys(b);
  b.data(0);
  return parse_gguf(std::as_bytes(std::span(b.out.data(), b.out.size())), "rope.gguf");
}

TEST(GgufRope, LinearAndYarn) {
  const auto linear = rope_header(
      [](Bytes& b) { b.key_text("llama.rope.scaling.type", "linear").key_f32("llama.rope.scaling.factor", 2.5f); }, 2);
  EXPECT_EQ(rope_from_gguf(linear, "llama", 64, {}),
            Json({{"rope_type", "linear"}, {"rope_theta", 500000.0}, {"factor", 2.5}}));
  const auto yarn = rope_header(
      [](Bytes& b) {
        b.key_text("llama.rope.scaling.type", "yarn").key_f32("llama.rope.scaling.factor", 4);
        b.key_u32("llama.rope.scaling.original_context_length", 32768);
        b.key_f32("llama.rope.scaling.yarn_beta_fast", 16).key_f32("llama.rope.scaling.attn_factor", 0.5f);
      },
      5);
  const Json got = rope_from_gguf(yarn, "llama", 64, {});
  EXPECT_EQ(got["original_max_position_embeddings"], 32768);
  EXPECT_EQ(got["beta_fast"], 16.0);
  EXPECT_NEAR(got["attention_factor"].get<double>(), 0.5 * (0.1 * std::log(4.0) + 1), 1e-12);
  EXPECT_NEAR(yarn_extra_magnitude(got), 0.5, 1e-12);
}

// Divisors by llama.cpp's own converter (convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors), written out for
// Llama 3.2's heads: theta 500000, 64 dimensions, factor 32, low 1, high 4, original 8192.
TEST(GgufRope, Llama3IsFoundAgainFromItsDivisors) {
  const GgufHeader h = rope_header([](Bytes&) {}, 0);
  std::vector<float> llama32;
  for (int i = 0; i < 64; i += 2) {
    const double frequency = 1.0 / std::pow(500000.0, i / 64.0), wavelength = 2 * M_PI / frequency;
    const double smooth = (8192 / wavelength - 1) / (4 - 1.0);
    llama32.push_back(static_cast<float>(wavelength < 8192 / 4.0 ? 1
                                         : wavelength > 8192     ? 32
                                                                 : 1 / ((1 - smooth) / 32 + smooth)));
  }
  const Json found = rope_from_gguf(h, "llama", 64, llama32);
  EXPECT_EQ(found, Json({{"rope_type", "llama3"},
                         {"rope_theta", 500000.0},
                         {"factor", 32.0},
                         {"low_freq_factor", 1.0},
                         {"high_freq_factor", 4.0},
                         {"original_max_position_embeddings", 8192}}));
  EXPECT_EQ(llama3_factors(found, 64), llama32);
  // other parameters need not be the same numbers again, but the same divisors
  for (const auto& [head, factor, low, high, original] : {std::tuple(128, 8.0, 1.0, 4.0, 4096),
                                                          {64, 2.0, 1.0, 2.5, 100},
                                                          {16, 8.0, 1.0, 4.0, 64},
                                                          {32, 3.0, 2.0, 2.2, 900}}) {
    const std::vector<float> divisors = llama3_factors({{"rope_theta", 500000.0},
                                                        {"factor", factor},
                                                        {"low_freq_factor", low},
                                                        {"high_freq_factor", high},
                                                        {"original_max_position_embeddings", original}},
                                                       head);
    const std::vector<float> again = llama3_factors(rope_from_gguf(h, "llama", head, divisors), head);
    for (size_t i = 0; i < divisors.size(); i++)
      EXPECT_NEAR(again[i], divisors[i], 2e-5 * divisors[i]) << head << " " << i;
  }
  std::vector<float> odd = llama32;
  odd[3] = 7;
  EXPECT_NE(message_of([&] { rope_from_gguf(h, "llama", 64, odd); }).find("in another way"), std::string::npos);
  EXPECT_NE(message_of([&] { rope_from_gguf(h, "llama", 32, llama32); }).find("expected 16"), std::string::npos);
  odd[3] = NAN;
  EXPECT_NE(message_of([&] { rope_from_gguf(h, "llama", 64, odd); }), "accepted");
}

// ---- DeepSeek: its sizes are read though it does not run from a GGUF

TEST(GgufDeepseek, SizesOfV3) {
  Bytes b;
  const std::string at = "deepseek2.";
  b.start(1, 20).key_text("general.architecture", "deepseek2").key_u32(at + "embedding_length", 64);
  b.key_u32(at + "feed_forward_length", 128).key_u32(at + "block_count", 3).key_u32(at + "context_length", 4096);
  b.key_u32(at + "attention.head_count", 4).key_u32(at + "attention.head_count_kv", 1);
  b.key_u32(at + "attention.key_length", 80).key_u32(at + "attention.value_length", 64);
  b.key_u32(at + "attention.key_length_mla", 24).key_u32(at + "attention.value_length_mla", 16);
  b.key_u32(at + "attention.kv_lora_rank", 64).key_u32(at + "attention.q_lora_rank", 32);
  b.key_u32(at + "rope.dimension_count", 8).key_u32(at + "expert_count", 16).key_u32(at + "expert_used_count", 4);
  b.key_u32(at + "expert_gating_func", 2).key_u32(at + "leading_dense_block_count", 1);
  b.key_f32(at + "expert_weights_scale", 2.5f).key_f32(at + "rope.scaling.yarn_log_multiplier", 0.1f);
  b.tensor("token_embd.weight", {64, 10}, 0, 0).data(64 * 10 * 4);
  const Json c = gguf_config(parse_gguf(std::as_bytes(std::span(b.out.data(), b.out.size())), "d.gguf"));
  EXPECT_EQ(c["model_type"], "deepseek_v3");
  EXPECT_EQ(c["num_key_value_heads"], 4);
  EXPECT_EQ(c["qk_nope_head_dim"], 16);
  EXPECT_EQ(c["qk_rope_head_dim"], 8);
  EXPECT_EQ(c["v_head_dim"], 16);
  EXPECT_EQ(c["kv_lora_rank"], 64);
  EXPECT_EQ(c["n_routed_experts"], 16);
  EXPECT_EQ(c["first_k_dense_replace"], 1);
  EXPECT_EQ(c["routed_scaling_factor"], 2.5);
  EXPECT_EQ(c["rope_parameters"]["mscale_all_dim"], 1.0);

  Bytes other;
  other.start(1, 1).key_text("general.architecture", "mamba").tensor("t", {4}, 0, 0).data(16);
  EXPECT_EQ(gguf_config(parse_gguf(std::as_bytes(std::span(other.out.data(), other.out.size())), "m.gguf")),
            Json({{"model_type", "mamba"}}));
}

// ---- little file, much memory

TEST(GgufHostile, HeadersAreBoundedWhateverTheFileHolds) {
  const auto refusal = [](const Bytes& b) {
    return message_of([&] { parse_gguf(std::as_bytes(std::span(b.out.data(), b.out.size())), "big.gguf"); });
  };
  Bytes numbers;  // a byte each in the file, eight in memory
  numbers.start(0, 1).text("k").u32(9).u32(0).u64(5'000'000).data(5'000'000, 1);
  EXPECT_NE(refusal(numbers).find("more than 4194304 numbers"), std::string::npos) << refusal(numbers);
  Bytes strings;  // eight bytes each in the file, four times that in memory
  strings.start(0, 2);
  for (const char* key : {"k", "l"}) strings.text(key).u32(9).u32(8).u64(1'500'000).data(12'000'000, 1);
  EXPECT_NE(refusal(strings).find("more than 2097152 strings"), std::string::npos) << refusal(strings);
  Bytes text;
  text.start(0, 1).text("k").u32(8).u64(50u << 20).data(50u << 20, 1);
  EXPECT_NE(refusal(text).find("bytes of text"), std::string::npos) << refusal(text);
  Bytes tensors;
  tensors.start(200'000, 0).data(200'000 * 24, 1);
  EXPECT_NE(refusal(tensors).find("200000 tensors, at most"), std::string::npos);
  Bytes keys;
  keys.start(0, 20'000).data(20'000 * 13, 1);
  EXPECT_NE(refusal(keys).find("20000 metadata keys, at most"), std::string::npos);
}

}  // namespace
}  // namespace r1
