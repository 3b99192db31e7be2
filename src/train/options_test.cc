#include "train/options.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "train/presets.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

GrpoOptions with_preset(const KeyValues& values) {
  GrpoOptions o;
  OptionTable table;
  o.declare(table);
  apply_with_preset(table, values);
  return o;
}

GrpoOptions grpo(const KeyValues& values) {
  return with_preset(KeyValues{{"model", "mini"}, {"out", "x"}, {"data", "tasks:arithmetic"}} + values);
}

// What check() says of the options; empty: they are fine.
std::string refused(const KeyValues& values) {
  const GrpoOptions o = grpo(values);
  return error_of([&] { o.check(); });
}

TEST(Options, DefaultsAreFine) {
  EXPECT_EQ(refused({}), "");
  SftOptions sft;
  sft.model = "mini", sft.out = "x";
  EXPECT_NO_THROW(sft.check());
}

// r1.md 1.3, column R1 RL stage 1
TEST(Options, PresetR1Zero) {
  const GrpoOptions o = grpo({{"preset", "r1-zero"}});
  EXPECT_NO_THROW(o.check());
  EXPECT_DOUBLE_EQ(o.learning_rate, 3e-6);
  EXPECT_DOUBLE_EQ(o.beta, 0.001);
  EXPECT_DOUBLE_EQ(o.temperature, 1);
  EXPECT_EQ(o.num_generations, 16);
  EXPECT_EQ(o.max_completion_length, 32768);
  EXPECT_EQ(o.batch(), 32 * 16);
  EXPECT_EQ(o.rollout_batch(), 8192);
  EXPECT_EQ(o.steps_per_rollout(), 16);
  EXPECT_EQ(o.prompts_per_rollout(), 512);
  EXPECT_TRUE(o.sync_ref_model);
  EXPECT_EQ(o.ref_model_sync_steps, 400);
  EXPECT_DOUBLE_EQ(o.ref_model_mixup_alpha, 1) << "replaced, not mixed";
  EXPECT_EQ(o.reward, "math+format") << "equal weights";
  const LossForm f = o.loss_form();
  EXPECT_EQ(f.type, LossType::grpo);
  EXPECT_EQ(f.level, RatioLevel::token);
  EXPECT_DOUBLE_EQ(f.epsilon_low, 10);
  EXPECT_DOUBLE_EQ(f.epsilon_high, 10);
  EXPECT_EQ(f.kl, KlEstimator::k3);
}

TEST(Options, PresetDeepSeekMath) {
  const GrpoOptions o = grpo({{"preset", "deepseekmath"}});
  EXPECT_NO_THROW(o.check());
  EXPECT_DOUBLE_EQ(o.learning_rate, 1e-6);
  EXPECT_DOUBLE_EQ(o.beta, 0.04);
  EXPECT_EQ(o.num_generations, 64);
  EXPECT_EQ(o.max_completion_length, 1024);
  EXPECT_EQ(o.batch(), 1024);
  EXPECT_EQ(o.steps_per_rollout(), 1) << "one update an exploration";
  EXPECT_EQ(o.loss_form().type, LossType::grpo);
}

TEST(Options, PresetDapo) {
  const GrpoOptions o = grpo({{"preset", "dapo"}});
  EXPECT_NO_THROW(o.check());
  EXPECT_DOUBLE_EQ(o.learning_rate, 1e-6);
  EXPECT_DOUBLE_EQ(o.beta, 0);
  EXPECT_EQ(o.num_generations, 16);
  EXPECT_EQ(o.batch(), 512);
  EXPECT_EQ(o.prompts_per_rollout(), 512);
  EXPECT_EQ(o.steps_per_rollout(), 16);
  EXPECT_EQ(o.warmup_steps, 20 * 16) << "20 rollouts' steps";
  EXPECT_EQ(o.max_completion_length, 20480);
  EXPECT_EQ(o.rewards.soft_overlong_cache, 4096);
  EXPECT_TRUE(o.mask_truncated_completions);
  EXPECT_EQ(o.loss_form().type, LossType::dapo);
  EXPECT_DOUBLE_EQ(o.loss_form().epsilon_low, 0.2);
  EXPECT_DOUBLE_EQ(o.loss_form().epsilon_high, 0.28);
}

