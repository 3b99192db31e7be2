// Byte-pair merging over bytes (Sennrich et al. 2016; byte-level as GPT-2).
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace r1 {

class Bpe {
 public:
  using Vocabulary = std::unordered_map<std::string, TokenId>;  // bytes -> id
  struct Options {
    bool ignore_merges = false;  // a piece that is a token is that token, whatever the merges say
    TokenId unknown = -1;        // stands for a byte without a token; -1: such a byte is dropped, as the format says
    bool fuse_unknown = false;   // one for a run of such bytes
  };

  // Merges by falling priority, as pairs of bytes. Throws r1::Error naming `file` for a merge of unknown tokens.
  Bpe(Vocabulary tokens, const std::vector<std::pair<std::string, std::string>>& merges, Options options,
      const std::string& file);
  // Appends the ids of one piece. n log n in the piece's length.
  void encode(std::string_view piece, std::vector<TokenId>& out) const;

 private:
  struct Merge {
    int32_t rank;
    TokenId result;
  };
  static uint64_t key(TokenId a, TokenId b) {
    return static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b);
  }
  void merge(std::string_view piece, std::vector<TokenId>& out) const;

  Vocabulary ids_;
  std::unordered_map<uint64_t, Merge> merges_;
  TokenId byte_ids_[256];
  Options options_;
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::string, std::vector<TokenId>> seen_;  // guarded by mutex_; short pieces repeat a lot
};

}  // namespace r1
