#include "text/bpe.h"

#include <mutex>
#include <queue>

#include "base/error.h"

namespace r1 {
namespace {
constexpr size_t kCachedPiece = 32, kCacheEntries = 1 << 16;
}

Bpe::Bpe(Vocabulary tokens, const std::vector<std::pair<std::string, std::string>>& merges, Options options,
         const std::string& file)
    : ids_(std::move(tokens)), options_(options) {
  for (int b = 0; b < 256; b++) {
    const auto it = ids_.find(std::string(1, static_cast<char>(b)));
    byte_ids_[b] = it == ids_.end() ? -1 : it->second;
  }
  merges_.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); i++) {
    const auto a = ids_.find(merges[i].first), b = ids_.find(merges[i].second),
               both = ids_.find(merges[i].first + merges[i].second);
    if (a == ids_.end() || b == ids_.end() || both == ids_.end())
      fail("{}: merge {} joins \"{}\" and \"{}\", but the vocabulary lacks one of them or the result", file, i,
           merges[i].first, merges[i].second);
    merges_.insert_or_assign(key(a->second, b->second), Merge{static_cast<int32_t>(i), both->second});
  }
}

void Bpe::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (piece.empty()) return;
  if (options_.ignore_merges) {
    const auto it = ids_.find(std::string(piece));
    if (it != ids_.end()) {
      out.push_back(it->second);
      return;
    }
  }
  if (piece.size() > kCachedPiece) return merge(piece, out);
  const std::string word(piece);
  {
    std::shared_lock lock(mutex_);
    const auto it = seen_.find(word);
    if (it != seen_.end()) {
      out.insert(out.end(), it->second.begin(), it->second.end());
      return;
    }
  }
  std::vector<TokenId> ids;
  merge(piece, ids);
  out.insert(out.end(), ids.begin(), ids.end());
  std::unique_lock lock(mutex_);
  if (seen_.size() < kCacheEntries) seen_.emplace(word, std::move(ids));
}

void Bpe::merge(std::string_view piece, std::vector<TokenId>& out) const {
  struct Symbol {
    TokenId id;
    int32_t previous, next;
  };
  std::vector<Symbol> symbols;
  bool after_unknown = false;
  for (unsigned char c : piece) {
    const bool unknown = byte_ids_[c] < 0;
    const TokenId id = unknown ? options_.unknown : byte_ids_[c];
    if (id >= 0 && !(unknown && after_unknown && options_.fuse_unknown))
      symbols.push_back({id, static_cast<int32_t>(symbols.size()) - 1, static_cast<int32_t>(symbols.size()) + 1});
    after_unknown = unknown;
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;
  struct Candidate {
    int32_t rank, left;
    TokenId a, b, result;
    bool operator<(const Candidate& o) const { return rank > o.rank || (rank == o.rank && left > o.left); }
  };
  std::priority_queue<Candidate> queue;
  const auto consider = [&](int32_t left) {
    if (left < 0 || symbols[static_cast<size_t>(left)].next < 0) return;
    const TokenId a = symbols[static_cast<size_t>(left)].id,
                  b = symbols[static_cast<size_t>(symbols[static_cast<size_t>(left)].next)].id;
    const auto it = merges_.find(key(a, b));
    if (it != merges_.end()) queue.push({it->second.rank, left, a, b, it->second.result});
  };
  for (size_t i = 0; i + 1 < symbols.size(); i++) consider(static_cast<int32_t>(i));
  while (!queue.empty()) {
    const Candidate c = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<size_t>(c.left)];
    if (left.id != c.a || left.next < 0 || symbols[static_cast<size_t>(left.next)].id != c.b)
      continue;  // one side was merged away
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    left.id = c.result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = c.left;
    consider(left.previous);
    consider(c.left);
  }
  for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next)
    out.push_back(symbols[static_cast<size_t>(i)].id);
}

}  // namespace r1
