#include "text/bpe.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <queue>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Candidate = Bpe::Candidate;
constexpr std::string_view kMetaspace = "\u2581";

struct Symbol {
  TokenId id;  // -1: merged away
  int32_t previous, next;
};

// Short pieces repeat a lot. A slot is one cache line; a piece has one of two slots, the newest in front.
struct Seen {
  static constexpr size_t kBytes = 30, kIds = 8;
  uint8_t bytes = 0, ids = 0;
  char piece[kBytes];
  TokenId id[kIds];
};
static_assert(sizeof(Seen) == 64);
constexpr size_t kSlots = 1 << 15;

// From so many symbols on, candidates wait by rank.
constexpr size_t kLong = 1024;

// What of one rank waits: a rank is one pair of tokens.
struct Places {
  Candidate first{};           // the others differ in `left` alone
  std::vector<int32_t> lefts;  // rising from `next` on
  size_t next = 0;
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> late;  // those that came out of order
  bool empty() const { return lefts.empty() && late.empty(); }
};

// Candidates of long pieces, the places of a rank in one list: they come from left to right but for few, so that a run
// of a million equal letters costs no million steps of a heap.
class Waiting {
 public:
  void add(const Candidate& c) {
    if (last_ == nullptr || c.rank != last_->first.rank) last_ = &places_[c.rank];  // stays where it is
    if (last_->empty()) {
      last_->first = c;
      ranks_.push(c.rank);
    }
    if (last_->lefts.empty() || c.left >= last_->lefts.back())
      last_->lefts.push_back(c.left);
    else
      last_->late.push(c.left);
  }
  bool empty() const { return ranks_.empty(); }
  // The leftmost of the lowest rank.
  Candidate take() {
    const int32_t rank = ranks_.top();
    Places& p = rank == last_->first.rank ? *last_ : places_.find(rank)->second;
    Candidate c = p.first;
    if (p.late.empty() || (!p.lefts.empty() && p.lefts[p.next] <= p.late.top())) {
      c.left = p.lefts[p.next++];
      if (p.next == p.lefts.size()) p.lefts.clear(), p.next = 0;
    } else {
      c.left = p.late.top();
      p.late.pop();
    }
    if (p.empty()) ranks_.pop();
    return c;
  }

 private:
  std::unordered_map<int32_t, Places> places_;
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> ranks_;  // those that have places
  Places* last_ = nullptr;                                                    // where the last one was put
};

template <typename Word>
uint64_t word_at(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}
uint64_t stir(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0xD6E8FEB86659FD93u;
  return h ^ h >> 32;
}
// Of 1 to 32 bytes, in words that may overlap.
uint64_t hash_of(std::string_view piece) {
  const char* p = piece.data();
  const size_t n = piece.size();
  if (n < 4) return stir(n, word_at<uint8_t>(p) | word_at<uint8_t>(p + n / 2) << 8 | word_at<uint8_t>(p + n - 1) << 16);
  if (n < 8) return stir(n, word_at<uint32_t>(p) << 32 | word_at<uint32_t>(p + n - 4));
  uint64_t h = stir(stir(n, word_at<uint64_t>(p)), word_at<uint64_t>(p + n - 8));
  if (n > 16) h = stir(stir(h, word_at<uint64_t>(p + 8)), word_at<uint64_t>(p + n - 16));
  return h;
}

// Where the next U+2581 begins, or the piece's size; as find(), which is slower where there are many.
size_t find_metaspace(std::string_view piece, size_t from) {
  const char* const end = piece.data() + piece.size();
  for (const char* p = piece.data() + from; p + kMetaspace.size() <= end; p++) {
    p = static_cast<const char*>(std::memchr(p, kMetaspace[0], static_cast<size_t>(end - p) - 2));
    if (p == nullptr) break;
    if (p[1] == kMetaspace[1] && p[2] == kMetaspace[2]) return static_cast<size_t>(p - piece.data());
  }
  return piece.size();
}

