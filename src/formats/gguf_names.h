// llama.cpp's names for what Hugging Face calls otherwise.
#pragma once

#include <cstdint>
#include <string>

namespace r1 {

struct GgufArchitecture {
  const char* name;        // general.architecture, and model_type
  const char* class_name;  // config.json's architectures
  bool permuted_qk;        // q and k rows with RoPE pairs side by side
};
// Null for an architecture whose tensors r1 has no names for.
const GgufArchitecture* find_gguf_architecture(const std::string& name);

// blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight, and back; empty when there is no such name.
std::string hugging_face_name(const std::string& gguf_name);
std::string gguf_name(const std::string& hugging_face_name);

// llama.cpp turns RoPE on neighbours, Hugging Face on halves: row (head, j, side) of a GGUF's q or k is row
// (head, side, j) there. `heads` 0: rows stay where they are.
int64_t hugging_face_row(int64_t gguf_row, int64_t rows, int64_t heads);

}  // namespace r1
