// Filters, tests and methods: Jinja2's and Python's, those that chat templates use. What is not here is an error where
// it is used.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "text/template_values.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Args = TemplateValue::Arguments;
using Named = TemplateValue::Named;
using Json = TemplateJson;

const std::string& text_of(const Json& v, const char* what) {
  if (!v.is_string()) throw std::runtime_error(std::string(what) + " needs a string");
  return v.get_ref<const std::string&>();
}

const TemplateValue* argument(const Args& args, const Named& named, size_t index, const char* name) {
  if (index < args.size()) return &args[index];
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

std::string strip(const std::string& s, const std::string& set, bool left, bool right) {
  const size_t begin = left ? s.find_first_not_of(set) : 0;
  if (begin == std::string::npos) return "";
  const size_t end = right ? s.find_last_not_of(set) + 1 : s.size();
  return begin < end ? s.substr(begin, end - begin) : "";
}

// Finding a long text in a long one may take the product of their lengths.
void burn_search(const std::string& where, const std::string& what, TemplateFuel& fuel) {
  fuel.burn(where.size() + where.size() / 16 * what.size());
}

struct Replacement {
  const std::string &from, &to;
  int64_t most;  // -1: all
};
std::string replace_all(const std::string& s, const Replacement& r, TemplateFuel& fuel) {
  const auto& [from, to, limit] = r;
  int64_t most = limit;
  burn_search(s, from, fuel);
  std::string out;
  size_t at = 0;
  while (most != 0) {
    const size_t next = from.empty() ? std::string::npos : s.find(from, at);
    if (next == std::string::npos) break;
    fuel.burn(to.size());
    out += s.substr(at, next - at) + to;
    at = next + from.size();
    most--;
  }
  return out + s.substr(at);
}

std::string change_case(std::string s, int (*f)(int)) {
  for (char& c : s)
    if (static_cast<unsigned char>(c) < 128) c = static_cast<char>(f(c));
  return s;
}
std::string title(std::string s) {
  bool start = true;
  for (char& c : s) {
    if (static_cast<unsigned char>(c) < 128) c = static_cast<char>(start ? std::toupper(c) : std::tolower(c));
    start = !std::isalnum(static_cast<unsigned char>(c));
  }
  return s;
}
std::string capitalize(std::string s) {
  s = change_case(std::move(s), std::tolower);
  if (!s.empty() && static_cast<unsigned char>(s[0]) < 128) s[0] = static_cast<char>(std::toupper(s[0]));
  return s;
}

Json split_text(const std::string& s, const Args& args, TemplateFuel& fuel) {
  fuel.burn(s.size() * 32);
  Json out = Json::array();
  int64_t most = args.size() > 1 ? args[1].json().get<int64_t>() : -1;
  if (args.empty() || args[0].json().is_null()) {
    std::string word;
    for (char c : s + " ") {
      if (!std::isspace(static_cast<unsigned char>(c)))
        word += c;
      else if (!word.empty())
        out.push_back(word), word.clear();
    }
    return out;
  }
  const std::string& by = text_of(args[0].json(), "split");
  if (by.empty()) throw std::runtime_error("split needs a separator that is not empty");
  burn_search(s, by, fuel);
  size_t at = 0;
  while (most != 0) {
    const size_t next = s.find(by, at);
    if (next == std::string::npos) break;
    out.push_back(s.substr(at, next - at));
    at = next + by.size();
    most--;
  }
  out.push_back(s.substr(at));
  return out;
}

bool any_affix(const std::string& s, const Json& affix, bool at_start) {
  if (affix.is_array())
    return std::any_of(affix.begin(), affix.end(), [&](const Json& a) { return any_affix(s, a, at_start); });
  return at_start ? s.starts_with(text_of(affix, "startswith")) : s.ends_with(text_of(affix, "endswith"));
}

Json listed(const Json& v, TemplateFuel& fuel) {
  fuel.burn(v.is_string() ? v.get_ref<const std::string&>().size() * 64 : template_weight(v));
  if (v.is_array()) return v;
  Json out = Json::array();
  if (v.is_object())
    for (const auto& [key, item] : v.items()) out.push_back(key);
  else if (v.is_string())
    for (size_t at = 0; at < v.get_ref<const std::string&>().size();) {
      const size_t start = at;
      next_code_point(v.get_ref<const std::string&>(), at);
      out.push_back(v.get_ref<const std::string&>().substr(start, at - start));
    }
  else
    throw std::runtime_error("cannot be iterated over");
  return out;
}

Json pairs(const Json& v) {
  if (!v.is_object()) throw std::runtime_error("items needs a mapping");
  Json out = Json::array();
  for (const auto& [key, item] : v.items()) out.push_back(Json::array({key, item}));
  return out;
}

Json attribute_of(const Json& item, const std::string& name) {
  return item.is_object() && item.contains(name) ? item[name] : Json();
}

// select, reject and their attr forms.
Json chosen(const std::string& name, const TemplateCall& call) {
  const Args& args = call.args;
  const bool by_attribute = name.ends_with("attr"), keep = name.starts_with("select");
  const size_t first = by_attribute ? 1 : 0;
  const Args rest(args.begin() + static_cast<std::ptrdiff_t>(std::min(first + 1, args.size())), args.end());
  Json out = Json::array();
  for (const Json& item : listed(call.value.json(), call.fuel)) {
    TemplateValue value(by_attribute ? attribute_of(item, text_of(args.at(0).json(), "selectattr")) : item);
    if (by_attribute && !(item.is_object() && item.contains(args[0].json().get<std::string>())))
      value = TemplateValue::undefined("an attribute is undefined");
    bool yes = truth(value);
    if (args.size() > first &&
        !apply_test(text_of(args[first].json(), "select"), {value, rest, call.named, call.fuel}, yes))
      throw std::runtime_error("unknown test '" + args[first].json().get<std::string>() + "'");
    if (yes == keep) out.push_back(item);
  }
  return out;
}

Json mapped(const TemplateCall& call) {
  const auto& [value, args, named, fuel] = call;
  const Args rest(args.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(1, args.size())), args.end());
  Json out = Json::array();
  const TemplateValue* attribute = argument({}, named, 0, "attribute");
  for (const Json& item : listed(value.json(), fuel)) {
    if (attribute != nullptr) {
      out.push_back(attribute_of(item, text_of(attribute->json(), "map")));
      continue;
    }
    TemplateValue result;
    if (args.empty() || !apply_filter(text_of(args[0].json(), "map"), {TemplateValue(item), rest, named, fuel}, result))
      throw std::runtime_error("map needs a filter it knows");
    fuel.burn(template_weight(result.json()));
    out.push_back(result.json());
  }
  return out;
}

