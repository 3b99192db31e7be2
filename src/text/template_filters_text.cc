// Filters that make texts.
#include <fmt/format.h>

#include <algorithm>

#include "text/template_filters.h"
#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/template_strings.h"
#include "text/unicode.h"

namespace r1::jinja {

Text wrapped(Runtime& runtime, const Text& text, const Bound& options);  // template_wordwrap.cc

namespace {

Text soft(Runtime& runtime, const Value& v) { return print_text(runtime, v); }

// What Python would call as a str method: another type fails.
const Text& need_text(const Value& v) {
  need_defined(v);
  if (!v.is_text()) throw Trouble(fmt::format("'{}' object is no string", type_name(v)));
  return v.text();
}

template <Text (*turn)(Runtime&, const Text&)>
Value turned(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("the filter", arguments, {});
  return Value::text(turn(runtime, soft(runtime, v)));
}

Value trim(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("trim", arguments, {"chars"});
  return Value::text(strip(runtime, soft(runtime, v), b.given(0) ? &b.text(0) : nullptr, true, true));
}

// Jinja's: words begin after white space, - ( { [ <.
Value titled(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("title", arguments, {});
  const Text text = soft(runtime, v);
  Text out, word;
  bool in_word = false;
  const auto finish = [&] {
    size_t first = 0;
    if (!word.empty()) next_code_point(word.bytes(), first);
    out.append(upper(runtime, word.part(0, first)));
    out.append(lower(runtime, word.part(first, word.bytes().size())));
    word = Text();
  };
  for (size_t at = 0; at < text.bytes().size();) {
    const size_t begin = at;
    const uint32_t code = next_code_point(text.bytes(), at);
    const bool between = is_space(code) || code == '-' || code == '(' || code == '{' || code == '[' || code == '<';
    if (between == in_word) finish();
    in_word = !between;
    word.append(text, begin, at);
  }
  finish();
  out.markup = text.markup;
  return Value::text(std::move(out));
}

Value replaced(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("replace", arguments, {"old", "new", "count"}, 2);
  const Text text = soft(runtime, v), from = soft(runtime, b[0]), to = soft(runtime, b[1]);
  return Value::text(replace(runtime, text, from, to, b.given(2) ? b.whole(2, -1) : -1));
}

Value centered(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("center", arguments, {"width"});
  return Value::text(center(runtime, soft(runtime, v), b.whole(0, 80), Text(" ")));
}

Value indent(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("indent", arguments, {"width", "first", "blank"});
  Text text = need_text(v);
  const Text pad = b.has(0) && b[0].is_text() ? b[0].text() : repeated(runtime, Text(" "), b.whole(0, 4));
  text.append("\n");  // so that the last line counts as one
  const std::vector<Text> lines = split_lines(runtime, text, false);
  Text out;
  for (size_t i = 0; i < lines.size(); i++) {
    if (i > 0) out.append("\n");
    const bool padded = i == 0 ? b.flag(1, false) : b.flag(2, false) || !lines[i].empty();
    runtime.burn(lines[i].bytes().size() + (padded ? pad.bytes().size() : 0));
    if (padded) out.append(pad);
    out.append(lines[i]);
  }
  out.markup = text.markup;
  return Value::text(std::move(out));
}

Value truncate(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const Text end = b.has(2) ? b.text(2) : Text("...");
  const int64_t length = b.whole(0, 255), leeway = b.given(3) ? b.whole(3, 5) : 5;
  const int64_t tail = static_cast<int64_t>(end.length());
  if (length < tail) throw Trouble(fmt::format("expected length >= {}, got {}", tail, length));
  if (leeway < 0) throw Trouble(fmt::format("expected leeway >= 0, got {}", leeway));
  const int64_t size = length_of(v);
  if (size < 0) throw Trouble(fmt::format("object of type '{}' has no len()", type_name(v)));
  if (size <= length || size - length <= leeway) return v;
  const Text& text = need_text(v);
  size_t cut = text.offset(static_cast<size_t>(length - tail));
  if (!b.flag(1, false) && cut > 0) {
    const size_t space = text.bytes().rfind(' ', cut - 1);
    if (space != std::string::npos) cut = space;
  }
  runtime.burn(cut + end.bytes().size());
  Text out = text.part(0, cut);
  out.append(end);
  return Value::text(std::move(out));
}

Value wordwrap(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("wordwrap", arguments, {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  return Value::text(wrapped(runtime, need_text(v), b));
}

Value wordcount(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("wordcount", arguments, {});
  const Text text = soft(runtime, v);
  runtime.burn(text.bytes().size());
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.bytes().size();) {
    const bool is = is_word_character(next_code_point(text.bytes(), at));
    words += is && !inside ? 1 : 0;
    inside = is;
  }
  return Value::integer(words);
}

Value joined(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("join", arguments, {"d", "attribute"});
  std::vector<Text> parts;
  const auto next = iterate(runtime, v);
  for (Value item; next(item);) {
    runtime.burn(sizeof(Text));
    parts.push_back(print_text(runtime, b.given(1) ? reach(runtime, item, b[1]) : item));
  }
  Text out = join(runtime, b.has(0) ? print_text(runtime, b[0]) : Text(), parts);
  out.markup = false;
  return Value::text(std::move(out));
}

Value formatted(Runtime& runtime, const Value& v, const Arguments& arguments) {
  if (!arguments.args.empty() && !arguments.named.empty())
    throw Trouble("can't handle positional and keyword arguments at the same time");
  if (arguments.named.empty())
    return Value::text(percent_format(runtime, soft(runtime, v), Value::tuple(arguments.args)));
  DictMaker named(runtime);
  for (const auto& [key, value] : arguments.named) named.set(Value::text(key), value);
  return Value::text(percent_format(runtime, soft(runtime, v), named.finish()));
}

Value string(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("string", arguments, {});
  return Value::text(soft(runtime, v));
}

Value pretty(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("pprint", arguments, {});
  return Value::text(pretty_text(runtime, v));
}

// One level's indentation: a number of spaces, or a text.
void set_indent(const Value& v, JsonStyle& style) {
  style.lines = true;
  style.item_separator = Text(",");
  if (v.is_text()) {
    style.indent = v.text().bytes();
  } else {
    if (!v.is_whole()) throw Trouble("tojson: indent must be a number or a string");
    if (v.whole() > 1000) throw Trouble("tojson: indent is more than 1000");
    style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, v.whole())), ' ');
  }
}

// transformers': json.dumps, nothing escaped for HTML.
Value tojson(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = b.flag(0, false);
  style.sort_keys = b.flag(3, false);
  if (b.given(1)) set_indent(b[1], style);
  if (b.given(2)) {
    const std::vector<Value> separators = listed(runtime, b[2]);
    if (separators.size() != 2 || !separators[0].is_text() || !separators[1].is_text())
      throw Trouble("tojson: separators must be two strings");
    style.item_separator = separators[0].text();
    style.key_separator = separators[1].text();
  }
  return Value::text(dump_json(runtime, v, style));
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable table = {
      {"upper", turned<upper>}, {"lower", turned<lower>}, {"capitalize", turned<capitalize>},
      {"title", titled},        {"trim", trim},           {"replace", replaced},
      {"center", centered},     {"indent", indent},       {"truncate", truncate},
      {"wordwrap", wordwrap},   {"wordcount", wordcount}, {"join", joined},
      {"format", formatted},    {"string", string},       {"pprint", pretty},
      {"tojson", tojson}};
  return table;
}

}  // namespace r1::jinja
