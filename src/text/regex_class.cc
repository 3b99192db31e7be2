#include "text/regex_class.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "text/unicode.h"

namespace r1 {
namespace {

constexpr const char* kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Word characters as Oniguruma has them: letters, marks, decimal and letter numbers, connectors, Latin-1's fractions
// and superscripts, circled letters.
constexpr const char* kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";

// The newer characters of a category (L takes Lu, Ll, ...; Cn none) or derived property.
void add_newer(CharacterSet& set, std::string_view property) {
  for (const NewerRange& r : newer_ranges())
    if (property == r.property || (property.size() == 1 && r.property[0] == property[0] && r.property[2] == '\0'))
      set.add(r.first, r.last);
}

CharacterSet category(const std::string& name) {
  CharacterSet set;
  set.items = "\\p{" + name + "}";
  if (name != "C" && name != "Cn") {
    add_newer(set, name);
    return set;
  }
  CharacterSet newer;
  for (const NewerRange& r : newer_ranges())
    if (r.property[0] != '-' && r.property[0] != '+' && r.property[0] != '=' && r.property[0] != 'C')
      newer.add(r.first, r.last);
  return {"", {"(?:(?!" + newer.pattern(false) + ")\\p{" + name + "})"}};
}

CharacterSet united(std::initializer_list<CharacterSet> sets) {
  CharacterSet out;
  for (const CharacterSet& s : sets) out.add(s);
  return out;
}

CharacterSet derived(const std::string& name) {
  CharacterSet set;
  set.items = "\\p{" + name + "}";
  add_newer(set, name);
  return set;
}

// Names without spaces, hyphens and underscores, in lower case.
const std::map<std::string, std::string>& category_names() {
  static const std::map<std::string, std::string> names = {{"letter", "L"},
                                                           {"uppercaseletter", "Lu"},
                                                           {"lowercaseletter", "Ll"},
                                                           {"titlecaseletter", "Lt"},
                                                           {"modifierletter", "Lm"},
                                                           {"otherletter", "Lo"},
                                                           {"mark", "M"},
                                                           {"combiningmark", "M"},
                                                           {"nonspacingmark", "Mn"},
                                                           {"spacingmark", "Mc"},
                                                           {"enclosingmark", "Me"},
                                                           {"number", "N"},
                                                           {"decimalnumber", "Nd"},
                                                           {"letternumber", "Nl"},
                                                           {"othernumber", "No"},
                                                           {"punctuation", "P"},
                                                           {"connectorpunctuation", "Pc"},
                                                           {"dashpunctuation", "Pd"},
                                                           {"openpunctuation", "Ps"},
                                                           {"closepunctuation", "Pe"},
                                                           {"initialpunctuation", "Pi"},
                                                           {"finalpunctuation", "Pf"},
                                                           {"otherpunctuation", "Po"},
                                                           {"symbol", "S"},
                                                           {"mathsymbol", "Sm"},
                                                           {"currencysymbol", "Sc"},
                                                           {"modifiersymbol", "Sk"},
                                                           {"othersymbol", "So"},
                                                           {"separator", "Z"},
                                                           {"spaceseparator", "Zs"},
                                                           {"lineseparator", "Zl"},
                                                           {"paragraphseparator", "Zp"},
                                                           {"other", "C"},
                                                           {"control", "Cc"},
                                                           {"format", "Cf"},
                                                           {"surrogate", "Cs"},
                                                           {"privateuse", "Co"},
                                                           {"unassigned", "Cn"}};
  return names;
}

bool compiles(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                                   &error, &offset, nullptr);
  if (code == nullptr) return false;
  pcre2_code_free(code);
  return true;
}

// POSIX' names, which Oniguruma takes as properties too.
CharacterSet posix_set(const std::string& name, bool in_brackets) {
  const CharacterSet spaces = {kWhiteSpace, {}};
  if (name == "alpha" || name == "alphabetic") return derived("Alphabetic");
  if (name == "alnum") return united({derived("Alphabetic"), category("Nd")});
  if (name == "lower" || name == "lowercase") return derived("Lowercase");
  if (name == "upper" || name == "uppercase") return derived("Uppercase");
  if (name == "digit") return category("Nd");
  if (name == "space" || name == "whitespace") return spaces;
  if (name == "punct" || name == "punctuation")
    return in_brackets ? united({category("P"), category("S")}) : category("P");
  if (name == "cntrl") return category("Cc");
  if (name == "blank") return {R"(\p{Zs}\x{9})", {}};
  if (name == "xdigit") return {"0-9A-Fa-f", {}};
  if (name == "word") return set_of_escape('w');
  if (name == "ascii") return {R"(\x{0}-\x{7f})", {}};
  if (name == "any") return {R"(\x{0}-\x{10ffff})", {}};
  if (name == "assigned") return complement_of(category("Cn"));
  if (name == "graph" || name == "print") {
    const CharacterSet visible = complement_of(united({spaces, category("Cc"), category("Cn"), category("Cs")}));
    return name == "graph" ? visible : united({visible, category("Zs")});
  }
  return {};
}

}  // namespace

