// How our own products are cut into tasks of one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "base/threads.h"
#include "tensor/tensor.h"

namespace r1 {

constexpr int64_t kLargestRowBlock = 12;

inline int64_t parts_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

// Many rows are shared out as rows, in as many slices for each thread: it reads those that it wrote in the loop before
// (ADR 17). Few are multiplied by `groups` of panels, one for each thread where there are panels enough: each panel is
// read from memory by one thread.
struct MatmulTasks {
  MatmulTasks(int64_t all_rows, int64_t all_panels) : rows(all_rows), panels(all_panels) {
    constexpr int64_t kRowsATask = 192;  // whole row blocks; a slice of k (matmul_own.cc) stays in the second cache
    constexpr int64_t kRowsApart = 96;   // a thread's least share of rows
    constexpr int64_t kPanelsApart = 8;  // and of panels
    const int64_t threads = threads_here(), needed = parts_of(rows, kRowsATask);
    const bool by_panels = rows < threads * kRowsApart && panels >= threads * kPanelsApart;
    slices = rows >= threads * kRowsApart ? parts_of(needed, threads) * threads : needed;
    groups = by_panels ? threads : std::clamp<int64_t>(parts_of(threads, slices), 1, panels);
  }
  int64_t count() const { return slices * groups; }
  // [begin, end) of rows, in whole row blocks, and of panels.
  std::pair<int64_t, int64_t> rows_of(int64_t task) const {
    const int64_t blocks = parts_of(rows, kLargestRowBlock), slice = task / groups;
    return {std::min(rows, blocks * slice / slices * kLargestRowBlock),
            std::min(rows, blocks * (slice + 1) / slices * kLargestRowBlock)};
  }
  std::pair<int64_t, int64_t> panels_of(int64_t task) const {
    const int64_t group = task % groups;
    return {panels * group / groups, panels * (group + 1) / groups};
  }
  int64_t rows, panels, slices, groups;
};

// Of panels that lie one behind the other, those that the calling thread of a team reads first, where each thread has
// panels of its own: as much as finds room in the second cache beside the rest.
inline std::span<const std::byte> first_panels(const MatmulTasks& tasks, const Tensor& panels) {
  constexpr size_t kMost = size_t{384} << 10;
  if (tasks.slices > 1 || tasks.groups != threads_here()) return {};
  const auto [first, last] = tasks.panels_of(thread_number());
  const size_t panel = panels.bytes() / static_cast<size_t>(tasks.panels);
  return {static_cast<const std::byte*>(panels.raw()) + panel * static_cast<size_t>(first),
          std::min(kMost, panel * static_cast<size_t>(last - first))};
}

// A block of this thread, of at least n numbers, from one call to the next; `Use` tells blocks apart.
template <typename Use>
void* matmul_scratch(DType dtype, int64_t n) {
  thread_local Tensor block;
  if (block.cols() < n) block = Tensor(dtype, 1, n);
  return block.raw();
}

}  // namespace r1
