#include "train/evaluate.h"

#include <gtest/gtest.h>

#include "base/threads.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

// The share of k-subsets of n samples, the first `correct` of which are right, that hold a right one.
double brute_pass_at_k(int n, int correct, int k) {
  int64_t all = 0, passed = 0;
  for (uint32_t set = 0; set < 1u << n; set++) {
    if (__builtin_popcount(set) != k) continue;
    all++;
    passed += (set & ((1u << correct) - 1)) != 0;
  }
  return static_cast<double>(passed) / static_cast<double>(all);
}

TEST(Evaluate, UnbiasedPassAtKIsTheShareOfSubsets) {
  for (int n = 1; n <= 10; n++)
    for (int c = 0; c <= n; c++)
      for (int k = 1; k <= n; k++)
        EXPECT_NEAR(unbiased_pass_at_k(n, c, k), brute_pass_at_k(n, c, k), 1e-12) << n << " " << c << " " << k;
  EXPECT_NEAR(unbiased_pass_at_k(100000, 1, 1), 1e-5, 1e-12);
}

// Values by bisection of |p - p0| = z sqrt(p0 (1 - p0) / n), outside this program.
TEST(Evaluate, WilsonsInterval) {
  const struct {
    double successes, n, low, high;
  } known[] = {{8, 10, 0.4901624715366417, 0.9433178485456248},
               {0, 10, 0, 0.2775327998628893},
               {50, 100, 0.4038315303659956, 0.5961684696340044},
               {200, 200, 0.9811546736227333, 1},
               {2.5, 7, 0.1180830112615525, 0.6974399701860725}};
  for (const auto& k : known) {
    EXPECT_NEAR(wilson_interval(k.successes, k.n).low, k.low, 1e-9) << k.successes;
    EXPECT_NEAR(wilson_interval(k.successes, k.n).high, k.high, 1e-9) << k.successes;
  }
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

// "+" is right, "?" no answer, "!" a failed checker, every other letter a wrong answer of that name.
EvalItem item_of(const std::string& marks) {
  EvalItem item;
  for (char c : marks) {
    Verdict v;
    v.outcome = c == '+'   ? Outcome::correct
                : c == '?' ? Outcome::no_answer
                : c == '!' ? Outcome::failed
                           : Outcome::wrong;
    v.score = c == '+';
    v.extracted = c == '+' ? "42" : std::string(1, c);
    item.verdicts.push_back(v);
    item.completions.emplace_back(std::vector<TokenId>(3, 1), std::vector<float>(3), std::vector<float>(3),
                                  c == '?' ? FinishReason::length : FinishReason::stop);
  }
  return item;
}

double consensus_of(const std::string& marks) { return summarise({item_of(marks)}).cons_at_k; }

TEST(Evaluate, ConsensusIsTheMostFrequentAnswer) {
  EXPECT_EQ(consensus_of("+a+"), 1);
  EXPECT_EQ(consensus_of("aab+"), 0);
  EXPECT_EQ(consensus_of("ab+c+"), 1) << "wrong answers differ from one another";
  EXPECT_EQ(consensus_of("+a"), 1) << "a tie goes to what came first";
  EXPECT_EQ(consensus_of("a+"), 0);
  EXPECT_EQ(consensus_of("???+"), 1) << "no answer is no vote";
  EXPECT_EQ(consensus_of("!!!+"), 1);
  EXPECT_EQ(consensus_of("???"), 0);
}

TEST(Evaluate, SummaryOfRows) {
  const EvalResult r = summarise({item_of("+++a"), item_of("a???"), item_of("+a!!"), item_of("!!!!")});
  EXPECT_EQ(r.rows, 3) << "a row whose checker always failed says nothing";
  EXPECT_EQ(r.failed, 6);
  EXPECT_NEAR(r.pass_at_1, (0.75 + 0 + 0.5) / 3, 1e-12);
  EXPECT_NEAR(r.pass_at_k, 2.0 / 3, 1e-12);
  EXPECT_NEAR(r.cons_at_k, 2.0 / 3, 1e-12);
  EXPECT_NEAR(r.mean_score, 4.0 / 10, 1e-12);
  EXPECT_NEAR(r.truncated, 3.0 / 10, 1e-12);
  EXPECT_NEAR(r.mean_length, 3, 1e-12);
  EXPECT_EQ(summarise({}).rows, 0);
  EXPECT_EQ(summarise({item_of("!")}).ci_high, 1);
}

TEST(Evaluate, RowsAreClusters) {
  std::vector<EvalItem> copies, mixed, single;
  for (int i = 0; i < 20; i++) {
    copies.push_back(item_of(std::string(16, i % 2 ? '+' : 'a')));  // all samples of a row say the same
    const int right = i % 2 ? 10 : 6;                               // what sixteen coin tosses spread like
    mixed.push_back(
        item_of(std::string(static_cast<size_t>(right), '+') + std::string(static_cast<size_t>(16 - right), 'a')));
    single.push_back(item_of(i % 2 ? "+" : "a"));
  }
  const Interval twenty = wilson_interval(10, 20), all = wilson_interval(152, 304);
  EXPECT_NEAR(summarise(copies).ci_low, twenty.low, 1e-9) << "320 samples are worth 20";
  EXPECT_NEAR(summarise(copies).ci_high, twenty.high, 1e-9);
  EXPECT_NEAR(summarise(single).ci_low, twenty.low, 1e-9);
  EXPECT_NEAR(summarise(mixed).ci_low, all.low, 1e-9);
  EXPECT_NEAR(summarise(mixed).ci_high, all.high, 1e-9);
}

// Right when the text has an even number of bytes.
class Even : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out;
    for (const RewardInput& in : inputs) {
      Verdict v;
      v.outcome = in.completion.size() % 2 == 0 ? Outcome::correct : Outcome::wrong;
      v.reason = in.prompt + "|" + in.completion;
      out.push_back(v);
    }
    return out;
  }
  std::string name() const override { return "even"; }
};

TEST(Evaluate, AsksEveryRowAndJudgesEverySample) {
  set_thread_count(1);
  const ModelFiles files = tiny_files();
  const ModelConfig config = tiny_run_config();
  const Compute compute = make_compute("f32");
  const Transformer model(config, compute, random_parameters(ParameterLayout(config), config, 3), ModelUse::inference);
  const auto tokenizer = open_tokenizer(files);
  const PromptBuilder prompts(files, tokenizer, {});
  std::vector<DataRow> rows(5);
  for (size_t i = 0; i < 5; i++) rows[i].prompt = "What is " + std::to_string(i) + " + 1?";
  EvalOptions options;
  options.samples = 3;
  options.sampling.max_new_tokens = 6;
  Even even;
  int64_t seen = 0;
  const auto run = [&](int64_t max_active) {
    Sampler sampler(model, tokenizer, {.max_active = max_active});
    return evaluate(sampler, prompts, rows, even, options, [&](int64_t done) { seen = done; });
  };
  const auto items = run(64), narrow = run(2);
  EXPECT_EQ(seen, 15);
  ASSERT_EQ(items.size(), 5u);
  for (size_t i = 0; i < 5; i++) {
    ASSERT_EQ(items[i].completions.size(), 3u);
    for (size_t s = 0; s < 3; s++) {
      EXPECT_EQ(items[i].verdicts[s].reason, items[i].prompt.text + "|" + items[i].completions[s].text);
      EXPECT_EQ(items[i].completions[s].ids, narrow[i].completions[s].ids);
      EXPECT_EQ(items[i].verdicts[s].outcome, narrow[i].verdicts[s].outcome);
    }
  }
}

}  // namespace
}  // namespace r1
