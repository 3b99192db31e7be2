#include "data/tasks/task.h"

#include <algorithm>
#include <charconv>
#include <exception>

#include "base/error.h"
#include "base/nearest.h"
#include "data/tasks/answer.h"
#include "text/thinking.h"

namespace r1::tasks {
namespace {

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

int64_t whole_value(const Dial& dial, std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < dial.low || value > dial.high)
    fail_usage("dial {}={}: expected {}", dial.name, std::string(text), allowed_text(dial));
  return value;
}

std::string_view inside_thought(std::string_view completion, std::string_view prefilled) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  const size_t open = completion.find(kOpen), close = completion.find(kClose);
  if (open == std::string_view::npos && close == std::string_view::npos &&
      prefilled.find(kOpen) == std::string_view::npos)
    return completion;
  const size_t begin = open == std::string_view::npos || open > close ? 0 : open + kOpen.size();
  return completion.substr(begin, close == std::string_view::npos ? close : close - begin);
}

// Sentences: up to a full stop with a blank after it, or a Chinese one.
std::vector<std::string> sentences_of(std::string_view text) {
  constexpr std::string_view kChinese = "。";
  std::vector<std::string> out;
  size_t begin = 0;
  const auto cut = [&](size_t end) {
    if (const std::string_view one = trim(text.substr(begin, end - begin)); !one.empty()) out.emplace_back(one);
    begin = end;
  };
  for (size_t i = 0; i < text.size(); i++) {
    if (text.substr(i, 2) == ". ") cut(i + 1);
    if (text.substr(i, kChinese.size()) == kChinese) cut(i + kChinese.size());
  }
  cut(text.size());
  return out;
}

}  // namespace

Json to_json(const TaskItem& item) {
  return {{"prompt", item.prompt}, {"answer", item.answer}, {"steps", item.steps}, {"meta", item.meta}};
}

TaskItem item_from_json(const Json& json) {
  constexpr size_t kMostSteps = 10000;
  TaskItem item;
  if (!json.is_object() || !json.contains("meta") || !json["meta"].is_object() || !json.contains("answer") ||
      !json["answer"].is_string())
    fail("\"item\": expected {{\"prompt\",\"answer\",\"steps\",\"meta\"}} as `r1 tasks sample` prints it");
  if (json.contains("prompt") && json["prompt"].is_string()) item.prompt = json["prompt"].get<std::string>();
  item.answer = json["answer"].get<std::string>();
  if (json.contains("steps") && json["steps"].is_array() && json["steps"].size() <= kMostSteps)
    for (const Json& step : json["steps"])
      if (step.is_string()) item.steps.push_back(step.get<std::string>());
  item.meta = json["meta"];
  return item;
}

std::string allowed_text(const Dial& dial) {
  switch (dial.kind) {
    case Dial::Kind::whole:
      return fmt::format("a whole number or a range a-b from {} to {}", dial.low, dial.high);
    case Dial::Kind::choice:
      return fmt::format("one of {}", fmt::join(dial.choices, ", "));
    case Dial::Kind::letters:
      return fmt::format("some of {}", fmt::join(dial.letters.begin(), dial.letters.end(), " "));
  }
  return "";
}

uint64_t Draws::below(uint64_t n) {
  constexpr uint32_t kDrawsAPlace = 4096;
  if (draw_ == kDrawsAPlace) {
    draw_ = 0;
    place_.token++;
  }
  return random_below(place_, n, draw_++);
}

int64_t Draws::between(int64_t low, int64_t high) {
  R1_CHECK(low <= high, "{} to {}", low, high);
  return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
}

Dials::Dials(const TaskFamily& family) : family_(family), values_(family.dials.size()) {
  for (const Dial& dial : family.dials) set(dial.name, dial.fallback);
}

size_t Dials::place_of(const std::string& name) const {
  std::vector<std::string> names;
  for (const Dial& dial : family_.dials) names.push_back(dial.name);
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end())
    fail_usage("task {}: unknown dial \"{}\"; nearest is \"{}\" ({})", family_.name, name, nearest_name(name, names),
               fmt::join(names, ", "));
  return static_cast<size_t>(it - names.begin());
}

void Dials::set(const std::string& name, const std::string& text) {
  const size_t place = place_of(name);
  const Dial& dial = family_.dials[place];
  Value value{text};
  if (dial.kind == Dial::Kind::whole) {
    const size_t dash = text.find('-', 1);
    value.low = whole_value(dial, std::string_view(text).substr(0, dash));
    value.high = dash == std::string::npos ? value.low : whole_value(dial, std::string_view(text).substr(dash + 1));
    if (value.low > value.high) fail_usage("dial {}={}: the range runs backwards", name, text);
  } else if (dial.kind == Dial::Kind::choice) {
    if (std::find(dial.choices.begin(), dial.choices.end(), text) == dial.choices.end())
      fail_usage("dial {}={}: expected {}; nearest is {}", name, text, allowed_text(dial),
                 nearest_name(text, dial.choices));
  } else if (text.empty() || text.find_first_not_of(dial.letters) != std::string::npos) {
    fail_usage("dial {}={}: expected {}", name, text, allowed_text(dial));
  }
  values_[place] = std::move(value);
}

