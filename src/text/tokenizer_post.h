// What is put around the ids of a text: tokenizer.json's `post_processor`.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace r1 {

class PostProcessor {
 public:
  // TemplateProcessing (its `single`), BertProcessing, RobertaProcessing, ByteLevel (which moves offsets only),
  // Sequence; null does nothing. Throws r1::Error by name for any other.
  void read(const nlohmann::json& json, const std::string& file);
  std::vector<TokenId> apply(std::vector<TokenId> ids) const;
  // Every id it may add.
  std::vector<TokenId> added() const;

 private:
  static constexpr TokenId kText = -1;           // where the ids of the text go
  std::vector<std::vector<TokenId>> templates_;  // one after the other
};

}  // namespace r1
