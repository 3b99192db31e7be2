// Keys of a config.json, each checked as it is read: an error says the file, the key, what it holds and what is
// expected. A key that is null counts as absent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

class ConfigReader {
 public:
  // Borrows both for its own lifetime. `path` names the file in errors.
  ConfigReader(const nlohmann::ordered_json& object, const std::string& path) : object_(object), path_(path) {}
  bool has(const char* key) const;
  int64_t count(const char* key, int64_t most) const;  // a whole number from 1 to `most`; must be there
  int64_t count(const char* key, int64_t most, int64_t fallback) const;
  double positive(const char* key, double fallback) const;  // finite
  bool flag(const char* key, bool fallback) const;
  std::string text(const char* key, const char* fallback) const;
  // One id or a list of them, added to `out` where not there yet.
  void ids(const char* key, std::vector<int32_t>& out) const;
  int32_t id(const char* key) const;  // -1 when absent
  // An object under `key` as a reader of its own.
  ConfigReader inner(const char* key) const;
  const nlohmann::ordered_json& at(const char* key) const { return object_.at(key); }
  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void refuse(const char* key, const std::string& expected) const;

  const nlohmann::ordered_json& object_;
  const std::string& path_;
};

}  // namespace r1
