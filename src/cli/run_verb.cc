// r1 run: a pipeline, and what it came to.
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/recipe.h"
#include "cli/verbs.h"
#include "pipeline/pipeline.h"
#include "runs/plot.h"
#include "runs/view.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const PipelineReport& report) {
  for (const StageReport& s : report.stages)
    std::cout << Json({{"stage", s.name},
                       {"kind", s.kind},
                       {"model", s.model},
                       {"seconds", s.seconds},
                       {"accuracy", s.accuracy},
                       {"ci95", {s.ci_low, s.ci_high}},
                       {"rows", s.rows},
                       {"mean_length", s.mean_length}})
                     .dump()
              << "\n";
}

void print_report(const PipelineReport& report) {
  std::cout << "\nstage        time      correct on held-out items (95 %)     tokens\n";
  for (const StageReport& s : report.stages)
    std::cout << fmt::format("{:<12} {:<9} {:5.1f} %  ({:.1f} to {:.1f}, n = {}){:>12.1f}\n", s.name,
                             duration_text(s.seconds), 100 * s.accuracy, 100 * s.ci_low, 100 * s.ci_high, s.rows,
                             s.mean_length);
  for (const StageReport& s : report.stages)
    if (s.kind == "grpo" && !s.curve.empty())
      std::cout << "\n"
                << line_plot(s.curve, {.title = fmt::format("reward while {} ran", s.name),
                                       .x_label = fmt::format("step 1 to {}", s.curve.size())});
  if (!report.samples.empty()) std::cout << "\nheld-out items, answered by the last model:\n";
  for (const SampleReport& x : report.samples)
    std::cout << fmt::format("\n  {}\n  {}\n  -> {}{}\n", x.prompt, x.completion, x.outcome,
                             x.outcome == "correct" ? "" : " (it is " + x.reference + ")");
  if (!report.stages.empty())
    std::cout << fmt::format("\nThe model is in {}; talk to it: build/release/r1 chat --model {}\n",
                             report.stages.back().model, report.stages.back().model);
}

}  // namespace

int run_run_verb(const TrainFlags& flags, bool json) {
  const Recipe recipe = read_recipe(flags.recipe);
  const PipelineRecipe pipeline{.name = flags.recipe,
                                .shared = recipe.keys,
                                .stages = recipe.stages,
                                .given = flags.given,
                                .resume = flags.resume};
  PipelineReport report;
  const bool done = run_pipeline(pipeline, report);
  json ? print_json(report) : print_report(report);
  if (!done) {
    std::string again = "r1 run " + flags.recipe;
    for (const auto& [key, value] : flags.given) again += fmt::format(" --set '{}={}'", key, value);
    std::cerr << fmt::format("r1: interrupted; go on with: {} --resume\n", again);
  }
  return done ? 0 : 1;
}

}  // namespace r1
