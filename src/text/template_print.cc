#include "text/template_print.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cmath>

#include "text/template_operators.h"
#include "text/unicode.h"

namespace r1::jinja {

std::string print_real(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
  std::string s = fmt::format("{}", d);
  if (s.find_first_of(".e") == std::string::npos) s += ".0";
  return s;
}

bool is_printable(uint32_t code) {
  if (code < 127) return code >= 32;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

namespace {

std::string escaped(uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  if (code < 0x100) return fmt::format("\\x{:02x}", code);
  if (code < 0x10000) return fmt::format("\\u{:04x}", code);
  return fmt::format("\\U{:08x}", code);
}

void quote(Runtime& runtime, const Text& text, Text& out) {
  const std::string& bytes = text.bytes();
  runtime.burn(bytes.size() * 4);
  const bool has_single = bytes.find('\'') != std::string::npos, has_double = bytes.find('"') != std::string::npos;
  const char mark = has_single && !has_double ? '"' : '\'';
  out.append(std::string_view(&mark, 1));
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    const uint32_t code = next_code_point(bytes, at);
    const uint8_t origin = text.origin_at(begin);
    if (code == static_cast<uint32_t>(mark) || code == '\\') out.append("\\", origin);
    if (is_printable(code))
      out.append(std::string_view(bytes).substr(begin, at - begin), origin);
    else
      out.append(escaped(code), origin);
  }
  out.append(std::string_view(&mark, 1));
}

class Printer {
 public:
  explicit Printer(Runtime& runtime) : runtime_(runtime) {}

  void repr(const Value& v, Text& out) {
    runtime_.burn(16);
    if (++depth_ > kDeepestValue) throw Trouble("a value is nested too deep to be printed");
    repr_one(v, out);
    depth_--;
  }

 private:
  void repr_one(const Value& v, Text& out) {
    switch (v.kind()) {
      case Kind::undefined:
        return out.append("Undefined");
      case Kind::none:
        return out.append("None");
      case Kind::boolean:
        return out.append(v.boolean() ? "True" : "False");
      case Kind::integer:
        return out.append(fmt::format("{}", v.whole()));
      case Kind::real:
        return out.append(print_real(v.number()));
      case Kind::text:
        if (v.text().markup) out.append("Markup(");
        quote(runtime_, v.text(), out);
        if (v.text().markup) out.append(")");
        return;
      case Kind::list:
        return items("[", v.items(), "]", out);
      case Kind::tuple:
        return items("(", v.items(), v.items().size() == 1 ? ",)" : ")", out);
      case Kind::dict:
        return dict(v, out);
      case Kind::view:
        return items(std::string(type_name(v)) + "([", listed(runtime_, v), "])", out);
      case Kind::range:
        return range(v.range(), out);
      case Kind::function:
        return function(v, out);
      case Kind::space:
        return space(v, out);
      case Kind::loop:
        return out.append(v.loop().described());
      case Kind::iterator:
        throw Trouble(fmt::format("a {} has no text of its own: use |list or |join", type_name(v)));
    }
  }

  void items(const std::string& open, const std::vector<Value>& list, const char* close, Text& out) {
    out.append(open);
    for (size_t i = 0; i < list.size(); i++) {
      if (i > 0) out.append(", ");
      repr(list[i], out);
    }
    out.append(close);
  }

  void dict(const Value& v, Text& out) {
    out.append("{");
    bool first = true;
    for (const auto& [key, value] : v.dict().items) {
      if (!first) out.append(", ");
      first = false;
      repr(key, out);
      out.append(": ");
      repr(value, out);
    }
    out.append("}");
  }

  static void range(const Range& r, Text& out) {
    out.append(r.step == 1 ? fmt::format("range({}, {})", r.start, r.stop)
                           : fmt::format("range({}, {}, {})", r.start, r.stop, r.step));
  }

  static void function(const Value& v, Text& out) {
    if (std::string_view(v.function().type) != "Macro")
      throw Trouble(fmt::format("'{}' is a function and has no text: it must be called", v.function().name));
    out.append(v.function().name.empty() ? "<Macro anonymous>" : fmt::format("<Macro '{}'>", v.function().name));
  }

  void space(const Value& v, Text& out) {
    out.append("<Namespace {");
    bool first = true;
    for (const auto& [key, value] : v.space().items) {
      if (!first) out.append(", ");
      first = false;
      quote(runtime_, Text(key), out);
      out.append(": ");
      repr(value, out);
    }
    out.append("}>");
  }

  Runtime& runtime_;
  int depth_ = 0;
};

// ---- JSON

class JsonDumper {
 public:
  JsonDumper(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  void dump(const Value& v, size_t level, Text& out) {
    runtime_.burn(16);
    switch (v.kind()) {
      case Kind::none:
        return out.append("null");
      case Kind::boolean:
        return out.append(v.boolean() ? "true" : "false");
      case Kind::integer:
        return out.append(fmt::format("{}", v.whole()));
      case Kind::real:
        return out.append(real(v.number()));
      case Kind::text:
        return string(v.text(), out);
      case Kind::list:
      case Kind::tuple:
        return array(v.items(), level, out);
      case Kind::dict:
        return object(v, level, out);
      default:
        throw Trouble(fmt::format("Object of type {} is not JSON serializable", type_name(v)));
    }
  }

 private:
  static std::string real(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
    return print_real(d);
  }

  void line(size_t level, Text& out) {
    if (!style_.lines) return;
    runtime_.burn(level * style_.indent.size());
    out.append("\n");
    for (size_t i = 0; i < level; i++) out.append(style_.indent);
  }

  void string(const Text& text, Text& out) {
    const std::string& bytes = text.bytes();
    runtime_.burn(bytes.size() * 4);
    out.append("\"");
    for (size_t at = 0; at < bytes.size();) {
      const size_t begin = at;
      const uint32_t code = next_code_point(bytes, at);
      const uint8_t origin = text.origin_at(begin);
      static constexpr std::string_view kShort = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
      const size_t known = code < 128 ? kShort.find(static_cast<char>(code)) : std::string_view::npos;
      if (known != std::string_view::npos)
        out.append(std::string{'\\', kLetters[known]}, origin);
      else if (code < 32)
        out.append(fmt::format("\\u{:04x}", code), origin);
      else if (code < 128 || !style_.ensure_ascii)
        out.append(std::string_view(bytes).substr(begin, at - begin), origin);
      else if (code < 0x10000)
        out.append(fmt::format("\\u{:04x}", code), origin);
      else
        out.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)), origin);
    }
    out.append("\"");
  }