Json sorted(const Json& list, bool reverse, bool unique, TemplateFuel& fuel) {
  Json out = listed(list, fuel);
  if (unique) {
    fuel.burn(out.size() * template_weight(out));
    Json kept = Json::array();
    for (const Json& item : out)
      if (std::find(kept.begin(), kept.end(), item) == kept.end()) kept.push_back(item);
    return kept;
  }
  fuel.burn(template_weight(out) * 8);
  std::stable_sort(out.begin(), out.end(), [&](const Json& a, const Json& b) { return reverse ? b < a : a < b; });
  return out;
}

std::string indented(const std::string& s, const TemplateCall& call) {
  const auto& [value, args, named, fuel] = call;
  const TemplateValue* width = argument(args, named, 0, "width");
  const TemplateValue *first = argument(args, named, 1, "first"), *blank = argument(args, named, 2, "blank");
  const std::string pad = width == nullptr ? "    "
                          : width->json().is_string()
                              ? width->json().get<std::string>()
                              : std::string(std::min<size_t>(width->json().get<size_t>(), 1001), ' ');
  if (pad.size() > 1000) throw std::runtime_error("indent by more than 1000");
  fuel.burn(s.size() + pad.size() * static_cast<size_t>(1 + std::count(s.begin(), s.end(), '\n')));
  std::string out = first != nullptr && truth(*first) ? pad : "";
  for (size_t i = 0; i < s.size(); i++) {
    out += s[i];
    if (s[i] == '\n' && i + 1 < s.size() && (s[i + 1] != '\n' || (blank != nullptr && truth(*blank)))) out += pad;
  }
  return out;
}

