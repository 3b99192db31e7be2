#include "data/games/game_families.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/nearest.h"
#include "data/games/match.h"
#include "data/tasks/answer.h"

namespace r1::games {
namespace {

using tasks::Dial;
using tasks::Dials;
using tasks::Draft;
using tasks::Draws;
using tasks::StepVerdict;
using tasks::TaskFamily;
using tasks::TaskItem;

Dial whole(std::string name, int64_t low, int64_t high, std::string fallback, std::string help) {
  return {.name = std::move(name), .low = low, .high = high, .fallback = std::move(fallback), .help = std::move(help)};
}
Dial choice(std::string name, std::vector<std::string> choices, std::string help) {
  Dial d{.name = std::move(name), .kind = Dial::Kind::choice, .choices = std::move(choices), .help = std::move(help)};
  d.fallback = d.choices[0];
  return d;
}

std::vector<Dial> with_common(std::vector<Dial> own) {
  const std::vector<Dial> common = {
      choice("opponent", {"random", "greedy", "perfect"}, "who plays against the model"),
      whole("skill", 0, 100, "100", "percent of the opponent's turns that are its own; the others are random"),
      choice("first", {"draw", "model", "opponent"}, "who begins; draw: by the seed"),
      whole("opening", 0, 6, "0", "random turns played before the game is handed over"),
      choice("illegal", {"loss", "retry"}, "what an illegal turn does: ends the game, or is refused"),
      whole("win_score", -100, 100, "100", "reward of a win, in hundredths"),
      whole("draw_score", -100, 100, "50", "of a draw"),
      whole("loss_score", -100, 100, "0", "of a loss"),
      whole("illegal_score", -100, 100, "0", "of an illegal turn, and of a game that did not end"),
      whole("max_turns", 1, 50, "30", "of the model, refused ones too"),
      choice("player", {"best", "random", "greedy", "perfect"},
             "who plays the worked games that SFT learns; best: perfect where that can be computed, else greedy")};
  own.insert(own.end(), common.begin(), common.end());
  return own;
}

// Random turns that do not end the game; nullopt where they did.
std::optional<Json> draw_opening(const Game& game, int64_t plies, Draws& draws) {
  Json out = Json::array();
  Position p = game.start();
  for (int64_t i = 0; i < plies; i++) {
    const int move = draws.pick(game.moves(p));
    p = game.play(p, move);
    if (game.result(p)) return std::nullopt;
    out.push_back(move);
  }
  return out;
}

// The model's turns as `player` plays them.
std::vector<std::string> worked_game(const Json& meta, Player player) {
  Match match(meta);
  while (!match.over()) match.turn(choose_move(match.game(), match.position(), {.player = player}, match.place(1)));
  return match.moves();
}

std::string play_all(const Json& meta, const std::vector<std::string>& turns) {
  Match match(meta);
  for (const std::string& turn : turns)
    if (!match.over()) match.turn(turn, "");
  match.stop();
  return end_name(match.end());
}

std::optional<Draft> draft_of(Json meta, Draws& draws, const Dials& dials) {
  constexpr uint64_t kSeeds = uint64_t{1} << 32;
  constexpr double kHundredths = 100;
  const auto score = [&](const char* dial) { return static_cast<double>(dials.whole(dial, draws)) / kHundredths; };
  const std::shared_ptr<const Game> game = game_of(meta);
  const std::string best = game->solved_at_once() ? "perfect" : "greedy", given = dials.text("player");
  const std::optional<Json> opening = draw_opening(*game, dials.whole("opening", draws), draws);
  if (!opening) return std::nullopt;
  const bool tossed = draws.chance(50);
  meta["opening"] = *opening;
  meta["opponent"] = dials.text("opponent");
  meta["skill"] = dials.whole("skill", draws);
  meta["opponent_seed"] = draws.below(kSeeds);
  meta["model_begins"] = dials.text("first") == "draw" ? tossed : dials.text("first") == "model";
  meta["illegal"] = dials.text("illegal");
  meta["scores"] = {{"win", score("win_score")},
                    {"draw", score("draw_score")},
                    {"loss", score("loss_score")},
                    {"illegal", score("illegal_score")}};
  meta["max_turns"] = dials.whole("max_turns", draws);
  std::optional<Match> match;
  try {
    match.emplace(meta);
  } catch (const Error&) {  // the opponent's first turn ended it
    return std::nullopt;
  }
  Draft out;
  out.prompt = match->prompt();
  out.steps = worked_game(meta, player_of(given == "best" ? best : given));
  out.answer = fmt::format("{}", fmt::join(out.steps, ", "));
  meta["par"] = play_all(meta, out.steps);
  out.key = out.prompt + meta["opponent_seed"].dump();
  meta["kind"] = "game";
  out.meta = std::move(meta);
  return out;
}

std::optional<Draft> draw_nim(Draws& draws, const Dials& dials) {
  Json heaps = Json::array();
  const int64_t count = dials.whole("heaps", draws);
  for (int64_t i = 0; i < count; i++) heaps.push_back(dials.whole("stones", draws));
  return draft_of({{"family", "nim"},
                   {"heaps", heaps},
                   {"take", dials.whole("take", draws)},
                   {"misere", dials.text("misere") == "yes"}},
                  draws, dials);
}

std::optional<Draft> draw_tic_tac_toe(Draws& draws, const Dials& dials) {
  const int64_t size = dials.whole("size", draws), line = dials.whole("line", draws);
  if (line > size) return std::nullopt;
  return draft_of({{"family", "tic_tac_toe"}, {"columns", size}, {"rows", size}, {"line", line}}, draws, dials);
}

std::optional<Draft> draw_connect_four(Draws& draws, const Dials& dials) {
  const int64_t columns = dials.whole("columns", draws), rows = dials.whole("rows", draws);
  return draft_of(
      {{"family", "connect_four"}, {"columns", columns}, {"rows", rows}, {"line", dials.whole("line", draws)}}, draws,
      dials);
}

// Turns that stand in one answer.
std::vector<std::string> turns_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of(",;\n", at), text.size());
    std::string one = text.substr(at, end - at);
    if (one.find_first_not_of(" \t\r") != std::string::npos) out.push_back(std::move(one));
    at = end + 1;
  }
  return out;
}

