// Nim: heaps of stones, a turn takes some of one heap. Perfect play by Sprague and Grundy: a heap of n counts as n, or
// as n mod (take + 1) where a turn takes at most `take`; the player to move loses when the exclusive or of all is 0.
// Misere: the same, but where no heap counts more than 1 the player to move loses when it is 1.
#include <algorithm>

#include "base/error.h"
#include "data/games/game.h"

namespace r1::games {
namespace {

constexpr int kBits = 8;  // of a heap in the position's first word
constexpr int kMoveBase = 16;

int heap_at(const Position& p, size_t heap) {
  return static_cast<int>((p.words[0] >> (kBits * heap)) & ((1u << kBits) - 1));
}

class Nim : public Game {
 public:
  explicit Nim(const NimRules& rules) : rules_(rules) {}

  Position start() const override {
    Position p;
    for (size_t i = 0; i < rules_.heaps.size(); i++)
      p.words[0] |= static_cast<uint64_t>(rules_.heaps[i]) << (kBits * i);
    return p;
  }

  std::vector<int> moves(const Position& p) const override {
    std::vector<int> out;
    for (size_t i = 0; i < rules_.heaps.size(); i++)
      for (int n = 1; n <= most(heap_at(p, i)); n++) out.push_back(static_cast<int>(i) * kMoveBase + n);
    return out;
  }

  Position play(const Position& p, int move) const override {
    Position out = p;
    out.words[0] -= static_cast<uint64_t>(move % kMoveBase) << (kBits * (move / kMoveBase));
    out.to_move = 1 - p.to_move;
    return out;
  }

  std::optional<int> result(const Position& p) const override {
    if (p.words[0] != 0) return std::nullopt;
    return rules_.misere ? 1 : -1;
  }

  int value(const Position& p) const override {
    int sum = 0, largest = 0;
    for (size_t i = 0; i < rules_.heaps.size(); i++) {
      const int counts = rules_.take > 0 ? heap_at(p, i) % (rules_.take + 1) : heap_at(p, i);
      sum ^= counts;
      largest = std::max(largest, counts);
    }
    const bool lost = rules_.misere && largest <= 1 ? sum == 1 : sum == 0;
    return lost ? -1 : 1;
  }
  bool solved_at_once() const override { return true; }

  std::string rules() const override {
    const std::string most = rules_.take > 0 ? fmt::format(", at most {}", rules_.take) : "";
    return fmt::format(
        "Nim. In a turn you take one or more stones from one heap{}. Who takes the last stone {}. Write your turn as "
        "<answer>heap stones</answer>: <answer>1 2</answer> takes 2 stones from heap 1.",
        most, rules_.misere ? "loses" : "wins");
  }

  std::string board(const Position& p, int /*first*/) const override {
    std::string out = "Heaps:";
    for (size_t i = 0; i < rules_.heaps.size(); i++) out += " " + std::to_string(heap_at(p, i));
    return out;
  }

  std::string name_of(const Position& /*p*/, int move) const override {
    return fmt::format("{} {}", move / kMoveBase + 1, move % kMoveBase);
  }
  size_t numbers_in_a_turn() const override { return 2; }

  std::optional<int> move_of(const Position& p, const std::vector<int64_t>& numbers,
                             std::string& reason) const override {
    const int64_t heap = numbers[0], stones = numbers[1], heaps = static_cast<int64_t>(rules_.heaps.size());
    if (heap < 1 || heap > heaps) {
      reason = fmt::format("there is no heap {}", heap);
      return std::nullopt;
    }
    const int there = heap_at(p, static_cast<size_t>(heap - 1));
    if (stones < 1 || stones > most(there)) {
      reason = fmt::format("{} stones cannot be taken from a heap of {}", stones, there);
      return std::nullopt;
    }
    return static_cast<int>((heap - 1) * kMoveBase + stones);
  }

 private:
  int most(int heap) const { return rules_.take > 0 ? std::min(heap, rules_.take) : heap; }
  const NimRules rules_;
};

}  // namespace

std::unique_ptr<Game> make_nim(const NimRules& rules) {
  constexpr size_t kMostHeaps = 6;
  constexpr int kMostStones = 12;
  bool fits = !rules.heaps.empty() && rules.heaps.size() <= kMostHeaps && rules.take >= 0 && rules.take <= kMostStones;
  for (int heap : rules.heaps) fits = fits && heap >= 1 && heap <= kMostStones;
  if (!fits) fail("nim: expected 1 to {} heaps of 1 to {} stones", kMostHeaps, kMostStones);
  return std::make_unique<Nim>(rules);
}

}  // namespace r1::games
