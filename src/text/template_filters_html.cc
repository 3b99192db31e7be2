// Filters for HTML and URLs.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "text/template_filters.h"
#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/template_strings.h"
#include "text/unicode.h"

namespace r1::jinja {

Value urlize(Runtime& runtime, const Value& v, const Arguments& arguments);  // template_urlize.cc

namespace {

Value escape(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("escape", arguments, {});
  return Value::text(escape_html(runtime, v));
}

Value force_escape(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("forceescape", arguments, {});
  Text text = print_text(runtime, v);
  text.markup = false;
  return Value::text(escape_html(runtime, Value::text(std::move(text))));
}

Value safe(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("safe", arguments, {});
  Text text = print_text(runtime, v);
  text.markup = true;
  return Value::text(std::move(text));
}

// Everything between `open` and `close`, as often as both are found.
Text without(Runtime& runtime, const Text& text, std::string_view open, std::string_view close) {
  const std::string& s = text.bytes();
  runtime.burn(s.size());
  Text out;
  size_t at = 0;
  while (true) {
    const size_t begin = s.find(open, at);
    const size_t end = begin == std::string::npos ? begin : s.find(close, begin);
    if (end == std::string::npos) break;
    out.append(text, at, begin);
    at = end + close.size();
  }
  out.append(text, at, s.size());
  return out;
}

// What stands for an entity's name, without & and ;.
std::string entity(const std::string& name) {
  static constexpr std::pair<const char*, const char*> kNamed[] = {{"amp", "&"},   {"lt", "<"},   {"gt", ">"},
                                                                   {"quot", "\""}, {"apos", "'"}, {"nbsp", "\u00A0"}};
  for (const auto& [known, meant] : kNamed)
    if (name == known) return meant;
  if (name.size() < 2 || name[0] != '#')
    throw Trouble(fmt::format("striptags: the entity &{}; is not supported", name.substr(0, 20)));
  const bool hex = name[1] == 'x' || name[1] == 'X';
  char* end = nullptr;
  const std::string digits = name.substr(hex ? 2 : 1);
  const unsigned long code = std::strtoul(digits.c_str(), &end, hex ? 16 : 10);
  if (digits.empty() || *end != '\0' || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    throw Trouble(fmt::format("striptags: &{}; is no character", name.substr(0, 20)));
  std::string out;
  append_code_point(out, static_cast<uint32_t>(code));
  return out;
}

Text unescaped(const Text& text) {
  const std::string& s = text.bytes();
  Text out;
  size_t at = 0;
  while (true) {
    const size_t begin = s.find('&', at);
    if (begin == std::string::npos) break;
    size_t end = begin + 1;
    while (end < s.size() && (std::isalnum(static_cast<unsigned char>(s[end])) || s[end] == '#')) end++;
    out.append(text, at, begin);
    if (end < s.size() && s[end] == ';' && end > begin + 1) {
      out.append(entity(s.substr(begin + 1, end - begin - 1)), text.origin_at(begin));
      at = end + 1;
    } else {
      out.append(text, begin, end);
      at = end;
    }
  }
  out.append(text, at, s.size());
  return out;
}

Value striptags(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("striptags", arguments, {});
  Text text = print_text(runtime, v);
  text = without(runtime, without(runtime, text, "<!--", "-->"), "<", ">");
  const Value words = find_text_method("split")(runtime, text, {});
  std::vector<Text> parts;
  for (const Value& word : words.items()) parts.push_back(word.text());
  return Value::text(unescaped(join(runtime, Text(" "), parts)));
}

Value xmlattr(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("xmlattr", arguments, {"autospace"});
  need_defined(v);
  if (!v.is(Kind::dict)) throw Trouble("xmlattr needs a mapping");
  Text out;
  for (const auto& [key, value] : v.dict().items) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_text()) throw Trouble("xmlattr: expected string keys");
    if (key.text().bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      throw Trouble(fmt::format("Invalid character in attribute name: '{}'", key.text().bytes()));
    if (!out.empty() || b.flag(0, true)) out.append(" ");
    out.append(escape_html(runtime, key));
    out.append("=\"");
    out.append(escape_html(runtime, value));
    out.append("\"");
  }
  return Value::text(std::move(out));
}

Text quoted(Runtime& runtime, const Value& v, bool query) {
  const Text text = print_text(runtime, v);
  runtime.burn(text.bytes().size() * 4);
  Text out;
  for (size_t i = 0; i < text.bytes().size(); i++) {
    const char c = text.bytes()[i];
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) ||
                      std::string_view("_.-~").find(c) != std::string::npos || (c == '/' && !query);
    if (kept)
      out.append(std::string_view(&c, 1), text.origin_at(i));
    else if (c == ' ' && query)
      out.append("+", text.origin_at(i));
    else
      out.append(fmt::format("%{:02X}", static_cast<unsigned char>(c)), text.origin_at(i));
  }
  return out;
}

Value urlencode(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("urlencode", arguments, {});
  if (v.is_text() || !is_iterable(v)) return Value::text(quoted(runtime, v, false));
  Text out;
  const auto add = [&](const Value& key, const Value& value) {
    if (!out.empty()) out.append("&");
    out.append(quoted(runtime, key, true));
    out.append("=");
    out.append(quoted(runtime, value, true));
  };
  if (v.is(Kind::dict)) {
    for (const auto& [key, value] : v.dict().items) add(key, value);
  } else {
    for (const Value& pair : listed(runtime, v)) {
      const std::vector<Value> both = listed(runtime, pair);
      if (both.size() != 2) throw Trouble("urlencode needs pairs of key and value");
      add(both[0], both[1]);
    }
  }
  return Value::text(std::move(out));
}

}  // namespace

const FilterTable& html_filters() {
  static const FilterTable table = {{"e", escape},
                                    {"escape", escape},
                                    {"forceescape", force_escape},
                                    {"safe", safe},
                                    {"striptags", striptags},
                                    {"xmlattr", xmlattr},
                                    {"urlencode", urlencode},
                                    {"urlize", urlize}};
  return table;
}

}  // namespace r1::jinja
