// YAML from any bytes: read within the bounds, or refused by r1::UsageError.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "cli/yaml_document.h"

namespace {

size_t count(const r1::YamlValue& v, int depth) {
  if (depth > 32) std::abort();
  size_t n = 1;
  for (const r1::YamlValue& item : v.items) n += count(item, depth + 1);
  for (const auto& [key, value] : v.members) n += count(value, depth + 1);
  return n;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const r1::YamlDocument yaml = r1::parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (count(yaml.root, 0) > 60000) std::abort();  // what is merged by << counts once where it stands
    if (yaml.root.shown().size() > 60) std::abort();
  } catch (const r1::UsageError&) {
  }
  return 0;
}
