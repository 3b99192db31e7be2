#include "reward/units.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "reward/math_words.h"

namespace r1 {
namespace {

struct UnitName {
  std::string_view name, base;
  int64_t over, under;
  int power = 1;
};

// Names in small letters, singular where a plural ends in s.
constexpr UnitName kUnits[] = {{"mm", "m", 1, 1000},
                               {"millimeter", "m", 1, 1000},
                               {"millimetre", "m", 1, 1000},
                               {"cm", "m", 1, 100},
                               {"centimeter", "m", 1, 100},
                               {"centimetre", "m", 1, 100},
                               {"dm", "m", 1, 10},
                               {"m", "m", 1, 1},
                               {"meter", "m", 1, 1},
                               {"metre", "m", 1, 1},
                               {"km", "m", 1000, 1},
                               {"kilometer", "m", 1000, 1},
                               {"kilometre", "m", 1000, 1},
                               {"in", "m", 254, 10000},
                               {"inch", "m", 254, 10000},
                               {"inche", "m", 254, 10000},
                               {"ft", "m", 3048, 10000},
                               {"foot", "m", 3048, 10000},
                               {"feet", "m", 3048, 10000},
                               {"yd", "m", 9144, 10000},
                               {"yard", "m", 9144, 10000},
                               {"mi", "m", 1609344, 1000},
                               {"mile", "m", 1609344, 1000},
                               {"mg", "g", 1, 1000},
                               {"milligram", "g", 1, 1000},
                               {"g", "g", 1, 1},
                               {"gram", "g", 1, 1},
                               {"kg", "g", 1000, 1},
                               {"kilogram", "g", 1000, 1},
                               {"lb", "g", 45359237, 100000},
                               {"pound", "g", 45359237, 100000},
                               {"oz", "g", 45359237, 1600000},
                               {"ounce", "g", 45359237, 1600000},
                               {"ton", "ton", 1, 1},
                               {"ms", "s", 1, 1000},
                               {"millisecond", "s", 1, 1000},
                               {"s", "s", 1, 1},
                               {"sec", "s", 1, 1},
                               {"second", "s", 1, 1},
                               {"min", "s", 60, 1},
                               {"minute", "s", 60, 1},
                               {"h", "s", 3600, 1},
                               {"hr", "s", 3600, 1},
                               {"hour", "s", 3600, 1},
                               {"day", "s", 86400, 1},
                               {"week", "s", 604800, 1},
                               {"month", "month", 1, 1},
                               {"year", "month", 12, 1},
                               {"ml", "m", 1, 1000000, 3},
                               {"milliliter", "m", 1, 1000000, 3},
                               {"millilitre", "m", 1, 1000000, 3},
                               {"cl", "m", 1, 100000, 3},
                               {"l", "m", 1, 1000, 3},
                               {"liter", "m", 1, 1000, 3},
                               {"litre", "m", 1, 1000, 3},
                               {"gallon", "gallon", 1, 1},
                               {"quart", "gallon", 1, 4},
                               {"pint", "gallon", 1, 8},
                               {"cup", "gallon", 1, 16},
                               {"degree", "degree", 1, 1},
                               {"celsius", "celsius", 1, 1},
                               {"fahrenheit", "fahrenheit", 1, 1},
                               {"am", "before noon", 1, 1},
                               {"pm", "after noon", 1, 1},
                               {"deg", "degree", 1, 1},
                               {"rad", "radian", 1, 1},
                               {"radian", "radian", 1, 1},
                               {"usd", "dollar", 1, 1},
                               {"dollar", "dollar", 1, 1},
                               {"buck", "dollar", 1, 1},
                               {"cent", "dollar", 1, 100},
                               {"eur", "euro", 1, 1},
                               {"euro", "euro", 1, 1},
                               {"yen", "yen", 1, 1},
                               {"rupee", "rupee", 1, 1},
                               {"mph", "m s", 1609344, 3600000},
                               {"kph", "m s", 1000, 3600},
                               {"kmh", "m s", 1000, 3600},
                               {"hz", "hertz", 1, 1},
                               {"n", "newton", 1, 1},
                               {"newton", "newton", 1, 1},
                               {"j", "joule", 1, 1},
                               {"joule", "joule", 1, 1},
                               {"w", "watt", 1, 1},
                               {"watt", "watt", 1, 1},
                               {"unit", "", 1, 1}};

const UnitName* find_unit(std::string_view word) {
  const std::string small = lower(word);
  const auto find = [](std::string_view name) -> const UnitName* {
    const auto* it =
        std::find_if(std::begin(kUnits), std::end(kUnits), [&](const UnitName& u) { return u.name == name; });
    return it == std::end(kUnits) ? nullptr : it;
  };
  if (const UnitName* u = find(small)) return u;
  return small.size() > 2 && small.back() == 's' ? find(std::string_view(small).substr(0, small.size() - 1)) : nullptr;
}

// Words, numbers and the signs ^ / * of a unit.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> out;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (size_t i = 0; i < text.size(); i++) {
    if (is_letter(text[i])) {
      if (i == 0 || !is_letter(text[i - 1])) out.emplace_back();
      out.back() += text[i];
    } else if (text[i] == '/' || text[i] == '*' || (text[i] >= '0' && text[i] <= '9')) {
      out.emplace_back(1, text[i]);
    }
  }
  return out;
}

