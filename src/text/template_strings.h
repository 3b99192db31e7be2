// Python's str methods on texts with origins.
#pragma once

#include "text/template_arguments.h"

namespace r1::jinja {

using TextMethod = Value (*)(Runtime& runtime, const Text& self, const Arguments& arguments);
// Null: str has no such method.
TextMethod find_text_method(const std::string& name);

bool is_space(uint32_t code);  // as str.isspace

Text upper(Runtime& runtime, const Text& text);
Text lower(Runtime& runtime, const Text& text);
Text capitalize(Runtime& runtime, const Text& text);
Text title(Runtime& runtime, const Text& text);                                                 // str.title
Text strip(Runtime& runtime, const Text& text, const Text* characters, bool left, bool right);  // null: white space
Text replace(Runtime& runtime, const Text& text, const Text& from, const Text& to, int64_t most);
Text center(Runtime& runtime, const Text& text, int64_t width, const Text& fill);
std::vector<Text> split_lines(Runtime& runtime, const Text& text, bool keep_ends);
Text join(Runtime& runtime, const Text& between, const std::vector<Text>& parts);
bool is_lower(const Text& text);
bool is_upper(const Text& text);
bool is_word_character(uint32_t code);  // \w of Python's re

// Whether `where` holds `what` may be looked up: pays for the search beforehand.
void pay_search(Runtime& runtime, const std::string& where, const std::string& what);

}  // namespace r1::jinja