Json joined(const TemplateCall& call) {
  const auto& [value, args, named, fuel] = call;
  const TemplateValue *by = argument(args, named, 0, "d"), *attribute = argument(args, named, 1, "attribute");
  std::string out;
  bool first = true;
  const std::string between = by != nullptr ? python_text(by->json()) : "";
  for (const Json& item : listed(value.json(), fuel)) {
    fuel.burn(between.size());
    if (!first) out += between;
    first = false;
    out += python_text(attribute != nullptr ? attribute_of(item, text_of(attribute->json(), "join")) : item);
  }
  return out;
}

Json to_integer(const Json& v, const Args& args) {
  try {
    if (v.is_string()) return static_cast<int64_t>(std::stoll(v.get<std::string>()));
    if (v.is_boolean()) return v.get<bool>() ? 1 : 0;
    if (v.is_number_integer()) return v;
    if (v.is_number() && std::abs(v.get<double>()) < 9e18) return static_cast<int64_t>(v.get<double>());
  } catch (const std::exception&) {
  }
  return args.empty() ? Json(0) : args[0].json();
}

}  // namespace

bool apply_filter(const std::string& name, const TemplateCall& call, TemplateValue& out) {
  const auto& [value, args, named, fuel] = call;
  const Json& v = value.json();
  if (name == "default" || name == "d") {
    const TemplateValue* fallback = argument(args, named, 0, "default_value");
    const TemplateValue* falsy = argument(args, named, 1, "boolean");
    const bool use = !value.defined || (falsy != nullptr && truth(*falsy) && !truth(value));
    out = use ? (fallback != nullptr ? *fallback : TemplateValue(Json(""))) : value;
    return true;
  }
  if (name == "tojson") {
    if (!value.is_plain()) throw std::runtime_error("tojson needs a value, this is undefined");
    const TemplateValue* indent = argument({}, named, 0, "indent");
    if (!args.empty()) throw std::runtime_error("tojson takes named arguments only");
    for (const auto& [key, item] : named)
      if (key != "indent" && key != "ensure_ascii")
        throw std::runtime_error("tojson: argument " + key + " is not supported");
    const int64_t by = indent == nullptr || indent->json().is_null() ? -1 : indent->json().get<int64_t>();
    if (by < -1 || by > 32) throw std::runtime_error("tojson: indent is outside 0 to 32");
    fuel.burn(template_weight(v) * static_cast<uint64_t>(2 + by));
    out = Json(python_dumps(v, static_cast<int>(by)));
    return true;
  }
  if (name == "string") return out = Json(print_text(value)), true;
  if (!value.defined && (name == "trim" || name == "upper" || name == "lower" || name == "length" || name == "count" ||
                         name == "list" || name == "join"))
    return out = name == "length" || name == "count" ? Json(0) : name == "list" ? Json::array() : Json(""), true;
  if (!value.is_plain())
    throw std::runtime_error("filter " + name + " on an undefined value" +
                             (value.why.empty() ? "" : " (" + value.why + ")"));
  if (name == "trim")
    return out =
               Json(strip(python_text(v), args.empty() ? " \t\n\r\f\v" : text_of(args[0].json(), "trim"), true, true)),
           true;
  if (name == "length" || name == "count") {
    if (v.is_string())
      out = Json(text_length(v.get<std::string>()));
    else if (v.is_array() || v.is_object())
      out = Json(v.size());
    else
      throw std::runtime_error("length needs a string, list or mapping");
    return true;
  }
  if (name == "upper") return out = Json(change_case(python_text(v), std::toupper)), true;
  if (name == "lower") return out = Json(change_case(python_text(v), std::tolower)), true;
  if (name == "title") return out = Json(title(python_text(v))), true;
  if (name == "capitalize") return out = Json(capitalize(python_text(v))), true;
  if (name == "safe" || name == "escape" || name == "e") return name == "safe" && (out = value, true);
  if (name == "replace")
    return out = Json(replace_all(python_text(v),
                                  {text_of(args.at(0).json(), "replace"), text_of(args.at(1).json(), "replace"),
                                   args.size() > 2 ? args[2].json().get<int64_t>() : -1},
                                  fuel)),
           true;
  if (name == "first" || name == "last") {
    const Json list = listed(v, fuel);
    out = list.empty() ? TemplateValue::undefined("No " + name + " item, sequence was empty.")
                       : TemplateValue(name == "first" ? list.front() : list.back());
    return true;
  }
  if (name == "list") return out = v.is_array() ? value : TemplateValue(listed(v, fuel)), true;
  if (name == "int") return out = to_integer(v, args), true;
  if (name == "float") return out = Json(v.is_string() ? std::stod(v.get<std::string>()) : v.get<double>()), true;
  if (name == "abs")
    return out = v.is_number_integer() && v.get<int64_t>() > INT64_MIN ? Json(std::abs(v.get<int64_t>()))
                                                                       : Json(std::abs(v.get<double>())),
           true;
  if (name == "items") return out = pairs(v), true;
  if (name == "dictsort") return out = sorted(pairs(v), false, false, fuel), true;
  if (name == "join") return out = joined(call), true;
  if (name == "map") return out = mapped(call), true;
  if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr")
    return out = chosen(name, call), true;
  if (name == "sort") {
    const TemplateValue* reverse = argument(args, named, 0, "reverse");
    return out = sorted(v, reverse != nullptr && truth(*reverse), false, fuel), true;
  }
  if (name == "unique") return out = sorted(v, false, true, fuel), true;
  if (name == "reverse") return out = python_slice(v, {Json(), Json(), Json(-1)}, fuel), true;
  if (name == "indent") return out = Json(indented(python_text(v), call)), true;
  return false;
}