void multiply(Unit& unit, const UnitName& name, int power) {
  for (int k = 0; k < std::abs(power); k++) {
    const Rational factor(name.over, name.under);
    unit.factor = power > 0 ? Rational(unit.factor * factor) : Rational(unit.factor / factor);
  }
  if (name.base == "m s") {
    unit.dims["m"] += power;
    unit.dims["s"] -= power;
  } else if (!name.base.empty()) {
    unit.dims[std::string(name.base)] += power * name.power;
  }
}

}  // namespace

bool is_unit_word(std::string_view word) { return find_unit(word) != nullptr; }

Unit read_unit(std::string_view words) {
  const std::vector<std::string> pieces = pieces_of(words);
  Unit unit;
  int sign = 1, ahead = 1;
  for (size_t i = 0; i < pieces.size(); i++) {
    const std::string word = lower(pieces[i]);
    if (word == "/" || word == "per") {
      sign = -1;
    } else if (word == "square" || word == "sq") {
      ahead = 2;
    } else if (word == "cubic" || word == "cu") {
      ahead = 3;
    } else if (const UnitName* name = find_unit(word)) {
      int power = ahead;
      const std::string next = i + 1 < pieces.size() ? lower(pieces[i + 1]) : "";
      if (next == "2" || next == "squared") power = 2;
      if (next == "3" || next == "cubed") power = 3;
      if (power != ahead) i++;
      multiply(unit, *name, sign * power);
      unit.known = true;
      ahead = 1;
    } else if (word != "*") {
      break;
    }
  }
  if (unit.dims.contains("celsius") || unit.dims.contains("fahrenheit")) unit.dims.erase("degree");
  std::erase_if(unit.dims, [](const auto& d) { return d.second == 0; });
  unit.known = unit.known && !unit.dims.empty();
  return unit;
}

Unit money_of(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> signs[] = {{"\\$", "dollar"},      {"\u20AC", "euro"},
                                                                     {"\u00A5", "yen"},      {"\u20B9", "rupee"},
                                                                     {"\u00A3", "sterling"}, {"\\pounds", "sterling"}};
  for (const auto& [sign, name] : signs)
    if (text.find(sign) != std::string_view::npos) return {true, {{std::string(name), 1}}, 1};
  if (std::count(text.begin(), text.end(), '$') % 2 == 1) return {true, {{"dollar", 1}}, 1};
  return {};
}

}  // namespace r1
