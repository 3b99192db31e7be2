// Tokenizers of folders without a tokenizer.json, made into one as transformers makes it: vocab.json with merges.txt
// (byte-level BPE as GPT-2 or Qwen 2 cut text) or tokenizer.model (SentencePiece's BPE). Added tokens come from
// tokenizer_config.json (added_tokens_decoder, bos_token, ...), added_tokens.json and special_tokens_map.json.
#pragma once

#include <string>

#include "base/json.h"

namespace r1 {

// "" when the folder has neither. Throws r1::Error by name for a tokenizer that is of another kind or bad.
std::string older_tokenizer_json(const std::string& folder);

}  // namespace r1
