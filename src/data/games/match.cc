#include "data/games/match.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "data/tasks/answer.h"

namespace r1::games {
namespace {

constexpr End kEnds[] = {End::playing, End::win, End::draw, End::loss, End::illegal, End::unfinished};

// A move's numbers, as written. nullopt with `reason`, and `silent` where there is no move at all.
std::optional<std::vector<int64_t>> numbers_of(std::string_view text, std::string_view prefilled, size_t count,
                                               std::string& reason, bool& silent) {
  const std::optional<tasks::TaskAnswer> answer = tasks::find_task_answer(text, prefilled);
  silent = !answer.has_value();
  reason = "no turn was named";
  if (!answer) return std::nullopt;
  reason = "several turns were named";
  if (answer->several || tasks::names_alternatives(answer->text)) return std::nullopt;
  std::vector<int64_t> out;
  for (const std::string& number : tasks::numbers_in(answer->text)) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size()) value = -1;  // no number of a move
    out.push_back(value);
  }
  reason = fmt::format("a turn is {} number{}", count, count > 1 ? "s" : "");
  silent = out.empty();
  if (out.size() != count) return std::nullopt;
  return out;
}

}  // namespace

const char* end_name(End end) {
  constexpr const char* kNames[] = {"playing", "win", "draw", "loss", "illegal", "unfinished"};
  return kNames[static_cast<size_t>(end)];
}

Match::Match(const Json& meta) : meta_(meta), game_(game_of(meta)) {
  try {
    opponent_ = {.player = player_of(meta_.at("opponent").get<std::string>()), .skill = meta_.at("skill").get<int>()};
    position_ = game_->start();
    for (const Json& move : meta_.at("opening")) {
      const std::vector<int> legal = game_->moves(position_);
      if (std::find(legal.begin(), legal.end(), move.get<int>()) == legal.end()) fail("an opening that is not legal");
      position_ = game_->play(position_, move.get<int>());
    }
    const bool begins = meta_.at("model_begins").get<bool>();
    model_ = begins ? position_.to_move : 1 - position_.to_move;
    retry_ = meta_.at("illegal").get<std::string>() == "retry";
    max_turns_ = meta_.at("max_turns").get<int64_t>();
    static_cast<void>(meta_.at("opponent_seed").get<uint64_t>());
    for (const char* end : {"win", "draw", "loss", "illegal"})
      static_cast<void>(meta_.at("scores").at(end).get<double>());
    if (!game_->result(position_)) opening_ = begins ? "You begin." : answer_of_opponent();
    if (game_->result(position_)) fail("the game is over before the model's first turn");
  } catch (const nlohmann::json::exception& e) {
    fail("a game's meta is damaged: {}", e.what());
  }
}

// Even steps: items' own draws (task.cc) are at odd ones.
RandomPlace Match::place(uint32_t use) const {
  constexpr uint32_t kStep = 0x6A4E2;
  const uint64_t seed = meta_["opponent_seed"].get<uint64_t>();
  return {.seed = seed,
          .stage = Stage::task,
          .step = kStep,
          .prompt = use,
          .sample = 0,
          .token = static_cast<uint32_t>(moves_.size()) + (opening_.empty() ? 0 : 1)};
}

std::string Match::position_text() const { return game_->board(position_, model_); }

std::string Match::prompt() const { return fmt::format("{}\n{}\n{}", game_->rules(), opening_, position_text()); }

std::string Match::answer_of_opponent() {
  const int move = choose_move(*game_, position_, opponent_, place(0));
  std::string said = fmt::format("I play {}.", game_->name_of(position_, move));
  position_ = game_->play(position_, move);
  return said;
}

// Sets the end where the rules say so.
bool Match::ended() {
  const std::optional<int> result = game_->result(position_);
  if (!result) return false;
  const int for_model = position_.to_move == model_ ? *result : -*result;
  end_ = for_model > 0 ? End::win : for_model < 0 ? End::loss : End::draw;
  reason_ = fmt::format("{} after {} turns", end_name(end_), turns_);
  return true;
}

std::string Match::refuse(const std::string& reason) {
  illegal_++;
  reason_ = reason;
  if (!retry_) {
    end_ = End::illegal;
    return "";
  }
  if (turns_ >= max_turns_) return stop(), "";
  return fmt::format("Not a legal turn: {}.\n{}\nYour turn.", reason, position_text());
}

std::string Match::turn(std::string_view text, std::string_view prefilled) {
  R1_CHECK(!over());
  turns_++;
  std::string reason;
  const auto numbers = numbers_of(text, prefilled, game_->numbers_in_a_turn(), reason, silent_);
  if (!numbers) return refuse(reason);
  const std::optional<int> move = game_->move_of(position_, *numbers, reason);
  if (!move) return refuse(reason);
  turns_--;
  return turn(*move);
}

std::string Match::turn(int move) {
  R1_CHECK(!over());
  turns_++;
  moves_.push_back(game_->name_of(position_, move));
  position_ = game_->play(position_, move);
  if (ended()) return "";
  std::string said = answer_of_opponent();
  if (ended()) return "";
  if (turns_ >= max_turns_) return stop(), "";
  return fmt::format("{}\n{}\nYour turn.", said, position_text());
}

void Match::stop() {
  if (over()) return;
  end_ = End::unfinished;
  if (reason_.empty() || illegal_ == 0) reason_ = fmt::format("the game was not over after {} turns", turns_);
}

Json Match::result() const {
  const End counted = end_ == End::unfinished || end_ == End::playing ? End::illegal : end_;
  return {{"end", end_name(end_)}, {"score", meta_["scores"][end_name(counted)]},
          {"turns", turns_},       {"illegal", illegal_},
          {"moves", moves_},       {"silent", silent_},
          {"reason", reason_}};
}

Verdict verdict_of(const Json& result) {
  Verdict v;
  const std::string name = result.at("end").get<std::string>();
  const auto* end = std::find_if(std::begin(kEnds), std::end(kEnds), [&](End e) { return name == end_name(e); });
  if (end == std::end(kEnds)) fail("\"{}\" is no end of a game", name);
  const bool no_answer =
      *end == End::unfinished || *end == End::playing || (*end == End::illegal && result.at("silent").get<bool>());
  v.outcome = *end == End::win ? Outcome::correct : no_answer ? Outcome::no_answer : Outcome::wrong;
  v.score = result.at("score").get<double>();
  v.reason = result.at("reason").get<std::string>();
  for (const Json& move : result.at("moves"))
    v.extracted += (v.extracted.empty() ? "" : ", ") + move.get<std::string>();
  return v;
}

}  // namespace r1::games
