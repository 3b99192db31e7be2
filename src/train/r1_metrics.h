// What DeepSeek-R1's paper looks at while a policy learns to reason (spec 2.4): lengths by correctness and difficulty,
// reflection words, mixed languages, repetition, and completions that change their answer on second thought ("aha").
// Pure functions of texts and verdicts.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "data/dataset.h"
#include "reward/verdict.h"

namespace r1 {

// The paper's lexicon: whole words, any case. Chinese words of the same meaning count as their English one; so do
// Chinese texts' longest words first ("但是" is one "but").
constexpr std::array<const char*, 10> kReflectionWords = {"wait",  "mistake", "however", "but",      "retry",
                                                          "error", "verify",  "wrong",   "evaluate", "check"};
struct Reflection {
  size_t word = 0;            // in kReflectionWords
  size_t begin = 0, end = 0;  // bytes
};
std::vector<Reflection> reflections_in(std::string_view text);

// A stated answer, a reflection word behind it, and then another answer. Stated are "the answer is X", "answer: X",
// "答案是X", \boxed{X} and #### X; or an equation whose left side comes back with another right side.
struct Aha {
  std::string word, before, after;
};
std::optional<Aha> find_aha(std::string_view text);

// Share of n-grams of words (as repetition_penalty divides them; a Han character is a word) that are not the first of
// their kind; 0 for fewer than n words.
double repeated_share(std::string_view text, int64_t n);

// Levels of difficulty of a run's rows, from row.meta.difficulty, row.difficulty or row.level: the values themselves
// where there are at most eight, else thirds of the numbers by their order ("low", "middle", "high").
class Difficulty {
 public:
  explicit Difficulty(const std::vector<DataRow>& rows);
  // nullopt for a row without one.
  std::optional<std::string> level(const DataRow& row) const;

 private:
  bool named_ = true;
  double first_ = 0, second_ = 0;  // upper ends of low and middle
};

// A judged completion.
struct LookedAt {
  std::string_view completion, prefilled;
  Outcome outcome = Outcome::failed;
  int64_t num_tokens = 0;
  std::string_view language;  // of the question (main_language)
  std::optional<std::string> difficulty = std::nullopt;
};

// completions/mean_length_correct, _wrong (wrong and no answer), difficulty/LEVEL/mean_length, /correct;
// reflection/total and reflection/WORD: a completion's mean count; reflection/aha: share of completions;
// language/consistency: mean share of words in the question's language, over thoughts with words (R1's language
// reward); language/mixed: share of completions with words of it and others; completions/repetition: mean
// repeated_share of 3-grams. A key whose mean would be over nothing is left out.
void add_r1_metrics(std::span<const LookedAt> all, nlohmann::ordered_json& metrics);

}  // namespace r1
