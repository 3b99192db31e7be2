#include "data/arithmetic.h"

#include <charconv>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/philox.h"

namespace r1 {
namespace {

struct Item {
  std::vector<int64_t> operands;
  std::string operators;  // one fewer
};

std::string expression_of(const Item& item) {
  std::string text = std::to_string(item.operands[0]);
  for (size_t i = 0; i < item.operators.size(); i++)
    text += std::string(" ") + item.operators[i] + " " + std::to_string(item.operands[i + 1]);
  return text;
}

// Precedence first, then left to right. Each step taken is appended to `steps`.
int64_t value_of(Item item, std::vector<std::string>* steps) {
  const auto reduce = [&](size_t i) {
    const int64_t a = item.operands[i], b = item.operands[i + 1];
    const char op = item.operators[i];
    const int64_t r = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
    if (steps != nullptr) steps->push_back(fmt::format("{} {} {} = {}", a, op, b, r));
    item.operands[i] = r;
    item.operands.erase(item.operands.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    item.operators.erase(i, 1);
  };
  for (size_t i = 0; i < item.operators.size();)
    if (item.operators[i] == '*' || item.operators[i] == '/')
      reduce(i);
    else
      i++;
  while (!item.operators.empty()) reduce(0);
  return item.operands[0];
}

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

// Divisors are made so that every quotient is whole: a / b appears as (a b) / b.
Item make_item(const TaskOptions& o, uint64_t index) {
  const RandomPlace place{.seed = o.seed,
                          .stage = Stage::task,
                          .step = 0,
                          .prompt = static_cast<uint32_t>(index),
                          .sample = static_cast<uint32_t>(index >> 32)};
  Item item;
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

bool is_held_out(const std::string& expression) {
  return std::stoul(sha256_hex(expression).substr(0, 4), nullptr, 16) % 5 == 0;
}

// a + b by place value: tens first, then ones, then together.
void explain_sum(int64_t a, int64_t b, char op, std::vector<std::string>& steps) {
  const int64_t sign = op == '-' ? -1 : 1;
  if (op != '+' && op != '-') return;
  if (a < 10 && b < 10) return;
  int64_t running = a;
  int64_t place = 1;
  while (place * 10 <= b) place *= 10;
  for (int64_t rest = b; place >= 1; place /= 10) {
    const int64_t part = rest / place * place;
    rest -= part;
    if (part == 0) continue;
    steps.push_back(fmt::format("{} {} {} = {}", running, op, part, running + sign * part));
    running += sign * part;
  }
}

std::string solution_of(const Item& item, int64_t answer) {
  std::vector<std::string> steps, fine;
  value_of(item, &steps);
  if (item.operators.size() == 1) explain_sum(item.operands[0], item.operands[1], item.operators[0], fine);
  std::string thought;
  for (const std::string& s : fine.size() > 1 ? fine : steps) thought += (thought.empty() ? "" : ", ") + s;
  return fmt::format("<think>{}</think><answer>{}</answer>", thought, answer);
}

DataRow make_row(const Item& item, const TaskOptions& o) {
  DataRow row;
  const int64_t answer = value_of(item, nullptr);
  row.prompt = fmt::format("What is {}?", expression_of(item));
  row.answer = std::to_string(answer);
  if (o.with_solution) row.completion = solution_of(item, answer);
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

void range(const std::string& key, const std::string& value, int high, int& low_out, int& high_out) {
  const size_t dash = value.find('-');
  low_out = static_cast<int>(whole(key, std::string_view(value).substr(0, dash), 1, high));
  high_out = dash == std::string::npos
                 ? low_out
                 : static_cast<int>(whole(key, std::string_view(value).substr(dash + 1), 1, high));
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
    range(key, value, 8, o.operands_min, o.operands_max);
  else if (key == "task_digits")
    range(key, value, 6, o.digits_min, o.digits_max);
  else if (key == "task_held_out")
    o.held_out = flag(key, value);
  else if (key == "task_solutions")
    o.with_solution = flag(key, value);
  else if (key == "task_operators") {
    if (value.empty() || value.find_first_not_of("+-*/") != std::string::npos)
      fail_usage("{}={}: expected some of + - * /", key, value);
    o.operators = value;
  } else {
    return false;
  }
  if (o.operands_min < 2) fail_usage("task_operands: a task has at least two operands");
  return true;
}

Dataset make_task_dataset(const std::string& source, TaskOptions o) {
  const size_t query = source.find('?');
  const std::string name = source.substr(0, query);
  if (name != "tasks:arithmetic") fail_usage("unknown task \"{}\"; there is tasks:arithmetic", name);
  for (size_t at = query; at != std::string::npos;) {
    const size_t end = source.find('&', ++at);
    const std::string pair = source.substr(at, end == std::string::npos ? end : end - at);
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || !set_task_option(o, "task_" + pair.substr(0, equals), pair.substr(equals + 1)))
      fail_usage(
          "{}: unknown dial \"{}\"; nearest is \"{}\"", source, pair,
          nearest_name(pair.substr(0, equals), {"rows", "operands", "digits", "operators", "held_out", "solutions"}));
    at = end;
  }
  Dataset out;
  out.name = source;
  out.shape = o.with_solution ? DataShape::prompt_completion : DataShape::prompt_only;
  std::set<std::string> seen;
  // Held-out items are all different; when the dials allow few, there are fewer rows.
  const uint64_t most = static_cast<uint64_t>(o.num_rows) * 40 + 20000;
  for (uint64_t index = 0; index < most && static_cast<int64_t>(out.rows.size()) < o.num_rows; index++) {
    const Item item = make_item(o, index);
    const std::string expression = expression_of(item);
    if (is_held_out(expression) != o.held_out || (o.held_out && !seen.insert(expression).second)) continue;
    out.rows.push_back(make_row(item, o));
  }
  if (out.rows.empty()) fail("{}: the dials leave no items", source);
  return out;
}

}  // namespace r1
