// Filters, tests and global functions by name.
#pragma once

#include <map>

#include "text/template_arguments.h"

namespace r1::jinja {

using Filter = Value (*)(Runtime& runtime, const Value& value, const Arguments& arguments);
using Test = bool (*)(Runtime& runtime, const Value& value, const Arguments& arguments);
using FilterTable = std::map<std::string, Filter, std::less<>>;

// Null: there is none of that name.
Filter find_filter(const std::string& name);
Test find_test(const std::string& name);
// Throw Trouble for an unknown name.
Value apply_filter(Runtime& runtime, const std::string& name, const Value& value, const Arguments& arguments);
bool apply_test(Runtime& runtime, const std::string& name, const Value& value, const Arguments& arguments);

// By theme; find_filter looks through all.
const FilterTable& text_filters();
const FilterTable& html_filters();
const FilterTable& list_filters();
const FilterTable& choosing_filters();
const FilterTable& number_filters();

// raise_exception, strftime_now, range, dict, namespace, cycler, joiner.
std::map<std::string, Value> global_functions();

// What an `attribute` argument ("a.b.0", 3, None) finds in an item; `fallback` (may be null) for what is undefined.
Value reach(Runtime& runtime, const Value& item, const Value& path, const Value* fallback = nullptr);
Value ignoring_case(Runtime& runtime, const Value& v);

}  // namespace r1::jinja
