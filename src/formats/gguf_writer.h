// Models written as one GGUF file that llama.cpp loads.
#pragma once

#include <set>
#include <string>

#include "formats/gguf.h"
#include "formats/model_files.h"

namespace r1 {

// Metadata as bytes, key by key; a key that is there already is left as it is.
class GgufMetadataWriter {
 public:
  void text(const std::string& key, const std::string& value);
  void u32(const std::string& key, uint64_t value);
  void f32(const std::string& key, double value);
  void flag(const std::string& key, bool value);
  // A value as a file had it, in the type it had there.
  void value(const std::string& key, const GgufValue& value);
  void texts(const std::string& key, const std::vector<std::string>& values);
  void i32s(const std::string& key, const std::vector<int32_t>& values);
  void f32s(const std::string& key, const std::vector<float>& values);

  bool has(const std::string& key) const { return keys_.contains(key); }
  uint64_t count() const { return keys_.size(); }
  const std::string& bytes() const { return bytes_; }

 private:
  bool begin(const std::string& key, GgufKind kind);
  void begin_array(const std::string& key, GgufKind kind, size_t count);
  std::set<std::string> keys_;
  std::string bytes_;
};

// tokenizer.ggml.* of `meta`'s tokenizer, and its chat template: a GGUF's own keys as they were, else made from
// tokenizer.json. `rows`: of the embedding; ids without a token are filled up. Throws r1::Error by name for a tokenizer
// that llama.cpp has no counterpart of.
void write_gguf_vocabulary(GgufMetadataWriter& out, const ModelFiles& meta, int64_t rows);

enum class GgufFormat { f32, f16, bf16, q8_0 };  // of matrices; vectors are F32

// Writes the file whole, fsynced. Rows that do not divide into blocks of 32 stay F16 in q8_0. Throws r1::Error for an
// architecture or RoPE that llama.cpp does not have.
WrittenFile write_gguf(const std::string& path, const ModelFiles& meta, const WeightStream& weights, GgufFormat format);

}  // namespace r1
