// YAML recipes from any bytes: imported, or refused by r1::Error; what is imported is a recipe that reads back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/recipe.h"
#include "cli/recipe_import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const r1::YamlDocument yaml = r1::parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz");
    const r1::ImportedRecipe recipe = r1::import_recipe(yaml, "fuzz", {});
    try {
      r1::parse_recipe(recipe.toml, "imported");
    } catch (const r1::Error&) {
      std::abort();
    }
  } catch (const r1::Error&) {
  }
  return 0;
}
