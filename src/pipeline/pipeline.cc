#include "pipeline/pipeline.h"

#include <chrono>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/nearest.h"
#include "data/tasks/task_rows.h"
#include "formats/model_path.h"
#include "runs/view.h"
#include "train/evaluate.h"
#include "train/grpo.h"
#include "train/presets.h"
#include "train/sft.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Keys that only a pipeline knows.
struct PipelineKeys {
  std::string eval_data, eval_reward = "auto";
  int64_t eval_rows = 200, eval_samples = 5, eval_max_length = 256;
  double eval_temperature = 0;
  void declare(OptionTable& t) {
    t.add("pipeline_eval_data", &eval_data, "held-out items after every stage; empty: the shared data");
    t.add("pipeline_eval_reward", &eval_reward, "what tells right from wrong");
    t.add("pipeline_eval_rows", &eval_rows, "how many");
    t.add("pipeline_eval_samples", &eval_samples, "shown at the end");
    t.add("pipeline_eval_temperature", &eval_temperature, "0: arg-max; 1: the policy as GRPO trains it");
    t.add("pipeline_eval_max_length", &eval_max_length, "tokens of an answer");
  }
  void check() const {
    if (eval_rows < 1) fail_usage("pipeline_eval_rows is {}, expected at least 1", eval_rows);
    if (eval_samples < 0) fail_usage("pipeline_eval_samples is {}, expected at least 0", eval_samples);
    if (!(eval_temperature >= 0)) fail_usage("pipeline_eval_temperature is {}, expected at least 0", eval_temperature);
    if (eval_max_length < 1 || eval_max_length >= 1 << 20)
      fail_usage("pipeline_eval_max_length is {}, expected 1 to {}", eval_max_length, (1 << 20) - 1);
  }
};

struct Stage {
  std::string name, kind;
  KeyValues own, given;  // of the recipe's table; of the command line for this stage
};

// One spelling a key where the pipeline itself looks.
std::string canonical(const std::string& key) {
  return key == "output_dir" ? "out" : key == "model_name_or_path" ? "model" : key == "dataset_name" ? "data" : key;
}

std::string last_value(const KeyValues& values, const std::string& key) {
  std::string out;
  for (const auto& [k, value] : values)
    if (canonical(k) == key) out = value;
  return out;
}

Stage read_stage(const std::pair<std::string, KeyValues>& table) {
  Stage s{table.first, table.first, {}, {}};
  const bool plain = !s.name.empty() && s.name.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_-") == std::string::npos;
  if (!plain) fail_usage("stage [{}]: expected a name of letters, digits, - and _: it is a folder too", s.name);
  for (const auto& [key, value] : table.second) {
    if (canonical(key) == "out")
      fail_usage("stage [{}]: has a key {}; a stage's folder is the pipeline's out with its name", s.name, key);
    if (key == "stage")
      s.kind = value;
    else
      s.own.push_back({key, value});
  }
  if (s.kind != "sft" && s.kind != "grpo")
    fail_usage("stage [{}]: \"{}\" is no stage; expected sft or grpo (as the table's name, or its key `stage`)", s.name,
               s.kind);
  return s;
}

// What the recipe itself says, so that an error in it names it.
template <typename Run>
void check_alone(const KeyValues& values, const std::string& where) {
  Run scratch;
  OptionTable table;
  scratch.options.declare(table);
  try {
    table.set_all(values);
  } catch (const UsageError& e) {
    fail_usage("{}: {}", where, e.what());
  }
}

// Lowest first: the recipe's shared keys that the stage knows, its own, the command line's, the same way. `model` is
// what it begins with unless its own keys name another.
template <typename Run>
Run stage_run(const Stage& stage, const PipelineRecipe& recipe, const std::string& model, const std::string& out) {
  Run run;
  OptionTable table;
  run.options.declare(table);
  KeyValues values;
  const auto add_known = [&](const KeyValues& shared) {
    for (const auto& [key, value] : shared)
      if (table.has(key) && canonical(key) != "model" && canonical(key) != "out") values.push_back({key, value});
  };
  add_known(recipe.shared);
  values.push_back({"model", model});
  values.push_back({"out", out});
  values.insert(values.end(), stage.own.begin(), stage.own.end());
  check_alone<Run>(values, fmt::format("{}: stage [{}]", recipe.name, stage.name));
  add_known(recipe.given);
  values.insert(values.end(), stage.given.begin(), stage.given.end());
  try {
    apply_with_preset(table, values);
    run.options.check();
  } catch (const UsageError& e) {
    fail_usage("stage [{}]: {}", stage.name, e.what());
  }
  run.recipe = table.values();
  run.recipe_toml = table.to_toml();
  run.resume = fs::exists(fs::path(out) / "recipe.toml");
  return run;
}

