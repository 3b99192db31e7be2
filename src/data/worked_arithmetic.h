// Arithmetic worked out on paper, as text to learn from: column by column with what is carried, so that every step is a
// small fact (sums and products of figures) and the digits found so far are written again with each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace r1 {

// a op b op c ... with op of + - * /; operands are not negative, quotients are whole, no intermediate value exceeds
// 10^18.
struct ArithmeticItem {
  std::vector<int64_t> operands;
  std::string operators;  // one fewer
};

std::string expression_of(const ArithmeticItem& item);  // "3 + 4 * 5"

// Precedence first, then left to right.
int64_t value_of(const ArithmeticItem& item);

// The steps in words, ending with the value. `style` (any number, taken modulo kWorkedStyles) chooses the wording,
// never the steps.
inline constexpr int kWorkedStyles = 3;
std::string work_out(const ArithmeticItem& item, uint64_t style);

}  // namespace r1
