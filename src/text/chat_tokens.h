// Tokens of a rendered chat: special tokens are parsed only in what the template wrote.
#pragma once

#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace r1 {

// What of chat.text[begin, end) is not the template's, counted from `begin`.
std::vector<PlainRange> plain_ranges(const RenderedChat& chat, size_t begin, size_t end);
// The tokens of chat.text[begin, end), without what the post-processor adds: a template writes its own.
std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const RenderedChat& chat, size_t begin, size_t end);

}  // namespace r1
