#include "pipeline/pipeline.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "formats/model_path.h"
#include "model/config.h"
#include "model/parameters.h"
#include "pipeline/evaluation.h"
#include "pipeline/gate.h"
#include "pipeline/predict.h"
#include "pipeline/provenance.h"
#include "runs/report.h"
#include "runs/run_folder.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// A finished stage's own record.
Json read_stage_file(const std::string& folder) {
  const std::string path = folder + "/stage.json";
  if (!fs::exists(path)) return nullptr;
  Json out = Json::parse(read_text_file(path), nullptr, false);
  if (!out.is_object() || !out.contains("key") || !out.contains("artefacts") || !out.contains("inputs"))
    fail("{}: is damaged; remove it, and the stage is evaluated again", path);
  return out;
}

// Sums over a run's metrics.
struct RunSums {
  double step_seconds = 0, tokens = 0, samples_trained = 0, samples = 0;
};
RunSums sum_metrics(const std::string& folder, int64_t samples_a_step) {
  RunSums out;
  const fs::path path = fs::path(folder) / "metrics.jsonl";
  if (!fs::exists(path)) return out;
  const std::string text = read_text_file(path.string(), uint64_t{1} << 30);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const Json line = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(at),
                                  text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    at = end + 1;
    if (!line.is_object()) continue;
    const auto number = [&](const char* key) {
      return line.contains(key) && line[key].is_number() ? line[key].get<double>() : 0.0;
    };
    out.step_seconds += number("step_time");
    out.tokens = std::max(out.tokens, number("num_tokens"));
    if (!line.contains("samples_trained")) continue;
    out.samples_trained += number("samples_trained");
    out.samples += static_cast<double>(samples_a_step);
  }
  return out;
}

// Multiply-adds count two: 2 N a token forward, 4 N backward, N the weights but the embedding's rows; attention's own
// products are left out. Sampling and prompts are forward alone.
double flops_of(const RecipeStage& s, const RunSums& sums, const std::string& model) {
  const ModelFiles files = open_model_files(resolve_model(model));
  const ModelConfig config = read_config(files.config, files.generation_config, files.path);
  const ParameterLayout layout(config);
  double weights = static_cast<double>(layout.total());
  if (layout.head() != layout.embedding())
    weights -= static_cast<double>(config.vocabulary) * static_cast<double>(config.width);
  const double trained = sums.samples > 0 ? sums.samples_trained / sums.samples : 1;
  return weights * sums.tokens * ((s.kind->samples ? 2 : 0) + (s.kind->trains ? 6 * trained : 0));
}

// What a stage that makes no policy says of itself: a reward model's accuracy, what a rejection kept and why not, a
// traced answer.
Json result_of(const std::string& folder) {
  for (const char* name : {"eval.json", "summary.json", "trace.json"})
    if (fs::exists(fs::path(folder) / name))
      return Json::parse(read_text_file((fs::path(folder) / name).string(), 16 << 20), nullptr, false);
  return nullptr;
}

// What the digests were made on.
Json machine() {
  const Compute compute = make_compute("auto");
  std::string cpu;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; cpu.empty() && std::getline(info, line);)
    if (line.starts_with("model name")) cpu = line.substr(std::min(line.size(), line.find(':') + 2));
  return {{"cpu", cpu},
          {"cores", available_cores()},
          {"isa", isa_name(compute.isa)},
          {"operands", dtype_name(compute.operand)}};
}

Json eval_inputs(const StageEval& eval) {
  StageEval copy = eval;
  OptionTable table;
  copy.declare(table);
  Json out = Json::object();
  for (const auto& [key, value] : table.values()) out[key] = value;
  return out;
}

