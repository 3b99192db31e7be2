#include "cli/recipe_import.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/recipe.h"
#include "train/options.h"
#include "train/presets.h"

namespace r1 {
namespace {

ImportedRecipe import(const std::string& yaml, const ImportOptions& options = {}) {
  return import_recipe(parse_yaml(yaml, "r.yaml"), "r.yaml", options);
}

std::map<std::string, std::string> keys_of(const ImportedRecipe& r) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : parse_recipe(r.toml, "r.toml").keys) out[key] = value;
  return out;
}

// The fate of a key of the YAML, "" when it is not listed.
std::string fate_of(const ImportedRecipe& r, const std::string& key) {
  for (const ImportedKey& k : r.keys)
    if (k.key == key) return fate_name(k.fate);
  return "";
}

// The keys that open-r1's GRPO recipes have.
constexpr const char* kGrpo = R"(model_name_or_path: Qwen/Qwen2.5-1.5B-Instruct
torch_dtype: bfloat16
dataset_name: open-r1/x
dataset_prompt_column: problem
system_prompt: "Think.\n<think>"
beta: 0.01
bf16: true
use_vllm: true
vllm_gpu_memory_utilization: 0.9
eval_strategy: no
gradient_accumulation_steps: 4
gradient_checkpointing_kwargs:
  use_reentrant: false
hub_model_id: x
learning_rate: 5.0e-07
logging_steps: 5
lr_scheduler_type: cosine_with_min_lr
lr_scheduler_kwargs:
  min_lr_rate: 0.1
max_prompt_length: 1024
max_completion_length: 2048
max_steps: -1
num_generations: 16
num_train_epochs: 1
output_dir: data/x
per_device_train_batch_size: 16
reward_funcs:
- accuracy
- format
- get_soft_overlong_punishment
reward_weights:
- 1.0
- 0.1
- 0.5
scale_rewards: false
save_steps: 0.05
soft_punish_cache: 400
warmup_ratio: 0.03
)";

TEST(RecipeImport, GrpoOfOpenR1) {
  const ImportedRecipe r = import(kGrpo);
  EXPECT_EQ(r.kind, "grpo");
  const auto keys = keys_of(r);
  const std::map<std::string, std::string> want = {{"model", "Qwen/Qwen2.5-1.5B-Instruct"},
                                                   {"data", "open-r1/x"},
                                                   {"prompt_column", "problem"},
                                                   {"system_prompt", "Think.\n<think>"},
                                                   {"beta", "0.01"},
                                                   {"gradient_accumulation_steps", "4"},
                                                   {"learning_rate", "5e-07"},
                                                   {"logging_steps", "5"},
                                                   {"lr_scheduler_type", "cosine_with_min_lr"},
                                                   {"min_lr_rate", "0.1"},
                                                   {"max_completion_length", "2048"},
                                                   {"max_steps", "-1"},
                                                   {"num_generations", "16"},
                                                   {"num_train_epochs", "1.0"},
                                                   {"out", "data/x"},
                                                   {"per_device_train_batch_size", "16"},
                                                   {"reward", "math+format*0.1+length*0.5"},
                                                   {"scale_rewards", "none"},
                                                   {"soft_overlong_cache", "400"},
                                                   {"warmup_ratio", "0.03"},
                                                   {"preset", "trl-1.10"}};
  EXPECT_EQ(keys, want);
  for (const char* key : {"torch_dtype", "bf16", "use_vllm", "vllm_gpu_memory_utilization", "hub_model_id",
                          "gradient_checkpointing_kwargs", "max_prompt_length", "save_steps", "eval_strategy"})
    EXPECT_EQ(fate_of(r, key), "ignored") << key;
  for (const ImportedKey& k : r.keys) EXPECT_NE(k.fate, Fate::impossible) << k.key << ": " << k.what;
  EXPECT_EQ(r.keys[0].line, 1u);
  EXPECT_TRUE(r.notes.empty()) << r.notes[0];
}

