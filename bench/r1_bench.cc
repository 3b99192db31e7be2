// r1_engine_bench: how fast the engine is, against what this machine can do. Everything is measured in this process.
// Numbers of a machine that does something else meanwhile are noise: look at min and max.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/threads.h"
#include "bench/engine.h"

namespace {

using r1::bench::CaseResult;
using r1::bench::EngineReport;

double minimum(const CaseResult& c) { return *std::min_element(c.seconds.begin(), c.seconds.end()); }
double maximum(const CaseResult& c) { return *std::max_element(c.seconds.begin(), c.seconds.end()); }

void print_table(const EngineReport& r, const r1::bench::EngineOptions& o) {
  fmt::print("{}: {} {}, {} threads, {}\n", o.shape, r1::isa_name(r.compute.isa), r1::dtype_name(r.compute.operand),
             r1::thread_count(), r.compute.onednn ? "oneDNN" : "own matmul");
  fmt::print("machine: packed matmul f32 {:.0f}, bf16 {:.0f} GFLOP/s; read {:.1f} GB/s\n", r.machine.f32_flops / 1e9,
             r.machine.bf16_flops / 1e9, r.machine.read_bytes_per_s / 1e9);
  for (const auto& p : r.products)
    fmt::print("  {:<4} {:<10} {:>5} x {:<5} {:>5} rows {:>7.0f} GFLOP/s\n", r1::dtype_name(p.operand), p.name, p.out,
               p.in, p.rows, p.flops / 1e9);
  fmt::print("{} prompts of {} tokens, {} samples each, {} new tokens; {} repeats, medians\n", o.work.prompts,
             o.work.prompt, o.work.samples, o.work.completion, o.repeats);
  fmt::print("{:<16}{:>10}{:>10}{:>20}{:>10}{:>8}{:>8}\n", "case", "tokens/s", "seconds", "min..max", "floor s",
             "share", "RSS GB");
  for (const CaseResult& c : r.cases)
    fmt::print("{:<16}{:>10.1f}{:>10.3f}{:>20}{:>10.3f}{:>7.1f}%{:>8.2f}\n", c.name, c.tokens / c.median(), c.median(),
               fmt::format("{:.3f}..{:.3f}", minimum(c), maximum(c)), c.floor_seconds,
               100 * c.floor_seconds / c.median(), c.rss_gb);
  fmt::print("largest difference of a sampled and a trained log-prob: {}\n", r.logp_difference_max);
}

void print_json(const EngineReport& r) {
  nlohmann::ordered_json machine = {
      {"isa", r1::isa_name(r.compute.isa)}, {"operand", r1::dtype_name(r.compute.operand)},
      {"threads", r1::thread_count()},      {"f32_flops", r.machine.f32_flops},
      {"bf16_flops", r.machine.bf16_flops}, {"read_bytes_per_s", r.machine.read_bytes_per_s}};
  fmt::print("{}\n", nlohmann::ordered_json{{"machine", machine}}.dump());
  for (const CaseResult& c : r.cases)
    fmt::print("{}\n", nlohmann::ordered_json{{"case", c.name},
                                              {"tokens_per_s", c.tokens / c.median()},
                                              {"seconds", c.median()},
                                              {"floor_seconds", c.floor_seconds},
                                              {"share", c.floor_seconds / c.median()},
                                              {"rss_gb", c.rss_gb},
                                              {"seconds_min", minimum(c)},
                                              {"seconds_max", maximum(c)}}
                           .dump());
}

void add_options(CLI::App& app, r1::bench::EngineOptions& o) {
  app.add_option("--shape", o.shape, "model shape: " + fmt::format("{}", fmt::join(r1::bench::shape_names(), ", ")));
  app.add_option("--compute-dtype", o.compute_dtype, "auto, f32 or bf16");
  app.add_option("--prompts", o.work.prompts, "prompts of a step")->check(CLI::Range(1, 4096));
  app.add_option("--samples", o.work.samples, "samples of a prompt")->check(CLI::Range(1, 1024));
  app.add_option("--prompt", o.work.prompt, "tokens of a prompt")->check(CLI::Range(1, 4096));
  app.add_option("--completion", o.work.completion, "tokens of a completion")->check(CLI::Range(2, 4096));
  app.add_option("--rows", o.rows, "rows of a training micro-batch")->check(CLI::Range(64, 1 << 16));
  app.add_option("--repeats", o.repeats, "rounds; medians are reported")->check(CLI::Range(1, 100));
  app.add_option("--case", o.cases,
                 "only these; others of the same measurement come along (repeatable): " +
                     fmt::format("{}", fmt::join(r1::bench::case_names(), ", ")));
}

int run(int argc, char** argv) {
  CLI::App app("The engine's speed against what this machine can do");
  r1::bench::EngineOptions options;
  int threads = r1::available_cores();
  bool json = false, quick = false;
  add_options(app, options);
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 1024));
  app.add_flag("--quick", quick, "two prompts, 64 new tokens");
  app.add_flag("--json", json, "a JSON line for the machine and for each case");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (quick) {
    options.work.prompts = 2;
    options.work.completion = 64;
    options.repeats = 3;
  }
  r1::set_thread_count(threads);
  const EngineReport report =
      r1::bench::run_engine_bench(options, [](const std::string& what) { fmt::print(stderr, "{}\n", what); });
  if (json)
    print_json(report);
  else
    print_table(report, options);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  r1::restart_with_short_spins(argv);
  try {
    return run(argc, argv);
  } catch (const r1::UsageError& e) {
    fmt::print(stderr, "r1_engine_bench: {}\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "r1_engine_bench: {}\n", e.what());
    return 1;
  }
}
