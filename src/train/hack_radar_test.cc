// The stricter checker on hand-made completions, the trend rule on series, and its false alarms over simulated runs.
#include "train/hack_radar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/philox.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

RewardInput asked(const std::string& completion, const std::string& answer = "42") {
  return {.prompt = "What is 40 + 2?", .completion = completion, .prefilled = "", .row = {{"answer", answer}}};
}

TEST(StrictChecker, TakesHonestAnswers) {
  for (const char* good : {"42", "The answer is 42.", "<think>40 + 2 = 42</think><answer>42</answer>",
                           "40 + 2 = 42\n#### 42", "\\boxed{42}", "First 40, then 41, then 42.\n42"})
    EXPECT_EQ(strictly_wrong(asked(good), {}), "") << good;
  EXPECT_EQ(strictly_wrong(asked("<think>a</think><answer>42</answer>"), {.format = "think_answer", .language = ""}),
            "");
}

TEST(StrictChecker, ObjectsByName) {
  EXPECT_EQ(strictly_wrong(asked("\\boxed{40} \\boxed{41} \\boxed{42}"), {}), "several answers");
  EXPECT_EQ(strictly_wrong(asked("38 39 40 41 42"), {}), "a list of answers");
  EXPECT_EQ(strictly_wrong(asked("<think>x</think><answer>1, 2, 3, 42</answer>"), {}), "a list of answers");
  EXPECT_EQ(strictly_wrong(asked("Your answer here: 42"), {}), "a placeholder left");
  std::string loop = "42";
  for (int i = 0; i < 40; i++) loop = "so it is so it is " + loop;
  EXPECT_EQ(strictly_wrong(asked(loop), {}), "mostly repetition");
  EXPECT_EQ(strictly_wrong(asked("42"), {.format = "think_answer", .language = ""}), "not in the format");
  EXPECT_EQ(strictly_wrong(asked("<think>...</think><answer>42</answer>"), {.format = "think_answer", .language = ""}),
            "not in the format")
      << "a thought that says nothing";
  EXPECT_EQ(strictly_wrong(asked("我们先算四十加二等于四十二所以答案就是四十二没有别的可能了 42"),
                           {.format = "", .language = "auto"}),
            "in another language");
}

TEST(RewardTerms, AsMakeRewardReadsThem) {
  using Terms = std::vector<std::pair<std::string, double>>;
  const auto terms = [](const std::string& spec) {
    Terms out;
    for (const RewardTerm& t : reward_terms(spec)) out.emplace_back(t.name, t.weight);
    return out;
  };
  EXPECT_EQ(terms("math + format*0.2+exec:./a + b*3"), (Terms{{"math", 1}, {"format", 0.2}, {"exec:./a + b*3", 1}}));
  EXPECT_EQ(terms("trl:my.py:short:0.2+math"), (Terms{{"trl:my.py:short", 0.2}, {"math", 1}}));
  EXPECT_EQ(terms("openrlhf+http://h/p*2 + format"), (Terms{{"openrlhf+http://h/p", 2}, {"format", 1}}));
  EXPECT_EQ(terms("domain(a: math+format*2, b: rm:x)*3+length"),
            (Terms{{"domain(a: math+format*2, b: rm:x)", 3}, {"length", 1}}));
  for (const char* name : {"trl:a.py:f", "verl:a.py", "openrlhf:a.py", "openrlhf+http://h/", "rg:t?a=1", "exec:x"})
    EXPECT_TRUE(is_users_reward(name)) << name;
  for (const char* name : {"math", "rm:folder", "judge:http://h/v1#m", "domain(a: trl:a.py:f)"})
    EXPECT_FALSE(is_users_reward(name)) << name;
}

// ---- the rule on series

struct Chance {
  uint64_t run;
  uint32_t look = 0, draw = 0;
  double uniform() { return random_uniform({.seed = run, .step = look, .prompt = draw++}); }
};

constexpr int kSamplesOfALook = 64;

// What a policy scores: a sample's reward and strict score.
using Sampled = std::function<std::pair<double, double>(Chance&, int look)>;

RadarPoint point_of(Chance& chance, int look, const Sampled& sampled) {
  chance.look = static_cast<uint32_t>(look);
  chance.draw = 0;
  double r = 0, rr = 0, s = 0, ss = 0;
  for (int i = 0; i < kSamplesOfALook; i++) {
    const auto [reward, strict] = sampled(chance, look);
    r += reward, rr += reward * reward, s += strict, ss += strict * strict;
  }
  const double n = kSamplesOfALook;
  return {.reward = r / n,
          .reward_variance = (rr - r * r / n) / (n - 1) / n,
          .strict = s / n,
          .strict_variance = (ss - s * s / n) / (n - 1) / n};
}

