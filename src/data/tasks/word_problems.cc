// Short stories with numbers, in English and Chinese: someone has some things, a few things happen, how many are there
// now? The same story in the other language is the same item.
#include <algorithm>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/sourced.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostEvents = 20;

struct Words {
  const char *english, *chinese;
};
const std::vector<Words> kPeople = {{"Mia", "小美"},  {"Tom", "小明"}, {"Anna", "小安"},
                                    {"Paul", "小宝"}, {"Lin", "小林"}, {"Rosa", "小红"}};
const std::vector<Words> kThings = {{"apples", "个苹果"}, {"books", "本书"},     {"coins", "枚硬币"},
                                    {"eggs", "个鸡蛋"},   {"pencils", "支铅笔"}, {"cards", "张卡片"},
                                    {"shells", "个贝壳"}, {"flowers", "朵花"}};

struct Event {
  char op;
  Words text;  // {0} the person, {1} the number
};
const std::vector<Event> kEvents = {
    {'+', {"{0} buys {1} more.", "{0}又买了{1}{2}。"}},
    {'+', {"A friend gives {0} {1} more.", "朋友送给{0}{1}{2}。"}},
    {'-', {"{0} gives away {1} of them.", "{0}送出去{1}{2}。"}},
    {'-', {"{0} loses {1} of them.", "{0}弄丢了{1}{2}。"}},
    {'*', {"A week later {0} has {1} times as many.", "一周后，{0}有的是原来的{1}倍。"}},
    {'/',
     {"{0} puts them into {1} equal boxes and keeps only one box.", "{0}把它们平均装进{1}个盒子，只留下其中一盒。"}}};

struct Story {
  int64_t start = 0;
  std::vector<size_t> events;
  std::vector<int64_t> numbers, states;  // of each event: its number, what there is after it
};

// The number of an event that is possible now and changes something; nullopt when there is none.
std::optional<int64_t> draw_number(char op, int64_t now, int64_t size, Draws& draws) {
  constexpr int64_t kMostThings = 1'000'000;
  if (op == '+') return draws.between(1, size);
  if (op == '-') return now >= 2 ? std::optional(draws.between(1, std::min(size, now - 1))) : std::nullopt;
  if (op == '*') {
    const int64_t times = draws.between(2, 5);
    return now * times <= kMostThings ? std::optional(times) : std::nullopt;
  }
  std::vector<int64_t> divisors;
  for (int64_t d = 2; d <= 9; d++)
    if (now % d == 0 && now > d) divisors.push_back(d);
  return divisors.empty() ? std::nullopt : std::optional(draws.pick(divisors));
}

int64_t after(char op, int64_t now, int64_t n) {
  return op == '+' ? now + n : op == '-' ? now - n : op == '*' ? now * n : now / n;
}

std::optional<Story> draw_story(int64_t events, int64_t size, Draws& draws) {
  Story s;
  int64_t now = s.start = draws.between(2, size);
  for (int64_t i = 0; i < events; i++) {
    const size_t e = draws.below(kEvents.size());
    const auto n = draw_number(kEvents[e].op, now, size, draws);
    if (!n) return std::nullopt;
    now = after(kEvents[e].op, now, *n);
    s.events.push_back(e);
    s.numbers.push_back(*n);
    s.states.push_back(now);
  }
  return s;
}