// The first of a piece's two slots.
size_t slots_of(std::string_view piece) { return hash_of(piece) % (kSlots / 2) * 2; }

}  // namespace

struct Bpe::Scratch {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::vector<TokenId> ids;
  std::vector<Seen> seen = std::vector<Seen>(kSlots);

  void add(TokenId id) {
    const int32_t i = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, i - 1, i + 1});
  }
};

Bpe::Loan::Loan(const Bpe& bpe) : bpe_(bpe) {
  {
    const std::lock_guard lock(bpe_.mutex_);
    if (!bpe_.idle_.empty()) {
      scratch_ = std::move(bpe_.idle_.back());
      bpe_.idle_.pop_back();
    }
  }
  if (!scratch_) scratch_ = std::make_unique<Scratch>();
}
Bpe::Loan::~Loan() {
  constexpr size_t kKept = 1 << 16;
  if (scratch_->symbols.capacity() > kKept) scratch_->symbols = {};
  if (scratch_->heap.capacity() > kKept) scratch_->heap = {};
  if (scratch_->ids.capacity() > kKept) scratch_->ids = {};
  const std::lock_guard lock(bpe_.mutex_);
  bpe_.idle_.push_back(std::move(scratch_));
}

Bpe::~Bpe() = default;

Bpe::Bpe(BpeModel model, const std::string& file) : model_(std::move(model)) {
  read_merges(file);
  for (int b = 0; b < 256; b++) fallback_ids_[b] = lookup(fmt::format("<0x{:02X}>", b));
  model_.bytes ? prepare_bytes() : prepare_characters();
  model_.merges = {};
}

TokenId Bpe::lookup(std::string_view spelled) const {
  const auto it = model_.vocabulary.find(std::string(spelled));
  return it == model_.vocabulary.end() ? -1 : it->second;
}

void Bpe::put_merge(uint64_t pair, int32_t rank, TokenId result) {
  uint64_t i = mix(pair) & merge_mask_;
  while (merges_[i].pair != kNoPair && merges_[i].pair != pair) i = (i + 1) & merge_mask_;
  merges_[i] = {pair, rank, result};  // of two equal merges the later one counts
}

void Bpe::read_merges(const std::string& file) {
  size_t slots = 16;
  while (slots < 2 * model_.merges.size()) slots *= 2;
  merges_.assign(slots, {kNoPair, 0, 0});
  merge_mask_ = slots - 1;
  for (size_t i = 0; i < model_.merges.size(); i++) {
    const auto& [left, right] = model_.merges[i];
    const bool shorter = right.size() >= model_.prefix.size();
    const TokenId a = lookup(left), b = lookup(right),
                  both = shorter ? lookup(left + right.substr(model_.prefix.size())) : -1;
    if (a < 0 || b < 0 || both < 0)
      fail("{}: merge {} joins \"{}\" and \"{}\", but the vocabulary lacks one of them or the result", file, i, left,
           right);
    put_merge(pair_of(a, b), static_cast<int32_t>(i), both);
  }
}

void Bpe::prepare_bytes() {
  const ByteAlphabet alphabet;
  for (int b = 0; b < 256; b++) {
    byte_spellings_[b] = alphabet.encode(std::string(1, static_cast<char>(b)));
    byte_ids_[b] = lookup(byte_spellings_[b]);
  }
  if (!model_.ignore_merges) return;
  std::unordered_map<std::string, TokenId> by_bytes;  // whole pieces are looked up as they come
  std::string bytes;
  for (const auto& [spelled, id] : model_.vocabulary)
    if (alphabet.decode(spelled, bytes)) by_bytes.emplace(bytes, id);
  model_.vocabulary = std::move(by_bytes);
}

