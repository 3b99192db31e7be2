// Python's string formatting: format specifications, the % operator and str.format.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/unicode.h"

namespace r1::jinja {
namespace {

constexpr int64_t kWidest = 1 << 20, kMostDigits = 1000;

struct Style {
  std::string fill = " ";
  char align = 0;  // 0: the type's own
  char sign = '-';
  bool alternate = false;
  int64_t width = 0;
  char group = 0;
  int64_t precision = -1;
  char type = 0;
};

[[noreturn]] void bad_spec(const Value& v) {
  throw Trouble(fmt::format("Invalid format specifier for object of type '{}'", type_name(v)));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int64_t digits(std::string_view s, size_t& at) {
  int64_t n = 0;
  while (at < s.size() && is_digit(s[at])) {
    n = n * 10 + (s[at++] - '0');
    if (n > kWidest) throw Trouble("a format asks for too many characters");
  }
  return n;
}

Style parse_spec(std::string_view s, const Value& v) {
  Style out;
  size_t at = 0, second = 0;
  if (!s.empty()) next_code_point(s, second);
  if (second < s.size() && std::string_view("<>=^").find(s[second]) != std::string_view::npos) {
    out.fill = std::string(s.substr(0, second));
    out.align = s[second];
    at = second + 1;
  } else if (!s.empty() && std::string_view("<>=^").find(s[0]) != std::string_view::npos) {
    out.align = s[at++];
  }
  if (at < s.size() && (s[at] == '+' || s[at] == '-' || s[at] == ' ')) out.sign = s[at++];
  if (at < s.size() && s[at] == '#') out.alternate = true, at++;
  if (at < s.size() && s[at] == '0') {
    at++;
    if (out.align == 0) out.fill = "0", out.align = v.is_text() ? '<' : '=';
  }
  out.width = digits(s, at);
  if (at < s.size() && (s[at] == ',' || s[at] == '_')) out.group = s[at++];
  if (at < s.size() && s[at] == '.') {
    if (++at >= s.size() || !is_digit(s[at])) throw Trouble("Format specifier missing precision");
    out.precision = digits(s, at);
  }
  if (at < s.size()) out.type = s[at++];
  if (at != s.size()) bad_spec(v);
  return out;
}

// `head` (a sign, 0x) before `body`, padded to the width.
Text padded(Runtime& runtime, const Style& style, const std::string& head, const Text& body, char natural) {
  const int64_t length = static_cast<int64_t>(head.size() + body.length());
  const int64_t room = std::max<int64_t>(0, style.width - length);
  const char align = style.align == 0 ? natural : style.align;
  const int64_t before = align == '>' || align == '=' ? room : align == '^' ? room / 2 : 0;
  const Text left = repeated(runtime, Text(style.fill), before),
             right = repeated(runtime, Text(style.fill), room - before);
  Text out;
  if (align != '=') out.append(left);
  out.append(head);
  if (align == '=') out.append(left);
  out.append(body);
  out.append(right);
  return out;
}

std::string grouped(const std::string& number, char group, size_t every) {
  if (group == 0) return number;
  const size_t whole = std::min(number.find_first_not_of("0123456789abcdefABCDEF"), number.size());
  std::string out;
  for (size_t i = 0; i < whole; i++) {
    if (i > 0 && (whole - i) % every == 0) out += group;
    out += number[i];
  }
  return out + number.substr(whole);
}

// Zero padding counts the separators too.
std::string zero_filled(std::string number, const Style& style, size_t head, size_t every) {
  if (style.group == 0 || style.align != '=' || style.fill != "0") return grouped(number, style.group, every);
  std::string out = grouped(number, style.group, every);
  while (static_cast<int64_t>(head + out.size()) < style.width) {
    number.insert(0, "0");
    out = grouped(number, style.group, every);
  }
  return out;
}

std::string sign_of(bool negative, char sign) { return negative ? "-" : sign == '-' ? "" : std::string(1, sign); }

std::string printed(const char* format, int64_t precision, double d) {
  if (precision > kMostDigits) throw Trouble("a format asks for too many digits");
  const int n = std::snprintf(nullptr, 0, format, static_cast<int>(precision), d);
  std::string out(static_cast<size_t>(n), '\0');
  std::snprintf(out.data(), out.size() + 1, format, static_cast<int>(precision), d);
  return out;
}

// As the type g, but a whole number keeps a decimal, and has an exponent where that would be a digit too many.
std::string plain_digits(double d, int64_t precision) {
  std::string out = printed("%.*g", precision, d);
  if (out.find_first_of("e.") != std::string::npos) return out;
  if (static_cast<int64_t>(out.size()) < precision) return out + ".0";
  out = printed("%.*e", precision - 1, d);
  const size_t tail = out.find('e');
  const size_t end = out.find('.') < tail ? out.find_last_not_of('0', tail - 1) : tail - 1;
  return out.substr(0, out[end] == '.' ? end : end + 1) + out.substr(tail);
}

// A float's digits without its sign.
std::string real_digits(double d, const Style& style) {
  const bool upper = style.type == 'E' || style.type == 'F' || style.type == 'G';
  if (std::isnan(d)) return upper ? "NAN" : "nan";
  if (std::isinf(d)) return upper ? "INF" : "inf";
  const int64_t precision = style.precision < 0 ? 6 : style.precision;
  switch (style.type) {
    case 'e':
      return printed(style.alternate ? "%#.*e" : "%.*e", precision, d);
    case 'E':
      return printed(style.alternate ? "%#.*E" : "%.*E", precision, d);
    case 'f':
    case 'F':
      return printed(style.alternate ? "%#.*f" : "%.*f", precision, d);
    case 'G':
      return printed(style.alternate ? "%#.*G" : "%.*G", precision, d);
    case '%':
      return printed("%.*f", precision, d * 100) + "%";
    case 0:
      return style.precision < 0 ? print_real(d) : plain_digits(d, std::max<int64_t>(1, style.precision));
    default:
      return printed(style.alternate ? "%#.*g" : "%.*g", precision, d);
  }
}

Text format_real(Runtime& runtime, double d, const Style& style) {
  const bool negative = std::signbit(d) && !std::isnan(d);
  const std::string head = sign_of(negative, style.sign);
  const std::string body = zero_filled(real_digits(std::abs(d), style), style, head.size(), 3);
  return padded(runtime, style, head, Text(body), '>');
}

std::string based(uint64_t n, char type) {
  switch (type) {
    case 'b':
      return fmt::format("{:b}", n);
    case 'o':
      return fmt::format("{:o}", n);
    case 'x':
      return fmt::format("{:x}", n);
    case 'X':
      return fmt::format("{:X}", n);
    default:
      return fmt::format("{}", n);
  }
}

uint64_t magnitude(int64_t n) { return n < 0 ? ~static_cast<uint64_t>(n) + 1 : static_cast<uint64_t>(n); }

Text character(int64_t code) {
  if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) throw Trouble("%c arg not in range(0x110000)");
  std::string out;
  append_code_point(out, static_cast<uint32_t>(code));
  return Text(out);
}

Text format_whole(Runtime& runtime, int64_t n, const Style& style) {
  if (style.type == 'c') return padded(runtime, style, "", character(n), '<');
  std::string head = sign_of(n < 0, style.sign);
  const bool other_base = style.type != 0 && style.type != 'd' && style.type != 'n' && style.type != 'i';
  if (style.alternate && other_base) head += std::string("0") + style.type;
  if (style.group == ',' && other_base) throw Trouble(fmt::format("Cannot specify ',' with '{}'.", style.type));
  const std::string body = zero_filled(based(magnitude(n), style.type), style, head.size(), other_base ? 4 : 3);
  return padded(runtime, style, head, Text(body), '>');
}

bool is_one_of(char c, std::string_view set) { return c != 0 && set.find(c) != std::string_view::npos; }

Text clipped(const Text& text, int64_t precision) {
  if (precision < 0 || static_cast<size_t>(precision) >= text.length()) return text;
  return text.part(0, text.offset(static_cast<size_t>(precision)));
}

// ---- %

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Text& format, const Value& values)
      : runtime_(runtime), format_(format), s_(format.bytes()), values_(values) {}

