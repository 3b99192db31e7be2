// Tic-tac-toe and connect four: stones of two players on a board, some in a row win. A board is two sets of bits, a
// column of rows + 1 bits each, so that no line runs from one column into the next (the empty bit is between them).
//
// Perfect play: with gravity drop_solver.h; without by alpha-beta search over won, drawn and lost with a table of
// bounds, where a winning move is taken and a threat is answered.
#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "base/error.h"
#include "data/games/drop_solver.h"
#include "data/games/game.h"

namespace r1::games {
namespace {

constexpr int kSolvedAtOnce = 30;  // places with gravity: 6 x 5 takes a second at the first move

class LineGame : public Game {
 public:
  explicit LineGame(const LineRules& r) : rules_(r), stride_(r.rows + 1) {
    if (r.gravity) solver_.emplace(r.columns, r.rows, r.line);
    for (int c = 0; c < r.columns; c++)
      for (int row = 0; row < r.rows; row++) all_ |= bit(c, row);
    for (int c = 0; c < r.columns; c++) bottom_ |= bit(c, 0);

    for (int c = 0; c < r.columns; c++) order_.push_back(c);
    const auto off_middle = [&](int c) { return std::abs(2 * c - (r.columns - 1)); };
    std::sort(order_.begin(), order_.end(), [&](int a, int b) { return off_middle(a) < off_middle(b); });
  }

  Position start() const override { return {}; }

  std::vector<int> moves(const Position& p) const override {
    std::vector<int> out;
    if (result(p)) return out;
    const uint64_t can = playable(p.words[0] | p.words[1]);
    for (int i = 0; i < places(); i++)
      if (can & mask_of(i)) out.push_back(i);
    return out;
  }

  Position play(const Position& p, int move) const override {
    Position out = p;
    out.words[static_cast<size_t>(p.to_move)] |= playable(p.words[0] | p.words[1]) & mask_of(move);
    out.to_move = 1 - p.to_move;
    return out;
  }

  std::optional<int> result(const Position& p) const override {
    if (has_line(p.words[static_cast<size_t>(1 - p.to_move)])) return -1;
    if (has_line(p.words[static_cast<size_t>(p.to_move)])) return 1;
    if ((p.words[0] | p.words[1]) == all_) return 0;
    return std::nullopt;
  }

  bool solved_at_once() const override { return rules_.columns * rules_.rows <= kSolvedAtOnce; }

  int value(const Position& p) const override {
    if (const auto over = result(p)) return *over;
    const uint64_t mine = p.words[static_cast<size_t>(p.to_move)], theirs = p.words[static_cast<size_t>(1 - p.to_move)];
    const std::lock_guard lock(mutex_);
    if (solver_) return solver_->value(mine, theirs);
    if (table_.empty()) table_.resize(kTable);
    return solve(mine, theirs, -1, 1);
  }

  std::string rules() const override {
    if (rules_.gravity)
      return fmt::format(
          "Connect {}. The board has {} columns (1 to {} from the left) and {} rows. In a turn you drop a stone into a "
          "column; it falls to the lowest free place. {} stones in a line (across, up or diagonal) win. You are X, I "
          "am O. Write your turn as <answer>column</answer>.",
          rules_.line, rules_.columns, rules_.columns, rules_.rows, rules_.line);
    return fmt::format(
        "Tic-tac-toe on {} x {} squares. {} marks in a line (across, up or diagonal) win. You are X, I am O; free "
        "squares show their numbers. Write your turn as <answer>square</answer>.",
        rules_.columns, rules_.rows, rules_.line);
  }

  std::string board(const Position& p, int first) const override {
    std::string out;
    for (int row = rules_.rows - 1; row >= 0; row--) {
      for (int c = 0; c < rules_.columns; c++) {
        const std::string free = rules_.gravity ? "." : std::to_string(square(c, row) + 1);
        out += c > 0 ? " " : "";
        out += p.words[static_cast<size_t>(first)] & bit(c, row)       ? "X"
               : p.words[static_cast<size_t>(1 - first)] & bit(c, row) ? "O"
                                                                       : free;
      }
      if (row > 0) out += "\n";
    }
    return out;
  }

  std::string name_of(const Position& /*p*/, int move) const override { return std::to_string(move + 1); }
  size_t numbers_in_a_turn() const override { return 1; }

  std::optional<int> move_of(const Position& p, const std::vector<int64_t>& numbers,
                             std::string& reason) const override {
    const int64_t n = numbers[0];
    if (n < 1 || n > places()) {
      reason = fmt::format("there is no {} {}", rules_.gravity ? "column" : "square", n);
      return std::nullopt;
    }
    if ((playable(p.words[0] | p.words[1]) & mask_of(static_cast<int>(n) - 1)) == 0) {
      reason = fmt::format("{} {} is {}", rules_.gravity ? "column" : "square", n, rules_.gravity ? "full" : "taken");
      return std::nullopt;
    }
    return static_cast<int>(n) - 1;
  }

