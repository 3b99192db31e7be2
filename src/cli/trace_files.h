// What `r1 trace` writes beside what it prints.
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

// Questions to a critic, out of the traces of thoughts whose truth is agreed upon.
class CriticWriter {
 public:
  void add(const TracedThought& traced);
  // Returns the number of rows.
  size_t write(const std::string& path) const;

 private:
  CriticRows rows_;
};

}  // namespace r1
