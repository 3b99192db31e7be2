// Tokens that are found in the text before it is cut: <|im_start|>, <think>, ...
#pragma once

#include <cstdint>
#include <span>
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
  // Of tokens with the same content (for find: the same normalized content) the first counts.
  explicit AddedTokens(std::vector<AddedToken> tokens);
  // Leftmost-longest matches among the tokens of the given `normalized` flag, in time of the text's length times that
  // of the longest token. A match that does not count (single_word inside a word; special with `with_special` off) is
  // passed over whole. Spans of rstrip tokens may overlap what follows, as in Hugging Face's tokenizers.
  // `ranges`: EncodeOptions::plain.
  std::vector<AddedSpan> find(std::string_view text, bool normalized, bool with_special,
                              std::span<const PlainRange> ranges = {}) const;

 private:
  // Sorted by content; matching narrows a range of them byte by byte.
  struct Index {
    std::vector<AddedToken> tokens;
    std::vector<uint32_t> first;  // 257: where the tokens of each first byte begin
    void build();
    const AddedToken* longest_at(std::string_view text, size_t at) const;
  };
  Index plain_, normalized_;
};

}  // namespace r1
