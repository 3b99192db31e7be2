// Papers' settings by name: recipes/presets/NAME.toml, held in the program.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/options.h"

namespace r1 {

// Every preset, sorted.
const std::vector<std::string>& preset_names();

// The keys a preset sets; none for "none". Throws r1::UsageError for a name that is none.
KeyValues preset_values(const std::string& name);

// Sets `values` on `table`, the preset among them first, whatever its place.
void apply_with_preset(OptionTable& table, const KeyValues& values);

// Name and text of every file; the build writes it from the folder.
const std::vector<std::pair<std::string_view, std::string_view>>& preset_files();

}  // namespace r1
