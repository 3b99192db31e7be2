// Units of measure behind (or, for money, before) an answer.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "reward/number.h"

namespace r1 {

struct Unit {
  bool known = false;               // false: no unit, or words that are none ("apples")
  std::map<std::string, int> dims;  // base unit and power: {"m", 2}
  Rational factor = 1;              // to base units
};

// "cm", "square feet", "km/h", "m/s^2", "cubic meters per second", "dollars". Words behind the unit are left aside
// ("cm long").
Unit read_unit(std::string_view words);

// The unit of money whose sign stands in the text ("\$5", "$5", not "$5$"); unknown when none does.
Unit money_of(std::string_view text);

bool is_unit_word(std::string_view word);

}  // namespace r1
