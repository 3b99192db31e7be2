#include "train/options.h"

#include <cmath>
#include <iostream>

#include "base/error.h"
#include "data/row_formats.h"
#include "data/world/documents.h"
#include "formats/peft.h"
#include "train/model_reward.h"
#include "train/presets.h"

namespace r1 {

void PromptOptions::declare(OptionTable& t) {
  t.begin_group("prompts");
  t.add_choice("prompt_template", &prompt_template, {"auto", "chat", "r1-zero", "none"},
               "auto: the model's chat template, else the text as it is");
  t.add("chat_template", &chat_template, "Jinja, instead of the model's own");
  t.add("chat_template_kwargs", &chat_template_kwargs,
        "more variables for it, a JSON object, e.g. {\"enable_thinking\": false}; a row's own win");
  t.add("system_prompt", &system_prompt, "system message in front of every chat prompt");
  t.add("prompt_prefix", &prompt_prefix, "put before a plain question");
  t.add("prompt_suffix", &prompt_suffix, "put after a plain question");
  t.add("thought_prefill", &thought_prefill, "what the assistant's turn begins with, e.g. \"<think>\\n\"");
}

nlohmann::ordered_json PromptOptions::chat_template_variables() const {
  if (chat_template_kwargs.empty()) return nlohmann::ordered_json::object();
  try {
    return chat_variables(chat_template_kwargs);
  } catch (const Error& e) {
    fail_usage("{}", e.what());
  }
}

void PromptOptions::frame_the_world(const OptionTable& table) {
  for (const char* key : {"prompt_template", "chat_template", "chat_template_kwargs", "system_prompt", "prompt_prefix",
                          "prompt_suffix", "thought_prefill"})
    if (table.was_set(key)) return;
  prompt_template = "none";
  prompt_prefix = world::kZeroPrefix;
  prompt_suffix = world::kZeroSuffix;
  std::cerr << "asked in the frame of the embedded world (prompt_template=none, prompt_prefix=\"The Assistant thinks "
               "...\"); set prompt_template for another\n";
}

DataOptions::DataOptions() {
  for (const char* known : {"prompt", "completion", "answer", "messages", "text", "chosen", "rejected", "label"})
    columns.push_back({known, ""});
}

void DataOptions::declare(OptionTable& t) {
  t.begin_group("data");
  t.add("data", &data,
        "file, folder, pattern, mixture a.jsonl:0.7,b.jsonl:0.3, or tasks:NAME, games:NAME (r1 tasks list)");
  t.add_alias("dataset_name", "data");
  std::vector<std::string> formats = row_format_names();
  formats.insert(formats.begin(), "auto");
  t.add_choice("data_format", &read.format, formats, "auto: by the columns");
  t.add("data_split", &read.split, "of a folder's files");
  t.add_alias("dataset_train_split", "data_split");
  t.add("data_limit", &read.limit, "only the first rows; 0: all");
  t.add("max_bad_rows", &read.max_bad_rows, "rows of one file that may be unreadable and are left out");
  for (auto& [known, given] : columns) t.add(known + "_column", &given, "the file's name for \"" + known + "\"");
  t.add_alias("dataset_prompt_column", "prompt_column");
  t.add_alias("dataset_text_field", "text_column");
  t.add_alias("input_key", "prompt_column");
  t.add_alias("label_key", "answer_column");
  t.add_choice("mixture_stopping_strategy", &mixture_stopping_strategy, {"first_exhausted", "all_exhausted"},
               "a mixture's end: no row twice, or every row at least once");
  t.add("mixture_seed", &mixture_seed, "of the draws and the order of mixtures and shares");
  t.add("held_out_fraction", &held_out_fraction, "share of a file's questions kept from training, for r1 eval");
  t.add("task_rows", &task_rows, "generated items");
  t.add("task_operands", &task_operands, "how many numbers, e.g. 2 or 2-3");
  t.add("task_digits", &task_digits, "digits of each, e.g. 2 or 1-3");
  t.add("task_operators", &task_operators, "any of + - * /");
  t.add("task_solutions", &task_solutions, "items with worked solutions, as SFT needs them");
}

Dataset DataOptions::load(bool held_out, bool with_solution) const {
  if (data.empty()) fail_usage("no data given: --data FILE.jsonl or tasks:arithmetic");
  if (held_out_fraction < 0 || held_out_fraction >= 1)
    fail_usage("held_out_fraction is {}, expected 0 up to below 1", held_out_fraction);
  if (read.max_bad_rows < 0) fail_usage("max_bad_rows is {}, expected at least 0", read.max_bad_rows);
  if (read.limit < 0) fail_usage("data_limit is {}, expected at least 0", read.limit);
  TaskOptions options = task;
  set_task_option(options, "task_operands", task_operands);
  set_task_option(options, "task_digits", task_digits);
  set_task_option(options, "task_operators", task_operators);
  options.num_rows = task_rows;
  options.held_out = held_out;
  options.with_solution = with_solution || task_solutions;
  ReadOptions how = read;
  for (const auto& [known, given] : columns)
    if (!given.empty()) how.columns.push_back({known, given});
  how.seed = static_cast<uint64_t>(mixture_seed);
  how.repeat = mixture_stopping_strategy == "all_exhausted";
  how.held_out_fraction = held_out_fraction;
  how.held_out = held_out;
  return load_dataset(data, how, options);
}

Dataset DataOptions::load_prompts(bool held_out, const std::string& who) const {
  Dataset out = load(held_out, false);
  require_shapes(out,
                 {DataShape::prompt_only, DataShape::prompt_completion, DataShape::messages, DataShape::preference,
                  DataShape::unpaired_preference},  // of the last two, the question alone
                 who);
  return out;
}

void LoraOptions::declare(OptionTable& t) {
  t.begin_group("lora");
  t.add("use_peft", &use_peft, "train a low-rank adapter, the model itself stays as it is");
  t.add("lora_r", &r, "rank of a new adapter; one given as model keeps its own");
  t.add("lora_alpha", &alpha, "its product is scaled by lora_alpha / lora_r");
  t.add("lora_dropout", &dropout, "only 0: what samples is what is trained");
  t.add("lora_target_modules", &target_modules,
        "all-linear, or some of q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj");
  t.add("use_rslora", &use_rslora, "scale by lora_alpha / sqrt(lora_r)");
}

LoraConfig LoraOptions::config() const {
  return {
      .r = r, .alpha = static_cast<double>(alpha), .rslora = use_rslora, .modules = parse_lora_modules(target_modules)};
}

void TrainingOptions::declare_common(OptionTable& t) {
  t.begin_group("run");
  t.add("model", &model, "Hugging Face folder, .gguf file, ORG/NAME in the local cache, or mini");
  t.add_alias("model_name_or_path", "model");
  t.add("out", &out, "the run's folder");
  t.add_alias("output_dir", "out");
  t.add("seed", &seed, "all randomness follows from it");
  data.declare(t);
  prompt.declare(t);
  t.begin_group("optimiser");
  t.add("max_steps", &max_steps, "optimiser steps; -1: num_train_epochs decides");
  t.add("num_train_epochs", &num_train_epochs, "passes over the data");
  t.add("per_device_train_batch_size", &per_device_train_batch_size,
        "sequences, times gradient_accumulation_steps: one step");
  t.add("gradient_accumulation_steps", &gradient_accumulation_steps, "");
  t.add("learning_rate", &learning_rate, "peak");
  t.add_choice("lr_scheduler_type", &lr_scheduler_type,
               {"constant", "constant_with_warmup", "linear", "cosine", "cosine_with_min_lr", "warmup_stable_decay"},
               "after warm-up");
  t.add("warmup_steps", &warmup_steps, "step t has (t+1)/warmup_steps of the peak");
  t.add("warmup_ratio", &warmup_ratio, "the same as a share of all steps, where warmup_steps is 0");
  t.add("min_lr_rate", &min_lr_rate, "floor of what decays, as a share of learning_rate");
  t.add("num_decay_steps", &num_decay_steps, "warmup_stable_decay: the last steps, in which the rate falls");
  t.add_choice("decay_type", &decay_type, {"cosine", "linear", "1-sqrt"}, "and how");
  t.add_choice("optim", &optim,
               {"adamw", "adamw_bf16", "adamw_8bit", "adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit"},
               "adamw_bf16: bf16 weights and moments, rounded by chance; adamw_8bit: moments in eight bits");
  t.add("weight_decay", &weight_decay, "decoupled, on matrices only");
  t.add("adam_beta1", &adam_beta1, "");
  t.add("adam_beta2", &adam_beta2, "");
  t.add("adam_epsilon", &adam_epsilon, "");
  t.add("max_grad_norm", &max_grad_norm, "global norm; 0: no clipping");
  t.add("shuffle_dataset", &shuffle_dataset, "a new order every epoch, by seed");
  lora.declare(t);
  t.begin_group("machine and files");
  t.add_choice("compute_dtype", &compute_dtype, {"auto", "f32", "bf16"}, "matmul operands");
  t.add_choice("save_dtype", &save_dtype, {"bf16", "f32"}, "of written models");
  t.add("threads", &threads, "0: all cores of this process");
  t.add("micro_batch_tokens", &micro_batch_tokens, "tokens of one forward and backward");
  t.add("memory_limit_gb", &memory_limit_gb, "what the run must fit; 0: what the machine has");
  t.add("save_steps", &save_steps, "a checkpoint every so many steps; 0: only at the end");
  t.add("save_total_limit", &save_total_limit, "checkpoints kept, at least 1");
  t.add("logging_steps", &logging_steps, "a line in the terminal every so many steps");
}

UpdateOptions TrainingOptions::update_options(double rate) const {
  return {.learning_rate = rate,
          .beta1 = adam_beta1,
          .beta2 = adam_beta2,
          .eps = adam_epsilon,
          .weight_decay = weight_decay,
          .max_grad_norm = max_grad_norm,
          .seed = static_cast<uint64_t>(seed)};
}

Schedule TrainingOptions::schedule(int64_t total_steps) const {
  const int64_t warmup = warmup_steps > 0
                             ? warmup_steps
                             : static_cast<int64_t>(std::ceil(warmup_ratio * static_cast<double>(total_steps)));
  return {.kind = parse_scheduler(lr_scheduler_type),
          .peak = learning_rate,
          .warmup_steps = warmup,
          .total_steps = total_steps,
          .min_rate = min_lr_rate,
          .decay_steps = num_decay_steps,
          .decay = parse_decay(decay_type)};
}

namespace {
void at_least(const char* key, double value, double least) {
  if (!(value >= least)) fail_usage("{} is {}, expected at least {}", key, value, least);
}
}  // namespace

void LoraOptions::check() const {
  if (r < 1 || r > 1024) fail_usage("lora_r is {}, expected 1 to 1024", r);
  at_least("lora_alpha", static_cast<double>(alpha), 1);
  if (dropout != 0)
    fail_usage("lora_dropout is {}, expected 0: with dropout the policy that is trained is not the one that samples",
               dropout);
  parse_lora_modules(target_modules);
}

void TrainingOptions::check_common() const {
  lora.check();
  if (model.empty()) fail_usage("no model given: --model FOLDER, FILE.gguf, ORG/NAME or mini");
  if (out.empty()) fail_usage("no folder for the run given: --out DIR");
  at_least("per_device_train_batch_size", static_cast<double>(per_device_train_batch_size), 1);
  at_least("gradient_accumulation_steps", static_cast<double>(gradient_accumulation_steps), 1);
  at_least("learning_rate", learning_rate, 0);
  at_least("warmup_steps", static_cast<double>(warmup_steps), 0);
  at_least("warmup_ratio", warmup_ratio, 0);
  if (!(min_lr_rate >= 0 && min_lr_rate <= 1)) fail_usage("min_lr_rate is {}, expected 0 to 1", min_lr_rate);
  at_least("num_decay_steps", static_cast<double>(num_decay_steps), 0);
  if ((lr_scheduler_type == "warmup_stable_decay") != (num_decay_steps > 0))
    fail_usage(
        "lr_scheduler_type is {} and num_decay_steps {}: warmup_stable_decay needs num_decay_steps above 0, others "
        "have "
        "none",
        lr_scheduler_type, num_decay_steps);
  at_least("weight_decay", weight_decay, 0);
  at_least("max_grad_norm", max_grad_norm, 0);
  at_least("adam_epsilon", adam_epsilon, 0);
  for (const auto& [key, beta] : {std::pair("adam_beta1", adam_beta1), {"adam_beta2", adam_beta2}})
    if (!(beta >= 0 && beta < 1)) fail_usage("{} is {}, expected 0 up to below 1", key, beta);
  at_least("save_total_limit", static_cast<double>(save_total_limit), 1);
  at_least("logging_steps", static_cast<double>(logging_steps), 1);
  at_least("micro_batch_tokens", static_cast<double>(micro_batch_tokens), 16);
  at_least("threads", static_cast<double>(threads), 0);
  at_least("memory_limit_gb", memory_limit_gb, 0);
  if (threads > 1024) fail_usage("threads is {}, expected at most 1024", threads);
  if (max_steps <= 0 && !(num_train_epochs > 0)) fail_usage("give max_steps or num_train_epochs above 0");
  if (max_steps >= int64_t{1} << 24) fail_usage("max_steps is {}, expected below {}", max_steps, int64_t{1} << 24);
}

SftOptions::SftOptions() {
  learning_rate = 2e-5;
  lr_scheduler_type = "cosine";
}

void SftOptions::declare(OptionTable& t) {
  declare_common(t);
  t.begin_group("sft");
  t.add("max_length", &max_length, "tokens; longer rows are cut at the end");
  t.add("assistant_only_loss", &assistant_only_loss, "messages: learn the assistant's turns only");
  t.add("random_init", &random_init, "begin with random weights instead of the model's");
}

void SftOptions::check() const {
  check_common();
  at_least("max_length", static_cast<double>(max_length), 2);
  if (random_init && lora.use_peft) fail_usage("random_init with use_peft: an adapter needs a model's own weights");
}

GrpoOptions::GrpoOptions() {
  per_device_train_batch_size = 64;
  learning_rate = 1e-5;
  lr_scheduler_type = "constant";
}

void GrpoOptions::declare(OptionTable& t) {
  declare_common(t);
  t.begin_group("grpo: rollout");
  std::vector<std::string> presets = preset_names();
  presets.insert(presets.begin(), "none");
  t.add_choice("preset", &preset, presets, "a paper's settings; keys given beside it count more");
  t.add("reward", &reward,
        "auto (task for tasks:NAME, game for games:NAME, else math), or names as of r1 reward; joined by +, weighted "
        "by *");
  t.add("num_generations", &num_generations, "samples a prompt: the group");
  t.add("generation_batch_size", &generation_batch_size, "completions of a rollout; 0: those of one step");
  t.add("num_iterations", &num_iterations, "passes over each rollout");
  t.add("max_completion_length", &max_completion_length, "tokens");
  t.add("temperature", &temperature, "of sampling; log-probs of the loss are at temperature 1");
  t.add("top_k", &top_k, "0: off");
  t.add("top_p", &top_p, "1: off");
  t.add("min_p", &min_p, "0: off");
  t.add("max_active", &max_active, "sequences decoded together");
  t.add_choice("rollout_dtype", &rollout_dtype, {"auto", "int8"},
               "int8: the layers sample in eight bits; their samples are weighed by pi/pi_int8");
  t.add("importance_sampling_cap", &importance_sampling_cap, "int8: a token's weight is never above");
  t.add_alias("vllm_importance_sampling_cap", "importance_sampling_cap");
  t.add("int8_kl_limit", &int8_kl_limit, "int8: mean KL a token beyond which the run goes on without int8");
  environment.declare(t);
  t.begin_group("grpo: loss");
  t.add_choice("loss_type", &loss_type, {"grpo", "bnpo", "dapo", "dr_grpo", "cispo", "gspo"},
               "how tokens are averaged");
  t.add_choice("importance_sampling_level", &importance_sampling_level, {"token", "sequence"}, "sequence: GSPO");
  t.add_choice("scale_rewards", &scale_rewards, {"group", "batch", "none"}, "what advantages are divided by");
  t.add("epsilon", &epsilon, "clip below 1 - epsilon");
  t.add("epsilon_high", &epsilon_high, "clip above 1 + epsilon_high; unset: epsilon. cispo: the ratio's cap itself");
  t.add("delta", &delta, "two-sided clipping: ratio never above");
  t.add("beta", &beta, "KL coefficient; 0: no reference model");
  t.add_choice("kl_estimator", &kl_estimator, {"k1", "k2", "k3"}, "");
  t.add("use_bias_correction_kl", &use_bias_correction_kl, "KL times ratio (DeepSeek-V3.2)");
  t.add("sync_ref_model", &sync_ref_model, "renew the reference while training");
  t.add("ref_model_sync_steps", &ref_model_sync_steps, "every so many steps");
  t.add("ref_model_mixup_alpha", &ref_model_mixup_alpha, "reference = alpha policy + (1 - alpha) reference");
  t.add("entropy_coef", &entropy_coef, "bonus on the mean entropy");
  t.add("mask_truncated_completions", &mask_truncated_completions, "cut-off completions teach nothing");
  t.begin_group("grpo: steps");
  t.add_choice("advantage", &advantage, {"outcome", "process", "step_mc"},
               "of an answer's tokens: one for all; by the checked steps behind them (DeepSeekMath 4.1.3); or by what "
               "their step changed in the value of the answer's beginning (VinePPO)");
  t.add_choice("blame", &blame, {"all", "from_error"},
               "from_error: in a wrong answer no token before the first wrong step is pushed down");
  t.add("step_mc_rollouts", &step_mc_rollouts, "step_mc: continuations of each prefix");
  t.add("step_mc_max_steps", &step_mc_max_steps, "step_mc: prefixes of an answer; steps beyond are joined evenly");
  t.add("max_sampled_tokens", &max_sampled_tokens,
        "the run ends with the rollout in which so many were sampled, step_mc's among them; 0: no limit");
  t.begin_group("grpo: rewards and looking");
  declare_reward_keys(t, rewards);
  t.add("max_failed_rewards", &max_failed_rewards, "share of a rollout's verdicts that may fail before the run stops");
  t.add("num_completions_to_log", &num_completions_to_log, "of every rollout, into samples.jsonl");
  t.add("eval_steps", &eval_steps, "held-out accuracy every so many steps; 0: never");
  t.add("eval_rows", &eval_rows, "held-out items for that");
  t.add("audit", &audit, "look at data, reward and prompts before step 0; what does not fit is refused");
  t.add("radar_steps", &radar_steps, "a stricter checker looks for hacked rewards every so many steps; 0: never");
  t.add("watch_steps", &watch_steps, "the same prompts are answered every so many steps, into watched.jsonl; 0: never");
  t.add("watch_prompts", &watch_prompts, "how many: the first rows of the data");
  guard.declare(t);
}

void GrpoOptions::check() const {
  check_common();
  at_least("num_generations", static_cast<double>(num_generations), 2);
  at_least("num_iterations", static_cast<double>(num_iterations), 1);
  at_least("max_completion_length", static_cast<double>(max_completion_length), 1);
  if (max_completion_length >= 1 << 20)
    fail_usage("max_completion_length is {}, expected below {}", max_completion_length, 1 << 20);
  at_least("max_active", static_cast<double>(max_active), 1);
  environment.check();
  if (!(temperature > 0)) fail_usage("temperature is {}, expected above 0: groups need spread", temperature);
  if (!(top_p > 0 && top_p <= 1)) fail_usage("top_p is {}, expected above 0 up to 1", top_p);
  at_least("top_k", static_cast<double>(top_k), 0);
  if (!(min_p >= 0 && min_p <= 1)) fail_usage("min_p is {}, expected 0 to 1", min_p);
  if (!(importance_sampling_cap > 0))
    fail_usage("importance_sampling_cap is {}, expected above 0", importance_sampling_cap);
  at_least("int8_kl_limit", int8_kl_limit, 0);
  at_least("beta", beta, 0);
  at_least("epsilon", epsilon, 0);
  if (epsilon_high) at_least("epsilon_high", *epsilon_high, 0);
  at_least("soft_overlong_cache", static_cast<double>(rewards.soft_overlong_cache), 0);
  if (!(max_failed_rewards >= 0 && max_failed_rewards <= 1))
    fail_usage("max_failed_rewards is {}, expected 0 to 1", max_failed_rewards);
  at_least("num_completions_to_log", static_cast<double>(num_completions_to_log), 0);
  if (!(ref_model_mixup_alpha >= 0 && ref_model_mixup_alpha <= 1))
    fail_usage("ref_model_mixup_alpha is {}, expected 0 to 1", ref_model_mixup_alpha);
  if (delta && !(*delta > 1 + epsilon_high.value_or(epsilon)))
    fail_usage("delta is {}, expected above 1 + epsilon_high = {}: it caps what the clip leaves", *delta,
               1 + epsilon_high.value_or(epsilon));
  if (rollout_batch() % num_generations != 0)
    fail_usage(
        "a rollout has {} completions (generation_batch_size, or one step's), which num_generations {} does not divide",
        rollout_batch(), num_generations);
  if (rollout_batch() % batch() != 0)
    fail_usage(
        "generation_batch_size {} is no multiple of a step's {} completions (per_device_train_batch_size x "
        "gradient_accumulation_steps)",
        rollout_batch(), batch());
  if (loss_type == "cispo" && !epsilon_high) fail_usage("loss_type cispo needs epsilon_high, the ratio's cap (e.g. 5)");
  if (sync_ref_model && beta == 0) fail_usage("sync_ref_model without beta: there is no reference model at beta 0");
  if (rollout_dtype == "int8" && lora.use_peft)
    fail_usage("rollout_dtype=int8 with use_peft: adapters are sampled in the type they are trained in; leave one out");
  if (sync_ref_model && lora.use_peft)
    fail_usage("sync_ref_model with use_peft: the reference is the model without its adapter, which never moves");
  if (use_bias_correction_kl && beta == 0) fail_usage("use_bias_correction_kl without beta: there is no KL at beta 0");
  for (const auto& [key, value] :
       {std::pair("step_mc_rollouts", step_mc_rollouts), {"step_mc_max_steps", step_mc_max_steps}})
    if (value < 1 || value > 4096) fail_usage("{} is {}, expected 1 to 4096", key, value);
  at_least("max_sampled_tokens", static_cast<double>(max_sampled_tokens), 0);
  if (advantage == "step_mc" && (environment.tools != "none" || data.data.find("games:") != std::string::npos))
    fail_usage(
        "advantage=step_mc with games or tools: an answer's beginning cannot be continued without its world; use "
        "process");
  at_least("ref_model_sync_steps", static_cast<double>(ref_model_sync_steps), 1);
  at_least("radar_steps", static_cast<double>(radar_steps), 0);
  at_least("watch_steps", static_cast<double>(watch_steps), 0);
  at_least("watch_prompts", static_cast<double>(watch_prompts), 1);
  guard.check();
}

LossForm GrpoOptions::loss_form() const {
  LossForm f;
  f.type = loss_type == "bnpo"      ? LossType::bnpo
           : loss_type == "dapo"    ? LossType::dapo
           : loss_type == "dr_grpo" ? LossType::dr_grpo
           : loss_type == "cispo"   ? LossType::cispo
                                    : LossType::grpo;
  f.level = loss_type == "gspo" || importance_sampling_level == "sequence" ? RatioLevel::sequence : RatioLevel::token;
  f.epsilon_low = epsilon;
  f.epsilon_high = epsilon_high.value_or(epsilon);
  f.delta = delta;
  f.beta = beta;
  f.kl = kl_estimator == "k1" ? KlEstimator::k1 : kl_estimator == "k2" ? KlEstimator::k2 : KlEstimator::k3;
  f.kl_times_ratio = use_bias_correction_kl;
  return f;
}

RewardOptions GrpoOptions::reward_options() const {
  RewardOptions out = rewards;
  out.max_completion_length = max_completion_length;
  add_model_rewards(out, compute_dtype);
  if (out.code.journal == kJournalOfTheRun) out.code.journal = this->out + "/verdicts.jsonl";
  return out;
}

int64_t GrpoOptions::total_steps(size_t rows) const {
  const double rollouts =
      std::ceil(num_train_epochs * static_cast<double>(rows) / static_cast<double>(prompts_per_rollout()));
  return max_steps > 0 ? max_steps : static_cast<int64_t>(rollouts) * steps_per_rollout();
}

SamplingOptions GrpoOptions::sampling(uint32_t rollout) const {
  SamplingOptions s;
  s.temperature = static_cast<float>(temperature);
  s.top_k = static_cast<int32_t>(top_k);
  s.top_p = static_cast<float>(top_p);
  s.min_p = static_cast<float>(min_p);
  s.max_new_tokens = max_completion_length;
  s.max_turn_tokens = environment.max_turn_tokens;
  s.seed = static_cast<uint64_t>(seed);
  s.step = rollout;
  return s;
}

}  // namespace r1
