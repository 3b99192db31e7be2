// How text is cut into pieces before merging: tokenizer.json's `pre_tokenizer`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

class PreTokenizer {
 public:
  // Throws r1::Error by name for what is not supported.
  static std::unique_ptr<PreTokenizer> from_json(const nlohmann::json& json, const std::string& file);
  virtual ~PreTokenizer() = default;
  // Replaces every piece by its parts; pieces are valid UTF-8 and concatenate to the text (plus a prefix space, if
  // asked for).
  virtual void cut(std::vector<std::string>& pieces) const = 0;
  // Whether ByteLevel is part of it: the vocabulary then spells bytes.
  virtual bool is_byte_level() const { return false; }
};

}  // namespace r1
