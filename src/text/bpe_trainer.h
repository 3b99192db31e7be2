// Learns a byte-level BPE vocabulary from texts (Sennrich et al. 2016) and writes it as a tokenizer.json, which
// Tokenizer::from_json and Hugging Face's tokenizers read alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace r1 {

struct BpeTrainerOptions {
  int vocabulary_size = 4096;  // all ids: 256 bytes, merges and added tokens; fewer when the texts give no more merges
  int64_t min_frequency = 2;   // a pair seen less often is not merged; >= 1
  std::vector<std::string> special_tokens = {};  // <|im_start|>, ...: left out of text by skip_special_tokens
  std::vector<std::string> added_tokens = {};    // <think>, ...: never cut either, but text like any other
  bool added_first = false;                      // ids of special, then added tokens from 0; else behind all others
  // How text is cut before merging; the default is Qwen2's: contractions, words, single digits, signs, white space.
  std::string pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
};

// The same texts and options give the same bytes, in whatever order the texts come: the most frequent pair is merged
// first, of equal ones that with the lower ids. Special and added tokens are cut out of the texts, so nothing is learnt
// from them. Throws r1::Error for options that cannot be met. Memory: the distinct words of the texts.
std::string train_bpe(std::span<const std::string> texts, const BpeTrainerOptions& options);

}  // namespace r1
