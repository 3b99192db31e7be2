#include "pipeline/pipeline.h"

#include <chrono>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "formats/model_path.h"
#include "runs/view.h"
#include "train/evaluate.h"
#include "train/grpo.h"
#include "train/sft.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Keys that only a pipeline knows.
struct PipelineKeys {
  std::string eval_data, eval_reward = "math";
  int64_t eval_rows = 200, eval_samples = 5, eval_max_length = 256;
  void declare(OptionTable& t) {
    t.add("pipeline_eval_data", &eval_data, "held-out items after every stage; empty: the shared data");
    t.add("pipeline_eval_reward", &eval_reward, "what tells right from wrong");
    t.add("pipeline_eval_rows", &eval_rows, "how many");
    t.add("pipeline_eval_samples", &eval_samples, "shown at the end");
    t.add("pipeline_eval_max_length", &eval_max_length, "tokens of an answer");
  }
};

struct Stage {
  std::string name, kind;
  KeyValues own;
};

Stage read_stage(const std::pair<std::string, KeyValues>& table) {
  Stage s{table.first, table.first, {}};
  for (const auto& [key, value] : table.second) {
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

// The shared keys a stage knows, then its own.
template <typename Run>
Run stage_run(const Stage& stage, const KeyValues& shared, const std::string& model, const std::string& out) {
  Run run;
  OptionTable table;
  run.options.declare(table);
  KeyValues values;
  for (const auto& pair : shared)
    if (table.has(pair.first) && pair.first != "model" && pair.first != "out") values.push_back(pair);
  values.push_back({"model", model});
  values.push_back({"out", out});
  values.insert(values.end(), stage.own.begin(), stage.own.end());
  try {
    apply_with_preset(table, values);
  } catch (const UsageError& e) {
    fail_usage("stage [{}]: {}", stage.name, e.what());
  }
  run.recipe = table.values();
  run.recipe_toml = table.to_toml();
  run.resume = fs::exists(fs::path(out) / "recipe.toml");
  run.options.check();
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
  Pipeline(const PipelineRecipe& recipe, PipelineReport& report) : r_(recipe), report_(report) {
    if (r_.out.empty()) fail_usage("no folder for the pipeline given: --out DIR, or out in the recipe");
    if (r_.stages.empty()) fail_usage("the recipe has no stages: a table [sft] or [grpo] each");
    for (const auto& table : r_.stages) stages_.push_back(read_stage(table));
    std::string model;
    keys_.declare(table_);
    OptionTable sft, grpo;
    SftOptions sft_options;
    GrpoOptions grpo_options;
    sft_options.declare(sft);
    grpo_options.declare(grpo);
    for (const auto& [key, value] : r_.shared) {
      if (key == "model") model = value;
      if (table_.has(key))
        table_.set(key, value);
      else if (!sft.has(key) && !grpo.has(key))
        grpo.set(key, value);  // throws, naming the nearest
    }
    if (!r_.resume && fs::exists(r_.out) && !fs::is_empty(r_.out))
      fail("{}: holds something already; --resume goes on with it, another --out starts anew", r_.out);
    for (const Stage& s : stages_) {  // all keys are read before anything runs
      models_.push_back(model);
      model = model_of(s);
      if (s.kind == "sft")
        stage_run<SftRun>(s, r_.shared, models_.back(), folder_of(s));
      else
        stage_run<GrpoRun>(s, r_.shared, models_.back(), folder_of(s));
    }
  }

  bool run() {
    for (size_t i = 0; i < stages_.size(); i++) {
      const Stage& s = stages_[i];
      if (!fs::exists(fs::path(folder_of(s)) / "stage.json") && !train(s, models_[i])) return false;
      report_.stages.push_back(read_report(s));
    }
    show_samples();
    return true;
  }

 private:
  std::string folder_of(const Stage& s) const { return (fs::path(r_.out) / s.name).string(); }
  std::string model_of(const Stage& s) const { return (fs::path(folder_of(s)) / "model").string(); }

  // Trains and evaluates; stage.json comes last and says that the stage is finished.
  bool train(const Stage& s, const std::string& model) {
    const auto start = std::chrono::steady_clock::now();
    const bool done = s.kind == "sft" ? run_sft(stage_run<SftRun>(s, r_.shared, model, folder_of(s)))
                                      : run_grpo(stage_run<GrpoRun>(s, r_.shared, model, folder_of(s)));
    if (!done) return false;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<SampleReport> samples;
    const EvalResult result = evaluate_model(model_of(s), samples);
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

  EvalResult evaluate_model(const std::string& path, std::vector<SampleReport>& samples) {
    DataOptions data;
    PromptOptions prompt;
    OptionTable table;
    data.declare(table);
    prompt.declare(table);
    for (const auto& [key, value] : r_.shared)
      if (table.has(key)) table.set(key, value);
    if (!keys_.eval_data.empty()) table.set("data", keys_.eval_data);
    std::vector<DataRow> rows = data.load(true, false).rows;
    if (rows.size() > static_cast<size_t>(keys_.eval_rows)) rows.resize(static_cast<size_t>(keys_.eval_rows));
    const ModelFiles files = open_model_files(path);
    const auto tokenizer = open_tokenizer(files);
    const Transformer model = load_transformer(files, make_compute("auto"), ModelUse::inference);
    Sampler sampler(model, tokenizer, {.max_active = 64});
    const auto reward = make_reward(keys_.eval_reward, {.max_completion_length = keys_.eval_max_length});
    EvalOptions options;
    options.sampling.temperature = 0;
    options.sampling.max_new_tokens = keys_.eval_max_length;
    ProgressBar bar("evaluation", static_cast<int64_t>(rows.size()));
    const std::vector<EvalItem> items = evaluate(sampler, PromptBuilder(files, tokenizer, prompt), rows, *reward,
                                                 options, [&](int64_t done) { bar.update(done); });
    for (size_t i = 0; i < items.size() && samples.size() < static_cast<size_t>(keys_.eval_samples); i++)
      samples.push_back(
          {rows[i].prompt, items[i].completions[0].text, outcome_name(items[i].verdicts[0].outcome), rows[i].answer});
    return summarise(items);
  }

  StageReport read_report(const Stage& s) const {
    const Json j = Json::parse(read_text_file(folder_of(s) + "/stage.json"));
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
    const Json j = Json::parse(read_text_file(folder_of(stages_.back()) + "/stage.json"));
    for (const Json& x : j.at("samples"))
      report_.samples.push_back({x.at("prompt").get<std::string>(), x.at("completion").get<std::string>(),
                                 x.at("outcome").get<std::string>(), x.at("reference").get<std::string>()});
  }

  const PipelineRecipe& r_;
  PipelineReport& report_;
  PipelineKeys keys_;
  OptionTable table_;
  std::vector<Stage> stages_;
  std::vector<std::string> models_;  // what each stage begins with
};

}  // namespace

bool run_pipeline(const PipelineRecipe& recipe, PipelineReport& report) { return Pipeline(recipe, report).run(); }

}  // namespace r1