// What is not said is TRL's default, not ours.
TEST(RecipeImport, TheImportedRecipeTrainsAsTrlWould) {
  GrpoOptions grpo;
  OptionTable table;
  grpo.declare(table);
  apply_with_preset(
      table, parse_recipe(import("reward_funcs: [accuracy]\nmodel_name_or_path: m\noutput_dir: o\n").toml, "r").keys);
  EXPECT_NO_THROW(grpo.check());
  EXPECT_EQ(grpo.learning_rate, 1e-6);
  EXPECT_EQ(grpo.lr_scheduler_type, "linear");
  EXPECT_EQ(grpo.num_train_epochs, 3);
  EXPECT_EQ(grpo.max_completion_length, 512);
  SftOptions sft;
  OptionTable sft_table;
  sft.declare(sft_table);
  sft_table.set_all(parse_recipe(import("model_name_or_path: m\noutput_dir: o\n").toml, "r").keys);
  EXPECT_NO_THROW(sft.check());
  EXPECT_EQ(sft.lr_scheduler_type, "linear");
  EXPECT_EQ(sft.num_train_epochs, 3);
  EXPECT_FALSE(sft.assistant_only_loss);
}

TEST(RecipeImport, WhatCannotBeDoneIsSaid) {
  const ImportedRecipe r = import(
      "reward_funcs: [accuracy, cf_code, length]\nloss_type: sapo\nlr_scheduler_type: polynomial\noptim: lion\n"
      "repetition_penalty: 1.1\ntop_entropy_quantile: 0.2\nuse_peft: true\nlora_dropout: 0.05\nlearning_rat: 1.0\n"
      "max_length: 5\nlr_scheduler_kwargs: {power: 2}\nseed: [1]\n");
  for (const char* key : {"loss_type", "lr_scheduler_type", "optim", "repetition_penalty", "top_entropy_quantile",
                          "lora_dropout", "learning_rat", "max_length", "lr_scheduler_kwargs.power", "seed"})
    EXPECT_EQ(fate_of(r, key), "impossible") << key;
  const auto keys = keys_of(r);
  EXPECT_EQ(keys.at("reward"), "math+cf_code+kimi_length") << "training refuses it by name";
  EXPECT_FALSE(keys.contains("loss_type"));
  int rewards = 0;
  for (const ImportedKey& k : r.keys) {
    rewards += k.key == "reward_funcs" && k.value == "cf_code" && k.fate == Fate::impossible;
    if (k.key == "learning_rat") {
      EXPECT_NE(k.what.find("nearest is \"learning_rate\""), std::string::npos);
    }
    if (k.key == "max_length") {
      EXPECT_NE(k.what.find("a key of r1 sft"), std::string::npos);
    }
  }
  EXPECT_EQ(rewards, 1);
  EXPECT_EQ(fate_of(import("num_generations: 8\nloss_type: dapo\nrepetition_penalty: 1.0\n"), "repetition_penalty"),
            "ignored");
}

TEST(RecipeImport, BatchesOfSeveralProcesses) {
  const std::string yaml =
      "reward_funcs: [accuracy]\nnum_generations: 14\nper_device_train_batch_size: 16\ngradient_accumulation_steps: "
      "4\n";
  ASSERT_EQ(import(yaml).notes.size(), 1u);
  EXPECT_NE(import(yaml).notes[0].find("num_generations 14 does not divide"), std::string::npos);
  EXPECT_NE(import(yaml).notes[0].find("--num-processes"), std::string::npos);
  const ImportedRecipe seven = import(yaml, {.num_processes = 7});
  EXPECT_TRUE(seven.notes.empty());
  EXPECT_EQ(keys_of(seven).at("gradient_accumulation_steps"), "28");
  EXPECT_EQ(keys_of(import(yaml + "steps_per_generation: 14\n", {.num_processes = 2})).at("generation_batch_size"),
            "448");
  EXPECT_THROW(import(yaml, {.num_processes = 0}), UsageError);
}

