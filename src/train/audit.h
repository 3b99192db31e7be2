// The audit before step 0 (spec/interfaces.md 21.2): whether data, reward and prompts of a GRPO run fit each other. A
// verifier that calls right answers wrong, or a template that opens a tag the format reward waits for, wastes a run in
// silence; both can be seen before it starts.
//
// Checks, on up to 64 rows evenly spread over the data (the overlap: on all):
//   gold_scores_right            the row's answer in a well-formed completion is `correct`
//   shuffled_gold_scores_wrong   another row's answer is not, where it is another answer (generated tasks may have
//                                several right ones: up to half of them)
//   empty_scores_wrong           an empty completion is `wrong` or `no_answer`
//   reward_reachable             one completion gets the most of every rule part that looks at answer or tags, and more
//                                than an empty one
//   template_agrees_with_format  what the prompt has already opened and a proper continuation make a well-formed
//                                completion for the reward
//   budget_fits                  prompt and max_completion_length within the model's positions; answers within
//                                max_completion_length. Worked solutions that are longer are a warning: an answer can
//                                be shorter than its example
//   train_eval_overlap           no question of the held-out rows is trained on: the same words; for files also 8-grams
//                                of words (lower case, divided by white space, as open-r1 decontaminates)
// Rows may be bad: 2 % of them may score otherwise, and max_failed_rewards of them may fail to be judged. Where nothing
// but users' functions can compare answers, the first three checks ask those, on up to 16 rows with an answer
// (audit_functions.h says what is held against them, their scale being their own); beside math and the like they are
// not asked, and models (rm:, judge:) never are.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "data/dataset.h"
#include "train/options.h"
#include "train/prompts.h"

namespace r1 {

struct AuditFinding {
  int64_t row = 0, line = 0;  // line 0: generated
  std::string what;
};

struct AuditCheck {
  enum class Status { passed, failed, skipped };
  std::string name;
  Status status = Status::passed;
  std::string detail;                  // what was looked at and found, or why it was skipped
  std::string advice;                  // of a failed one: what to do
  std::vector<AuditFinding> findings;  // rows that speak against it, the first few
  std::vector<std::string> warnings;
};

struct AuditReport {
  std::vector<AuditCheck> checks;
  bool passed() const;
  nlohmann::ordered_json to_json() const;
  std::string failures() const;  // for people: what, which rows, what to do
};

struct AuditInputs {
  const GrpoOptions* options = nullptr;
  const PromptBuilder* prompts = nullptr;
  const std::vector<DataRow>* rows = nullptr;
  const std::vector<DataRow>* held_out = nullptr;  // empty: the run evaluates nothing
  int64_t max_positions = 0;
};
AuditReport audit_run(const AuditInputs& in);

// Held-out rows whose question is a training row's. `ngrams`: also those of whose 8-grams at least half stand in
// training questions, those left out that more than 2 % of the training rows (and more than 2) share: the data's own
// frame.
struct Overlap {
  std::vector<AuditFinding> same, near;  // rows of the held-out side
  int64_t compared = 0;
};
Overlap find_overlap(const std::vector<DataRow>& train, const std::vector<DataRow>& held_out, bool ngrams);

// Writes `folder`/audit.json. Throws r1::Error with all failures when the audit did not pass and options.audit is on;
// else returns what there is to say, a line each.
std::vector<std::string> require_audit(const AuditInputs& in, const std::string& folder);

}  // namespace r1
