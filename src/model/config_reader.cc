#include "model/config_reader.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace r1 {

using Json = nlohmann::ordered_json;

bool ConfigReader::has(const char* key) const {
  return object_.is_object() && object_.contains(key) && !object_.at(key).is_null();
}

void ConfigReader::refuse(const char* key, const std::string& expected) const {
  fail("{}: config.json: \"{}\" is {}, expected {}", path_, key, object_.at(key).dump(), expected);
}

int64_t ConfigReader::count(const char* key, int64_t most) const {
  if (!has(key)) fail("{}: config.json has no \"{}\" (expected a whole number from 1 to {})", path_, key, most);
  const Json& value = object_.at(key);
  const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= static_cast<uint64_t>(most)
                                               : value.is_number_integer() && value.get<int64_t>() <= most;
  if (!fits || value.get<int64_t>() < 1) refuse(key, fmt::format("a whole number from 1 to {}", most));
  return value.get<int64_t>();
}

int64_t ConfigReader::count(const char* key, int64_t most, int64_t fallback) const {
  return has(key) ? count(key, most) : fallback;
}

double ConfigReader::positive(const char* key, double fallback) const {
  if (!has(key)) return fallback;
  const Json& value = object_.at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() <= 0)
    refuse(key, "a positive number");
  return value.get<double>();
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!object_.at(key).is_boolean()) refuse(key, "true or false");
  return object_.at(key).get<bool>();
}

std::string ConfigReader::text(const char* key, const char* fallback) const {
  if (!has(key)) return fallback;
  if (!object_.at(key).is_string()) refuse(key, "a text");
  return object_.at(key).get<std::string>();
}

void ConfigReader::ids(const char* key, std::vector<int32_t>& out) const {
  if (!has(key)) return;
  const auto add = [&](const Json& id) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      refuse(key, "a token id or a list of them");
    if (std::find(out.begin(), out.end(), id.get<int32_t>()) == out.end()) out.push_back(id.get<int32_t>());
  };
  const Json& value = object_.at(key);
  if (value.is_array()) {
    for (const Json& id : value) add(id);
  } else {
    add(value);
  }
}

int32_t ConfigReader::id(const char* key) const {
  if (!has(key) || object_.at(key) == -1) return -1;  // old Llama files write -1 for none
  std::vector<int32_t> all;
  ids(key, all);
  return all.empty() ? -1 : all[0];
}

ConfigReader ConfigReader::inner(const char* key) const {
  if (!object_.at(key).is_object()) refuse(key, "an object");
  return {object_.at(key), path_};
}

}  // namespace r1
