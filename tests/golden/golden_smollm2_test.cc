// SmolLM2-135M-Instruct and a small random Llama as GGUF against transformers in float32; sampler against trainer on
// the real model. SmolLM2's file is found under R1_SHARED.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "base/durable_file.h"
#include "base/json.h"
#include "base/threads.h"
#include "rollout/sampler.h"
#include "train/policy.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
const std::string kGolden = std::string(R1_SOURCE_DIR) + "/tests/golden/";

std::vector<Json> read_lines(const std::string& path) {
  std::vector<Json> out;
  std::istringstream text(read_text_file(path));
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) out.push_back(Json::parse(line));
  return out;
}

std::string shared_folder() {
  const char* shared = std::getenv("R1_SHARED");
  return shared != nullptr ? shared : std::string(R1_SOURCE_DIR) + "/../shared";
}
std::string smollm2_path() { return shared_folder() + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"; }

#define R1_NEEDS_SMOLLM2()                      \
  if (!std::filesystem::exists(smollm2_path())) \
  GTEST_SKIP() << "needs SmolLM2-135M-Instruct.Q4_1.gguf under R1_SHARED/models"

// Log-probs of a text's tokens but the first, by the code that scores and trains.
std::vector<float> logps_of(const Transformer& model, const std::vector<TokenId>& ids) {
  const auto batches = pack(std::vector<TrainGroup>{{{}, {{ids, {}, 0}}}}, 4096);
  std::vector<float> out;
  if (batches.empty()) return out;
  Scorer scorer(model);
  for (const HeadScore& s : scorer.score(batches[0])) out.push_back(s.logp);
  return out;
}

// Every file that a folder's logprobs.jsonl speaks of; returns how many there are.
size_t check_folder(const std::string& folder) {
  std::set<std::string> files;
  std::unique_ptr<Transformer> model;
  for (const Json& row : read_lines(folder + "/logprobs.jsonl")) {
    const std::string file = row["file"];
    if (files.insert(file).second)
      model = std::make_unique<Transformer>(
          load_transformer(open_model_files(folder + "/" + file), make_compute("f32"), ModelUse::inference));
    const auto got = logps_of(*model, row["ids"].get<std::vector<TokenId>>());
    const auto want = row["logprobs"].get<std::vector<double>>();
    EXPECT_EQ(got.size(), want.size());
    for (size_t i = 0; i < std::min(got.size(), want.size()); i++)
      EXPECT_NEAR(got[i], want[i], 1e-3 * (1 + std::abs(want[i]))) << file << " token " << i;
  }
  return files.size();
}

TEST(GoldenGguf, LogProbsAgree) { EXPECT_EQ(check_folder(kGolden + "gguf"), 6u); }
TEST(GoldenGguf, LogProbsOfEveryTypeAgree) {
  const std::string folder = shared_folder() + "/goldens/gguf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  EXPECT_EQ(check_folder(folder), 15u);
}

class SmolLM2Slow : public ::testing::Test {
 protected:
  static Transformer load(const char* dtype) {
    return load_transformer(open_model_files(smollm2_path()), make_compute(dtype), ModelUse::inference);
  }
};

TEST_F(SmolLM2Slow, LogProbsAgree) {
  R1_NEEDS_SMOLLM2();
  for (const char* dtype : {"f32", "bf16"}) {
    const Transformer model = load(dtype);
    double gap = 0, n = 0;
    for (const Json& row : read_lines(kGolden + "smollm2/logprobs.jsonl")) {
      const auto got = logps_of(model, row["ids"].get<std::vector<TokenId>>());
      const auto want = row["logprobs"].get<std::vector<double>>();
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); i++) {
        const double tolerance = std::string(dtype) == "f32" ? 2e-3 : INFINITY;
        EXPECT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << i;
        gap += std::abs(got[i] - want[i]), n++;
      }
    }
    EXPECT_LE(gap / n, 0.05) << dtype;
    EXPECT_GT(n, 200);
    RecordProperty(std::string("mean_gap_") + dtype, std::to_string(gap / n));
  }
}

