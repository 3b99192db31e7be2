// Walking over values, and reaching inside them.
#include <fmt/format.h>

#include <algorithm>

#include "text/template_values.h"

namespace r1::jinja {

bool is_iterable(const Value& v) {
  switch (v.kind()) {
    case Kind::undefined:
    case Kind::text:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::view:
    case Kind::range:
    case Kind::iterator:
      return true;
    default:
      return false;
  }
}

namespace {

Value view_item(const View& view, size_t i) {
  const auto& [key, value] = view.dict.dict().items[i];
  if (view.what == View::What::keys) return key;
  if (view.what == View::What::values) return value;
  return Value::tuple({key, value});
}

std::function<bool(Value&)> iterate_text(Runtime& runtime, const Value& v) {
  return [&runtime, v, at = size_t{0}](Value& out) mutable {
    const Text& text = v.text();
    if (at >= text.bytes().size()) return false;
    size_t end = at + 1;
    while (end < text.bytes().size() && (text.bytes()[end] & 0xC0) == 0x80) end++;
    runtime.burn(128);
    Text one = text.part(at, end);
    one.markup = false;
    out = Value::text(std::move(one));
    at = end;
    return true;
  };
}

}  // namespace

std::function<bool(Value&)> iterate(Runtime& runtime, const Value& v) {
  switch (v.kind()) {
    case Kind::undefined:
      return [](Value&) { return false; };
    case Kind::text:
      return iterate_text(runtime, v);
    case Kind::list:
    case Kind::tuple:
      return [v, i = size_t{0}](Value& out) mutable { return i < v.items().size() && (out = v.items()[i++], true); };
    case Kind::dict:
      return [v, i = size_t{0}](Value& out) mutable {
        return i < v.dict().items.size() && (out = v.dict().items[i++].first, true);
      };
    case Kind::view:
      return [&runtime, v, i = size_t{0}](Value& out) mutable {
        if (i >= v.view().dict.dict().items.size()) return false;
        runtime.burn(v.view().what == View::What::items ? 96 : 0);
        out = view_item(v.view(), i++);
        return true;
      };
    case Kind::range:
      return [v, i = int64_t{0}](Value& out) mutable {
        if (i >= v.range().count) return false;
        out = Value::integer(v.range().start + v.range().step * i++);
        return true;
      };
    case Kind::iterator:
      return [v](Value& out) { return v.iterator().next(out); };
    default:
      throw Trouble(fmt::format("'{}' object is not iterable", type_name(v)));
  }
}

std::vector<Value> listed(Runtime& runtime, const Value& v) {
  std::vector<Value> out;
  if (v.is(Kind::list) || v.is(Kind::tuple)) {
    runtime.burn(v.items().size() * sizeof(Value));
    return v.items();
  }
  const auto next = iterate(runtime, v);
  for (Value item; next(item);) {
    runtime.burn(sizeof(Value));
    out.push_back(item);
  }
  return out;
}

int64_t length_of(const Value& v) {
  switch (v.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::text:
      return static_cast<int64_t>(v.text().length());
    case Kind::list:
    case Kind::tuple:
      return static_cast<int64_t>(v.items().size());
    case Kind::dict:
      return static_cast<int64_t>(v.dict().items.size());
    case Kind::view:
      return static_cast<int64_t>(v.view().dict.dict().items.size());
    case Kind::range:
      return v.range().count;
    default:
      return -1;
  }
}

namespace {

Value missing_attribute(const Value& object, const std::string& name) {
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", described(object), name));
}

// A field by its own name alone: a dict's item, a namespace's.
const Value* field(const Value& object, const std::string& name) {
  if (object.is(Kind::dict)) return find_in(object, name);
  if (object.is(Kind::space)) return object.space().find(name);
  return nullptr;
}

void refuse_private(const std::string& name, const Value& object) {
  if (name.starts_with("__"))
    throw Trouble(fmt::format("access to attribute '{}' of '{}' object is unsafe: it is not accessible", name,
                              type_name(object)));
}

}  // namespace

Value get_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  need_defined(object);
  Value out;
  if (own_attribute(runtime, object, name, out)) return out;
  if (const Value* item = field(object, name)) return *item;
  refuse_private(name, object);
  return missing_attribute(object, name);
}

namespace {

// Python's index from the end; -1 when it is outside.
int64_t position(int64_t i, int64_t size) {
  if (i < 0) i += size;
  return i >= 0 && i < size ? i : -1;
}

bool indexed(Runtime& runtime, const Value& object, int64_t index, Value& out) {
  const int64_t at = position(index, length_of(object));
  if (at < 0) return false;
  if (object.is_text()) {
    const Text& text = object.text();
    runtime.burn(64 + (text.is_ascii() ? 0 : text.bytes().size() / 8));
    const size_t begin = text.offset(static_cast<size_t>(at));
    size_t end = begin + 1;
    while (end < text.bytes().size() && (text.bytes()[end] & 0xC0) == 0x80) end++;
    out = Value::text(text.part(begin, end));
  } else if (object.is(Kind::range)) {
    out = Value::integer(object.range().start + object.range().step * at);
  } else {
    out = object.items()[static_cast<size_t>(at)];
  }
  return true;
}

}  // namespace

Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  need_defined(object);
  Value out;
  if (object.is(Kind::dict)) {
    if (key.is(Kind::list) || key.is(Kind::dict)) return missing_attribute(object, type_name(key));
    if (const Value* item = find_in(runtime, object, key)) return *item;
  } else if (key.is_whole() &&
             (object.is_text() || object.is(Kind::list) || object.is(Kind::tuple) || object.is(Kind::range))) {
    if (indexed(runtime, object, key.whole(), out)) return out;
  }
  if (key.is_text()) {
    const std::string& name = key.text().bytes();
    if (own_attribute(runtime, object, name, out)) return out;
    if (const Value* item = field(object, name)) return *item;
    refuse_private(name, object);
    return missing_attribute(object, name);
  }
  return Value::undefined(fmt::format("{} has no element {}", described(object),
                                      key.is_whole() ? fmt::format("{}", key.whole()) : std::string(type_name(key))));
}

