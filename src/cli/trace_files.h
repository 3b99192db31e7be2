// What `r1 trace` writes beside what it prints, and its bench.
#pragma once

#include <string>

#include "train/trace_session.h"

namespace r1 {

// What is written of repairs: `path` has a line a repair, and beside it three files of training rows.
class RepairWriter {
 public:
  RepairWriter(std::string path, const TraceSession& session) : path_(std::move(path)), session_(session) {}
  void add(const DataRow& row, const TracedThought& traced);
  void write() const;
  int64_t count() const { return count_; }

 private:
  std::string path_, records_, continued_, corrected_, preferred_;
  const TraceSession& session_;
  int64_t count_ = 0;
};

struct TraceBenchFlags {
  int64_t limit = 0;
  bool json = false;
};
int run_trace_bench(const TraceKeys& keys, const TraceBenchFlags& flags);

}  // namespace r1
