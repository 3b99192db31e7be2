// Connect four on 7 x 6: what all positions of eight stones are worth that are not won by the next stone. Written by
// tools/make_opening_book.py, which asks a solver that shares nothing with this program.
#pragma once

#include <cstddef>

namespace r1::games {

inline constexpr int kBookStones = 8;
inline constexpr size_t kBookPositions = 77715;

// Of the position with the index-th key (drop_solver.h), for who is to move: 1 won, 0 drawn, -1 lost.
int opening_value(size_t index);

}  // namespace r1::games
