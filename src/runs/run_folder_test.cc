#include "runs/run_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class RunFolderTest : public ::testing::Test {
 protected:
  RunFolderTest() {
    std::string name = (fs::temp_directory_path() / "r1_runs_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~RunFolderTest() override { fs::remove_all(folder_); }
  void write(const char* name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  std::string read(const char* name) const { return read_text_file((folder_ / name).string()); }
  std::string error_of_opening(bool resume) const {
    try {
      RunFolder run(folder_.string(), resume);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  fs::path folder_;
};

TEST_F(RunFolderTest, IsLockedAgainstASecondProcess) {
  {
    const RunFolder first(folder_.string(), false);
    EXPECT_NE(error_of_opening(true).find("another process"), std::string::npos);
    EXPECT_NE(error_of_opening(false).find("another process"), std::string::npos);
  }
  EXPECT_EQ(error_of_opening(false), "") << "free again, whatever the lock file says";
}

TEST_F(RunFolderTest, NeverOverwritesARun) {
  for (const char* name :
       {"recipe.toml", "metrics.jsonl", "samples.jsonl", "model/config.json", "checkpoints/step-3/MANIFEST.json"}) {
    fs::create_directories((folder_ / name).parent_path());
    write(name, "x");
    EXPECT_NE(error_of_opening(false).find("holds a run already"), std::string::npos) << name;
    EXPECT_EQ(error_of_opening(true), "") << name;
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove_all(entry.path());
  }
  fs::create_directories(folder_ / "checkpoints");
  write("notes.txt", "mine");
  EXPECT_EQ(error_of_opening(false), "") << "what a run does not write is no run";
}

TEST_F(RunFolderTest, CannotBeAFile) {
  write("file", "x");
  EXPECT_THROW(RunFolder((folder_ / "file").string(), false), Error);
}

TEST_F(RunFolderTest, KeepsTheRecipe) {
  const RunFolder run((folder_ / "new" / "deep").string(), false);
  EXPECT_EQ(run.old_recipe(), "");
  run.write_recipe("seed = 1\n");
  EXPECT_EQ(run.old_recipe(), "seed = 1\n");
}

TEST_F(RunFolderTest, ANewLogIsEmpty) {
  write("log", "{\"step\":1}\n");
  JsonLog log(folder_ / "log", -1);
  EXPECT_TRUE(log.last_kept().empty());
  log.append({{"step", 5}, {"text", "a\nb"}});
  EXPECT_EQ(read("log"), "{\"step\":5,\"text\":\"a\\nb\"}\n") << "a line a record, at once";
}

TEST_F(RunFolderTest, AResumedLogEndsWhereTheCheckpointWas) {
  write("log",
        "{\"step\":0,\"eval\":1}\n{\"step\":1}\n{\"step\":2,\"a\":0.1}\n{\"step\":3}\n{\"step\":2,\"eval\":2}\n{"
        "\"step\":4");
  JsonLog log(folder_ / "log", 2);
  EXPECT_EQ(log.last_kept(), Json({{"step", 2}, {"eval", 2}}));
  log.append({{"step", 3}});
  EXPECT_EQ(read("log"),
            "{\"step\":0,\"eval\":1}\n{\"step\":1}\n{\"step\":2,\"a\":0.1}\n{\"step\":2,\"eval\":2}\n{\"step\":3}\n");
}

TEST_F(RunFolderTest, TornAndForeignLinesAreDropped) {
  for (const char* torn : {"{\"step\":1,\"lo", "{", "\"", "", "nul"}) {
    write("log", std::string("{\"step\":1}\n[1]\nnot json\n{\"step\":\"x\"}\n") + torn);
    JsonLog log(folder_ / "log", 9);
    EXPECT_EQ(read("log"), "{\"step\":1}\n{\"step\":\"x\"}\n") << torn;
  }
}

TEST_F(RunFolderTest, ALogSurvivesTextThatIsNoUtf8) {
  JsonLog log(folder_ / "log", -1);
  log.append({{"text", "half a character: \xe4\xbd"}});
  log.flush();
  EXPECT_TRUE(Json::accept(read("log")));
}

}  // namespace
}  // namespace r1
