// Questions of the embedded world that are reasoned about: small numbers, one to three operations, whole-number
// answers, in English and Chinese.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tasks/task.h"

namespace r1::world {

using tasks::Draws;

enum class Language { english, chinese };
const char* language_code(Language language);  // "en", "zh"

// A phrase in both languages.
struct Words {
  const char *english, *chinese;
  const char* in(Language l) const { return l == Language::english ? english : chinese; }
};

// a op b = result. op is + - * / (exact), or > and < for the larger and the smaller of two.
struct Operation {
  int64_t a = 0;
  char op = '+';
  int64_t b = 0;
  int64_t result() const;
};

struct Question {
  std::string text, kind;  // kind: sum, equation, compare, story, ages
  Language language = Language::english;
  std::vector<Operation> operations;  // the `a` of each but the first is the result before it
  // What is asked, whatever the words and the language: it decides the side.
  std::string key;
  int64_t answer() const { return operations.back().result(); }
};

// The kinds, for dials.
const std::vector<std::string>& question_kinds();

// A question of one side. Draws until one lands there; throws r1::Error when none does (never seen).
Question draw_question(Draws& draws, Language language, bool held_out);

}  // namespace r1::world
