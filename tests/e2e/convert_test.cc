// Models carried from one form to another and back, and looked at.

#include <chrono>
#include <cmath>
#include <fstream>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

std::vector<double> logprobs(const std::string& model) {
  const Outcome o = r1(with_sets({"logprobs", "--model", model}, {"compute_dtype=f32"}),
                       "{\"ids\":[5,7,9,3,40,41]}\n{\"ids\":[8,20,31]}\n");
  EXPECT_TRUE(done(o));
  std::vector<double> out;
  for (const Json& row : json_lines(o.out))
    for (const Json& x : row["logprobs"]) out.push_back(x.get<double>());
  return out;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double most) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++) EXPECT_NEAR(a[i], b[i], most);
}

Outcome convert(const std::string& model, const fs::path& out, const std::vector<std::string>& sets) {
  return r1(with_sets({"convert", "--model", model, "--out", out.string()}, sets));
}

Json inspect(const fs::path& path) {
  const Outcome o = r1({"inspect", path.string(), "--json"});
  EXPECT_TRUE(done(o));
  const auto lines = json_lines(o.out);
  return lines.size() == 1 ? lines[0] : Json();
}

TEST(ConvertTest, EveryPairOfFormsGivesTheSameLogProbs) {
  for (const char* name : {"llama-tied", "llama3-rope", "llama-linear-rope", "qwen2", "qwen2-yarn", "qwen3"}) {
    const TempFolder t;
    const auto want = logprobs(golden(name));
    ASSERT_TRUE(done(convert(golden(name), t / "a.gguf", {"save_dtype=f32"}))) << name;
    expect_near(logprobs(t / "a.gguf"), want, 2e-6);
    ASSERT_TRUE(done(convert(t / "a.gguf", t / "folder", {"save_dtype=f32", "max_shard_size=40KB"}))) << name;
    expect_near(logprobs(t / "folder"), want, 2e-6);
    EXPECT_TRUE(fs::exists(t / "folder" / "model.safetensors.index.json")) << name;
    ASSERT_TRUE(done(convert(t / "folder", t / "b.gguf", {"save_dtype=f32"}))) << name;
    expect_near(logprobs(t / "b.gguf"), want, 2e-6);
    ASSERT_TRUE(done(convert(t / "b.gguf", t / "c.gguf", {"save_dtype=f16"}))) << name;
    expect_near(logprobs(t / "c.gguf"), want, 0.05);
    ASSERT_TRUE(done(convert(golden(name), t / "d.gguf", {"save_dtype=q8_0"}))) << name;
    expect_near(logprobs(t / "d.gguf"), want, 0.4);
  }
}

TEST(ConvertTest, TokenizerAndTemplateGoAlong) {
  const TempFolder t;
  ASSERT_TRUE(done(convert("mini", t / "mini.gguf", {})));
  ASSERT_TRUE(done(convert(t / "mini.gguf", t / "folder", {})));
  const std::string text = "{\"text\":\"3 + 45 = <think>é 12\\n\\n ok<|im_end|>\"}\n";
  const std::string chat = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"add_generation_prompt\":true}\n";
  const std::string ids = r1({"tokenize", "--model", "mini"}, text).out;
  const std::string rendered = r1({"template", "--model", "mini"}, chat).out;
  ASSERT_NE(ids.find("ids"), std::string::npos);
  for (const char* model : {"mini.gguf", "folder"}) {
    EXPECT_EQ(r1({"tokenize", "--model", (t / model).string()}, text).out, ids) << model;
    EXPECT_EQ(r1({"template", "--model", (t / model).string()}, chat).out, rendered) << model;
  }
  const Json gguf = inspect(t / "mini.gguf"), folder = inspect(t / "folder");
  EXPECT_EQ(gguf["format"], "gguf");
  EXPECT_EQ(folder["format"], "huggingface");
  EXPECT_EQ(gguf["parameters"], folder["parameters"]);
  EXPECT_EQ(gguf["architecture"], "qwen3");
  EXPECT_EQ(gguf["context_length"], 1024);
  EXPECT_EQ(gguf["tokenizer"]["pre"], "qwen2");
  EXPECT_EQ(gguf["tokenizer"]["eos_token"], "<|im_end|>");
  EXPECT_EQ(gguf["runs"], true);
  EXPECT_GT(gguf["memory"]["generate"].get<uint64_t>(), gguf["parameters"].get<uint64_t>());
}

