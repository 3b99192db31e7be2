#include "base/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

namespace r1 {
namespace {

namespace fs = std::filesystem;

class MemoryLimits : public ::testing::Test {
 protected:
  MemoryLimits() : root_(fs::temp_directory_path() / ("r1_memory_" + std::to_string(getpid()))) {
    fs::create_directories(root_);
    files_ = {.meminfo = (root_ / "meminfo").string(),
              .own_cgroup = (root_ / "own").string(),
              .cgroups = (root_ / "cgroup").string()};
    write("meminfo", "MemTotal:  9000 kB\nMemAvailable:  5000 kB\n");
  }
  ~MemoryLimits() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  size_t limit(size_t resident = 0) const { return memory_limit(resident, files_).bytes; }

  const fs::path root_;
  MemoryFiles files_;
};

TEST_F(MemoryLimits, TheMachines) {
  EXPECT_EQ(limit(), 5000u * 1024);
  EXPECT_EQ(limit(100), 5000u * 1024 + 100) << "what the process has already is its own";
  fs::remove(root_ / "meminfo");
  EXPECT_EQ(limit(), SIZE_MAX);
}

TEST_F(MemoryLimits, OfAGroupAndThoseAboveIt) {
  write("own", "0::/job/part\n");
  write("cgroup/job/part/memory.max", "max\n");
  write("cgroup/job/part/memory.current", "700\n");
  EXPECT_EQ(limit(), 5000u * 1024);
  write("cgroup/job/memory.max", "4000\n");
  write("cgroup/job/memory.current", "1000\n");
  write("cgroup/job/memory.stat", "anon 500\ninactive_file 400\n");
  EXPECT_EQ(limit(), 4000u - (1000 - 400));
  EXPECT_EQ(limit(50), 4000u - (1000 - 400) + 50);
  EXPECT_NE(memory_limit(0, files_).source.find("job/memory.max"), std::string::npos);
  write("cgroup/memory.max", "900\n");
  write("cgroup/memory.current", "1000\n");
  EXPECT_EQ(limit(50), 50u) << "used up";
}

TEST_F(MemoryLimits, OfAGroupOfVersionOne) {
  write("own", "5:cpuset,memory:/job\n0::/other\n");
  write("cgroup/memory/job/memory.limit_in_bytes", "3000\n");
  write("cgroup/memory/job/memory.usage_in_bytes", "1000\n");
  write("cgroup/memory/job/memory.stat", "total_inactive_file 200\n");
  EXPECT_EQ(limit(), 2200u);
}

TEST(Memory, ABlockIsSeenComingAndGoing) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory for a while";
#endif
  constexpr size_t kBlock = size_t{64} << 20, kSlack = size_t{4} << 20;
  release_freed_memory();
  const bool resets = reset_peak_resident();
  const size_t before = resident_bytes();
  ASSERT_GT(before, 0u);
  auto block = std::make_unique<char[]>(kBlock);
  std::memset(block.get(), 1, kBlock);
  EXPECT_GE(resident_bytes() + kSlack, before + kBlock);
  block.reset();
  EXPECT_LE(resident_bytes(), before + kSlack);
  EXPECT_GE(peak_resident_bytes() + kSlack, before + kBlock);
  if (!resets || !reset_peak_resident()) GTEST_SKIP() << "this system does not let peaks begin anew";
  EXPECT_LE(peak_resident_bytes(), before + 2 * kSlack);
}

}  // namespace
}  // namespace r1
