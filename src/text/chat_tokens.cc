#include "text/chat_tokens.h"

#include <algorithm>

namespace r1 {

std::vector<PlainRange> plain_ranges(const RenderedChat& chat, size_t begin, size_t end) {
  std::vector<PlainRange> out;
  const auto add = [&](const std::vector<TextRange>& ranges, bool of_model) {
    for (const TextRange& r : ranges) {
      const size_t from = std::max(r.begin, begin), to = std::min(r.end, end);
      if (from < to) out.push_back({from - begin, to - begin, of_model});
    }
  };
  add(chat.user, false);
  add(chat.model, true);
  std::sort(out.begin(), out.end(), [](const PlainRange& a, const PlainRange& b) { return a.begin < b.begin; });
  return out;
}

std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const RenderedChat& chat, size_t begin, size_t end) {
  const std::vector<PlainRange> plain = plain_ranges(chat, begin, end);
  return tokenizer.encode(std::string_view(chat.text).substr(begin, end - begin),
                          {.add_special_tokens = false, .parse_special_tokens = true, .plain = plain});
}

}  // namespace r1
