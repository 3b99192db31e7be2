#include "base/durable_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

class DurableFileTest : public ::testing::Test {
 protected:
  DurableFileTest() {
    std::string name = (fs::temp_directory_path() / "r1_durable_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~DurableFileTest() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  fs::path folder_;
};

// What a full disk does, without one: no file of this process may grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_{};
  void (*signal_)(int);
};

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST_F(DurableFileTest, WritesWholeAndKnowsItsDigest) {
  DurableFile file(path("a"));
  file.write("ab");
  file.write("c");
  file.close();
  EXPECT_EQ(file.size(), 3u);
  // FIPS 180-2's example
  const std::string want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(file.sha256(), want);
  EXPECT_EQ(sha256_hex("abc"), want);
  EXPECT_EQ(sha256_of_file(path("a")), want);
  EXPECT_EQ(read_text_file(path("a")), "abc");
}

TEST_F(DurableFileTest, AFileNeverClosedIsRemoved) {
  {
    DurableFile file(path("a"));
    file.write("half");
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DurableFileTest, ReplaceIsAllOrNothing) {
  replace_file(path("a"), "first");
  replace_file(path("a"), "second");
  EXPECT_EQ(read_text_file(path("a")), "second");
  EXPECT_FALSE(fs::exists(path("a.new")));
}

TEST_F(DurableFileTest, LeftoversOfACrashAreWrittenOver) {
  replace_file(path("a"), "good");
  std::ofstream(path("a.new")) << "what a killed writer left, longer than the next content";
  EXPECT_EQ(read_text_file(path("a")), "good");
  replace_file(path("a"), "new");
  EXPECT_EQ(read_text_file(path("a")), "new");
  EXPECT_FALSE(fs::exists(path("a.new")));
}

TEST_F(DurableFileTest, AFullDiskKeepsTheOldFileAndSaysSo) {
  replace_file(path("a"), "good");
  std::string error;
  {
    const FileSizeLimit limit(1000);
    error = error_of([&] { replace_file(path("a"), std::string(5000, 'x')); });
  }
  EXPECT_NE(error.find("a.new: writing failed after 1000 bytes"), std::string::npos) << error;
  EXPECT_EQ(read_text_file(path("a")), "good");
  EXPECT_FALSE(fs::exists(path("a.new")));
}

TEST_F(DurableFileTest, ARenameThatFailsLeavesNothingBehind) {
  fs::create_directories(folder_ / "a" / "inside");  // a folder in the way
  EXPECT_NE(error_of([&] { replace_file(path("a"), "x"); }).find("rename failed"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("a.new")));
}

TEST_F(DurableFileTest, ErrorsNameTheFile) {
  EXPECT_NE(error_of([&] { DurableFile f(path("no/such/folder")); }).find("no/such/folder: cannot create"),
            std::string::npos);
  EXPECT_NE(error_of([&] { read_text_file(path("gone")); }).find("gone: cannot open"), std::string::npos);
  EXPECT_NE(error_of([&] { read_text_file(folder_.string()); }).find("not a regular file"), std::string::npos);
  replace_file(path("a"), "12345");
  EXPECT_NE(error_of([&] { read_text_file(path("a"), 4); }).find("5 bytes, at most 4"), std::string::npos);
  EXPECT_NE(error_of([&] { sync_folder(path("gone")); }).find("cannot open the folder"), std::string::npos);
}

TEST_F(DurableFileTest, FreeSpaceIsAskedForBeforehand) {
  require_free_space(folder_.string(), 1);
  EXPECT_NE(error_of([&] { require_free_space(folder_.string(), uint64_t{1} << 60); }).find("GB needed"),
            std::string::npos);
}

}  // namespace
}  // namespace r1
