// A call's arguments matched with a function's parameters, as Python does it.
#pragma once

#include <initializer_list>

#include "text/template_values.h"

namespace r1::jinja {

class Bound {
 public:
  // `parameters`: names; an empty one can only be given by position. Throws Trouble for missing, unknown, doubled or
  // too many arguments.
  Bound(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> parameters,
        size_t required = 0);
  bool has(size_t i) const { return values_[i] != nullptr; }
  bool given(size_t i) const { return has(i) && !values_[i]->is_none(); }
  const Value& operator[](size_t i) const { return *values_[i]; }
  Value value(size_t i, Value fallback) const { return has(i) ? *values_[i] : std::move(fallback); }
  // Throw Trouble for another type.
  const Text& text(size_t i) const;
  int64_t whole(size_t i, int64_t fallback) const;
  bool flag(size_t i, bool fallback) const { return has(i) ? truth(*values_[i]) : fallback; }

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

}  // namespace r1::jinja
