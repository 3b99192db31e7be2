#include "data/world/questions.h"

#include <algorithm>

#include "base/error.h"

namespace r1::world {
namespace {

constexpr int64_t kLargest = 199;  // of anything in between

const std::vector<Words> kPeople = {{"Mia", "小美"}, {"Tom", "小明"}, {"Anna", "小安"}, {"Lin", "小林"}};

std::string say(const Words& w, Language l, const std::vector<std::string>& with) {
  std::string out = w.in(l);
  for (size_t i = 0; i < with.size(); i++) {
    const std::string mark = fmt::format("[{}]", i);
    for (size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at + with[i].size()))
      out.replace(at, mark.size(), with[i]);
  }
  return out;
}

std::string number(int64_t n) { return std::to_string(n); }

// A number up to 99, small ones more often than their share.
int64_t draw_number(Draws& d) { return d.chance(30) ? d.between(2, 19) : d.between(2, 99); }

bool fits(int64_t n) { return n >= 0 && n <= kLargest; }

std::string operations_key(const std::vector<Operation>& all) {
  std::string key;
  for (const Operation& o : all) {
    const bool same_either_way = o.op == '+' || o.op == '*' || o.op == '>' || o.op == '<';
    const bool swap = same_either_way && key.empty() && o.a > o.b;
    key +=
        key.empty() ? fmt::format("{}{}{}", swap ? o.b : o.a, o.op, swap ? o.a : o.b) : fmt::format(";{}{}", o.op, o.b);
  }
  return key;
}

// Draws that lead nowhere leave the operations empty.
void draw_sum(Draws& d, Question& q) {
  static const std::vector<Words> wordings = {{"What is [0]?", "[0]等于多少？"},
                                              {"Calculate [0].", "计算[0]。"},
                                              {"[0] = ?", "[0]=？"},
                                              {"Work out [0].", "求[0]的值。"}};
  const int64_t count = d.chance(45) ? 1 : d.chance(65) ? 2 : 3;
  int64_t now = draw_number(d);
  std::string text = number(now);
  if (count > 1 && d.chance(20)) {
    now = d.between(2, 9);
    const int64_t b = d.between(2, 9);
    text = fmt::format("{} * {}", now, b);
    q.operations.push_back({now, '*', b});
    now *= b;
  }
  while (static_cast<int64_t>(q.operations.size()) < count) {
    const char op = d.chance(50) ? '+' : '-';
    const int64_t b = draw_number(d);
    q.operations.push_back({now, op, b});
    now = q.operations.back().result();
    text += fmt::format(" {} {}", op, b);
    if (!fits(now)) return q.operations.clear();
  }
  q.text = say(d.pick(wordings), q.language, {text});
}

void draw_equation(Draws& d, Question& q) {
  static const std::vector<Words> wordings = {
      {"Solve [0].", "解方程[0]。"}, {"[0], x = ?", "[0]，x=？"}, {"Find x when [0].", "[0]，求x。"}};
  const int64_t x = d.between(2, 60), a = draw_number(d), m = d.between(2, 9), small = d.between(2, 9);
  std::string text;
  switch (d.below(4)) {
    case 0:
      text = fmt::format("x + {} = {}", a, x + a);
      q.operations = {{x + a, '-', a}};
      break;
    case 1:
      text = fmt::format("x - {} = {}", a, x);
      q.operations = {{x, '+', a}};
      break;
    case 2:
      text = fmt::format("{} - x = {}", x + a, x);
      q.operations = {{x + a, '-', x}};
      break;
    default:
      text = fmt::format("{} * x + {} = {}", m, a, m * small + a);
      q.operations = {{m * small + a, '-', a}, {m * small, '/', m}};
  }
  q.text = say(d.pick(wordings), q.language, {text});
}

void draw_compare(Draws& d, Question& q) {
  static const std::vector<Words> larger = {{"Which is larger, [0] or [1]?", "[0]和[1]，哪个大？"},
                                            {"Give the larger of [0] and [1].", "写出[0]和[1]中较大的数。"}};
  static const std::vector<Words> smaller = {{"Which is smaller, [0] or [1]?", "[0]和[1]，哪个小？"},
                                             {"Give the smaller of [0] and [1].", "写出[0]和[1]中较小的数。"}};
  const int64_t a = draw_number(d), b = draw_number(d), sum = a + b;
  const int64_t other = std::max<int64_t>(2, sum + d.between(-15, 15));
  const bool more = d.chance(50);
  if (!fits(sum) || other == sum) return;
  q.operations = {{a, '+', b}, {sum, more ? '>' : '<', other}};
  q.text = say(d.pick(more ? larger : smaller), q.language, {fmt::format("{} + {}", a, b), number(other)});
}

// The family's stories, as far as their numbers stay small.
void draw_story(Draws& d, Question& q) {
  const tasks::TaskFamily& family = tasks::find_family("word_problems");
  tasks::Dials dials(family);
  dials.set("events", "1-3");
  dials.set("size", "60");
  dials.set("language", language_code(q.language));
  const auto draft = family.draw(d, dials);
  if (!draft) return;
  int64_t now = draft->meta["start"].get<int64_t>();
  const std::string signs = draft->meta["operations"].get<std::string>();
  for (size_t i = 0; i < signs.size(); i++) {
    q.operations.push_back({now, signs[i], draft->meta["numbers"][i].get<int64_t>()});
    now = q.operations.back().result();
    const bool hard = signs[i] == '/' && q.operations.back().a > 81;
    if (!fits(now) || hard) return q.operations.clear();
  }
  q.text = draft->prompt;
}

void draw_ages(Draws& d, Question& q) {
  static const Words older = {"[0] is [2] years older than [1].", "[0]比[1]大[2]岁。"};
  static const Words younger = {"[0] is [2] years younger than [1].", "[0]比[1]小[2]岁。"};
  static const Words known = {"[0] is [1] years old.", "[0]今年[1]岁。"};
  static const Words ask = {"How old is [0]?", "[0]今年几岁？"};
  std::vector<Words> who = kPeople;
  d.shuffle(who);
  const size_t count = d.chance(40) ? 1 : 2;
  int64_t now = d.between(5, 60);
  std::vector<std::string> told = {say(known, q.language, {who[0].in(q.language), number(now)})};
  for (size_t i = 0; i < count; i++) {
    const bool up = d.chance(50);
    const int64_t by = d.between(2, 30);
    q.operations.push_back({now, up ? '+' : '-', by});
    now = q.operations.back().result();
    if (now < 1 || !fits(now)) return q.operations.clear();
    told.push_back(
        say(up ? older : younger, q.language, {who[i + 1].in(q.language), who[i].in(q.language), number(by)}));
  }
  if (d.chance(50)) std::reverse(told.begin(), told.end());
  const bool spaces = q.language == Language::english;
  for (const std::string& one : told) q.text += one + (spaces ? " " : "");
  q.text += say(ask, q.language, {who[count].in(q.language)});
}

struct Kind {
  const char* name;
  int weight;
  void (*draw)(Draws&, Question&);
};
constexpr Kind kKinds[] = {{"sum", 45, draw_sum},
                           {"equation", 17, draw_equation},
                           {"compare", 10, draw_compare},
                           {"story", 16, draw_story},
                           {"ages", 12, draw_ages}};

}  // namespace

const char* language_code(Language language) { return language == Language::english ? "en" : "zh"; }

int64_t Operation::result() const {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '>':
      return std::max(a, b);
    case '<':
      return std::min(a, b);
    default:
      R1_CHECK(b != 0 && a % b == 0, "{} / {}", a, b);
      return a / b;
  }
}

const std::vector<std::string>& question_kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Kind& k : kKinds) out.emplace_back(k.name);
    return out;
  }();
  return names;
}

Question draw_question(Draws& draws, Language language, bool held_out) {
  constexpr int kMostTries = 10000;
  for (int i = 0; i < kMostTries; i++) {
    int64_t at = draws.between(0, 99);
    const Kind* kind = kKinds;
    while (at >= kind->weight) at -= kind++->weight;
    Question q;
    q.kind = kind->name;
    q.language = language;
    kind->draw(draws, q);
    if (q.operations.empty()) continue;
    q.key = operations_key(q.operations);
    if (tasks::is_held_out(q.key) == held_out) return q;
  }
  fail("the world gives no question of the {} side", held_out ? "held-out" : "training");
}

}  // namespace r1::world
