#include "model/parameters.h"

#include <cmath>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/philox.h"
#include "base/threads.h"
#include "model/adapter.h"

namespace r1 {

int64_t BlockLayout::add(const std::string& name, std::vector<int64_t> shape) {
  int64_t size = 1;
  for (int64_t d : shape) size *= d;
  const int64_t offset = total_;
  all_.push_back({name, std::move(shape), offset, size});
  total_ += size;
  return offset;
}

int64_t ParameterLayout::add_matrix(const std::string& name, std::vector<int64_t> shape) {
  return holds_ == Holds::all ? add(name, std::move(shape)) : -1;
}

ParameterLayout::ParameterLayout(const ModelConfig& c, Holds holds) : holds_(holds) {
  embedding_ = add("model.embed_tokens.weight", {c.vocabulary, c.width});
  for (int64_t i = 0; i < c.layers; i++) add_layer(c, i);
  final_norm_ = add("model.norm.weight", {c.width});
  head_ = c.tied_embeddings ? embedding_ : add_matrix("lm_head.weight", {c.vocabulary, c.width});
  if (c.scalar_head) score_ = add("score.weight", {1, c.width});
}

void ParameterLayout::add_layer(const ModelConfig& c, int64_t index) {
  const std::string at = "model.layers." + std::to_string(index) + ".", attn = at + "self_attn.", mlp = at + "mlp.";
  Layer layer{};
  layer.attention_norm = add(at + "input_layernorm.weight", {c.width});
  layer.qkv = add_matrix(attn + "q_proj.weight", {c.q_cols(), c.width});
  add_matrix(attn + "k_proj.weight", {c.kv_cols(), c.width});
  add_matrix(attn + "v_proj.weight", {c.kv_cols(), c.width});
  if (c.qkv_bias) {
    layer.qkv_bias = add(attn + "q_proj.bias", {c.q_cols()});
    add(attn + "k_proj.bias", {c.kv_cols()});
    add(attn + "v_proj.bias", {c.kv_cols()});
  }
  if (c.qk_norm) {
    layer.q_norm = add(attn + "q_norm.weight", {c.head_size});
    layer.k_norm = add(attn + "k_norm.weight", {c.head_size});
  }
  layer.o = add_matrix(attn + "o_proj.weight", {c.width, c.q_cols()});
  layer.mlp_norm = add(at + "post_attention_layernorm.weight", {c.width});
  layer.gate_up = add_matrix(mlp + "gate_proj.weight", {c.inner, c.width});
  add_matrix(mlp + "up_proj.weight", {c.inner, c.width});
  layer.down = add_matrix(mlp + "down_proj.weight", {c.width, c.inner});
  layers_.push_back(layer);
}

int BlockLayout::find(const std::string& name) const {
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
bool may_be_left_out(const std::string& name, bool has_embedding) {
  const bool tied_head = name == "lm_head.weight" && has_embedding;
  return tied_head || name.ends_with("rotary_emb.inv_freq");
}

// Index of every parameter's tensor, in the layout's order.
std::vector<int> find_tensors(const BlockLayout& layout, const TensorSource& tensors, const std::string& path,
                              const std::string& source) {
  std::unordered_map<std::string_view, int> places;  // a file may have very many
  for (size_t i = 0; i < tensors.tensors().size(); i++) places.emplace(tensors.tensors()[i].name, static_cast<int>(i));
  std::unordered_set<std::string_view> wanted;
  std::vector<int> index;
  for (const Parameter& p : layout.all()) {
    const auto place = places.find(p.name);
    if (place == places.end()) fail("{}: tensor {} is missing (expected shape {})", path, p.name, shape_text(p.shape));
    const int i = place->second;
    wanted.insert(p.name);
    const TensorInfo& info = tensors.tensors()[static_cast<size_t>(i)];
    if (info.shape != p.shape)
      fail("{}: tensor {} has shape {}, expected {} from {}", path, p.name, shape_text(info.shape), shape_text(p.shape),
           source);
    index.push_back(i);
  }
  for (const TensorInfo& info : tensors.tensors())
    if (!wanted.contains(info.name) && !may_be_left_out(info.name, wanted.contains("model.embed_tokens.weight")))
      fail("{}: tensor {} {} has no place in this model", path, info.name, shape_text(info.shape));
  return index;
}
}  // namespace

void check_tensors(const BlockLayout& layout, const TensorSource& tensors, const std::string& path,
                   const std::string& source) {
  find_tensors(layout, tensors, path, source);
}

ReadParameter weights_of(const ParameterLayout& layout, const ModelFiles& files) {
  if (!files.tensors) fail("{}: holds no weights", files.path);
  const std::vector<int> index = find_tensors(layout, *files.tensors, files.path, "config.json");
  std::map<std::string, int> by_name;
  for (size_t i = 0; i < index.size(); i++) by_name[layout.all()[i].name] = index[i];
  return [by_name = std::move(by_name), tensors = files.tensors.get()](const Parameter& p, float* to) {
    tensors->read_f32(by_name.at(p.name), {to, static_cast<size_t>(p.size)});
  };
}

Tensor load_block(const BlockLayout& layout, const TensorSource& tensors, const std::string& path,
                  const std::string& source) {
  const std::vector<int> index = find_tensors(layout, tensors, path, source);
  Tensor block(DType::f32, 1, layout.total());
  for (size_t i = 0; i < index.size(); i++) {
    const Parameter& p = layout.all()[i];
    tensors.read_f32(index[i], {block.as<float>() + p.offset, static_cast<size_t>(p.size)});
  }
  return block;
}

Tensor load_parameters(const ParameterLayout& layout, const ModelFiles& files) {
  if (!files.tensors) fail("{}: holds no weights", files.path);
  Tensor block = load_block(layout, *files.tensors, files.path, "config.json");
  if (!files.adapter) return block;
  const AdapterLayout adapter(read_config(files.config, files.generation_config, files.path), files.adapter->config);
  const Tensor values = load_adapter(adapter, files);
  merge_adapter(adapter, values.as<float>(), layout, block.as<float>());
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

std::vector<NamedTensor> named_tensors(const BlockLayout& layout, const float* block) {
  std::vector<NamedTensor> out;
  for (const Parameter& p : layout.all()) out.push_back({p.name, p.shape, block + p.offset});
  return out;
}

}  // namespace r1
