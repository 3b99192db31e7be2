// Games of two players with all in sight: rules, legal moves, who has won, and what perfect play is worth. No model and
// no opponents here (opponents.h, match.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1::games {

using Json = nlohmann::ordered_json;

// Two words hold any position of any of these games; which player's turn it is counts from the game's own beginning.
struct Position {
  std::array<uint64_t, 2> words = {0, 0};
  int to_move = 0;  // 0 or 1
  bool operator==(const Position&) const = default;
};

// Stateless but for tables of solved positions. Thread safety: all const calls from any thread.
class Game {
 public:
  virtual ~Game() = default;
  virtual Position start() const = 0;
  // Ascending; empty when the game is over.
  virtual std::vector<int> moves(const Position& p) const = 0;
  virtual Position play(const Position& p, int move) const = 0;  // `move` is one of moves(p)
  // For the player to move: 1 won, 0 drawn, -1 lost; nullopt: the game goes on.
  virtual std::optional<int> result(const Position& p) const = 0;
  // The same with perfect play from here.
  virtual int value(const Position& p) const = 0;
  // Whether that takes no time worth a word: on larger boards a value in the middle of a game can take seconds.
  virtual bool solved_at_once() const = 0;

  // What the player is told: the rules, how a turn is written, and the board (`first` is drawn as X).
  virtual std::string rules() const = 0;
  virtual std::string board(const Position& p, int first) const = 0;
  // A turn as its player writes it, and back: "2 3", "5". nullopt with `reason`: no legal turn.
  virtual std::string name_of(const Position& p, int move) const = 0;
  virtual size_t numbers_in_a_turn() const = 0;
  virtual std::optional<int> move_of(const Position& p, const std::vector<int64_t>& numbers,
                                     std::string& reason) const = 0;
};

struct NimRules {
  std::vector<int> heaps;  // 1 to 6 of 1 to 12 stones
  int take = 0;            // at most so many in a turn; 0: any number
  bool misere = false;     // who takes the last stone loses
};
std::unique_ptr<Game> make_nim(const NimRules& rules);

// Stones on a board of at most 7 x 6 (gravity) or 4 x 4 squares, `line` in a row win.
struct LineRules {
  int columns = 3, rows = 3, line = 3;
  bool gravity = false;  // a move is a column and the stone falls
};
std::unique_ptr<Game> make_line_game(const LineRules& rules);

// From an item's meta: "family" and its dials. Games are made once and kept, with what they have solved. Throws
// r1::Error for what describes no game.
std::shared_ptr<const Game> game_of(const Json& meta);

}  // namespace r1::games
