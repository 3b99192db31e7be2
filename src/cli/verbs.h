// What each verb does once its words are read. All return the exit code; errors are exceptions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/options.h"

namespace r1 {

// As many threads as asked for; 0: all cores. Throws r1::UsageError outside 0 to 1,024.
void use_threads(int64_t asked);

// ---- text: JSON lines in, JSON lines out
int run_tokenize(const std::string& model, bool decode);
int run_template(const std::string& template_file, const std::string& model);

// ---- a model, asked
struct ModelFlags {
  std::string model;
  int64_t threads = 0;  // 0: all
  std::string compute_dtype = "auto";
};
// {"ids":[...]} -> {"logprobs":[...]}: n - 1 natural log-probs at temperature 1.
int run_logprobs(const ModelFlags& flags);

struct GenerateFlags : ModelFlags {
  std::string prompt, system_prompt, chat_template_kwargs;
  std::optional<std::string> prompt_ids;
  bool chat = false, json = false;
  int64_t n = 1, max_tokens = 256, seed = 42, top_k = 0;
  double temperature = 1, top_p = 1, min_p = 0;
  std::vector<std::string> stop;
};
int run_generate(const GenerateFlags& flags);
int run_chat(const GenerateFlags& flags);

struct EvalFlags : ModelFlags {
  std::string recipe, data, reward;
  bool json = false;
  int64_t n = 1, limit = 0, max_tokens = 0;
  std::optional<int64_t> seed;
  std::optional<double> temperature, top_p;
  KeyValues sets;
  std::string samples_file;  // every sample as a JSON line; empty: none
};
int run_eval(const EvalFlags& flags);

struct ConvertFlags {
  std::string model, out, save_dtype = "bf16", max_shard_size = "5GB";
  int64_t threads = 0;
  bool json = false;
};
int run_convert(const ConvertFlags& flags);

// ---- training
struct TrainFlags {
  std::string recipe;
  KeyValues given;  // --model, --data, ... and --set, in order
  bool resume = false;
};
int run_sft_verb(const TrainFlags& flags);
int run_grpo_verb(const TrainFlags& flags);
struct RunFlags : TrainFlags {
  std::string from, until;  // stages
  bool dry_run = false, json = false;
};
int run_run_verb(const RunFlags& flags);
int run_pretrain_verb(const TrainFlags& flags);
std::string sft_keys_help();
std::string pretrain_keys_help();
std::string grpo_keys_help();
std::string eval_keys_help();

// ---- checks and looking
int run_verify_goldens(const std::string& folder, const ModelFlags& flags, bool json);
struct BenchOptions;
int run_bench(const BenchOptions& options);
int run_doctor(const ModelFlags& flags, bool json);

}  // namespace r1