TEST(RecipeImport, SftMixturesAndOtherSpellings) {
  const ImportedRecipe r = import(
      "dataset_mixture:\n  datasets:\n    - id: a/b\n      config: all\n      weight: 0.106\n    - id: c.jsonl\n      "
      "weight: 1.0\n"
      "  seed: 7\n  test_split_size: 0.1\nmax_seq_length: 2048\nsave_strategy: 'no'\nlearning_rate: "
      "4.0e-05\nlr_scheduler_kwargs:\n  min_lr: "
      "4.0e-06\n"
      "lora_target_modules: [q_proj, v_proj]\nchat_template: \"{{ x }}\\n\"\npacking: true\nwarmup_steps: 0.1\n"
      "chat_template_kwargs: {enable_thinking: false, budget: 1e3, tags: [a, null], name: 'x'}\n");
  EXPECT_EQ(r.kind, "sft");
  const auto keys = keys_of(r);
  EXPECT_EQ(keys.at("data"), "a/b?share=0.106,c.jsonl");
  EXPECT_EQ(keys.at("mixture_seed"), "7");
  EXPECT_EQ(keys.at("held_out_fraction"), "0.1");
  EXPECT_EQ(fate_of(r, "dataset_mixture.config"), "impossible");
  EXPECT_EQ(keys.at("max_length"), "2048");
  EXPECT_EQ(keys.at("save_steps"), "0");
  EXPECT_EQ(keys.at("min_lr_rate"), "0.09999999999999999") << "4e-6 / 4e-5 in doubles";
  EXPECT_EQ(keys.at("lora_target_modules"), "q_proj,v_proj");
  EXPECT_EQ(keys.at("chat_template"), "{{ x }}\n");
  EXPECT_EQ(keys.at("warmup_ratio"), "0.1");
  EXPECT_EQ(keys.at("chat_template_kwargs"),
            R"({"enable_thinking":false,"budget":"1e3","tags":["a",null],"name":"x"})");
  EXPECT_EQ(fate_of(r, "packing"), "ignored");
  EXPECT_EQ(keys_of(import("datasets:\n- path: a.jsonl\n- path: b.jsonl\n  fraction: 0.5\n")).at("data"),
            "a.jsonl,b.jsonl?share=0.5");
  const ImportedRecipe split = import(
      "dataset_mixture:\n  datasets:\n  - {id: a.jsonl, split: train, columns: [a, b]}\n  test_split_size: 100\n");
  EXPECT_EQ(fate_of(split, "dataset_mixture.split"), "ignored");
  EXPECT_EQ(fate_of(split, "dataset_mixture.columns"), "impossible");
  EXPECT_EQ(fate_of(split, "dataset_mixture.test_split_size"), "impossible");
  EXPECT_EQ(import("beta: 0.1\n", {.kind = "grpo"}).kind, "grpo");
}

TEST(RecipeImport, WhatIsNoRecipe) {
  EXPECT_THROW(import(""), UsageError);
  EXPECT_THROW(import("- a\n"), UsageError);
  EXPECT_THROW(import("compute_environment: LOCAL_MACHINE\n"), UsageError);
}

// Every preset is a recipe that r1 grpo takes.
TEST(Presets, AreWholeAndFine) {
  EXPECT_EQ(preset_names(), (std::vector<std::string>{"dapo", "deepseekmath", "dr_grpo", "r1-zero", "trl-1.10"}));
  for (const std::string& name : preset_names()) {
    GrpoOptions o;
    OptionTable table;
    o.declare(table);
    apply_with_preset(table, {{"preset", name}, {"model", "m"}, {"out", "o"}});
    EXPECT_NO_THROW(o.check()) << name;
    EXPECT_GT(preset_values(name).size(), 5u) << name;
  }
  EXPECT_THROW(preset_values("dap"), UsageError);
}

}  // namespace
}  // namespace r1
