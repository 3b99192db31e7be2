// What a tokenizer is, counted without building it.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "formats/gguf.h"

namespace r1 {

// type, tokens, merges, added_tokens of a tokenizer.json; `what` begins messages. Throws r1::Error when it is no
// tokenizer.
nlohmann::ordered_json summarise_tokenizer_json(std::string_view text, const std::string& what);
// The same of a GGUF, with pre and special tokens; null when there is none.
nlohmann::ordered_json summarise_gguf_tokenizer(const GgufHeader& header);

}  // namespace r1
