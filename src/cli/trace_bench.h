// `r1 trace bench`, inside: its items, and what it is told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/trace_session.h"

namespace r1 {

struct TraceBenchFlags {
  int64_t limit = 0, n = 16;
  bool json = false;
  std::string plot;  // SVG; empty: none
};
int run_trace_bench(const TraceKeys& keys, const TraceBenchFlags& flags);
// Answers under self-check against pass@1 and cons@k at equal tokens.
int run_self_check_bench(const TraceKeys& keys, const TraceBenchFlags& flags);

struct BenchItem {
  Thought thought;
  int64_t label = -1;
  std::optional<bool> ends_right;  // nullopt: unknown
  bool injected = false;           // the error was put in
  bool claims = false;             // the wrong step states a false equation, or a right thought a true one
};

// Solutions of a file of ProcessBench or PRM800K.
std::vector<BenchItem> items_of_file(const TraceKeys& keys, int64_t limit, const TraceSession& session);
// The model's own thoughts about `limit` held-out rows of a generated task, right ones and wrong ones whose first wrong
// step is certain; and right ones with one step falsified behind which the model goes on to a wrong answer.
std::vector<BenchItem> items_of_task(const TraceKeys& keys, int64_t limit, TraceSession& session);

}  // namespace r1