TEST(Options, PresetDrGrpo) {
  const GrpoOptions o = grpo({{"preset", "dr_grpo"}});
  EXPECT_NO_THROW(o.check());
  EXPECT_DOUBLE_EQ(o.learning_rate, 1e-6);
  EXPECT_EQ(o.num_generations, 8);
  EXPECT_EQ(o.batch(), 128);
  EXPECT_EQ(o.max_completion_length, 3000);
  EXPECT_EQ(o.scale_rewards, "none");
  EXPECT_EQ(o.loss_form().type, LossType::dr_grpo);
}

TEST(Options, KeysBesideAPresetCountMore) {
  for (const KeyValues& values : {KeyValues{{"beta", "0.5"}, {"preset", "r1-zero"}},
                                  KeyValues{{"preset", "dapo"}, {"preset", "r1-zero"}, {"beta", "0.5"}}}) {
    const GrpoOptions o = with_preset(values);
    EXPECT_DOUBLE_EQ(o.beta, 0.5);
    EXPECT_EQ(o.ref_model_sync_steps, 400);
  }
  EXPECT_THROW(with_preset({{"preset", "r2"}}), UsageError);
}

TEST(Options, UnknownKeysComeWithTheNearest) {
  const std::string said =
      error_of([] { with_preset({{"learning_rat", "1"}, {"num_generation", "2"}, {"beta", "much"}}); });
  for (const char* part : {"\"learning_rat\"", "\"learning_rate\"", "\"num_generations\"", "beta is \"much\""})
    EXPECT_NE(said.find(part), std::string::npos) << part << ": all errors at once, in " << said;
}

TEST(Options, ContradictionsAreErrors) {
  const std::pair<KeyValues, const char*> cases[] = {
      {{{"num_generations", "1"}}, "num_generations"},
      {{{"num_generations", "7"}}, "does not divide"},
      {{{"generation_batch_size", "96"}}, "no multiple"},
      {{{"loss_type", "cispo"}}, "needs epsilon_high"},
      {{{"sync_ref_model", "true"}}, "no reference model at beta 0"},
      {{{"use_bias_correction_kl", "true"}}, "without beta"},
      {{{"delta", "1.1"}}, "above 1 + epsilon_high"},
      {{{"delta", "1.25"}, {"epsilon_high", "0.28"}}, "1.28"},
      {{{"epsilon_high", "-1"}}, "epsilon_high"},
      {{{"temperature", "0"}}, "groups need spread"},
      {{{"top_p", "0"}}, "top_p"},
      {{{"min_p", "2"}}, "min_p"},
      {{{"max_completion_length", "1048576"}}, "max_completion_length"},
      {{{"max_steps", "0"}, {"num_train_epochs", "0"}}, "max_steps or num_train_epochs"},
      {{{"save_total_limit", "0"}}, "save_total_limit"},
      {{{"adam_beta2", "1"}}, "adam_beta2"},
      {{{"min_lr_rate", "2"}}, "min_lr_rate"},
      {{{"beta", "0.1"}, {"ref_model_mixup_alpha", "1.5"}}, "ref_model_mixup_alpha"},
      {{{"soft_overlong_cache", "-1"}}, "soft_overlong_cache"},
      {{{"max_failed_rewards", "1.5"}}, "max_failed_rewards"},
      {{{"learning_rate", "-1"}}, "learning_rate"},
      {{{"lora_dropout", "0.05"}}, "lora_dropout is 0.05, expected 0"},
      {{{"lora_r", "0"}}, "lora_r"},
      {{{"lora_alpha", "0"}}, "lora_alpha"},
      {{{"lora_target_modules", "q_prj"}}, "nearest is \"q_proj\""},
      {{{"use_peft", "true"}, {"beta", "0.1"}, {"sync_ref_model", "true"}}, "sync_ref_model with use_peft"},
      {{{"model", ""}}, "no model"},
      {{{"out", ""}}, "--out"},
  };
  for (const auto& [values, part] : cases) {
    const std::string said = refused(values);
    EXPECT_NE(said.find(part), std::string::npos)
        << values[0].first << "=" << values[0].second << ": \"" << said << '"';
  }
  EXPECT_EQ(refused({{"loss_type", "cispo"}, {"epsilon_high", "5"}}), "");
  EXPECT_EQ(refused({{"delta", "4"}}), "");
}

