// A model as files, one shape for everything that is out there: a Hugging Face folder (safetensors, one file or shards)
// or one GGUF file. Tensor names, config keys and the tokenizer come out in Hugging Face's spelling whatever the
// source.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "tensor/tensor.h"

namespace r1 {

struct TensorInfo {
  std::string name;            // Hugging Face spelling, e.g. model.layers.0.self_attn.q_proj.weight
  std::string dtype;           // as stored: F32, BF16, F16, Q4_1, I32, ...
  std::vector<int64_t> shape;  // row-major, [out, in] for matrices
  int64_t elements() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

// Where tensors are read from. Headers are checked when it is opened, before anything is allocated.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  // Index in tensors() or -1.
  int find(const std::string& name) const;
  // Dequantised to float32, `out` has elements() entries. GGUF's row permutation of Llama's q and k is undone.
  // Throws r1::Error (file, tensor, got, expected) on a non-finite weight.
  virtual void read_f32(int index, std::span<float> out) const = 0;
  // Integers (I32/I64 tensors of golden files), widened.
  virtual void read_i64(int index, std::span<int64_t> out) const = 0;
  // The bytes as they are stored, which must be of `dtype` and as many as `out` has. Only of one safetensors file.
  virtual void read_stored(int index, const char* dtype, std::span<std::byte> out) const;
};

// One safetensors file (every check of spec interfaces 4.1).
std::unique_ptr<TensorSource> open_safetensors(const std::string& path);

// A LoRA adapter's shape: every module in `modules` (peft.h's kLoraModules) gives W x + scale() B A x in all layers.
struct LoraConfig {
  int64_t r = 16;
  double alpha = 32;
  bool rslora = false;  // scale alpha / sqrt(r) instead of alpha / r (Kalajdzievski 2023)
  std::vector<std::string> modules;
  double scale() const;
};

// What a PEFT folder adds to its base model.
struct AdapterFiles {
  LoraConfig config;
  std::unique_ptr<TensorSource> tensors;
};

class GgufFile;

struct ModelFiles {
  std::string path;
  nlohmann::ordered_json config;  // config.json, or made from GGUF metadata (architectures, model_type, sizes, rope)
  nlohmann::ordered_json generation_config;  // null when absent
  nlohmann::ordered_json tokenizer_config;   // tokenizer_config.json; from GGUF: bos/eos/pad tokens, chat_template
  std::string tokenizer_json;  // text of tokenizer.json, made from GGUF metadata; empty when there is none
  std::string chat_template;   // chat_template.jinja, or the default one of tokenizer_config; may be empty
  // Tokenizer files that r1 does not read, as they stand: added_tokens.json, special_tokens_map.json, vocab.json, ...
  std::vector<std::pair<std::string, std::string>> other_tokenizer_files;  // name, text
  // The GGUF that the tokenizer came from, else null: written as a GGUF again, its vocabulary stays as it is. Shared
  // with `tensors`, which reads from it.
  std::shared_ptr<const GgufFile> gguf;
  std::unique_ptr<TensorSource> tensors;  // null when the path holds a tokenizer or vocabulary alone
  // Of a PEFT folder; config, weights and what the folder itself lacks are the base model's then.
  std::optional<AdapterFiles> adapter;
  std::string base;  // what adapters written beside this model name as their base
};

// `path`: a folder (Hugging Face's, or PEFT's, whose base model is opened too) or a .gguf file. Throws r1::Error by
// name for anything bad. A folder with a tokenizer.json alone and a GGUF with a vocabulary alone are fine (config and
// tensors stay empty).
ModelFiles open_model_files(const std::string& path);

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  const float* data;  // borrowed until the call returns
};

// A tensor of any type that safetensors knows, as it is.
struct StoredTensor {
  std::string name;
  std::vector<int64_t> shape;
  DType dtype;
  const void* data;  // borrowed
};

// safetensors' name of a type: F32, F16, BF16, I8, I32.
const char* safetensors_dtype(DType dtype);

// A file as it was handed to the disk; the digest is taken from memory.
struct WrittenFile {
  std::string name;  // inside its folder
  uint64_t size = 0;
  std::string sha256;
};

// Weights to be written, each made when its turn comes, so that a model need not fit memory.
struct WeightStream {
  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    int64_t elements() const;
  };
  std::vector<Entry> entries;
  // Values of entry i, in `scratch` or where they are anyway; valid until the next call.
  std::function<std::span<const float>(size_t i, std::vector<float>& scratch)> read;
};
WeightStream stream_of(std::span<const NamedTensor> tensors);  // borrows their data

struct FolderOptions {
  DType dtype = DType::bf16;     // f32, bf16 or f16; config.json's dtype is set to it
  uint64_t max_shard_bytes = 0;  // weights beyond it go into more files, with an index; 0: one file
};

// Writes config.json, generation_config.json, model.safetensors (or shards and model.safetensors.index.json),
// tokenizer.json, tokenizer_config.json, chat_template.jinja, special_tokens_map.json into an existing folder. Each
// file is written whole and fsynced; tensors keep the given order inside safetensors' ordering rule. Returns what was
// written. Throws r1::Error for a weight that f16 cannot hold.
std::vector<WrittenFile> write_hf_folder(const std::string& folder, const ModelFiles& meta, const WeightStream& weights,
                                         const FolderOptions& options);
std::vector<WrittenFile> write_hf_folder(const std::string& folder, const ModelFiles& meta,
                                         std::span<const NamedTensor> tensors, DType dtype);

// tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja, those that `meta` has; what
// was written is appended.
void write_tokenizer_files(const std::string& folder, const ModelFiles& meta, std::vector<WrittenFile>& written);

// Writes one safetensors file; `dtype` f32, bf16 or f16 (rounded to nearest even) for all tensors. `which`: only these
// entries.
WrittenFile write_safetensors(const std::string& path, const WeightStream& weights, std::span<const size_t> which,
                              DType dtype, const nlohmann::ordered_json& metadata = {});
WrittenFile write_safetensors(const std::string& path, std::span<const NamedTensor> tensors, DType dtype,
                              const nlohmann::ordered_json& metadata = {});
// The same, each tensor in its own type.
WrittenFile write_safetensors(const std::string& path, std::span<const StoredTensor> tensors,
                              const nlohmann::ordered_json& metadata = {});

}  // namespace r1
