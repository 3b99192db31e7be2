#include "base/background.h"

#include <utility>

#include "base/error.h"

namespace r1 {

BackgroundQueue::BackgroundQueue(size_t capacity) : capacity_(capacity), thread_([this] { run(); }) {
  R1_CHECK(capacity >= 1);
}

BackgroundQueue::~BackgroundQueue() {
  {
    const std::lock_guard lock(mu_);
    stopping_ = true;
    tasks_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundQueue::submit(std::function<void()> task) {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [&] { return tasks_.size() < capacity_; });
  if (error_) return;
  tasks_.push_back(std::move(task));
  changed_.notify_all();
}

void BackgroundQueue::wait() {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [&] { return tasks_.empty() && !busy_; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void BackgroundQueue::run() {
  std::unique_lock lock(mu_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    std::exception_ptr error;
    try {
      task();
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    if (error && !error_) {
      error_ = error;
      tasks_.clear();
    }
    changed_.notify_all();
  }
}

}  // namespace r1
