// Files of what traces are worth to training.
#include "base/durable_file.h"
#include "base/error.h"
#include "cli/trace_files.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& row) {
  return row.is_null() ? "" : row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// out.jsonl, "continue" -> out.continue.jsonl
std::string beside(const std::string& path, const std::string& kind) {
  constexpr std::string_view kEnd = ".jsonl";
  const bool ends = path.ends_with(kEnd);
  return (ends ? path.substr(0, path.size() - kEnd.size()) : path) + "." + kind + ".jsonl";
}

}  // namespace

void RepairWriter::add(const DataRow& row, const TracedThought& traced) {
  if (!traced.repair || !traced.repair->right) return;
  const Json asked = row.messages.is_array() ? row.messages : Json(row.prompt);
  const RepairRows rows =
      repair_rows(asked, traced.thought, *traced.repair, traced.one.first->by, session_.repair_encoder());
  count_++;
  records_ += line_of(rows.record);
  continued_ += line_of(rows.continued);
  corrected_ += line_of(rows.corrected);
  preferred_ += line_of(rows.preferred);
}

void RepairWriter::write() const {
  replace_file(path_, records_);
  replace_file(beside(path_, "continue"), continued_);
  replace_file(beside(path_, "correct"), corrected_);
  replace_file(beside(path_, "prefer"), preferred_);
}

void CriticWriter::add(const TracedThought& t) {
  if (!t.monte_carlo || t.truths.empty() || !t.verdict) return;
  const bool right = t.verdict->outcome == Outcome::correct;
  add_critic_rows(problem_of(t.thought), t.thought.texts(),
                  agreed_truths(t.truths, monte_carlo_opinion(*t.monte_carlo), right), rows_);
}

size_t CriticWriter::write(const std::string& path) const {
  const std::vector<Json> rows = balanced(rows_);
  std::string text;
  for (const Json& row : rows) text += line_of(row);
  replace_file(path, text);
  return rows.size();
}

}  // namespace r1
