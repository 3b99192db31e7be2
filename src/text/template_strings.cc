#include "text/template_strings.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/unicode.h"

namespace r1::jinja {

bool text_predicate(const std::string& name, const Text& text, bool& out);  // template_case.cc
Text swapcase(Runtime& runtime, const Text& text);
Text casefold(Runtime& runtime, const Text& text);

void pay_search(Runtime& runtime, const std::string& where, const std::string& what) {
  runtime.burn(where.size() / 8 + what.size());
  if (what.empty()) return;
  const auto starts = static_cast<uint64_t>(std::count(where.begin(), where.end(), what[0]));
  runtime.burn(starts * std::min<uint64_t>(what.size(), where.size()) / 64);
}

Text strip(Runtime& runtime, const Text& text, const Text* characters, bool left, bool right) {
  const std::string& s = text.bytes();
  runtime.burn(s.size() / 8 + 16 + (characters != nullptr ? characters->bytes().size() : 0));
  const auto goes = [&](size_t begin, size_t end) {
    if (characters != nullptr) return characters->bytes().find(s.substr(begin, end - begin)) != std::string::npos;
    return is_space(next_code_point(s, begin));
  };
  size_t begin = 0, end = s.size();
  while (left && begin < end) {
    size_t next = begin;
    next_code_point(s, next);
    if (!goes(begin, next)) break;
    begin = next;
  }
  while (right && end > begin) {
    size_t before = end - 1;
    while (before > begin && (s[before] & 0xC0) == 0x80) before--;
    if (!goes(before, end)) break;
    end = before;
  }
  return text.part(begin, end);
}

Text replace(Runtime& runtime, const Text& text, const Text& from, const Text& to, int64_t most) {
  const std::string &s = text.bytes(), &what = from.bytes();
  pay_search(runtime, s, what);
  Text out;
  out.markup = text.markup;
  size_t at = 0, kept = 0;
  for (int64_t n = 0; most < 0 || n < most; n++) {
    const size_t found = what.empty() ? (n == 0 ? 0 : at) : s.find(what, at);
    if (found == std::string::npos || (what.empty() && n > 0 && at > s.size())) break;
    runtime.burn(to.weight() + 4);
    out.append(text, kept, found);
    out.append(to);
    kept = found;
    if (!what.empty()) {
      at = kept = found + what.size();
      continue;
    }
    if (found >= s.size()) break;  // between all characters and at both ends
    at = found + 1;
    while (at < s.size() && (s[at] & 0xC0) == 0x80) at++;
  }
  runtime.burn(s.size());
  out.append(text, kept, s.size());
  return out;
}

Text center(Runtime& runtime, const Text& text, int64_t width, const Text& fill) {
  const int64_t room = std::max<int64_t>(0, width - static_cast<int64_t>(text.length()));
  const int64_t before = room / 2 + (room & width & 1);  // CPython's way with odd room
  Text out = repeated(runtime, fill, before);
  out.append(text);
  out.append(repeated(runtime, fill, room - before));
  out.markup = text.markup;
  return out;
}

std::vector<Text> split_lines(Runtime& runtime, const Text& text, bool keep_ends) {
  const std::string& s = text.bytes();
  std::vector<Text> out;
  runtime.burn(s.size());
  size_t begin = 0;
  for (size_t at = 0; at < s.size();) {
    const size_t here = at;
    const uint32_t code = next_code_point(s, at);
    const bool ends = (code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 ||
                      code == 0x2029;
    if (!ends) continue;
    if (code == '\r' && at < s.size() && s[at] == '\n') at++;
    runtime.burn(128);
    out.push_back(text.part(begin, keep_ends ? at : here));
    begin = at;
  }
  if (begin < s.size()) out.push_back(text.part(begin, s.size()));
  return out;
}

Text join(Runtime& runtime, const Text& between, const std::vector<Text>& parts) {
  Text out;
  for (size_t i = 0; i < parts.size(); i++) {
    runtime.burn(parts[i].weight() + between.weight());
    if (i > 0) out.append(between);
    out.append(parts[i]);
  }
  return out;
}

namespace {

Value texts(const std::vector<Text>& parts) {
  std::vector<Value> out;
  for (const Text& t : parts) out.push_back(Value::text(t));
  return Value::list(std::move(out));
}

std::vector<Text> split_space(Runtime& runtime, const Text& text, int64_t most) {
  const std::string& s = text.bytes();
  std::vector<Text> out;
  size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < s.size()) {
      size_t next = at;
      if (is_space(next_code_point(s, next)) != space) break;
      at = next;
    }
  };
  for (skip(true); at < s.size(); skip(true)) {
    runtime.burn(128);
    const size_t begin = at;
    if (most >= 0 && static_cast<int64_t>(out.size()) >= most) {
      out.push_back(text.part(begin, s.size()));
      break;
    }
    skip(false);
    out.push_back(text.part(begin, at));
  }
  return out;
}

std::vector<Text> rsplit_space(Runtime& runtime, const Text& text, int64_t most) {
  std::vector<Text> out;
  Text rest = strip(runtime, text, nullptr, false, true);
  while (!rest.empty()) {
    runtime.burn(128 + rest.bytes().size() / 16);
    size_t begin = rest.bytes().size();
    if (most >= 0 && static_cast<int64_t>(out.size()) >= most) {
      out.push_back(rest);
      break;
    }
    while (begin > 0) {
      size_t before = begin - 1;
      while (before > 0 && (rest.bytes()[before] & 0xC0) == 0x80) before--;
      size_t next = before;
      if (is_space(next_code_point(rest.bytes(), next))) break;
      begin = before;
    }
    out.push_back(rest.part(begin, rest.bytes().size()));
    rest = strip(runtime, rest.part(0, begin), nullptr, false, true);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Text> split_at(Runtime& runtime, const Text& text, const Text& by, int64_t most, bool from_right) {
  const std::string &s = text.bytes(), &what = by.bytes();
  if (what.empty()) throw Trouble("empty separator");
  pay_search(runtime, s, what);
  std::vector<Text> out;
  size_t begin = 0, end = s.size();
  while (most < 0 || static_cast<int64_t>(out.size()) < most) {
    const size_t found =
        from_right ? (end < what.size() ? std::string::npos : s.rfind(what, end - what.size())) : s.find(what, begin);
    if (found == std::string::npos) break;
    runtime.burn(128);
    if (from_right) {
      out.push_back(text.part(found + what.size(), end));
      end = found;
    } else {
      out.push_back(text.part(begin, found));
      begin = found + what.size();
    }
  }
  out.push_back(text.part(begin, end));
  if (from_right) std::reverse(out.begin(), out.end());
  return out;
}

Value split(Runtime& runtime, const Text& self, const Arguments& arguments, bool from_right) {
  const Bound b(from_right ? "rsplit" : "split", arguments, {"sep", "maxsplit"});
  const int64_t most = b.whole(1, -1);
  runtime.burn(self.bytes().size());
  if (b.given(0)) return texts(split_at(runtime, self, b.text(0), most, from_right));
  return texts(from_right ? rsplit_space(runtime, self, most) : split_space(runtime, self, most));
}

// The bytes between two bounds given in characters, as find and its sisters take them; begin > end: nothing.
std::pair<size_t, size_t> bounds(const Text& self, const Bound& b, size_t first) {
  const int64_t length = static_cast<int64_t>(self.length());
  const auto at = [&](size_t i, int64_t fallback) {
    int64_t v = b.given(i) ? std::clamp(b.whole(i, 0), -(INT64_MAX / 2), INT64_MAX / 2) : fallback;
    return v < 0 ? std::max<int64_t>(0, v + length) : v;
  };
  const int64_t begin = at(first, 0), end = std::min(at(first + 1, length), length);
  if (begin > length || begin > end) return {1, 0};
  return {self.offset(static_cast<size_t>(begin)), self.offset(static_cast<size_t>(end))};
}

int64_t found_at(Runtime& runtime, const Text& self, const Arguments& arguments, const char* name, bool from_right) {
  const Bound b(name, arguments, {"", "", ""}, 1);
  const auto [begin, end] = bounds(self, b, 1);
  const std::string& what = b.text(0).bytes();
  pay_search(runtime, self.bytes(), what);
  if (begin > end || what.size() > end - begin) return -1;
  const std::string_view part = std::string_view(self.bytes()).substr(begin, end - begin);
  const size_t found = from_right ? part.rfind(what) : part.find(what);
  return found == std::string::npos ? -1 : static_cast<int64_t>(self.part(0, begin + found).length());
}

Value index_of(Runtime& runtime, const Text& self, const Arguments& arguments, const char* name, bool from_right) {
  const int64_t at = found_at(runtime, self, arguments, name, from_right);
  if (at < 0) throw Trouble("substring not found");
  return Value::integer(at);
}

Value affixed(Runtime& runtime, const Text& self, const Arguments& arguments, bool front) {
  const Bound b(front ? "startswith" : "endswith", arguments, {"", "", ""}, 1);
  const auto [begin, end] = bounds(self, b, 1);
  if (begin > end) return Value::boolean(false);
  const std::string_view part = std::string_view(self.bytes()).substr(begin, end - begin);
  const auto matches = [&](const Value& v) {
    need_defined(v);
    if (!v.is_text())
      throw Trouble(fmt::format("{} first arg must be str or a tuple of str, not {}", front ? "startswith" : "endswith",
                                type_name(v)));
    runtime.burn(v.text().bytes().size());
    return front ? part.starts_with(v.text().bytes()) : part.ends_with(v.text().bytes());
  };
  if (!b[0].is(Kind::tuple)) return Value::boolean(matches(b[0]));
  for (const Value& v : b[0].items())
    if (matches(v)) return Value::boolean(true);
  return Value::boolean(false);
}

Value count(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("count", arguments, {"", "", ""}, 1);
  const auto [begin, end] = bounds(self, b, 1);
  const std::string& what = b.text(0).bytes();
  pay_search(runtime, self.bytes(), what);
  if (begin > end) return Value::integer(0);
  const Text part = self.part(begin, end);
  if (what.empty()) return Value::integer(static_cast<int64_t>(part.length()) + 1);
  int64_t n = 0;
  for (size_t at = 0; (at = part.bytes().find(what, at)) != std::string::npos; at += what.size()) n++;
  return Value::integer(n);
}

Value justified(Runtime& runtime, const Text& self, const Arguments& arguments, char align) {
  const Bound b(align == '<' ? "ljust" : align == '>' ? "rjust" : "center", arguments, {"", ""}, 1);
  const Text fill = b.has(1) ? b.text(1) : Text(" ");
  if (fill.length() != 1) throw Trouble("The fill character must be exactly one character long");
  const int64_t width = b.whole(0, 0), room = std::max<int64_t>(0, width - static_cast<int64_t>(self.length()));
  if (align == '^') return Value::text(center(runtime, self, width, fill));
  Text out = repeated(runtime, fill, align == '>' ? room : 0);
  out.append(self);
  out.append(repeated(runtime, fill, align == '<' ? room : 0));
  return Value::text(std::move(out));
}

Value zfill(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("zfill", arguments, {""}, 1);
  const size_t sign = !self.empty() && (self.bytes()[0] == '-' || self.bytes()[0] == '+') ? 1 : 0;
  Text out = self.part(0, sign);
  out.append(repeated(runtime, Text("0"), b.whole(0, 0) - static_cast<int64_t>(self.length())));
  out.append(self, sign, self.bytes().size());
  return Value::text(std::move(out));
}

Value expandtabs(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("expandtabs", arguments, {"tabsize"});
  const int64_t size = b.whole(0, 8);
  Text out;
  int64_t column = 0;
  for (size_t at = 0; at < self.bytes().size();) {
    const size_t begin = at;
    const uint32_t code = next_code_point(self.bytes(), at);
    if (code == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      out.append(repeated(runtime, Text(" ", self.origin_at(begin)), spaces));
      column += spaces;
      continue;
    }
    column = code == '\n' || code == '\r' ? 0 : column + 1;
    out.append(self, begin, at);
  }
  return Value::text(std::move(out));
}

Value partition(Runtime& runtime, const Text& self, const Arguments& arguments, bool from_right) {
  const Bound b(from_right ? "rpartition" : "partition", arguments, {""}, 1);
  const std::string &what = b.text(0).bytes(), &s = self.bytes();
  if (what.empty()) throw Trouble("empty separator");
  pay_search(runtime, s, what);
  runtime.burn(s.size());
  const size_t at = from_right ? s.rfind(what) : s.find(what);
  const Value empty = Value::text(Text());
  if (at == std::string::npos)
    return from_right ? Value::tuple({empty, empty, Value::text(self)})
                      : Value::tuple({Value::text(self), empty, empty});
  return Value::tuple({Value::text(self.part(0, at)), Value::text(self.part(at, at + what.size())),
                       Value::text(self.part(at + what.size(), s.size()))});
}

Value joined(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("join", arguments, {""}, 1);
  std::vector<Text> parts;
  bool markup = self.markup;
  for (const Value& v : listed(runtime, b[0])) {
    need_defined(v);
    if (!v.is_text())
      throw Trouble(fmt::format("sequence item {}: expected str instance, {} found", parts.size(), type_name(v)));
    parts.push_back(markup ? escape_html(runtime, v) : v.text());
  }
  Text out = join(runtime, self, parts);
  out.markup = markup;
  return Value::text(std::move(out));
}

Value stripped(Runtime& runtime, const Text& self, const Arguments& arguments, bool left, bool right) {
  const Bound b("strip", arguments, {""});
  return Value::text(strip(runtime, self, b.given(0) ? &b.text(0) : nullptr, left, right));
}

Value without_affix(Runtime& runtime, const Text& self, const Arguments& arguments, bool front) {
  const Bound b(front ? "removeprefix" : "removesuffix", arguments, {""}, 1);
  const std::string &s = self.bytes(), &what = b.text(0).bytes();
  runtime.burn(s.size());
  if (front) return Value::text(s.starts_with(what) ? self.part(what.size(), s.size()) : self);
  return Value::text(s.ends_with(what) ? self.part(0, s.size() - what.size()) : self);
}

Value replaced(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("replace", arguments, {"", "", ""}, 2);
  return Value::text(replace(runtime, self, b.text(0), b.text(1), b.whole(2, -1)));
}

Value formatted(Runtime& runtime, const Text& self, const Arguments& arguments) {
  DictMaker named(runtime);
  for (const auto& [key, value] : arguments.named) named.set(Value::text(key), value);
  return Value::text(brace_format(runtime, self, arguments.args, named.finish()));
}

Value formatted_map(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("format_map", arguments, {""}, 1);
  return Value::text(brace_format(runtime, self, {}, b[0]));
}

template <Text (*turn)(Runtime&, const Text&)>
Value turned(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b("the method", arguments, {});
  return Value::text(turn(runtime, self));
}

#define R1_METHOD(expression) [](Runtime& r, const Text& s, const Arguments& a) -> Value { return expression; }

const std::unordered_map<std::string, TextMethod>& methods() {
  static const std::unordered_map<std::string, TextMethod> table = {
      {"upper", turned<upper>},
      {"lower", turned<lower>},
      {"casefold", turned<casefold>},
      {"capitalize", turned<capitalize>},
      {"title", turned<title>},
      {"swapcase", turned<swapcase>},
      {"strip", R1_METHOD(stripped(r, s, a, true, true))},
      {"lstrip", R1_METHOD(stripped(r, s, a, true, false))},
      {"rstrip", R1_METHOD(stripped(r, s, a, false, true))},
      {"removeprefix", R1_METHOD(without_affix(r, s, a, true))},
      {"removesuffix", R1_METHOD(without_affix(r, s, a, false))},
      {"split", R1_METHOD(split(r, s, a, false))},
      {"rsplit", R1_METHOD(split(r, s, a, true))},
      {"splitlines", R1_METHOD(texts(split_lines(r, s, Bound("splitlines", a, {"keepends"}).flag(0, false))))},
      {"partition", R1_METHOD(partition(r, s, a, false))},
      {"rpartition", R1_METHOD(partition(r, s, a, true))},
      {"find", R1_METHOD(Value::integer(found_at(r, s, a, "find", false)))},
      {"rfind", R1_METHOD(Value::integer(found_at(r, s, a, "rfind", true)))},
      {"index", R1_METHOD(index_of(r, s, a, "index", false))},
      {"rindex", R1_METHOD(index_of(r, s, a, "rindex", true))},
      {"startswith", R1_METHOD(affixed(r, s, a, true))},
      {"endswith", R1_METHOD(affixed(r, s, a, false))},
      {"count", count},
      {"replace", replaced},
      {"join", joined},
      {"format", formatted},
      {"format_map", formatted_map},
      {"ljust", R1_METHOD(justified(r, s, a, '<'))},
      {"rjust", R1_METHOD(justified(r, s, a, '>'))},
      {"center", R1_METHOD(justified(r, s, a, '^'))},
      {"zfill", zfill},
      {"expandtabs", expandtabs},
  };
  return table;
}

#undef R1_METHOD

template <int which>
Value predicate(Runtime& runtime, const Text& self, const Arguments& arguments);

constexpr const char* kPredicates[] = {"isalpha", "isalnum", "isdigit", "isdecimal", "isnumeric",
                                       "isspace", "islower", "isupper", "istitle",   "isascii"};

template <int which>
Value predicate(Runtime& runtime, const Text& self, const Arguments& arguments) {
  const Bound b(kPredicates[which], arguments, {});
  runtime.burn(self.bytes().size() / 4);
  bool yes = false;
  text_predicate(kPredicates[which], self, yes);
  return Value::boolean(yes);
}

constexpr TextMethod kPredicateMethods[] = {predicate<0>, predicate<1>, predicate<2>, predicate<3>, predicate<4>,
                                            predicate<5>, predicate<6>, predicate<7>, predicate<8>, predicate<9>};

}  // namespace

TextMethod find_text_method(const std::string& name) {
  for (size_t i = 0; i < std::size(kPredicates); i++)
    if (name == kPredicates[i]) return kPredicateMethods[i];
  const auto it = methods().find(name);
  return it == methods().end() ? nullptr : it->second;
}

}  // namespace r1::jinja
