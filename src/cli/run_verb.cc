// r1 run: a pipeline, and what it came to.
#include <iostream>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/recipe.h"
#include "cli/verbs.h"
#include "pipeline/pipeline.h"
#include "runs/report.h"
#include "runs/view.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const Json& summary) {
  for (const Json& s : summary.at("stages")) std::cout << s.dump() << "\n";
  std::cout << Json({{"digest", summary.at("digest")}, {"complete", summary.at("complete")}}).dump() << "\n";
}

void print_report(const PipelineReport& report, const std::string& dir) {
  std::cout << "\n" << report_text(dir);
  if (!report.answers.empty()) std::cout << "\nheld-out items, answered by the last model:\n";
  for (const Json& a : report.answers)
    std::cout << fmt::format("\n  {}\n  {}\n  -> {}{}\n", a["prompt"].get<std::string>(),
                             a["completion"].get<std::string>(), a["outcome"].get<std::string>(),
                             a["outcome"] == "correct" ? "" : " (it is " + a["reference"].get<std::string>() + ")");
  std::string model;
  for (const Json& s : report.summary.at("stages"))
    if (s.at("eval").is_object()) model = s.at("model").get<std::string>();
  if (!model.empty())
    std::cout << fmt::format("\nThe model is in {}; talk to it: build/release/r1 chat --model {}\n", model, model);
}

int print_prediction(const PipelineRecipe& recipe, bool json) {
  const std::vector<Json> stages = predict_pipeline(recipe);
  if (json) {
    for (const Json& s : stages) std::cout << s.dump() << "\n";
    return 0;
  }
  std::cout << "stage          kind          from           steps     time    memory\n";
  double seconds = 0;
  for (const Json& s : stages) {
    const bool finished = s["finished"].get<bool>();
    if (!finished) seconds += s["seconds"].get<double>();
    std::cout << fmt::format("{:<14} {:<13} {:<12} {:>7} {:>8} {:>6.2f} GB{}{}\n", s["name"].get<std::string>(),
                             s["kind"].get<std::string>(),
                             s["from"].get<std::string>().empty() ? "base" : s["from"].get<std::string>(),
                             s["steps"].get<int64_t>(), duration_text(s["seconds"].get<double>()),
                             s["memory_gb"].get<double>(), finished ? "  (finished)" : "",
                             s["guessed"].get<bool>() && s["steps"] != 0 ? "  (its rows are not there yet)" : "");
  }
  std::cout << fmt::format("about {} for what is not finished, evaluations aside\n", duration_text(seconds));
  return 0;
}

}  // namespace

int run_run_verb(const RunFlags& flags) {
  const Recipe recipe = read_recipe(flags.recipe);
  const PipelineRecipe pipeline{.name = flags.recipe,
                                .text = read_text_file(flags.recipe, 16 << 20),
                                .shared = recipe.keys,
                                .stages = recipe.stages,
                                .given = flags.given,
                                .resume = flags.resume,
                                .from = flags.from,
                                .until = flags.until};
  if (flags.dry_run) return print_prediction(pipeline, flags.json);
  const PipelineReport report = run_pipeline(pipeline);
  flags.json ? print_json(report.summary) : print_report(report, report.folder);
  if (report.finished) return 0;
  std::string again = "r1 run " + flags.recipe;
  for (const auto& [key, value] : flags.given) again += fmt::format(" --set '{}={}'", key, value);
  std::cerr << fmt::format("r1: interrupted; go on with: {} --resume\n", again);
  return 1;
}

}  // namespace r1
