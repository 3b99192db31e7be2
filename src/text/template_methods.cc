// The attributes that values have in Python: methods and fields, as far as the sandbox lets a template reach them.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "text/template_operators.h"
#include "text/template_strings.h"

namespace r1::jinja {
namespace {

using Method = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

// ---- dicts

template <View::What what>
Value dict_view(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound b("the view", arguments, {});
  auto view = std::make_shared<View>();
  view->what = what;
  view->dict = self;
  view->depth = std::min(self.depth() + 1, kDeepestValue);
  return Value::object(Kind::view, std::move(view));
}

Value dict_get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound b("get", arguments, {"", ""}, 1);
  const Value* found = find_in(runtime, self, b[0]);
  return found != nullptr ? *found : b.value(1, Value());
}

Value itself(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound b("copy", arguments, {});
  return self;  // values never change
}

// ---- lists, tuples, ranges

Value sequence_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound b("count", arguments, {""}, 1);
  int64_t n = 0;
  for (const Value& v : listed(runtime, self)) n += equal(runtime, v, b[0]) ? 1 : 0;
  return Value::integer(n);
}

Value sequence_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound b("index", arguments, {"", "", ""}, 1);
  const std::vector<Value> items = listed(runtime, self);
  const int64_t size = static_cast<int64_t>(items.size());
  const auto bound = [&](size_t i, int64_t fallback) {
    const int64_t v = std::clamp(b.whole(i, fallback), -(INT64_MAX / 2), INT64_MAX / 2);
    return std::clamp<int64_t>(v < 0 ? v + size : v, 0, size);
  };
  for (int64_t i = bound(1, 0); i < bound(2, size); i++)
    if (equal(runtime, items[static_cast<size_t>(i)], b[0])) return Value::integer(i);
  throw Trouble(self.is(Kind::list) ? "the value is not in list" : "tuple.index(x): x not in tuple");
}

// ---- numbers

Value bit_length(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound b("bit_length", arguments, {});
  const uint64_t n = self.whole() < 0 ? ~static_cast<uint64_t>(self.whole()) + 1 : static_cast<uint64_t>(self.whole());
  return Value::integer(std::bit_width(n));
}
Value bit_count(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound b("bit_count", arguments, {});
  const uint64_t n = self.whole() < 0 ? ~static_cast<uint64_t>(self.whole()) + 1 : static_cast<uint64_t>(self.whole());
  return Value::integer(std::popcount(n));
}
Value is_integer(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound b("is_integer", arguments, {});
  return Value::boolean(self.number() == std::floor(self.number()) && std::isfinite(self.number()));
}
Value conjugate(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound b("conjugate", arguments, {});
  return self.is(Kind::boolean) ? Value::integer(self.whole()) : self;
}

struct Entry {
  const char* name;
  Method call;
};
constexpr Entry kDict[] = {{"keys", dict_view<View::What::keys>},
                           {"values", dict_view<View::What::values>},
                           {"items", dict_view<View::What::items>},
                           {"get", dict_get},
                           {"copy", itself}};
constexpr Entry kList[] = {{"count", sequence_count}, {"index", sequence_index}, {"copy", itself}};
constexpr Entry kTuple[] = {{"count", sequence_count}, {"index", sequence_index}};
constexpr Entry kWhole[] = {{"bit_length", bit_length}, {"bit_count", bit_count}, {"conjugate", conjugate}};
constexpr Entry kReal[] = {{"is_integer", is_integer}, {"conjugate", conjugate}};
constexpr const char* kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr const char* kListChanges[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};

template <typename Names>
bool among(const Names& names, const std::string& name) {
  return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return name == n; });
}

template <typename Entries>
bool method(const Entries& entries, const Value& object, const std::string& name, Value& out) {
  for (const Entry& e : entries)
    if (name == e.name) {
      const Method call = e.call;
      out = make_function(name, [object, call](Runtime& r, const Arguments& a) { return call(r, object, a); }, &object);
      return true;
    }
  return false;
}

bool refused(const Value& object, const std::string& name, Value& out) {
  out = Value::undefined(fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)),
                         true);
  return true;
}

bool number_field(const Value& object, const std::string& name, Value& out) {
  if (name == "real") return out = object.is(Kind::boolean) ? Value::integer(object.whole()) : object, true;
  if (name == "imag") return out = object.is(Kind::real) ? Value::real(0) : Value::integer(0), true;
  if (object.is(Kind::real)) return false;
  if (name == "numerator") return out = Value::integer(object.whole()), true;
  if (name == "denominator") return out = Value::integer(1), true;
  return false;
}

bool text_method(const Value& object, const std::string& name, Value& out) {
  const TextMethod call = find_text_method(name);
  if (call == nullptr) return false;
  out = make_function(
      name, [object, call](Runtime& r, const Arguments& a) { return call(r, object.text(), a); }, &object);
  return true;
}

}  // namespace

bool own_attribute(Runtime&, const Value& object, const std::string& name, Value& out) {
  switch (object.kind()) {
    case Kind::text:
      return text_method(object, name, out);
    case Kind::dict:
      if (among(kDictChanges, name)) return refused(object, name, out);
      return method(kDict, object, name, out);
    case Kind::list:
      if (among(kListChanges, name)) return refused(object, name, out);
      return method(kList, object, name, out);
    case Kind::tuple:
      if (object.sequence().is_group && (name == "grouper" || name == "list"))
        return out = object.items()[name == "list"], true;
      return method(kTuple, object, name, out);
    case Kind::range:
      if (name == "start") return out = Value::integer(object.range().start), true;
      if (name == "stop") return out = Value::integer(object.range().stop), true;
      if (name == "step") return out = Value::integer(object.range().step), true;
      return method(kTuple, object, name, out);
    case Kind::boolean:
    case Kind::integer:
      return number_field(object, name, out) || method(kWhole, object, name, out);
    case Kind::real:
      return number_field(object, name, out) || method(kReal, object, name, out);
    case Kind::function:
      if (!object.function().attribute) return false;
      out = object.function().attribute(name);
      return !out.is_undefined();
    case Kind::loop:
      return object.loop().attribute(name, out);
    default:
      return false;
  }
}

}  // namespace r1::jinja
