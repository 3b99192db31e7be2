// What a user's function makes of right and wrong answers: the audit's look at rewards whose scale is their own. A
// score may be graded, or pay for something else beside the answer, so scores are compared, not held against 1:
//
//   own      the row's answer, judged with its row
//   other    the same completion, judged with another row (its answer and all columns): what does not look at the row
//            gives both the same
//   nothing  an empty completion
//
// How the function wants its answers written is not known: forms are tried one after another until one tells the three
// apart.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reward/reward.h"
#include "train/audit.h"

namespace r1 {

struct FunctionSample {
  RewardInput input;          // prompt, prefilled, group and row; completion and its tokens are the form's
  std::string gold;           // the row's answer
  std::string worked;         // a whole completion that the row brings along; empty: none
  int64_t row = 0, line = 0;  // where it stands, as in AuditFinding
};

// Rows in which one completion is paid more than another, and less; `of`: in which both were judged.
struct RowCount {
  size_t above = 0, below = 0, of = 0;
  void add(double one, double another);
  // Whether more is paid on the whole: in all rows, or in so many more than less that chance seldom does it (sign test,
  // 3 standard errors).
  bool clearly_above() const;
  // What a run may be refused for: never less, and more in all of at least 6 rows or in three quarters of at least 12.
  bool always_above() const;
  RowCount turned() const { return {below, above, of}; }
};

struct FunctionScores {
  std::string form;                                       // how the answers were written
  std::vector<std::optional<double>> own, other;          // one a sample; none: failed, or there is no other answer
  double own_mean = 0, other_mean = 0, nothing_mean = 0;  // each over the rows it was judged in
  RowCount to_other, to_nothing;                          // own beside them
};

struct FunctionLook {
  FunctionScores scores;  // of the form that tells own from other best, else of the first
  std::vector<std::string> tried;
  bool looks_at_rows = false;  // any form's own and other differed anywhere
  bool constant = false;       // everything that was tried got one score
  std::string failure;         // the last reason of a sample that could not be judged
  std::string unfinished;      // why not all forms were tried; empty when they were
};

// Calls `reward` with at most 17 times, for samples.size() completions each; ends early once a form tells own from
// other and nothing, after 20 s, and when the program is interrupted. `tokens` gives a completion's ids.
FunctionLook look_at_function(Reward& reward, std::span<const FunctionSample> samples,
                              const std::function<std::vector<int32_t>(const std::string&)>& tokens);

// The audit's gold_scores_right, shuffled_gold_scores_wrong and empty_scores_wrong for a reward called `name`. Refused
// is what speaks against it: one score for everything; another row's answer, or none, paid as the row's own or better
// where the function does look at rows. What looks at something else than rows, or tells them apart no better than
// chance, is `skipped` with a warning: not checked.
std::vector<AuditCheck> checks_of(const FunctionLook& look, std::span<const FunctionSample> samples,
                                  const std::string& name);

// What a model that does as it is told writes behind what the prompt has opened.
std::string continuation(std::string_view prefilled, const std::string& thought, const std::string& answer);

}  // namespace r1
