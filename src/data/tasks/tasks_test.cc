// What every family of generated tasks promises, over thousands of items and dials: its own answers and steps are
// right, changed ones are wrong from the change on, the same seed gives the same bytes, the two sides share nothing,
// and dials change how hard items are.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/task.h"

namespace r1::tasks {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

Dials dials_of(const TaskFamily& family, const Settings& settings) {
  Dials dials(family);
  for (const auto& [name, value] : settings) dials.set(name, value);
  return dials;
}

// The defaults, the easiest and hardest of all dials, and each choice.
std::vector<Settings> settings_of(const TaskFamily& family) {
  Settings low, high;
  std::vector<Settings> out = {{}};
  for (const Dial& dial : family.dials) {
    if (dial.kind == Dial::Kind::whole) {
      low.push_back({dial.name, std::to_string(dial.low)});
      high.push_back({dial.name, std::to_string(dial.high)});
    } else if (dial.kind == Dial::Kind::choice) {
      for (const std::string& choice : dial.choices) out.push_back({{dial.name, choice}});
    } else {
      out.push_back({{dial.name, dial.letters}});
    }
  }
  if (family.name == "arithmetic") high = {{"operands", "8"}, {"digits", "6"}};
  out.push_back(high);
  // where every dial is at its lowest there are few items; one above it there are some on both sides
  if (family.name != "truth_tables" && family.name != "mazes" && family.name != "countdown") out.push_back(low);
  return out;
}

class EveryFamily : public testing::TestWithParam<std::string> {
 protected:
  const TaskFamily& family() const { return find_family(GetParam()); }
  // body(item) for `count` items of each setting, seed and side.
  void for_each_item(uint64_t count, const std::function<void(const TaskItem&)>& body) const {
    for (const Settings& settings : settings_of(family())) {
      const Dials dials = dials_of(family(), settings);
      for (uint64_t seed : {1, 2})
        for (bool held_out : {false, true})
          for (uint64_t i = 0; i < count; i++) {
            const TaskItem item = generate(family(), seed, i, dials, held_out);
            SCOPED_TRACE(to_json(item).dump());
            body(item);
            if (HasFailure()) return;
          }
    }
  }
};

std::vector<std::string> family_names() {
  std::vector<std::string> out;
  for (const TaskFamily& family : task_families()) out.push_back(family.name);
  return out;
}
INSTANTIATE_TEST_SUITE_P(Tasks, EveryFamily, testing::ValuesIn(family_names()),
                         [](const auto& info) { return info.param; });

Outcome outcome_of(const TaskItem& item, const std::string& completion) {
  return check(find_family(item.meta["family"]), item, completion, "").outcome;
}

TEST_P(EveryFamily, OwnAnswersAndStepsAreRight) {
  for_each_item(60, [&](const TaskItem& item) {
    ASSERT_EQ(outcome_of(item, worked_completion(item)), Outcome::correct);
    ASSERT_EQ(outcome_of(item, "\\boxed{" + item.answer + "}"), Outcome::correct);
    ASSERT_EQ(outcome_of(item, "Let me see.\n#### " + item.answer), Outcome::correct);
    ASSERT_EQ(outcome_of(item, "Let me see.\nThe answer is " + item.answer + "."), Outcome::correct);
    ASSERT_EQ(outcome_of(item, "<think>The answer is " + item.answer), Outcome::no_answer);
    ASSERT_EQ(outcome_of(item, "<think>\\boxed{" + item.answer + "}</think>"), Outcome::no_answer);
    ASSERT_EQ(outcome_of(item, ""), Outcome::no_answer);
    ASSERT_FALSE(item.steps.empty());
    ASSERT_EQ(steps_of(worked_completion(item), ""), item.steps);
    for (StepVerdict v : check_steps(family(), item, item.steps)) ASSERT_EQ(v, StepVerdict::right);
    ASSERT_EQ(check_steps(family(), item, {"Let me think about that."})[0], StepVerdict::none);
  });
}

std::string with_last_number_raised(std::string text) {
  const size_t end = text.find_last_of("0123456789");
  EXPECT_NE(end, std::string::npos) << text;
  size_t begin = end;
  while (begin > 0 && isdigit(text[begin - 1]) != 0) begin--;
  const std::string number = std::to_string(std::stoll(text.substr(begin, end - begin + 1)) + 1);
  return text.replace(begin, end - begin + 1, number);
}

// Replaces the last of `words` in the text by the one after it.
std::string with_last_word_turned(std::string text, const std::vector<std::string>& words) {
  size_t place = std::string::npos, which = 0;
  for (size_t i = 0; i < words.size(); i++)
    if (const size_t at = text.rfind(words[i]); at != std::string::npos && (place == std::string::npos || at > place))
      place = at, which = i;
  EXPECT_NE(place, std::string::npos) << text;
  return text.replace(place, words[which].size(), words[(which + 1) % words.size()]);
}

const std::vector<std::string> kDays = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

bool is_whole(const std::string& text) { return text.find_first_not_of("-0123456789") == std::string::npos; }

std::string changed_answer(const TaskItem& item) {
  const std::string family = item.meta["family"], a = item.answer;
  if (family == "countdown") return a + " + 1";
  if (family == "mazes") return a + "UD";
  if (family == "knights_and_knaves") return with_last_word_turned(a, {"knight", "knave"});
  if (family == "base_conversion") return "1" + a;
  if (family == "sorting") return a + ", " + a.substr(0, a.find(','));
  if (family == "calendar" && !is_whole(a) && a.find('-') == std::string::npos) return with_last_word_turned(a, kDays);
  if (family == "calendar" && !is_whole(a)) return a;
  if (family == "string_edits" && !is_whole(a)) return a + "x";
  return with_last_number_raised(a);
}

TEST_P(EveryFamily, ChangedAnswersAreWrong) {
  for_each_item(60, [&](const TaskItem& item) {
    std::string changed = changed_answer(item);
    if (item.meta["family"] == "calendar" && item.meta["kind"] == "later")
      changed = (item.answer.substr(0, 4) == "2001" ? "2002" : "2001") + std::string("-07-15");
    if (changed == item.answer) return;  // of "later": the date itself
    ASSERT_EQ(outcome_of(item, "<answer>" + changed + "</answer>"), Outcome::wrong) << changed;
    ASSERT_EQ(outcome_of(item, "\\boxed{" + changed + "}"), Outcome::wrong) << changed;
    ASSERT_EQ(outcome_of(item, "<answer>" + item.answer + "</answer><answer>" + changed + "</answer>"), Outcome::wrong);
    ASSERT_EQ(outcome_of(item, "\\boxed{" + item.answer + " or " + changed + "}"), Outcome::wrong) << changed;
  });
}

std::string changed_step(const TaskItem& item, const std::string& step) {
  const std::string family = item.meta["family"];
  const auto has = [&](const char* part) { return step.find(part) != std::string::npos; };
  if (family == "knights_and_knaves")
    return has("cannot be")  ? with_last_word_turned(step, {"true", "false"})
           : has("possible") ? with_last_word_turned(step, {"is possible", "cannot be"})
                             : with_last_word_turned(step, {"knight", "knave"});
  if (family == "truth_tables" && !has("true for")) return with_last_word_turned(step, {"true", "false"});
  if (family == "mazes" && has("The way is")) return step.substr(0, step.size() - 1) + "UD.";
  if (family == "base_conversion" && has(", digit "))
    return step.substr(0, step.size() - 2) + (has("digit 0") ? "1." : "0.");
  if (family == "base_conversion" && has("the digits")) return step.substr(0, step.size() - 1) + "1.";
  if (family == "sorting" && item.meta["kind"] == "words") return step.substr(0, step.size() - 1) + "s.";
  if (family == "string_edits" && has("gives")) return step.substr(0, step.size() - 2) + "x\".";
  if (family == "calendar" && (has("comes a") || has("is a"))) return with_last_word_turned(step, kDays);
  if (family == "calendar" && has("days after"))
    return with_last_number_raised(step.substr(0, step.find(" days after"))) + step.substr(step.find(" days after"));
  if (family == "programs" && has(" is True")) return with_last_word_turned(step, {"True", "False"});
  if (family == "programs" && has(" is False")) return with_last_word_turned(step, {"True", "False"});
  if (family == "truth_tables")
    return with_last_number_raised(step.substr(0, step.find(" of"))) + step.substr(step.find(" of"));
  return with_last_number_raised(step);
}

TEST_P(EveryFamily, AChangedStepIsTheFirstWrongOne) {
  uint64_t turn = 0;
  for_each_item(60, [&](const TaskItem& item) {
    const size_t k = turn++ % item.steps.size();
    std::vector<std::string> steps = item.steps;
    steps[k] = changed_step(item, steps[k]);
    ASSERT_NE(steps[k], item.steps[k]);
    const auto verdicts = check_steps(family(), item, steps);
    for (size_t i = 0; i < k; i++) ASSERT_EQ(verdicts[i], StepVerdict::right) << item.steps[i];
    ASSERT_EQ(verdicts[k], StepVerdict::wrong) << steps[k];
  });
}

TEST_P(EveryFamily, AnItemIsAFunctionOfItsPlace) {
  const Dials dials(family());
  std::vector<std::string> forward, backward(50);
  for (uint64_t i = 0; i < 50; i++) forward.push_back(to_json(generate(family(), 7, i, dials, false)).dump());
  for (uint64_t i = 50; i-- > 0;) backward[i] = to_json(generate(family(), 7, i, dials, false)).dump();
  EXPECT_EQ(forward, backward);
  EXPECT_GT(std::set<std::string>(forward.begin(), forward.end()).size(), 25u) << "items hardly differ";
  EXPECT_NE(to_json(generate(family(), 8, 0, dials, false)).dump(), forward[0]);
  const uint64_t far = uint64_t{3} << 33;  // beyond 32 bits
  EXPECT_NE(to_json(generate(family(), 7, far, dials, false)).dump(), forward[0]);
}

TEST_P(EveryFamily, TheSidesShareNothing) {
  std::set<std::string> sides[2];
  for (const Settings& settings : settings_of(family())) {
    const Dials dials = dials_of(family(), settings);
    for (uint64_t seed : {1, 2, 3})
      for (bool held_out : {false, true})
        for (uint64_t i = 0; i < 100; i++) sides[held_out].insert(generate(family(), seed, i, dials, held_out).prompt);
  }
  for (const std::string& prompt : sides[1]) ASSERT_FALSE(sides[0].contains(prompt)) << prompt;
  EXPECT_GT(sides[1].size(), 50u);
}

double mean_difficulty(const TaskFamily& family, const Settings& settings) {
  const Dials dials = dials_of(family, settings);
  constexpr int kItems = 300;
  double sum = 0;
  for (uint64_t i = 0; i < kItems; i++) sum += generate(family, 5, i, dials, false).meta["difficulty"].get<double>();
  return sum / kItems;
}

// The measure is the length of the worked solution. Larger bases write numbers with fewer digits: there it falls.
TEST_P(EveryFamily, DialsChangeDifficulty) {
  for (const Dial& dial : family().dials) {
    if (dial.kind != Dial::Kind::whole) continue;
    std::vector<double> measured;
    for (int64_t value : {dial.low, dial.low + (dial.high - dial.low) / 3, dial.high})
      measured.push_back(mean_difficulty(family(), {{dial.name, std::to_string(value)}}));
    if (dial.name == "base") std::reverse(measured.begin(), measured.end());
    EXPECT_LT(measured.front(), measured.back()) << dial.name;
    EXPECT_TRUE(std::is_sorted(measured.begin(), measured.end()))
        << dial.name << " " << measured[0] << " " << measured[1] << " " << measured[2];
  }
}

// A checker meets items from outside: whatever is missing or of another type, it says so and goes on.
TEST_P(EveryFamily, DamagedItemsFailWithoutHarm) {
  const TaskItem whole = generate(family(), 3, 0, Dials(family()), false);
  const std::vector<Json> junk = {nullptr,
                                  -1,
                                  1e300,
                                  INT64_MAX,
                                  "x",
                                  std::string(100000, '('),
                                  Json::array(),
                                  Json::array({nullptr}),
                                  Json::array({INT64_MIN}),
                                  Json::object(),
                                  true};
  for (const auto& [key, value] : whole.meta.items()) {
    TaskItem item = whole;
    item.meta.erase(key);
    check(family(), item, worked_completion(whole), "");
    for (const Json& bad : junk) {
      item.meta[key] = bad;
      const Verdict v = check(family(), item, worked_completion(whole), "");
      EXPECT_FALSE(v.reason.empty());
      try {
        check_steps(family(), item, whole.steps);
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()), "");
      }
    }
  }
}

