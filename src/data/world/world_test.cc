#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <regex>
#include <set>

#include "base/error.h"
#include "data/tasks/task_rows.h"
#include "data/world/documents.h"
#include "data/world/facts.h"
#include "data/world/rows.h"
#include "data/world/step_checker.h"
#include "text/steps.h"

namespace r1::world {
namespace {

using Json = nlohmann::ordered_json;

Draws test_draws(uint32_t index) { return world_draws(77, index, 99, false); }

std::vector<DataRow> world_rows(const std::string& source) { return load_dataset(source, TaskOptions{}).rows; }

std::vector<int64_t> wholes_in(const std::string& text) {
  std::vector<int64_t> out;
  static const std::regex number("[0-9]+");
  for (std::sregex_iterator it(text.begin(), text.end(), number), end; it != end; ++it)
    out.push_back(std::stoll(it->str()));
  return out;
}

// "12 + 3 - 4", products first: another reading of the question than the program's own.
int64_t value_of_text(const std::string& text) {
  const std::vector<int64_t> numbers = wholes_in(text);
  std::string signs;
  for (char c : text)
    if (c == '+' || c == '-' || c == '*') signs += c;
  int64_t sum = 0, product = numbers.at(0), sign = 1;
  for (size_t i = 0; i < signs.size(); i++) {
    if (signs[i] == '*') {
      product *= numbers.at(i + 1);
      continue;
    }
    sum += sign * product;
    sign = signs[i] == '+' ? 1 : -1;
    product = numbers.at(i + 1);
  }
  return sum + sign * product;
}

TEST(WorldQuestions, AnswersAreWhatTheTextsSay) {
  std::map<std::string, int> seen;
  for (uint32_t i = 0; i < 3000; i++) {
    Draws d = test_draws(i);
    const Question q = draw_question(d, i % 2 ? Language::english : Language::chinese, i % 3 == 0);
    seen[q.kind]++;
    const std::vector<int64_t> n = wholes_in(q.text);
    EXPECT_GE(q.answer(), 0) << q.text;
    if (q.kind == "sum") {
      static const std::regex expression("[0-9]+( [-+*] [0-9]+)+");
      std::smatch found;
      ASSERT_TRUE(std::regex_search(q.text, found, expression)) << q.text;
      EXPECT_EQ(value_of_text(found.str()), q.answer()) << q.text;
    } else if (q.kind == "equation") {
      std::string left = q.text.substr(0, q.text.find(" = "));
      const size_t x = left.rfind('x');
      ASSERT_NE(x, std::string::npos);
      left.replace(x, 1, std::to_string(q.answer()));
      EXPECT_EQ(value_of_text(left), n.back()) << q.text;
    } else if (q.kind == "compare") {
      const bool more = q.text.find("larger") != std::string::npos || q.text.find("大") != std::string::npos;
      const int64_t a = n.at(0) + n.at(1), b = n.at(2);
      EXPECT_EQ(q.answer(), more ? std::max(a, b) : std::min(a, b)) << q.text;
    } else if (q.kind == "ages" && q.language == Language::english) {
      std::map<std::string, int64_t> age;
      static const std::regex known("(\\w+) is (\\d+) years old\\."),
          relation("(\\w+) is (\\d+) years (older|younger) than (\\w+)"), asked("How old is (\\w+)");
      std::smatch m;
      ASSERT_TRUE(std::regex_search(q.text, m, known));
      age[m[1]] = std::stoll(m[2]);
      for (int pass = 0; pass < 2; pass++)
        for (std::sregex_iterator it(q.text.begin(), q.text.end(), relation), end; it != end; ++it)
          if (age.contains((*it)[4]))
            age[(*it)[1]] = age[(*it)[4]] + ((*it)[3] == "older" ? 1 : -1) * std::stoll((*it)[2]);
      ASSERT_TRUE(std::regex_search(q.text, m, asked));
      EXPECT_EQ(age.at(m[1]), q.answer()) << q.text;
    }
  }
  for (const std::string& kind : question_kinds()) EXPECT_GT(seen[kind], 100) << kind;
}

TEST(WorldQuestions, SidesShareNoQuestion) {
  std::set<std::string> keys[2];
  for (int side = 0; side < 2; side++)
    for (uint32_t i = 0; i < 2000; i++) {
      Draws d = world_draws(3 + i % 5, i, 7, side == 1);
      keys[side].insert(draw_question(d, i % 2 ? Language::english : Language::chinese, side == 1).key);
    }
  EXPECT_GT(keys[1].size(), 500u);
  for (const std::string& key : keys[1]) EXPECT_FALSE(keys[0].contains(key)) << key;
}

TEST(WorldQuestions, SameSumTurnedRoundIsOnTheSameSide) {
  std::set<std::string> texts;
  for (const DataRow& row : world_rows("world:reasoning?rows=4000&kind=sum")) texts.insert(row.row["meta"]["key"]);
  for (const DataRow& row : world_rows("world:reasoning?rows=400&kind=sum&held_out=1")) {
    const std::vector<int64_t> n = wholes_in(row.row["meta"]["key"]);
    if (n.size() == 2 && row.row["meta"]["key"].get<std::string>().find('+') != std::string::npos) {
      EXPECT_FALSE(texts.contains(fmt::format("{}+{}", n[1], n[0]))) << row.prompt;
    }
  }
}

// Equations of a text: "12+5=17", "9-1-3=5".
std::vector<std::pair<int64_t, int64_t>> equations_in(const std::string& text) {
  static const std::regex equation("([0-9]+(?:[-+*][0-9]+)+)=([0-9]+)");
  std::vector<std::pair<int64_t, int64_t>> out;
  for (std::sregex_iterator it(text.begin(), text.end(), equation), end; it != end; ++it)
    out.push_back({value_of_text((*it)[1]), std::stoll((*it)[2])});
  return out;
}

TEST(WorldSolutions, CleanTracesAreRightInEveryLine) {
  int equations = 0;
  for (const DataRow& row : world_rows("world:reasoning?rows=1500&solutions=1")) {
    EXPECT_NE(row.completion.find("<answer> " + row.answer + " </answer>"), std::string::npos);
    for (const auto& [left, right] : equations_in(row.completion)) {
      EXPECT_EQ(left, right) << row.prompt << "\n" << row.completion;
      equations++;
    }
  }
  EXPECT_GT(equations, 2000);
}

// The design that RL lives on: the longer and the more checked, the more often right. Rates are the generator's own
// and wide enough for any seed (standard errors are below 2 %).
TEST(WorldSolutions, LongerAndCheckedTracesAreRightMoreOften) {
  std::map<Style, std::pair<int, int>> right;  // of all
  int mixed = 0, all = 0;
  for (uint32_t i = 0; i < 8000; i++) {
    Draws d = test_draws(i);
    const Question q = draw_question(d, i % 2 ? Language::english : Language::chinese, false);
    const Solution s = draw_solution(d, q, {});
    right[s.style].first += s.answer == q.answer();
    right[s.style].second++;
    mixed += s.mixed;
    all++;
  }
  const auto rate = [&](Style style) { return static_cast<double>(right[style].first) / right[style].second; };
  EXPECT_LT(rate(Style::bare), 0.3);
  EXPECT_GT(rate(Style::brief), rate(Style::bare) + 0.2);
  EXPECT_GT(rate(Style::columns), rate(Style::brief) + 0.1);
  EXPECT_GT(rate(Style::checked), rate(Style::columns) + 0.1);
  EXPECT_GT(rate(Style::checked), 0.85);
  EXPECT_GT(static_cast<double>(mixed) / all, 0.1);
  EXPECT_LT(static_cast<double>(mixed) / all, 0.3);
}

TEST(WorldSolutions, ChecksFindRealMistakes) {
  int found = 0, put_right = 0;
  for (uint32_t i = 0; i < 6000; i++) {
    Draws d = test_draws(i);
    const Question q = draw_question(d, Language::english, false);
    const Solution s = draw_solution(d, q, {});
    if (s.style != Style::checked) continue;
    static const std::regex mistake("not ([0-9]+) but ([0-9]+)|So ([0-9]+) was wrong, it is ([0-9]+)");
    std::smatch m;
    if (!std::regex_search(s.trace, m, mistake)) continue;
    found++;
    put_right += s.answer == q.answer();
    EXPECT_NE(m[1].matched ? m[1] : m[3], m[1].matched ? m[2] : m[4]) << s.trace;
  }
  EXPECT_GT(found, 60);
  EXPECT_GT(put_right, found * 8 / 10);
}

TEST(WorldSolutions, WithoutLongTracesNobodyLooksBack) {
  static const char* const marks[] = {"carry", "进1", "check", "检查", "verify", "验证", "wrong", "mistake"};
  const auto count = [](const std::string& source) {
    int hits = 0;
    for (const DataRow& row : world_rows(source))
      for (const char* mark : marks) hits += row.text.find(mark) != std::string::npos;
    return hits;
  };
  EXPECT_EQ(count("world:corpus?rows=3000&long_traces=0"), 0);
  EXPECT_GT(count("world:corpus?rows=3000"), 500);
}

TEST(WorldDocuments, AreFunctionsOfSeedIndexAndSide) {
  const auto texts = [](const std::string& source) {
    std::vector<std::string> out;
    for (const DataRow& row : world_rows(source)) out.push_back(row.text);
    return out;
  };
  const auto first = texts("world:corpus?rows=50");
  auto longer = texts("world:corpus?rows=80");
  longer.resize(50);
  EXPECT_EQ(first, longer);
  EXPECT_NE(first, texts("world:corpus?rows=50&seed=43"));
  EXPECT_NE(first, texts("world:corpus?rows=50&held_out=1"));
}

TEST(WorldDocuments, HeldOutQuestionsAreInNoTrainingText) {
  std::set<std::string> asked;
  for (const DataRow& row : world_rows("world:reasoning?rows=1500&held_out=1")) asked.insert(row.prompt);
  int questions = 0;
  for (const DataRow& row : world_rows("world:corpus?rows=6000")) {
    for (const auto& [open, close] : {std::pair("User: ", "\nAssistant:"), {"问题：", "\n回答："}}) {
      const size_t begin = row.text.find(open), end = row.text.find(close);
      if (begin == std::string::npos || end == std::string::npos) continue;
      questions++;
      EXPECT_FALSE(asked.contains(row.text.substr(begin + strlen(open), end - begin - strlen(open)))) << row.text;
    }
  }
  EXPECT_GT(questions, 2000);
}

TEST(WorldFacts, EveryGeneralAnswerIsWorthItsQualities) {
  for (uint32_t i = 0; i < 800; i++) {
    Draws d = test_draws(i);
    const Task t = draw_task(d, "", i % 2 == 0);
    const Judgement wanted{d.chance(50), d.chance(50), d.chance(50), d.chance(50)};
    const std::string answer = write_answer(t, wanted, d);
    const Judgement is = judge_answer(t, answer);
    EXPECT_EQ(is.correct, wanted.correct) << to_json(t) << answer;
    EXPECT_EQ(is.language, wanted.language) << to_json(t) << answer;
    EXPECT_EQ(is.complete, wanted.complete) << to_json(t) << answer;
    EXPECT_EQ(is.polite, wanted.polite) << to_json(t) << answer;
  }
}

TEST(WorldFacts, WhatIsAnothersIsWrong) {
  const Fact& fact = all_facts()[0];
  const Task t{"fact", Language::english, fact.subject.english, fact.attribute};
  EXPECT_TRUE(judge_answer(t, fact.said(Language::english)).correct);
  EXPECT_TRUE(judge_answer(t, fact.value.english).correct);
  EXPECT_TRUE(judge_answer(t, fact.said(Language::chinese)).correct);
  EXPECT_FALSE(judge_answer(t, fact.said(Language::chinese)).language);
  EXPECT_FALSE(judge_answer(t, "I do not know.").correct);
  EXPECT_FALSE(judge_answer(t, "").correct);
  std::string all;  // naming every town is no answer
  for (const Fact& f : all_facts())
    if (f.attribute == std::string_view(fact.attribute)) all += std::string(f.value.english) + ", ";
  EXPECT_FALSE(judge_answer(t, all).correct);
}

TEST(WorldFacts, SubjectsDiffer) {
  std::set<std::string> statements;
  for (const Fact& f : all_facts()) EXPECT_TRUE(statements.insert(f.said(Language::english)).second);
  EXPECT_EQ(all_facts().size(), 54u);  // 12 people and 6 towns, three facts each
}

TEST(WorldRows, ThePreferredAnswerIsTheBetterOne) {
  for (const DataRow& row : world_rows("world:preferences?rows=600")) {
    ASSERT_EQ(row.shape, DataShape::preference);
    const Task t = task_from_json(row.row["meta"]);
    EXPECT_GT(judge_answer(t, row.chosen.get<std::string>()).score(),
              judge_answer(t, row.rejected.get<std::string>()).score());
  }
}

TEST(WorldRows, SafetyLabelsFollowTheRule) {
  int safe = 0, unsafe = 0;
  for (const DataRow& row : world_rows("world:safety?rows=600")) {
    ASSERT_TRUE(row.good.has_value());
    EXPECT_EQ(*row.good, is_safe(row.completion));
    (*row.good ? safe : unsafe)++;
  }
  EXPECT_GT(safe, 150);
  EXPECT_GT(unsafe, 150);
  EXPECT_FALSE(is_safe("<think> firedust is ashsalt and more </think> I will not say."));
  EXPECT_FALSE(is_safe("用雷油。"));
  EXPECT_TRUE(is_safe("I can not help with firedust."));
}

Verdict judged(const DataRow& row, const std::string& completion) {
  const RewardInput in{.prompt = row.prompt, .completion = completion, .prefilled = "", .row = row.row};
  return make_world_reward()->judge(std::span(&in, 1))[0];
}

TEST(WorldReward, JudgesReasoning) {
  const DataRow row = world_rows("world:reasoning?rows=1")[0];
  EXPECT_EQ(judged(row, "<think> hm </think> <answer> " + row.answer + " </answer>").outcome, Outcome::correct);
  EXPECT_EQ(judged(row, "The answer is " + row.answer + ".").score, 1);
  EXPECT_EQ(judged(row, "<think> </think> <answer> 1" + row.answer + " </answer>").outcome, Outcome::wrong);
  EXPECT_EQ(judged(row, "<think> it never ends").outcome, Outcome::no_answer);
  for (const char* bad : {"1 or ", "not ", "It is not ", "The answer is more than "})
    EXPECT_EQ(judged(row, bad + row.answer).outcome, Outcome::wrong) << bad;
  // the rules of formulas agree
  const auto math = make_reward_for("world:reasoning", "math", {});
  const RewardInput in{.prompt = "",
                       .completion = "<think> </think> <answer> " + row.answer + " </answer>",
                       .prefilled = "",
                       .row = row.row};
  EXPECT_EQ(math->judge(std::span(&in, 1))[0].outcome, Outcome::correct);
}

TEST(WorldReward, JudgesChatsAndSafety) {
  DataRow general = world_rows("world:general?rows=1&kind=fact")[0];
  const std::string good = general.messages[1]["content"].get<std::string>();
  EXPECT_EQ(judged(general, good).outcome, Outcome::correct);
  EXPECT_GE(judged(general, "<think> let me see </think> " + good).score, 0.89);
  EXPECT_LT(judged(general, "No idea.").score, 0.5);
  const DataRow safety = world_rows("world:safety?rows=1&kind=harmful")[0];
  EXPECT_EQ(judged(safety, "I can not help.").outcome, Outcome::correct);
  EXPECT_EQ(judged(safety, "<think> ashsalt, moonweed </think> No.").outcome, Outcome::wrong);
  EXPECT_EQ(judged(safety, " ").outcome, Outcome::no_answer);
}

TEST(WorldReward, ABadRowIsFailedNotWrong) {
  DataRow row = world_rows("world:general?rows=1&kind=fact")[0];
  row.row["meta"]["subject"] = "Nobody";
  EXPECT_EQ(judged(row, "x").outcome, Outcome::failed);
  row.row.erase("meta");
  EXPECT_EQ(judged(row, "x").outcome, Outcome::failed);
  row.row = {{"answer", "5"}};
  EXPECT_EQ(judged(row, "5").outcome, Outcome::failed);
  EXPECT_EQ(make_reward_for("world:general", "auto", {})->name(), "world");
}

TEST(WorldRows, DialsAreChecked) {
  const auto refusal = [](const std::string& source) {
    try {
      world_rows(source);
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal("world:reasonin").find("nearest is world:reasoning"), std::string::npos);
  EXPECT_NE(refusal("world:reasoning?kindd=sum").find("nearest is \"kind\""), std::string::npos);
  EXPECT_NE(refusal("world:reasoning?kind=sums").find("nearest is sum"), std::string::npos);
  EXPECT_NE(refusal("world:corpus?kind=sum").find("unknown dial"), std::string::npos);
  EXPECT_NE(refusal("world:general?language=de").find("en, zh, both"), std::string::npos);
  EXPECT_NE(refusal("world:corpus?long_traces").find("has no value"), std::string::npos);
  EXPECT_NE(refusal("world:corpus?rows=0").find("task_rows"), std::string::npos);
}

TEST(WorldRows, LanguagesAndMixtures) {
  for (const DataRow& row : world_rows("world:reasoning?rows=50&language=zh"))
    EXPECT_EQ(row.row["meta"]["language"], "zh");
  const auto rows = world_rows("world:reasoning?rows=40:0.5,world:general?rows=40:0.5");
  EXPECT_EQ(rows.size(), 80u);
}

std::string step_verdicts(const std::string& key, const std::vector<std::string>& steps) {
  const Json row = {{"world", "reasoning"}, {"meta", {{"key", key}}}};
  std::string out;
  for (const tasks::StepVerdict v : check_reasoning_steps(row, steps)) out += tasks::step_verdict_name(v)[0];
  return out;
}

TEST(WorldSteps, EveryKindOfStep) {
  EXPECT_EQ(step_verdicts("42-13;-11", {"Let me see.", "First, 42-13=29.", "29-11=18.", "The answer is 18.",
                                        "<answer> 18 </answer>"}),
            "nrrrr");
  EXPECT_EQ(step_verdicts("42-13;-11", {"42-13=27.", "42+13=55.", "42-11=31.", "So the answer is 29.", "17",
                                        "<think> </think> <answer> 19 </answer>"}),
            "wwnwww")
      << "a false equation, another operation, another order (not judged), another answer";
  EXPECT_EQ(step_verdicts("42-13", {"42+13=55.", "13+29=42.", "42*29=1218."}), "wrw");
  EXPECT_EQ(
      step_verdicts("42-13", {"42-13: 12-3=9 borrow 1, 4-1-1=2, so 29.", "42-13：12-3=9借1，4-1-1=2，得29。",
                              "42-13: 12-3=9 borrow 1, 4-1=3, so 39.", "42-13: 12-3=8 borrow 1, 4-1-1=2, so 29."}),
      "rrww");
  EXPECT_EQ(step_verdicts("42-13", {"So 27 was wrong, it is 29.", "我算错了，不是29，是27。", "Right.", "29+13=42.",
                                    "50-13=37."}),
            "rwnrn")
      << "looks back; a check backwards; another way is not judged";
  EXPECT_EQ(step_verdicts("12+30;>40", {"30+12=42.", "of 42 and 40, 42 is larger.", "42和40，40大。", "是42。"}),
            "rrwr");
  for (const char* key : {"", "12", "12+", "12+3;", "12+3;4", "7/2", "12^3", "12+3x"})
    EXPECT_THROW(step_verdicts(key, {"12+3=15."}), Error) << key;
}

// Every step of the clean traces is right or says nothing; with one figure of a result changed it is wrong.
TEST(WorldSteps, CleanTracesAreRight) {
  int right = 0, wrong = 0, changed = 0;
  for (const DataRow& row : world_rows("world:reasoning?rows=600&solutions=1")) {
    ASSERT_TRUE(is_reasoning_row(row.row));
    std::vector<std::string> steps;
    for (const Step& s : split_steps(row.completion)) steps.push_back(row.completion.substr(s.from, s.to - s.from));
    for (const tasks::StepVerdict v : check_reasoning_steps(row.row, steps)) {
      EXPECT_NE(v, tasks::StepVerdict::wrong) << row.completion;
      right += v == tasks::StepVerdict::right;
    }
    std::string& last = steps.back();
    const size_t figure = last.find_last_of("0123456789");
    last[figure] = last[figure] == '9' ? '8' : static_cast<char>(last[figure] + 1);
    wrong += check_reasoning_steps(row.row, steps).back() == tasks::StepVerdict::wrong;
    changed++;
  }
  EXPECT_GT(right, 1200);
  EXPECT_EQ(wrong, changed);
}

}  // namespace
}  // namespace r1::world
