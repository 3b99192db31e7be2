// r1 verify, eval and doctor.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/log.h"
#include "base/recipe.h"
#include "base/threads.h"
#include "cli/asked_keys.h"
#include "cli/verbs.h"
#include "data/tasks/task_rows.h"
#include "formats/model_path.h"
#include "reward/reward.h"
#include "reward/sandbox/sandbox.h"
#include "runs/view.h"
#include "train/distill.h"
#include "train/episodes.h"
#include "train/evaluate.h"
#include "train/goldens.h"
#include "train/model_reward.h"
#include "train/rejection.h"
#include "train/reward_model.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// What r1 eval takes from a recipe: the keys of data and prompts, and how to sample.
struct EvalKeys {
  DataOptions data;
  PromptOptions prompt;
  std::string reward = "auto", model;
  int64_t max_completion_length = 512, seed = 42, threads = 0, max_active = 64;
  RewardOptions rewards;
  EnvironmentOptions environment;
  std::string compute_dtype = "auto";
  void declare(OptionTable& t) {
    t.begin_group("run");
    t.add("model", &model, "as --model");
    t.add_alias("model_name_or_path", "model");
    t.add("reward", &reward, "as --reward");
    t.add("max_completion_length", &max_completion_length, "tokens");
    declare_reward_keys(t, rewards);
    environment.declare(t);
    t.begin_group("machine");
    t.add("seed", &seed, "of sampling");
    t.add("threads", &threads, "0: all cores");
    t.add("max_active", &max_active, "sequences decoded together");
    t.add_choice("compute_dtype", &compute_dtype, {"auto", "f32", "bf16"}, "matmul operands");
    data.declare(t);
    prompt.declare(t);
  }
};

// A training recipe may be given: the keys that only trainers know are passed over. What neither knows is an error, and
// on the command line everything has to be evaluation's.
EvalKeys eval_keys(const EvalFlags& f) {
  EvalKeys keys;
  OptionTable table, trainers[4];
  keys.declare(table);
  DistillOptions distill;  // GRPO's keys are among its own
  SftOptions sft;
  RewardModelOptions reward_model;
  RejectOptions reject;
  distill.declare(trainers[0]);
  sft.declare(trainers[1]);
  reward_model.declare(trainers[2]);
  reject.declare(trainers[3]);
  const auto trains = [&](const std::string& key) {
    return std::any_of(std::begin(trainers), std::end(trainers), [&](const OptionTable& t) { return t.has(key); });
  };
  if (!f.recipe.empty()) {
    KeyValues known;
    for (const auto& pair : read_flat_recipe(f.recipe))
      if (table.has(pair.first) || !trains(pair.first)) known.push_back(pair);
    set_from_recipe(table, known, f.recipe);
  }
  table.set_all(asked_keys(f.sets, {.data = f.data,
                                    .reward = f.reward,
                                    .model = f.model,
                                    .seed = f.seed,
                                    .max_tokens = f.max_tokens,
                                    .threads = f.threads}));
  if (keys.model == "mini") keys.prompt.frame_the_world(table);
  return keys;
}

void check_ranges(const EvalFlags& f, const EvalKeys& keys) {
  if (f.n < 1 || f.n > 1 << 20) fail_usage("--n {}: expected 1 to {}", f.n, 1 << 20);
  if (f.limit < 0) fail_usage("--limit {}: expected at least 0", f.limit);
  if (f.max_tokens < 0) fail_usage("--max-tokens {}: expected at least 0", f.max_tokens);
  if (keys.max_completion_length < 1 || keys.max_completion_length >= 1 << 20)
    fail_usage("max_completion_length is {}, expected 1 to {}", keys.max_completion_length, (1 << 20) - 1);
  if (keys.max_active < 1) fail_usage("max_active is {}, expected at least 1", keys.max_active);
  if (f.temperature && !(*f.temperature >= 0)) fail_usage("--temperature {}: expected at least 0", *f.temperature);
  if (f.top_p && !(*f.top_p > 0 && *f.top_p <= 1)) fail_usage("--top-p {}: expected above 0 up to 1", *f.top_p);
}

