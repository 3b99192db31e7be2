// Python's operators on values, sorting, and string formatting.
#pragma once

#include "text/template_values.h"

namespace r1::jinja {

enum class Operator : uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };

// Throw Trouble, with Python's message, also where Python's unbounded integers would leave 64 bits.
Value arithmetic(Runtime& runtime, Operator op, const Value& a, const Value& b);
Value negated(const Value& v);
Value absolute(const Value& v);
Text repeated(Runtime& runtime, const Text& text, int64_t times);
// The order of a stable sort by `keys`.
std::vector<size_t> sorted_order(Runtime& runtime, const std::vector<Value>& keys, bool reverse);

Text escape_html(Runtime& runtime, const Value& v);  // as markupsafe.escape: markup stays as it is

// format % values; values: a tuple, a dict for %(name)s, or one value.
Text percent_format(Runtime& runtime, const Text& format, const Value& values);
// str.format
Text brace_format(Runtime& runtime, const Text& format, const std::vector<Value>& args, const Value& named);
// format(v, spec)
Text format_value(Runtime& runtime, const Value& v, const Text& spec);

}  // namespace r1::jinja
