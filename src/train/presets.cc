#include "train/presets.h"

#include <algorithm>

#include "base/error.h"
#include "base/recipe.h"

namespace r1 {

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, text] : preset_files()) out.emplace_back(name);
    std::sort(out.begin(), out.end());
    return out;
  }();
  return names;
}

KeyValues preset_values(const std::string& name) {
  if (name == "none") return {};
  for (const auto& [preset, text] : preset_files())
    if (preset == name) return parse_recipe(std::string(text), "preset " + name).keys;
  fail_usage("preset {}: expected none, {}", name, fmt::join(preset_names(), ", "));
}

void apply_with_preset(OptionTable& table, const KeyValues& values) {
  std::string preset = "none";
  for (const auto& [key, value] : values)
    if (key == "preset") preset = value;
  table.set_all(preset_values(preset));
  table.set_all(values);
}

}  // namespace r1
