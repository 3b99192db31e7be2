// YAML as PyYAML's safe_load reads it (YAML 1.1), for other programs' recipes: yes, no, on and off are booleans, 1e-6
// without a dot is a text, aliases and merge keys work, of a key that stands twice the last one counts. Bounded: 1 MB,
// 32 levels, 20,000 values (a text counts one more for every 256 bytes) after aliases are followed, 2,000 keys of a
// map.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

struct YamlMember;
struct YamlValue {
  enum class Kind { null, boolean, integer, real, text, list, map };
  Kind kind = Kind::null;
  std::string text;  // scalars: as a recipe would spell them (true, 1000, 5e-07); null: empty
  uint32_t line = 0;
  std::vector<YamlValue> items;     // list
  std::vector<YamlMember> members;  // map, in the file's order

  bool is(Kind k) const { return kind == k; }
  const YamlValue* find(std::string_view key) const;  // null: not there
  // For messages: scalars as they are, lists and maps in brackets; cut at 60 characters.
  std::string shown() const;
};
struct YamlMember {
  std::string key;
  YamlValue value;
};

struct YamlDocument {
  YamlValue root;
  std::vector<std::string> notes;  // "line 7: key a stands twice; the last one counts"
};

// One document. Throws r1::UsageError beginning with "name: line L" for what is no YAML, tags that build objects, keys
// that are no scalars, several documents, and what is beyond the bounds.
YamlDocument parse_yaml(std::string_view text, const std::string& name);

}  // namespace r1