// How good an end is; 0 of one that the rules do not know.
int rank_of(const std::string& end) { return end == "win" ? 3 : end == "draw" ? 2 : end == "loss" ? 1 : 0; }

Verdict judge_turns(const TaskItem& item, const tasks::TaskAnswer& answer) {
  Match match(item.meta);
  for (const std::string& turn : turns_of(answer.text))
    if (!match.over()) match.turn(turn, "");
  match.stop();
  const Json result = match.result();
  const int rank = rank_of(result["end"]);
  const std::string par = item.meta.at("par").get<std::string>(), reason = result["reason"].get<std::string>();
  if (rank == 0 || rank < rank_of(par))
    return tasks::wrong_answer(answer.text, fmt::format("{}; the worked game was a {}", reason, par));
  return tasks::right_answer(answer.text, reason);
}

std::vector<StepVerdict> check_turns(const TaskItem& item, const std::vector<std::string>& steps) {
  Match match(item.meta);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    if (match.over()) {
      out.push_back(StepVerdict::none);
      continue;
    }
    const Position before = match.position();
    const size_t legal = match.moves().size();
    const auto best = best_moves(match.game(), before);
    match.turn(step, "");
    if (match.moves().size() == legal) {
      out.push_back(StepVerdict::wrong);
      continue;
    }
    const bool kept = std::any_of(best.begin(), best.end(),
                                  [&](int move) { return match.game().name_of(before, move) == match.moves().back(); });
    out.push_back(best.empty() ? StepVerdict::none : tasks::claim(kept));
  }
  return out;
}

TaskFamily family_of(std::string name, std::string summary, std::vector<Dial> dials,
                     std::optional<Draft> (*draw)(Draws&, const Dials&)) {
  return {.name = std::move(name),
          .summary = std::move(summary),
          .dials = std::move(dials),
          .draw = draw,
          .judge = judge_turns,
          .check_steps = check_turns};
}

const TaskFamily& find_in(const std::vector<const TaskFamily*>& among, const std::string& name, const char* what) {
  std::vector<std::string> names;
  for (const TaskFamily* family : among) {
    if (family->name == name) return *family;
    names.push_back(family->name);
  }
  fail_usage("unknown {} \"{}\"; nearest is \"{}\" ({})", what, name, nearest_name(name, names),
             fmt::join(names, ", "));
}

class GameReward : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      Verdict v;
      try {
        if (!in.row.is_object() || !in.row.contains("episode"))
          fail("reward game: nothing was played; it judges rows of games:NAME in a rollout");
        v = verdict_of(in.row["episode"]);
      } catch (const std::exception& e) {
        v = Verdict();
        v.reason = e.what();
      }
      out.push_back(std::move(v));
    }
    return out;
  }
  std::string name() const override { return "game"; }
};

