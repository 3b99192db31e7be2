// Filters that choose, convert numbers, and the table of all.
#include "text/template_filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/template_strings.h"

namespace r1::jinja {
namespace {

// ---- choosing

Value fall_back(Runtime&, const Value& v, const Arguments& arguments) {
  const Bound b("default", arguments, {"default_value", "boolean"});
  const bool use = v.is_undefined() || (b.flag(1, false) && !truth(v));
  return use ? b.value(0, Value::text(Text())) : v;
}

Value attribute(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("attr", arguments, {"name"}, 1);
  need_defined(v);
  const std::string& name = b.text(0).bytes();
  Value out;
  if (v.is(Kind::space)) return get_attribute(runtime, v, name);
  if (own_attribute(runtime, v, name, out)) return out;
  if (name.starts_with("__"))
    throw Trouble(fmt::format("access to attribute '{}' is unsafe: it is not accessible", name));
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", described(v), name));
}

Arguments without_first(const Arguments& arguments, size_t n) {
  Arguments out;
  out.named = arguments.named;
  out.args.assign(arguments.args.begin() + static_cast<std::ptrdiff_t>(n), arguments.args.end());
  return out;
}

std::string name_of(const Value& v, const char* what) {
  if (!v.is_text()) throw Trouble(fmt::format("No {} named {}", what, type_name(v)));
  return v.text().bytes();
}

std::function<Value(const Value&)> mapper(Runtime& runtime, const Arguments& arguments) {
  const auto is_attribute = [](const auto& named) { return named.first == "attribute"; };
  if (arguments.args.empty() && std::any_of(arguments.named.begin(), arguments.named.end(), is_attribute)) {
    const Bound b("map", arguments, {"attribute", "default"});
    return [&runtime, path = b[0], fallback = b.value(1, Value())](const Value& item) {
      return reach(runtime, item, path, &fallback);
    };
  }
  if (arguments.args.empty()) throw Trouble("map requires a filter argument");
  return [&runtime, name = name_of(arguments.args[0], "filter"),
          rest = without_first(arguments, 1)](const Value& item) { return apply_filter(runtime, name, item, rest); };
}

Value mapped(Runtime& runtime, const Value& v, const Arguments& arguments) {
  if (!truth(v)) return make_iterator("generator", Value(), [](Value&) { return false; });
  return make_iterator("generator", v,
                       [&runtime, v, arguments, map = std::function<Value(const Value&)>(),
                        next = std::function<bool(Value&)>()](Value& out) mutable {
                         if (!map) {  // errors in the arguments show when the first item is asked for
                           map = mapper(runtime, arguments);
                           next = iterate(runtime, v);
                         }
                         runtime.burn(32);
                         Value item;
                         return next(item) && (out = map(item), true);
                       });
}

// select, reject, selectattr, rejectattr: whether an item passes, before reject turns it round.
std::function<bool(const Value&)> chooser(Runtime& runtime, const Arguments& arguments, bool by_attribute) {
  if (by_attribute && arguments.args.empty()) throw Trouble("Missing parameter for attribute name");
  const Value path = by_attribute ? arguments.args[0] : Value();
  const size_t first = by_attribute ? 1 : 0;
  const auto subject = [&runtime, path, by_attribute](const Value& item) {
    return by_attribute ? reach(runtime, item, path) : item;
  };
  if (arguments.args.size() <= first) return [subject](const Value& item) { return truth(subject(item)); };
  return [&runtime, subject, name = name_of(arguments.args[first], "test"), rest = without_first(arguments, first + 1)](
             const Value& item) { return apply_test(runtime, name, subject(item), rest); };
}

template <bool keep, bool by_attribute>
Value chosen(Runtime& runtime, const Value& v, const Arguments& arguments) {
  if (!truth(v)) return make_iterator("generator", Value(), [](Value&) { return false; });
  return make_iterator("generator", v,
                       [&runtime, v, arguments, passes = std::function<bool(const Value&)>(),
                        next = std::function<bool(Value&)>()](Value& out) mutable {
                         if (!passes) {
                           passes = chooser(runtime, arguments, by_attribute);
                           next = iterate(runtime, v);
                         }
                         while (next(out)) {
                           runtime.burn(32);
                           if (passes(out) == keep) return true;
                         }
                         return false;
                       });
}

// ---- numbers

std::string stripped_number(Runtime& runtime, const Text& text) {
  std::string s = strip(runtime, text, nullptr, true, true).bytes();
  std::string out;  // underscores may stand between digits
  for (size_t i = 0; i < s.size(); i++) {
    const auto digit = [&](size_t k) { return k < s.size() && std::isalnum(static_cast<unsigned char>(s[k])); };
    if (s[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) continue;
    out += s[i];
  }
  return out;
}

enum class Parsed { yes, no, too_large };

// int(text, base)
Parsed parse_whole(std::string s, int64_t base, int64_t& out) {
  const bool negative = s.starts_with("-");
  if (negative || s.starts_with("+")) s.erase(0, 1);
  const char letter = s.size() > 2 && s[0] == '0' ? static_cast<char>(s[1] | 32) : ' ';
  const int64_t named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  if (named != 0 && (base == named || base == 0)) s.erase(0, 2), base = named;
  if (base == 0) {
    if (s.size() > 1 && s[0] == '0' && s.find_first_not_of('0') != std::string::npos) return Parsed::no;
    base = 10;
  }
  if (s.empty() || s[0] == '-') return Parsed::no;
  if (negative) s.insert(0, "-");
  const auto r = std::from_chars(s.data(), s.data() + s.size(), out, static_cast<int>(base));
  if (r.ptr != s.data() + s.size()) return Parsed::no;
  return r.ec == std::errc::result_out_of_range ? Parsed::too_large : r.ec == std::errc() ? Parsed::yes : Parsed::no;
}

bool parse_real(std::string s, double& out) {
  if (s.starts_with("+")) {
    s.erase(0, 1);
    if (s.starts_with("-")) return false;
  }
  std::string lower = s;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto r = std::from_chars(lower.data(), lower.data() + lower.size(), out);
  if (lower.find('(') != std::string::npos || lower.empty() || r.ptr != lower.data() + lower.size()) return false;
  if (r.ec == std::errc::result_out_of_range) out = std::strtod(lower.c_str(), nullptr);  // 0 or an infinity
  return true;
}

Value truncated(double d, const Value& fallback) {
  if (!std::isfinite(d)) return fallback;
  if (std::abs(d) >= 9223372036854775808.0) throw Trouble("a whole number leaves 64 bits");
  return Value::integer(static_cast<int64_t>(d));
}

Value to_whole(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("int", arguments, {"default", "base"});
  const Value fallback = b.value(0, Value::integer(0));
  need_defined(v);
  if (v.is_whole()) return Value::integer(v.whole());
  if (v.is(Kind::real)) {
    if (std::isinf(v.number())) throw Trouble("cannot convert float infinity to integer");
    return truncated(v.number(), fallback);
  }
  if (!v.is_text()) return fallback;
  const int64_t base = b.whole(1, 10);
  const std::string s = stripped_number(runtime, v.text());
  int64_t whole = 0;
  if (base == 0 || (base >= 2 && base <= 36)) {
    const Parsed parsed = parse_whole(s, base, whole);
    if (parsed == Parsed::yes) return Value::integer(whole);
    if (parsed == Parsed::too_large) throw Trouble("a whole number leaves 64 bits");
  }
  double real = 0;
  return parse_real(s, real) ? truncated(real, fallback) : fallback;
}

Value to_real(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("float", arguments, {"default"});
  need_defined(v);
  if (v.is_number()) return Value::real(v.number());
  double real = 0;
  if (v.is_text() && parse_real(stripped_number(runtime, v.text()), real)) return Value::real(real);
  return b.value(0, Value::real(0));
}

Value magnitude(Runtime&, const Value& v, const Arguments& arguments) {
  const Bound b("abs", arguments, {});
  return absolute(v);
}

// Python rounds the decimal value, half to even only where the double is exactly half.
double rounded(double d, int64_t digits) {
  if (!std::isfinite(d) || digits > 323) return d;
  if (digits < -308) return std::copysign(0.0, d);
  if (digits >= 0) return std::strtod(fmt::format("{:.{}f}", d, digits).c_str(), nullptr);
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(d / unit) * unit;
}

Value rounded_whole(int64_t n, int64_t digits) {
  if (digits >= 0) return Value::integer(n);
  if (digits < -18) return Value::integer(0);
  int64_t unit = 1;
  for (int64_t i = digits; i < 0; i++) unit *= 10;
  int64_t rest = n % unit, base = n - rest;
  if (rest < 0) rest += unit, base -= unit;
  const bool up = rest > unit - rest || (rest == unit - rest && base / unit % 2 != 0);
  int64_t out = base;
  if (up && __builtin_add_overflow(base, unit, &out)) throw Trouble("a whole number leaves 64 bits");
  return Value::integer(out);
}

Value round(Runtime&, const Value& v, const Arguments& arguments) {
  const Bound b("round", arguments, {"precision", "method"});
  const std::string method = b.has(1) ? b.text(1).bytes() : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    throw Trouble("method must be common, ceil or floor");
  need_defined(v);
  if (!v.is_number()) throw Trouble(fmt::format("type {} doesn't define __round__ method", type_name(v)));
  const int64_t digits = b.whole(0, 0);
  if (method == "common")
    return v.is_whole() ? rounded_whole(v.whole(), digits) : Value::real(rounded(v.number(), digits));
  if (digits > 300 || digits < -300) throw Trouble("round: the precision is outside -300 to 300");
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = v.number() * unit;
  if (!std::isfinite(scaled)) throw Trouble("cannot convert float infinity to integer");
  // Python divides a whole number, which has no negative zero
  return Value::real(((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) + 0.0) / unit);
}

Value filesize(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("filesizeformat", arguments, {"binary"});
  const Value parsed = to_real(runtime, v, {{Value()}, {}});
  if (parsed.is_none()) throw Trouble(fmt::format("filesizeformat: no number but {}", type_name(v)));
  const double bytes = parsed.number(), base = b.flag(0, false) ? 1024 : 1000;
  if (bytes == 1) return Value::text("1 Byte");
  if (bytes < base) return Value::text(fmt::format("{} Bytes", static_cast<int64_t>(std::max(bytes, -9e18))));
  double unit = base;
  const std::string letters = "kMGTPEZY";
  size_t i = 0;
  for (; i + 1 < letters.size() && bytes >= unit * base; i++) unit *= base;
  const std::string letter = base == 1024 && i == 0 ? "K" : letters.substr(i, 1);
  return Value::text(fmt::format("{:.1f} {}{}", base * bytes / (unit * base), letter, base == 1024 ? "iB" : "B"));
}

}  // namespace

const FilterTable& choosing_filters() {
  static const FilterTable table = {{"default", fall_back},
                                    {"d", fall_back},
                                    {"attr", attribute},
                                    {"map", mapped},
                                    {"select", chosen<true, false>},
                                    {"reject", chosen<false, false>},
                                    {"selectattr", chosen<true, true>},
                                    {"rejectattr", chosen<false, true>}};
  return table;
}

const FilterTable& number_filters() {
  static const FilterTable table = {
      {"int", to_whole}, {"float", to_real}, {"abs", magnitude}, {"round", round}, {"filesizeformat", filesize}};
  return table;
}

Filter find_filter(const std::string& name) {
  for (const FilterTable* table :
       {&text_filters(), &list_filters(), &choosing_filters(), &number_filters(), &html_filters()})
    if (const auto it = table->find(name); it != table->end()) return it->second;
  return nullptr;
}

Value apply_filter(Runtime& runtime, const std::string& name, const Value& value, const Arguments& arguments) {
  const Filter filter = find_filter(name);
  if (filter == nullptr) throw Trouble(fmt::format("unknown filter '{}'", name));
  return filter(runtime, value, arguments);
}

bool has_filter(const std::string& name) { return find_filter(name) != nullptr; }

}  // namespace r1::jinja
