#include "data/games/drop_solver.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "base/error.h"
#include "data/games/opening_book.h"

namespace r1::games {
namespace {

constexpr size_t kTable = size_t{1} << 22;
constexpr int kMostColumns = 7;
// An entry of the table, from its lowest bit: 2 bits low + 1, 2 bits high + 1, 6 bits free places, 50 bits key.
constexpr int kHighAt = 2, kFreeAt = 4, kKeyAt = 10;
constexpr uint64_t kTwoBits = 3, kSixBits = 63;
// Mirror images are looked for while this many places are free: later they cost more than they find.
constexpr int kMirrorsWhileFree = 18;

int few_bits(uint64_t x) {
  int n = 0;
  for (; x != 0; x &= x - 1) n++;
  return n;
}

}  // namespace

struct DropSolver::Turns {
  std::array<uint64_t, kMostColumns> stones;
  int count = 0;
};

DropSolver::DropSolver(int columns, int rows, int line)
    : columns_(columns), rows_(rows), line_(line), stride_(rows + 1) {
  for (int c = 0; c < columns; c++) {
    bottom_ |= uint64_t{1} << (c * stride_);
    board_ |= column(c);
    from_middle_.push_back(c);
  }
  const auto off_middle = [&](int c) { return std::abs(2 * c - (columns - 1)); };
  std::stable_sort(from_middle_.begin(), from_middle_.end(),
                   [&](int a, int b) { return off_middle(a) < off_middle(b); });
}

int DropSolver::value(uint64_t mine, uint64_t theirs) {
  if (table_.empty()) {
    table_.resize(kTable);
    read_book();
  }
  const uint64_t taken = mine | theirs;
  if ((completing(mine, taken) & (taken + bottom_) & board_) != 0) return 1;
  const int free = columns_ * rows_ - std::popcount(taken);
  if (search(mine, theirs, 0, 1, free) == 1) return 1;
  return std::max(search(mine, theirs, -1, 0, free), -1);
}

// Free places where a stone beside `stones` would complete a line, whether it could fall there now or not.
uint64_t DropSolver::completing(uint64_t stones, uint64_t taken) const {
  uint64_t out = (stones << 1) & (stones << 2);
  if (line_ == 4) out &= stones << 3;
  for (int step : {stride_, stride_ - 1, stride_ + 1}) {
    const uint64_t before = (stones << step) & (stones << 2 * step), behind = (stones >> step) & (stones >> 2 * step);
    if (line_ == 4) {
      out |= before & ((stones << 3 * step) | (stones >> step));
      out |= behind & ((stones >> 3 * step) | (stones << step));
    } else {
      out |= before | behind | ((stones << step) & (stones >> step));
    }
  }
  return out & board_ & ~taken;
}

uint64_t DropSolver::mirrored(uint64_t stones) const {
  const uint64_t whole = (uint64_t{1} << stride_) - 1;
  uint64_t out = 0;
  for (int c = 0; c < columns_; c++) out |= ((stones >> (c * stride_)) & whole) << ((columns_ - 1 - c) * stride_);
  return out;
}

// One number a position: in each column a bit above the highest stone, and below it the mover's stones.
uint64_t DropSolver::key_of(uint64_t mine, uint64_t taken, int free) const {
  const uint64_t key = mine + taken + bottom_;
  return free < kMirrorsWhileFree ? key : std::min(key, mirrored(key));
}

// Turns after which the other side cannot win at once; 0: there is none.
uint64_t DropSolver::safe_turns(uint64_t theirs, uint64_t taken) const {
  uint64_t can = (taken + bottom_) & board_;
  const uint64_t dangers = completing(theirs, taken);
  if (const uint64_t forced = can & dangers; forced != 0) {
    if ((forced & (forced - 1)) != 0) return 0;
    can = forced;
  }
  return can & ~(dangers >> 1);
}

DropSolver::Turns DropSolver::in_order(uint64_t mine, uint64_t taken, uint64_t can) const {
  Turns out;
  std::array<int, kMostColumns> threats{};
  for (int c : from_middle_) {
    const uint64_t stone = can & column(c);
    if (stone == 0) continue;
    const int made = few_bits(completing(mine | stone, taken));
    int at = out.count++;
    for (; at > 0 && threats[static_cast<size_t>(at - 1)] < made; at--) {
      out.stones[static_cast<size_t>(at)] = out.stones[static_cast<size_t>(at - 1)];
      threats[static_cast<size_t>(at)] = threats[static_cast<size_t>(at - 1)];
    }
    out.stones[static_cast<size_t>(at)] = stone, threats[static_cast<size_t>(at)] = made;
  }
  return out;
}

// For the mover, who cannot win at once: exact inside (alpha, beta), else a bound.
int DropSolver::search(uint64_t mine, uint64_t theirs, int alpha, int beta, int free) {
  const uint64_t taken = mine | theirs, can = safe_turns(theirs, taken);
  if (can == 0) return free == 0 ? 0 : -1;
  if (free <= 2) return 0;  // this stone completes nothing, and the last one is the other's, who cannot either
  const uint64_t key = key_of(mine, taken, free);
  if (free == book_free_) {
    const auto at = std::lower_bound(book_keys_.begin(), book_keys_.end(), key);
    R1_CHECK(at != book_keys_.end() && *at == key, "a position of eight stones is not in the book");
    return opening_value(static_cast<size_t>(at - book_keys_.begin()));
  }
  int low = -1, high = 1;
  if (const uint64_t* known = find(key)) {
    low = static_cast<int>(*known & kTwoBits) - 1;
    high = static_cast<int>(*known >> kHighAt & kTwoBits) - 1;
    if (low >= beta || low == high) return low;
    if (high <= alpha) return high;
    alpha = std::max(alpha, low), beta = std::min(beta, high);
  }
  const Turns turns = in_order(mine, taken, can);
  int best = -1;
  for (int i = 0; i < turns.count && best < beta; i++)
    best = std::max(
        best, -search(theirs, mine | turns.stones[static_cast<size_t>(i)], -beta, -std::max(alpha, best), free - 1));
  if (best > alpha) low = std::max(low, best);
  if (best < beta) high = std::min(high, best);
  remember(key, low, high, free);
  return best;
}

// The pair of entries where a key may stand: multiplied by the golden ratio, as Knuth has it.
static size_t pair_of(uint64_t key) { return (key * 0x9E3779B97F4A7C15u >> 42) & (kTable - 2); }

const uint64_t* DropSolver::find(uint64_t key) const {
  const uint64_t* pair = &table_[pair_of(key)];
  for (int i = 0; i < 2; i++)
    if (pair[i] >> kKeyAt == key) return &pair[i];
  return nullptr;
}

void DropSolver::remember(uint64_t key, int low, int high, int free) {
  const uint64_t entry = key << kKeyAt | static_cast<uint64_t>(free) << kFreeAt |
                         static_cast<uint64_t>(high + 1) << kHighAt | static_cast<uint64_t>(low + 1);
  uint64_t* pair = &table_[pair_of(key)];
  const auto free_of = [](uint64_t e) { return static_cast<int>(e >> kFreeAt & kSixBits); };
  if (pair[0] >> kKeyAt == key) {
    pair[0] = entry;
  } else if (pair[1] >> kKeyAt == key) {
    pair[1] = entry;
  } else if (free >= free_of(pair[0])) {  // the more is free, the more search it saves
    pair[1] = pair[0], pair[0] = entry;
  } else {
    pair[1] = entry;
  }
}

// The book's values stand in the order of the keys of all its positions: those that can come up with eight stones,
// nobody having a line, where the mover cannot win at once; of mirror images one.
void DropSolver::read_book() {
  if (columns_ != 7 || rows_ != 6 || line_ != 4) return;
  struct Stones {
    uint64_t key, mine, theirs;
  };
  std::vector<Stones> now = {{0, 0, 0}};
  for (int stones = 1; stones <= kBookStones; stones++) {
    std::vector<Stones> next;
    for (const Stones& p : now)
      for (int c = 0; c < columns_; c++) {
        const uint64_t taken = p.mine | p.theirs, stone = (taken + bottom_) & column(c);
        if (stone == 0 || (completing(p.mine, taken) & stone) != 0) continue;
        next.push_back({key_of(p.theirs, taken | stone, columns_ * rows_ - stones), p.theirs, p.mine | stone});
      }
    std::sort(next.begin(), next.end(), [](const Stones& a, const Stones& b) { return a.key < b.key; });
    next.erase(std::unique(next.begin(), next.end(), [](const Stones& a, const Stones& b) { return a.key == b.key; }),
               next.end());
    now = std::move(next);
  }
  for (const Stones& p : now) {
    const uint64_t taken = p.mine | p.theirs;
    if ((completing(p.mine, taken) & (taken + bottom_)) == 0) book_keys_.push_back(p.key);
  }
  R1_CHECK(book_keys_.size() == kBookPositions, "the book's positions are other ones");
  book_free_ = columns_ * rows_ - kBookStones;
}

}  // namespace r1::games