void Bpe::prepare_characters() {
  std::fill(std::begin(byte_ids_), std::end(byte_ids_), -1);
  for (const auto& [spelled, id] : model_.vocabulary) {
    size_t at = 0;
    const uint32_t code = spelled.empty() ? 0 : next_code_point(spelled, at);
    if (at == 0 || at != spelled.size()) continue;
    if (code < 0x80)
      byte_ids_[code] = id;
    else
      character_ids_[code] = id;
  }
  cut_at_metaspace_ =
      character_ids_.count(0x2581) != 0 && !model_.ignore_merges && model_.prefix.empty() && model_.suffix.empty();
  for (const auto& [left, right] : model_.merges) {
    const std::string both = left + right;
    for (size_t at = both.find(kMetaspace, 1); cut_at_metaspace_ && at < both.size();
         at = both.find(kMetaspace, at + 1))
      if (at > 0 && both.compare(at >= 3 ? at - 3 : 0, 3, kMetaspace) != 0) cut_at_metaspace_ = false;
  }
}

void Bpe::encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const {
  if (!cut_at_metaspace_) return encode_cached(piece, scratch, out);
  constexpr size_t kAhead = 8;  // words that are on their way into the cache
  std::string_view words[kAhead];
  size_t waiting = 0;
  const auto encode_waiting = [&] {
    for (size_t i = 0; i < waiting; i++) encode_cached(words[i], scratch, out);
    waiting = 0;
  };
  const auto add = [&](std::string_view word) {
    prefetch(word, scratch);
    words[waiting++] = word;
    if (waiting == kAhead) encode_waiting();
  };
  size_t begin = 0, behind = 0;  // the last U+2581's end
  for (size_t at = find_metaspace(piece, 0); at < piece.size(); at = find_metaspace(piece, behind)) {
    const bool goes_on = at == behind;  // a run of them, or the piece begins so
    behind = at + kMetaspace.size();
    if (goes_on) continue;
    add(piece.substr(begin, at - begin));
    begin = at;
  }
  add(piece.substr(begin));
  encode_waiting();
}

void Bpe::prefetch(std::string_view piece, Scratch& scratch) const {
  if (!piece.empty() && piece.size() <= Seen::kBytes) __builtin_prefetch(&scratch.seen[slots_of(piece)]);
}

void Bpe::encode_cached(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const {
  if (piece.empty() || piece.size() > Seen::kBytes) return encode_whole(piece, scratch, out);
  Seen* const slots = &scratch.seen[slots_of(piece)];
  for (Seen* slot = slots; slot < slots + 2; slot++) {
    if (slot->bytes != piece.size() || std::memcmp(slot->piece, piece.data(), piece.size()) != 0) continue;
    out.insert(out.end(), slot->id, slot->id + slot->ids);
    return;
  }
  const size_t before = out.size();
  encode_whole(piece, scratch, out);
  const size_t ids = out.size() - before;
  if (ids > Seen::kIds) return;
  slots[1] = slots[0];
  slots[0].bytes = static_cast<uint8_t>(piece.size());
  slots[0].ids = static_cast<uint8_t>(ids);
  std::memcpy(slots[0].piece, piece.data(), piece.size());
  std::copy(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), slots[0].id);
}

void Bpe::encode_whole(std::string_view piece, Scratch& s, std::vector<TokenId>& out) const {
  if (piece.empty()) return;
  if (piece.size() > INT32_MAX / 8)
    fail("a piece of {} bytes cannot be merged, at most {}", piece.size(), INT32_MAX / 8);
  if (model_.ignore_merges) {
    if (const TokenId id = lookup(piece); id >= 0) return out.push_back(id);
  }
  start_symbols(piece, s);
  if (s.symbols.empty()) return;
  s.symbols.back().next = -1;
  s.symbols.size() < kLong ? merge_all(s) : merge_long(s);
  for (int32_t i = 0; i >= 0; i = s.symbols[static_cast<size_t>(i)].next)
    out.push_back(s.symbols[static_cast<size_t>(i)].id);
}

