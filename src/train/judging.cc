#include "train/judging.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/error.h"

namespace r1 {
namespace {
constexpr size_t kBatch = 16;
}

AsyncJudge::AsyncJudge(Reward& reward, size_t count) : reward_(reward), verdicts_(count), queue_(count + 1) {
  for (Verdict& v : verdicts_) v.reason = "was never sampled";
}

void AsyncJudge::submit(size_t index, RewardInput input) {
  indices_.push_back(index);
  inputs_.push_back(std::move(input));
  if (inputs_.size() >= kBatch && !reward_.needs_groups()) send();
}

void AsyncJudge::send() {
  if (inputs_.empty()) return;
  if (reward_.needs_groups()) put_in_order();
  queue_.submit([this, indices = std::move(indices_), inputs = std::move(inputs_)] {
    std::vector<Verdict> verdicts = reward_.judge(inputs);
    R1_CHECK(verdicts.size() == indices.size(), "{} verdicts for {} inputs", verdicts.size(), indices.size());
    for (size_t i = 0; i < indices.size(); i++) verdicts_[indices[i]] = std::move(verdicts[i]);
  });
  indices_.clear();
  inputs_.clear();
}

// A function that compares samples sees them prompt by prompt, and in the same order every time.
void AsyncJudge::put_in_order() {
  std::vector<size_t> order(indices_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return indices_[a] < indices_[b]; });
  std::vector<size_t> indices;
  std::vector<RewardInput> inputs;
  for (const size_t i : order) {
    indices.push_back(indices_[i]);
    inputs.push_back(std::move(inputs_[i]));
  }
  indices_ = std::move(indices);
  inputs_ = std::move(inputs);
}

std::vector<Verdict> AsyncJudge::finish() {
  send();
  const auto start = std::chrono::steady_clock::now();
  queue_.wait();
  waited_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(verdicts_);
}

}  // namespace r1
