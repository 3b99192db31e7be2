// Values while a template runs, with Python's types and rules. Everything but namespaces, iterators and loops is
// immutable, so copies share. Errors in this folder's template_*.cc are thrown as Trouble; the interpreter adds the
// place.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/template_text.h"

namespace r1::jinja {

struct Trouble : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// raise_exception: the template's own refusal, reported as it stands.
struct Refusal : Trouble {
  using Trouble::Trouble;
};

enum class Kind : uint8_t {
  undefined,
  none,
  boolean,
  integer,
  real,
  text,
  list,
  tuple,
  dict,
  view,
  range,
  iterator,
  function,
  space,
  loop
};

struct Object;
struct Sequence;
struct Dict;
struct View;
struct Range;
struct Iterator;
struct Function;
struct Space;
struct LoopState;
struct Missing;
class Runtime;

class Value {
 public:
  Value() = default;  // None
  static Value undefined(std::string why, bool unsafe = false);
  static Value boolean(bool b);
  static Value integer(int64_t i);
  static Value real(double d);
  static Value text(Text t);
  static Value text(std::string bytes) { return text(Text(std::move(bytes))); }
  // Throw Trouble when nested too deep.
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value object(Kind kind, std::shared_ptr<const Object> object);
  static Value space(Space* space);  // owned by the runtime
  static Value loop(std::shared_ptr<LoopState> state);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_text() const { return kind_ == Kind::text; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_whole() const { return kind_ == Kind::integer || kind_ == Kind::boolean; }  // Python's int
  bool is_number() const { return is_whole() || kind_ == Kind::real; }

  bool boolean() const { return plain_.whole != 0; }
  int64_t whole() const { return plain_.whole; }
  double number() const { return kind_ == Kind::real ? plain_.real : static_cast<double>(plain_.whole); }
  const Text& text() const;
  const std::vector<Value>& items() const;  // list or tuple
  const Sequence& sequence() const;
  const Dict& dict() const;
  const View& view() const;
  const Range& range() const;
  const Iterator& iterator() const;
  const Function& function() const;
  const Missing& missing() const;
  Space& space() const { return *plain_.space; }
  LoopState& loop() const;
  const Object* identity() const { return object_.get(); }
  int depth() const;

 private:
  Kind kind_ = Kind::none;
  union {
    int64_t whole = 0;
    double real;
    Space* space;
  } plain_;
  std::shared_ptr<const Object> object_;  // shared by all copies of the value; never changed
};

struct Object {
  virtual ~Object() = default;
  int depth = 1;  // levels below, itself included: bounded, for values are walked recursively
};
struct Missing : Object {
  std::string why;      // as Jinja says it: 'x' is undefined
  bool unsafe = false;  // refused by the sandbox
};
struct TextObject : Object {
  Text text;
};
struct Sequence : Object {
  std::vector<Value> items;
  bool is_group = false;  // groupby's pair, with the names grouper and list
};
struct Dict : Object {
  std::vector<std::pair<Value, Value>> items;     // in order of first insertion
  std::unordered_map<std::string, size_t> index;  // by hash_key, when there are more than a few items
};
struct View : Object {
  enum class What { keys, values, items } what;
  Value dict;
};
struct Range : Object {
  int64_t start, stop, step, count;
};
struct Iterator : Object {
  const char* type = "generator";
  mutable std::function<bool(Value&)> next;  // false at the end, from then on
};
struct Arguments {
  std::vector<Value> args;
  std::vector<std::pair<std::string, Value>> named;
};
struct Function : Object {
  std::string name;
  const char* type = "function";
  std::function<Value(Runtime&, const Arguments&)> call;
  std::function<Value(const std::string&)> attribute;  // null: it has none. A macro's or a cycler's
};
// A running loop, as the variable `loop` shows it.
struct LoopState : Object {
  virtual bool attribute(const std::string& name, Value& out) = 0;
  virtual Value recurse(const Value& items) = 0;
  virtual std::string described() = 0;
};
struct Space {
  std::vector<std::pair<std::string, Value>> items;
  const Value* find(std::string_view name) const;
  void set(const std::string& name, Value value);
};

constexpr int kDeepestValue = 200;

// What a rendering may still spend, and what it must keep alive until its end.
class Runtime {
 public:
  explicit Runtime(int64_t fuel) : fuel_(fuel) {}
  // `n`: roughly the bytes touched. Throws Trouble.
  void burn(uint64_t n) {
    if (n > static_cast<uint64_t>(fuel_)) throw Trouble("the template does too much work, or makes too large values");
    fuel_ -= static_cast<int64_t>(n);
  }
  Space* new_space();

 private:
  int64_t fuel_;
  std::deque<Space> spaces_;
};

// Builds a dict; a later value of an equal key takes the earlier one's place.
class DictMaker {
 public:
  explicit DictMaker(Runtime& runtime) : runtime_(runtime), dict_(std::make_shared<Dict>()) {}
  void set(const Value& key, const Value& value);  // throws Trouble for a key that cannot be hashed
  Value finish();

 private:
  Runtime& runtime_;
  std::shared_ptr<Dict> dict_;
};

// The value of JSON whose texts came from `origin`.
Value from_json(Runtime& runtime, const nlohmann::ordered_json& json, uint8_t origin);

const char* type_name(const Value& v);  // Python's: str, int, NoneType, ...
std::string described(const Value& v);  // as undefined errors name it: "dict object", "None"
bool truth(const Value& v);
// Throws Trouble: what an operation on an undefined value says.
[[noreturn]] void fail_undefined(const Value& v);
void need_defined(const Value& v);

// Equal for equal hashable values, as Python's dicts take them. Throws Trouble (unhashable type).
std::string hash_key(const Value& v);
const Value* find_in(Runtime& runtime, const Value& dict, const Value& key);  // null: not there
const Value* find_in(const Value& dict, std::string_view key);
bool equal(Runtime& runtime, const Value& a, const Value& b);
bool less(Runtime& runtime, const Value& a, const Value& b,
          const char* op = "<");  // throws Trouble where Python has no order
bool contains(Runtime& runtime, const Value& where, const Value& what);

// Iteration. `length_of` gives -1 where Python's len() fails.
std::function<bool(Value&)> iterate(Runtime& runtime, const Value& v);  // throws Trouble when v is not iterable
bool is_iterable(const Value& v);
std::vector<Value> listed(Runtime& runtime, const Value& v);
int64_t length_of(const Value& v);
Value make_iterator(const char* type, const Value& source, std::function<bool(Value&)> next);
Value make_function(std::string name, std::function<Value(Runtime&, const Arguments&)> call,
                    const Value* self = nullptr);
Value call_value(Runtime& runtime, const Value& callee, const Arguments& arguments);

// obj.name and obj[key] with the sandbox's rules. What is not there is undefined.
Value get_attribute(Runtime& runtime, const Value& object, const std::string& name);
Value get_item(Runtime& runtime, const Value& object, const Value& key);
Value take_slice(Runtime& runtime, const Value& object, const Value (&bounds)[3]);  // None: left out
// Python's attribute alone (a method, a field), without the fallback to items; false when there is none.
bool own_attribute(Runtime& runtime, const Value& object, const std::string& name, Value& out);

}  // namespace r1::jinja