void CharacterSet::add(uint32_t first, uint32_t last) {
  items += first == last ? fmt::format("\\x{{{:x}}}", first) : fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", first, last);
}

void CharacterSet::add(const CharacterSet& set) {
  items += set.items;
  others.insert(others.end(), set.others.begin(), set.others.end());
}

std::string CharacterSet::pattern(bool negated) const {
  if (others.empty()) return items.empty() ? (negated ? "(?s:.)" : "(?!)") : (negated ? "[^" : "[") + items + "]";
  if (items.empty() && others.size() == 1 && !negated) return others[0];
  std::string all = items.empty() ? "" : "[" + items + "]";
  for (const std::string& o : others) all += (all.empty() ? "" : "|") + o;
  return negated ? "(?:(?!" + all + ")(?s:.))" : "(?:" + all + ")";
}

CharacterSet complement_of(const CharacterSet& set) { return {"", {set.pattern(true)}}; }

CharacterSet intersection_of(const std::vector<CharacterSet>& sets) {
  if (sets.size() == 1) return sets[0];
  std::string all = "(?:";
  for (size_t i = 0; i + 1 < sets.size(); i++) all += "(?=" + sets[i].pattern(false) + ")";
  return {"", {all + sets.back().pattern(false) + ")"}};
}

CharacterSet set_of_escape(char letter) {
  CharacterSet set;
  switch (letter) {
    case 's':
    case 'S':
      set.items = kWhiteSpace;
      break;
    case 'h':
    case 'H':
      set.items = "0-9A-Fa-f";
      break;
    case 'd':
    case 'D':
      set = category("Nd");
      break;
    case 'w':
    case 'W':
      set.items = kWord;
      for (const char* newer : {"L", "M", "Nd", "Pc"}) add_newer(set, newer);
      break;
    default:
      return set;
  }
  return letter >= 'a' ? set : complement_of(set);
}

CharacterSet set_of_property(std::string name, bool in_brackets) {
  const bool inverse = !name.empty() && name[0] == '^';
  std::string plain;
  for (char c : name)
    if (c != ' ' && c != '_' && c != '-' && c != '^')
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  CharacterSet set = posix_set(plain, in_brackets);
  if (set.items.empty() && set.others.empty() && !in_brackets) {
    std::string short_name = plain;
    if (const auto it = category_names().find(plain); it != category_names().end()) short_name = it->second;
    if (!short_name.empty()) short_name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(short_name[0])));
    if (short_name.size() <= 2 && compiles("\\p{" + short_name + "}"))
      set = category(short_name);
    else if (plain.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos)
      return {};
    else if (compiles("\\p{sc:" + plain + "}"))  // without sc: it would mean Script_Extensions
      set.items = "\\p{sc:" + plain + "}";
    else if (compiles("\\p{" + plain + "}"))
      set.items = "\\p{" + plain + "}";
    if (plain == "han") add_newer(set, "Han");
  }
  return inverse && !(set.items.empty() && set.others.empty()) ? complement_of(set) : set;
}

}  // namespace r1
