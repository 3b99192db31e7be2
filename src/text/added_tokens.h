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
  void add(AddedToken token);
  // Leftmost-longest matches among the tokens of the given `normalized` flag; `with_special` false passes over special
  // ones.
  std::vector<AddedSpan> find(std::string_view text, bool normalized, bool with_special) const;
  const std::vector<AddedToken>& all() const { return all_; }

 private:
  const AddedToken* match(std::string_view text, size_t at, bool normalized, bool with_special) const;

  std::vector<AddedToken> all_;
  std::vector<size_t> by_first_byte_[256];  // longest first
};

}  // namespace r1