class Pipeline {
 public:
  explicit Pipeline(const PipelineRecipe& recipe) : r_(recipe), graph_(recipe) {
    for (const RecipeStage& s : graph_.stages())
      if (!s.gate.empty()) (void)parse_gate(s.gate);
    const fs::path out = graph_.out();
    if (!r_.resume && r_.from.empty() && fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
      fail("{}: holds something already; --resume goes on with it, another --out starts anew", graph_.out());
  }

  PipelineReport run() {
    lock_ = std::make_unique<RunFolder>(graph_.out(), true);
    if (!r_.from.empty()) set_aside();
    keep_recipe();
    const size_t last = r_.until.empty() ? graph_.stages().size() - 1 : graph_.index_of(r_.until);
    PipelineReport report;
    report.folder = graph_.out();
    report.finished = true;
    for (size_t i = 0; i <= last && report.finished; i++) {
      report.finished = do_stage(i, last + 1);
      write_summary();
      if (report.finished) hold_gate(i);
    }
    report.summary = summary_;
    report.answers = last_answers();
    write_report(graph_.out());
    return report;
  }

 private:
  std::string digest_of(const std::string& stage, const std::string& part) const {
    if (stage.empty()) {
      if (base_digest_.empty()) base_digest_ = model_digest(graph_.model());
      return base_digest_;
    }
    const auto it = done_.find(stage);
    R1_CHECK(it != done_.end(), "{} is needed before it is there", stage);
    if (part.empty()) return it->second["key"].get<std::string>();
    return it->second["artefacts"].at(part).get<std::string>();
  }
  Provenance provenance(const RecipeStage& s) const {
    return Provenance(graph_, s, [this](const std::string& a, const std::string& b) { return digest_of(a, b); });
  }

  // Errors of a stage name it.
  template <typename Do>
  static auto named(const RecipeStage& s, Do&& work) {
    try {
      return work();
    } catch (const UsageError& e) {
      fail_usage("stage [{}]: {}", s.name, e.what());
    } catch (const Error& e) {
      fail("stage [{}]: {}", s.name, e.what());
    }
  }

  // What --from makes anew is moved, never removed.
  void set_aside() {
    const size_t first = graph_.index_of(r_.from);
    for (size_t i = 0; i < first; i++)
      if (!fs::exists(fs::path(graph_.folder_of(graph_.stages()[i].name)) / "stage.json"))
        fail("--from {}: stage [{}] before it is not finished in {}", r_.from, graph_.stages()[i].name, graph_.out());
    fs::path to;
    for (int n = 1; to.empty() || fs::exists(to); n++) to = fs::path(graph_.out()) / "replaced" / std::to_string(n);
    for (size_t i = first; i < graph_.stages().size(); i++) {
      const fs::path folder = graph_.folder_of(graph_.stages()[i].name);
      if (!fs::exists(folder)) continue;
      fs::create_directories(to);
      fs::rename(folder, to / graph_.stages()[i].name);
      log_info("stage [{}]: what was there is in {}", graph_.stages()[i].name, (to / folder.filename()).string());
    }
  }

  // False: interrupted.
  bool do_stage(size_t index, size_t count) {
    const RecipeStage& s = graph_.stages()[index];
    const std::string folder = graph_.folder_of(s.name);
    const Provenance now = named(s, [&] { return provenance(s); });
    Json record = read_stage_file(folder);
    if (record.is_object()) {
      const Provenance then(record["inputs"]);
      if (then.key() != now.key())
        fail("{}: stage [{}] was made from something else: {}. --from {} makes it and what follows anew", graph_.out(),
             s.name, then.difference(now), s.name);
    } else {
      log_info("stage {} of {} [{}]: {} from {}", index + 1, count, s.name, s.kind->name,
               s.from.empty() ? graph_.model() : s.from);
      record = train(s, now);
      if (record.is_null()) return false;
    }
    if (!evaluate(s, record)) return false;
    done_[s.name] = record;
    return true;
  }

  Json train(const RecipeStage& s, const Provenance& now) {
    const auto start = Clock::now();
    const std::string folder = graph_.folder_of(s.name);
    const std::unique_ptr<StageRun> run = graph_.make(s);
    fs::create_directories(folder);
    if (!named(s, [&] { return run->run(fs::exists(fs::path(folder) / "recipe.toml")); })) return nullptr;
    RunSums sums = sum_metrics(folder, run->size().samples);
    const Json result = result_of(folder);
    if (s.kind->makes_data && result.is_object()) sums.tokens = result.value("tokens", 0.0);
    const double wall = std::chrono::duration<double>(Clock::now() - start).count();
    return {{"name", s.name},
            {"kind", s.kind->name},
            {"from", s.from},
            {"seconds", std::max(wall, sums.step_seconds)},  // a resumed one counts what it did before
            {"flops", s.kind->trains || s.kind->samples ? flops_of(s, sums, graph_.policy_of(s)) : 0.0},
            {"tokens", sums.tokens},
            {"model", graph_.policy_of(s)},
            {"result", result},
            {"artefacts", artefacts_of(graph_, s)},
            {"key", now.key()},
            {"inputs", now.inputs()}};
  }

  // stage.json comes last and says that the stage is finished. Other questions than last time are asked anew.
  bool evaluate(const RecipeStage& s, Json& record) {
    const bool wanted = s.eval.on && s.kind->evaluated;
    const Json asked = wanted ? eval_inputs(s.eval) : Json(nullptr);
    if (record.contains("eval") && record["eval_inputs"] == asked) return true;
    const auto start = Clock::now();
    record["eval"] = nullptr;
    if (wanted) {
      const std::string opponent = s.eval.against.empty() ? "" : graph_.folder_of(s.eval.against) + "/general.jsonl";
      const auto e = named(s, [&] {
        return evaluate_stage(s, *graph_.make(s), graph_.policy_of(s), fs::exists(opponent) ? opponent : "");
      });
      if (!e) return false;
      record["eval"] = e->numbers;
      fs::create_directories(graph_.folder_of(s.name));
      const auto write = [&](const char* name, const std::vector<Json>& rows) {
        std::string lines;
        for (const Json& row : rows) lines += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
        replace_file(graph_.folder_of(s.name) + name, lines);
      };
      write("/answers.jsonl", e->answers);
      if (!e->general.empty()) write("/general.jsonl", e->general);
    }
    record["eval_inputs"] = asked;
    record["eval_seconds"] = std::chrono::duration<double>(Clock::now() - start).count();
    replace_file(graph_.folder_of(s.name) + "/stage.json", record.dump(1) + "\n");
    return true;
  }

  void hold_gate(size_t index) {
    const RecipeStage& s = graph_.stages()[index];
    if (s.gate.empty()) return;
    if (!done_[s.name]["eval"].is_object()) fail("stage [{}]: a gate, but its model is not evaluated", s.name);
    const GateResult g = hold_against(parse_gate(s.gate), done_[s.name]["eval"]);
    gates_[s.name] = {{"rule", s.gate}, {"passed", g.passed}, {"text", g.text}};
    write_summary();
    if (!g.passed) {
      write_report(graph_.out());
      fail("stage [{}]: its gate is not passed: {}; what follows is not run. Another rule: --set '{}.gate=...'", s.name,
           g.text, s.name);
    }
    log_info("stage [{}]: gate passed: {}", s.name, g.text);
  }

  // The recipe with what the command line said beside it.
  void keep_recipe() const {
    std::string text = r_.text;
    for (const auto& [key, value] : r_.given)
      if (canonical_key(key) != "out") text += fmt::format("\n# --set {}={}", key, value);
    lock_->write_recipe(text + (r_.given.empty() ? "" : "\n"));
  }

  std::string shared_value(const std::string& wanted) const {
    std::string out;
    for (const KeyValues* values : {&r_.shared, &r_.given})
      for (const auto& [key, value] : *values)
        if (key == wanted) out = value;
    return out;
  }

  void write_summary() {
    Json stages = Json::array();
    double seconds = 0;
    std::string all;
    for (const RecipeStage& s : graph_.stages()) {
      const auto it = done_.find(s.name);
      if (it == done_.end()) continue;
      Json stage = it->second;
      stage.erase("inputs");
      stage.erase("eval_inputs");
      const auto gate = gates_.find(s.name);
      stage["gate"] = gate == gates_.end() ? Json(nullptr) : gate->second;
      seconds += stage["seconds"].get<double>() + stage["eval_seconds"].get<double>();
      stage["status"] = gate != gates_.end() && !gate->second["passed"].get<bool>() ? "failed" : "done";
      all += s.name + " " + it->second["key"].get<std::string>() + " " + it->second["artefacts"].dump() + "\n";
      stages.push_back(stage);
    }
    summary_ = {{"recipe", r_.name},         {"stages", stages},
                {"digest", sha256_hex(all)}, {"complete", stages.size() == graph_.stages().size()},
                {"seconds", seconds},        {"seed", shared_value("seed")},
                {"machine", machine()}};
    replace_file(graph_.out() + "/summary.json", summary_.dump(1) + "\n");
  }

  std::vector<Json> last_answers() const {
    std::vector<Json> out;
    for (size_t i = graph_.stages().size(); i-- > 0;) {
      const RecipeStage& s = graph_.stages()[i];
      const fs::path path = fs::path(graph_.folder_of(s.name)) / "answers.jsonl";
      if (!done_.contains(s.name) || !fs::exists(path)) continue;
      if (!s.kind->evaluated) continue;
      const std::string text = read_text_file(path.string());
      for (size_t at = 0; at < text.size() && out.size() < static_cast<size_t>(s.eval.shown);) {
        const size_t end = std::min(text.find('\n', at), text.size());
        out.push_back(Json::parse(text.substr(at, end - at)));
        at = end + 1;
      }
      return out;
    }
    return out;
  }

  const PipelineRecipe& r_;
  const StageGraph graph_;
  std::unique_ptr<RunFolder> lock_;
  mutable std::string base_digest_;    // once it is needed
  std::map<std::string, Json> done_;   // a finished stage's record by its name
  std::map<std::string, Json> gates_;  // what became of each gate
  Json summary_ = Json::object();
};

}  // namespace