TEST_F(SmolLM2Slow, GreedyTextAgrees) {
  R1_NEEDS_SMOLLM2();
  const Transformer model = load("f32");
  Sampler sampler(model, nullptr, {.max_active = 8, .prefill_rows = 128});
  int compared = 0;
  for (const Json& row : read_lines(kGolden + "smollm2/greedy.jsonl")) {
    const auto want = row["completion"].get<std::vector<TokenId>>();
    const auto margin = row["margin"].get<std::vector<double>>();
    SamplingOptions options{
        .temperature = 0, .max_new_tokens = static_cast<int64_t>(want.size()), .stop_ids = {}, .stop_texts = {}};
    options.ignore_eos = true;
    const auto groups = sampler.generate({{row["prompt"].get<std::vector<TokenId>>(), 0, 1}}, options);
    for (size_t i = 0; i < want.size() && margin[i] >= 1e-3; i++, compared++)
      ASSERT_EQ(groups[0].completions[0].ids[i], want[i]) << i;
  }
  EXPECT_GT(compared, 60);
}

// The promise everything rests on: 10,000 sampled tokens, their log-probs computed again by the training forward, in
// two mixes of the batch, with 1 and 2 threads. Not one bit differs.
TEST_F(SmolLM2Slow, SampledLogProbsAreTheTrainersBitForBit) {
  R1_NEEDS_SMOLLM2();
  const int before = thread_count();
  const Compute compute = make_compute("auto");
  // 10,240 tokens; fewer where bf16 is not native, for float32 takes minutes
  const int64_t length = compute.operand == DType::bf16 ? 80 : 24;
  Transformer model = load_transformer(open_model_files(smollm2_path()), compute, ModelUse::training);
  std::vector<PromptRequest> requests;
  for (const Json& row : read_lines(kGolden + "smollm2/tokens.jsonl")) {
    const auto ids = row["ids"].get<std::vector<TokenId>>();
    if (ids.size() >= 8 && requests.size() < 16) requests.push_back({ids, static_cast<int64_t>(requests.size()), 8});
  }
  ASSERT_EQ(requests.size(), 16u);
  SamplingOptions options{.max_new_tokens = length, .stop_ids = {}, .stop_texts = {}};
  options.ignore_eos = true;
  std::vector<Group> first;
  struct Mix {
    int threads;
    int64_t max_active, prefill_rows, max_rows;
  };
  for (const Mix mix : {Mix{1, 64, 1024, 4096}, {2, 19, 50, 700}}) {
    set_thread_count(mix.threads);
    Sampler sampler(model, nullptr, {.max_active = mix.max_active, .prefill_rows = mix.prefill_rows});
    const auto groups = sampler.generate(requests, options);
    std::vector<TrainGroup> train;
    int64_t tokens = 0;
    for (size_t g = 0; g < groups.size(); g++) {
      TrainGroup& t = train.emplace_back();
      t.prompt = groups[g].prompt_ids;
      for (size_t s = 0; s < groups[g].completions.size(); s++) {
        t.samples.push_back({groups[g].completions[s].ids, {}, static_cast<int64_t>(g * 8 + s)});
        tokens += static_cast<int64_t>(t.samples.back().ids.size());
      }
    }
    if (first.empty()) first = groups;
    for (size_t g = 0; g < groups.size(); g++)
      for (size_t s = 0; s < 8; s++) EXPECT_EQ(groups[g].completions[s].ids, first[g].completions[s].ids);
    EXPECT_EQ(tokens, 16 * 8 * length);
    Policy policy(model);
    int64_t checked = 0, differing = 0;
    for (const MicroBatch& b : pack(train, mix.max_rows)) {
      const auto& scores = policy.forward(b);
      for (size_t i = 0; i < scores.size(); i++, checked++) {
        const Completion& c =
            groups[static_cast<size_t>(b.tokens[i].tag / 8)].completions[static_cast<size_t>(b.tokens[i].tag % 8)];
        differing += c.behavior_logp[static_cast<size_t>(b.tokens[i].place)] != scores[i].logp;
      }
    }
    EXPECT_EQ(checked, tokens);
    EXPECT_EQ(differing, 0) << mix.threads << " threads";
    policy.rest();
  }
  set_thread_count(before);
}

}  // namespace
}  // namespace r1
