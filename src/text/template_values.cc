#include "text/template_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace r1::jinja {
namespace {

template <typename T>
const T& as(const Object* object) {
  return static_cast<const T&>(*object);
}

int depth_with(int inner) {
  if (inner >= kDeepestValue) throw Trouble(fmt::format("a value is nested more than {} deep", kDeepestValue));
  return inner + 1;
}

int deepest(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& v : items) depth = std::max(depth, v.depth());
  return depth_with(depth);
}

}  // namespace

// ---- making values

Value Value::undefined(std::string why, bool unsafe) {
  auto object = std::make_shared<Missing>();
  object->why = std::move(why);
  object->unsafe = unsafe;
  return Value::object(Kind::undefined, std::move(object));
}

Value Value::boolean(bool b) {
  Value v;
  v.kind_ = Kind::boolean;
  v.plain_.whole = b ? 1 : 0;
  return v;
}

Value Value::integer(int64_t i) {
  Value v;
  v.kind_ = Kind::integer;
  v.plain_.whole = i;
  return v;
}

Value Value::real(double d) {
  Value v;
  v.kind_ = Kind::real;
  v.plain_.real = d;
  return v;
}

Value Value::text(Text t) {
  auto object = std::make_shared<TextObject>();
  object->text = std::move(t);
  return Value::object(Kind::text, std::move(object));
}

Value Value::list(std::vector<Value> items) {
  auto object = std::make_shared<Sequence>();
  object->depth = deepest(items);
  object->items = std::move(items);
  return Value::object(Kind::list, std::move(object));
}

Value Value::tuple(std::vector<Value> items) {
  auto object = std::make_shared<Sequence>();
  object->depth = deepest(items);
  object->items = std::move(items);
  return Value::object(Kind::tuple, std::move(object));
}

Value Value::object(Kind kind, std::shared_ptr<const Object> object) {
  Value v;
  v.kind_ = kind;
  v.object_ = std::move(object);
  return v;
}

Value Value::space(Space* space) {
  Value v;
  v.kind_ = Kind::space;
  v.plain_.space = space;
  return v;
}

Value Value::loop(std::shared_ptr<LoopState> state) { return Value::object(Kind::loop, std::move(state)); }
// A loop moves on while the template sees it.
LoopState& Value::loop() const { return static_cast<LoopState&>(const_cast<Object&>(*object_)); }

const Text& Value::text() const { return as<TextObject>(object_.get()).text; }
const std::vector<Value>& Value::items() const { return sequence().items; }
const Sequence& Value::sequence() const { return as<Sequence>(object_.get()); }
const Dict& Value::dict() const { return as<Dict>(object_.get()); }
const View& Value::view() const { return as<View>(object_.get()); }
const Range& Value::range() const { return as<Range>(object_.get()); }
const Iterator& Value::iterator() const { return as<Iterator>(object_.get()); }
const Function& Value::function() const { return as<Function>(object_.get()); }
const Missing& Value::missing() const { return as<Missing>(object_.get()); }
int Value::depth() const { return object_ ? object_->depth : 0; }

Value make_iterator(const char* type, const Value& source, std::function<bool(Value&)> next) {
  auto object = std::make_shared<Iterator>();
  object->type = type;
  object->next = std::move(next);
  object->depth = depth_with(source.depth());
  return Value::object(Kind::iterator, std::move(object));
}

Value make_function(std::string name, std::function<Value(Runtime&, const Arguments&)> call, const Value* self) {
  auto object = std::make_shared<Function>();
  object->name = std::move(name);
  object->call = std::move(call);
  if (self != nullptr) {
    object->type = "builtin_function_or_method";
    object->depth = depth_with(self->depth());
  }
  return Value::object(Kind::function, std::move(object));
}

const Value* Space::find(std::string_view name) const {
  for (const auto& [key, value] : items)
    if (key == name) return &value;
  return nullptr;
}

void Space::set(const std::string& name, Value value) {
  for (auto& [key, old] : items)
    if (key == name) {
      old = std::move(value);
      return;
    }
  if (items.size() >= 1000) throw Trouble("a namespace holds more than 1000 names");
  items.emplace_back(name, std::move(value));
}

Space* Runtime::new_space() {
  burn(256);
  return &spaces_.emplace_back();
}

// ---- dicts

namespace {
constexpr size_t kSmallDict = 8;

void index_dict(Dict& dict) {
  if (dict.items.size() <= kSmallDict) return;
  for (size_t i = dict.index.size(); i < dict.items.size(); i++) dict.index.emplace(hash_key(dict.items[i].first), i);
}
}  // namespace

