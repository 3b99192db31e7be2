// What a training stage can be told, with all defaults: one struct a stage, each field declared once under its key.
// Keys are TRL's and transformers' where those have the option.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/options.h"
#include "data/dataset.h"
#include "data/environment.h"
#include "reward/reward.h"
#include "rollout/sampler.h"
#include "train/collapse_guard.h"
#include "train/losses.h"
#include "train/policy.h"
#include "train/schedule.h"

namespace r1 {

// How a row becomes a prompt.
struct PromptOptions {
  std::string prompt_template = "auto";  // auto: the model's chat template, else the text as it is
  std::string chat_template;             // Jinja; instead of the model's own, and saved with what is trained
  std::string chat_template_kwargs;      // more variables for it, a JSON object: {"enable_thinking": false}
  std::string system_prompt;
  std::string prompt_prefix, prompt_suffix;  // put around a plain question before the template sees it
  std::string thought_prefill;               // what the assistant's turn begins with, e.g. "<think>\n"
  void declare(OptionTable& table);
  // chat_template_kwargs as an object, empty where none are given. Throws r1::UsageError for what is none.
  nlohmann::ordered_json chat_template_variables() const;
  // The frame that the embedded base knows, where `table` says nothing about prompts; says so on stderr.
  void frame_the_world(const OptionTable& table);
};

// Which rows: files or tasks:NAME, how they are read, dials, and the part held out for evaluation.
struct DataOptions {
  std::string data;
  double held_out_fraction = 0;  // of a file's rows, by question; trainers never see these, r1 eval sees only these
  ReadOptions read;
  std::string mixture_stopping_strategy = "first_exhausted";
  int64_t mixture_seed = 42;
  std::vector<std::pair<std::string, std::string>> columns;  // known name, the file's name for it; "" is the known one
  TaskOptions task;
  std::string task_operands = "2", task_digits = "1-2", task_operators = "+-";
  int64_t task_rows = 10000;
  bool task_solutions = false;
  DataOptions();
  void declare(OptionTable& table);
  // The rows of one side. Throws r1::UsageError for a bad dial.
  Dataset load(bool held_out, bool with_solution) const;
  // The same for rows that are asked; rows of other shapes are an error that names `who` asked.
  Dataset load_prompts(bool held_out, const std::string& who) const;
};

// Training an adapter instead of all weights.
struct LoraOptions {
  bool use_peft = false;
  int64_t r = 16, alpha = 32;
  double dropout = 0;
  std::string target_modules = "all-linear";
  bool use_rslora = false;
  void declare(OptionTable& table);
  void check() const;
  LoraConfig config() const;
};

struct TrainingOptions {
  std::string model, out;
  PromptOptions prompt;
  DataOptions data;
  // behaviour
  int64_t seed = 42;
  int64_t max_steps = -1;       // optimiser steps; -1: num_train_epochs decides
  double num_train_epochs = 1;  // passes over the rows
  int64_t per_device_train_batch_size = 8;
  int64_t gradient_accumulation_steps = 1;
  double learning_rate = 1e-6;
  std::string lr_scheduler_type = "constant";
  int64_t warmup_steps = 0;
  double warmup_ratio = 0;
  double min_lr_rate = 0;             // floor of what decays, as a share of learning_rate
  int64_t num_decay_steps = 0;        // warmup_stable_decay: the last steps, in which the rate falls
  std::string decay_type = "cosine";  // and how
  std::string optim = "adamw";
  double weight_decay = 0, adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8, max_grad_norm = 1;
  bool shuffle_dataset = true;
  LoraOptions lora;
  // performance
  std::string compute_dtype = "auto", save_dtype = "bf16";
  int64_t threads = 0;                // 0: all cores this process may use
  int64_t micro_batch_tokens = 1280;  // rows of one forward and backward; more is faster and takes more memory
  double memory_limit_gb = 0;         // what the plan must fit; 0: what the machine and its control groups leave
  // keeping
  int64_t save_steps = 100, save_total_limit = 2, logging_steps = 1;

  void declare_common(OptionTable& table);
  int64_t batch() const { return per_device_train_batch_size * gradient_accumulation_steps; }
  UpdateOptions update_options(double rate) const;
  Schedule schedule(int64_t total_steps) const;
  void check_common() const;
};

struct SftOptions : TrainingOptions {
  SftOptions();
  int64_t max_length = 1024;  // tokens; longer rows are cut at the end
  bool assistant_only_loss = true;
  bool random_init = false;  // weights from the seed instead of the model's files: training from scratch
  void declare(OptionTable& table);
  void check() const;
};

struct GrpoOptions : TrainingOptions {
  GrpoOptions();
  std::string preset = "none";
  std::string reward = "auto";
  int64_t num_generations = 8;
  int64_t generation_batch_size = 0;  // completions of one rollout; 0: one optimiser step's
  int64_t num_iterations = 1;
  int64_t max_completion_length = 256;
  double temperature = 1, top_p = 1, min_p = 0;
  int64_t top_k = 0;
  std::string loss_type = "dapo", importance_sampling_level = "token", scale_rewards = "group";
  double epsilon = 0.2;
  std::optional<double> epsilon_high, delta;
  double beta = 0;
  std::string kl_estimator = "k3";
  bool use_bias_correction_kl = false;
  bool sync_ref_model = false;
  int64_t ref_model_sync_steps = 512;
  double ref_model_mixup_alpha = 0.6;
  double entropy_coef = 0;
  std::string advantage = "outcome", blame = "all";  // what an answer's steps get of its reward (step_advantages.h)
  int64_t step_mc_rollouts = 4;                      // continuations of a prefix
  int64_t step_mc_max_steps = 8;                     // prefixes of an answer
  int64_t max_sampled_tokens = 0;                    // 0: no limit; else the run ends when so many were sampled
  bool mask_truncated_completions = false;
  RewardOptions rewards;               // but for max_completion_length, which is the run's
  double max_failed_rewards = 0.5;     // share of a rollout's verdicts that may fail; beyond, the run stops
  EnvironmentOptions environment;      // games' turns, tools
  int64_t max_active = 64;             // sequences decoded together
  std::string rollout_dtype = "auto";  // auto: as training; int8: another policy samples, and its samples are weighed
  double importance_sampling_cap = 2;  // on those weights
  double int8_kl_limit = 0.01;         // nats a token between the two policies; beyond, the run leaves int8 for good
  int64_t num_completions_to_log = 4;  // of every rollout, into samples.jsonl
  int64_t eval_steps = 0;              // 0: never; else held-out accuracy every so many steps
  int64_t eval_rows = 200;
  bool audit = true;        // refuse to start where data, reward and prompts do not fit each other (audit.h)
  int64_t radar_steps = 5;  // 0: never; else a stricter checker looks every so many steps (hack_radar.h)
  int64_t watch_steps = 0;  // 0: never; else the watched prompts are answered every so many steps
  int64_t watch_prompts = 4;
  GuardOptions guard;

  void declare(OptionTable& table);
  void check() const;
  LossForm loss_form() const;
  SamplingOptions sampling(uint32_t rollout) const;
  RewardOptions reward_options() const;
  int64_t rollout_batch() const { return generation_batch_size > 0 ? generation_batch_size : batch(); }
  int64_t prompts_per_rollout() const { return rollout_batch() / num_generations; }
  int64_t steps_per_rollout() const { return rollout_batch() / batch() * num_iterations; }
  int64_t total_steps(size_t rows) const;
};

}  // namespace r1
