// Packing by its rules, and packed against unpacked on a tiny model.
#include "train/packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/threads.h"
#include "model/tiny_models.h"
#include "train/policy.h"

namespace r1 {
namespace {

using Ids = std::vector<TokenId>;

TrainGroup group_of(Ids prompt, const std::vector<Ids>& samples, int64_t first_tag) {
  TrainGroup g{std::move(prompt), {}};
  for (const Ids& ids : samples) g.samples.push_back({ids, {}, first_tag++});
  return g;
}

int64_t rows_of(const std::vector<MicroBatch>& batches) {
  int64_t rows = 0;
  for (const MicroBatch& b : batches) rows += b.batch.rows();
  return rows;
}

TEST(Packing, SharesThePromptAndLeavesTheLastTokensOut) {
  const auto out = pack(std::vector{group_of({1, 2, 3}, {{4, 5, 6}, {7}, {8, 9}}, 10)}, 100);
  ASSERT_EQ(out.size(), 1u);
  const MicroBatch& b = out[0];
  EXPECT_EQ(b.batch.ids, (Ids{1, 2, 3, 4, 5, 8}));
  EXPECT_EQ(b.batch.positions, (std::vector<int32_t>{0, 1, 2, 3, 4, 3}));
  EXPECT_EQ(b.selected, (std::vector<int64_t>{2, 3, 4, 2, 2, 5})) << "first tokens are the prompt's last row's";
  EXPECT_EQ(b.targets, (Ids{4, 5, 6, 7, 8, 9}));
  ASSERT_EQ(b.batch.runs.size(), 3u) << "a sample of one token has no rows of its own";
  EXPECT_EQ(b.batch.runs[1].prefix_row, 0);
  EXPECT_EQ(b.batch.runs[1].prefix_length, 3);
  EXPECT_EQ(b.batch.runs[2].prefix_row, 0);
  std::vector<std::pair<int64_t, int32_t>> tokens;
  for (const LearnedToken& t : b.tokens) tokens.push_back({t.tag, t.place});
  EXPECT_EQ(tokens, (std::vector<std::pair<int64_t, int32_t>>{{10, 0}, {10, 1}, {10, 2}, {11, 0}, {12, 0}, {12, 1}}));
}

TEST(Packing, RowsBehindTheLastLearnedTokenAreLeftOut) {
  const TrainGroup g{{}, {{{1, 2, 3, 4, 5, 6}, {1, 0, 1, 1, 0, 0}, 0}, {{7, 8}, {1, 0}, 1}, {{9, 9}, {0, 0}, 2}}};
  const auto out = pack(std::vector{g}, 100);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].batch.ids, (Ids{1, 2, 3}));
  EXPECT_EQ(out[0].targets, (Ids{3, 4})) << "without a prompt the first token cannot be learned";
  EXPECT_EQ(out[0].selected, (std::vector<int64_t>{1, 2}));
}

TEST(Packing, NothingToLearnIsNoBatch) {
  const TrainGroup g{{1, 2}, {{{3, 4}, {0, 0}, 0}}};
  EXPECT_TRUE(pack(std::vector{g}, 100).empty());
  EXPECT_TRUE(pack({}, 100).empty());
  EXPECT_TRUE(pack(std::vector{group_of({}, {{5}}, 0)}, 100).empty());
}

TEST(Packing, AGroupTooLongIsCutBetweenSamples) {
  // prompt 4, rows 3 a sample: two samples fit in ten rows
  const auto out = pack(std::vector{group_of({1, 1, 1, 1}, std::vector<Ids>(5, {2, 3, 4, 5}), 0)}, 10);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].batch.rows(), 10);
  EXPECT_EQ(out[1].batch.rows(), 10);
  EXPECT_EQ(out[2].batch.rows(), 7);
  for (const MicroBatch& b : out) EXPECT_EQ(b.batch.runs[0].rows, 4) << "each has the prompt, once";
}

TEST(Packing, ASampleTooLongStandsAlone) {
  const auto out = pack(std::vector{group_of({1, 1}, {{2, 3}, Ids(30, 4), {5, 6}}, 0)}, 10);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[1].batch.rows(), 2 + 29);
}

