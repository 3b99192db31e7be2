// r1 bench: a table for people, a JSON line a case for machines.
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/threads.h"
#include "cli/bench.h"
#include "cli/json_lines.h"
#include "cli/verbs.h"

namespace r1 {
namespace {

constexpr double kGb = 1e9;
double gb(size_t bytes) { return static_cast<double>(bytes) / kGb; }

void describe_start(const BenchOptions& o, const BenchStart& s) {
  std::cerr << fmt::format("{}: {} {}, {} threads, {}\n", o.model.empty() ? o.shape : o.model, isa_name(s.compute.isa),
                           dtype_name(s.compute.operand), thread_count(), s.compute.onednn ? "oneDNN" : "own matmul");
  const auto rate = [](double flops) { return flops > 0 ? fmt::format("{:.0f}", flops / 1e9) : std::string("none"); };
  std::cerr << fmt::format(
      "machine: packed matmul f32 {}, bf16 {}, s8 {} GFLOP/s; read {:.1f} GB/s; threads meet in {:.2f} us\n",
      rate(s.machine.f32_flops), rate(s.machine.bf16_flops), rate(s.machine.s8_flops), s.machine.read_bytes_per_s / 1e9,
      s.meeting_seconds * 1e6);
  for (const ProductRate& p : s.products)
    std::cerr << fmt::format("  {:<4} {:<10} {:>6} x {:<5} {:>5} rows {:>7.0f} GFLOP/s\n", dtype_name(p.operand),
                             p.shape.name, p.shape.out, p.shape.in, p.rows, p.flops / 1e9);
}

void print_head() {
  std::cout << fmt::format("{:<24}{:>11}{:>11}{:>22}{:>11}{:>8}{:>9}{:>11}\n", "case", "tokens/s", "seconds",
                           "min..max", "floor s", "share", "RSS GB", "predicted")
            << std::flush;
}

void print_row(const BenchCase& c) {
  const auto [low, high] = std::minmax_element(c.seconds.begin(), c.seconds.end());
  std::cout << fmt::format("{:<24}{:>11}{:>11.4f}{:>22}{:>11.4f}{:>7.1f}%{:>9.3f}{:>11.3f}\n", c.name,
                           c.tokens > 0 ? fmt::format("{:.1f}", c.tokens_per_s()) : "-", c.median(),
                           fmt::format("{:.4f}..{:.4f}", *low, *high), c.floor_seconds, 100 * c.share(), gb(c.rss),
                           gb(c.rss_predicted))
            << std::flush;
}

void print_json(const BenchCase& c) {
  print_json_line({{"case", c.name},
                   {"tokens_per_s", c.tokens_per_s()},
                   {"seconds", c.median()},
                   {"floor_seconds", c.floor_seconds},
                   {"share", c.share()},
                   {"rss_gb", gb(c.rss)},
                   {"rss_predicted_gb", gb(c.rss_predicted)}});
  std::cout << std::flush;
}

}  // namespace

int run_bench(const BenchOptions& o) {
  BenchHooks hooks;
  hooks.started = [&](const BenchStart& start) {
    describe_start(o, start);
    if (!o.json) print_head();
  };
  hooks.progress = [&](const std::string& what) {
    if (o.json) std::cerr << what << "\n";
  };
  hooks.finished = [&](const BenchCase& c) {
    o.json ? print_json(c) : print_row(c);
    if (c.share() > 1)
      std::cerr << fmt::format(
          "{}: faster than its floor, so the peaks around it were measured too low (a busy machine), or its weights "
          "stay in the cache and the floor counts them as read from memory\n",
          c.name);
  };
  run_bench_cases(o, hooks);
  return 0;
}

}  // namespace r1
