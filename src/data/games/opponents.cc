#include "data/games/opponents.h"

#include <algorithm>

#include "base/error.h"

namespace r1::games {
namespace {

bool wins(const Game& game, const Position& p, int move) {
  return game.result(game.play(p, move)).value_or(0) == -1;  // for the other, whose turn it is
}

// Winning moves; else those after which the other cannot win at once; else all.
std::vector<int> greedy_moves(const Game& game, const Position& p) {
  const std::vector<int> all = game.moves(p);
  std::vector<int> winning, safe;
  for (int move : all) {
    if (wins(game, p, move)) winning.push_back(move);
    const Position next = game.play(p, move);
    const std::vector<int> answers = game.moves(next);
    const bool over = game.result(next).has_value();
    const bool lost = over ? game.result(next) == 1
                           : std::any_of(answers.begin(), answers.end(), [&](int a) { return wins(game, next, a); });
    if (!lost) safe.push_back(move);
  }
  return !winning.empty() ? winning : !safe.empty() ? safe : all;
}

}  // namespace

Player player_of(const std::string& name) {
  if (name == "random") return Player::random;
  if (name == "greedy") return Player::greedy;
  if (name == "perfect") return Player::perfect;
  fail("\"{}\" is no player; expected random, greedy or perfect", name);
}

std::vector<int> best_moves(const Game& game, const Position& p) {
  std::vector<int> out;
  if (game.result(p)) return out;
  const int worth = game.value(p);
  for (int move : game.moves(p))
    if (game.value(game.play(p, move)) == -worth) out.push_back(move);
  return out;
}

int choose_move(const Game& game, const Position& p, const Opponent& opponent, const RandomPlace& place) {
  constexpr uint64_t kPercent = 100;
  const bool own = random_below(place, kPercent, 0) < static_cast<uint64_t>(opponent.skill);
  std::vector<int> among;
  if (!own || opponent.player == Player::random) among = game.moves(p);
  if (own && opponent.player == Player::greedy) among = greedy_moves(game, p);
  if (own && opponent.player == Player::perfect) among = best_moves(game, p);
  R1_CHECK(!among.empty(), "a player was asked for a move when the game was over");
  return among[random_below(place, among.size(), 1)];
}

}  // namespace r1::games
