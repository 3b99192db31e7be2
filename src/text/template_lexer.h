// Cuts a Jinja template into text and the tokens between its brackets, with white-space control already applied
// (trim_blocks, lstrip_blocks, the - and + signs).
#pragma once

#include <string>
#include <vector>

namespace r1::jinja {

struct TemplatePlace {
  int line = 1, column = 1;
};

enum class TemplateTokenKind { text, block_begin, block_end, print_begin, print_end, name, number, string, op, end };

struct TemplateToken {
  TemplateTokenKind kind;
  std::string text;  // names and operators as written, strings unescaped
  TemplatePlace place;
};

// Throws r1::Error with the template's name, line and column (in characters).
std::vector<TemplateToken> lex_template(const std::string& source, const std::string& name);

[[noreturn]] void template_error(const std::string& name, TemplatePlace place, const std::string& message);

}  // namespace r1::jinja
