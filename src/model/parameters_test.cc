#include "model/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "model/tiny_models.h"

namespace r1 {
namespace {

// Tensors in memory.
class FakeSource : public TensorSource {
 public:
  explicit FakeSource(const ParameterLayout& layout) {
    for (const Parameter& p : layout.all()) infos.push_back({p.name, "F32", p.shape});
  }
  const std::vector<TensorInfo>& tensors() const override { return infos; }
  void read_f32(int index, std::span<float> out) const override {
    reads++;
    std::fill(out.begin(), out.end(), static_cast<float>(index));
  }
  void read_i64(int, std::span<int64_t>) const override { FAIL(); }
  std::vector<TensorInfo> infos;
  mutable int reads = 0;
};

struct Loaded {
  explicit Loaded(const char* family) : layout(tiny_config(family)) {
    files.path = "model/dir";
    source = new FakeSource(layout);
    files.tensors.reset(source);
  }
  TensorInfo& at(const std::string& name) {
    return *std::find_if(source->infos.begin(), source->infos.end(), [&](const auto& i) { return i.name == name; });
  }
  std::string error() {
    try {
      load_parameters(layout, files);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  ParameterLayout layout;
  ModelFiles files;
  FakeSource* source;  // owned by files
};

TEST(LoadParameters, PutsEveryTensorInItsPlace) {
  for (const char* family : {"llama", "qwen2", "qwen3"}) {
    Loaded m(family);
    std::reverse(m.source->infos.begin(), m.source->infos.end());  // a file's order is its own
    const Tensor block = load_parameters(m.layout, m.files);
    for (const Parameter& p : m.layout.all()) {
      const float want = static_cast<float>(m.source->find(p.name));
      EXPECT_EQ(block.as<float>()[p.offset], want) << p.name;
      EXPECT_EQ(block.as<float>()[p.offset + p.size - 1], want) << p.name;
    }
  }
}

TEST(LoadParameters, AMissingTensorIsNamed) {
  Loaded m("qwen3");
  std::erase_if(m.source->infos, [](const auto& i) { return i.name == "model.layers.1.self_attn.k_norm.weight"; });
  EXPECT_EQ(m.error(), "model/dir: tensor model.layers.1.self_attn.k_norm.weight is missing (expected shape [6])");
  EXPECT_EQ(m.source->reads, 0);
}

TEST(LoadParameters, AMisshapenTensorIsNamed) {
  Loaded m("llama");
  m.at("model.layers.0.mlp.up_proj.weight").shape = {12, 20};
  EXPECT_EQ(
      m.error(),
      "model/dir: tensor model.layers.0.mlp.up_proj.weight has shape [12, 20], expected [20, 12] from config.json");
  EXPECT_EQ(m.source->reads, 0);  // nothing is read, let alone allocated, before all shapes are right
}

TEST(LoadParameters, ASurplusTensorIsNamed) {
  Loaded m("llama");
  m.source->infos.push_back({"model.layers.2.mlp.up_proj.weight", "F32", {20, 12}});
  EXPECT_EQ(m.error(), "model/dir: tensor model.layers.2.mlp.up_proj.weight [20, 12] has no place in this model");
}

TEST(LoadParameters, WhatCarriesNothingMayBeThere) {
  Loaded tied("llama");
  tied.source->infos.push_back({"lm_head.weight", "F32", {19, 12}});
  tied.source->infos.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {3}});
  EXPECT_EQ(tied.error(), "");
  Loaded untied("qwen2");
  std::erase_if(untied.source->infos, [](const auto& i) { return i.name == "lm_head.weight"; });
  EXPECT_NE(untied.error().find("lm_head.weight is missing"), std::string::npos);
}

TEST(LoadParameters, AVocabularyAloneIsNoModel) {
  Loaded m("llama");
  m.files.tensors.reset();
  EXPECT_EQ(m.error(), "model/dir: holds no weights");
}

TEST(ParameterLayout, NeighboursAreOneMatrix) {
  for (const char* family : {"llama", "qwen2", "qwen3"}) {
    const ModelConfig c = tiny_config(family);
    const ParameterLayout layout(c);
    const auto offset = [&](const std::string& name) {
      return layout.all()[static_cast<size_t>(layout.find(name))].offset;
    };
    const std::string at = "model.layers.1.";
    EXPECT_EQ(layout.layers()[1].qkv, offset(at + "self_attn.q_proj.weight"));
    EXPECT_EQ(offset(at + "self_attn.k_proj.weight"), layout.layers()[1].qkv + c.q_cols() * c.width);
    EXPECT_EQ(offset(at + "self_attn.v_proj.weight"), layout.layers()[1].qkv + (c.q_cols() + c.kv_cols()) * c.width);
    EXPECT_EQ(offset(at + "mlp.up_proj.weight"), layout.layers()[1].gate_up + c.inner * c.width);
    int64_t end = 0;
    for (const Parameter& p : layout.all()) {
      EXPECT_EQ(p.offset, end);  // no gap, no overlap
      end += p.size;
    }
    EXPECT_EQ(end, layout.total());
    EXPECT_EQ(layout.head() == layout.embedding(), c.tied_embeddings);
  }
}

TEST(RandomParameters, HaveTheirDeviationAndNoThreads) {
  const int before = thread_count();
  ModelConfig c = tiny_config("qwen2");
  c.width = 96, c.inner = 200;
  const ParameterLayout layout(c);
  set_thread_count(1);
  const Tensor one = random_parameters(layout, c, 5);
  set_thread_count(3);
  const Tensor three = random_parameters(layout, c, 5), other = random_parameters(layout, c, 6);
  set_thread_count(before);
  EXPECT_EQ(0, std::memcmp(one.raw(), three.raw(), one.bytes()));
  EXPECT_NE(0, std::memcmp(one.raw(), other.raw(), one.bytes()));
  for (const Parameter& p : layout.all()) {
    const float* x = one.as<float>() + p.offset;
    if (!p.is_matrix()) {
      EXPECT_EQ(x[0], p.name.ends_with("bias") ? 0.0f : 1.0f) << p.name;
      continue;
    }
    double sum = 0;
    for (int64_t i = 0; i < p.size; i++) sum += static_cast<double>(x[i]) * x[i];
    const bool residual = p.name.ends_with("o_proj.weight") || p.name.ends_with("down_proj.weight");
    EXPECT_NEAR(std::sqrt(sum / static_cast<double>(p.size)), residual ? 0.01 : 0.02, 0.0015) << p.name;
  }
}

}  // namespace
}  // namespace r1
