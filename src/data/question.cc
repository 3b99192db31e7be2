#include "data/question.h"

namespace r1 {

std::string question_text(const DataRow& row) {
  if (!row.messages.is_array()) return row.prompt;
  for (auto m = row.messages.rbegin(); m != row.messages.rend(); ++m)
    if (m->value("role", "") == "user" && m->contains("content") && (*m)["content"].is_string())
      return (*m)["content"].get<std::string>();
  return "";
}

}  // namespace r1
