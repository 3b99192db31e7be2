#!/usr/bin/env python3
"""Writes tests/golden/games.jsonl: what positions of the games are worth, by plain recursion over all moves.

Independent of src/data/games: boards are tuples, no bits, no theory, no pruning. A row is a game, the moves that were
played from its start (as players write them), the value for the player to move (1 won, 0 drawn, -1 lost) and all moves
that keep it.

    python3 tools/make_game_oracle.py > tests/golden/games.jsonl
"""
import functools
import json
import random
import sys

sys.setrecursionlimit(10000)


class Nim:
    def __init__(self, heaps, take, misere):
        self.heaps, self.take, self.misere = tuple(heaps), take, misere
        self.meta = {"family": "nim", "heaps": list(heaps), "take": take, "misere": misere}

    def start(self):
        return self.heaps

    def moves(self, s):
        return [(h + 1, n) for h in range(len(s)) for n in range(1, s[h] + 1) if not self.take or n <= self.take]

    def play(self, s, move, player):
        return tuple(x - move[1] if h == move[0] - 1 else x for h, x in enumerate(s))

    def over(self, s, player):  # for the player to move
        if any(s):
            return None
        return 1 if self.misere else -1


class Lines:
    def __init__(self, columns, rows, line, gravity):
        self.c, self.r, self.n, self.g = columns, rows, line, gravity
        self.meta = {"family": "connect_four" if gravity else "tic_tac_toe", "columns": columns, "rows": rows, "line": line}

    def start(self):
        return (0,) * (self.c * self.r)  # row by row from the top

    def moves(self, s):
        if self.g:
            return [(k + 1,) for k in range(self.c) if s[k] == 0]
        return [(k + 1,) for k in range(self.c * self.r) if s[k] == 0]

    def play(self, s, move, player):
        place = move[0] - 1
        if self.g:
            while place + self.c < len(s) and s[place + self.c] == 0:
                place += self.c
        t = list(s)
        t[place] = player
        return tuple(t)

    def over(self, s, player):
        for y in range(self.r):
            for x in range(self.c):
                for dx, dy in ((1, 0), (0, 1), (1, 1), (-1, 1)):
                    ex, ey = x + dx * (self.n - 1), y + dy * (self.n - 1)
                    if not (0 <= ex < self.c and 0 <= ey < self.r):
                        continue
                    owners = {s[(y + dy * k) * self.c + x + dx * k] for k in range(self.n)}
                    if len(owners) == 1 and 0 not in owners:
                        return 1 if player in owners else -1
        return None if 0 in s else 0


def solver(game):
    @functools.lru_cache(maxsize=None)
    def value(s, player):
        over = game.over(s, player)
        if over is not None:
            return over
        return max(-value(game.play(s, m, player), 3 - player) for m in game.moves(s))

    return value


def rows(game, fewest, count, rng):
    value = solver(game)
    done = 0
    while done < count:
        s, player, played = game.start(), 1, []
        length = rng.randint(fewest, fewest + 5)
        while len(played) < length and game.over(s, player) is None:
            move = rng.choice(game.moves(s))
            s, player = game.play(s, move, player), 3 - player
            played.append(move)
        if game.over(s, player) is not None:
            continue
        v = value(s, player)
        best = [m for m in game.moves(s) if -value(game.play(s, m, player), 3 - player) == v]
        text = lambda m: " ".join(map(str, m))
        print(json.dumps({"meta": game.meta, "moves": [text(m) for m in played], "value": v,
                          "best": [text(m) for m in best]}, separators=(",", ":")))
        done += 1


def main():
    rng = random.Random(6)
    for take in (0, 2, 3):
        for misere in (False, True):
            for heaps in ((3, 4, 5), (1, 1, 1, 2), (7, 2, 4), (5,), (6, 6), (1, 2, 3, 4)):
                rows(Nim(heaps, take, misere), 0, 4, rng)
    rows(Lines(3, 3, 3, False), 0, 40, rng)
    rows(Lines(4, 4, 3, False), 6, 20, rng)
    rows(Lines(4, 4, 4, False), 6, 20, rng)
    rows(Lines(4, 4, 4, True), 0, 30, rng)
    rows(Lines(4, 4, 3, True), 0, 20, rng)
    rows(Lines(5, 4, 4, True), 7, 25, rng)
    rows(Lines(6, 5, 4, True), 18, 25, rng)


main()
