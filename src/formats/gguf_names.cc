#include "formats/gguf_names.h"

#include <array>
#include <utility>

namespace r1 {
namespace {

using Name = std::pair<const char*, const char*>;  // GGUF's, Hugging Face's

constexpr std::array<Name, 3> kOuter = {{{"token_embd.weight", "model.embed_tokens.weight"},
                                         {"output_norm.weight", "model.norm.weight"},
                                         {"output.weight", "lm_head.weight"}}};
constexpr std::array<Name, 11> kInner = {{{"attn_norm", "input_layernorm"},
                                          {"attn_q", "self_attn.q_proj"},
                                          {"attn_k", "self_attn.k_proj"},
                                          {"attn_v", "self_attn.v_proj"},
                                          {"attn_output", "self_attn.o_proj"},
                                          {"attn_q_norm", "self_attn.q_norm"},
                                          {"attn_k_norm", "self_attn.k_norm"},
                                          {"ffn_norm", "post_attention_layernorm"},
                                          {"ffn_gate", "mlp.gate_proj"},
                                          {"ffn_up", "mlp.up_proj"},
                                          {"ffn_down", "mlp.down_proj"}}};
constexpr GgufArchitecture kArchitectures[] = {
    {"llama", "LlamaForCausalLM", true}, {"qwen2", "Qwen2ForCausalLM", false}, {"qwen3", "Qwen3ForCausalLM", false}};

// Name begins with `from` and a layer's number; its middle part is looked up by `find`, the ending stays.
template <typename Find>
std::string translate(const std::string& name, const std::string& from, const std::string& to, const Find& find) {
  if (!name.starts_with(from)) return "";
  const size_t number_end = name.find('.', from.size()), dot = name.rfind('.');
  if (number_end == std::string::npos || dot <= number_end) return "";
  const char* inner = find(name.substr(number_end + 1, dot - number_end - 1));
  if (inner == nullptr) return "";
  return to + name.substr(from.size(), number_end - from.size()) + "." + inner + name.substr(dot);
}

}  // namespace

const GgufArchitecture* find_gguf_architecture(const std::string& name) {
  for (const GgufArchitecture& a : kArchitectures)
    if (name == a.name) return &a;
  return nullptr;
}

std::string hugging_face_name(const std::string& name) {
  for (const auto& [gguf, face] : kOuter)
    if (name == gguf) return face;
  return translate(name, "blk.", "model.layers.", [](const std::string& part) -> const char* {
    for (const auto& [gguf, face] : kInner)
      if (part == gguf) return face;
    return nullptr;
  });
}

std::string gguf_name(const std::string& name) {
  for (const auto& [gguf, face] : kOuter)
    if (name == face) return gguf;
  return translate(name, "model.layers.", "blk.", [](const std::string& part) -> const char* {
    for (const auto& [gguf, face] : kInner)
      if (part == face) return gguf;
    return nullptr;
  });
}

int64_t hugging_face_row(int64_t row, int64_t rows, int64_t heads) {
  if (heads == 0) return row;
  const int64_t size = rows / heads, head = row / size, inside = row % size;
  return head * size + inside % 2 * (size / 2) + inside / 2;
}

}  // namespace r1