void write_samples(const std::string& path, const std::vector<EvalItem>& items, const Tokenizer* tokenizer) {
  std::ofstream out(path);
  for (const EvalItem& item : items)
    for (size_t i = 0; i < item.completions.size(); i++) {
      const Verdict& v = item.verdicts[i];
      out << Json({{"prompt", item.prompt.text},
                   {"completion", transcript(item.completions[i], tokenizer)},
                   {"outcome", outcome_name(v.outcome)},
                   {"score", v.score},
                   {"extracted", v.extracted},
                   {"reason", v.reason},
                   {"episode", item.episodes[i]}})
                 .dump(-1, ' ', false, Json::error_handler_t::replace)
          << "\n";
    }
  out.flush();
  if (!out) fail("{}: cannot write", path);
}

void print_table(const EvalResult& r, const EvalFlags& f) {
  std::cout << fmt::format("{} rows, {} samples each{}\n", r.rows, f.n,
                           r.failed > 0 ? fmt::format("; {} verdicts failed and are left out", r.failed) : "");
  std::cout << fmt::format("pass@1  {:6.2f} %   95 %: {:.2f} to {:.2f}\n", 100 * r.pass_at_1, 100 * r.ci_low,
                           100 * r.ci_high);
  if (f.n > 1)
    std::cout << fmt::format("pass@{:<2} {:6.2f} %\ncons@{:<2} {:6.2f} %\n", f.n, 100 * r.pass_at_k, f.n,
                             100 * r.cons_at_k);
  std::cout << fmt::format("score {:.3f}, {:.1f} tokens, {:.1f} % cut off\n", r.mean_score, r.mean_length,
                           100 * r.truncated);
  for (const auto& [name, value] : r.episodes.items())
    std::cout << (name == "game/turns" || name.starts_with("tools/")
                      ? fmt::format("{:<16} {:6.2f}\n", name, value.get<double>())
                      : fmt::format("{:<16} {:6.2f} %\n", name, 100 * value.get<double>()));
}

}  // namespace

std::string eval_keys_help() {
  EvalKeys keys;
  OptionTable table;
  keys.declare(table);
  return "Keys for RECIPE (TOML) and --set key=value, with their defaults:\n" + table.help();
}

int run_eval(const EvalFlags& f) {
  const EvalKeys keys = eval_keys(f);
  check_ranges(f, keys);
  use_threads(keys.threads);
  const ModelFiles files = open_model_files(resolve_model(keys.model));
  const auto tokenizer = open_tokenizer(files);
  const Transformer model = load_transformer(files, make_compute(keys.compute_dtype), ModelUse::inference);
  RewardOptions reward_options = keys.rewards;
  reward_options.max_completion_length = keys.max_completion_length;
  add_model_rewards(reward_options, keys.compute_dtype);
  const auto reward = make_reward_for(keys.data.data, keys.reward, reward_options);
  std::vector<DataRow> rows = keys.data.load_prompts(true, "r1 eval").rows;
  if (f.limit > 0 && rows.size() > static_cast<size_t>(f.limit)) rows.resize(static_cast<size_t>(f.limit));
  const PromptBuilder prompts(files, tokenizer, keys.prompt);
  EvalOptions options;
  options.samples = static_cast<int>(f.n);
  options.sampling.temperature = static_cast<float>(f.temperature.value_or(f.n == 1 ? 0.0 : 0.6));
  options.sampling.top_p = static_cast<float>(f.top_p.value_or(f.n == 1 ? 1.0 : 0.95));
  options.sampling.max_new_tokens = keys.max_completion_length;
  options.sampling.seed = static_cast<uint64_t>(keys.seed);
  options.environment = keys.environment;
  Sampler sampler(model, tokenizer, {.max_active = keys.max_active});
  ProgressBar bar("evaluation", static_cast<int64_t>(rows.size()) * f.n);
  const std::vector<EvalItem> items =
      evaluate(sampler, prompts, rows, *reward, options, [&](int64_t done) { bar.update(done); });
  if (items.empty()) fail("interrupted; nothing was written");
  const EvalResult r = summarise(items);
  if (!f.samples_file.empty()) write_samples(f.samples_file, items, tokenizer.get());
  if (r.rows == 0) fail("every verdict failed; the first: {}", items[0].verdicts[0].reason);
  if (!f.json) return print_table(r, f), 0;
  Json out = {{"pass@1", r.pass_at_1},
              {"pass@k", r.pass_at_k},
              {"cons@k", r.cons_at_k},
              {"ci95", {r.ci_low, r.ci_high}},
              {"n", r.rows},
              {"k", f.n},
              {"failed", r.failed},
              {"mean_score", r.mean_score},
              {"mean_length", r.mean_length},
              {"clipped_ratio", r.truncated},
              {"temperature", options.sampling.temperature}};
  out.update(r.episodes);
  std::cout << out.dump() << std::endl;
  return 0;
}

