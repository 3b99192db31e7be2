// Rules and perfect play against tests/golden/games.jsonl (tools/make_game_oracle.py, plain recursion in Python),
// connect four's whole board against tests/golden/connect_four.jsonl (tools/make_opening_book.py, another solver), and
// against what is known of the games; matches of the players; what is read out of a model's words.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "data/games/game_families.h"
#include "data/games/match.h"
#include "data/records.h"

namespace r1::games {
namespace {

using tasks::Dials;
using tasks::TaskFamily;
using tasks::TaskItem;

TaskItem item_of(const std::string& game, const std::vector<std::pair<std::string, std::string>>& dials,
                 uint64_t index = 0, bool held_out = false) {
  const TaskFamily& family = find_game(game);
  Dials set(family);
  for (const auto& [name, value] : dials) set.set(name, value);
  return tasks::generate(family, 42, index, set, held_out);
}

int move_named(const Game& game, const Position& p, const std::string& name) {
  for (int move : game.moves(p))
    if (game.name_of(p, move) == name) return move;
  fail("no legal move {}", name);
}

// Plays `player` for the model in `count` items; how often each end came.
std::map<std::string, int> ends_of(const std::string& game, std::vector<std::pair<std::string, std::string>> dials,
                                   const std::string& player, uint64_t count) {
  dials.push_back({"player", player});
  std::map<std::string, int> out;
  for (uint64_t i = 0; i < count; i++) out[item_of(game, dials, i).meta["par"]]++;
  return out;
}

// How many rows of each family there are.
std::map<std::string, int> expect_values_of(const std::string& golden_file) {
  std::map<std::string, int> seen;
  const auto bad = [](const RecordPlace& place, const std::string& reason) { FAIL() << place.line << ": " << reason; };
  const auto agrees = [&](const RecordPlace& /*place*/, const Json& row) {
    const auto game = game_of(row["meta"]);
    Position p = game->start();
    for (const std::string name : row["moves"]) p = game->play(p, move_named(*game, p, name));
    ASSERT_FALSE(game->result(p).has_value());
    ASSERT_EQ(game->value(p), row["value"].get<int>()) << row;
    std::set<std::string> best;
    for (int move : best_moves(*game, p)) best.insert(game->name_of(p, move));
    EXPECT_EQ(best, row["best"].get<std::set<std::string>>()) << row;
    seen[row["meta"]["family"]]++;
  };
  read_json_lines(read_text_file(R1_SOURCE_DIR "/tests/golden/" + golden_file), {agrees, bad});
  return seen;
}

TEST(Games, ValuesAndBestMovesAreThoseOfPlainRecursion) {
  std::map<std::string, int> seen = expect_values_of("games.jsonl");
  for (const TaskFamily& family : game_families()) EXPECT_GE(seen[family.name], 50) << family.name;
}

TEST(Games, ConnectFoursWholeBoardIsWorthWhatAnotherSolverSays) {
  EXPECT_GE(expect_values_of("connect_four.jsonl")["connect_four"], 100);
}

TEST(Games, WhatIsKnownOfWholeGames) {
  const auto lines = [](int columns, int rows, int line, bool gravity) {
    const auto game = make_line_game({.columns = columns, .rows = rows, .line = line, .gravity = gravity});
    return game->value(game->start());
  };
  EXPECT_EQ(lines(3, 3, 3, false), 0);  // tic-tac-toe is a draw
  EXPECT_EQ(lines(4, 4, 3, false), 1);
  EXPECT_EQ(lines(4, 4, 4, true), 0);  // J. Tromp's table of connect four on small boards
  EXPECT_EQ(lines(5, 4, 4, true), 0);
  EXPECT_EQ(lines(7, 5, 3, true), 1);
  const auto whole = make_line_game({.columns = 7, .rows = 6, .line = 4, .gravity = true});
  EXPECT_EQ(whole->value(whole->start()), 1);  // V. Allis 1988: the first wins by the middle, beside it is a draw
  for (int column = 0; column < 7; column++)
    EXPECT_EQ(whole->value(whole->play(whole->start(), column)), column == 3 ? -1 : column == 2 || column == 4 ? 0 : 1);
  // Bouton 1901: the player to move loses nim when the exclusive or of the heaps is 0
  for (int a = 1; a <= 6; a++)
    for (int b = 1; b <= 6; b++) {
      const auto game = make_nim({.heaps = {a, b, 5}});
      EXPECT_EQ(game->value(game->start()), (a ^ b ^ 5) == 0 ? -1 : 1);
    }
}

TEST(Games, PlayersAreAsGoodAsTheirNames) {
  const auto perfect = ends_of("tic_tac_toe", {{"opponent", "perfect"}}, "perfect", 20);
  EXPECT_EQ(perfect, (std::map<std::string, int>{{"draw", 20}}));
  EXPECT_EQ(ends_of("tic_tac_toe", {{"opponent", "random"}}, "perfect", 30)["loss"], 0);
  EXPECT_EQ(ends_of("tic_tac_toe", {{"opponent", "perfect"}}, "random", 30)["win"], 0);
  const int against_random =
      ends_of("connect_four", {{"first", "model"}, {"columns", "7"}, {"rows", "6"}}, "greedy", 30)["win"];
  EXPECT_GE(against_random, 24);
  const std::vector<std::pair<std::string, std::string>> hard = {{"opponent", "perfect"}, {"first", "model"}};
  const int full = ends_of("nim", hard, "random", 60)["win"];
  auto easy = hard;
  easy.push_back({"skill", "0"});  // none of its turns are its own
  EXPECT_GT(ends_of("nim", easy, "random", 60)["win"], full + 10);
}

TEST(GamesSlow, WhoBeginsAndPlaysPerfectlyWinsConnectFour) {
  const std::vector<std::pair<std::string, std::string>> whole = {
      {"columns", "7"}, {"rows", "6"}, {"first", "model"}, {"opponent", "greedy"}};
  EXPECT_EQ(ends_of("connect_four", whole, "perfect", 1)["win"], 1);
}

TEST(Games, AnItemIsAFunctionOfItsSeedAndPlaysTheSameEveryTime) {
  for (const TaskFamily& family : game_families()) {
    std::set<std::string> training;
    for (uint64_t i = 0; i < 30; i++) {
      const TaskItem a = item_of(family.name, {{"opening", "0-2"}}, i),
                     b = item_of(family.name, {{"opening", "0-2"}}, i);
      EXPECT_EQ(tasks::to_json(a), tasks::to_json(b));
      training.insert(same_item_key(a));
      const Verdict v = tasks::check(family, a, "\\boxed{" + a.answer + "}", "");
      EXPECT_EQ(v.outcome, Outcome::correct) << tasks::to_json(a) << v.reason;
      EXPECT_EQ(tasks::check(family, a, "<think>" + a.answer + "</think>", "").outcome, Outcome::no_answer);
      EXPECT_EQ(tasks::check(family, a, a.answer + " or 1", "").outcome, Outcome::wrong);
      EXPECT_EQ(tasks::check(family, a, "<answer>77, " + a.answer + "</answer>", "").outcome, Outcome::wrong);
      const auto steps = family.check_steps(a, a.steps);
      EXPECT_TRUE(std::all_of(steps.begin(), steps.end(), [](auto s) { return s == tasks::StepVerdict::right; }));
    }
    EXPECT_GT(training.size(), 25u);
    for (uint64_t i = 0; i < 30; i++)
      EXPECT_EQ(training.count(same_item_key(item_of(family.name, {{"opening", "0-2"}}, i, true))), 0u);
  }
}

TEST(Games, StepsThatKeepTheValueAreRight) {
  const TaskItem item = item_of("nim", {{"opponent", "perfect"}, {"first", "model"}, {"heaps", "3"}}, 3);
  Json meta = item.meta;
  meta["heaps"] = {3, 4, 5}, meta["opening"] = Json::array(), meta["model_begins"] = true;
  const TaskItem known{.prompt = "", .answer = "", .steps = {}, .meta = meta};
  const auto right = tasks::StepVerdict::right, wrong = tasks::StepVerdict::wrong;
  EXPECT_EQ(find_game("nim").check_steps(known, {"1 2"})[0], right);  // 1 ^ 4 ^ 5 = 0
  EXPECT_EQ(find_game("nim").check_steps(known, {"3 5"})[0], wrong);
  EXPECT_EQ(find_game("nim").check_steps(known, {"4 1"})[0], wrong);
}

TEST(Games, WordsAreReadStrictly) {
  const TaskItem item = item_of("tic_tac_toe", {{"first", "model"}});
  const auto end_after = [&](const std::string& words, const std::string& prefilled = "") {
    Match match(item.meta);
    match.turn(words, prefilled);
    return std::string(end_name(match.end()));
  };
  for (const char* legal : {"<answer>5</answer>", "<think>5 or 6?</think><answer> 6 </answer>", "\\boxed{9}",
                            "<answer>square 2</answer>", "3"})
    EXPECT_EQ(end_after(legal), "playing") << legal;
  for (const char* illegal :
       {"", "<answer></answer>", "<answer>10</answer>", "<answer>0</answer>", "<answer>-1</answer>",
        "<answer>1 2</answer>", "<answer>5 or 6</answer>", "<answer>1.5</answer>",
        "<answer>99999999999999999999</answer>", "<think>5", "<answer>centre</answer>"})
    EXPECT_EQ(end_after(illegal), "illegal") << illegal;
  EXPECT_EQ(end_after("5</think><answer>4</answer>", "<think>\n"), "playing");
  Match taken(item.meta);
  taken.turn("<answer>5</answer>", "");
  taken.turn("<answer>5</answer>", "");
  EXPECT_EQ(taken.end(), End::illegal);
}

TEST(Games, IllegalTurnsAndLongGamesEndAsTheDialsSay) {
  const TaskItem item = item_of(
      "nim", {{"illegal", "retry"}, {"max_turns", "3"}, {"illegal_score", "-20"}, {"first", "model"}, {"stones", "9"}});
  Match match(item.meta);
  const std::string said = match.turn("<answer>9 9</answer>", "");
  EXPECT_NE(said.find("Not a legal turn: there is no heap 9"), std::string::npos) << said;
  match.turn("nothing", "");
  EXPECT_FALSE(match.over());
  EXPECT_EQ(match.turn("nothing", ""), "");
  EXPECT_EQ(match.end(), End::unfinished);
  const Verdict v = verdict_of(match.result());
  EXPECT_EQ(v.outcome, Outcome::no_answer);
  EXPECT_EQ(v.score, -0.2);
  const TaskItem strict = item_of("nim", {{"win_score", "70"}, {"first", "model"}, {"heaps", "1"}, {"stones", "4"}});
  Match all(strict.meta);
  all.turn("<answer>1 4</answer>", "");
  const Verdict won = verdict_of(all.result());
  EXPECT_EQ(won.outcome, Outcome::correct);
  EXPECT_EQ(won.score, 0.7);
  EXPECT_EQ(won.extracted, "1 4");
}

TEST(Games, DamagedItemsAreFailedAndNeverWrong) {
  const TaskItem good = item_of("connect_four", {});
  const std::vector<std::pair<const char*, Json>> damage = {
      {"columns", 9}, {"columns", "x"}, {"opening", {99}}, {"opponent", "god"},   {"family", "chess"},
      {"skill", {}},  {"rows", -4},     {"scores", {}},    {"opponent_seed", "x"}};
  for (const auto& [key, value] : damage) {
    TaskItem item = good;
    item.meta[key] = value;
    EXPECT_EQ(tasks::check(find_game("connect_four"), item, "1", "").outcome, Outcome::failed) << key << value;
  }
  EXPECT_THROW(find_game("nimm"), UsageError);
}

TEST(Games, WorkedGamesAreMessagesThatEndWithTheModel) {
  TaskOptions task;
  task.num_rows = 20, task.with_solution = true;
  const Dataset data = load_dataset("games:nim?heaps=2&player=random", task);
  ASSERT_EQ(data.rows.size(), 20u);
  EXPECT_EQ(data.shape, DataShape::messages);
  for (const DataRow& row : data.rows) {
    EXPECT_EQ(row.messages.front()["content"], row.prompt);
    EXPECT_EQ(row.messages.back()["role"], "assistant");
    EXPECT_TRUE(row.row["game"].is_object());
  }
}

}  // namespace
}  // namespace r1::games
