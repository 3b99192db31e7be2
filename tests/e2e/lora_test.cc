// Adapters from the command line: trained, asked, trained further, merged.
#include <cmath>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

const std::string kRows = "{\"ids\":[5,7,9,3,40,41]}\n{\"ids\":[8,20,31]}\n";

std::vector<double> logprobs(const std::string& model) {
  const Outcome o = r1(with_sets({"logprobs", "--model", model}, {"compute_dtype=f32"}), kRows);
  EXPECT_TRUE(done(o));
  std::vector<double> out;
  for (const Json& row : json_lines(o.out))
    for (const Json& x : row["logprobs"]) out.push_back(x.get<double>());
  return out;
}

double largest_gap(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : 1e9;
  for (size_t i = 0; i < a.size() && i < b.size(); i++) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

TEST(LoraTest, AnAdapterIsAModelForEveryVerb) {
  const TempFolder t;
  const std::string base = make_speck(t), adapter = (t / "run" / "model").string();
  const std::vector<std::string> sets = {"use_peft=true",  "max_steps=4",       "task_rows=64",
                                         "lora_r=3",       "lora_alpha=5",      "learning_rate=0.1",
                                         "save_dtype=f32", "compute_dtype=f32", "lr_scheduler_type=constant"};
  const Outcome trained =
      r1(with_sets({"sft", "--model", base, "--data", "tasks:arithmetic", "--out", t / "run"}, sets));
  ASSERT_TRUE(done(trained));
  EXPECT_NE(trained.err.find("adapter: r 3, alpha 5"), std::string::npos) << trained.err;
  const auto with = logprobs(adapter), without = logprobs(base);
  EXPECT_GT(largest_gap(with, without), 1e-3);

  const Outcome merged =
      r1(with_sets({"convert", "--model", adapter, "--out", t / "merged", "--json"}, {"save_dtype=f32"}));
  ASSERT_TRUE(done(merged));
  EXPECT_EQ(json_lines(merged.out)[0]["merged_adapter"], true);
  EXPECT_LT(largest_gap(logprobs(t / "merged"), with), 1e-4) << "merged it gives the same";
  EXPECT_FALSE(fs::exists(t / "merged" / "adapter_config.json"));

  const Outcome plain = r1(with_sets({"convert", "--model", base, "--out", t / "copy"}, {"save_dtype=f32"}));
  ASSERT_TRUE(done(plain));
  EXPECT_EQ(plain.out, (t / "copy").string() + "\n");
  EXPECT_TRUE(same_bytes(t / "copy" / "model.safetensors", fs::path(base) / "model.safetensors"));

  EXPECT_TRUE(done(r1({"generate", "--model", adapter, "--prompt", "1+1=", "--max-tokens", "4"})));
  EXPECT_TRUE(done(r1({"tokenize", "--model", adapter}, "{\"text\":\"a\"}\n")));
  EXPECT_TRUE(done(r1(with_sets({"eval", "--model", adapter, "--data", "tasks:arithmetic", "--limit", "4"},
                                {"max_completion_length=4"}))));
  const Outcome further = r1(with_sets({"grpo", "--model", adapter, "--data", "tasks:arithmetic", "--out",
                                        t / "further", "--reward", spreading_reward(t)},
                                       {"use_peft=true", "max_steps=1", "num_generations=4", "beta=0.1",
                                        "per_device_train_batch_size=8", "max_completion_length=6"}));
  ASSERT_TRUE(done(further));
  EXPECT_NE(further.err.find("adapter: r 3, alpha 5"), std::string::npos) << further.err;
  EXPECT_GT(json_lines_of(t / "further" / "metrics.jsonl")[0]["kl"].get<double>(), 0)
      << "the reference is the base, not the adapter it began with";
}

TEST(LoraTest, WhatCannotBeIsRefused) {
  const TempFolder t;
  EXPECT_TRUE(refused(r1(with_sets({"sft", "--model", "mini", "--data", "tasks:arithmetic", "--out", t / "run"},
                                   {"use_peft=true", "lora_dropout=0.05"})),
                      2, "lora_dropout is 0.05, expected 0"));
  EXPECT_TRUE(refused(r1(with_sets({"sft", "--model", "mini", "--data", "tasks:arithmetic", "--out", t / "run"},
                                   {"use_peft=true", "random_init=true"})),
                      2, "random_init with use_peft"));
  write_file(t / "file", "");
  EXPECT_TRUE(refused(r1({"convert", "--model", golden("qwen3"), "--out", t.path()}), 1, "holds something already"));
  EXPECT_TRUE(refused(r1({"convert", "--model", "mini"}), 2, "--out"));
}

}  // namespace
}  // namespace r1::e2e