std::vector<double> read_curve(const fs::path& run, const char* key) {
  std::vector<double> out;
  const std::string text = read_text_file((run / "metrics.jsonl").string(), uint64_t{1} << 30);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const Json line = Json::parse(text.substr(at, end - at), nullptr, false);
    if (line.is_object() && line.contains(key) && line[key].is_number()) out.push_back(line[key].get<double>());
    at = end + 1;
  }
  return out;
}

class Pipeline {
 public:
  // All keys are read here, before anything runs.
  Pipeline(const PipelineRecipe& recipe, PipelineReport& report) : r_(recipe), report_(report) {
    shared_ = r_.shared;
    shared_.insert(shared_.end(), r_.given.begin(), r_.given.end());
    out_ = last_value(shared_, "out");
    if (out_.empty()) fail_usage("no folder for the pipeline given: --out DIR, or out in the recipe");
    if (r_.stages.empty()) fail_usage("{}: has no stages: a table [sft] or [grpo] each", r_.name);
    try {
      for (const auto& table : r_.stages) stages_.push_back(read_stage(table));
      check_keys(r_.shared);
    } catch (const UsageError& e) {
      fail_usage("{}: {}", r_.name, e.what());
    }
    give_stages_their_keys();
    check_keys(r_.given);
    keys_.check();
    if (!r_.resume && fs::exists(out_) && !(fs::is_directory(out_) && fs::is_empty(out_)))
      fail("{}: holds something already; --resume goes on with it, another --out starts anew", out_);
    std::string model = last_value(shared_, "model");
    for (const Stage& s : stages_) {
      models_.push_back(model);
      model = model_of(s);
      const DataOptions data = s.kind == "sft" ? run_of<SftRun>(s, models_.back()).options.data
                                               : run_of<GrpoRun>(s, models_.back()).options.data;
      stage_data_.push_back(data.data);
      if (data.data.empty()) fail_usage("{}: stage [{}]: no data given: a key data, or --set data=F", r_.name, s.name);
    }
  }

  bool run() {
    for (size_t i = 0; i < stages_.size(); i++) {
      const Stage& s = stages_[i];
      if (!fs::exists(fs::path(folder_of(s)) / "stage.json") && !train(i)) return false;
      report_.stages.push_back(read_report(s));
    }
    show_samples();
    return true;
  }

 private:
  std::string folder_of(const Stage& s) const { return (fs::path(out_) / s.name).string(); }
  std::string model_of(const Stage& s) const { return (fs::path(folder_of(s)) / "model").string(); }
  template <typename Run>
  Run run_of(const Stage& s, const std::string& model) const {
    return stage_run<Run>(s, r_, model, folder_of(s));
  }

  // Shared keys have to be known to some stage or to the pipeline; an unknown one throws, naming the nearest.
  void check_keys(const KeyValues& values) {
    OptionTable table, sft, grpo;
    keys_.declare(table);
    SftOptions sft_options;
    GrpoOptions grpo_options;
    PipelineKeys scratch;
    sft_options.declare(sft);
    grpo_options.declare(grpo);
    scratch.declare(grpo);
    for (const auto& [key, value] : values) {
      if (key.find('.') != std::string::npos) continue;  // a stage's
      if (table.has(key))
        table.set(key, value);
      else if (!sft.has(key) && !grpo.has(key))
        grpo.set(key, value);
    }
  }

  void give_stages_their_keys() {
    for (const auto& [key, value] : r_.given) {
      const size_t dot = key.find('.');
      if (dot == std::string::npos) continue;
      std::vector<std::string> names;
      bool found = false;
      for (Stage& s : stages_) {
        names.push_back(s.name);
        if (s.name != key.substr(0, dot)) continue;
        s.given.push_back({key.substr(dot + 1), value});
        found = true;
      }
      if (!found)
        fail_usage("--set {}: {} has no stage \"{}\"; nearest is \"{}\"", key, r_.name, key.substr(0, dot),
                   nearest_name(key.substr(0, dot), names));
      if (canonical(key.substr(dot + 1)) == "out") fail_usage("--set {}: a stage's folder is the pipeline's", key);
    }
  }

  bool train_stage(const Stage& s, const std::string& model) const {
    try {
      return s.kind == "sft" ? run_sft(run_of<SftRun>(s, model)) : run_grpo(run_of<GrpoRun>(s, model));
    } catch (const UsageError&) {
      throw;
    } catch (const Error& e) {
      fail("stage [{}]: {}", s.name, e.what());
    }
  }

