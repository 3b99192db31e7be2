// The keys of TRL 1.10, transformers and open-r1 that have no counterpart here, and the names of their rewards.
#include <string_view>

#include "cli/recipe_import.h"

namespace r1 {
namespace {

constexpr const char* kDevices = "how a GPU computes; here compute_dtype says what CPUs can choose";
constexpr const char* kCluster = "how work is spread over devices; here it is one process";
constexpr const char* kSampler = "the sampler is built in: the same kernels sample and train";
constexpr const char* kHub = "nothing is sent anywhere; the run's folder holds everything";
constexpr const char* kLogs = "metrics.jsonl and the terminal show every step";
constexpr const char* kLoading = "rows are read once, before training";
constexpr const char* kEvaluation = "r1 eval evaluates; while training: eval_steps and held_out_fraction";
constexpr const char* kNoLoss = "this part of the objective is not built";
constexpr const char* kPadding = "batches are packed without padding, every row by itself";

constexpr ForeignKey kForeign[] = {
    // precision, memory, kernels
    {"bf16", nullptr, kDevices},
    {"fp16", nullptr, kDevices},
    {"tf32", nullptr, kDevices},
    {"bf16_full_eval", nullptr, kDevices},
    {"fp16_full_eval", nullptr, kDevices},
    {"torch_dtype", nullptr, kDevices},
    {"dtype", nullptr, kDevices},
    {"attn_implementation", nullptr, kDevices},
    {"gradient_checkpointing", nullptr, "what backward needs is kept or recomputed as memory allows"},
    {"gradient_checkpointing_kwargs", nullptr, "what backward needs is kept or recomputed as memory allows"},
    {"activation_offloading", nullptr, kDevices},
    {"use_liger*", nullptr, "head and loss are fused here always"},
    {"cast_lm_head_to_fp32", nullptr, "logits are f32 here always"},
    {"torch_compile*", nullptr, kDevices},
    {"torch_empty_cache_steps", nullptr, kDevices},
    {"optim_args", nullptr, kDevices},
    {"load_in_8bit", nullptr, "weights are trained in f32 or bf16 (optim); quantised bases are read and dequantised"},
    {"load_in_4bit", nullptr, "weights are trained in f32 or bf16 (optim); quantised bases are read and dequantised"},
    {"bnb_4bit_*", nullptr, kDevices},
    {"use_bnb_nested_quant", nullptr, kDevices},
    {"use_cpu", nullptr, kDevices},
    {"no_cuda", nullptr, kDevices},
    {"use_mps_device", nullptr, kDevices},
    {"low_cpu_mem_usage", nullptr, kDevices},
    {"disable_dropout", nullptr, "no layer here has dropout"},
    {"attention_dropout", "0|0.0", "no layer here has dropout"},
    {"trust_remote_code", nullptr, "no code of a model is ever run"},
    {"model_revision", nullptr, "models are read from this machine as they are"},
    {"model_init_kwargs", nullptr, kDevices},
    {"tokenizer_name_or_path", nullptr, "the model's own tokenizer is used"},
    {"use_fast", nullptr, "the tokenizer is built in"},
    // spreading
    {"deepspeed*", nullptr, kCluster},
    {"fsdp*", nullptr, kCluster},
    {"ddp_*", nullptr, kCluster},
    {"accelerator_config", nullptr, kCluster},
    {"parallelism_config", nullptr, kCluster},
    {"ds3_gather_for_generation", nullptr, kCluster},
    {"local_rank", nullptr, kCluster},
    {"num_processes", nullptr, kCluster},
    {"average_tokens_across_devices", nullptr, kCluster},
    {"split_batches", nullptr, kCluster},
    {"auto_find_batch_size", "false", "the plan of memory is checked before the first step instead"},
    // sampling engines
    {"use_vllm", nullptr, kSampler},
    {"vllm_*", nullptr, kSampler},
    {"use_transformers_*", nullptr, kSampler},
    {"transformers_continuous_batching_config", nullptr, kSampler},
    {"cache_implementation", nullptr, kSampler},
    {"generation_kwargs", "", "sampling has temperature, top_k, top_p and min_p"},
    {"repetition_penalty", "1|1.0", "samples would no longer come from the policy that is trained"},
    // Hub, trackers, logs, files
    {"push_to_hub*", nullptr, kHub},
    {"hub_*", nullptr, kHub},
    {"overwrite_hub_revision", nullptr, kHub},
    {"report_to", nullptr, kHub},
    {"run_name", nullptr, kHub},
    {"project", nullptr, kHub},
    {"trackio_space_id", nullptr, kHub},
    {"wandb_*", nullptr, kHub},
    {"tags", nullptr, kHub},
    {"log_completions*", nullptr, "every rollout leaves samples.jsonl (num_completions_to_log)"},
    {"log_unique_prompts", nullptr, kLogs},
    {"log_multimodal", nullptr, kLogs},
    {"log_level*", nullptr, kLogs},
    {"log_on_each_node", nullptr, kLogs},
    {"logging_dir", nullptr, kLogs},
    {"logging_strategy", nullptr, kLogs},
    {"logging_first_step", nullptr, kLogs},
    {"logging_nan_inf_filter", nullptr, "a loss that is not finite ends the run"},
    {"include_tokens_per_second", nullptr, kLogs},
    {"include_num_input_tokens_seen", nullptr, kLogs},
    {"disable_tqdm", nullptr, kLogs},
    {"overwrite_output_dir", nullptr, "a folder that holds a run is not written over; --resume goes on"},
    {"resume_from_checkpoint", nullptr, "--resume goes on"},
    {"ignore_data_skip", nullptr, "--resume goes on where the run was"},
    {"restore_callback_states_from_checkpoint", nullptr, "--resume goes on where the run was"},
    {"save_safetensors", nullptr, "always safetensors"},
    {"save_only_model", nullptr, "checkpoints are whole"},
    {"save_on_each_node", nullptr, kCluster},
    {"callbacks", nullptr, kHub},
    {"benchmarks", nullptr, kEvaluation},
    // evaluation
    {"do_train", nullptr, "the verb trains"},
    {"do_eval", nullptr, kEvaluation},
    {"do_predict", nullptr, kEvaluation},
    {"eval_strategy", nullptr, kEvaluation},
    {"evaluation_strategy", nullptr, kEvaluation},
    {"eval_on_start", nullptr, kEvaluation},
    {"eval_delay", nullptr, kEvaluation},
    {"eval_accumulation_steps", nullptr, kEvaluation},
    {"eval_packing", nullptr, kEvaluation},
    {"per_device_eval_batch_size", nullptr, kEvaluation},
    {"num_generations_eval", nullptr, kEvaluation},
    {"dataset_test_split", nullptr, kEvaluation},
    {"prediction_loss_only", nullptr, kEvaluation},
    {"metric_for_best_model", nullptr, kEvaluation},
    {"greater_is_better", nullptr, kEvaluation},
    {"load_best_model_at_end", "false", "the last model is what is written"},
    {"batch_eval_metrics", nullptr, kEvaluation},
    // data
    {"dataset_config", nullptr, "a configuration is a choice of files; name them in data"},
    {"dataset_configs", nullptr, "a configuration is a choice of files; name them in data"},
    {"dataset_num_proc", nullptr, kLoading},
    {"preprocessing_num_workers", nullptr, kLoading},
    {"dataset_batch_size", nullptr, kLoading},
    {"dataset_kwargs", nullptr, kLoading},
    {"dataset_streaming", nullptr, kLoading},
    {"streaming", nullptr, kLoading},
    {"dataloader_*", nullptr, kLoading},
    {"remove_unused_columns", nullptr, "every column stays, for rewards"},
    {"group_by_length", nullptr, kPadding},
    {"length_column_name", nullptr, kPadding},
    {"train_sampling_strategy", nullptr, kPadding},
    {"pad_to_multiple_of", nullptr, kPadding},
    {"pad_token", nullptr, kPadding},
    {"padding_free", nullptr, kPadding},
    {"packing", nullptr, "batches are packed without padding; they count rows, not filled blocks"},
    {"packing_strategy", nullptr, kPadding},
    {"max_prompt_length", nullptr, "prompts are never cut: one too long for the model is an error"},
    {"truncation_mode", "keep_start", "rows are cut at the end"},
    {"data_seed", nullptr, "all randomness follows from seed"},
    {"full_determinism", nullptr, "runs are deterministic always"},
    // open-r1's code runners
    {"code_provider", nullptr, "code runs on this machine"},
    {"ioi_provider", nullptr, "code runs on this machine"},
    {"e2b_router_url", nullptr, "code runs on this machine"},
    {"morph_router_url", nullptr, "code runs on this machine"},
    {"parallel_code_exec_per_proc", nullptr, "code runs on this machine"},
    {"code_eval_test_batch_size", nullptr, "code runs on this machine"},
    {"code_language", "python", "the row says which language its tests are in"},
    // the objective and the model
    {"loss_type", "nll",
     "r1 sft learns by log-likelihood alone (nll); DPO and its kin (sigmoid, ipo, ...) are not built"},
    {"completion_only_loss", "true", "of prompts with completions only the completion is learned"},
    {"multi_objective_aggregation", "sum_then_normalize", kNoLoss},
    {"top_entropy_quantile", "1|1.0", kNoLoss},
    {"use_adaptive_entropy", "false", kNoLoss},
    {"entropy_coef_*", nullptr, "for use_adaptive_entropy"},
    {"entropy_target", nullptr, "for use_adaptive_entropy"},
    {"off_policy_mask_threshold", "", kNoLoss},
    {"sapo_*", nullptr, "for loss_type sapo"},
    {"vespo_*", nullptr, "for loss_type vespo"},
    {"router_aux_loss_coef", nullptr, "for mixtures of experts"},
    {"label_smoothing_factor", "0|0.0", kNoLoss},
    {"neftune_noise_alpha", "0|0.0", kNoLoss},
    {"max_tool_calling_iterations", "", "rollouts are single turns"},
    {"tools", "", "rollouts are single turns"},
    {"reward_model_name_or_path", "", "rewards are rules here, or a program (exec:COMMAND)"},
    {"chat_template_path", "",
     "give the template itself as chat_template, or put chat_template.jinja into the model's folder"},
    {"eos_token", "", "the model's own end token ends a turn; change its tokenizer_config.json"},
    {"lora_modules_to_save", "", "an adapter holds low-rank matrices alone"},
    {"lora_target_parameters", "", "an adapter sits on linear layers"},
    {"lora_task_type", "CAUSAL_LM", "only causal language models are trained"},
    {"use_dora", "false", "only LoRA and rsLoRA"},
};

constexpr std::pair<const char*, const char*> kRewards[] = {
    {"accuracy", "math"},
    {"accuracy_reward", "math"},
    {"reasoning_accuracy_reward", "math"},
    {"trl.rewards.accuracy_reward", "math"},
    {"format_reward", "format"},
    {"think_format_reward", "format"},
    {"trl.rewards.think_format_reward", "format"},
    {"soft_overlong_punishment", "length"},
    {"get_soft_overlong_punishment", "length"},
    {"length", "kimi_length"},  // open-r1's is Kimi 1.5's; here `length` is DAPO's
};

}  // namespace

const ForeignKey* find_foreign_key(const std::string& key) {
  for (const ForeignKey& one : kForeign) {
    const std::string_view name = one.name;
    if (name.ends_with('*') ? key.starts_with(name.substr(0, name.size() - 1)) : key == name) return &one;
  }
  return nullptr;
}

std::string reward_counterpart(const std::string& function) {
  for (const auto& [theirs, ours] : kRewards)
    if (function == theirs) return ours;
  return "";
}

}  // namespace r1
