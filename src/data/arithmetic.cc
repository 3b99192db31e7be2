#include "data/arithmetic.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "base/philox.h"
#include "data/tasks/task.h"
#include "data/tasks/task_rows.h"
#include "data/worked_arithmetic.h"

namespace r1 {
namespace {

int64_t operand_of(const RandomPlace& place, const TaskOptions& o, uint32_t draw) {
  const int digits = o.digits_min + static_cast<int>(random_below(
                                        place, static_cast<uint64_t>(o.digits_max - o.digits_min + 1), draw));
  int64_t low = 1;
  for (int i = 1; i < digits; i++) low *= 10;
  if (digits == 1) low = 0;
  int64_t high = 1;
  for (int i = 0; i < digits; i++) high *= 10;
  return low + static_cast<int64_t>(random_below(place, static_cast<uint64_t>(high - low), draw + 1));
}

RandomPlace place_of(const TaskOptions& o, uint64_t index) {
  return {.seed = o.seed,
          .stage = Stage::task,
          .step = 0,
          .prompt = static_cast<uint32_t>(index),
          .sample = static_cast<uint32_t>(index >> 32)};
}

}  // namespace

// Dividends are made so that every quotient is whole: a / b appears as (a b) / b.
ArithmeticItem draw_arithmetic(const TaskOptions& o, uint64_t index) {
  const RandomPlace place = place_of(o, index);
  ArithmeticItem item;
  const int count = o.operands_min + static_cast<int>(random_below(
                                         place, static_cast<uint64_t>(o.operands_max - o.operands_min + 1), 0));
  item.operands.push_back(operand_of(place, o, 1));
  for (int i = 1; i < count; i++) {
    const uint32_t draw = static_cast<uint32_t>(4 * i);
    const char op = o.operators[random_below(place, o.operators.size(), draw)];
    int64_t operand = operand_of(place, o, draw + 1);
    if (op == '/') {
      if (operand == 0) operand = 1;
      size_t first = item.operands.size() - 1;  // the product the quotient closes
      while (first > 0 && (item.operators[first - 1] == '*' || item.operators[first - 1] == '/')) first--;
      item.operands[first] *= operand;
    }
    item.operators += op;
    item.operands.push_back(operand);
  }
  return item;
}

std::string side_key(ArithmeticItem item) {
  std::sort(item.operands.begin(), item.operands.end());
  std::sort(item.operators.begin(), item.operators.end());
  return expression_of(item);
}

namespace {

DataRow make_row(const ArithmeticItem& item, const TaskOptions& o, uint64_t index) {
  constexpr uint32_t kStyleDraw = 64;  // beyond all draws of draw_arithmetic
  DataRow row;
  row.prompt = fmt::format("What is {}?", expression_of(item));
  row.answer = std::to_string(value_of(item));
  if (o.with_solution) {
    const uint64_t style = random_below(place_of(o, index), kWorkedStyles, kStyleDraw);
    row.completion = fmt::format("<think>{}</think><answer>{}</answer>", work_out(item, style), row.answer);
  }
  row.row = {{"question", row.prompt}, {"answer", row.answer}, {"expression", expression_of(item)}};
  return row;
}

int64_t whole(const std::string& key, std::string_view text, int64_t low, int64_t high) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    fail_usage("{}={}: expected a whole number from {} to {}", key, std::string(text), low, high);
  return value;
}

void range(const std::string& key, const std::string& value, int low, int high, int& low_out, int& high_out) {
  const size_t dash = value.find('-');
  low_out = static_cast<int>(whole(key, std::string_view(value).substr(0, dash), low, high));
  high_out = dash == std::string::npos
                 ? low_out
                 : static_cast<int>(whole(key, std::string_view(value).substr(dash + 1), low, high));
  if (low_out > high_out) fail_usage("{}={}: the range runs backwards", key, value);
}

bool flag(const std::string& key, const std::string& value) {
  if (value == "1" || value == "true") return true;
  if (value == "0" || value == "false") return false;
  fail_usage("{}={}: expected true or false", key, value);
}

}  // namespace

bool set_task_option(TaskOptions& o, const std::string& key, const std::string& value) {
  if (key == "task_rows")
    o.num_rows = whole(key, value, 1, 10'000'000);
  else if (key == "task_operands")
    range(key, value, 2, 8, o.operands_min, o.operands_max);
  else if (key == "task_digits")
    range(key, value, 1, 6, o.digits_min, o.digits_max);
  else if (key == "task_held_out")
    o.held_out = flag(key, value);
  else if (key == "task_solutions")
    o.with_solution = flag(key, value);
  else if (key == "task_operators") {
    if (value.empty() || value.find_first_not_of("+-*/") != std::string::npos)
      fail_usage("{}={}: expected some of + - * /", key, value);
    o.operators = value;
  } else if (key == "task_seed") {
    o.seed = static_cast<uint64_t>(whole(key, value, 0, INT64_MAX));
  } else {
    return false;
  }
  return true;
}

namespace {

void read_dials(const std::string& source, size_t query, TaskOptions& o) {
  static const std::vector<std::string> dials = {"rows",     "operands",  "digits", "operators",
                                                 "held_out", "solutions", "seed"};
  for (size_t at = query; at != std::string::npos;) {
    const size_t end = source.find('&', ++at);
    const std::string pair = source.substr(at, end == std::string::npos ? end : end - at);
    const size_t equals = pair.find('=');
    const std::string name = pair.substr(0, equals);
    if (std::find(dials.begin(), dials.end(), name) == dials.end())
      fail_usage(
          "{}: unknown dial \"{}\"; nearest is \"{}\" (rows, operands, digits, operators, held_out, solutions, seed)",
          source, name, nearest_name(name, dials));
    if (equals == std::string::npos) fail_usage("{}: dial \"{}\" has no value; expected {}=...", source, name, name);
    set_task_option(o, "task_" + name, pair.substr(equals + 1));
    at = end;
  }
}

}  // namespace

void check_sizes(const std::string& source, const TaskOptions& o) {
  constexpr int kMostFigures = 18;  // of a product, in an int64
  if (o.operators.find_first_of("*/") != std::string::npos && o.digits_max * o.operands_max > kMostFigures)
    fail_usage("{}: {} operands of {} digits multiply to more than {} digits; lower operands or digits", source,
               o.operands_max, o.digits_max, kMostFigures);
}

Dataset make_task_dataset(const std::string& source, TaskOptions o) {
  const size_t query = source.find('?');
  const std::string name = source.substr(0, query);
  if (name != "tasks:arithmetic") return tasks::make_family_dataset(source, o);
  read_dials(source, query, o);
  check_sizes(source, o);
  Dataset out;
  out.name = source;
  out.shape = o.with_solution ? DataShape::prompt_completion : DataShape::prompt_only;
  constexpr int kMostIdle = 20000;  // tries in a row without a row: the dials allow no more items
  std::unordered_set<std::string> seen;
  int idle = 0;
  for (uint64_t index = 0; idle < kMostIdle && static_cast<int64_t>(out.rows.size()) < o.num_rows; index++) {
    const ArithmeticItem item = draw_arithmetic(o, index);
    idle++;
    if (tasks::is_held_out(side_key(item)) != o.held_out || (o.held_out && !seen.insert(expression_of(item)).second))
      continue;
    out.rows.push_back(make_row(item, o, index));
    idle = 0;
  }
  if (out.rows.empty()) fail("{}: the dials leave no items", source);
  return out;
}

}  // namespace r1
