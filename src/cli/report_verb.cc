// r1 report DIR: the report of a pipeline or a run, made again from its folder.
#include <iostream>
#include <memory>

#include "cli/verb_registration.h"
#include "runs/report.h"

namespace r1 {
namespace {

struct ReportFlags {
  std::string dir;
  bool json = false;
};

int run_report_verb(const ReportFlags& flags) {
  write_report(flags.dir);
  if (!flags.json) {
    std::cout << report_text(flags.dir);
    return 0;
  }
  for (const std::string& line : report_lines(flags.dir)) std::cout << line << "\n";
  return 0;
}

}  // namespace

void add_report_verb(CLI::App& app, std::function<int()>& action) {
  const auto flags = std::make_shared<ReportFlags>();
  CLI::App* report = app.add_subcommand("report", "DIR/report.html of a pipeline or run, and a short form of it");
  report->add_option("dir", flags->dir, "a folder of r1 run, r1 grpo or r1 sft")->required();
  report->add_flag("--json", flags->json, "a JSON line a stage, and one for the whole");
  report->callback([&action, flags] { action = [flags] { return run_report_verb(*flags); }; });
}

}  // namespace r1