TEST(ConvertTest, WhatCannotBeIsRefused) {
  const TempFolder t;
  EXPECT_TRUE(refused(convert("mini", t / "folder", {"save_dtype=q8_0"}), 2, "is for --out FILE.gguf"));
  EXPECT_TRUE(refused(convert("mini", t / "folder", {"max_shard_size=5 parsecs"}), 2, "max_shard_size"));
  write_file(t / "there.gguf", "");
  EXPECT_TRUE(refused(convert("mini", t / "there.gguf", {}), 1, "is there already"));
  EXPECT_TRUE(refused(r1({"inspect", (t / "none").string()}), 1, "no such file"));
  EXPECT_TRUE(refused(r1({"inspect"}), 2, "path"));
}

TEST(InspectTest, APersonCanReadIt) {
  const Outcome o = r1({"inspect", golden("qwen3")});
  ASSERT_TRUE(done(o));
  EXPECT_NE(o.out.find("model.layers.*.self_attn.q_proj.weight"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("runs            yes"), std::string::npos) << o.out;
}

// Qwen2's biases under Qwen3's name: metadata alone do not tell that it cannot be run.
TEST(InspectTest, SaysWhatTheLoaderWouldRefuse) {
  const TempFolder t;
  ASSERT_TRUE(done(convert(golden("qwen2"), t / "m.gguf", {})));
  std::string bytes = read_file(t / "m.gguf");
  for (size_t at = 0; (at = bytes.find("qwen2", at)) != std::string::npos;) bytes[at + 4] = '3';
  write_file(t / "m.gguf", bytes);
  const Json told = inspect(t / "m.gguf");
  ASSERT_EQ(told["runs"], false);
  EXPECT_NE(told["why_not"].dump().find("tensor model.layers.0.self_attn.q_norm.weight is missing"), std::string::npos);
  const Outcome o = r1({"inspect", t / "m.gguf"});
  ASSERT_TRUE(done(o));
  EXPECT_NE(o.out.find("runs            no: "), std::string::npos) << o.out;
}

// A sparse file of a gigabyte whose header promises arrays that fit it: the limits hold whatever the file's size.
TEST(InspectTest, AHostileHeaderIsRefusedAtOnce) {
  const TempFolder t;
  const auto gguf = [&](uint64_t tensors, uint64_t keys, const std::string& rest) {
    const auto raw = [](auto v) { return std::string(reinterpret_cast<const char*>(&v), sizeof v); };
    write_file(t / "h.gguf", "GGUF" + raw(uint32_t{3}) + raw(tensors) + raw(keys) + rest);
    fs::resize_file(t / "h.gguf", uint64_t{1} << 30);
  };
  const std::string key = std::string("\1\0\0\0\0\0\0\0k\x09\0\0\0", 13);
  const std::string many("\0\0\0\x0c\0\0\0\0", 8);  // 201,326,592
  const std::vector<std::pair<std::function<void()>, std::string>> cases = {
      {[&] { gguf(uint64_t{1} << 63, 0, ""); }, "tensors cannot fit"},
      {[&] { gguf(40'000'000, 0, ""); }, "tensors, at most"},
      {[&] { gguf(0, 1, key + std::string("\0\0\0\0", 4) + many); }, "numbers"},
      {[&] { gguf(0, 1, key + std::string("\x08\0\0\0", 4) + std::string("\0\0\0\x07\0\0\0\0", 8)); }, "strings"}};
  for (const auto& [make, message] : cases) {
    make();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(refused(r1({"inspect", (t / "h.gguf").string()}), 1, message));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << "a second, on a busy machine more";
  }
}

}  // namespace
}  // namespace r1::e2e