// Nothing that a model writes may crash or stall a checker.
TEST_P(EveryFamily, AnyTextIsJudged) {
  const TaskItem item = generate(family(), 3, 1, Dials(family()), false);
  const std::vector<std::string> texts = {std::string(50000, '('),
                                          std::string(50000, '-') + "1 = 77777777",
                                          std::string(50000, '9') + " = 9",
                                          "\xff\xfe = \x80",
                                          "= = = =",
                                          "1 / 0 = 77777777",
                                          "\\boxed{" + std::string(50000, '{'),
                                          "<answer>",
                                          "</think>",
                                          std::string(20000, '\n'),
                                          "9223372036854775807 * 9223372036854775807 = 77777777",
                                          "Step 999999999999999999999, line 1: a = 77777777",
                                          "from to are days",
                                          "{} {} {}"};
  for (const std::string& text : texts) {
    EXPECT_NE(outcome_of(item, text), Outcome::correct) << text.substr(0, 50);
    EXPECT_NE(outcome_of(item, text), Outcome::failed) << text.substr(0, 50);
    EXPECT_NE(check_steps(family(), item, {text})[0], StepVerdict::right) << text.substr(0, 50);
  }
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Dials, ErrorsNameWhatIsAllowed) {
  Dials dials(find_family("countdown"));
  EXPECT_EQ(message_of([&] { dials.set("numbres", "3"); }),
            "task countdown: unknown dial \"numbres\"; nearest is \"numbers\" (numbers, largest, target, operators)");
  EXPECT_EQ(message_of([&] { dials.set("numbers", "7"); }),
            "dial numbers=7: expected a whole number or a range a-b from 2 to 6");
  for (const char* bad : {"", "-", "3-", "-3", "3-2", "1-3", "3-9", "3.5", "x", "3-4-5", "99999999999999999999"})
    EXPECT_NE(message_of([&] { dials.set("numbers", bad); }), "no error") << bad;
  for (const char* good : {"2", "6", "2-6", "3-3"})
    EXPECT_EQ(message_of([&] { dials.set("numbers", good); }), "no error") << good;
  EXPECT_EQ(message_of([&] { dials.set("operators", "+x"); }), "dial operators=+x: expected some of + - * /");
  Dials sorting(find_family("sorting"));
  EXPECT_EQ(message_of([&] { sorting.set("kind", "word"); }),
            "dial kind=word: expected one of numbers, words, both; nearest is words");
  EXPECT_NE(message_of([] { find_family("countdwn"); }).find("nearest is \"countdown\""), std::string::npos);
}

