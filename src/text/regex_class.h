// Sets of characters while a pattern is translated: what stands inside [...], a property, an escape like \w.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace r1 {

// The union of `items` (what PCRE2 would have between the brackets) and of the single-character patterns in `others`.
struct CharacterSet {
  std::string items;
  std::vector<std::string> others;

  void add(uint32_t first, uint32_t last);
  void add(const CharacterSet& set);
  // A pattern for one character of the set, or of all the others.
  std::string pattern(bool negated) const;
};

CharacterSet intersection_of(const std::vector<CharacterSet>& sets);
CharacterSet complement_of(const CharacterSet& set);
// \s \S \w \W \h \H \d \D; an empty set for any other letter.
CharacterSet set_of_escape(char letter);
// \p{name} as Oniguruma knows it, also in brackets ([:name:]); an empty set for a name it does not have.
CharacterSet set_of_property(std::string name, bool in_brackets);

}  // namespace r1