  void array(const std::vector<Value>& items, size_t level, Text& out) {
    if (items.empty()) return out.append("[]");
    out.append("[");
    for (size_t i = 0; i < items.size(); i++) {
      if (i > 0) out.append(style_.item_separator);
      line(level + 1, out);
      dump(items[i], level + 1, out);
    }
    line(level, out);
    out.append("]");
  }

  void key(const Value& v, Text& out) {
    if (v.is_text()) return string(v.text(), out);
    if (!v.is_number() && !v.is_none())
      throw Trouble(fmt::format("keys must be str, int, float, bool or None, not {}", type_name(v)));
    out.append("\"");
    dump(v, 0, out);
    out.append("\"");
  }

  void object(const Value& v, size_t level, Text& out) {
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : v.dict().items) items.push_back(&item);
    if (style_.sort_keys) {
      std::vector<Value> keys;
      for (const auto& item : v.dict().items) keys.push_back(item.first);
      const std::vector<size_t> order = sorted_order(runtime_, keys, false);
      for (size_t i = 0; i < items.size(); i++) items[i] = &v.dict().items[order[i]];
    }
    if (items.empty()) return out.append("{}");
    out.append("{");
    for (size_t i = 0; i < items.size(); i++) {
      if (i > 0) out.append(style_.item_separator);
      line(level + 1, out);
      key(items[i]->first, out);
      out.append(style_.key_separator);
      dump(items[i]->second, level + 1, out);
    }
    line(level, out);
    out.append("}");
  }

  Runtime& runtime_;
  const JsonStyle& style_;
};

