#include "reward/question_language.h"

#include <algorithm>

#include "reward/language.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string said_by(const Json& row) {
  if (!row.is_object() || !row.contains("language") || !row["language"].is_string()) return "";
  const std::string said = row["language"].get<std::string>();
  const auto& known = known_languages();
  return std::find(known.begin(), known.end(), said) == known.end() ? "" : said;
}

std::string question_in(const Json& row) {
  for (const char* key : {"question", "prompt"})
    if (row.contains(key) && row[key].is_string()) return row[key].get<std::string>();
  for (const char* key : {"prompt", "messages"}) {
    if (!row.contains(key) || !row[key].is_array()) continue;
    for (auto m = row[key].rbegin(); m != row[key].rend(); ++m)
      if (m->is_object() && m->value("role", Json()) == "user" && m->contains("content") && (*m)["content"].is_string())
        return (*m)["content"].get<std::string>();
  }
  return "";
}

}  // namespace

std::string question_language(const Json& row, std::string_view prompt) {
  if (!row.is_object()) return main_language(prompt);
  if (const std::string said = said_by(row); !said.empty()) return said;
  if (row.contains("meta"))
    if (const std::string said = said_by(row["meta"]); !said.empty()) return said;
  const std::string question = question_in(row);
  return main_language(question.empty() ? prompt : std::string_view(question));
}

}  // namespace r1