void DictMaker::set(const Value& key, const Value& value) {
  const std::string hashed = hash_key(key);
  runtime_.burn(200 + hashed.size());
  dict_->depth = std::max(dict_->depth, depth_with(std::max(key.depth(), value.depth())));
  size_t at = dict_->items.size();
  if (at > kSmallDict) {
    index_dict(*dict_);
    if (const auto it = dict_->index.find(hashed); it != dict_->index.end()) at = it->second;
  } else {
    for (size_t i = 0; i < dict_->items.size(); i++)
      if (hash_key(dict_->items[i].first) == hashed) at = i;
  }
  if (at < dict_->items.size())
    dict_->items[at].second = value;
  else
    dict_->items.emplace_back(key, value);
}

Value DictMaker::finish() {
  index_dict(*dict_);
  return Value::object(Kind::dict, std::move(dict_));
}

std::string hash_key(const Value& v) {
  switch (v.kind()) {
    case Kind::none:
      return "N";
    case Kind::undefined:
      return "U";
    case Kind::boolean:
    case Kind::integer:
      return fmt::format("i{}", v.whole());
    case Kind::real:
      if (v.number() == std::floor(v.number()) && std::abs(v.number()) < 9e18)
        return fmt::format("i{}", static_cast<int64_t>(v.number()));
      return fmt::format("f{}", v.number());
    case Kind::text:
      return "s" + v.text().bytes();
    case Kind::tuple: {
      std::string out = "(";
      for (const Value& item : v.items()) {
        const std::string key = hash_key(item);
        out += fmt::format("{}:{}", key.size(), key);
        if (out.size() > (1u << 20)) throw Trouble("a key is too large");
      }
      return out;
    }
    case Kind::range:
      return fmt::format("r{},{},{}", v.range().count, v.range().count > 0 ? v.range().start : 0,
                         v.range().count > 1 ? v.range().step : 0);
    case Kind::list:
    case Kind::dict:
    case Kind::view:
      throw Trouble(fmt::format("unhashable type: '{}'", type_name(v)));
    case Kind::space:
      return fmt::format("p{}", static_cast<const void*>(&v.space()));
    case Kind::loop:
    case Kind::iterator:
    case Kind::function:
      break;
  }
  return fmt::format("p{}", static_cast<const void*>(v.identity()));
}

const Value* find_in(Runtime& runtime, const Value& dict, const Value& key) {
  if (key.is_text()) {
    runtime.burn(1 + key.text().bytes().size() / 16);
    return find_in(dict, key.text().bytes());
  }
  const Dict& d = dict.dict();
  const std::string hashed = hash_key(key);
  runtime.burn(8 + hashed.size());
  if (d.items.size() > kSmallDict) {
    const auto it = d.index.find(hashed);
    return it == d.index.end() ? nullptr : &d.items[it->second].second;
  }
  for (const auto& [k, value] : d.items)
    if (hash_key(k) == hashed) return &value;
  return nullptr;
}

const Value* find_in(const Value& dict, std::string_view key) {
  const Dict& d = dict.dict();
  if (d.items.size() > kSmallDict) {
    const auto it = d.index.find("s" + std::string(key));
    return it == d.index.end() ? nullptr : &d.items[it->second].second;
  }
  for (const auto& [k, value] : d.items)
    if (k.is_text() && k.text().bytes() == key) return &value;
  return nullptr;
}

Value from_json(Runtime& runtime, const nlohmann::ordered_json& json, uint8_t origin) {
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case nlohmann::ordered_json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case nlohmann::ordered_json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        throw Trouble(fmt::format("the whole number {} is above {}, the largest that templates hold here",
                                  json.get<uint64_t>(), INT64_MAX));
      return Value::integer(json.get<int64_t>());
    case nlohmann::ordered_json::value_t::number_float:
      return Value::real(json.get<double>());
    case nlohmann::ordered_json::value_t::string:
      return Value::text(Text(json.get_ref<const std::string&>(), origin));
    case nlohmann::ordered_json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json(runtime, item, origin));
      return Value::list(std::move(items));
    }
    case nlohmann::ordered_json::value_t::object: {
      DictMaker out(runtime);
      for (const auto& [key, item] : json.items())
        out.set(Value::text(Text(key, origin)), from_json(runtime, item, origin));
      return out.finish();
    }
    default:
      return {};
  }
}

// ---- what they are

const char* type_name(const Value& v) {
  switch (v.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::text:
      return v.text().markup ? "Markup" : "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return v.sequence().is_group ? "_GroupTuple" : "tuple";
    case Kind::dict:
      return "dict";
    case Kind::view:
      return v.view().what == View::What::keys     ? "dict_keys"
             : v.view().what == View::What::values ? "dict_values"
                                                   : "dict_items";
    case Kind::range:
      return "range";
    case Kind::iterator:
      return v.iterator().type;
    case Kind::function:
      return v.function().type;
    case Kind::space:
      return "Namespace";
    case Kind::loop:
      return "LoopContext";
  }
  return "object";
}

std::string described(const Value& v) {
  if (v.is_none()) return "None";
  if (v.is(Kind::tuple) && v.sequence().is_group) return "jinja2.filters._GroupTuple object";
  if (v.is(Kind::loop)) return "jinja2.runtime.LoopContext object";
  if (v.is(Kind::space)) return "jinja2.utils.Namespace object";
  if (v.is_text() && v.text().markup) return "markupsafe.Markup object";
  return std::string(type_name(v)) + " object";
}

