// Operators and global functions of templates: Python's arithmetic and comparing, transformers' globals.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "text/template_values.h"

namespace r1 {
namespace {

using Value = TemplateValue;
using Json = TemplateJson;

Json repeated(const std::string& text, int64_t times, TemplateFuel& fuel) {
  if (times <= 0 || text.empty()) return "";
  if (times > INT32_MAX) throw std::runtime_error("a string is repeated too often");
  fuel.burn(static_cast<uint64_t>(times) * text.size());
  std::string out;
  for (int64_t i = 0; i < times; i++) out += text;
  return out;
}

Json whole_arithmetic(const std::string& op, int64_t a, int64_t b) {
  int64_t r = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(a, b, &r);
  else if (op == "-")
    overflow = __builtin_sub_overflow(a, b, &r);
  else if (op == "*")
    overflow = __builtin_mul_overflow(a, b, &r);
  else if (b == -1)  // // and %: INT64_MIN / -1 has no answer
    overflow = op == "//" && __builtin_sub_overflow(int64_t{0}, a, &r);
  else if (op == "//")
    r = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  else
    r = a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
  if (overflow) throw std::runtime_error("a whole number leaves 64 bits");
  return r;
}

std::string formatted_time(const std::string& format) {
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now =
      fixed != nullptr ? static_cast<std::time_t>(std::strtoll(fixed, nullptr, 10)) : std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char buffer[256];
  return std::string(buffer, std::strftime(buffer, sizeof buffer, format.c_str(), &parts));
}

Json number_range(const Value::Arguments& a, TemplateFuel& fuel) {
  const int64_t from = a.size() > 1 ? a[0].json().get<int64_t>() : 0,
                to = a.at(a.size() > 1 ? 1 : 0).json().get<int64_t>(),
                by = a.size() > 2 ? a[2].json().get<int64_t>() : 1;
  if (by == 0) throw std::runtime_error("range step cannot be zero");
  Json out = Json::array();
  for (int64_t i = from; by > 0 ? i < to : i > to;) {
    if (out.size() >= 100000) throw std::runtime_error("range gives more than 100000 numbers");
    out.push_back(i);
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  fuel.burn(out.size() * 16);
  return out;
}

Value callable(Value::Callable f) {
  Value v;
  v.defined = true;
  v.call = std::make_shared<Value::Callable>(std::move(f));
  return v;
}

}  // namespace

Json template_arithmetic(const std::string& op, const Json& x, const Json& y, TemplateFuel& fuel) {
  if (op == "<" || op == ">" || op == "<=" || op == ">=") {
    if (!(x.is_number() && y.is_number()) && !(x.is_string() && y.is_string()))
      throw std::runtime_error("values of these kinds have no order");
    return op == "<" ? x < y : op == ">" ? x > y : op == "<=" ? x <= y : x >= y;
  }
  if (op == "+" && x.is_string() && y.is_string()) {
    fuel.burn(x.get_ref<const std::string&>().size() + y.get_ref<const std::string&>().size());
    return x.get<std::string>() + y.get<std::string>();
  }
  if (op == "+" && x.is_array() && y.is_array()) {
    fuel.burn(template_weight(x) + template_weight(y));
    Json out = x;
    out.insert(out.end(), y.begin(), y.end());
    return out;
  }
  if (op == "*" && x.is_string() && y.is_number_integer())
    return repeated(x.get_ref<const std::string&>(), y.get<int64_t>(), fuel);
  if (!x.is_number() || !y.is_number())
    throw std::runtime_error(fmt::format("operator '{}' does not take {} and {}", op, x.type_name(), y.type_name()));
  const double a = x.get<double>(), b = y.get<double>();
  if ((op == "/" || op == "//" || op == "%") && b == 0) throw std::runtime_error("division by zero");
  if (op == "/") return a / b;
  const bool whole = x.is_number_integer() && y.is_number_integer();
  if (op == "**") {
    const double r = std::pow(a, b);
    if (whole && b >= 0 && std::abs(r) < 9e15) return static_cast<int64_t>(r);
    return r;
  }
  if (whole) return whole_arithmetic(op, x.get<int64_t>(), y.get<int64_t>());
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  return op == "//" ? std::floor(a / b) : a - b * std::floor(a / b);
}

bool template_equal(const Value& a, const Value& b, TemplateFuel& fuel) {
  if (!a.defined || !b.defined) return a.defined == b.defined;
  if (a.space || b.space) return a.space == b.space;
  if (a.call || b.call) return a.call == b.call;
  if (a.json().type() == b.json().type() && a.json().size() == b.json().size())
    fuel.burn(a.json().is_structured() ? template_weight(a.json()) : 1);
  return a.json() == b.json();
}

bool template_contains(const Json& where, const Json& what, TemplateFuel& fuel) {
  if (where.is_string()) {
    if (!what.is_string()) throw std::runtime_error("in needs a string");
    const std::string &text = where.get_ref<const std::string&>(), &part = what.get_ref<const std::string&>();
    fuel.burn(text.size() / 8 + text.size() / 16 * part.size());
    return text.find(part) != std::string::npos;
  }
  if (where.is_object()) {
    fuel.burn(where.size());
    return what.is_string() && where.contains(what.get_ref<const std::string&>());
  }
  if (!where.is_array()) throw std::runtime_error("in needs a string, list or mapping to look into");
  fuel.burn(template_weight(where) / 2);
  return std::find(where.begin(), where.end(), what) != where.end();
}

std::map<std::string, Value> template_globals(TemplateFuel& fuel) {
  std::map<std::string, Value> g;
  g["raise_exception"] = callable([](const Value::Arguments& a, const Value::Named&) -> Value {
    throw TemplateRefusal(a.empty() ? "" : print_text(a[0]));
  });
  g["strftime_now"] = callable([](const Value::Arguments& a, const Value::Named&) {
    return Value(Json(formatted_time(a.at(0).json().get<std::string>())));
  });
  g["range"] =
      callable([&fuel](const Value::Arguments& a, const Value::Named&) { return Value(number_range(a, fuel)); });
  g["dict"] = callable([&fuel](const Value::Arguments&, const Value::Named& named) {
    Json out = Json::object();
    for (const auto& [key, value] : named) {
      fuel.burn(template_weight(value.json()));
      out[key] = value.json();
    }
    return Value(out);
  });
  g["namespace"] = callable([](const Value::Arguments&, const Value::Named& named) {
    Value v;
    v.defined = true;
    v.space = std::make_shared<std::map<std::string, Value>>();
    for (const auto& [key, value] : named) (*v.space)[key] = value;
    return v;
  });
  return g;
}

}  // namespace r1
