// Numbers and words put in order, by taking out the first of what is left again and again.
#include <algorithm>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"
#include "data/tasks/vocabulary.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostItems = 100;

using Texts = std::vector<std::string>;

// What sorts texts of an item: numbers by value, words by their letters.
struct Order {
  bool numbers, descending;
  bool operator()(const std::string& a, const std::string& b) const {
    const std::string& x = descending ? b : a;
    const std::string& y = descending ? a : b;
    if (!numbers) return x < y;
    return whole_of(x).value_or(0) < whole_of(y).value_or(0);
  }
  const char* pick() const { return !numbers ? descending ? "last" : "first" : descending ? "largest" : "smallest"; }
};

Texts sorted(Texts all, const Order& order) {
  std::stable_sort(all.begin(), all.end(), order);
  return all;
}

Texts draw_items(bool numbers, size_t count, int64_t digits, Draws& draws) {
  Texts out;
  int64_t high = 1;
  for (int64_t i = 0; i < digits; i++) high *= 10;
  while (out.size() < count) {
    const std::string one = numbers ? std::to_string(draws.between(-high / 5, high - 1)) : draws.pick(plain_words());
    if (numbers || std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  }
  return out;
}

Texts work_out(Texts left, const Order& order) {
  Texts steps;
  const Texts done = sorted(left, order);
  for (size_t i = 0; i + 1 < done.size(); i++) {
    steps.push_back(fmt::format("The {} of {} is {}.", order.pick(), joined(left), done[i]));
    left.erase(std::find(left.begin(), left.end(), done[i]));
  }
  steps.push_back(fmt::format("Sorted: {}.", joined(done)));
  return steps;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t count = dials.whole("items", draws), digits = dials.whole("digits", draws);
  const std::string& kind = dials.text("kind");
  const Order order{kind == "both" ? draws.chance(50) : kind == "numbers", draws.chance(50)};
  const Texts items = draw_items(order.numbers, static_cast<size_t>(count), digits, draws);
  Draft out;
  out.prompt = fmt::format(
      "Sort these {} {}: {}", order.numbers ? "numbers" : "words",
      order.numbers      ? order.descending ? "from the largest to the smallest" : "from the smallest to the largest"
      : order.descending ? "in reverse alphabetical order"
                         : "in alphabetical order",
      joined(items));
  const Texts done = sorted(items, order);
  out.answer = joined(done);
  out.key = "sort " + joined(sorted(items, {order.numbers, false}));
  out.steps = work_out(items, order);
  out.meta = {{"items", items}, {"kind", order.numbers ? "numbers" : "words"}, {"descending", order.descending}};
  return out;
}

struct Question {
  Texts items;
  Order order;
};
Question question_of(const TaskItem& item) {
  if (!item.meta.contains("descending") || !item.meta["descending"].is_boolean())
    fail("item: meta has no \"descending\"; expected an item of `r1 tasks sample`");
  return {meta_texts(item.meta, "items", kMostItems),
          {meta_text(item.meta, "kind") == "numbers", item.meta["descending"].get<bool>()}};
}

Texts read_list(const std::string& text, bool numbers) {
  Texts out = list_items(text);
  if (out.size() == 1) {  // blanks between them
    out.clear();
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find_first_of(" \n", at), text.size());
      if (end > at) out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  for (std::string& one : out) {
    if (one.size() > 2 && (one.front() == '"' || one.front() == '\'') && one.back() == one.front())
      one = one.substr(1, one.size() - 2);
    if (numbers && whole_of(one)) one = std::to_string(*whole_of(one));
  }
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const Question q = question_of(item);
  std::string text = answer.text;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) text.erase(0, colon + 1);
  const Texts given = read_list(text, q.order.numbers), want = sorted(q.items, q.order);
  if (given == want) return right_answer(joined(given));
  Texts a = given, b = want;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return wrong_answer(joined(given), a != b ? "these are not the same items" : "the order is wrong");
}

// "The smallest of LIST is X": LIST must be what is left after taking so many, in any order.
StepVerdict check_pick(const Question& q, const std::string& list, std::string pick) {
  Texts left = read_list(list, q.order.numbers);
  const Texts done = sorted(q.items, q.order);
  if (left.empty() || left.size() > done.size()) return StepVerdict::wrong;
  const auto rest = done.end() - static_cast<std::ptrdiff_t>(left.size());
  while (!pick.empty() && pick.back() == ' ') pick.pop_back();
  return claim(sorted(left, q.order) == Texts(rest, done.end()) && pick == *rest);
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const Question q = question_of(item);
  const Texts done = sorted(q.items, q.order);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = StepVerdict::none;
    for (const auto& found : find_claims(step, fmt::format("{} of {{}} is {{}}", q.order.pick())))
      v = join(v, check_pick(q, found[0], found[1]));
    for (const auto& found : find_claims(step, "sorted: {}"))
      v = join(v, claim(read_list(found[0], q.order.numbers) == done));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily sorting_family() {
  return {"sorting",
          "numbers by size, words by the alphabet, either way round",
          {{.name = "items", .low = 2, .high = 20, .fallback = "4-6", .help = "how many to sort"},
           {.name = "digits", .low = 1, .high = 9, .fallback = "2", .help = "of the largest number"},
           {.name = "kind",
            .kind = Dial::Kind::choice,
            .choices = {"numbers", "words", "both"},
            .fallback = "both",
            .help = "what is sorted"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
