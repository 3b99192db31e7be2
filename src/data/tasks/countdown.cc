// Countdown: reach a target from some numbers with + - * /, each number at most once. The target is made by working on
// the numbers, so every item has a solution.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostNumbers = 8;  // of an item that is checked: 256 subsets

struct Piece {
  std::string text;
  int64_t value;
  int strength = 3;  // how tight it binds: 3 a number, 2 a product, 1 a sum
};

// Whole and positive all the way; nullopt where the operation does not allow that or changes nothing.
std::optional<int64_t> combine(int64_t a, char op, int64_t b) {
  constexpr int64_t kMost = 100000;
  if (op == '+') return a + b;
  if (op == '-') return a > b ? std::optional(a - b) : std::nullopt;
  if (a < 2 || b < 2) return std::nullopt;
  if (op == '*') return a * b <= kMost ? std::optional(a * b) : std::nullopt;
  return a % b == 0 ? std::optional(a / b) : std::nullopt;
}

Piece join_pieces(const Piece& a, char op, const Piece& b, int64_t value) {
  const int strength = op == '+' || op == '-' ? 1 : 2;
  const bool ordered = op == '-' || op == '/';
  const auto wrapped = [](const Piece& p, bool wrap) { return wrap ? "(" + p.text + ")" : p.text; };
  return {fmt::format("{} {} {}", wrapped(a, a.strength < strength), op,
                      wrapped(b, ordered ? b.strength <= strength : b.strength < strength)),
          value, strength};
}

// Takes two pieces and puts their combination back.
bool reduce_once(std::vector<Piece>& pool, const std::string& operators, Draws& draws,
                 std::vector<std::string>& steps) {
  constexpr int kTries = 40;
  for (int i = 0; i < kTries; i++) {
    draws.shuffle(pool);
    const char op = operators[draws.below(operators.size())];
    const Piece a = pool[pool.size() - 2], b = pool.back();
    const auto value = combine(a.value, op, b.value);
    if (!value) continue;
    steps.push_back(fmt::format("{} {} {} = {}.", a.value, op, b.value, *value));
    pool.resize(pool.size() - 2);
    pool.push_back(join_pieces(a, op, b, *value));
    return true;
  }
  return false;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t count = dials.whole("numbers", draws), largest = dials.whole("largest", draws);
  const std::string& operators = dials.text("operators");
  std::vector<int64_t> numbers;
  std::vector<Piece> pool;
  for (int64_t i = 0; i < count; i++) {
    numbers.push_back(draws.between(1, largest));
    pool.push_back({std::to_string(numbers.back()), numbers.back()});
  }
  Draft out;
  while (pool.size() > 1)
    if (!reduce_once(pool, operators, draws, out.steps)) return std::nullopt;
  const int64_t target = pool[0].value;
  if (target > dials.most("target") || std::find(numbers.begin(), numbers.end(), target) != numbers.end())
    return std::nullopt;
  out.steps.push_back(fmt::format("So {} = {}.", pool[0].text, target));
  out.prompt = fmt::format(
      "Use the numbers {} and the operations {} to make {}. Each number may be used at most once. Answer with an "
      "expression.",
      joined(numbers), fmt::join(operators.begin(), operators.end(), " "), target);
  out.answer = pool[0].text;
  out.meta = {{"numbers", numbers}, {"target", target}, {"operators", operators}};
  std::sort(numbers.begin(), numbers.end());
  out.key = fmt::format("countdown {} -> {}", joined(numbers), target);
  return out;
}

struct Game {
  std::vector<int64_t> numbers;
  int64_t target;
  std::string operators;
};
Game game_of(const TaskItem& item) {
  return {meta_wholes(item.meta, "numbers", kMostNumbers), meta_whole(item.meta, "target", INT32_MIN, INT32_MAX),
          meta_text(item.meta, "operators", 16)};
}

bool allows(const Game& game, const Expression& e) {
  return std::all_of(e.nodes.begin(), e.nodes.end(), [&](const Node& n) {
    return n.op == '#' || game.operators.find(n.op == '~' ? '-' : n.op) != std::string::npos;
  });
}

bool takes_each_once(const Game& game, const Expression& e) {
  std::vector<int64_t> left = game.numbers;
  for (const Node& n : e.nodes) {
    if (n.op != '#') continue;
    const auto it = n.value.den == 1 ? std::find(left.begin(), left.end(), n.value.num) : left.end();
    if (it == left.end()) return false;
    left.erase(it);
  }
  return true;
}

