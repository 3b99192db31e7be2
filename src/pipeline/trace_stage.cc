#include "pipeline/trace_stage.h"

#include <algorithm>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "data/question.h"
#include "reward/language.h"
#include "reward/question_language.h"
#include "runs/run_folder.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// A thought of one step has no step before its error to be mended from.
constexpr size_t kFewestSteps = 3;

// How much a trace shows: most, an error behind right steps that an exact checker found and that was repaired.
constexpr int kShowsAll = 15;
int shows(const TracedThought& t) {
  if (!t.one.first) return 0;
  const bool repaired = t.repair && t.repair->right;
  return (repaired ? 8 : 0) + 4 + (t.one.first->by == "exact" ? 2 : 0) + (t.one.first->step > 0 ? 1 : 0);
}

struct Found {
  size_t row = 0;
  TracedThought traced;
};

class Search {
 public:
  Search(const TraceStageOptions& o, const std::vector<DataRow>& rows)
      : o_(o), rows_(rows), session_(o.keys, o.keys.data.data) {}

  std::optional<Found> run() {
    std::vector<Thought> thoughts = session_.thoughts(rows_);
    std::vector<size_t> wrong;
    for (size_t i = 0; i < thoughts.size(); i++)
      if (thoughts[i].row.contains("answer") && session_.judge(thoughts[i]).outcome == Outcome::wrong)
        wrong.push_back(i);
    num_wrong_ = wrong.size();
    // what can be taken apart first; then the order of the rows
    std::stable_partition(wrong.begin(), wrong.end(),
                          [&](size_t i) { return thoughts[i].steps.size() >= kFewestSteps; });
    if (wrong.size() > static_cast<size_t>(o_.traced)) wrong.resize(static_cast<size_t>(o_.traced));
    std::optional<Found> best;
    for (const size_t i : wrong) {
      TracedThought traced = session_.trace(std::move(thoughts[i]), true);
      tokens_ += traced.tokens;
      if (!best || shows(traced) > shows(best->traced)) best = Found{i, std::move(traced)};
      if (shows(best->traced) == kShowsAll) break;
    }
    return best;
  }

  // The row of answers.jsonl.
  Json answer_of(const Found& found) const {
    const TracedThought& t = found.traced;
    const DataRow& row = rows_[found.row];
    const std::string language = question_language(row.row, t.thought.prompt);
    Json out = {{"row", found.row},
                {"prompt", question_text(row)},
                {"outcome", outcome_name(t.verdict->outcome)},
                {"reference", row.answer},
                {"extracted", t.verdict->extracted},
                {"reason", t.verdict->reason},
                {"language", language},
                {"consistency", language_share(t.thought.completion, language).share()}};
    out.update(json_of(t));
    return out;
  }

  Json summary_of(const std::optional<Found>& found) const {
    return {{"questions", rows_.size()},
            {"wrong", num_wrong_},
            {"tokens", tokens_},
            {"trace", found ? answer_of(*found) : Json(nullptr)}};
  }

 private:
  const TraceStageOptions& o_;
  const std::vector<DataRow>& rows_;
  TraceSession session_;
  size_t num_wrong_ = 0;
  int64_t tokens_ = 0;
};

class TraceStage : public StageRun {
 public:
  TraceStage() { options_.declare(table_); }
  OptionTable& table() override { return table_; }
  void check() const override { options_.check(); }
  StageSize size() const override { return {}; }
  const PromptOptions& prompt() const override { return options_.keys.prompt; }
  const DataOptions& data() const override { return options_.keys.data; }
  std::string begins_with() const override { return options_.keys.model; }
  bool run(bool) override { return run_trace_stage(options_, table_.to_toml()); }

 private:
  TraceStageOptions options_;
  OptionTable table_;
};

}  // namespace

void TraceStageOptions::declare(OptionTable& t) {
  keys.declare(t);
  t.begin_group("trace stage");
  t.add("out", &out, "the stage's folder");
  t.add_alias("output_dir", "out");
  t.add("trace_candidates", &candidates, "held-out questions answered once, to find wrong answers among");
  t.add("trace_wrong", &traced, "wrong answers traced, at most; the first with a repaired error is shown");
}

void TraceStageOptions::check() const {
  keys.check();
  if (candidates < 1 || candidates > 1 << 16)
    fail_usage("trace_candidates is {}, expected 1 to {}", candidates, 1 << 16);
  if (traced < 1 || traced > 1 << 16) fail_usage("trace_wrong is {}, expected 1 to {}", traced, 1 << 16);
}

bool run_trace_stage(const TraceStageOptions& o, const std::string& recipe_toml) {
  o.check();
  std::vector<DataRow> rows = o.keys.data.load_prompts(true, "r1 run, a trace stage").rows;
  if (rows.size() > static_cast<size_t>(o.candidates)) rows.resize(static_cast<size_t>(o.candidates));
  const RunFolder folder(o.out, true);
  folder.write_recipe(recipe_toml);
  Json summary;
  try {
    Search search(o, rows);
    summary = search.summary_of(search.run());
  } catch (const Error&) {
    if (interrupted()) return false;  // nothing of it is kept: it takes seconds
    throw;
  }
  const Json& trace = summary["trace"];
  const auto text = [](const Json& j, int indent) {
    return j.dump(indent, ' ', false, Json::error_handler_t::replace);
  };
  replace_file((folder.path() / "answers.jsonl").string(), trace.is_null() ? "" : text(trace, -1) + "\n");
  replace_file((folder.path() / "trace.json").string(), text(summary, 1) + "\n");
  if (trace.is_null()) log_warning("{}: none of {} answers was wrong; there is nothing to trace", o.out, rows.size());
  return true;
}

std::unique_ptr<StageRun> make_trace_stage() { return std::make_unique<TraceStage>(); }

}  // namespace r1
