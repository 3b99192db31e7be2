// Repairs as rows to train on.
#include "base/durable_file.h"
#include "base/error.h"
#include "cli/trace_files.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& row) { return row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json asked(const DataRow& row) { return row.messages.is_array() ? row.messages : Json(row.prompt); }

// out.jsonl, "continue" -> out.continue.jsonl
std::string beside(const std::string& path, const std::string& kind) {
  constexpr std::string_view kEnd = ".jsonl";
  const bool ends = path.ends_with(kEnd);
  return (ends ? path.substr(0, path.size() - kEnd.size()) : path) + "." + kind + ".jsonl";
}

bool closes_thought(const std::string& step) {
  return step.find("</think>") != std::string::npos || step.find("<answer>") != std::string::npos;
}

}  // namespace

void RepairWriter::add(const DataRow& row, const TracedThought& traced) {
  if (!traced.repair || !traced.repair->right) return;
  const Repair& repair = *traced.repair;
  const Thought& t = traced.thought;
  const std::string prefix = t.completion.substr(0, t.steps[repair.step].from), wrong = t.text_of(repair.step);
  count_++;
  records_ += line_of({{"prompt", asked(row)},
                       {"prefix", prefix},
                       {"wrong_step", wrong},
                       {"right_step", repair.right_step},
                       {"rest", repair.rest},
                       {"step", repair.step},
                       {"by", traced.one.first->by}});
  // what goes on from the prefix alone is learned
  std::vector<TokenId> ids = t.prompt_ids;
  for (TokenId id : encode_completion(session_.tokenizer(), prefix)) ids.push_back(id);
  std::vector<int32_t> labels(ids.size(), -100);
  for (TokenId id : encode_completion(session_.tokenizer(), repair.right_step + repair.rest)) {
    ids.push_back(id);
    labels.push_back(id);
  }
  if (session_.end_id() >= 0) {
    ids.push_back(session_.end_id());
    labels.push_back(session_.end_id());
  }
  continued_ += line_of({{"input_ids", ids}, {"labels", labels}});
  // a thought that has ended cannot be corrected inside it
  if (!closes_thought(wrong)) {
    const bool blank = !wrong.empty() && (wrong.back() == ' ' || wrong.back() == '\n');
    const std::string said = wrong + (blank ? "" : " ") + "Wait, that is wrong: " + repair.right_step + repair.rest;
    corrected_ += line_of({{"prompt", asked(row)}, {"completion", prefix + said}});
  }
  if (repair.right_step != wrong)
    preferred_ +=
        line_of({{"prompt", asked(row)}, {"chosen", prefix + repair.right_step}, {"rejected", prefix + wrong}});
}

void RepairWriter::write() const {
  replace_file(path_, records_);
  replace_file(beside(path_, "continue"), continued_);
  replace_file(beside(path_, "correct"), corrected_);
  replace_file(beside(path_, "prefer"), preferred_);
}

}  // namespace r1
