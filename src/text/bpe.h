// Byte-pair merging (Sennrich et al. 2016), over characters or, as GPT-2, over bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace r1 {

// What a model file says, in its own spelling.
struct BpeModel {
  std::unordered_map<std::string, TokenId> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;  // by falling priority
  bool bytes = false;          // pieces are raw bytes, which the vocabulary spells in GPT-2's alphabet
  bool ignore_merges = false;  // a piece that is a token is that token, whatever the merges say
  bool byte_fallback = false;  // a character without a token becomes <0xE2> <0x82> ..., if there are such tokens
  TokenId unknown = -1;        // stands for a character without a token; -1: it is dropped, as the format says
  bool fuse_unknown = false;   // one for a run of such characters
  std::string prefix, suffix;  // continuing_subword_prefix before all but the first, end_of_word_suffix behind the last
};

// Thread safety: const methods may be called from many threads.
class Bpe {
 public:
  struct Scratch;  // what one call works in, the pieces it has seen among it
  // Two symbols that may be merged: the one at `left` if it still is `a`, and its right neighbour if that is `b`.
  struct Candidate {
    int32_t rank, left;
    TokenId a, b, result;
    // The best is on top of a heap: the lowest rank, of equal ones the leftmost.
    bool operator<(const Candidate& o) const { return rank > o.rank || (rank == o.rank && left > o.left); }
  };

  // Throws r1::Error naming `file` for a merge of unknown tokens.
  Bpe(BpeModel model, const std::string& file);
  ~Bpe();

  // Appends the ids of one piece. n log n in the piece's length.
  void encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const;

  // Starts to bring what encode will look up for this piece into the processor's cache.
  void prefetch(std::string_view piece, Scratch& scratch) const;

  // Lends a scratch for one call and takes it back.
  class Loan {
   public:
    explicit Loan(const Bpe& bpe);
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Scratch& operator*() const { return *scratch_; }

   private:
    const Bpe& bpe_;
    std::unique_ptr<Scratch> scratch_;
  };

 private:
  struct Merge {
    uint64_t pair;  // kNoPair: free
    int32_t rank;
    TokenId result;
  };
  static constexpr uint64_t kNoPair = ~uint64_t{0};
  static uint64_t pair_of(TokenId a, TokenId b) {
    return static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b);
  }
  static uint64_t mix(uint64_t x) {
    x *= 0x9E3779B97F4A7C15u;
    return x ^ x >> 29;
  }
  const Merge* find_merge(TokenId a, TokenId b) const {
    const uint64_t pair = pair_of(a, b);
    for (uint64_t i = mix(pair) & merge_mask_;; i = (i + 1) & merge_mask_) {
      if (merges_[i].pair == pair) return &merges_[i];
      if (merges_[i].pair == kNoPair) return nullptr;
    }
  }
  void put_merge(uint64_t pair, int32_t rank, TokenId result);
  void read_merges(const std::string& file);
  void prepare_bytes();
  void prepare_characters();
  TokenId lookup(std::string_view spelled) const;
  void encode_cached(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const;
  void encode_whole(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const;
  void start_symbols(std::string_view piece, Scratch& scratch) const;
  TokenId token_of(std::string_view piece, size_t begin, size_t end) const;
  bool append_fallback(std::string_view spelled, Scratch& scratch) const;
  bool merge_at(const Candidate& candidate, Scratch& scratch) const;  // false: it is no longer there
  bool find_candidate(int32_t left, const Scratch& scratch, Candidate& found) const;
  void merge_all(Scratch& scratch) const;
  void merge_long(Scratch& scratch) const;  // the same, for pieces of many symbols

  BpeModel model_;
  std::vector<Merge> merges_;  // open addressing; a power of two
  uint64_t merge_mask_ = 0;
  TokenId byte_ids_[256];                                // of a byte, or of an ASCII character
  std::string byte_spellings_[256];                      // in GPT-2's alphabet
  TokenId fallback_ids_[256];                            // of <0x00> ...
  std::unordered_map<uint32_t, TokenId> character_ids_;  // beyond ASCII
  bool cut_at_metaspace_ = false;  // no merge reaches over the start of a word that begins with U+2581
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> idle_;  // guarded by mutex_
};

}  // namespace r1