TEST(Packing, GroupsThatFitGoTogetherAndAreNotCut) {
  std::vector<TrainGroup> groups;
  for (int i = 0; i < 4; i++) groups.push_back(group_of({1, 2, 3}, {{4, 5}, {6, 7}}, 2 * i));
  const auto out = pack(groups, 12);  // five rows each
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].batch.rows(), 10);
  EXPECT_EQ(out[1].batch.rows(), 10);
  EXPECT_EQ(rows_of(pack(groups, 20)), 20) << "another group's prompt is never shared, be it the same";
}

std::vector<TrainGroup> mixed_groups() {
  std::vector<TrainGroup> out;
  const int64_t prompts[] = {5, 64, 0, 70, 1}, lengths[] = {1, 9, 40, 66, 3, 17};
  int64_t tag = 0;
  for (int64_t p : prompts) {
    TrainGroup g{tiny_ids(p, 19, static_cast<uint32_t>(p)), {}};
    for (int64_t n : lengths) {
      TrainSample s{tiny_ids(n, 19, static_cast<uint32_t>(100 + tag)), {}, tag};
      if (tag % 3 == 1)
        for (int64_t i = 0; i < n; i++) s.learn.push_back(i % 4 != 3);
      tag++;
      g.samples.push_back(std::move(s));
    }
    out.push_back(std::move(g));
  }
  return out;
}

struct Learned {
  std::map<std::pair<int64_t, int32_t>, std::pair<float, float>> scores;  // by tag and place: logp, entropy
  std::vector<float> gradients;
};

Learned learn(const std::vector<TrainGroup>& groups, int64_t max_rows, const Compute& compute) {
  const ModelConfig c = tiny_config("qwen3");
  Transformer model(c, compute, tiny_parameters(c, 0.2), ModelUse::training);
  Policy policy(model);
  Learned out;
  for (const MicroBatch& b : pack(groups, max_rows)) {
    const auto& scores = policy.forward(b);
    std::vector<float> dlogp;
    for (size_t i = 0; i < scores.size(); i++) {
      const auto [place, fresh] =
          out.scores.insert({{b.tokens[i].tag, b.tokens[i].place}, {scores[i].logp, scores[i].entropy}});
      EXPECT_TRUE(fresh) << "token learned twice";
      dlogp.push_back(0.01f * static_cast<float>(1 + b.tokens[i].tag % 5) - 0.02f);
    }
    policy.backward(b, dlogp);
  }
  out.gradients.assign(policy.gradients(), policy.gradients() + model.layout().total());
  return out;
}

// A sample a batch, its prompt in the same run: no packing, no sharing.
std::vector<TrainGroup> unpacked(const std::vector<TrainGroup>& groups) {
  std::vector<TrainGroup> out;
  for (const TrainGroup& g : groups)
    for (const TrainSample& s : g.samples) {
      TrainSample whole{g.prompt, std::vector<uint8_t>(g.prompt.size(), 0), s.tag};
      whole.ids.insert(whole.ids.end(), s.ids.begin(), s.ids.end());
      for (size_t i = 0; i < s.ids.size(); i++) whole.learn.push_back(s.learn.empty() || s.learn[i]);
      out.push_back({{}, {whole}});
    }
  return out;
}

TEST(Packing, PackedIsUnpacked) {
  set_thread_count(1);
  const Compute compute = make_compute("f32");
  const auto groups = mixed_groups();
  Learned alone = learn(unpacked(groups), 1, compute);  // places count from the prompt's beginning there
  std::map<std::pair<int64_t, int32_t>, std::pair<float, float>> moved;
  int64_t tag = 0;
  for (const TrainGroup& g : groups)
    for (size_t s = 0; s < g.samples.size(); s++, tag++)
      for (const auto& [key, value] : alone.scores)
        if (key.first == tag) moved[{tag, key.second - static_cast<int32_t>(g.prompt.size())}] = value;
  for (int64_t max_rows : {16, 150, 100000}) {
    SCOPED_TRACE(max_rows);
    const Learned packed = learn(groups, max_rows, compute);
    EXPECT_EQ(packed.scores, moved) << "log-probs and entropies, to the last bit";
    double worst = 0, largest = 0;
    for (size_t i = 0; i < packed.gradients.size(); i++) {
      worst = std::max(worst, std::abs(double(packed.gradients[i]) - alone.gradients[i]));
      largest = std::max(largest, std::abs(double(alone.gradients[i])));
    }
    EXPECT_GT(largest, 1e-2);
    EXPECT_LT(worst, 1e-5 * largest);
  }
}

}  // namespace
}  // namespace r1
