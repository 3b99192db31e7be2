// The program in a completion.
#pragma once

#include <string>
#include <string_view>

namespace r1 {

enum class Language { python, cpp };
// "python", "python3", "py", "cpp", "c++", "c++17", ... in any case; false for others.
bool read_language(std::string_view name, Language& out);

// What stands after the thought: the last fenced block marked with the language, else the last fenced block, else what
// is inside <answer> tags, else everything. A block that the completion leaves open counts to its end. Empty when there
// is nothing, and when the thought never ends: what stands in a thought is no answer. Indentation is kept.
std::string extract_code(std::string_view completion, std::string_view prefilled, Language language);

}  // namespace r1
