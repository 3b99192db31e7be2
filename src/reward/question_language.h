// In which language a question is asked, however its prompt is dressed up: a template in another language around it
// does not count.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// What the row says itself ("language", or in "meta"; a known ISO 639-1 code), else the main language of its question
// ("question", "prompt" or the last user message), else of the rendered prompt.
std::string question_language(const nlohmann::ordered_json& row, std::string_view prompt);

}  // namespace r1