std::vector<Json> predict_pipeline(const PipelineRecipe& recipe) {
  const StageGraph graph(recipe);
  const Predictor predictor(graph);
  std::vector<Json> out;
  for (const RecipeStage& s : graph.stages()) {
    const Prediction p = predictor.predict(s);
    out.push_back({{"name", s.name},
                   {"kind", s.kind->name},
                   {"from", s.from},
                   {"steps", p.steps},
                   {"tokens", p.tokens},
                   {"seconds", p.seconds},
                   {"memory_gb", p.memory_gb},
                   {"guessed", p.guessed},
                   {"finished", fs::exists(fs::path(graph.folder_of(s.name)) / "stage.json")}});
    if (s.name == recipe.until) break;
  }
  return out;
}

std::string pipeline_keys_help() {
  std::vector<std::string> kinds;
  for (const StageKind& k : stage_kinds()) kinds.push_back(k.name);
  return fmt::format(
             "A table [NAME] a stage. Its key `stage` is one of {}, where NAME itself is not; `from`: the stage whose\n"
             "model it begins with, or base (default: the last policy before it); `gate`: go on only if, such as\n"
             "\"accuracy >= 0.4\" (with 95 % confidence). Values may name what earlier stages made: {{NAME.model}},\n"
             "{{NAME.data}}; {{data}} is the recipe's own. Keys at the top are for every stage that knows them (see\n"
             "r1 sft --help, r1 grpo --help), those of a table for its stage, --set key=value for all (but data: for\n"
             "those that name none) and --set NAME.key=value for one. A trace stage shows one wrong answer traced and\n"
             "repaired; its keys are those of r1 trace, trace_candidates and trace_wrong. Keys of the pipeline "
             "itself,\n"
             "with their defaults:\n",
             fmt::join(kinds, ", ")) +
         StageGraph::keys_help();
}

PipelineReport run_pipeline(const PipelineRecipe& recipe) { return Pipeline(recipe).run(); }

}  // namespace r1
