#include "text/template_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/unicode.h"

namespace r1 {

bool truth(const TemplateValue& v) {
  if (!v.defined) return false;
  if (v.space || v.call) return true;
  const TemplateJson& j = v.json();
  if (j.is_null()) return false;
  if (j.is_boolean()) return j.get<bool>();
  if (j.is_number()) return j.get<double>() != 0;
  if (j.is_string()) return !j.get_ref<const std::string&>().empty();
  return !j.empty();
}

namespace {

std::string python_float(double d) {
  if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
  if (std::isnan(d)) return "nan";
  if (d == std::floor(d) && std::abs(d) < 1e16) return fmt::format("{:.1f}", d);
  std::string s = fmt::format("{}", d);
  return s;
}

std::string quoted_repr(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 32 || c == 127)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + quote;
}

}  // namespace

std::string python_repr(const TemplateJson& v) {
  switch (v.type()) {
    case TemplateJson::value_t::null:
      return "None";
    case TemplateJson::value_t::boolean:
      return v.get<bool>() ? "True" : "False";
    case TemplateJson::value_t::string:
      return quoted_repr(v.get_ref<const std::string&>());
    case TemplateJson::value_t::number_float:
      return python_float(v.get<double>());
    case TemplateJson::value_t::array: {
      std::string out = "[";
      for (size_t i = 0; i < v.size(); i++) out += (i ? ", " : "") + python_repr(v[i]);
      return out + "]";
    }
    case TemplateJson::value_t::object: {
      std::string out = "{";
      for (const auto& [key, item] : v.items())
        out += (out.size() > 1 ? ", " : "") + quoted_repr(key) + ": " + python_repr(item);
      return out + "}";
    }
    default:
      return v.dump();
  }
}

std::string python_text(const TemplateJson& v) { return v.is_string() ? v.get<std::string>() : python_repr(v); }

std::string print_text(const TemplateValue& v) {
  if (!v.defined) return "";
  if (v.space) return "<namespace>";
  if (v.call) return "<macro>";
  return python_text(v.json());
}

namespace {
void dump(const TemplateJson& v, int indent, int depth, std::string& out) {
  const auto line = [&](int d) {
    if (indent >= 0) out += "\n" + std::string(static_cast<size_t>(indent * d), ' ');
  };
  const char* comma = indent >= 0 ? "," : ", ";
  if (v.is_object() && !v.empty()) {
    out += "{";
    bool first = true;
    for (const auto& [key, item] : v.items()) {
      if (!first) out += comma;
      first = false;
      line(depth + 1);
      out += TemplateJson(key).dump() + ": ";
      dump(item, indent, depth + 1, out);
    }
    line(depth);
    out += "}";
  } else if (v.is_array() && !v.empty()) {
    out += "[";
    for (size_t i = 0; i < v.size(); i++) {
      if (i) out += comma;
      line(depth + 1);
      dump(v[i], indent, depth + 1, out);
    }
    line(depth);
    out += "]";
  } else if (v.is_number_float()) {
    out += python_float(v.get<double>());
  } else {
    out += v.dump();
  }
}

std::vector<std::string> characters(const std::string& text, TemplateFuel& fuel) {
  fuel.burn(text.size() * 40);
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    next_code_point(text, at);
    out.push_back(text.substr(start, at - start));
  }
  return out;
}
}  // namespace

std::string python_dumps(const TemplateJson& v, int indent) {
  std::string out;
  dump(v, indent, 0, out);
  return out;
}

size_t text_length(const std::string& text) {
  size_t n = 0;
  for (size_t at = 0; at < text.size(); n++) next_code_point(text, at);
  return n;
}

TemplateJson python_slice(const TemplateJson& v, const TemplateSlice& slice, TemplateFuel& fuel) {
  const auto& [start, stop, step] = slice;
  if (!v.is_string() && !v.is_array()) throw std::runtime_error("only strings and lists can be sliced");
  const std::vector<std::string> chars =
      v.is_string() ? characters(v.get<std::string>(), fuel) : std::vector<std::string>();
  const int64_t n = static_cast<int64_t>(v.is_string() ? chars.size() : v.size()),
                by = step.is_null() ? 1 : step.get<int64_t>();
  if (by == 0) throw std::runtime_error("slice step cannot be zero");
  if (by > INT32_MAX || by < -INT32_MAX) throw std::runtime_error("slice step is too large");
  fuel.burn(static_cast<uint64_t>(n));
  const auto bound = [&](const TemplateJson& b, int64_t fallback) {
    if (b.is_null()) return fallback;
    int64_t i = std::clamp<int64_t>(b.get<int64_t>(), -INT32_MAX, INT32_MAX);
    if (i < 0) i += n;
    return std::min(std::max(i, by > 0 ? int64_t{0} : int64_t{-1}), by > 0 ? n : n - 1);
  };
  const int64_t from = bound(start, by > 0 ? 0 : n - 1), to = bound(stop, by > 0 ? n : -1);
  TemplateJson list = TemplateJson::array();
  std::string text;
  for (int64_t i = from; by > 0 ? i < to : i > to; i += by) {
    if (v.is_string())
      text += chars[static_cast<size_t>(i)];
    else
      list.push_back(v[static_cast<size_t>(i)]);
  }
  if (v.is_string()) return text;
  return list;
}

namespace {
constexpr int kDeepestValue = 64;
uint64_t weight(const TemplateJson& v, int depth) {
  if (depth > kDeepestValue) throw std::runtime_error("a value is nested more than 64 deep");
  uint64_t sum = v.is_structured() ? 96 : 16;  // a list or mapping is an allocation, and slow to copy
  if (v.is_string()) return sum + v.get_ref<const std::string&>().size();
  if (v.is_object())
    for (const auto& [key, item] : v.get_ref<const TemplateJson::object_t&>())
      sum += key.size() + weight(item, depth + 1);
  else if (v.is_array())
    for (const TemplateJson& item : v) sum += weight(item, depth + 1);
  return sum;
}
}  // namespace

uint64_t template_weight(const TemplateJson& v) { return weight(v, 0); }

}  // namespace r1
