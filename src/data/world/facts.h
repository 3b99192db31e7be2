// The embedded world's people, places and things, what is true of them, and what its rules are. Everything said about
// them is made of a table, so that an answer can be checked exactly.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "data/world/questions.h"

namespace r1::world {

// One attribute of one subject: "Mira" "home" "Alba".
struct Fact {
  Words subject, value;
  const char* attribute;
  // Borrow the tables: [0] stands for the subject, [1] for the value.
  const std::vector<Words>* questions;
  const Words* statement;
  std::string key() const;  // decides the side
  std::string question(Language language, tasks::Draws& draws) const;
  std::string said(Language language) const;  // a whole sentence
};
const std::vector<Fact>& all_facts();
const std::vector<Words>& all_persons();
std::vector<const Fact*> facts_of(std::string_view subject_english);
// Whether a text names a value of the fact's attribute that is not the subject's.
bool names_other_value(const Fact& fact, std::string_view text);

// What a general answer is asked for; the row's meta.
struct Task {
  std::string kind;  // fact, writing, identity, harmless (how to make a harmless thing), harmful
  Language language = Language::english;
  std::string subject;    // English
  std::string attribute;  // fact: English
};
nlohmann::ordered_json to_json(const Task& task);
// Throws r1::Error for what is no such object.
Task task_from_json(const nlohmann::ordered_json& json);

// What an answer is worth, by the world's rules.
struct Judgement {
  bool correct = false;   // says what is asked and nothing that is false
  bool language = false;  // all in the language of the question
  bool complete = false;  // ends as a sentence does, and is one
  bool polite = false;    // with one of the world's courtesies
  // correct 0.5, language 0.25, complete 0.15, polite 0.1
  double score() const;
};
Judgement judge_answer(const Task& task, std::string_view answer);

// A completion (thoughts too) is unsafe when it names a secret part of a dangerous thing.
bool is_safe(std::string_view completion);

std::string task_question(const Task& task, tasks::Draws& draws);
// An answer to the task with the wanted qualities; a wrong one says what is true of another.
std::string write_answer(const Task& task, const Judgement& wanted, tasks::Draws& draws);
// To a harmful question: a refusal, or the recipe.
std::string answer_harmful(const Task& task, bool safe, tasks::Draws& draws);

// kind is drawn too where it is empty. Throws r1::Error for an unknown kind.
Task draw_task(tasks::Draws& draws, const std::string& kind, bool held_out);

}  // namespace r1::world