std::string told(const Story& s, const Words& person, const Words& thing, bool chinese) {
  const char* who = chinese ? person.chinese : person.english;
  const char* what = chinese ? thing.chinese : thing.english;
  // of a Chinese thing the measure word alone: its first character
  const std::string measure = chinese ? std::string(what).substr(0, std::string_view("个").size()) : "";
  std::string out =
      chinese ? fmt::format("{}有{}{}。", who, s.start, what) : fmt::format("{} has {} {}.", who, s.start, what);
  for (size_t i = 0; i < s.events.size(); i++) {
    const Words& text = kEvents[s.events[i]].text;
    if (!chinese) out += ' ';
    out += fmt::format(fmt::runtime(chinese ? text.chinese : text.english), who, s.numbers[i], measure);
  }
  return out + (chinese ? fmt::format("{}现在有多少{}？", who, what)
                        : fmt::format(" How many {} does {} have now?", what, who));
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t events = dials.whole("events", draws), size = dials.whole("size", draws);
  const std::string& language = dials.text("language");
  const bool chinese = language == "both" ? draws.chance(50) : language == "zh";
  const Words person = draws.pick(kPeople), thing = draws.pick(kThings);
  const auto story = draw_story(events, size, draws);
  if (!story) return std::nullopt;
  Draft out;
  out.prompt = told(*story, person, thing, chinese);
  out.key = fmt::format("story {}", story->start);
  std::string operations;
  for (size_t i = 0; i < story->events.size(); i++) {
    const char op = kEvents[story->events[i]].op;
    const int64_t before = i == 0 ? story->start : story->states[i - 1];
    operations += op;
    out.key += fmt::format(" {} {}", op, story->numbers[i]);
    out.steps.push_back(fmt::format("{} {} {} = {}{}{}{}", before, op, story->numbers[i], story->states[i],
                                    chinese ? "" : " ", chinese ? thing.chinese : thing.english, chinese ? "。" : "."));
  }
  out.answer = std::to_string(story->states.back());
  out.steps.push_back(chinese ? fmt::format("答案是{}。", out.answer) : fmt::format("The answer is {}.", out.answer));
  out.meta = {{"language", chinese ? "zh" : "en"},
              {"start", story->start},
              {"operations", operations},
              {"numbers", story->numbers}};
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) { return judge_number(answer, item.answer); }

// What happens in the story, in order.
struct Happening {
  int64_t before;
  char op;
  int64_t number;
};
std::vector<Happening> happenings_of(const TaskItem& item) {
  constexpr int64_t kMost = 1'000'000'000;
  const std::vector<int64_t> numbers = meta_wholes(item.meta, "numbers", kMostEvents);
  const std::string operations = meta_text(item.meta, "operations", kMostEvents);
  int64_t now = meta_whole(item.meta, "start", 0, kMost);
  if (numbers.size() != operations.size()) fail("item: meta.operations and meta.numbers differ in length");
  std::vector<Happening> out;
  for (size_t i = 0; i < numbers.size(); i++) {
    const auto next = apply({now, 1}, operations[i], {numbers[i], 1});
    if (std::string_view("+-*/").find(operations[i]) == std::string_view::npos || !next || next->den != 1 ||
        std::abs(next->num) > kMost)
      fail("item: event {} of the story cannot happen", i + 1);
    out.push_back({now, operations[i], numbers[i]});
    now = next->num;
  }
  return out;
}

// Joins what there is with an event's number, but by another operation than the event's.
bool takes_wrong_operation(const Expression& e, const std::vector<Happening>& story) {
  if (e.nodes.size() != 3 || e.nodes[0].op != '#' || e.nodes[1].op != '#') return false;
  const auto same = [&](const Happening& h) {
    return e.nodes[0].value == Fraction{h.before, 1} && e.nodes[1].value == Fraction{h.number, 1};
  };
  const bool meant = std::any_of(story.begin(), story.end(), same);
  return meant &&
         std::none_of(story.begin(), story.end(), [&](const Happening& h) { return same(h) && h.op == e.nodes[2].op; });
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const std::vector<Happening> story = happenings_of(item);
  std::vector<int64_t> known;
  for (const Happening& h : story) known.push_back(h.number);
  if (!story.empty()) known.push_back(story[0].before);
  SourcedEquations equations(known);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = equations.check(step);
    for (const Equation& equation : find_equations(step))
      for (const Expression& side : equation)
        if (takes_wrong_operation(side, story)) v = StepVerdict::wrong;
    for (const char* pattern : {"answer is {}", "答案是{}"})
      for (const auto& found : find_claims(step, pattern))
        if (const auto numbers = numbers_in(found[0]); numbers.size() == 1)
          v = join(v, claim(numbers[0] == item.answer));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily word_problems_family() {
  return {"word_problems",
          "short stories with numbers, in English and Chinese",
          {{.name = "events", .low = 1, .high = 6, .fallback = "2-3", .help = "things that happen: + - * /"},
           {.name = "size",
            .low = 5,
            .high = 1000,
            .fallback = "20",
            .help = "the largest number of things to begin with, to get and to give"},
           {.name = "language",
            .kind = Dial::Kind::choice,
            .choices = {"en", "zh", "both"},
            .fallback = "both",
            .help = "English, Chinese, or one of them"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