TEST(Options, LossFormsByName) {
  EXPECT_EQ(grpo({{"loss_type", "gspo"}}).loss_form().level, RatioLevel::sequence);
  EXPECT_EQ(grpo({{"loss_type", "gspo"}}).loss_form().type, LossType::grpo);
  EXPECT_EQ(grpo({{"importance_sampling_level", "sequence"}}).loss_form().level, RatioLevel::sequence);
  EXPECT_DOUBLE_EQ(grpo({{"epsilon", "0.3"}}).loss_form().epsilon_high, 0.3) << "follows epsilon where it is unset";
  EXPECT_EQ(grpo({{"kl_estimator", "k1"}}).loss_form().kl, KlEstimator::k1);
  EXPECT_FALSE(grpo({{"delta", "4"}, {"delta", "none"}}).loss_form().delta.has_value());
}

TEST(Options, WarmUpRatioIsAShareOfAllSteps) {
  EXPECT_EQ(grpo({{"warmup_ratio", "0.1"}}).schedule(95).warmup_steps, 10) << "rounded up";
  EXPECT_EQ(grpo({{"warmup_ratio", "0.1"}, {"warmup_steps", "3"}}).schedule(95).warmup_steps, 3);
}

TEST(Options, AliasesSetTheirKey) {
  const GrpoOptions o = with_preset({{"model_name_or_path", "m"}, {"output_dir", "d"}, {"dataset_name", "f.jsonl"}});
  EXPECT_EQ(o.model, "m");
  EXPECT_EQ(o.out, "d");
  EXPECT_EQ(o.data.data, "f.jsonl");
}

// "key = value" lines as a TOML reader takes them; enough for what to_toml writes.
KeyValues read_flat_toml(const std::string& toml) {
  KeyValues out;
  std::istringstream lines(toml);
  const std::map<char, char> escapes = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'"', '"'}, {'\\', '\\'}};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t at = line.find(" = ");
    std::string raw = line.substr(at + 3), value;
    if (raw[0] != '"') value = raw;
    for (size_t i = 1; raw[0] == '"' && i + 1 < raw.size(); i++) {
      if (raw[i] != '\\') {
        value += raw[i];
      } else if (raw[++i] == 'u') {
        value += static_cast<char>(std::stoi(raw.substr(i + 1, 4), nullptr, 16));
        i += 4;
      } else {
        value += escapes.at(raw[i]);
      }
    }
    out.push_back({line.substr(0, at), value});
  }
  return out;
}

TEST(Options, TheResolvedRecipeReadsBackToTheSameValues) {
  GrpoOptions a, b;
  OptionTable ta, tb;
  a.declare(ta), b.declare(tb);
  apply_with_preset(ta, {{"preset", "dapo"},
                         {"learning_rate", "1.0000000000000002e-6"},
                         {"delta", "4"},
                         {"thought_prefill", "<think>\n\t\"\\ \x01 ü"},
                         {"adam_epsilon", "1e22"},
                         {"max_steps", "1e3"},
                         {"shuffle_dataset", "false"}});
  EXPECT_EQ(a.max_steps, 1000);
  apply_with_preset(tb, read_flat_toml(ta.to_toml()));
  EXPECT_EQ(ta.values(), tb.values());
  EXPECT_EQ(a.learning_rate, b.learning_rate);
  EXPECT_EQ(a.prompt.thought_prefill, b.prompt.thought_prefill);
  EXPECT_EQ(ta.to_toml().find("\nbeta = 0\n"), std::string::npos) << "a number with a fraction stays one";
}

}  // namespace
}  // namespace r1
