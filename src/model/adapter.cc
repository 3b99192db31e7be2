#include "model/adapter.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/philox.h"
#include "base/threads.h"
#include "formats/peft.h"

namespace r1 {

AdapterLayout::Matrix AdapterLayout::add_matrix(int64_t layer, int64_t in, std::initializer_list<Module> modules) {
  Matrix out;
  out.in = in;
  int64_t first = 0;
  std::vector<std::string_view> names;
  for (const Module& m : modules) {
    if (std::find(lora_.modules.begin(), lora_.modules.end(), m.name) != lora_.modules.end()) {
      out.parts.push_back({first, m.columns, 0, 0});
      names.push_back(m.name);
    }
    first += m.columns;
  }
  for (size_t i = 0; i < names.size(); i++) out.parts[i].a = add(lora_tensor_name(layer, names[i], 'A'), {lora_.r, in});
  for (size_t i = 0; i < names.size(); i++)
    out.parts[i].b = add(lora_tensor_name(layer, names[i], 'B'), {out.parts[i].columns, lora_.r});
  widest_rank_ = std::max(widest_rank_, lora_.r * static_cast<int64_t>(names.size()));
  return out;
}

AdapterLayout::AdapterLayout(const ModelConfig& c, const LoraConfig& lora) : lora_(lora) {
  R1_CHECK(lora.r >= 1 && !lora.modules.empty());
  for (int64_t i = 0; i < c.layers; i++) {
    Layer layer;
    layer.qkv = add_matrix(i, c.width, {{"q_proj", c.q_cols()}, {"k_proj", c.kv_cols()}, {"v_proj", c.kv_cols()}});
    layer.o = add_matrix(i, c.q_cols(), {{"o_proj", c.width}});
    layer.gate_up = add_matrix(i, c.width, {{"gate_proj", c.inner}, {"up_proj", c.inner}});
    layer.down = add_matrix(i, c.inner, {{"down_proj", c.width}});
    layer.end = total();
    layers_.push_back(std::move(layer));
  }
}

Tensor new_adapter(const AdapterLayout& layout, uint64_t seed) {
  Tensor block(DType::f32, 1, layout.total());
  for (size_t i = 0; i < layout.all().size(); i++) {
    const Parameter& p = layout.all()[i];
    if (!p.name.ends_with(".lora_A.weight")) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(p.shape[1]));
    for (int64_t j = 0; j < p.size; j++) {
      const RandomPlace place{.seed = seed,
                              .stage = Stage::adapter,
                              .step = static_cast<uint32_t>(i),
                              .prompt = static_cast<uint32_t>(j >> 20),
                              .sample = 0,
                              .token = static_cast<uint32_t>(j & 0xfffff)};
      block.as<float>()[p.offset + j] = static_cast<float>(bound * (2 * random_uniform(place) - 1));
    }
  }
  return block;
}

Tensor load_adapter(const AdapterLayout& layout, const ModelFiles& files) {
  R1_CHECK(files.adapter.has_value());
  return load_block(layout, *files.adapter->tensors, files.path, "adapter_config.json and the base model");
}

void merge_adapter(const AdapterLayout& layout, const float* adapter, const ParameterLayout& base, float* parameters) {
  const int64_t r = layout.config().r;
  const double scale = layout.config().scale();
  const auto merge = [&](const AdapterLayout::Matrix& m, int64_t weight) {
    for (const AdapterLayout::Part& part : m.parts)
      parallel_for(part.columns, [&](int64_t o) {
        float* row = parameters + weight + (part.first + o) * m.in;
        const float *a = adapter + part.a, *b = adapter + part.b + o * r;
        for (int64_t i = 0; i < m.in; i++) {
          double sum = 0;
          for (int64_t k = 0; k < r; k++) sum += static_cast<double>(b[k]) * a[k * m.in + i];
          row[i] = static_cast<float>(row[i] + scale * sum);
        }
      });
  };
  for (size_t i = 0; i < layout.layers().size(); i++) {
    const AdapterLayout::Layer& at = layout.layers()[i];
    const ParameterLayout::Layer& to = base.layers()[i];
    merge(at.qkv, to.qkv);
    merge(at.o, to.o);
    merge(at.gate_up, to.gate_up);
    merge(at.down, to.down);
  }
}

}  // namespace r1
