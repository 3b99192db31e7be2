#include "model/parameters.h"

#include <cmath>

#include "base/error.h"
#include "base/philox.h"
#include "base/threads.h"

namespace r1 {

int64_t ParameterLayout::add(const std::string& name, std::vector<int64_t> shape) {
  int64_t size = 1;
  for (int64_t d : shape) size *= d;
  const int64_t offset = total_;
  all_.push_back({name, std::move(shape), offset, size});
  total_ += size;
  return offset;
}

ParameterLayout::ParameterLayout(const ModelConfig& c) {
  embedding_ = add("model.embed_tokens.weight", {c.vocabulary, c.width});
  for (int64_t i = 0; i < c.layers; i++) add_layer(c, i);
  final_norm_ = add("model.norm.weight", {c.width});
  head_ = c.tied_embeddings ? embedding_ : add("lm_head.weight", {c.vocabulary, c.width});
}

void ParameterLayout::add_layer(const ModelConfig& c, int64_t index) {
  const std::string at = "model.layers." + std::to_string(index) + ".", attn = at + "self_attn.", mlp = at + "mlp.";
  Layer layer{};
  layer.attention_norm = add(at + "input_layernorm.weight", {c.width});
  layer.qkv = add(attn + "q_proj.weight", {c.q_cols(), c.width});
  add(attn + "k_proj.weight", {c.kv_cols(), c.width});
  add(attn + "v_proj.weight", {c.kv_cols(), c.width});
  if (c.qkv_bias) {
    layer.qkv_bias = add(attn + "q_proj.bias", {c.q_cols()});
    add(attn + "k_proj.bias", {c.kv_cols()});
    add(attn + "v_proj.bias", {c.kv_cols()});
  }
  if (c.qk_norm) {
    layer.q_norm = add(attn + "q_norm.weight", {c.head_size});
    layer.k_norm = add(attn + "k_norm.weight", {c.head_size});
  }
  layer.o = add(attn + "o_proj.weight", {c.width, c.q_cols()});
  layer.mlp_norm = add(at + "post_attention_layernorm.weight", {c.width});
  layer.gate_up = add(mlp + "gate_proj.weight", {c.inner, c.width});
  add(mlp + "up_proj.weight", {c.inner, c.width});
  layer.down = add(mlp + "down_proj.weight", {c.width, c.inner});
  layers_.push_back(layer);
}

int ParameterLayout::find(const std::string& name) const {
  for (size_t i = 0; i < all_.size(); i++)
    if (all_[i].name == name) return static_cast<int>(i);
  return -1;
}

namespace {
std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Tensors of a checkpoint that carry nothing to learn.
bool may_be_left_out(const std::string& name, const ParameterLayout& layout) {
  const bool tied_head = name == "lm_head.weight" && layout.head() == layout.embedding();
  return tied_head || name.ends_with("rotary_emb.inv_freq");
}
}  // namespace

Tensor load_parameters(const ParameterLayout& layout, const ModelFiles& files) {
  if (!files.tensors) fail("{}: holds no weights", files.path);
  std::vector<int> index;
  for (const Parameter& p : layout.all()) {
    const int i = files.tensors->find(p.name);
    if (i < 0) fail("{}: tensor {} is missing (expected shape {})", files.path, p.name, shape_text(p.shape));
    const TensorInfo& info = files.tensors->tensors()[static_cast<size_t>(i)];
    if (info.shape != p.shape)
      fail("{}: tensor {} has shape {}, expected {} from config.json", files.path, p.name, shape_text(info.shape),
           shape_text(p.shape));
    index.push_back(i);
  }
  for (const TensorInfo& info : files.tensors->tensors())
    if (layout.find(info.name) < 0 && !may_be_left_out(info.name, layout))
      fail("{}: tensor {} {} has no place in this model", files.path, info.name, shape_text(info.shape));
  Tensor block(DType::f32, 1, layout.total());
  for (size_t i = 0; i < index.size(); i++) {
    const Parameter& p = layout.all()[i];
    files.tensors->read_f32(index[i], {block.as<float>() + p.offset, static_cast<size_t>(p.size)});
  }
  return block;
}

Tensor random_parameters(const ParameterLayout& layout, const ModelConfig& config, uint64_t seed) {
  Tensor block(DType::f32, 1, layout.total());
  for (size_t i = 0; i < layout.all().size(); i++) {
    const Parameter& p = layout.all()[i];
    float* to = block.as<float>() + p.offset;
    const bool residual = p.name.ends_with("o_proj.weight") || p.name.ends_with("down_proj.weight");
    const double deviation = 0.02 / (residual ? std::sqrt(2.0 * static_cast<double>(config.layers)) : 1.0);
    parallel_chunks(p.size, 4096, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; j++) {
        const RandomPlace place{.seed = seed,
                                .stage = Stage::init,
                                .step = static_cast<uint32_t>(i),
                                .prompt = static_cast<uint32_t>(j >> 20),
                                .sample = 0,
                                .token = static_cast<uint32_t>(j & 0xfffff)};
        to[j] = p.is_matrix()              ? static_cast<float>(deviation * random_normal(place))
                : p.name.ends_with("bias") ? 0.0f
                                           : 1.0f;
      }
    });
  }
  return block;
}

std::vector<NamedTensor> named_tensors(const ParameterLayout& layout, const float* block) {
  std::vector<NamedTensor> out;
  for (const Parameter& p : layout.all()) out.push_back({p.name, p.shape, block + p.offset});
  return out;
}

}  // namespace r1