  Text run() {
    Text out;
    size_t from = 0;
    for (; at_ < s_.size(); from = at_) {
      const size_t percent = std::min(s_.find('%', at_), s_.size());
      out.append(format_, from, percent);
      if ((at_ = percent) >= s_.size()) break;
      at_++;
      out.append(one());
      runtime_.burn(out.bytes().size() / 64 + 16);
    }
    const bool mapping =
        values_.is(Kind::dict) || values_.is(Kind::list) || values_.is(Kind::range) || values_.is_undefined();
    if (!mapping && (values_.is(Kind::tuple) ? next_ < values_.items().size() : next_ == 0))
      throw Trouble("not all arguments converted during string formatting");
    return out;
  }

 private:
  const Value& argument() {
    if (values_.is(Kind::tuple)) {
      if (next_ >= values_.items().size()) throw Trouble("not enough arguments for format string");
      return values_.items()[next_++];
    }
    if (next_++ > 0) throw Trouble("not enough arguments for format string");
    return values_;
  }

  int64_t number_or_star() {
    if (at_ >= s_.size() || s_[at_] != '*') return digits(s_, at_);
    at_++;
    const Value& v = argument();
    if (!v.is_whole()) throw Trouble("* wants int");
    if (v.whole() > kWidest || v.whole() < -kWidest) throw Trouble("a format asks for too many characters");
    return v.whole();
  }

