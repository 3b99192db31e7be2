#include "reward/code_compare.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBlank = " \t\r\v\f";

std::string_view right_trimmed(std::string_view line) {
  const size_t last = line.find_last_not_of(kBlank);
  return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(right_trimmed(text.substr(at, end - at)));
    at = end + 1;
  }
  while (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

bool close_to(double got, double expected, double tolerance) {
  if (!std::isfinite(got) || !std::isfinite(expected)) return false;
  return got == expected || std::fabs(got - expected) <= tolerance * std::max(1.0, std::fabs(expected));
}

std::optional<double> number(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::string_view next_word(std::string_view& rest) {
  const size_t begin = std::min(rest.find_first_not_of(kBlank), rest.size());
  const size_t end = std::min(rest.find_first_of(kBlank, begin), rest.size());
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

bool same_line(std::string_view got, std::string_view expected, double tolerance) {
  if (got == expected) return true;
  if (!(tolerance > 0)) return false;
  for (;;) {
    const std::string_view a = next_word(got), b = next_word(expected);
    if (a.empty() && b.empty()) return true;
    if (a == b) continue;
    const std::optional<double> x = number(a), y = number(b);
    if (!x || !y || !close_to(*x, *y, tolerance)) return false;
  }
}

std::string quoted(std::string_view text) {
  constexpr size_t kMost = 60;
  const bool cut = text.size() > kMost;
  return Json(text.substr(0, kMost)).dump(-1, ' ', true, Json::error_handler_t::replace) + (cut ? "..." : "");
}

bool has_tag(const Json& j, const char* tag) {
  return j.is_array() && !j.empty() && j[0].is_string() && j[0].get_ref<const std::string&>() == tag;
}

std::optional<double> float_of(const Json& j) {
  if (!has_tag(j, "f") || j.size() != 2 || !j[1].is_string()) return std::nullopt;
  std::string_view text = j[1].get_ref<const std::string&>();
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!text.starts_with("0x")) return std::nan("");  // nan, inf: equal to nothing
  text.remove_prefix(2);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::hex);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? -value : value;
}

// An integer of any size as sign and hexadecimal digits; empty when it is none.
std::string integer_text(const Json& j) {
  const auto hex = [](uint64_t size, bool negative) { return fmt::format("{}0x{:x}", negative ? "-" : "", size); };
  if (j.is_number_unsigned()) return hex(j.get<uint64_t>(), false);
  if (j.is_number_integer()) {
    const int64_t v = j.get<int64_t>();
    return hex(v < 0 ? uint64_t{0} - static_cast<uint64_t>(v) : static_cast<uint64_t>(v), v < 0);
  }
  return has_tag(j, "i") && j.size() == 2 && j[1].is_string() ? j[1].get<std::string>() : "";
}

std::optional<double> value_of_integer(const std::string& text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  if (!digits.starts_with("0x")) return std::nullopt;
  digits.remove_prefix(2);
  double value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::hex);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return negative ? -value : value;
}

bool same_number(const Json& got, const Json& expected, double tolerance) {
  const std::string got_integer = integer_text(got);
  if (!got_integer.empty() && !expected.is_number_float()) return got_integer == integer_text(expected);
  const std::optional<double> value = got_integer.empty() ? float_of(got) : value_of_integer(got_integer);
  return value && close_to(*value, expected.get<double>(), tolerance);
}

bool same_sequence(const Json& got, const Json& expected, double tolerance) {
  if (got.size() != expected.size() + 1) return false;
  for (size_t i = 0; i < expected.size(); i++)
    if (!same_value(got[i + 1], expected[i], tolerance)) return false;
  return true;
}

std::optional<std::string> key_text(const Json& key) {
  if (key.is_string()) return key.get<std::string>();
  if (key.is_null()) return "null";
  if (key.is_boolean()) return key.get<bool>() ? "true" : "false";
  if (key.is_number_integer()) return key.dump();
  if (const std::optional<double> v = float_of(key); v && std::isfinite(*v)) return Json(*v).dump();
  return std::nullopt;
}