  // Trains and evaluates; stage.json comes last and says that the stage is finished.
  bool train(size_t index) {
    const Stage& s = stages_[index];
    const auto start = std::chrono::steady_clock::now();
    if (!train_stage(s, models_[index])) return false;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<SampleReport> samples;
    const EvalResult result = evaluate_model(index, samples);
    if (interrupted()) return false;
    Json out = {{"name", s.name},
                {"kind", s.kind},
                {"seconds", seconds},
                {"accuracy", result.pass_at_1},
                {"ci95", {result.ci_low, result.ci_high}},
                {"rows", result.rows},
                {"mean_length", result.mean_length},
                {"samples", Json::array()}};
    for (const SampleReport& x : samples)
      out["samples"].push_back(
          {{"prompt", x.prompt}, {"completion", x.completion}, {"outcome", x.outcome}, {"reference", x.reference}});
    replace_file(folder_of(s) + "/stage.json", out.dump(1) + "\n");
    return true;
  }

  // On the held-out side of the shared data (of the stage's own where there are none), a sample each.
  EvalResult evaluate_model(size_t index, std::vector<SampleReport>& samples) {
    DataOptions data;
    PromptOptions prompt;
    std::string compute = "auto";
    OptionTable table;
    data.declare(table);
    prompt.declare(table);
    table.add_choice("compute_dtype", &compute, {"auto", "f32", "bf16"}, "");
    for (const auto& [key, value] : shared_)
      if (table.has(key)) table.set(key, value);
    if (!keys_.eval_data.empty()) data.data = keys_.eval_data;
    if (data.data.empty()) data.data = stage_data_[index];
    std::vector<DataRow> rows = data.load_prompts(true, "r1 run").rows;
    if (rows.size() > static_cast<size_t>(keys_.eval_rows)) rows.resize(static_cast<size_t>(keys_.eval_rows));
    const ModelFiles files = open_model_files(model_of(stages_[index]));
    const auto tokenizer = open_tokenizer(files);
    const Transformer model = load_transformer(files, make_compute(compute), ModelUse::inference);
    Sampler sampler(model, tokenizer, {.max_active = 64});
    const auto reward = make_reward_for(data.data, keys_.eval_reward, {.max_completion_length = keys_.eval_max_length});
    EvalOptions options;
    options.sampling.temperature = static_cast<float>(keys_.eval_temperature);
    options.sampling.max_new_tokens = keys_.eval_max_length;
    ProgressBar bar("evaluation", static_cast<int64_t>(rows.size()));
    const std::vector<EvalItem> items = evaluate(sampler, PromptBuilder(files, tokenizer, prompt), rows, *reward,
                                                 options, [&](int64_t done) { bar.update(done); });
    for (size_t i = 0; i < items.size() && samples.size() < static_cast<size_t>(keys_.eval_samples); i++)
      samples.push_back(
          {rows[i].prompt, items[i].completions[0].text, outcome_name(items[i].verdicts[0].outcome), rows[i].answer});
    return summarise(items);
  }

  Json read_stage_file(const Stage& s) const {
    const std::string path = folder_of(s) + "/stage.json";
    Json out = Json::parse(read_text_file(path), nullptr, false);
    if (!out.is_object()) fail("{}: is damaged; remove it, and the stage is evaluated again", path);
    return out;
  }

  StageReport read_report(const Stage& s) const {
    const Json j = read_stage_file(s);
    StageReport out;
    out.name = s.name;
    out.kind = s.kind;
    out.model = model_of(s);
    out.seconds = j.at("seconds").get<double>();
    out.accuracy = j.at("accuracy").get<double>();
    out.ci_low = j.at("ci95").at(0).get<double>();
    out.ci_high = j.at("ci95").at(1).get<double>();
    out.rows = j.at("rows").get<int64_t>();
    out.mean_length = j.at("mean_length").get<double>();
    out.curve = read_curve(folder_of(s), s.kind == "grpo" ? "reward" : "loss");
    return out;
  }

  void show_samples() {
    const Json j = read_stage_file(stages_.back());
    for (const Json& x : j.at("samples"))
      report_.samples.push_back({x.at("prompt").get<std::string>(), x.at("completion").get<std::string>(),
                                 x.at("outcome").get<std::string>(), x.at("reference").get<std::string>()});
  }

  const PipelineRecipe& r_;
  PipelineReport& report_;
  PipelineKeys keys_;
  KeyValues shared_;  // the recipe's, then the command line's
  std::string out_;
  std::vector<Stage> stages_;
  std::vector<std::string> models_, stage_data_;  // what each stage begins with and learns from
};

}  // namespace

std::string pipeline_keys_help() {
  PipelineKeys keys;
  OptionTable table;
  keys.declare(table);
  return "A table [NAME] a stage: its key stage is sft or grpo, where NAME itself is not. Keys at the top are for "
         "every stage\n"
         "that knows them (see r1 sft --help, r1 grpo --help), those of a table for its stage, --set key=value for all "
         "and\n"
         "--set NAME.key=value for one. Keys of the pipeline itself, with their defaults:\n" +
         table.help();
}

bool run_pipeline(const PipelineRecipe& recipe, PipelineReport& report) { return Pipeline(recipe, report).run(); }

}  // namespace r1