// ---- slices

namespace {

struct Span {
  int64_t from, to, by;
};

int64_t bound_of(const Value& v, int64_t fallback) {
  if (v.is_none()) return fallback;
  need_defined(v);
  if (!v.is_whole()) throw Trouble("slice indices must be integers or None or have an __index__ method");
  return v.whole();
}

Span span_of(const Value (&bounds)[3], int64_t size) {
  const int64_t by = bound_of(bounds[2], 1);
  if (by == 0) throw Trouble("slice step cannot be zero");
  const auto clamped = [&](const Value& v, int64_t fallback) {
    if (v.is_none()) return fallback;
    int64_t i = std::clamp(bound_of(v, 0), -(INT64_MAX / 2), INT64_MAX / 2);
    if (i < 0) i += size;
    return by > 0 ? std::clamp<int64_t>(i, 0, size) : std::clamp<int64_t>(i, -1, size - 1);
  };
  return {clamped(bounds[0], by > 0 ? 0 : size - 1), clamped(bounds[1], by > 0 ? size : -1),
          std::clamp(by, -(size + 1), size + 1)};
}

Value slice_text(Runtime& runtime, const Text& text, Span s) {
  runtime.burn(text.bytes().size());
  Text out;
  if (s.by == 1) {
    if (s.from < s.to)
      out.append(text, text.offset(static_cast<size_t>(s.from)), text.offset(static_cast<size_t>(s.to)));
  } else {
    std::vector<size_t> starts;
    runtime.burn(text.bytes().size() * 8);
    for (size_t at = 0; at < text.bytes().size(); at++)
      if ((text.bytes()[at] & 0xC0) != 0x80) starts.push_back(at);
    starts.push_back(text.bytes().size());
    for (int64_t i = s.from; s.by > 0 ? i < s.to : i > s.to; i += s.by)
      out.append(text, starts[static_cast<size_t>(i)], starts[static_cast<size_t>(i) + 1]);
  }
  out.markup = text.markup;
  return Value::text(std::move(out));
}

Value slice_range(const Range& r, Span s) {
  auto out = std::make_shared<Range>();
  if (__builtin_mul_overflow(r.step, s.by, &out->step)) throw Trouble("the step of a range leaves 64 bits");
  if (__builtin_mul_overflow(r.step, s.from, &out->start) || __builtin_add_overflow(r.start, out->start, &out->start) ||
      __builtin_mul_overflow(r.step, s.to, &out->stop) || __builtin_add_overflow(r.start, out->stop, &out->stop))
    throw Trouble("the bounds of a range leave 64 bits");
  out->count = s.by > 0 ? std::max<int64_t>(0, (s.to - s.from + s.by - 1) / s.by)
                        : std::max<int64_t>(0, (s.from - s.to - s.by - 1) / -s.by);
  return Value::object(Kind::range, std::move(out));
}

}  // namespace

Value take_slice(Runtime& runtime, const Value& object, const Value (&bounds)[3]) {
  need_defined(object);
  const bool sliceable = object.is_text() || object.is(Kind::list) || object.is(Kind::tuple) || object.is(Kind::range);
  if (!sliceable) throw Trouble(fmt::format("'{}' object cannot be sliced", type_name(object)));
  const Span s = span_of(bounds, length_of(object));
  if (object.is_text()) return slice_text(runtime, object.text(), s);
  if (object.is(Kind::range)) return slice_range(object.range(), s);
  std::vector<Value> out;
  for (int64_t i = s.from; s.by > 0 ? i < s.to : i > s.to; i += s.by) {
    runtime.burn(sizeof(Value));
    out.push_back(object.items()[static_cast<size_t>(i)]);
  }
  return object.is(Kind::list) ? Value::list(std::move(out)) : Value::tuple(std::move(out));
}

Value call_value(Runtime& runtime, const Value& callee, const Arguments& arguments) {
  need_defined(callee);
  if (callee.is(Kind::function)) return callee.function().call(runtime, arguments);
  if (callee.is(Kind::loop)) {
    if (arguments.args.size() != 1 || !arguments.named.empty()) throw Trouble("loop() takes the items to walk over");
    return callee.loop().recurse(arguments.args[0]);
  }
  throw Trouble(fmt::format("'{}' object is not callable", type_name(callee)));
}

}  // namespace r1::jinja
