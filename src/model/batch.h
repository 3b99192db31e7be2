// What a forward pass is given: rows (tokens) of segments, packed without padding. A segment may hang on a prefix whose
// keys and values exist once (the prompt of a group).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/attention.h"

namespace r1 {

// Consecutive rows of a batch, and the runs they are of.
struct BatchRows {
  int64_t first, count;
  std::span<const SegmentRun> runs;
};

struct Batch {
  std::vector<int32_t> ids, positions;  // a row each
  std::vector<SegmentRun> runs;         // cover the rows in order; borrow page lists until the pass is over
  bool independent = false;             // no run sees keys that another one stores in this pass
  BatchRows all() const { return {0, rows(), runs}; }
  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
};

}  // namespace r1
