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
  // tokens: bytes of each id, empty for an id that is none. Merges by falling priority, as pairs of bytes.
  Bpe(const std::vector<std::string>& tokens, const std::vector<std::pair<std::string, std::string>>& merges,
      bool ignore_merges, const std::string& file);
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

  std::unordered_map<std::string, TokenId> ids_;
  std::unordered_map<uint64_t, Merge> merges_;
  TokenId byte_ids_[256];
  bool ignore_merges_;
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::string, std::vector<TokenId>> seen_;  // guarded by mutex_; short pieces repeat a lot
};

}  // namespace r1
