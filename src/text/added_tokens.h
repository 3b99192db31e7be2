// Tokens that are found in the text before it is cut: <|im_start|>, <think>, ...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace r1 {

struct AddedToken {
  TokenId id = -1;
  std::string content;
  bool special = false, normalized = false, lstrip = false, rstrip = false, single_word = false;
};

// A stretch of the text: one added token, or (id -1) text between.
struct AddedSpan {
  size_t begin, end;
  TokenId id;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);
  // Leftmost-longest matches among the tokens of the given `normalized` flag. A match that does not count (single_word
  // inside a word; special with `with_special` off) is passed over whole.
  std::vector<AddedSpan> find(std::string_view text, bool normalized, bool with_special) const;

 private:
  const AddedToken* match(std::string_view text, size_t at, bool normalized) const;

  std::vector<AddedToken> all_;
  std::vector<size_t> by_first_byte_[256];  // indices in all_, longest first
};

}  // namespace r1
