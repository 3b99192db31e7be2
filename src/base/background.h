// One background thread that runs tasks in the order they were given; a bounded queue in front of it.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace r1 {

// Thread safety: submit() and wait() from one thread. The first exception of a task is kept, later tasks are dropped,
// and wait() throws it.
class BackgroundQueue {
 public:
  explicit BackgroundQueue(size_t capacity);
  ~BackgroundQueue();  // waits for the running task; drops the rest
  BackgroundQueue(const BackgroundQueue&) = delete;
  BackgroundQueue& operator=(const BackgroundQueue&) = delete;

  // Blocks while the queue is full.
  void submit(std::function<void()> task);
  // Until everything submitted has run.
  void wait();

 private:
  void run();

  const size_t capacity_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;  // guarded by mu_
  bool busy_ = false, stopping_ = false;     // guarded by mu_
  std::exception_ptr error_;                 // guarded by mu_
  std::thread thread_;
};

}  // namespace r1