  Value keyed() {
    if (!values_.is(Kind::dict)) throw Trouble("format requires a mapping");
    const size_t begin = ++at_;
    for (int depth = 1; at_ < s_.size(); at_++) {
      if (s_[at_] == '(') depth++;
      if (s_[at_] == ')' && --depth == 0) break;
    }
    if (at_ >= s_.size()) throw Trouble("incomplete format key");
    const std::string key(s_.substr(begin, at_++ - begin));
    const Value* found = find_in(values_, key);
    if (found == nullptr) throw Trouble(fmt::format("'{}'", key));
    return *found;
  }

  Text one() {
    Style style;
    Value value;
    const bool has_key = at_ < s_.size() && s_[at_] == '(';
    if (has_key) value = keyed();
    bool left = false, zero = false;
    for (; at_ < s_.size() && is_one_of(s_[at_], "-+ #0"); at_++) {
      if (s_[at_] == '-') left = true;
      if (s_[at_] == '0') zero = true;
      if (s_[at_] == '#') style.alternate = true;
      if (s_[at_] == '+' || (s_[at_] == ' ' && style.sign != '+')) style.sign = s_[at_];
    }
    style.width = number_or_star();
    if (style.width < 0) left = true, style.width = -style.width;
    if (at_ < s_.size() && s_[at_] == '.') {
      at_++;
      style.precision = std::max<int64_t>(0, number_or_star());
    }
    if (at_ < s_.size() && is_one_of(s_[at_], "hlL")) at_++;
    if (at_ >= s_.size()) throw Trouble("incomplete format");
    style.type = s_[at_++];
    if (style.type == '%') return Text("%");
    if (!has_key) value = argument();
    style.align = left ? '<' : '>';
    const bool numeric = is_one_of(style.type, "diuoxXeEfFgG");
    if (zero && !left && numeric) style.fill = "0", style.align = '=';
    return converted(value, style);
  }

  Text converted(const Value& value, Style style) {
    switch (style.type) {
      case 's':
        return padded(runtime_, style, "", clipped(shown(value), style.precision), '>');
      case 'r':
      case 'a':
        return padded(runtime_, style, "", clipped(repr_text(runtime_, value), style.precision), '>');
      case 'c':
        if (value.is_whole()) return padded(runtime_, style, "", character(value.whole()), '>');
        if (value.is_text() && value.text().length() == 1) return padded(runtime_, style, "", value.text(), '>');
        throw Trouble("%c requires int or char");
      default:
        break;
    }
    if (!is_one_of(style.type, "diuoxXeEfFgG"))
      throw Trouble(fmt::format("unsupported format character '{}' at index {}", style.type, at_ - 1));
    need_defined(value);
    if (is_one_of(style.type, "eEfFgG")) {
      if (!value.is_number()) throw Trouble(fmt::format("must be real number, not {}", type_name(value)));
      return format_real(runtime_, value.number(), style);
    }
    return whole(value, style);
  }