bool apply_test(const std::string& name, const TemplateCall& call, bool& out) {
  const auto& [value, args, named, fuel] = call;
  const Json& v = value.json();
  const bool plain = value.is_plain();
  if (name == "defined") return out = value.defined, true;
  if (name == "undefined") return out = !value.defined, true;
  if (name == "none") return out = plain && v.is_null(), true;
  if (name == "string") return out = plain && v.is_string(), true;
  if (name == "mapping") return out = plain && v.is_object(), true;
  if (name == "sequence") return out = plain && (v.is_array() || v.is_string() || v.is_object()), true;
  if (name == "iterable") return out = plain && (v.is_array() || v.is_string() || v.is_object()), true;
  if (name == "number") return out = plain && (v.is_number() || v.is_boolean()), true;
  if (name == "integer") return out = plain && v.is_number_integer(), true;
  if (name == "float") return out = plain && v.is_number_float(), true;
  if (name == "boolean") return out = plain && v.is_boolean(), true;
  if (name == "true") return out = plain && v.is_boolean() && v.get<bool>(), true;
  if (name == "false") return out = plain && v.is_boolean() && !v.get<bool>(), true;
  if (name == "callable") return out = value.call != nullptr, true;
  if (name == "odd" || name == "even") return out = (v.get<int64_t>() % 2 != 0) == (name == "odd"), true;
  if (name == "divisibleby") {
    const int64_t by = args.at(0).json().get<int64_t>();
    if (by == 0) throw std::runtime_error("divisibleby zero");
    return out = by == -1 || v.get<int64_t>() % by == 0, true;
  }
  if (name == "eq" || name == "equalto") return out = template_equal(value, args.at(0), fuel), true;
  if (name == "ne") return out = !template_equal(value, args.at(0), fuel), true;
  if (name == "in") return out = template_contains(args.at(0).json(), v, fuel), true;
  return false;
}

