// Values while a template runs, with Python's rules for truth, printing and comparing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace r1 {

using TemplateJson = nlohmann::ordered_json;

// What a rendering may still spend, roughly in bytes touched: with the step limit it bounds time and memory.
struct TemplateFuel {
  int64_t left;
  void burn(uint64_t n) {
    if (n > static_cast<uint64_t>(left)) throw std::runtime_error("the template does too much work");
    left -= static_cast<int64_t>(n);
  }
};

// A JSON value, or one of what JSON lacks: undefined, a namespace, something callable. Copies share the JSON, which
// never changes.
struct TemplateValue {
  using Arguments = std::vector<TemplateValue>;
  using Named = std::vector<std::pair<std::string, TemplateValue>>;
  using Callable = std::function<TemplateValue(const Arguments&, const Named&)>;

  TemplateValue() = default;
  TemplateValue(TemplateJson value) : defined(true), json_(std::make_shared<const TemplateJson>(std::move(value))) {}
  // `why`: the clause that messages give, as Jinja says it ('x' is undefined).
  static TemplateValue undefined(std::string why) {
    TemplateValue v;
    v.why = std::move(why);
    return v;
  }
  // A value that lives as long as the rendering.
  static TemplateValue borrowed(const TemplateJson& value) {
    TemplateValue v;
    v.defined = true;
    v.json_ = std::shared_ptr<const TemplateJson>(std::shared_ptr<void>(), &value);
    return v;
  }
  // Something inside this value's JSON, which it keeps alive.
  TemplateValue part(const TemplateJson& inside) const {
    TemplateValue v;
    v.defined = true;
    v.json_ = std::shared_ptr<const TemplateJson>(json_, &inside);
    return v;
  }
  const TemplateJson& json() const {
    static const TemplateJson null;
    return json_ ? *json_ : null;
  }
  bool is_plain() const { return defined && !space && !call; }
  bool is_string() const { return is_plain() && json().is_string(); }

  bool defined = false;
  std::string why;                                              // of an undefined value
  std::shared_ptr<std::map<std::string, TemplateValue>> space;  // namespace(): shared by all who name it
  std::shared_ptr<Callable> call;

 private:
  std::shared_ptr<const TemplateJson> json_;
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
struct TemplateSlice {
  TemplateJson start, stop, step;
};
TemplateJson python_slice(const TemplateJson& v, const TemplateSlice& slice, TemplateFuel& fuel);
// Rough bytes of a value. Throws when it is nested too deeply to be copied or printed.
uint64_t template_weight(const TemplateJson& v);

// Operators on plain values ("+", "<", ...), and whether a value is inside another. Throw std::runtime_error.
TemplateJson template_arithmetic(const std::string& op, const TemplateJson& x, const TemplateJson& y,
                                 TemplateFuel& fuel);
bool template_equal(const TemplateValue& a, const TemplateValue& b, TemplateFuel& fuel);
bool template_contains(const TemplateJson& where, const TemplateJson& what, TemplateFuel& fuel);
// raise_exception, strftime_now, range, dict, namespace. `fuel` outlives them.
std::map<std::string, TemplateValue> template_globals(TemplateFuel& fuel);
// What raise_exception throws: reported as it stands, without a place.
struct TemplateRefusal : Error {
  using Error::Error;
};

// Filters, tests and methods of values; false when there is none of that name. Throw std::runtime_error with a message.
struct TemplateCall {
  const TemplateValue& value;
  const TemplateValue::Arguments& args;
  const TemplateValue::Named& named;
  TemplateFuel& fuel;
};
bool apply_filter(const std::string& name, const TemplateCall& call, TemplateValue& out);
bool apply_test(const std::string& name, const TemplateCall& call, bool& out);
bool apply_method(const std::string& name, const TemplateCall& call, TemplateValue& out);
bool is_method(const std::string& name, const TemplateJson& self);

}  // namespace r1