  Text whole(const Value& value, Style style) {
    const bool decimal = is_one_of(style.type, "diu");
    if (!value.is_whole() && !(decimal && value.is_number()))
      throw Trouble(fmt::format("%{} format: {} is required, not {}", style.type,
                                decimal ? "a real number" : "an integer", type_name(value)));
    if (!value.is_whole() && !(std::abs(value.number()) < 9.2e18)) throw Trouble("a whole number leaves 64 bits");
    const int64_t n = value.is_whole() ? value.whole() : static_cast<int64_t>(value.number());
    if (decimal) style.type = 'd';
    if (style.precision < 0) return format_whole(runtime_, n, style);
    std::string body = based(magnitude(n), style.type);
    if (style.precision > kMostDigits) throw Trouble("a format asks for too many digits");
    if (static_cast<int64_t>(body.size()) < style.precision)
      body.insert(0, static_cast<size_t>(style.precision) - body.size(), '0');
    std::string head = sign_of(n < 0, style.sign);
    if (style.alternate && !decimal) head += std::string("0") + style.type;
    return padded(runtime_, style, head, Text(body), '>');
  }

  Text shown(const Value& value) { return format_.markup ? escape_html(runtime_, value) : print_text(runtime_, value); }

  Runtime& runtime_;
  const Text& format_;
  std::string_view s_;
  const Value& values_;
  size_t at_ = 0, next_ = 0;
};

// ---- {}

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const std::vector<Value>& args, const Value& named)
      : runtime_(runtime), args_(args), named_(named) {}

  Text run(const Text& format, int depth) {
    if (depth > 2) throw Trouble("Max string recursion exceeded");
    const std::string& s = format.bytes();
    Text out;
    for (size_t at = 0; at < s.size();) {
      const size_t brace = std::min(s.find_first_of("{}", at), s.size());
      out.append(format, at, brace);
      if ((at = brace) >= s.size()) break;
      if (at + 1 < s.size() && s[at + 1] == s[at]) {
        out.append(format, at, at + 1);
        at += 2;
        continue;
      }
      if (s[at] == '}') throw Trouble("Single '}' encountered in format string");
      at = field(format, at + 1, depth, out);
      runtime_.burn(out.bytes().size() / 64 + 16);
    }
    return out;
  }

 private:
  // From behind the opening brace; gives the place behind the closing one.
  size_t field(const Text& format, size_t begin, int depth, Text& out) {
    const std::string& s = format.bytes();
    size_t end = begin;
    for (int open = 1; end < s.size(); end++) {
      if (s[end] == '{') open++;
      if (s[end] == '}' && --open == 0) break;
    }
    if (end >= s.size())
      throw Trouble(begin >= s.size() ? "Single '{' encountered in format string"
                                      : "expected '}' before end of string");
    size_t name_end = begin;
    for (bool bracket = false; name_end < end; name_end++) {
      if (s[name_end] == '[') bracket = true;
      if (s[name_end] == ']') bracket = false;
      if (!bracket && (s[name_end] == '!' || s[name_end] == ':')) break;
    }
    Value value = lookup(s.substr(begin, name_end - begin));
    size_t at = name_end;
    if (at < end && s[at] == '!') {
      if (at + 1 >= end) throw Trouble("end of string while looking for conversion specifier");
      value = convert(value, s[at + 1]);
      at += 2;
      if (at < end && s[at] != ':') throw Trouble("expected ':' after conversion specifier");
    }
    const Text spec = at < end ? run(format.part(at + 1, end), depth + 1) : Text();
    out.append(format_value(runtime_, value, spec));
    return end + 1;
  }

  Value convert(const Value& value, char how) {
    if (how == 's') return Value::text(print_text(runtime_, value));
    if (how == 'r') return Value::text(repr_text(runtime_, value));
    throw Trouble(fmt::format("Unknown conversion specifier '{}'", how));
  }

  Value first(const std::string& name) {
    const bool numbered = !name.empty() && std::all_of(name.begin(), name.end(), is_digit);
    if (name.empty() || numbered) {
      if (automatic_ != 0 && (automatic_ == 1) != name.empty())
        throw Trouble("cannot switch between manual field specification and automatic field numbering");
      automatic_ = name.empty() ? 1 : 2;
      size_t at = 0;
      const size_t i = name.empty() ? next_++ : static_cast<size_t>(digits(name, at));
      if (i >= args_.size())
        throw Trouble(fmt::format("Replacement index {} out of range for positional args tuple", i));
      return args_[i];
    }
    const Value* found = named_.is(Kind::dict) ? find_in(named_, name) : nullptr;
    if (found == nullptr) throw Trouble(fmt::format("'{}'", name));
    return *found;
  }

  Value lookup(const std::string& path) {
    size_t at = std::min(path.find_first_of(".["), path.size());
    Value value = first(path.substr(0, at));
    while (at < path.size()) {
      const bool attribute = path[at++] == '.';
      const size_t end = attribute ? std::min(path.find_first_of(".[", at), path.size()) : path.find(']', at);
      if (end == std::string::npos) throw Trouble("Missing ']' in format string");
      const std::string part = path.substr(at, end - at);
      if (part.empty()) throw Trouble("Empty attribute in format string");
      const bool numbered = std::all_of(part.begin(), part.end(), is_digit);
      size_t zero = 0;
      if (attribute)
        value = get_attribute(runtime_, value, part);
      else
        value = get_item(runtime_, value, numbered ? Value::integer(digits(part, zero)) : Value::text(part));
      at = attribute ? end : end + 1;
      if (!attribute && at < path.size() && path[at] != '.' && path[at] != '[')
        throw Trouble("Only '.' or '[' may follow ']' in format field specifier");
    }
    return value;
  }

  Runtime& runtime_;
  const std::vector<Value>& args_;
  const Value& named_;
  size_t next_ = 0;
  int automatic_ = 0;  // 1: {} only, 2: {0} only
};

}  // namespace