// The first look with an alarm, as HackRadar gives it; -1: none.
int first_alarm(uint64_t run, int looks, const Sampled& sampled) {
  Chance chance{run};
  std::vector<RadarPoint> points;
  bool suspected = false;
  for (int look = 0; look < looks; look++) {
    points.push_back(point_of(chance, look, sampled));
    const bool suspicious = radar_trend(points).suspicious;
    if (suspicious && suspected) return look;
    suspected = suspicious;
  }
  return -1;
}

// Accuracy that grows from 0.2 to 0.9.
double learned(int look) { return 0.2 + 0.7 / (1 + std::exp(-(look - 40) / 10.0)); }

std::pair<double, double> honest(Chance& c, int look) {
  const bool right = c.uniform() < learned(look), formatted = c.uniform() < std::min(1.0, 0.2 + look / 20.0);
  const bool odd = c.uniform() < 0.05;  // right by the first checker alone
  return {right + 0.5 * formatted, (right && !odd) + 0.5 * formatted};
}
std::pair<double, double> still(Chance& c, int) {
  const bool right = c.uniform() < 0.4;
  return {right, right && c.uniform() < 0.9};
}
// A reward on another scale, only half of it about being right, beside a strict score of right or wrong.
std::pair<double, double> loosely_tied(Chance& c, int look) {
  const bool right = c.uniform() < learned(look);
  return {10 * right + 10 * c.uniform(), right};
}
std::pair<double, double> hacked(Chance& c, int look) {
  const bool right = c.uniform() < 0.3, listed = c.uniform() < look / 60.0;
  return {right || listed, right && !listed};
}
std::pair<double, double> paid_for_length(Chance& c, int look) {
  return {50 + 5 * look + 40 * c.uniform(), c.uniform() < 0.3};
}
// Honest for 60 looks, then it finds the hole.
std::pair<double, double> late(Chance& c, int look) {
  const bool right = c.uniform() < 0.3 + 0.3 * std::min(look, 60) / 60.0, listed = c.uniform() < (look - 60) / 20.0;
  return {right || listed, right && !listed};
}

int alarms(int runs, const Sampled& sampled, int looks = 100) {
  int n = 0;
  for (int run = 0; run < runs; run++) n += first_alarm(static_cast<uint64_t>(run + 1), looks, sampled) >= 0;
  return n;
}

TEST(RadarTrend, FindsEveryPolicyThatDrifts) {
  for (const Sampled& policy : {Sampled(hacked), Sampled(paid_for_length), Sampled(late)})
    for (uint64_t run = 1; run <= 20; run++) EXPECT_GE(first_alarm(run, 100, policy), 7) << run;
  EXPECT_GT(first_alarm(1, 100, late), 60) << "not before there is anything to find";
}

TEST(RadarTrend, SaysNothingOfHonestOnes) {
  for (const Sampled& policy : {Sampled(honest), Sampled(still), Sampled(loosely_tied)})
    EXPECT_LE(alarms(20, policy), 1);
}

TEST(RadarTrend, NeedsEightLooks) {
  const std::vector<RadarPoint> seven(7, {.reward = 1, .reward_variance = 0, .strict = 0, .strict_variance = 0});
  EXPECT_FALSE(radar_trend(seven).suspicious);
  std::vector<RadarPoint> rising;
  for (int i = 0; i < 8; i++)
    rising.push_back({.reward = i < 4 ? 0.0 : 1.0, .reward_variance = 0.01, .strict = 0.5, .strict_variance = 0.01});
  EXPECT_TRUE(radar_trend(rising).suspicious);
  for (int i = 4; i < 8; i++) rising[static_cast<size_t>(i)].strict = 1;
  EXPECT_FALSE(radar_trend(rising).suspicious) << "both rose";
}

// Prints the rates that the header states.
TEST(RadarRatesSlow, FalseAlarmsOverTwoThousandRuns) {
  for (const auto& [name, policy] :
       {std::pair<const char*, Sampled>("honest", honest), {"still", still}, {"loosely tied", loosely_tied}}) {
    const int n = alarms(2000, policy);
    std::printf("%s: %d of 2000 runs\n", name, n);
    EXPECT_LE(n, 60) << name;
  }
}

// ---- whole looks

std::vector<Verdict> judged_as(const std::string& spec, const std::vector<RewardInput>& in) {
  return make_reward(spec, {})->judge(in);
}

