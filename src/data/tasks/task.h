// Generated tasks: families of items with dials of difficulty, an exact checker of answers and one of steps.
//
// Item i of a family is a function of (seed, i, dials, side) alone. Which side (training or held out) a question is on
// is a function of the question itself, so the two sides share nothing, whatever the seeds and dials: a draw that lands
// on the wrong side is thrown away and the next one of the same index is taken.
//
// A step is right when every claim in it that can be checked is true of the item, wrong when one is false, and none
// when it claims nothing that can be checked. Claims are judged against the truth, not against the steps before them
// (countdown.cc and sourced.h say where earlier results count), so the first wrong step is where the solution first
// went wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/philox.h"
#include "reward/verdict.h"

namespace r1::tasks {

using Json = nlohmann::ordered_json;

struct TaskItem {
  std::string prompt, answer;
  std::vector<std::string> steps;  // a worked solution, a line each, no line breaks inside
  Json meta;                       // "family", "difficulty" (characters of the steps), and what the checkers need
};

// As printed by `r1 tasks sample`: {"prompt","answer","steps","meta"}.
Json to_json(const TaskItem& item);
// Throws r1::Error for what is no item.
TaskItem item_from_json(const Json& json);

struct Dial {
  enum class Kind { whole, choice, letters };
  std::string name = "";
  Kind kind = Kind::whole;
  int64_t low = 0, high = 0;              // whole: a number or a range a-b between them, drawn anew for each item
  std::vector<std::string> choices = {};  // choice: one of these
  std::string letters = "";               // letters: some of these
  std::string fallback = "";              // the default, as it would be given
  std::string help = "";
};
std::string allowed_text(const Dial& dial);  // "a number or range from 2 to 6", for people

// Random numbers in order, all of one item.
class Draws {
 public:
  explicit Draws(const RandomPlace& place) : place_(place) {}
  uint64_t below(uint64_t n);                  // n >= 1
  int64_t between(int64_t low, int64_t high);  // both included
  bool chance(int percent) { return below(100) < static_cast<uint64_t>(percent); }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  template <typename T>
  void shuffle(std::vector<T>& all) {
    for (size_t i = all.size(); i > 1; i--) std::swap(all[i - 1], all[below(i)]);
  }

 private:
  RandomPlace place_;
  uint32_t draw_ = 0;
};

struct TaskFamily;

class Dials {
 public:
  explicit Dials(const TaskFamily& family);  // at their defaults; borrows the family
  // Throws r1::UsageError: an unknown dial with the nearest name, or a value outside what is allowed, with that.
  void set(const std::string& name, const std::string& value);
  int64_t whole(const std::string& name, Draws& draws) const;  // drawn from the range
  int64_t most(const std::string& name) const;                 // the range's upper end
  const std::string& text(const std::string& name) const;      // as given

 private:
  struct Value {
    std::string text;
    int64_t low = 0, high = 0;
  };
  size_t place_of(const std::string& name) const;
  const TaskFamily& family_;
  std::vector<Value> values_;
};

// What a family draws. Items with the same key are the same question in other words, and on the same side.
struct Draft {
  std::string prompt, answer, key;
  std::vector<std::string> steps;
  Json meta = Json::object();
};

struct TaskAnswer;  // answer.h

enum class StepVerdict { none, right, wrong };
const char* step_verdict_name(StepVerdict verdict);
// Of two claims in one step.
StepVerdict join(StepVerdict a, StepVerdict b);
inline StepVerdict claim(bool true_of_item) { return true_of_item ? StepVerdict::right : StepVerdict::wrong; }

struct TaskFamily {
  std::string name, summary;
  std::vector<Dial> dials;
  // nullopt: these draws make no item; others may.
  std::optional<Draft> (*draw)(Draws& draws, const Dials& dials) = nullptr;
  // Both may throw for an item whose meta is damaged.
  Verdict (*judge)(const TaskItem& item, const TaskAnswer& answer) = nullptr;
  std::vector<StepVerdict> (*check_steps)(const TaskItem& item, const std::vector<std::string>& steps) = nullptr;
};

const std::vector<TaskFamily>& task_families();
// Throws r1::UsageError with the nearest name.
const TaskFamily& find_family(const std::string& name);

// Throws r1::Error when the dials leave no items of that side.
TaskItem generate(const TaskFamily& family, uint64_t seed, uint64_t index, const Dials& dials, bool held_out);
bool is_held_out(const std::string& key);  // a fifth of all keys

// `prefilled`: what of the completion's format the prompt has opened ("<think>\n"). A damaged item is `failed`.
Verdict check(const TaskFamily& family, const TaskItem& item, const std::string& completion,
              const std::string& prefilled);
// One verdict a step. Throws r1::Error for a damaged item.
std::vector<StepVerdict> check_steps(const TaskFamily& family, const TaskItem& item,
                                     const std::vector<std::string>& steps);
// The lines of the thought (of the whole completion when there is none) that are not blank; the sentences when there is
// but one line.
std::vector<std::string> steps_of(const std::string& completion, const std::string& prefilled);

// The item's own solution as a model would write it: <think>steps</think><answer>answer</answer>.
std::string worked_completion(const TaskItem& item);

// Each of these makes one family, in a file of its name.
TaskFamily arithmetic_family();
TaskFamily countdown_family();
TaskFamily linear_equations_family();
TaskFamily base_conversion_family();
TaskFamily sequences_family();
TaskFamily sorting_family();
TaskFamily string_edits_family();
TaskFamily calendar_family();
TaskFamily knights_and_knaves_family();
TaskFamily truth_tables_family();
TaskFamily mazes_family();
TaskFamily word_problems_family();
TaskFamily programs_family();

}  // namespace r1::tasks
