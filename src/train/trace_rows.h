// Sampled traces as rows for `r1 sft`, chosen and joined with general ones.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace r1 {

struct TraceRow {
  const DataRow* row = nullptr;  // what was asked; borrowed
  std::string completion, language;
  nlohmann::ordered_json meta;
};

struct TraceSelection {
  std::string balance_by;  // empty: not balanced
  int64_t max_rows = 0;    // 0: all
  uint64_t seed = 42;
};
// Without what says the same to the same question; then no value of `balance_by` (a key of the row, or "language") with
// more rows than the rarest; then at most max_rows, drawn by the seed. The order stays. Throws r1::UsageError for a key
// that a row lacks.
std::vector<TraceRow> select_traces(std::vector<TraceRow> traces, const TraceSelection& selection);

// At most `most` (0: all) rows of a data set that SFT can learn from, drawn by the seed.
Dataset load_general(const std::string& source, int64_t most, uint64_t seed);

// JSON lines of one shape: prompt and completion, or messages for all where a row needs them (a system turn, several
// turns). Every row has `meta`; `domain` and `task` of a row are kept beside it.
std::string rows_for_sft(const std::vector<TraceRow>& traces, const std::vector<DataRow>& general);

}  // namespace r1