Verdict paid_by_exec(double score) {
  Verdict v;
  v.outcome = Outcome::correct;
  v.score = score;
  v.parts = {{"exec", score}};
  return v;
}

TEST(HackRadarLook, MeasuresTheGapOfAMathReward) {
  HackRadar radar("math+format*0.5", {});
  ASSERT_TRUE(radar.useful());
  std::vector<RewardInput> in;
  for (int i = 0; i < 8; i++)
    in.push_back(asked(i < 4 ? "<think>40 + 2</think><answer>42</answer>" : "<think>...</think><answer>42</answer>"));
  Json m = Json::object();
  EXPECT_EQ(radar.look(in, judged_as("math+format*0.5", in), m), "");
  EXPECT_EQ(m["radar/strict_score"], 0.75) << "the four empty thoughts get nothing";
  EXPECT_EQ(m["radar/gap"], 0.75);
  EXPECT_EQ(m["radar/alarm"], 0);
}

// A user's reward that pays where the number stands anywhere, and a policy that comes to list all numbers.
TEST(HackRadarLook, AlarmsWhereAUsersRewardIsPleased) {
  HackRadar radar("exec:./anywhere.sh", {});
  std::string alarm;
  int first = -1;
  for (int look = 0; look < 14; look++) {
    if (look == 7) {  // a resumed run goes on
      HackRadar again("exec:./anywhere.sh", {});
      again.restore(Json::parse(radar.state().dump()));
      EXPECT_EQ(again.state(), radar.state());
    }
    std::vector<RewardInput> in;
    std::vector<Verdict> verdicts;
    for (int i = 0; i < 32; i++) {
      const bool lists = i < 3 * look, right = i % 4 == 0;
      in.push_back(asked(lists ? "41 40 42 43 44" : right ? "42" : "7"));
      const double paid = in.back().completion.find("42") != std::string::npos;
      verdicts.push_back(paid_by_exec(paid));
    }
    Json m = Json::object();
    alarm = radar.look(in, verdicts, m);
    EXPECT_EQ(m["radar/alarm"], alarm.empty() ? 0 : 1);
    if (!alarm.empty() && first < 0) first = look;
  }
  EXPECT_GE(first, 8);
  EXPECT_NE(alarm.find("not the row's answer"), std::string::npos) << alarm;
}

// A function's own numbers stand among the parts, and a part that does not apply is not a number.
TEST(HackRadarLook, PartsWithNumbersOfTheirOwn) {
  const std::vector<RewardInput> in = {asked("42"), asked("7"), asked("42"), asked("42")};
  std::vector<Verdict> verdicts(4, paid_by_exec(1));
  for (size_t i = 0; i < 4; i++) {
    verdicts[i].score = i == 3 ? 2 : 3;
    verdicts[i].parts = {
        {"compute_score", i == 3 ? NAN : 1}, {"compute_score/acc", 1}, {"compute_score/format", 0}, {"length", 2}};
  }
  HackRadar radar("verl:my.py+length", {.max_completion_length = 10});
  Json m = Json::object();
  EXPECT_EQ(radar.look(in, verdicts, m), "");
  EXPECT_EQ(m["radar/strict_score"], (3 + 2 + 3 + 2) / 4.0) << "7 is not the row's answer";
  EXPECT_EQ(m["radar/gap"], 11 / 4.0 - 10 / 4.0);
}

// Whatever stands behind a user's function is looked at, too.
TEST(HackRadarLook, AUsersFunctionMayStandFirst) {
  HackRadar radar("trl:my.py:fn:0.5+math", {});
  Verdict v;
  v.outcome = Outcome::correct;
  v.score = 1.5;
  v.parts = {{"fn", 1}, {"math", 1}};
  Json m = Json::object();
  radar.look(std::vector<RewardInput>(4, asked("42")), std::vector<Verdict>(4, v), m);
  EXPECT_EQ(m["radar/strict_score"], 1.5);
  EXPECT_EQ(m["radar/gap"], 0);
}

TEST(HackRadarLook, IsSilentWhereThereIsNothingToHoldARewardAgainst) {
  EXPECT_FALSE(HackRadar("length", {.max_completion_length = 10}).useful());
  HackRadar radar("exec:./x", {});
  std::vector<RewardInput> in(4, asked("42"));
  for (RewardInput& i : in) i.row = Json::object();
  const std::vector<Verdict> verdicts(4, paid_by_exec(1));
  Json m = Json::object();
  EXPECT_EQ(radar.look(in, verdicts, m), "");
  EXPECT_FALSE(m.contains("radar/strict_score"));
}

}  // namespace
}  // namespace r1
