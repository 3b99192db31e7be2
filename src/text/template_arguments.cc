#include "text/template_arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace r1::jinja {

Bound::Bound(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> parameters,
             size_t required)
    : function_(function), values_(parameters.size(), nullptr) {
  if (arguments.args.size() > parameters.size())
    throw Trouble(fmt::format("{}() takes at most {} argument{} ({} given)", function, parameters.size(),
                              parameters.size() == 1 ? "" : "s", arguments.args.size()));
  for (size_t i = 0; i < arguments.args.size(); i++) values_[i] = &arguments.args[i];
  for (const auto& [name, value] : arguments.named) {
    const auto it = name.empty() ? parameters.end() : std::find(parameters.begin(), parameters.end(), name);
    if (it == parameters.end())
      throw Trouble(fmt::format("{}() got an unexpected keyword argument '{}'", function, name));
    const size_t i = static_cast<size_t>(it - parameters.begin());
    if (values_[i] != nullptr) throw Trouble(fmt::format("{}() got multiple values for argument '{}'", function, name));
    values_[i] = &value;
  }
  for (size_t i = 0; i < required; i++)
    if (values_[i] == nullptr)
      throw Trouble(fmt::format(
          "{}() missing required argument {}", function,
          parameters.begin()[i].empty() ? fmt::format("{}", i + 1) : fmt::format("'{}'", parameters.begin()[i])));
}

const Text& Bound::text(size_t i) const {
  need_defined(*values_[i]);
  if (!values_[i]->is_text())
    throw Trouble(fmt::format("{}() argument {} must be str, not {}", function_, i + 1, type_name(*values_[i])));
  return values_[i]->text();
}

int64_t Bound::whole(size_t i, int64_t fallback) const {
  if (!has(i)) return fallback;
  need_defined(*values_[i]);
  if (!values_[i]->is_whole())
    throw Trouble(fmt::format("{}() argument {}: '{}' object cannot be interpreted as an integer", function_, i + 1,
                              type_name(*values_[i])));
  return values_[i]->whole();
}

}  // namespace r1::jinja
