// Letters' cases and kinds, by Unicode.
#include <utf8proc.h>

#include "text/template_strings.h"
#include "text/unicode.h"

namespace r1::jinja {
namespace {

utf8proc_category_t category(uint32_t code) { return utf8proc_category(static_cast<utf8proc_int32_t>(code)); }

bool is_cased(uint32_t code) {
  const auto c = category(code);
  return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT ||
         (code >= 0x2160 && code < 0x2180) || (code >= 0x24B6 && code < 0x24EA) || code == 0xAA || code == 0xBA;
}
bool is_lower(uint32_t code) {
  return category(code) == UTF8PROC_CATEGORY_LL || (code >= 0x2170 && code < 0x2180) ||
         (code >= 0x24D0 && code < 0x24EA) || code == 0xAA || code == 0xBA;
}
bool is_title(uint32_t code) { return category(code) == UTF8PROC_CATEGORY_LT; }

// Unicode's SpecialCasing: letters whose capitals are several.
struct Special {
  uint32_t code;
  const char *upper, *title;
};
constexpr Special kSpecial[] = {
    {0xDF, "SS", "Ss"},
    {0x149, "\u02BCN", "\u02BCN"},
    {0x1F0, "J\u030C", "J\u030C"},
    {0x390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x3B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x587, "\u0535\u0552", "\u0535\u0582"},
    {0x1E96, "H\u0331", "H\u0331"},
    {0x1E97, "T\u0308", "T\u0308"},
    {0x1E98, "W\u030A", "W\u030A"},
    {0x1E99, "Y\u030A", "Y\u030A"},
    {0x1E9A, "A\u02BE", "A\u02BE"},
    {0xFB00, "FF", "Ff"},
    {0xFB01, "FI", "Fi"},
    {0xFB02, "FL", "Fl"},
    {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"},
    {0xFB05, "ST", "St"},
    {0xFB06, "ST", "St"},
};

enum class To { upper, lower, title };

void append_mapped(Text& out, uint32_t code, To to, uint8_t origin) {
  if (to != To::lower)
    for (const Special& s : kSpecial)
      if (s.code == code) return out.append(to == To::upper ? s.upper : s.title, origin);
  if (to == To::lower && code == 0x130) return out.append("i\u0307", origin);
  const auto c = static_cast<utf8proc_int32_t>(code);
  std::string bytes;
  append_code_point(bytes, static_cast<uint32_t>(to == To::upper   ? utf8proc_toupper(c)
                                                 : to == To::lower ? utf8proc_tolower(c)
                                                                   : utf8proc_totitle(c)));
  out.append(bytes, origin);
}

// The capital sigma at a word's end has a small form of its own.
bool ends_word(std::string_view bytes, size_t begin, size_t end) {
  bool before = false;
  for (size_t at = 0; at < begin;) before = is_cased(next_code_point(bytes, at));
  return before && (end >= bytes.size() || !is_cased(next_code_point(bytes, end)));
}

void append_lower(Text& out, const Text& text, size_t begin, size_t end, uint32_t code) {
  const uint8_t origin = text.origin_at(begin);
  if (code == 0x3A3 && ends_word(text.bytes(), begin, end)) return out.append("\u03C2", origin);
  append_mapped(out, code, To::lower, origin);
}

enum class Turn { upper, lower, capitalize, title, swap };

Text turned(Runtime& runtime, const Text& text, Turn turn) {
  const std::string& bytes = text.bytes();
  runtime.burn(bytes.size() * 4);
  Text out;
  bool first = true, in_word = false;
  for (size_t at = 0; at < bytes.size(); first = false) {
    const size_t begin = at;
    const uint32_t code = next_code_point(bytes, at);
    const uint8_t origin = text.origin_at(begin);
    const bool to_lower = turn == Turn::lower || (turn == Turn::capitalize && !first) ||
                          (turn == Turn::title && in_word) || (turn == Turn::swap && !is_lower(code));
    if (to_lower)
      append_lower(out, text, begin, at, code);
    else
      append_mapped(out, code, turn == Turn::upper || turn == Turn::swap ? To::upper : To::title, origin);
    in_word = is_cased(code);
  }
  out.markup = text.markup;
  return out;
}

template <typename Body>
bool all_of(const Text& text, Body&& body) {
  for (size_t at = 0; at < text.bytes().size();)
    if (!body(next_code_point(text.bytes(), at))) return false;
  return !text.empty();
}

bool is_alpha(uint32_t code) {
  const auto c = category(code);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(uint32_t code) { return category(code) == UTF8PROC_CATEGORY_ND; }
bool is_digit(uint32_t code) {
  return is_decimal(code) || code == 0xB2 || code == 0xB3 || code == 0xB9 || code == 0x2070 ||
         (code >= 0x2074 && code <= 0x2079) || (code >= 0x2080 && code <= 0x2089) || (code >= 0x2460 && code <= 0x2468);
}
bool is_numeric_character(uint32_t code) {
  const auto c = category(code);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool is_titled(const Text& text) {
  bool in_word = false, any = false;
  for (size_t at = 0; at < text.bytes().size();) {
    const uint32_t code = next_code_point(text.bytes(), at);
    if (!is_cased(code)) {
      in_word = false;
      continue;
    }
    if (is_lower(code) != in_word) return false;
    in_word = any = true;
  }
  return any;
}

bool has_case(const Text& text, bool lower) {
  bool any = false;
  for (size_t at = 0; at < text.bytes().size();) {
    const uint32_t code = next_code_point(text.bytes(), at);
    if (!is_cased(code)) continue;
    if (is_lower(code) != lower || is_title(code)) return false;
    any = true;
  }
  return any;
}

}  // namespace

bool is_space(uint32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13) || (code >= 0x1C && code <= 0x1F);
  return code == 0x85 || category(code) == UTF8PROC_CATEGORY_ZS || category(code) == UTF8PROC_CATEGORY_ZL ||
         category(code) == UTF8PROC_CATEGORY_ZP;
}
bool is_word_character(uint32_t code) { return code == '_' || is_alpha(code) || is_numeric_character(code); }

Text upper(Runtime& runtime, const Text& text) { return turned(runtime, text, Turn::upper); }
Text lower(Runtime& runtime, const Text& text) { return turned(runtime, text, Turn::lower); }
Text capitalize(Runtime& runtime, const Text& text) { return turned(runtime, text, Turn::capitalize); }
Text title(Runtime& runtime, const Text& text) { return turned(runtime, text, Turn::title); }
Text swapcase(Runtime& runtime, const Text& text) { return turned(runtime, text, Turn::swap); }
// By way of the capitals, which bring together what folds together.
Text casefold(Runtime& runtime, const Text& text) {
  Text out;
  const Text capitals = upper(runtime, text);
  for (size_t at = 0; at < capitals.bytes().size();) {
    const size_t begin = at;
    append_mapped(out, next_code_point(capitals.bytes(), at), To::lower, capitals.origin_at(begin));
  }
  out.markup = text.markup;
  return out;
}
bool is_lower(const Text& text) { return has_case(text, true); }
bool is_upper(const Text& text) { return has_case(text, false); }

// str.isalpha and its sisters; false when there is none of that name.
bool text_predicate(const std::string& name, const Text& text, bool& out) {
  if (name == "isalpha") return out = all_of(text, is_alpha), true;
  if (name == "isalnum")
    return out = all_of(text, [](uint32_t c) { return is_alpha(c) || is_numeric_character(c); }), true;
  if (name == "isdigit") return out = all_of(text, is_digit), true;
  if (name == "isdecimal") return out = all_of(text, is_decimal), true;
  if (name == "isnumeric") return out = all_of(text, is_numeric_character), true;
  if (name == "isspace") return out = all_of(text, is_space), true;
  if (name == "islower") return out = is_lower(text), true;
  if (name == "isupper") return out = is_upper(text), true;
  if (name == "istitle") return out = is_titled(text), true;
  if (name == "isascii") return out = text.is_ascii(), true;
  return false;
}

}  // namespace r1::jinja
