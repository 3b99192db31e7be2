// Filters over lists and mappings.
#include <fmt/format.h>

#include <algorithm>

#include "text/template_filters.h"
#include "text/template_operators.h"
#include "text/template_print.h"

namespace r1::jinja {

Value ignoring_case(Runtime& runtime, const Value& v) {
  if (!v.is_text()) return v;
  std::string name = "lower";
  return apply_filter(runtime, name, v, {});
}

namespace {

Value reach_one(Runtime& runtime, const Value& item, const std::string& part) {
  const bool numbered =
      !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (numbered && part.size() < 18) return get_item(runtime, item, Value::integer(std::stoll(part)));
  return get_item(runtime, item, Value::text(part));
}

}  // namespace

Value reach(Runtime& runtime, const Value& item, const Value& path, const Value* fallback) {
  const auto or_fallback = [&](Value v) {
    return v.is_undefined() && fallback != nullptr && !fallback->is_none() ? *fallback : v;
  };
  if (path.is_none()) return item;
  if (!path.is_text()) return or_fallback(get_item(runtime, item, path));
  const std::string& names = path.text().bytes();
  Value value = item;
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find('.', begin), names.size());
    value = or_fallback(reach_one(runtime, value, names.substr(begin, end - begin)));
    begin = end + 1;
  }
  return value;
}