// The answer's expression: all of it, or in "3 * 8 + 1 = 25" the side that is more than a number.
struct Answered {
  std::optional<Expression> expression;
  bool contradicts = false;  // another side has another value
};
Answered expression_in(const TaskAnswer& answer, int64_t target) {
  if (auto whole = parse_expression(answer.text)) return {std::move(whole)};
  const std::vector<Equation> equations = find_equations(answer.text);
  if (equations.empty() || (answer.marked && equations.size() > 1)) return {};
  Answered out;
  for (const Expression& side : equations.back()) {
    if (!out.expression && !side.is_number())
      out.expression = side;
    else if (evaluate(side) != Fraction{target, 1})
      out.contradicts = true;
  }
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const Game game = game_of(item);
  const Answered found = expression_in(answer, game.target);
  if (!found.expression) return no_answer("the answer is no expression that can be read");
  const auto value = evaluate(*found.expression);
  if (!allows(game, *found.expression))
    return wrong_answer(answer.text, fmt::format("only the operations {} may be used", game.operators));
  if (!takes_each_once(game, *found.expression))
    return wrong_answer(answer.text,
                        fmt::format("takes numbers that are not among {}, or one too often", joined(game.numbers)));
  if (!value) return wrong_answer(answer.text, "divides by zero, or grows beyond all bounds");
  if (*value != Fraction{game.target, 1} || found.contradicts)
    return wrong_answer(answer.text, fmt::format("is {}, expected {}", text_of(*value), game.target));
  return right_answer(answer.text, fmt::format("equals {}", game.target));
}

// For every value that was made: of which subsets of the numbers (a bit each). A claim is true when its equation holds
// and both sides can be made with no number taken twice; dead ends and new beginnings are no errors.
class Board {
 public:
  explicit Board(const Game& game) : game_(game) {
    for (size_t i = 0; i < game.numbers.size(); i++) made_[{game.numbers[i], 1}].insert(1u << i);
  }
  StepVerdict check(const std::string& step) {
    StepVerdict out = StepVerdict::none;
    for (const Equation& equation : find_equations(step)) out = join(out, check(equation));
    return out;
  }

 private:
  using Subsets = std::set<uint32_t>;
  StepVerdict check(const Equation& equation) {
    const auto value = evaluate(equation[0]);
    if (!value) return StepVerdict::none;
    Subsets ways;
    for (const Expression& side : equation) {
      if (evaluate(side) != value || !allows(game_, side)) return StepVerdict::wrong;
      if (side.is_number()) continue;
      const Subsets of_side = subsets_of(side);
      if (of_side.empty()) return StepVerdict::wrong;
      ways.insert(of_side.begin(), of_side.end());
    }
    made_[*value].insert(ways.begin(), ways.end());
    return StepVerdict::right;
  }
  Subsets subsets_of(const Expression& e) const {
    std::vector<Subsets> all(e.nodes.size());
    for (size_t i = 0; i < e.nodes.size(); i++) {
      const Node& n = e.nodes[i];
      if (n.op == '#') {
        const auto it = made_.find(n.value);
        if (it != made_.end()) all[i] = it->second;
      } else if (n.op == '~') {
        all[i] = all[static_cast<size_t>(n.left)];
      } else {
        for (uint32_t a : all[static_cast<size_t>(n.left)])
          for (uint32_t b : all[static_cast<size_t>(n.right)])
            if ((a & b) == 0) all[i].insert(a | b);
      }
    }
    return all.back();
  }

  const Game& game_;
  std::map<Fraction, Subsets> made_;
};

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const Game game = game_of(item);
  Board board(game);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) out.push_back(board.check(step));
  return out;
}

}  // namespace

TaskFamily countdown_family() {
  return {"countdown",
          "reach a target from numbers with + - * /, each number at most once",
          {{.name = "numbers", .low = 2, .high = 6, .fallback = "3-4", .help = "how many numbers"},
           {.name = "largest", .low = 5, .high = 100, .fallback = "25", .help = "the largest a number may be"},
           {.name = "target", .low = 10, .high = 10000, .fallback = "100", .help = "the largest a target may be"},
           {.name = "operators",
            .kind = Dial::Kind::letters,
            .letters = "+-*/",
            .fallback = "+-*/",
            .help = "what may be used"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