namespace {
constexpr const char* kStringMethods[] = {"split",    "strip", "lstrip", "rstrip", "startswith",
                                          "endswith", "upper", "lower",  "title",  "capitalize",
                                          "replace",  "find",  "count",  "join",   "format_map"};
constexpr const char* kDictMethods[] = {"items", "keys", "values", "get"};
}  // namespace

bool is_method(const std::string& name, const Json& self) {
  const auto among = [&](auto& names) {
    return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return name == n; });
  };
  return (self.is_string() && among(kStringMethods)) || (self.is_object() && among(kDictMethods)) ||
         (self.is_array() && (name == "index" || name == "count"));
}

bool apply_method(const std::string& name, const TemplateCall& call, TemplateValue& out) {
  const auto& [value, args, named, fuel] = call;
  const Json& self = value.json();
  if (self.is_object()) {
    if (name == "items") return out = pairs(self), true;
    if (name == "keys") return out = listed(self, fuel), true;
    if (name == "values") {
      Json list = Json::array();
      for (const auto& [key, item] : self.items()) list.push_back(item);
      return out = list, true;
    }
    if (name == "get") {
      const std::string& key = text_of(args.at(0).json(), "get");
      if (self.contains(key))
        out = value.part(self[key]);
      else
        out = args.size() > 1 ? args[1] : TemplateValue(Json());
      return true;
    }
  }
  if (self.is_array()) fuel.burn(template_weight(self));
  if (self.is_array() && name == "index") {
    const auto it = std::find(self.begin(), self.end(), args.at(0).json());
    if (it == self.end()) throw std::runtime_error("index: value is not in the list");
    return out = Json(it - self.begin()), true;
  }
  if (self.is_array() && name == "count")
    return out = Json(std::count(self.begin(), self.end(), args.at(0).json())), true;
  if (!self.is_string()) return false;
  const std::string& s = self.get_ref<const std::string&>();
  const std::string space = " \t\n\r\f\v";
  if (name == "split") return out = split_text(s, args, fuel), true;
  if (name == "strip" || name == "lstrip" || name == "rstrip")
    return out = Json(strip(s, args.empty() || args[0].json().is_null() ? space : text_of(args[0].json(), "strip"),
                            name != "rstrip", name != "lstrip")),
           true;
  if (name == "startswith" || name == "endswith")
    return out = Json(any_affix(s, args.at(0).json(), name == "startswith")), true;
  if (name == "upper") return out = Json(change_case(s, std::toupper)), true;
  if (name == "lower") return out = Json(change_case(s, std::tolower)), true;
  if (name == "title") return out = Json(title(s)), true;
  if (name == "capitalize") return out = Json(capitalize(s)), true;
  if (name == "replace")
    return out = Json(replace_all(s,
                                  {text_of(args.at(0).json(), "replace"), text_of(args.at(1).json(), "replace"),
                                   args.size() > 2 ? args[2].json().get<int64_t>() : -1},
                                  fuel)),
           true;
  if (name == "find") {
    burn_search(s, text_of(args.at(0).json(), "find"), fuel);
    const size_t at = s.find(text_of(args.at(0).json(), "find"));
    return out = Json(at == std::string::npos ? -1 : static_cast<int64_t>(text_length(s.substr(0, at)))), true;
  }
  if (name == "count") {
    const std::string& what = text_of(args.at(0).json(), "count");
    burn_search(s, what, fuel);
    int64_t n = 0;
    for (size_t at = 0; !what.empty() && (at = s.find(what, at)) != std::string::npos; at += what.size()) n++;
    return out = Json(n), true;
  }
  if (name == "join") {
    return out = joined({args.at(0), {value}, {}, fuel}), true;
  }
  return false;
}

}  // namespace r1