int small(const Json& meta, const char* key) {
  constexpr int64_t kMost = 1000;
  const int64_t value = meta.at(key).get<int64_t>();
  if (value < 0 || value > kMost) fail("a game's {} is {}", key, value);
  return static_cast<int>(value);
}

std::unique_ptr<Game> make_game(const Json& meta) {
  const std::string family = meta.at("family").get<std::string>();
  if (family == "nim") {
    NimRules rules{.heaps = {}, .take = small(meta, "take"), .misere = meta.at("misere").get<bool>()};
    for (const Json& heap : meta.at("heaps")) rules.heaps.push_back(heap.get<int>());
    return make_nim(rules);
  }
  if (family != "tic_tac_toe" && family != "connect_four") fail("\"{}\" is no game", family);
  return make_line_game({.columns = small(meta, "columns"),
                         .rows = small(meta, "rows"),
                         .line = small(meta, "line"),
                         .gravity = family == "connect_four"});
}

}  // namespace

std::shared_ptr<const Game> game_of(const Json& meta) {
  // shared by all matches of a board, for the positions that it has solved
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Game>> boards;  // guarded by mutex; a few dozen sizes at most
  try {
    if (meta.at("family") == "nim") return make_game(meta);
    const std::string key = fmt::format("{} {} {} {}", meta.at("family").get<std::string>(), small(meta, "columns"),
                                        small(meta, "rows"), small(meta, "line"));
    const std::lock_guard lock(mutex);
    std::shared_ptr<const Game>& game = boards[key];
    if (!game) game = make_game(meta);
    return game;
  } catch (const nlohmann::json::exception& e) {
    fail("this describes no game: {}", e.what());
  }
}

const std::vector<TaskFamily>& game_families() {
  static const std::vector<TaskFamily> all = {
      family_of("tic_tac_toe", "marks on a square board, some in a line win (game)",
                with_common({whole("size", 3, 4, "3", "squares a side"), whole("line", 3, 4, "3", "that win")}),
                draw_tic_tac_toe),
      family_of("nim", "heaps of stones, who takes the last wins (game)",
                with_common({whole("heaps", 1, 6, "3", ""), whole("stones", 1, 12, "1-5", "of each heap"),
                             whole("take", 0, 12, "0", "at most so many in a turn; 0: any number"),
                             choice("misere", {"no", "yes"}, "who takes the last stone loses")}),
                draw_nim),
      family_of("connect_four", "stones dropped into columns, some in a line win (game)",
                with_common({whole("columns", 4, 7, "5", ""), whole("rows", 4, 6, "4", ""),
                             whole("line", 3, 4, "4", "stones that win")}),
                draw_connect_four)};
  return all;
}

bool is_game(const TaskFamily& family) { return family.check_steps == check_turns; }

const TaskFamily& find_game(const std::string& name) {
  std::vector<const TaskFamily*> among;
  for (const TaskFamily& family : game_families()) among.push_back(&family);
  return find_in(among, name, "game");
}

const TaskFamily& find_task_or_game(const std::string& name) {
  std::vector<const TaskFamily*> among;
  for (const auto* all : {&tasks::task_families(), &game_families()})
    for (const TaskFamily& family : *all) among.push_back(&family);
  return find_in(among, name, "task");
}

DataRow row_of(const TaskItem& item, bool with_solution) {
  DataRow row;
  row.prompt = item.prompt;
  row.row = {{"question", item.prompt}, {"game", item.meta}};
  if (!with_solution) return row;
  Match match(item.meta);
  row.messages = Json::array({{{"role", "user"}, {"content", item.prompt}}});
  for (const std::string& step : item.steps) {
    const std::string turn = "<answer>" + step + "</answer>";
    row.messages.push_back({{"role", "assistant"}, {"content", turn}});
    const std::string said = match.turn(turn, "");
    if (!match.over()) row.messages.push_back({{"role", "user"}, {"content", said}});
  }
  return row;
}

std::string same_item_key(const TaskItem& item) {
  return item.prompt + (item.meta.contains("opponent_seed") ? item.meta["opponent_seed"].dump() : "");
}

std::unique_ptr<Reward> make_game_reward() { return std::make_unique<GameReward>(); }

}  // namespace r1::games
