// A shortest way through a small maze, from the upper left corner to the lower right one. Every shortest way counts.
#include <algorithm>
#include <deque>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr size_t kLargest = 40;

struct Cell {
  int row = 0, column = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};

class Maze {
 public:
  // Rows of equal length with '#' for walls; the goal is the last cell. Throws r1::Error.
  explicit Maze(std::vector<std::string> rows) : rows_(std::move(rows)) {
    if (rows_.empty() || rows_.size() > kLargest || rows_[0].empty() || rows_[0].size() > kLargest)
      fail("item: a maze has 1 to {} rows and columns", kLargest);
    for (const std::string& row : rows_)
      if (row.size() != rows_[0].size()) fail("item: the maze's rows differ in length");
    distances_.assign(rows_.size(), std::vector<int>(rows_[0].size(), -1));
    std::deque<Cell> open = {goal()};
    distance(goal()) = 0;
    for (; !open.empty(); open.pop_front())
      for (char move : std::string_view("UDLR")) {
        const Cell next = moved(open.front(), move);
        if (!is_free(next) || distance(next) >= 0) continue;
        distance(next) = distance(open.front()) + 1;
        open.push_back(next);
      }
  }
  Cell goal() const { return {static_cast<int>(rows_.size()) - 1, static_cast<int>(rows_[0].size()) - 1}; }
  bool is_free(Cell c) const {
    return c.row >= 0 && c.column >= 0 && c.row <= goal().row && c.column <= goal().column &&
           rows_[static_cast<size_t>(c.row)][static_cast<size_t>(c.column)] != '#';
  }
  // Moves to the goal; -1 where it cannot be reached.
  int to_goal(Cell c) const { return distances_[static_cast<size_t>(c.row)][static_cast<size_t>(c.column)]; }
  static Cell moved(Cell c, char move) {
    return {c.row + (move == 'D' ? 1 : move == 'U' ? -1 : 0), c.column + (move == 'R' ? 1 : move == 'L' ? -1 : 0)};
  }
  const std::vector<std::string>& rows() const { return rows_; }

 private:
  int& distance(Cell c) { return distances_[static_cast<size_t>(c.row)][static_cast<size_t>(c.column)]; }
  std::vector<std::string> rows_;
  std::vector<std::vector<int>> distances_;
};

std::string name_of(Cell c) { return fmt::format("r{}c{}", c.row + 1, c.column + 1); }

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t size = dials.whole("size", draws), walls = dials.whole("walls", draws);
  std::vector<std::string> rows(static_cast<size_t>(size), std::string(static_cast<size_t>(size), '.'));
  for (std::string& row : rows)
    for (char& c : row)
      if (draws.chance(static_cast<int>(walls))) c = '#';
  rows.front().front() = 'S';
  rows.back().back() = 'G';
  const Maze maze(rows);
  if (maze.to_goal({}) < 0) return std::nullopt;
  Draft out;
  out.prompt = fmt::format(
      "Find a shortest way from S to G. # is a wall, a move goes one cell up (U), down (D), left (L) or right "
      "(R).\n{}\n"
      "Answer with the letters of the moves, for example RRD.",
      joined(rows, "\n"));
  for (Cell at; at != maze.goal();) {
    std::string choices;
    for (char move : std::string_view("UDLR"))
      if (const Cell next = Maze::moved(at, move); maze.is_free(next) && maze.to_goal(next) == maze.to_goal(at) - 1)
        choices += move;
    const char move = choices[draws.below(choices.size())];
    const Cell next = Maze::moved(at, move);
    out.steps.push_back(
        fmt::format("{}: from {} to {}, {} moves are left.", move, name_of(at), name_of(next), maze.to_goal(next)));
    out.answer += move;
    at = next;
  }
  out.steps.push_back(fmt::format("The way is {}.", out.answer));
  out.key = "maze " + joined(rows, "\n");
  out.meta = {{"rows", rows}};
  return out;
}

// The moves of a text: letters run together or apart, or words; empty when there is anything else.
std::string read_moves(std::string text) {
  text = lowered(text);
  for (const auto& [word, letter] :
       {std::pair<std::string, std::string>{"right", "r"}, {"left", "l"}, {"down", "d"}, {"up", "u"}})
    for (size_t at = 0; (at = text.find(word, at)) != std::string::npos;) text.replace(at, word.size(), letter);
  std::string out;
  for (char c : text) {
    if (c == 'r' || c == 'l' || c == 'd' || c == 'u')
      out += static_cast<char>(c - 'a' + 'A');
    else if (std::string_view(" ,;->\n\"'[]()").find(c) == std::string_view::npos)
      return "";
  }
  return out;
}

// Why the moves are no shortest way; empty when they are one.
std::string fault_of(const Maze& maze, const std::string& moves) {
  Cell at;
  for (size_t i = 0; i < moves.size(); i++) {
    at = Maze::moved(at, moves[i]);
    if (!maze.is_free(at)) return fmt::format("move {} ({}) runs into a wall", i + 1, moves[i]);
  }
  if (at != maze.goal()) return fmt::format("ends at {}, not at the goal", name_of(at));
  const size_t shortest = static_cast<size_t>(maze.to_goal({}));
  if (moves.size() > shortest) return fmt::format("takes {} moves, the shortest way {}", moves.size(), shortest);
  return "";
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const Maze maze(meta_texts(item.meta, "rows", kLargest));
  std::string moves = read_moves(answer.text);
  if (moves.empty() && !answer.marked) moves = read_moves(answer.text.substr(answer.text.rfind(' ') + 1));
  if (moves.empty()) return no_answer("the answer is no list of moves");
  const std::string fault = fault_of(maze, moves);
  return fault.empty() ? right_answer(moves, "a shortest way") : wrong_answer(moves, fault);
}

std::optional<Cell> read_cell(std::string text) {
  text = lowered(text);
  const size_t c = text.find('c');
  if (!text.starts_with("r") || c == std::string::npos) return std::nullopt;
  const auto row = whole_of(text.substr(1, c - 1)), column = whole_of(text.substr(c + 1));
  if (!row || !column || std::abs(*row) > 1000 || std::abs(*column) > 1000) return std::nullopt;
  return Cell{static_cast<int>(*row) - 1, static_cast<int>(*column) - 1};
}

// "R: from r1c1 to r1c2, 7 moves are left": a free cell each, the move leads there, and so many moves are left.
StepVerdict check_move(const Maze& maze, const std::vector<std::string>& found) {
  const std::string move = read_moves(found[0].substr(found[0].rfind(' ') + 1));
  const auto from = read_cell(found[1]), to = read_cell(found[2]);
  const auto left = whole_of(found[3]);
  if (move.size() != 1 || !from || !to || !left) return StepVerdict::none;
  return claim(maze.is_free(*from) && maze.is_free(*to) && Maze::moved(*from, move[0]) == *to &&
               maze.to_goal(*to) == *left);
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const Maze maze(meta_texts(item.meta, "rows", kLargest));
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = StepVerdict::none;
    for (const auto& found : find_claims(step, "{}: from {} to {}, {} moves are left"))
      v = join(v, check_move(maze, found));
    for (const auto& found : find_claims(step, "way is {}"))
      if (const std::string moves = read_moves(found[0]); !moves.empty())
        v = join(v, claim(fault_of(maze, moves).empty()));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily mazes_family() {
  return {"mazes",
          "a shortest way through a grid with walls",
          {{.name = "size", .low = 3, .high = 15, .fallback = "5", .help = "rows and columns"},
           {.name = "walls", .low = 0, .high = 40, .fallback = "25", .help = "cells of a hundred that are walls"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
