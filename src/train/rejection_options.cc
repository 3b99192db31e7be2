#include "base/error.h"
#include "train/model_reward.h"
#include "train/rejection.h"

namespace r1 {

void RejectOptions::declare(OptionTable& t) {
  t.begin_group("run");
  t.add("model", &model,
        "who is asked: Hugging Face folder, .gguf file, ORG/NAME in the local cache, mini, or http://HOST/v1#MODEL");
  t.add_alias("model_name_or_path", "model");
  t.add("out", &out, "the run's folder");
  t.add_alias("output_dir", "out");
  t.add("seed", &seed, "all randomness follows from it");
  data.declare(t);
  prompt.declare(t);
  t.begin_group("reject: sampling");
  t.add("num_generations", &num_generations, "samples a prompt");
  t.add("max_completion_length", &max_completion_length, "tokens");
  t.add("temperature", &temperature, "of sampling");
  t.add("top_k", &top_k, "0: off");
  t.add("top_p", &top_p, "1: off");
  t.add("min_p", &min_p, "0: off");
  t.add("max_active", &max_active, "sequences decoded together");
  t.begin_group("reject: keeping");
  t.add("reward", &reward, "what tells right from wrong, as of r1 grpo; none: every sample that ended");
  t.add("min_reward", &min_reward, "a right sample's score must be at least that");
  t.add("filters", &filters, "none, or some of language,paragraphs,code,repetition,summary");
  t.add("max_repetition", &max_repetition, "repetition filter: share of repeated n-grams that passes");
  t.add("max_kept_tokens", &max_kept_tokens, "longer samples are dropped; 0: none are");
  t.add("keep_per_prompt", &keep_per_prompt, "samples of a prompt, at most");
  t.add_choice("keep_order", &keep_order, {"sampled", "shortest"}, "which of a prompt's are kept first");
  t.add("balance_by", &balance_by, "a key of the rows, or language: as many rows of each value as of the rarest");
  t.add("max_rows", &max_rows, "of all that is kept, drawn by the seed; 0: all");
  declare_reward_keys(t, rewards);
  t.begin_group("reject: cold start and general rows");
  t.add("cold_start", &cold_start, "thought and a short summary in the question's language, as R1's first data");
  t.add_choice("summary_by", &summary_by, {"template", "model"}, "model: it is asked with summary_prompt");
  t.add("summary_template", &summary_template, "with {answer} and {sentence}; empty: the sentence alone");
  t.add("summary_prompt", &summary_prompt, "with {question}, {thought} and {answer}");
  t.add("summary_tokens", &summary_tokens, "of a summary that the model writes");
  t.add("general_data", &general_data, "rows for SFT that are put beside the kept samples");
  t.add("general_rows", &general_rows, "of them, drawn by the seed; 0: all");
  t.begin_group("machine and files");
  t.add_choice("compute_dtype", &compute_dtype, {"auto", "f32", "bf16"}, "matmul operands");
  t.add("threads", &threads, "0: all cores of this process");
  t.add("memory_limit_gb", &memory_limit_gb, "what the run must fit; 0: what the machine has");
  t.add("batch_prompts", &batch_prompts, "prompts worked off, and written, together");
  t.add("num_rejected_to_log", &num_rejected_to_log, "of each reason, into rejected.jsonl");
  remote.declare(t);
}

namespace {
void within(const char* key, double value, double least, double most) {
  if (!(value >= least && value <= most)) fail_usage("{} is {}, expected {} to {}", key, value, least, most);
}
}  // namespace

void RejectOptions::check() const {
  if (model.empty()) fail_usage("no model given: --model FOLDER, FILE.gguf, ORG/NAME or mini");
  if (out.empty()) fail_usage("no folder for the run given: --out DIR");
  within("num_generations", static_cast<double>(num_generations), 1, 1 << 16);
  within("max_completion_length", static_cast<double>(max_completion_length), 1, (1 << 20) - 1);
  within("temperature", temperature, 0, 100);
  within("top_k", static_cast<double>(top_k), 0, 1 << 22);
  within("top_p", top_p, 1e-9, 1);
  within("min_p", min_p, 0, 1);
  within("max_active", static_cast<double>(max_active), 1, 1 << 16);
  within("max_repetition", max_repetition, 0, 1);
  within("max_kept_tokens", static_cast<double>(max_kept_tokens), 0, 1 << 20);
  within("keep_per_prompt", static_cast<double>(keep_per_prompt), 1, 1 << 16);
  within("max_rows", static_cast<double>(max_rows), 0, 1e12);
  within("general_rows", static_cast<double>(general_rows), 0, 1e12);
  within("summary_tokens", static_cast<double>(summary_tokens), 1, 1 << 16);
  within("threads", static_cast<double>(threads), 0, 1024);
  within("memory_limit_gb", memory_limit_gb, 0, 1e6);
  within("batch_prompts", static_cast<double>(batch_prompts), 1, 1 << 16);
  within("num_rejected_to_log", static_cast<double>(num_rejected_to_log), 0, 1e9);
  if (cold_start && summary_by == "model" && summary_prompt.empty())
    fail_usage("summary_by=model needs summary_prompt, a text with {{question}}, {{thought}} and {{answer}}");
  if (!cold_start && (summary_by == "model" || !summary_template.empty()))
    fail_usage("summary_by and summary_template go with cold_start=true");
  if (general_rows > 0 && general_data.empty()) fail_usage("general_rows without general_data");
  trace_filters();
  remote.check();
  if (!is_openai_address(model)) return;
  parse_openai_address(model);
  if (top_k != 0 || min_p != 0)
    fail_usage("top_k and min_p are not part of what {} can be asked; leave them out", parse_openai_address(model).url);
}

TraceFilters RejectOptions::trace_filters() const {
  TraceFilters f = parse_filters(filters);
  f.limits = rewards.filters;
  f.repetition_n_grams = rewards.repetition_n_grams;
  f.max_repetition = max_repetition;
  return f;
}

RewardOptions RejectOptions::reward_options() const {
  RewardOptions out = rewards;
  out.max_completion_length = max_completion_length;
  add_model_rewards(out, compute_dtype);
  return out;
}

SamplingOptions RejectOptions::sampling() const {
  SamplingOptions s;
  s.temperature = static_cast<float>(temperature);
  s.top_k = static_cast<int32_t>(top_k);
  s.top_p = static_cast<float>(top_p);
  s.min_p = static_cast<float>(min_p);
  s.max_new_tokens = max_completion_length;
  s.seed = static_cast<uint64_t>(seed);
  return s;
}

}  // namespace r1
