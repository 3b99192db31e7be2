#include "base/threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace r1 {
namespace {

class ThreadsTest : public ::testing::Test {
 protected:
  void TearDown() override { set_thread_count(before_); }
  int before_ = thread_count();
};

TEST_F(ThreadsTest, EveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    set_thread_count(threads);
    EXPECT_EQ(thread_count(), threads);
    for (int64_t n : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
      parallel_for(n, [&](int64_t i) { hits[static_cast<size_t>(i)]++; });
      for (const auto& h : hits) EXPECT_EQ(h, 1);
    }
  }
}

TEST_F(ThreadsTest, ChunksAreCutByGrainAlone) {
  for (int threads : {1, 3}) {
    set_thread_count(threads);
    for (int64_t n : {1, 63, 64, 65, 200}) {
      std::vector<std::atomic<int64_t>> ends(static_cast<size_t>(n + 1));
      parallel_chunks(n, 64, [&](int64_t begin, int64_t end) { ends[static_cast<size_t>(begin)] = end; });
      for (int64_t begin = 0; begin < n; begin++)
        EXPECT_EQ(ends[static_cast<size_t>(begin)], begin % 64 ? 0 : std::min(n, begin + 64));
    }
  }
}

TEST_F(ThreadsTest, NestedLoopsRunInTheirThread) {
  set_thread_count(3);
  std::vector<std::atomic<int>> hits(30);
  parallel_for(6, [&](int64_t i) { parallel_for(5, [&](int64_t j) { hits[static_cast<size_t>(i * 5 + j)]++; }); });
  for (const auto& h : hits) EXPECT_EQ(h, 1);
}

TEST_F(ThreadsTest, TheLowestIndexThatThrewComesOut) {
  for (int threads : {1, 2, 4}) {
    set_thread_count(threads);
    try {
      parallel_for(100, [](int64_t i) {
        if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
      });
      FAIL() << "nothing came out";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "7");
    }
    int64_t sum = 0;  // and the pool still works
    std::vector<int64_t> all(50);
    parallel_for(50, [&](int64_t i) { all[static_cast<size_t>(i)] = i; });
    for (int64_t x : all) sum += x;
    EXPECT_EQ(sum, 1225);
  }
}

TEST_F(ThreadsTest, AnExceptionOfANestedLoopComesOut) {
  set_thread_count(2);
  EXPECT_THROW(parallel_for(4,
                            [](int64_t) {
                              parallel_for(3, [](int64_t j) {
                                if (j == 2) throw std::runtime_error("inside");
                              });
                            }),
               std::runtime_error);
}

TEST_F(ThreadsTest, CoresAreCounted) { EXPECT_GE(available_cores(), 1); }

TEST_F(ThreadsTest, OneThreadIsHereInsideALoop) {
  set_thread_count(3);
  EXPECT_EQ(threads_here(), 3);
  std::vector<int> inside(4), in_loop_of_team(4);
  std::atomic<int> in_team_sum = 0;
  parallel_for(4, [&](int64_t i) { inside[static_cast<size_t>(i)] = threads_here(); });
  in_team([&] {
    in_team_sum += threads_here();
    parallel_for(4, [&](int64_t i) { in_loop_of_team[static_cast<size_t>(i)] = threads_here(); });
  });
  EXPECT_EQ(inside, std::vector<int>(4, 1));
  EXPECT_EQ(in_loop_of_team, std::vector<int>(4, 1));
  EXPECT_EQ(in_team_sum, 9);
}

TEST_F(ThreadsTest, EveryThreadOfATeamHasANumber) {
  set_thread_count(3);
  std::vector<std::atomic<int>> seen(3);
  in_team([&] { seen[static_cast<size_t>(thread_number())]++; });
  for (const auto& s : seen) EXPECT_EQ(s, 1);
}

// The first index of a range waits until all others are done: other threads must take what is left of the range.
TEST_F(ThreadsTest, IdleThreadsHelp) {
  constexpr int64_t kSize = 40;
  for (bool team : {false, true})
    for (int64_t slow : {0, 10, 20, 30}) {
      set_thread_count(4);
      std::atomic<int64_t> done = 0;
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      auto loop = [&] {
        parallel_for(kSize, [&](int64_t i) {
          while (i == slow && done < kSize - 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
          EXPECT_TRUE(i != slow || done == kSize - 1);
          done++;
        });
      };
      if (team)
        in_team(loop);
      else
        loop();
      EXPECT_EQ(done, kSize);
    }
}

TEST_F(ThreadsTest, ATeamSharesEveryLoop) {
  for (int threads : {1, 2, 5}) {
    set_thread_count(threads);
    constexpr int kLoops = 200, kSize = 37;
    std::vector<std::atomic<int>> hits(kLoops * kSize);
    in_team([&] {
      for (int loop = 0; loop < kLoops; loop++) {
        parallel_for(loop % kSize + 1, [&](int64_t i) { hits[static_cast<size_t>(loop * kSize + i)]++; });
      }
    });
    for (int loop = 0; loop < kLoops; loop++)
      for (int i = 0; i < kSize; i++) EXPECT_EQ(hits[static_cast<size_t>(loop * kSize + i)], i <= loop % kSize);
  }
}

TEST_F(ThreadsTest, LoopsOfATeamFollowEachOther) {
  set_thread_count(4);
  std::vector<int64_t> a(64), b(64);
  in_team([&] {
    for (int64_t loop = 1; loop <= 300; loop++) {
      parallel_for(64, [&](int64_t i) { a[static_cast<size_t>(i)] = loop + b[static_cast<size_t>((i + 31) % 64)]; });
      parallel_for(64, [&](int64_t i) { b[static_cast<size_t>(i)] = a[static_cast<size_t>((i * 5 + 1) % 64)]; });
    }
  });
  for (int64_t x : b) EXPECT_EQ(x, 300 * 301 / 2);
}

TEST_F(ThreadsTest, ATeamEndsWithTheLoopThatThrew) {
  for (int threads : {1, 2, 4}) {
    set_thread_count(threads);
    std::atomic<int> after = 0;
    try {
      in_team([&] {
        parallel_for(3, [](int64_t) {});
        parallel_for(100, [](int64_t i) {
          if (i >= 40) throw std::runtime_error("from " + std::to_string(i));
        });
        after++;
      });
      FAIL() << "nothing came out";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "from 40");
    }
    EXPECT_EQ(after, 0);
    EXPECT_THROW(in_team([] { throw std::runtime_error("all"); }), std::runtime_error);
  }
}

}  // namespace
}  // namespace r1