// ---- pprint

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Runtime& runtime) : runtime_(runtime) {}

  // As pprint does for width 80: on one line when it fits, else an item a line, keys sorted. `allowance`: what still
  // follows on the last line.
  void format(const Value& v, size_t indent, size_t allowance, Text& out) {
    const Text flat = one_line(v);
    const bool long_one = flat.length() + indent + allowance > 80;
    if (!long_one || !(v.is(Kind::list) || v.is(Kind::tuple) || v.is(Kind::dict) || v.is_text()))
      return out.append(flat);
    if (v.is_text()) throw Trouble("pprint cannot break a text longer than a line");
    const char* open = v.is(Kind::list) ? "[" : v.is(Kind::tuple) ? "(" : "{";
    const char* close = v.is(Kind::list) ? "]" : v.is(Kind::tuple) ? (v.items().size() == 1 ? ",)" : ")") : "}";
    out.append(open);
    const std::vector<std::pair<Text, Value>> parts = parts_of(v);
    for (size_t i = 0; i < parts.size(); i++) {
      if (i > 0) out.append(",\n" + std::string(indent + 1, ' '));
      out.append(parts[i].first);
      const bool last = i + 1 == parts.size();
      format(parts[i].second, indent + 1 + parts[i].first.length(),
             last ? allowance + std::string_view(close).size() : 1, out);
    }
    out.append(close);
  }

 private:
  // What stands before each item ("'key': "), and the item.
  std::vector<std::pair<Text, Value>> parts_of(const Value& v) {
    std::vector<std::pair<Text, Value>> out;
    if (!v.is(Kind::dict)) {
      for (const Value& item : v.items()) out.emplace_back(Text(), item);
      return out;
    }
    for (const auto& item : in_order(v)) {
      Text before = repr_text(runtime_, item.first);
      before.append(": ");
      out.emplace_back(std::move(before), item.second);
    }
    return out;
  }

  std::vector<std::pair<Value, Value>> in_order(const Value& v) {
    std::vector<Value> keys;
    for (const auto& item : v.dict().items) keys.push_back(item.first);
    std::vector<std::pair<Value, Value>> out;
    for (size_t i : sorted_order(runtime_, keys, false)) out.push_back(v.dict().items[i]);
    return out;
  }

  Value sorted(const Value& v) {  // dicts in order of their keys, all the way down
    if (v.is(Kind::dict)) {
      DictMaker out(runtime_);
      for (const auto& [key, value] : in_order(v)) out.set(key, sorted(value));
      return out.finish();
    }
    if (!v.is(Kind::list) && !v.is(Kind::tuple)) return v;
    std::vector<Value> items;
    for (const Value& item : v.items()) items.push_back(sorted(item));
    return v.is(Kind::list) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
  }
  Text one_line(const Value& v) { return repr_text(runtime_, sorted(v)); }

  Runtime& runtime_;
};

}  // namespace

Text repr_text(Runtime& runtime, const Value& v) {
  Text out;
  Printer(runtime).repr(v, out);
  return out;
}

Text print_text(Runtime& runtime, const Value& v) {
  if (v.is_text()) return v.text();
  if (v.is_undefined()) return {};
  return repr_text(runtime, v);
}

Text pretty_text(Runtime& runtime, const Value& v) {
  Text out;
  PrettyPrinter(runtime).format(v, 0, 0, out);
  return out;
}

Text dump_json(Runtime& runtime, const Value& v, const JsonStyle& style) {
  Text out;
  JsonDumper(runtime, style).dump(v, 0, out);
  return out;
}

}  // namespace r1::jinja