namespace {

Value length(Runtime&, const Value& v, const Arguments& arguments) {
  const Bound b("length", arguments, {});
  const int64_t n = length_of(v);
  if (n < 0) throw Trouble(fmt::format("object of type '{}' has no len()", type_name(v)));
  return Value::integer(n);
}

Value first(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("first", arguments, {});
  Value out;
  return iterate(runtime, v)(out) ? out : Value::undefined("No first item, sequence was empty.");
}

bool is_reversible(const Value& v) {
  return v.is_text() || v.is(Kind::list) || v.is(Kind::tuple) || v.is(Kind::dict) || v.is(Kind::view) ||
         v.is(Kind::range);
}

Value last(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("last", arguments, {});
  if (!v.is_undefined() && !is_reversible(v)) throw Trouble(fmt::format("'{}' object is not reversible", type_name(v)));
  if (length_of(v) == 0) return Value::undefined("No last item, sequence was empty.");
  if (v.is(Kind::dict) || v.is(Kind::view)) return listed(runtime, v).back();
  return get_item(runtime, v, Value::integer(-1));
}

Value list(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("list", arguments, {});
  return Value::list(listed(runtime, v));
}

Value reversed(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("reverse", arguments, {});
  if (v.is_text()) return take_slice(runtime, v, {Value(), Value(), Value::integer(-1)});
  if (!is_iterable(v)) throw Trouble("argument must be iterable");
  std::vector<Value> items = listed(runtime, v);
  std::reverse(items.begin(), items.end());
  if (!is_reversible(v)) return Value::list(std::move(items));
  const Value all = Value::list(std::move(items));
  return make_iterator("reversed", all, iterate(runtime, all));
}

Value items(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("items", arguments, {});
  if (v.is_undefined()) return make_iterator("generator", v, iterate(runtime, v));
  if (!v.is(Kind::dict)) throw Trouble("Can only get item pairs from a mapping.");
  auto view = std::make_shared<View>();
  view->what = View::What::items;
  view->dict = v;
  return make_iterator("generator", v, iterate(runtime, Value::object(Kind::view, std::move(view))));
}

std::vector<Value> ordered(Runtime& runtime, const std::vector<Value>& items, const std::vector<Value>& keys,
                           bool reverse) {
  std::vector<Value> out;
  runtime.burn(items.size() * sizeof(Value));
  for (size_t i : sorted_order(runtime, keys, reverse)) out.push_back(items[i]);
  return out;
}

Value dictsort(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = b.has(1) ? b.text(1).bytes() : "key";
  if (by != "key" && by != "value") throw Trouble("You can only sort by either \"key\" or \"value\"");
  need_defined(v);
  if (!v.is(Kind::dict)) throw Trouble(fmt::format("dictsort needs a mapping, not {}", type_name(v)));
  std::vector<Value> pairs, keys;
  for (const auto& [key, value] : v.dict().items) {
    runtime.burn(256);
    pairs.push_back(Value::tuple({key, value}));
    const Value& what = by == "key" ? key : value;
    keys.push_back(b.flag(0, false) ? what : ignoring_case(runtime, what));
  }
  return Value::list(ordered(runtime, pairs, keys, b.flag(2, false)));
}

// The values that sort compares: one for each attribute of a list "a,b.c".
Value sort_key(Runtime& runtime, const Value& item, const Value& attribute, bool case_sensitive) {
  std::vector<Value> key;
  const auto add = [&](const Value& path) {
    const Value v = reach(runtime, item, path);
    key.push_back(case_sensitive ? v : ignoring_case(runtime, v));
  };
  runtime.burn(128);
  if (!attribute.is_text()) {
    add(attribute);
  } else {
    const std::string& names = attribute.text().bytes();
    for (size_t begin = 0; begin <= names.size();) {
      const size_t end = std::min(names.find(',', begin), names.size());
      add(Value::text(names.substr(begin, end - begin)));
      begin = end + 1;
    }
  }
  return Value::list(std::move(key));
}

Value sorted(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const std::vector<Value> items = listed(runtime, v);
  std::vector<Value> keys;
  for (const Value& item : items) keys.push_back(sort_key(runtime, item, b.value(2, Value()), b.flag(1, false)));
  return Value::list(ordered(runtime, items, keys, b.flag(0, false)));
}

Value unique(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("unique", arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = b.flag(0, false);
  const Value attribute = b.value(1, Value());
  return make_iterator("generator", v,
                       [&runtime, next = iterate(runtime, v), case_sensitive, attribute,
                        seen = std::unordered_map<std::string, bool>()](Value& out) mutable {
                         while (next(out)) {
                           const Value key = reach(runtime, out, attribute);
                           const std::string hashed = hash_key(case_sensitive ? key : ignoring_case(runtime, key));
                           runtime.burn(96 + hashed.size());
                           if (seen.emplace(hashed, true).second) return true;
                         }
                         return false;
                       });
}

Value extreme(Runtime& runtime, const Value& v, const Arguments& arguments, bool smallest) {
  const Bound b(smallest ? "min" : "max", arguments, {"case_sensitive", "attribute"});
  const auto next = iterate(runtime, v);
  Value best, best_key;
  bool any = false;
  for (Value item; next(item);) {
    Value key = reach(runtime, item, b.value(1, Value()));
    if (!b.flag(0, false)) key = ignoring_case(runtime, key);
    if (any && !(smallest ? less(runtime, key, best_key) : less(runtime, best_key, key, ">"))) continue;
    any = true;
    best = item;
    best_key = key;
  }
  return any ? best : Value::undefined("No aggregated item, sequence was empty.");
}

Value smallest(Runtime& runtime, const Value& v, const Arguments& arguments) {
  return extreme(runtime, v, arguments, true);
}
Value largest(Runtime& runtime, const Value& v, const Arguments& arguments) {
  return extreme(runtime, v, arguments, false);
}

Value sum(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("sum", arguments, {"attribute", "start"});
  Value total = b.value(1, Value::integer(0));
  if (total.is_text()) throw Trouble("sum() can't sum strings [use ''.join(seq) instead]");
  const auto next = iterate(runtime, v);
  for (Value item; next(item);)
    total = arithmetic(runtime, Operator::add, total, b.given(0) ? reach(runtime, item, b[0]) : item);
  return total;
}

Value batch(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("batch", arguments, {"linecount", "fill_with"}, 1);
  if (!b[0].is_number()) throw Trouble("batch: linecount must be a number");
  const double count = b[0].number();
  const Value fill = b.value(1, Value());
  std::vector<Value> rows, row;
  const auto next = iterate(runtime, v);
  for (Value item; next(item);) {
    runtime.burn(2 * sizeof(Value));
    if (static_cast<double>(row.size()) == count) {
      runtime.burn(96);
      rows.push_back(Value::list(std::exchange(row, {})));
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    while (!fill.is_none() && static_cast<double>(row.size()) < count) {
      runtime.burn(sizeof(Value));
      row.push_back(fill);
    }
    rows.push_back(Value::list(std::move(row)));
  }
  const Value all = Value::list(std::move(rows));
  return make_iterator("generator", all, iterate(runtime, all));
}

Value slice(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("slice", arguments, {"slices", "fill_with"}, 1);
  const std::vector<Value> items = listed(runtime, v);
  const int64_t slices = b.whole(0, 0), size = static_cast<int64_t>(items.size());
  if (slices == 0) throw Trouble("integer division or modulo by zero");
  const Value fill = b.value(1, Value());
  if (slices > 0) runtime.burn(static_cast<uint64_t>(std::min<int64_t>(slices, INT64_MAX / 256)) * 128);
  std::vector<Value> rows;
  int64_t begin = 0;
  for (int64_t i = 0; i < slices; i++) {
    const bool extra = i < size % slices;
    const int64_t end = begin + size / slices + (extra ? 1 : 0);
    std::vector<Value> row(items.begin() + begin, items.begin() + end);
    if (!fill.is_none() && !extra) row.push_back(fill);
    rows.push_back(Value::list(std::move(row)));
    begin = end;
  }
  const Value all = Value::list(std::move(rows));
  return make_iterator("generator", all, iterate(runtime, all));
}

Value group(const Value& key, std::vector<Value> members) {
  auto pair = std::make_shared<Sequence>();
  pair->is_group = true;
  const Value list = Value::list(std::move(members));
  pair->items = {key, list};
  pair->depth = std::min(std::max(key.depth(), list.depth()) + 1, kDeepestValue);
  return Value::object(Kind::tuple, std::move(pair));
}

Value groupby(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const Value fallback = b.value(1, Value());
  const std::vector<Value> items = listed(runtime, v);
  std::vector<Value> shown, keys;
  for (const Value& item : items) {
    runtime.burn(2 * sizeof(Value));
    shown.push_back(reach(runtime, item, b[0], &fallback));
    keys.push_back(b.flag(2, false) ? shown.back() : ignoring_case(runtime, shown.back()));
  }
  std::vector<Value> groups, members;
  const std::vector<size_t> order = sorted_order(runtime, keys, false);
  for (size_t i = 0; i < order.size(); i++) {
    members.push_back(items[order[i]]);
    if (i + 1 < order.size() && equal(runtime, keys[order[i]], keys[order[i + 1]])) continue;
    runtime.burn(512);
    const Value& key = shown[order[i + 1 - members.size()]];  // as the first member has it
    groups.push_back(group(key, std::exchange(members, {})));
  }
  return Value::list(std::move(groups));
}

Value random(Runtime&, const Value&, const Arguments&) {
  throw Trouble("the filter random has no place in a chat template: its text would differ every time");
}

}  // namespace

const FilterTable& list_filters() {
  static const FilterTable table = {{"length", length}, {"count", length},      {"first", first},  {"last", last},
                                    {"list", list},     {"reverse", reversed},  {"items", items},  {"sort", sorted},
                                    {"unique", unique}, {"dictsort", dictsort}, {"min", smallest}, {"max", largest},
                                    {"sum", sum},       {"batch", batch},       {"slice", slice},  {"groupby", groupby},
                                    {"random", random}};
  return table;
}

}  // namespace r1::jinja