bool truth(const Value& v) {
  switch (v.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return v.whole() != 0;
    case Kind::real:
      return v.number() != 0;
    case Kind::text:
      return !v.text().empty();
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::view:
    case Kind::range:
      return length_of(v) != 0;
    case Kind::iterator:
    case Kind::function:
    case Kind::space:
    case Kind::loop:
      break;
  }
  return true;
}

void fail_undefined(const Value& v) { throw Trouble(v.missing().why); }
void need_defined(const Value& v) {
  if (v.is_undefined()) fail_undefined(v);
}

// ---- comparing

namespace {
bool equal_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (!equal(runtime, a[i], b[i])) return false;
  return true;
}

bool equal_dicts(Runtime& runtime, const Value& a, const Value& b) {
  if (a.dict().items.size() != b.dict().items.size()) return false;
  for (const auto& [key, value] : a.dict().items) {
    const Value* other = find_in(runtime, b, key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}
}  // namespace

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.burn(4);
  if (a.is_number() && b.is_number()) {
    if (a.is_whole() && b.is_whole()) return a.whole() == b.whole();
    // long double holds both a 64-bit integer and a double exactly
    const auto wide = [](const Value& v) {
      return v.is_whole() ? static_cast<long double>(v.whole()) : static_cast<long double>(v.number());
    };
    return wide(a) == wide(b);
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::none:
    case Kind::undefined:
      return true;
    case Kind::text:
      runtime.burn(std::min(a.text().bytes().size(), b.text().bytes().size()) / 16);
      return a.text().bytes() == b.text().bytes();
    case Kind::list:
    case Kind::tuple:
      return a.identity() == b.identity() || equal_items(runtime, a.items(), b.items());
    case Kind::dict:
      return a.identity() == b.identity() || equal_dicts(runtime, a, b);
    case Kind::range:
      return hash_key(a) == hash_key(b);
    case Kind::view:
      return a.view().what == b.view().what && a.view().what != View::What::values &&
             equal_items(runtime, listed(runtime, a), listed(runtime, b));
    default:
      return hash_key(a) == hash_key(b);
  }
}

bool less(Runtime& runtime, const Value& a, const Value& b, const char* op) {
  runtime.burn(4);
  need_defined(a);
  need_defined(b);
  if (a.is_number() && b.is_number()) {
    if (a.is_whole() && b.is_whole()) return a.whole() < b.whole();
    const long double x = a.is_whole() ? static_cast<long double>(a.whole()) : static_cast<long double>(a.number());
    const long double y = b.is_whole() ? static_cast<long double>(b.whole()) : static_cast<long double>(b.number());
    return x < y;
  }
  if (a.is_text() && b.is_text()) {
    runtime.burn(std::min(a.text().bytes().size(), b.text().bytes().size()) / 16);
    return a.text().bytes() < b.text().bytes();  // UTF-8 orders as code points do
  }
  if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) {
    const auto &x = a.items(), &y = b.items();
    for (size_t i = 0; i < std::min(x.size(), y.size()); i++)
      if (!equal(runtime, x[i], y[i])) return less(runtime, x[i], y[i], op);
    return x.size() < y.size();
  }
  throw Trouble(fmt::format("'{}' not supported between instances of '{}' and '{}'", op, type_name(a), type_name(b)));
}

bool contains(Runtime& runtime, const Value& where, const Value& what) {
  if (where.is_text()) {
    if (!what.is_text()) {
      need_defined(what);
      throw Trouble(fmt::format("'in <string>' requires string as left operand, not {}", type_name(what)));
    }
    runtime.burn(where.text().bytes().size() / 8 + what.text().bytes().size());
    // string::find may take the product of both lengths
    if (!what.text().empty()) {
      const auto first = what.text().bytes()[0];
      const auto& hay = where.text().bytes();
      runtime.burn(static_cast<uint64_t>(std::count(hay.begin(), hay.end(), first)) * what.text().bytes().size() / 64);
    }
    return where.text().bytes().find(what.text().bytes()) != std::string::npos;
  }
  if (where.is(Kind::dict)) return find_in(runtime, where, what) != nullptr;
  if (where.is(Kind::range) && what.is_whole()) {
    const Range& r = where.range();
    if (r.count == 0) return false;
    const int64_t last = r.start + (r.count - 1) * r.step, low = std::min(r.start, last),
                  high = std::max(r.start, last);
    return what.whole() >= low && what.whole() <= high && (what.whole() - r.start) % r.step == 0;
  }
  if (!is_iterable(where)) throw Trouble(fmt::format("argument of type '{}' is not iterable", type_name(where)));
  const auto next = iterate(runtime, where);
  for (Value item; next(item);)
    if (equal(runtime, item, what)) return true;
  return false;
}

}  // namespace r1::jinja
