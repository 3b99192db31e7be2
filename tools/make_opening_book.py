#!/usr/bin/env python3
"""Writes src/data/games/opening_book.cc: what connect four's positions of eight stones are worth.

All positions that can come up on 7 x 6 with eight stones while nobody has four in a row, where the mover has no winning
turn, of mirror images one; in the order of their keys (src/data/games/drop_solver.h). Their values are those of bitbully
(PyPI: bitbully 0.0.79 with bitbully-databases 0.0.2), a solver with a data base of its own. Four values a character.

    python3 tools/make_opening_book.py > src/data/games/opening_book.cc
    python3 tools/make_opening_book.py --golden > tests/golden/connect_four.jsonl

The second writes positions of other numbers of stones with their values and best turns, in the form of games.jsonl.
"""
import json
import random
import sys

from bitbully import BitBully, Board

COLUMNS, ROWS, STONES = 7, 6, 8
STRIDE = ROWS + 1
BOTTOM = sum(1 << c * STRIDE for c in range(COLUMNS))
ALL = sum(((1 << ROWS) - 1) << c * STRIDE for c in range(COLUMNS))


def has_line(stones):
    for step in (1, STRIDE, STRIDE - 1, STRIDE + 1):
        pairs = stones & stones >> step
        if pairs & pairs >> 2 * step:
            return True
    return False


def mirrored(key):
    return sum((key >> c * STRIDE & (1 << STRIDE) - 1) << (COLUMNS - 1 - c) * STRIDE for c in range(COLUMNS))


def turns(taken):
    for c in range(COLUMNS):
        stone = taken + BOTTOM & ((1 << ROWS) - 1) << c * STRIDE
        if stone:
            yield c, stone


def positions():
    now = {0: (0, 0, "")}  # key: mover's stones, the other's, turns
    for _ in range(STONES):
        following = {}
        for mine, theirs, played in now.values():
            for c, stone in turns(mine | theirs):
                if has_line(mine | stone):
                    continue
                key = theirs + (mine | theirs | stone) + BOTTOM
                following.setdefault(min(key, mirrored(key)), (theirs, mine | stone, played + str(c)))
        now = following
    for key in sorted(now):
        mine, theirs, played = now[key]
        if not any(has_line(mine | stone) for _, stone in turns(mine | theirs)):
            yield played


def sign(solver, board):
    score = solver.null_window(board)
    return (score > 0) - (score < 0)


def golden(solver):
    rng = random.Random(5)
    meta = {"family": "connect_four", "columns": COLUMNS, "rows": ROWS, "line": 4}
    for stones in [0, 1, 2, 3, 4, 5, 6, 7] * 6 + list(range(16, 36)) * 4:
        board, played = Board(), []
        while len(played) < stones:
            column = rng.randrange(COLUMNS)
            if not board.is_legal_move(column):
                continue
            board.play(column)
            played.append(column)
            if board.is_game_over():
                board, played = Board(), []
        value, best = sign(solver, board), []
        for column in board.legal_moves():
            after = board.play_on_copy(column)
            worth = (1 if after.has_win() else 0) if after.is_game_over() else -sign(solver, after)
            if worth == value:
                best.append(str(column + 1))
        print(json.dumps({"meta": meta, "moves": [str(c + 1) for c in played], "value": value, "best": best}))


def book(solver):
    values = []
    for played in positions():
        values.append(sign(solver, Board(played)) + 1)
    count = len(values)
    values += [0] * (-count % 4)
    text = "".join(chr(ord("#") + sum(v * 3**k for k, v in enumerate(values[i:i + 4]))) for i in range(0, len(values), 4))
    print('#include "data/games/opening_book.h"\n\n#include <string_view>\n\nnamespace r1::games {\nnamespace {\n')
    print("// Four positions a character: '#' and a number of four digits to the base of three, the first the lowest; a digit is")
    print("// the value + 1.")
    print("constexpr std::string_view kValues =")
    lines = [text[i:i + 110] for i in range(0, len(text), 110)]
    print("\n".join(f'    R"({line})"' for line in lines) + ";")
    print("\nconstexpr size_t kInACharacter = 4, kBase = 3;\n")
    print(f"static_assert(kBookPositions == {count});\n\n}}  // namespace\n")
    print("int opening_value(size_t index) {")
    print("  auto digits = static_cast<size_t>(kValues[index / kInACharacter] - '#');")
    print("  for (size_t i = index % kInACharacter; i > 0; i--) digits /= kBase;")
    print("  return static_cast<int>(digits % kBase) - 1;\n}\n\n}  // namespace r1::games")


if __name__ == "__main__":
    (golden if "--golden" in sys.argv else book)(BitBully("12-ply"))