Text format_value(Runtime& runtime, const Value& v, const Text& spec) {
  if (spec.empty()) return print_text(runtime, v);
  const Style style = parse_spec(spec.bytes(), v);
  if (v.is_text()) {
    if (style.type != 0 && style.type != 's')
      throw Trouble(fmt::format("Unknown format code '{}' for object of type 'str'", style.type));
    if (style.sign != '-' || style.align == '=' || style.group != 0 || style.alternate)
      throw Trouble("this format is not allowed for a string");
    return padded(runtime, style, "", clipped(v.text(), style.precision), '<');
  }
  if (!v.is_number()) throw Trouble(fmt::format("unsupported format string passed to {}.__format__", type_name(v)));
  const bool real_type = is_one_of(style.type, "eEfFgG%");
  if (v.is(Kind::real) || real_type) {
    if (style.type != 0 && !real_type && style.type != 'n')
      throw Trouble(fmt::format("Unknown format code '{}' for object of type 'float'", style.type));
    return format_real(runtime, v.number(), style);
  }
  if (style.type != 0 && !is_one_of(style.type, "bcdoxXn"))
    throw Trouble(fmt::format("Unknown format code '{}' for object of type '{}'", style.type, type_name(v)));
  if (style.precision >= 0) throw Trouble("Precision not allowed in integer format specifier");
  return format_whole(runtime, v.whole(), style);
}

Text percent_format(Runtime& runtime, const Text& format, const Value& values) {
  Text out = PercentFormatter(runtime, format, values).run();
  out.markup = format.markup;
  return out;
}

Text brace_format(Runtime& runtime, const Text& format, const std::vector<Value>& args, const Value& named) {
  Text out = BraceFormatter(runtime, args, named).run(format, 0);
  out.markup = format.markup;
  return out;
}

}  // namespace r1::jinja
