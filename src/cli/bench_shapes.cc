#include <map>

#include "base/error.h"
#include "base/nearest.h"
#include "cli/bench.h"

namespace r1 {
namespace {

struct Size {
  int64_t vocabulary, width, inner, layers;
  int heads, kv_heads, head_size;
};

ModelConfig shape(const std::string& family, const Size& s, double theta, int64_t max_positions) {
  ModelConfig c;
  c.family = family;
  c.vocabulary = s.vocabulary;
  c.width = s.width;
  c.inner = s.inner;
  c.layers = s.layers;
  c.heads = s.heads;
  c.kv_heads = s.kv_heads;
  c.head_size = s.head_size;
  c.tied_embeddings = true;
  c.qkv_bias = family == "qwen2";
  c.qk_norm = family == "qwen3";
  c.max_positions = max_positions;
  c.rope.theta = theta;
  return c;
}

const std::map<std::string, ModelConfig>& shapes() {
  static const std::map<std::string, ModelConfig> all = {
      {"mini", shape("qwen3", {768, 192, 512, 5, 6, 2, 32}, 1e4, 1024)},  // assets/mini
      {"4m", shape("qwen3", {332, 256, 768, 5, 8, 4, 32}, 1e4, 1024)},
      {"smollm2-135m", shape("llama", {49152, 576, 1536, 30, 9, 3, 64}, 1e5, 8192)},
      {"smollm2-360m", shape("llama", {49152, 960, 2560, 32, 15, 5, 64}, 1e5, 8192)},
      {"qwen2.5-0.5b", shape("qwen2", {151936, 896, 4864, 24, 14, 2, 64}, 1e6, 8192)},
      {"qwen2.5-1.5b", shape("qwen2", {151936, 1536, 8960, 28, 12, 2, 128}, 1e6, 8192)}};
  return all;
}

}  // namespace

std::vector<std::string> bench_shapes() {
  std::vector<std::string> names;
  for (const auto& [name, config] : shapes()) names.push_back(name);
  return names;
}

ModelConfig bench_shape(const std::string& name) {
  const auto it = shapes().find(name);
  if (it == shapes().end())
    fail_usage("--shape {}: there is no such shape; nearest: {}", name, nearest_name(name, bench_shapes()));
  return it->second;
}

}  // namespace r1
