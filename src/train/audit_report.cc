// What an audit found, for people and for programs.
#include <algorithm>

#include "base/durable_file.h"
#include "base/error.h"
#include "train/audit.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Status = AuditCheck::Status;

const char* status_name(Status s) {
  return s == Status::passed ? "passed" : s == Status::failed ? "failed" : "skipped";
}

std::string place_of(const AuditFinding& f) {
  return f.line > 0 ? fmt::format("row {} (line {})", f.row, f.line) : fmt::format("row {}", f.row);
}

}  // namespace

bool AuditReport::passed() const {
  return std::none_of(checks.begin(), checks.end(), [](const AuditCheck& c) { return c.status == Status::failed; });
}

Json AuditReport::to_json() const {
  Json out = {{"passed", passed()}, {"checks", Json::array()}};
  for (const AuditCheck& c : checks) {
    Json check = {{"name", c.name}, {"status", status_name(c.status)}, {"detail", c.detail}};
    if (!c.advice.empty()) check["advice"] = c.advice;
    if (!c.warnings.empty()) check["warnings"] = c.warnings;
    if (!c.findings.empty()) check["rows"] = Json::array();
    for (const AuditFinding& f : c.findings)
      check["rows"].push_back({{"row", f.row}, {"line", f.line}, {"what", f.what}});
    out["checks"].push_back(std::move(check));
  }
  return out;
}

std::string AuditReport::failures() const {
  std::string out;
  for (const AuditCheck& c : checks) {
    if (c.status != Status::failed) continue;
    out += fmt::format("\n  {}: {}", c.name, c.detail);
    for (const AuditFinding& f : c.findings) out += fmt::format("\n    {}: {}", place_of(f), f.what);
    out += "\n    what to do: " + c.advice;
  }
  return out;
}

std::vector<std::string> require_audit(const AuditInputs& in, const std::string& folder) {
  const AuditReport report = audit_run(in);
  const bool enforced = in.options->audit;
  Json json = {{"enforced", enforced}};
  json.update(report.to_json());
  replace_file(folder + "/audit.json", json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  if (!report.passed() && enforced)
    fail("the audit before step 0 refuses this run ({}/audit.json; --no-audit starts it anyway):{}", folder,
         report.failures());
  std::vector<std::string> out;
  if (!enforced)
    out.push_back(report.passed() ? "--no-audit: the audit would have passed"
                                  : "--no-audit: this run starts although its audit failed:" + report.failures());
  if (enforced) {
    const auto count = [&](Status s) {
      return std::count_if(report.checks.begin(), report.checks.end(),
                           [&](const AuditCheck& c) { return c.status == s; });
    };
    out.push_back(
        fmt::format("audit: {} checks passed, {} skipped (audit.json)", count(Status::passed), count(Status::skipped)));
  }
  for (const AuditCheck& c : report.checks)
    for (const std::string& w : c.warnings) out.push_back("audit: " + c.name + ": " + w);
  return out;
}

}  // namespace r1
