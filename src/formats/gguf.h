// GGUF v2 and v3, in one file or split into several: typed metadata and tensors, many of them quantised. Every count
// and length is checked against what is left of the file before anything is allocated, and what a header may hold in
// all is bounded, whatever the file's size.
#pragma once

#include <map>
#include <variant>

#include "formats/bytes.h"
#include "formats/model_files.h"

namespace r1 {

// Types of metadata, in the format's numbering.
enum class GgufKind : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

struct GgufValue {
  using Strings = std::vector<std::string>;
  using Numbers = std::vector<double>;  // exact for every integer below 2^53
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Strings, Numbers> value;
  GgufKind kind = GgufKind::string;  // of the value, or of an array's entries
};

struct GgufTensor {
  TensorInfo info;      // name and shape as in the file, dimensions in row-major order
  uint32_t type = 0;    // ggml_type
  uint64_t offset = 0;  // from the start of the data
  uint64_t bytes = 0;
  size_t part = 0;  // of a split model: which file holds it
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

// A model's file, or all files of a split one (NAME-00001-of-00003.gguf and so on; `path` names the first): the first
// one's metadata and everybody's tensors.
class GgufFile {
 public:
  explicit GgufFile(const std::string& path);
  const GgufHeader& header() const { return header_; }
  // The tensor's bytes; valid as long as this object.
  std::span<const std::byte> data(const GgufTensor& tensor) const;
  const GgufTensor* find(const std::string& name) const;  // null when there is none
  uint64_t size() const;                                  // of all files, in bytes
  size_t parts() const { return parts_.size(); }

 private:
  struct Part {
    std::unique_ptr<MappedFile> file;
    uint64_t data_start = 0;
  };
  void add_part(const std::string& path, GgufHeader& header);
  GgufHeader header_;
  std::vector<Part> parts_;
};

// config.json of the model, or null when the file holds a vocabulary alone. An architecture that r1 does not know gives
// its name as model_type and nothing else. `rope_factors`: what rope_freqs.weight holds, by which Llama 3's RoPE
// divides its frequencies.
nlohmann::ordered_json gguf_config(const GgufHeader& header, std::span<const float> rope_factors = {});
// generation_config.json: which tokens end a text; null when the file does not say.
nlohmann::ordered_json gguf_generation_config(const GgufHeader& header);
// tokenizer.json and tokenizer_config.json of the vocabulary inside; empty and null when there is none.
std::string gguf_tokenizer_json(const GgufHeader& header);
nlohmann::ordered_json gguf_tokenizer_config(const GgufHeader& header);

// tokenizer.ggml.pre as a pre_tokenizer of tokenizer.json: how text is cut before merging; null for a name nobody
// knows.
nlohmann::ordered_json gguf_pre_tokenizer(const std::string& pre);

// The tensors under Hugging Face's names; null for an architecture whose tensors r1 has no names for.
std::unique_ptr<TensorSource> open_gguf_tensors(std::shared_ptr<const GgufFile> file);

// What rope_freqs.weight holds, head_dim / 2 divisors; empty when there is none.
std::vector<float> gguf_rope_factors(const GgufFile& file);

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
