// Pieces of a tokenizer.json, for those that make one: of a GGUF's vocabulary, of the files of older folders.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

nlohmann::ordered_json byte_level_json(bool use_regex, bool prefix_space = false);
nlohmann::ordered_json split_json(const std::string& regex);
nlohmann::ordered_json pre_tokenizers_json(nlohmann::ordered_json steps);  // one after the other
// How Qwen 2 and those after it cut text: by a pattern, then into bytes.
nlohmann::ordered_json qwen2_cut_json(bool prefix_space = false);
nlohmann::ordered_json bpe_model_json();  // all options off; "vocab" and "merges" are for the caller to add
nlohmann::ordered_json byte_level_decoder_json();

// What is put before and behind a text: a token each, or none (empty content).
struct BorderToken {
  std::string content;
  int64_t id = -1;
};
nlohmann::ordered_json borders_json(const BorderToken& first, const BorderToken& last);

// Llama 2's kind: spaces are U+2581, what has no token becomes bytes.
struct SentencePieceOptions {
  bool prefix = true;        // a space is put before text
  bool each_stretch = true;  // before every stretch between added tokens, else before the first alone
  bool byte_fallback = true;
  bool escape = true;         // spaces become U+2581
  bool merge_spaces = false;  // spaces at the ends go, of several in a row one stays
  std::string unknown;        // the token for what has none; may be empty
};
// "normalizer", "pre_tokenizer", "decoder" and "model" without vocabulary and merges.
nlohmann::ordered_json sentencepiece_json(const SentencePieceOptions& options);

// SentencePiece joins the two neighbours that make the best-scored token. As merges by priority: every way to put a
// token together from two others, by falling score, of equal ones those of the lower token first. `is_part(i)`: token i
// takes part. Throws r1::Error naming `what` for a score that is no number and for a token of more than 512 bytes.
nlohmann::ordered_json merges_of_scores(const std::vector<std::string>& tokens, const std::vector<double>& scores,
                                        const std::function<bool(size_t)>& is_part, const std::string& what);

}  // namespace r1
