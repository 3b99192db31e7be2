// Values as text: Python's str and repr, and JSON. The pieces keep their origins.
#pragma once

#include "text/template_values.h"

namespace r1::jinja {

Text print_text(Runtime& runtime, const Value& v);  // str(v). Throws Trouble for what has no stable text (a generator)
Text repr_text(Runtime& runtime, const Value& v);
Text pretty_text(Runtime& runtime, const Value& v);  // pprint.pformat
std::string print_real(double d);
// Whether Python prints the character as it is inside a repr.
bool is_printable(uint32_t code);

// json.dumps' keyword arguments.
struct JsonStyle {
  bool ensure_ascii = false, sort_keys = false, lines = false;
  std::string indent;  // one level's, when `lines`
  Text item_separator = Text(", "), key_separator = Text(": ");
};
Text dump_json(Runtime& runtime, const Value& v, const JsonStyle& style);

}  // namespace r1::jinja