bool same_mapping(const Json& got, const Json& expected, double tolerance) {
  if (got.size() != expected.size() + 1) return false;
  std::vector<std::string> seen;
  for (size_t i = 1; i < got.size(); i++) {
    if (!got[i].is_array() || got[i].size() != 2) return false;
    const std::optional<std::string> key = key_text(got[i][0]);
    if (!key || !expected.contains(*key) || !same_value(got[i][1], expected[*key], tolerance)) return false;
    seen.push_back(*key);
  }
  std::sort(seen.begin(), seen.end());
  return std::adjacent_find(seen.begin(), seen.end()) == seen.end();  // 1 and "1" are two keys, and one text
}

// A program chooses how deep its values are; a reason shows the surface.
std::string readable_to(const Json& value, size_t most, int depth) {
  if (depth == 0) return "...";
  std::string text;
  if (has_tag(value, "i")) {
    text = integer_text(value);
  } else if (const std::optional<double> number = float_of(value)) {
    text = std::isfinite(*number) ? Json(*number).dump() : value[1].get<std::string>();
  } else if (value.is_array() && !value.empty()) {
    const bool mapping = has_tag(value, "d"), braces = mapping || has_tag(value, "s") || has_tag(value, "z");
    for (size_t i = 1; i < value.size() && text.size() <= most; i++) {
      const Json& v = value[i];
      text += text.empty() ? "" : ", ";
      text += mapping && v.is_array() && v.size() == 2
                  ? readable_to(v[0], most, depth - 1) + ": " + readable_to(v[1], most, depth - 1)
                  : readable_to(v, most, depth - 1);
    }
    text = braces ? "{" + text + "}" : "[" + text + "]";
  } else if (value.is_object()) {  // the wire has none
    text = "{...}";
  } else {
    text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
  if (text.size() > most) text = text.substr(0, most) + "...";
  return text;
}

}  // namespace

bool same_output(std::string_view got, std::string_view expected, double tolerance, std::string& why) {
  const std::vector<std::string_view> a = lines_of(got), b = lines_of(expected);
  for (size_t i = 0; i < std::min(a.size(), b.size()); i++)
    if (!same_line(a[i], b[i], tolerance)) {
      why = fmt::format("line {} is {}", i + 1, quoted(a[i]));
      return false;
    }
  if (a.size() == b.size()) return true;
  why = a.empty() ? "no output" : fmt::format("{} lines, expected {}", a.size(), b.size());
  return false;
}

Json tagged(const Json& plain) {
  constexpr int64_t kExact = int64_t{1} << 53;
  if (plain.is_array()) {
    Json out = {"l"};
    for (const Json& v : plain) out.push_back(tagged(v));
    return out;
  }
  if (plain.is_object()) {
    Json out = {"d"};
    for (const auto& [key, value] : plain.items()) out.push_back(Json::array({key, tagged(value)}));
    return out;
  }
  if (plain.is_number_float()) return Json::array({"f", fmt::format("{:a}", plain.get<double>())});
  if (plain.is_number_unsigned() ? plain.get<uint64_t>() >= static_cast<uint64_t>(kExact)
                                 : plain.is_number_integer() && std::abs(plain.get<int64_t>() / 2) >= kExact / 2)
    return Json::array({"i", integer_text(plain)});
  return plain;
}

bool same_value(const Json& got, const Json& expected, double tolerance) {
  if (expected.is_null()) return got.is_null();
  if (expected.is_boolean()) return got.is_boolean() && got.get<bool>() == expected.get<bool>();
  if (expected.is_string()) return got.is_string() && got == expected;
  if (expected.is_number()) return same_number(got, expected, tolerance);
  if (expected.is_object()) return has_tag(got, "d") && same_mapping(got, expected, tolerance);
  const bool sequence = has_tag(got, "l") || has_tag(got, "t");
  return expected.is_array() && sequence && same_sequence(got, expected, tolerance);
}

std::string readable(const Json& value, size_t most) { return readable_to(value, most, 8); }

}  // namespace r1
