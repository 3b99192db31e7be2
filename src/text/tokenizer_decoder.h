// From tokens back to text: tokenizer.json's `decoder`, one token at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace r1 {

// One text being decoded. What push gives is final and made of whole characters; the pieces and what finish gives are
// what decoding all tokens at once gives. Not thread-safe.
class DecodeStream {
 public:
  virtual ~DecodeStream() = default;
  virtual std::string push(std::string_view token) = 0;  // as the vocabulary spells it
  virtual std::string finish() = 0;
};

// Thread safety: const methods may be called from many threads.
class TokenDecoder {
 public:
  // ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace, BPEDecoder, Sequence; null joins tokens by spaces, as
  // Hugging Face does. Throws r1::Error by name for any other.
  static std::unique_ptr<TokenDecoder> from_json(const nlohmann::json& json, const std::string& file);
  virtual ~TokenDecoder() = default;
  virtual std::unique_ptr<DecodeStream> start() const = 0;
  // The bytes of one token in the middle of a text.
  virtual std::string bytes_of(std::string_view token) const = 0;
  virtual bool is_byte_level() const = 0;  // ByteLevel and nothing else: text is the tokens' bytes in a row
};

}  // namespace r1