void use_threads(int64_t asked) {
  constexpr int64_t kMost = 1024;
  if (asked < 0 || asked > kMost) fail_usage("threads is {}, expected 0 (all cores) to {}", asked, kMost);
  set_thread_count(asked > 0 ? static_cast<int>(asked) : available_cores());
}

int run_verify_goldens(const std::string& folder, const ModelFlags& flags, bool json) {
  use_threads(flags.threads);
  const Compute compute = make_compute(flags.compute_dtype == "auto" ? "f32" : flags.compute_dtype);
  std::vector<fs::path> models;
  if (!fs::is_directory(folder)) fail("{}: no such folder", folder);
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && fs::exists(entry.path() / "config.json")) models.push_back(entry.path());
  if (models.empty() && fs::exists(fs::path(folder) / "config.json")) models.push_back(folder);
  if (models.empty()) fail("{}: holds no model folders (config.json)", folder);
  std::sort(models.begin(), models.end());
  int64_t checks = 0, bad = 0, unsupported = 0;
  for (const fs::path& model : models)
    check_golden_folder(model.string(), compute, [&](const GoldenCheck& c) {
      if (json) {
        Json line = {
            {"model", c.model}, {"check", c.check}, {"error", c.error}, {"tolerance", c.tolerance}, {"ok", c.ok}};
        if (!c.note.empty()) line["note"] = c.note;
        std::cout << line.dump() << "\n";
      } else if (!c.ok || !c.note.empty()) {
        std::cout << fmt::format("{:<18} {:<40} {} error {:.3g}, tolerance {:.3g} {}\n", c.model, c.check,
                                 c.ok ? "ok" : "BAD", c.error, c.tolerance, c.note);
      }
      if (c.check == "supported") {
        unsupported++;
        return;
      }
      checks++;
      bad += !c.ok;
    });
  std::cerr << fmt::format("{} checks, {} bad, {} families not supported yet ({} matmuls, {})\n", checks, bad,
                           unsupported, dtype_name(compute.operand), isa_name(compute.isa));
  if (bad > 0) fail("{} of {} checks are outside their tolerance", bad, checks);
  if (checks == 0) fail("{}: nothing could be checked", folder);
  return 0;
}

int run_doctor(const ModelFlags& flags, bool json) {
  const Compute compute = make_compute(flags.compute_dtype);
  use_threads(flags.threads);
  const bool invariant = onednn_is_batch_invariant(compute);
  const SandboxState& sandbox = sandbox_state();
  if (json)
    std::cout << Json({{"isa", isa_name(compute.isa)},
                       {"compute_dtype", dtype_name(compute.operand)},
                       {"threads", thread_count()},
                       {"matmul", compute.onednn ? "onednn" : "own"},
                       {"onednn_batch_invariant", invariant},
                       {"sandbox_tier", sandbox.tier},
                       {"sandbox", sandbox.detail}})
                     .dump()
              << std::endl;
  else
    std::cout << fmt::format(
        "instruction set  {}\nmatmul operands  {} with f32 accumulation\nmatmul           {}{}\nthreads          {}\n"
        "sandbox          tier {} of 2: {}\n",
        isa_name(compute.isa), dtype_name(compute.operand), compute.onednn ? "oneDNN" : "own kernel",
        invariant ? "" : " (oneDNN is not batch-invariant here)", thread_count(), sandbox.tier, sandbox.detail);
  return 0;
}

}  // namespace r1