 private:
  static constexpr size_t kTable = size_t{1} << 20;
  struct Entry {
    uint64_t mine = ~uint64_t{0}, theirs = 0;
    int8_t low = -1, high = 1;
  };

  int places() const { return rules_.gravity ? rules_.columns : rules_.columns * rules_.rows; }
  int square(int column, int row) const { return (rules_.rows - 1 - row) * rules_.columns + column; }
  uint64_t bit(int column, int row) const { return uint64_t{1} << (column * stride_ + row); }
  // What a move may fill: a column, or a square.
  uint64_t mask_of(int place) const {
    if (!rules_.gravity) return bit(place % rules_.columns, rules_.rows - 1 - place / rules_.columns);
    return ((uint64_t{1} << rules_.rows) - 1) << (place * stride_);
  }
  uint64_t playable(uint64_t taken) const { return rules_.gravity ? (taken + bottom_) & all_ : all_ & ~taken; }

  bool has_line(uint64_t stones) const {
    for (int step : {1, stride_, stride_ - 1, stride_ + 1}) {
      uint64_t run = stones;
      for (int i = 1; i < rules_.line && run != 0; i++) run &= stones >> (step * i);
      if (run != 0) return true;
    }
    return false;
  }

  uint64_t winning(uint64_t stones, uint64_t can) const {
    uint64_t out = 0;
    for (uint64_t rest = can; rest != 0; rest &= rest - 1)
      if (const uint64_t one = rest & -rest; has_line(stones | one)) out |= one;
    return out;
  }

  Entry& entry(uint64_t mine, uint64_t theirs) const {
    const uint64_t hash = (mine * 0x9E3779B97F4A7C15u) ^ ((theirs + 0x7F4A7C15u) * 0xC2B2AE3D27D4EB4Fu);
    return table_[(hash >> 40) & (kTable - 1)];
  }

  // The value for who owns `mine` and is to move, exact inside [alpha, beta], else a bound. Nobody has a line yet.
  int solve(uint64_t mine, uint64_t theirs, int alpha, int beta) const {
    uint64_t can = playable(mine | theirs);
    if (can == 0) return 0;
    if (winning(mine, can) != 0) return 1;
    if (const uint64_t threats = winning(theirs, can); threats != 0) {
      if ((threats & (threats - 1)) != 0) return -1;
      can = threats;
    }
    const Entry& known = entry(mine, theirs);
    if (known.mine == mine && known.theirs == theirs) {
      if (known.low >= beta || known.low == known.high) return known.low;
      if (known.high <= alpha) return known.high;
      alpha = std::max<int>(alpha, known.low);
      beta = std::min<int>(beta, known.high);
    }
    const int floor = alpha;
    int best = -1;
    for (size_t i = 0; i < order_.size() && best < beta; i++)
      for (uint64_t rest = can & column(order_[i]); rest != 0 && best < beta; rest &= rest - 1) {
        best = std::max(best, -solve(theirs, mine | (rest & -rest), -beta, -std::max(alpha, best)));
      }
    remember(mine, theirs, best, floor, beta);
    return best;
  }

  uint64_t column(int c) const { return ((uint64_t{1} << rules_.rows) - 1) << (c * stride_); }

  void remember(uint64_t mine, uint64_t theirs, int best, int alpha, int beta) const {
    Entry& e = entry(mine, theirs);
    if (e.mine != mine || e.theirs != theirs) e = {.mine = mine, .theirs = theirs};
    if (best > alpha) e.low = static_cast<int8_t>(best);
    if (best < beta) e.high = static_cast<int8_t>(best);
  }

  const LineRules rules_;
  const int stride_;
  uint64_t all_ = 0, bottom_ = 0;
  std::vector<int> order_;
  mutable std::mutex mutex_;
  mutable std::optional<DropSolver> solver_;  // with gravity; guarded by mutex_
  mutable std::vector<Entry> table_;          // without; guarded by mutex_, made when first asked
};

}  // namespace

std::unique_ptr<Game> make_line_game(const LineRules& r) {
  const int columns = r.gravity ? 7 : 4, rows = r.gravity ? 6 : 4;
  if (r.columns < 3 || r.columns > columns || r.rows < 3 || r.rows > rows || r.line < 3 ||
      r.line > std::max(r.columns, r.rows) || r.line > 4)
    fail("a board of {} x {} with {} in a line: expected 3 x 3 to {} x {}, with 3 or 4 that fit", r.columns, r.rows,
         r.line, columns, rows);
  return std::make_unique<LineGame>(r);
}

}  // namespace r1::games
