// Who plays against the model, from random to perfect.
#pragma once

#include "base/philox.h"
#include "data/games/game.h"

namespace r1::games {

enum class Player {
  random,   // any legal move
  greedy,   // wins at once where it can, else does not let the other win at once where it can, else random
  perfect,  // any of the moves that keep the position's value
};
// Throws r1::Error for an unknown name.
Player player_of(const std::string& name);

struct Opponent {
  Player player = Player::random;
  int skill = 100;  // percent of its moves that are its own kind's; the others are random
};

// A function of the position, the opponent and the place alone (draws 0 and 1 of it). The game goes on. Throws
// r1::Error for perfect play of a game that is too large to solve.
int choose_move(const Game& game, const Position& position, const Opponent& opponent, const RandomPlace& place);

// The moves that are worth what the position is worth. Empty where that is unknown.
std::vector<int> best_moves(const Game& game, const Position& position);

}  // namespace r1::games
