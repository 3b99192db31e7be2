// A GGUF's model in Hugging Face's words: config keys, tensor names, row order.
#include <cmath>

#include "base/threads.h"
#include "formats/gguf.h"

namespace r1 {
namespace {

struct Architecture {
  const char* gguf;
  const char* class_name;
  bool permuted_qk;  // llama.cpp stores Llama's q and k rows with RoPE pairs side by side
};
constexpr Architecture kArchitectures[] = {
    {"llama", "LlamaForCausalLM", true}, {"qwen2", "Qwen2ForCausalLM", false}, {"qwen3", "Qwen3ForCausalLM", false}};

const Architecture& architecture_of(const GgufHeader& h) {
  const std::string name = h.text("general.architecture", "");
  for (const Architecture& a : kArchitectures)
    if (name == a.gguf) return a;
  fail("{}: general.architecture is \"{}\"; expected llama, qwen2 or qwen3", h.file, name);
}

const GgufTensor* find_tensor(const GgufHeader& h, const std::string& name) {
  for (const GgufTensor& t : h.tensors)
    if (t.info.name == name) return &t;
  return nullptr;
}

constexpr int64_t kMostCount = 1'000'000'000;

// A count of 1 or more; `fallback` 0: the key must be there.
int64_t count_of(const GgufHeader& h, const std::string& key, int64_t fallback = 0) {
  if (fallback == 0 && !h.metadata.contains(key)) fail("{}: metadata key {} is missing", h.file, key);
  return h.whole(key, fallback, 1, kMostCount);
}

double positive(const GgufHeader& h, const std::string& key, double fallback) {
  const double x = h.number(key, fallback);
  if (!(x > 0 && x < 1e30)) fail("{}: metadata key {} is {}, expected a number above 0", h.file, key, x);
  return x;
}

nlohmann::ordered_json rope_of(const GgufHeader& h, const std::string& at) {
  nlohmann::ordered_json rope = {{"rope_type", "default"}, {"rope_theta", positive(h, at + "rope.freq_base", 10000)}};
  const std::string kind = h.text(at + "rope.scaling.type", "none");
  if (kind == "none") return rope;
  rope["rope_type"] = kind;
  rope["factor"] = positive(h, at + "rope.scaling.factor", 1);
  if (const std::string key = at + "rope.scaling.original_context_length"; h.metadata.contains(key))
    rope["original_max_position_embeddings"] = count_of(h, key);
  return rope;
}

// blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight; empty when the name is none of ours.
std::string hugging_face_name(const std::string& name) {
  static const std::map<std::string, std::string> outer = {{"token_embd.weight", "model.embed_tokens.weight"},
                                                           {"output_norm.weight", "model.norm.weight"},
                                                           {"output.weight", "lm_head.weight"}};
  static const std::map<std::string, std::string> inner = {
      {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
      {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  if (const auto it = outer.find(name); it != outer.end()) return it->second;
  if (!name.starts_with("blk.")) return "";
  const size_t number_end = name.find('.', 4), dot = name.rfind('.');
  if (number_end == std::string::npos || dot <= number_end) return "";
  const auto it = inner.find(name.substr(number_end + 1, dot - number_end - 1));
  if (it == inner.end()) return "";
  return "model.layers." + name.substr(4, number_end - 4) + "." + it->second + name.substr(dot);
}

class GgufSource : public TensorSource {
 public:
  GgufSource(std::shared_ptr<MappedFile> file, const GgufHeader& h)
      : file_(std::move(file)), path_(h.file), data_start_(h.data_start) {
    const Architecture& architecture = architecture_of(h);
    const std::string at = std::string(architecture.gguf) + ".";
    const int64_t heads = count_of(h, at + "attention.head_count");
    const int64_t kv_heads = count_of(h, at + "attention.head_count_kv", heads);
    for (const GgufTensor& t : h.tensors) {
      const std::string name = hugging_face_name(t.info.name);
      if (name.empty()) {
        if (t.info.name == "rope_freqs.weight")
          fail("{}: tensor rope_freqs.weight: scaled RoPE tables in a GGUF are not supported yet", path_);
        fail("{}: tensor {}: no such tensor in a {} model", path_, t.info.name, architecture.gguf);
      }
      TensorInfo info = t.info;
      info.name = name;
      infos_.push_back(info);
      tensors_.push_back(t);
      int64_t permuted = 0;
      if (architecture.permuted_qk && t.info.name.find("attn_q.") != std::string::npos) permuted = heads;
      if (architecture.permuted_qk && t.info.name.find("attn_k.") != std::string::npos) permuted = kv_heads;
      if (permuted > 0 && t.info.shape[0] % (2 * permuted) != 0)
        fail("{}: tensor {}: {} rows do not divide into {} heads", path_, t.info.name, t.info.shape[0], permuted);
      if (permuted > 0 && t.info.shape.size() == 1 && find_gguf_type(t.type)->elements != 1)
        fail("{}: tensor {}: a bias of type {}, expected F32, F16 or BF16", path_, t.info.name, t.info.dtype);
      permuted_heads_.push_back(permuted);
    }
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }

  void read_f32(int index, std::span<float> out) const override {
    const GgufTensor& t = tensors_[static_cast<size_t>(index)];
    R1_CHECK(static_cast<int64_t>(out.size()) == t.info.elements());
    const GgufType& type = *find_gguf_type(t.type);
    const bool bias = permuted_heads_[static_cast<size_t>(index)] > 0 && t.info.shape.size() == 1;  // rows of one
    const int64_t cols = bias ? 1 : t.info.shape.back(), rows = t.info.elements() / cols, blocks = cols / type.elements;
    const std::byte* from = file_->bytes().data() + data_start_ + t.offset;
    std::vector<char> bad(static_cast<size_t>(rows));
    parallel_chunks(rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        float* to = out.data() + destination_row(r, rows, permuted_heads_[static_cast<size_t>(index)]) * cols;
        for (int64_t b = 0; b < blocks; b++)
          type.dequantise(from + (r * blocks + b) * type.bytes, to + b * type.elements);
        for (int64_t c = 0; c < cols; c++)
          if (!std::isfinite(to[c])) bad[static_cast<size_t>(r)] = 1;
      }
    });
    for (int64_t r = 0; r < rows; r++)
      if (bad[static_cast<size_t>(r)])
        fail("{}: tensor {}: row {} holds a value that is not finite", path_, t.info.name, r);
  }
  void read_i64(int index, std::span<int64_t>) const override {
    fail("{}: tensor {} holds no integers", path_, infos_[static_cast<size_t>(index)].name);
  }

 private:
  // File row (head, j, side) belongs at (head, side, j): llama.cpp interleaves the two halves that RoPE turns.
  static int64_t destination_row(int64_t row, int64_t rows, int64_t heads) {
    if (heads == 0) return row;
    const int64_t size = rows / heads, head = row / size, inside = row % size;
    return head * size + inside % 2 * (size / 2) + inside / 2;
  }

  std::shared_ptr<MappedFile> file_;
  std::string path_;
  uint64_t data_start_;
  std::vector<TensorInfo> infos_;
  std::vector<GgufTensor> tensors_;
  std::vector<int64_t> permuted_heads_;
};

}  // namespace

nlohmann::ordered_json gguf_config(const GgufHeader& h) {
  if (h.tensors.empty()) return nullptr;
  const Architecture& architecture = architecture_of(h);
  const std::string at = std::string(architecture.gguf) + ".";
  const GgufTensor* embedding = find_tensor(h, "token_embd.weight");
  if (embedding == nullptr) fail("{}: tensor token_embd.weight is missing", h.file);
  const int64_t width = count_of(h, at + "embedding_length"), heads = count_of(h, at + "attention.head_count");
  nlohmann::ordered_json c;
  c["architectures"] = {architecture.class_name};
  c["model_type"] = architecture.gguf;
  c["vocab_size"] = embedding->info.shape[0];
  c["hidden_size"] = width;
  c["intermediate_size"] = count_of(h, at + "feed_forward_length");
  c["num_hidden_layers"] = count_of(h, at + "block_count");
  c["num_attention_heads"] = heads;
  c["num_key_value_heads"] = count_of(h, at + "attention.head_count_kv", heads);
  if (width < heads) fail("{}: {} attention heads for a width of {}", h.file, heads, width);
  c["head_dim"] = count_of(h, at + "attention.key_length", width / heads);
  c["hidden_act"] = "silu";
  c["max_position_embeddings"] = count_of(h, at + "context_length");
  // the file keeps a float32; 1e-5 shall read 1e-05 again
  c["rms_norm_eps"] = std::stod(fmt::format("{:.6g}", positive(h, at + "attention.layer_norm_rms_epsilon", 1e-5)));
  const nlohmann::ordered_json rope = rope_of(h, at);
  c["rope_theta"] = rope["rope_theta"];
  if (rope["rope_type"] != "default") {
    c["rope_scaling"] = rope;
    c["rope_scaling"].erase("rope_theta");
  }
  c["rope_parameters"] = rope;
  c["tie_word_embeddings"] = find_tensor(h, "output.weight") == nullptr;
  c["attention_bias"] = false;
  c["attention_dropout"] = 0.0;
  if (std::string(architecture.gguf) == "llama")
    c["mlp_bias"] = false;
  else
    c["use_sliding_window"] = false;
  for (const auto& [key, name] : {std::pair("tokenizer.ggml.bos_token_id", "bos_token_id"),
                                  {"tokenizer.ggml.eos_token_id", "eos_token_id"},
                                  {"tokenizer.ggml.padding_token_id", "pad_token_id"}})
    if (h.metadata.contains(key)) c[name] = h.whole(key, 0, 0, kMostCount);
  c["initializer_range"] = 0.02;
  c["use_cache"] = true;
  return c;
}

std::unique_ptr<TensorSource> open_gguf_tensors(std::shared_ptr<MappedFile> file, const GgufHeader& header) {
  return std::make_unique<GgufSource>(std::move(file), header);
}

}  // namespace r1
