// GGUF v2 and v3: typed metadata and tensors, many of them quantised. Every count and length is checked against what is
// left of the file before anything is allocated.
#pragma once

#include <map>
#include <variant>

#include "formats/bytes.h"
#include "formats/model_files.h"

namespace r1 {

struct GgufValue {
  using Strings = std::vector<std::string>;
  using Numbers = std::vector<double>;  // exact for every integer below 2^53
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Strings, Numbers> value;
};

struct GgufTensor {
  TensorInfo info;      // name and shape as in the file, dimensions in row-major order
  uint32_t type = 0;    // ggml_type
  uint64_t offset = 0;  // from the start of the data
  uint64_t bytes = 0;
};

struct GgufHeader {
  uint32_t version = 0;
  std::map<std::string, GgufValue> metadata;
  std::vector<GgufTensor> tensors;
  uint64_t data_start = 0;

  // Typed look-ups; a key of another type is an error naming file and key.
  std::string text(const std::string& key, const std::string& fallback) const;
  double number(const std::string& key, double fallback) const;
  // A whole number in [least, most]; `fallback` when the key is absent.
  int64_t whole(const std::string& key, int64_t fallback, int64_t least, int64_t most) const;
  bool flag(const std::string& key, bool fallback) const;
  const GgufValue::Strings* strings(const std::string& key) const;  // null when absent
  const GgufValue::Numbers* numbers(const std::string& key) const;
  std::string file;  // for messages
};

GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& file);

// config.json of the model, or null when the file holds a vocabulary alone.
nlohmann::ordered_json gguf_config(const GgufHeader& header);
// tokenizer.json and tokenizer_config.json of the vocabulary inside; empty and null when there is none.
std::string gguf_tokenizer_json(const GgufHeader& header);
nlohmann::ordered_json gguf_tokenizer_config(const GgufHeader& header);

// The tensors under Hugging Face's names.
std::unique_ptr<TensorSource> open_gguf_tensors(std::shared_ptr<MappedFile> file, const GgufHeader& header);

// One ggml type: its block and how to read one.
struct GgufType {
  uint32_t id;
  const char* name;
  uint32_t elements, bytes;  // a block
  void (*dequantise)(const std::byte* block, float* out);
};
const GgufType* find_gguf_type(uint32_t id);
// Names of all, with commas between them.
std::string gguf_type_names();

}  // namespace r1