TEST(Dials, ThatLeaveNoItemsSaySo) {
  TaskFamily one;
  one.name = "one";
  one.draw = [](Draws&, const Dials&) -> std::optional<Draft> {
    return Draft{"?", "!", "the only key", {}, Json::object()};
  };
  const bool side = is_held_out("the only key");
  EXPECT_EQ(generate(one, 1, 0, Dials(one), side).prompt, "?");
  try {
    generate(one, 1, 0, Dials(one), !side);
    FAIL() << "there is no such item";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("task one: these dials leave no"), std::string::npos) << e.what();
  }
}

TEST(Steps, AreLinesOrSentences) {
  EXPECT_EQ(steps_of("<think>a\n\n b \n</think>x", ""), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(steps_of("a\nb</think>x", "<think>\n"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(steps_of("3 * 8 = 24. So 24 + 1.5 = 25.5. Done", ""),
            (std::vector<std::string>{"3 * 8 = 24.", "So 24 + 1.5 = 25.5.", "Done"}));
  EXPECT_EQ(steps_of("1 + 1 = 2个。答案是2。", ""), (std::vector<std::string>{"1 + 1 = 2个。", "答案是2。"}));
  EXPECT_TRUE(steps_of("", "").empty());
}

}  // namespace
}  // namespace r1::tasks
