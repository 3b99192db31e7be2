// Values while a template runs, with Python's rules for truth, printing and comparing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace r1 {

using TemplateJson = nlohmann::ordered_json;

// A JSON value, or one of what JSON lacks: undefined, a namespace, something callable.
struct TemplateValue {
  using Arguments = std::vector<TemplateValue>;
  using Named = std::vector<std::pair<std::string, TemplateValue>>;
  using Callable = std::function<TemplateValue(const Arguments&, const Named&)>;

  TemplateValue() = default;
  TemplateValue(TemplateJson value) : json(std::move(value)), defined(true) {}
  static TemplateValue undefined(std::string name) {
    TemplateValue v;
    v.name = std::move(name);
    return v;
  }
  bool is_plain() const { return defined && !space && !call; }
  bool is_string() const { return is_plain() && json.is_string(); }

  TemplateJson json;
  bool defined = false;
  std::string name;                                             // of an undefined value, for messages
  std::shared_ptr<std::map<std::string, TemplateValue>> space;  // namespace(): shared by all who name it
  std::shared_ptr<Callable> call;
};

bool truth(const TemplateValue& v);
// str(v), and repr(v) as it appears inside lists.
std::string python_text(const TemplateJson& v);
std::string python_repr(const TemplateJson& v);
// json.dumps as transformers' tojson uses it: ensure_ascii off, separators ", " and ": ", or with indent.
std::string python_dumps(const TemplateJson& v, int indent);
std::string print_text(const TemplateValue& v);

size_t text_length(const std::string& text);  // in code points
// Python slicing of strings (by code points) and lists; null bounds are left out.
TemplateJson python_slice(const TemplateJson& v, const TemplateJson& start, const TemplateJson& stop,
                          const TemplateJson& step);

// Filters, tests and methods of values; false when there is none of that name. Throw std::runtime_error with a message.
bool apply_filter(const std::string& name, const TemplateValue& value, const TemplateValue::Arguments& args,
                  const TemplateValue::Named& named, TemplateValue& out);
bool apply_test(const std::string& name, const TemplateValue& value, const TemplateValue::Arguments& args, bool& out);
bool apply_method(const std::string& name, const TemplateJson& self, const TemplateValue::Arguments& args,
                  TemplateValue& out);
bool is_method(const std::string& name, const TemplateJson& self);

}  // namespace r1
