#include "train/packing.h"

#include <algorithm>

#include "base/error.h"
#include "model/kv_cache.h"

namespace r1 {
namespace {

// Input rows a sample needs: up to the one that predicts its last learned token.
int64_t rows_of(const TrainSample& s, bool has_prompt) {
  R1_CHECK(s.learn.empty() || s.learn.size() == s.ids.size());
  int64_t last = static_cast<int64_t>(s.ids.size()) - 1;
  while (last >= 0 && !s.learn.empty() && s.learn[static_cast<size_t>(last)] == 0) last--;
  if (!has_prompt && last == 0) last = -1;
  return std::max<int64_t>(last, 0);
}

bool learns(const TrainSample& s, bool has_prompt) {
  for (size_t i = has_prompt ? 0 : 1; i < s.ids.size(); i++)
    if (s.learn.empty() || s.learn[i] != 0) return true;
  return false;
}

class Packer {
 public:
  explicit Packer(MicroBatch& m) : m_(m) {}

  // Adds a run of rows; returns its place in runs.
  size_t add_run(std::span<const TokenId> ids, int64_t start, int64_t prefix_row, size_t prefix_pages) {
    Batch& b = m_.batch;
    std::vector<int32_t> pages(
        static_cast<size_t>(KvCache::pages_between(start, start + static_cast<int64_t>(ids.size()))));
    for (int32_t& p : pages) p = m_.num_pages++;
    m_.pages.push_back(std::move(pages));
    SegmentRun run{
        .row = b.rows(), .rows = static_cast<int64_t>(ids.size()), .start = start, .own_pages = m_.pages.back().data()};
    if (prefix_row >= 0) {
      run.prefix_pages = m_.pages[prefix_pages].data();
      run.prefix_length = start;
      run.prefix_row = prefix_row;
    }
    b.runs.push_back(run);
    for (size_t i = 0; i < ids.size(); i++) {
      b.ids.push_back(ids[i]);
      b.positions.push_back(static_cast<int32_t>(start + static_cast<int64_t>(i)));
    }
    return m_.pages.size() - 1;
  }

  void add_targets(const TrainSample& s, int64_t first_row, int64_t prompt_last_row) {
    for (size_t i = 0; i < s.ids.size(); i++) {
      if (!s.learn.empty() && s.learn[i] == 0) continue;
      if (i == 0 && prompt_last_row < 0) continue;
      m_.selected.push_back(i == 0 ? prompt_last_row : first_row + static_cast<int64_t>(i) - 1);
      m_.targets.push_back(s.ids[i]);
      m_.tokens.push_back({s.tag, static_cast<int32_t>(i)});
    }
  }

 private:
  MicroBatch& m_;
};

}  // namespace

std::vector<MicroBatch> pack(std::span<const TrainGroup> groups, int64_t max_rows) {
  std::vector<MicroBatch> out;
  const auto fits = [&](int64_t rows) { return !out.empty() && out.back().batch.rows() + rows <= max_rows; };
  for (const TrainGroup& group : groups) {
    const bool has_prompt = !group.prompt.empty();
    const int64_t prompt_rows = static_cast<int64_t>(group.prompt.size());
    int64_t all = prompt_rows;
    for (const TrainSample& s : group.samples) all += rows_of(s, has_prompt);
    if (!fits(all) && (out.empty() || out.back().batch.rows() > 0)) out.emplace_back();
    int64_t prompt_row = -1;
    size_t prompt_pages = 0, prompt_batch = 0;
    for (const TrainSample& s : group.samples) {
      if (!learns(s, has_prompt)) continue;
      const int64_t rows = rows_of(s, has_prompt);
      const bool prompt_here = prompt_row >= 0 && prompt_batch == out.size();
      if (!fits(rows + (prompt_here ? 0 : prompt_rows)) && out.back().batch.rows() > 0) out.emplace_back();
      Packer packer(out.back());
      if (has_prompt && (prompt_row < 0 || prompt_batch != out.size())) {
        prompt_row = out.back().batch.rows();
        prompt_batch = out.size();
        prompt_pages = packer.add_run(group.prompt, 0, -1, 0);
      }
      const int64_t first_row = out.back().batch.rows();
      if (rows > 0)
        packer.add_run(std::span(s.ids).first(static_cast<size_t>(rows)), prompt_rows, has_prompt ? prompt_row : -1,
                       prompt_pages);
      packer.add_targets(s, first_row, has_prompt ? prompt_row + prompt_rows - 1 : -1);
    }
  }
  while (!out.empty() && out.back().batch.rows() == 0) out.pop_back();
  return out;
}

}  // namespace r1