int64_t Dials::whole(const std::string& name, Draws& draws) const {
  const Value& value = values_[place_of(name)];
  return draws.between(value.low, value.high);
}
int64_t Dials::most(const std::string& name) const { return values_[place_of(name)].high; }
const std::string& Dials::text(const std::string& name) const { return values_[place_of(name)].text; }

const char* step_verdict_name(StepVerdict verdict) {
  return verdict == StepVerdict::right ? "right" : verdict == StepVerdict::wrong ? "wrong" : "none";
}

StepVerdict join(StepVerdict a, StepVerdict b) {
  if (a == StepVerdict::wrong || b == StepVerdict::wrong) return StepVerdict::wrong;
  return a == StepVerdict::right || b == StepVerdict::right ? StepVerdict::right : StepVerdict::none;
}

const std::vector<TaskFamily>& task_families() {
  static const std::vector<TaskFamily> all = {arithmetic_family(),      countdown_family(), linear_equations_family(),
                                              base_conversion_family(), sequences_family(), sorting_family(),
                                              string_edits_family(),    calendar_family(),  knights_and_knaves_family(),
                                              truth_tables_family(),    mazes_family(),     word_problems_family(),
                                              programs_family()};
  return all;
}

const TaskFamily& find_family(const std::string& name) {
  std::vector<std::string> names;
  for (const TaskFamily& family : task_families()) {
    if (family.name == name) return family;
    names.push_back(family.name);
  }
  fail_usage("unknown task \"{}\"; nearest is \"{}\" ({})", name, nearest_name(name, names), fmt::join(names, ", "));
}

// Numbers and operators alone decide, by FNV-1a and then Philox, as they always have for tasks:arithmetic.
bool is_held_out(const std::string& key) {
  constexpr uint32_t kHeldOutOneIn = 5;
  const uint64_t hash = fnv1a(key);
  return philox4x32({static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32), 0, 0}, {0, 0})[0] %
             kHeldOutOneIn ==
         0;
}

TaskItem generate(const TaskFamily& family, uint64_t seed, uint64_t index, const Dials& dials, bool held_out) {
  constexpr uint32_t kMostTries = 4000, kPlacesATry = 16;
  constexpr uint32_t kStepBits = 24;  // of a RandomPlace
  RandomPlace place{.seed = seed,
                    .stage = Stage::task,
                    .step = static_cast<uint32_t>(fnv1a(family.name) & ((1u << kStepBits) - 1)) | 1,
                    .prompt = static_cast<uint32_t>(index),
                    .sample = static_cast<uint32_t>(index >> 32)};
  for (uint32_t attempt = 0; attempt < kMostTries; attempt++) {
    place.token = attempt * kPlacesATry;
    Draws draws(place);
    std::optional<Draft> draft = family.draw(draws, dials);
    if (!draft || is_held_out(draft->key) != held_out) continue;
    TaskItem item{std::move(draft->prompt), std::move(draft->answer), std::move(draft->steps), {}};
    size_t difficulty = 0;
    for (const std::string& step : item.steps) difficulty += step.size();
    item.meta = {{"family", family.name}, {"difficulty", difficulty}};
    item.meta.update(draft->meta);
    return item;
  }
  fail("task {}: these dials leave no {} items; widen one of them", family.name, held_out ? "held-out" : "training");
}

Verdict check(const TaskFamily& family, const TaskItem& item, const std::string& completion,
              const std::string& prefilled) {
  try {
    const std::optional<TaskAnswer> answer = find_task_answer(completion, prefilled);
    if (!answer) return no_answer("no answer after the thought");
    if (answer->several) return wrong_answer(answer->text, "answers that differ are offered");
    if (const char* why = uncommitted(*answer)) return wrong_answer(answer->text, why);
    return family.judge(item, *answer);
  } catch (const std::exception& e) {  // the item is damaged, whatever the completion is worth
    Verdict v;
    v.reason = e.what();
    return v;
  }
}

std::vector<StepVerdict> check_steps(const TaskFamily& family, const TaskItem& item,
                                     const std::vector<std::string>& steps) {
  std::vector<StepVerdict> out = family.check_steps(item, steps);
  R1_CHECK(out.size() == steps.size());
  return out;
}

std::vector<std::string> steps_of(const std::string& completion, const std::string& prefilled) {
  const std::string_view thought = inside_thought(completion, prefilled);
  std::vector<std::string> out;
  for (size_t at = 0; at < thought.size();) {
    const size_t end = std::min(thought.find('\n', at), thought.size());
    if (const std::string_view line = trim(thought.substr(at, end - at)); !line.empty()) out.emplace_back(line);
    at = end + 1;
  }
  return out.size() == 1 ? sentences_of(out[0]) : out;
}

std::string worked_completion(const TaskItem& item) {
  return fmt::format("<think>{}</think><answer>{}</answer>", fmt::join(item.steps, "\n"), item.answer);
}

}  // namespace r1::tasks
