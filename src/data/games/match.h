// One game between the model and an opponent, all of it fixed by an item's meta: samples of a group play the same
// position against the same opponent, whose moves are functions of (its seed, the turn, the position).
//
// Nothing keeps the model from saying what is no legal turn: that loses, or (illegal=retry) is refused and costs a
// turn.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/games/game.h"
#include "data/games/opponents.h"
#include "reward/verdict.h"

namespace r1::games {

enum class End { playing, win, draw, loss, illegal, unfinished };
const char* end_name(End end);

class Match {
 public:
  // Plays the opening, and the opponent's first move where it begins. Throws r1::Error for a damaged meta.
  explicit Match(const Json& meta);

  // Rules, what has happened, and the position: the first thing the model is told.
  std::string prompt() const;
  // The model's turn as it wrote it; returns what it is told next, empty when the game is over. The last
  // <answer>, \boxed{} or line is its move (tasks/answer.h).
  std::string turn(std::string_view text, std::string_view prefilled);
  // The same for a move of the game.
  std::string turn(int move);
  // The model says no more.
  void stop();

  const Game& game() const { return *game_; }
  const Position& position() const { return position_; }  // the model's turn, unless it is over
  bool over() const { return end_ != End::playing; }
  End end() const { return end_; }
  int turns() const { return turns_; }
  const std::vector<std::string>& moves() const { return moves_; }  // the model's legal ones, in order
  RandomPlace place(uint32_t use) const;                            // for draws of this turn; use 0 is the opponent's

  // {"end","score","turns","illegal","moves","reason"}: what reward `game` judges.
  Json result() const;

 private:
  std::string refuse(const std::string& reason);
  std::string answer_of_opponent();
  bool ended();
  std::string position_text() const;

  const Json meta_;
  std::shared_ptr<const Game> game_;
  Opponent opponent_;
  Position position_;
  int model_ = 0;  // which player the model is
  int64_t max_turns_ = 0;
  bool retry_ = false;
  End end_ = End::playing;
  int turns_ = 0, illegal_ = 0;
  bool silent_ = false;  // the last turn named no move at all
  std::vector<std::string> moves_;
  std::string opening_, reason_;
};

// Of Match::result(): win is correct; draw, loss and illegal turns are wrong; no turn at all, and games that did not
// end, are no_answer. Throws r1::Error for what is no result.
Verdict verdict_of(const Json& result);

}  // namespace r1::games