TokenId Bpe::token_of(std::string_view piece, size_t begin, size_t end) const {
  if (!model_.prefix.empty() || !model_.suffix.empty()) {
    std::string spelled(piece.substr(begin, end - begin));
    if (begin > 0) spelled.insert(0, model_.prefix);
    if (end == piece.size()) spelled += model_.suffix;
    return lookup(spelled);
  }
  const unsigned char first = static_cast<unsigned char>(piece[begin]);
  if (model_.bytes || first < 0x80) return byte_ids_[first];
  const auto it = character_ids_.find(next_code_point(piece, begin));
  return it == character_ids_.end() ? -1 : it->second;
}

bool Bpe::append_fallback(std::string_view spelled, Scratch& s) const {
  for (unsigned char c : spelled)
    if (fallback_ids_[c] < 0) return false;
  for (unsigned char c : spelled) s.add(fallback_ids_[c]);
  return true;
}

void Bpe::start_symbols(std::string_view piece, Scratch& s) const {
  s.symbols.clear();
  bool pending = false;  // an unknown token that waits for the next known one, as Hugging Face has it
  for (size_t at = 0; at < piece.size();) {
    const size_t begin = at;
    if (model_.bytes)
      at++;
    else
      next_code_point(piece, at);
    if (const TokenId id = token_of(piece, begin, at); id >= 0) {
      if (pending) s.add(model_.unknown);
      pending = false;
      s.add(id);
      continue;
    }
    if (model_.byte_fallback) {
      std::string spelled = model_.bytes ? byte_spellings_[static_cast<unsigned char>(piece[begin])]
                                         : std::string(piece.substr(begin, at - begin));
      if (begin > 0) spelled.insert(0, model_.prefix);
      if (at == piece.size()) spelled += model_.suffix;
      if (append_fallback(spelled, s)) continue;
    }
    if (model_.unknown < 0) continue;
    if (pending && !model_.fuse_unknown) s.add(model_.unknown);
    pending = true;
  }
  if (pending) s.add(model_.unknown);
}

bool Bpe::merge_at(const Candidate& c, Scratch& s) const {
  auto& symbols = s.symbols;
  Symbol& left = symbols[static_cast<size_t>(c.left)];
  if (left.id != c.a || left.next < 0 || symbols[static_cast<size_t>(left.next)].id != c.b)
    return false;  // one side was merged away
  Symbol& right = symbols[static_cast<size_t>(left.next)];
  left.id = c.result;
  left.next = right.next;
  right.id = -1;
  if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = c.left;
  return true;
}

bool Bpe::find_candidate(int32_t left, const Scratch& s, Candidate& found) const {
  const Symbol& a = s.symbols[static_cast<size_t>(left)];
  if (a.next < 0) return false;
  const TokenId b = s.symbols[static_cast<size_t>(a.next)].id;
  const Merge* m = find_merge(a.id, b);
  if (m != nullptr) found = {m->rank, left, a.id, b, m->result};
  return m != nullptr;
}

void Bpe::merge_all(Scratch& s) const {
  auto& heap = s.heap;
  heap.clear();
  Candidate found;
  for (size_t i = 0; i + 1 < s.symbols.size(); i++)
    if (find_candidate(static_cast<int32_t>(i), s, found)) heap.push_back(found);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate c = heap.back();
    heap.pop_back();
    if (!merge_at(c, s)) continue;
    for (const int32_t changed : {s.symbols[static_cast<size_t>(c.left)].previous, c.left}) {
      if (changed < 0 || !find_candidate(changed, s, found)) continue;
      heap.push_back(found);
      std::push_heap(heap.begin(), heap.end());
    }
  }
}

void Bpe::merge_long(Scratch& s) const {
  Waiting waiting;
  Candidate found;
  const auto consider = [&](int32_t left) {
    if (left >= 0 && find_candidate(left, s, found)) waiting.add(found);
  };
  for (size_t i = 0; i + 1 < s.symbols.size(); i++) consider(static_cast<int32_t>(i));
  while (!waiting.empty()) {
    const Candidate c = waiting.take();
    if (!merge_at(c, s)) continue;
    consider(s.symbols[static_cast<size_t>(c.left)].previous);
    consider(c.left);
  }
}

}  // namespace r1
