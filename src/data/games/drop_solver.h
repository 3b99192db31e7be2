// What positions of connect four are worth when both sides play perfectly: exact, up to the whole board of 7 x 6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace r1::games {

// Boards of columns x rows places (at most 7 x 6) with `line` (3 or 4) in a row, stones fall. A set of stones is a
// word: column c has the bits from c * (rows + 1) up, the lowest place first, and the bit above a column is never set,
// so that no line runs from one column into the next.
//
// Alpha-beta search over lost, drawn and won. Turns that let the other side win at once are not tried; the others in
// the order of how many places they make where a stone would complete a line, then from the middle. A position and its
// mirror image share an entry of the table (32 MB, made when first asked). On 7 x 6 with four in a row, positions of
// eight stones are looked up (opening_book.h), so that openings cost no search. Not thread-safe: who shares one locks
// it.
class DropSolver {
 public:
  DropSolver(int columns, int rows, int line);

  // For who owns `mine` and is to move: 1 won, 0 drawn, -1 lost. Nobody has a line yet, and a place is free.
  int value(uint64_t mine, uint64_t theirs);

 private:
  struct Turns;
  uint64_t column(int c) const { return ((uint64_t{1} << rows_) - 1) << (c * stride_); }
  uint64_t completing(uint64_t stones, uint64_t taken) const;
  uint64_t mirrored(uint64_t stones) const;
  uint64_t key_of(uint64_t mine, uint64_t taken, int free) const;
  uint64_t safe_turns(uint64_t theirs, uint64_t taken) const;
  Turns in_order(uint64_t mine, uint64_t taken, uint64_t can) const;
  int search(uint64_t mine, uint64_t theirs, int alpha, int beta, int free);
  const uint64_t* find(uint64_t key) const;
  void remember(uint64_t key, int low, int high, int free);
  void read_book();

  const int columns_, rows_, line_, stride_;
  uint64_t board_ = 0, bottom_ = 0;
  std::vector<int> from_middle_;
  std::vector<uint64_t> table_;  // pairs: the one of most free places, and the last
  int book_free_ = -1;           // free places of the positions in the book; -1: none
  std::vector<uint64_t> book_keys_;
};

}  // namespace r1::games
