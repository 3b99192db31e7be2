#include "data/sources.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/error.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

class Sources : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("r1_sources_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  // `count` prompts "x0", "x1", ...
  std::string put_rows(const std::string& name, const std::string& letter, int count) {
    std::string text;
    for (int i = 0; i < count; i++) text += "{\"prompt\":\"" + letter + std::to_string(i) + "\"}\n";
    return put(name, text);
  }
  static std::string error_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path folder_;
};

std::vector<std::string> prompts_of(const Dataset& d) {
  std::vector<std::string> out;
  for (const DataRow& row : d.rows) out.push_back(row.prompt);
  return out;
}
std::map<char, int> letters_of(const Dataset& d) {
  std::map<char, int> out;
  for (const DataRow& row : d.rows) out[row.prompt[0]]++;
  return out;
}

TEST_F(Sources, PartsWithWeightsSharesAndLimits) {
  const auto parts = parse_source("a.jsonl?share=0.1&limit=5:0.7,tasks:arithmetic?rows=3:3e-1");
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].path, "a.jsonl");
  EXPECT_EQ(parts[0].weight, 0.7);
  EXPECT_EQ(parts[0].share, 0.1);
  EXPECT_EQ(parts[0].limit, 5);
  EXPECT_EQ(parts[1].path, "tasks:arithmetic?rows=3");
  EXPECT_EQ(parts[1].weight, 0.3);
  EXPECT_EQ(parse_source("part-?.jsonl")[0].path, "part-?.jsonl");
  EXPECT_EQ(parse_source("tasks:arithmetic")[0].weight, std::nullopt);
  for (const char* bad : {"a:0.5,b", "a:0,b:1", "a:-1,b:1", "a,", ",a", "a?share=2", "a?share=0", "a?limit=x", "a?x=1"})
    EXPECT_THROW(parse_source(bad), UsageError) << bad;
  const std::string odd = put_rows("odd,name:0.5?share=1.jsonl", "a", 2);
  EXPECT_EQ(parse_source(odd)[0].path, odd) << "a file that is there is that file";
}

TEST_F(Sources, CountsFollowTheWeights) {
  using Counts = std::vector<int64_t>;
  EXPECT_EQ(mixture_counts({1000, 1000}, {0.7, 0.3}, false), (Counts{1000, 429}));
  EXPECT_EQ(mixture_counts({100, 1000}, {1, 1}, false), (Counts{100, 100}));
  EXPECT_EQ(mixture_counts({100, 1000}, {1, 1}, true), (Counts{1000, 1000}));
  EXPECT_EQ(mixture_counts({10}, {5}, false), (Counts{10}));
  EXPECT_THROW(mixture_counts({1'000'000, 1}, {1e-9, 1}, true), UsageError);
}

TEST_F(Sources, MixturesAreDrawnBySeedAndRepeatOnlyWhenAsked) {
  const std::string a = put_rows("a.jsonl", "a", 700), b = put_rows("b.jsonl", "b", 100);
  const std::string source = a + ":0.7," + b + ":0.3";
  const Dataset once = load_dataset(source, {}, {});
  EXPECT_EQ(letters_of(once), (std::map<char, int>{{'a', 233}, {'b', 100}}));
  const auto all = prompts_of(once);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 333u) << "no row twice";
  EXPECT_EQ(prompts_of(load_dataset(source, {}, {})), all);
  EXPECT_NE(prompts_of(load_dataset(source, {.seed = 43}, {})), all);
  int early = 0;
  for (size_t i = 0; i < 100; i++) early += all[i][0] == 'b';
  EXPECT_NEAR(early, 30, 15) << "the parts are mixed, not one after another";
  const Dataset repeated = load_dataset(source, {.repeat = true}, {});
  EXPECT_EQ(letters_of(repeated), (std::map<char, int>{{'a', 700}, {'b', 300}}));
  std::map<std::string, int> times;
  for (const std::string& p : prompts_of(repeated)) times[p]++;
  for (const auto& [prompt, count] : times) EXPECT_EQ(count, prompt[0] == 'a' ? 1 : 3) << prompt;
  EXPECT_EQ(load_dataset(source, {.limit = 50}, {}).rows.size(), 50u);
  ASSERT_EQ(once.sources.size(), 2u);
  EXPECT_EQ(once.sources[1].rows, 100);
}

TEST_F(Sources, WithoutWeightsOneAfterAnother) {
  const std::string a = put_rows("a.jsonl", "a", 3), b = put_rows("b.jsonl", "b", 2);
  EXPECT_EQ(prompts_of(load_dataset(a + "," + b, {}, {})), (std::vector<std::string>{"a0", "a1", "a2", "b0", "b1"}));
  EXPECT_EQ(prompts_of(load_dataset(a + "?limit=1," + b, {}, {})), (std::vector<std::string>{"a0", "b0", "b1"}));
  const auto half = prompts_of(load_dataset(put_rows("c.jsonl", "c", 100) + "?share=0.5", {}, {}));
  EXPECT_EQ(std::set<std::string>(half.begin(), half.end()).size(), 50u);
  EXPECT_EQ(load_dataset(a + ",tasks:arithmetic?rows=4", {}, {}).rows.size(), 7u);
  for (const DataRow& row : load_dataset("tasks:arithmetic?rows=3&solutions=1", {}, {}).rows)
    EXPECT_EQ(row.shape, DataShape::prompt_completion);
}

TEST_F(Sources, BothSidesOfASplitKeepTheWeights) {
  const std::string source = put_rows("a.jsonl", "a", 400) + ":1," + put_rows("b.jsonl", "b", 400) + ":1";
  std::set<std::string> seen;
  for (const bool held_out : {false, true}) {
    const Dataset d = load_dataset(source, {.held_out_fraction = 0.25, .held_out = held_out}, {});
    EXPECT_EQ(letters_of(d)['a'], letters_of(d)['b']);
    for (const std::string& p : prompts_of(d)) EXPECT_TRUE(seen.insert(p).second) << p;
  }
  EXPECT_GT(seen.size(), 600u);
}

TEST_F(Sources, FoldersAndPatterns) {
  const std::string root = folder_.string();
  put_rows("d/train-00001-of-00002.jsonl", "b", 1);
  put_rows("d/train-00000-of-00002.jsonl", "a", 1);
  put_rows("d/test.jsonl", "t", 1);
  put_rows("d/.hidden.jsonl", "h", 1);
  put("d/dataset_info.json", "{}");
  put("d/README.md", "#");
  const std::string d = root + "/d";
  EXPECT_EQ(prompts_of(load_dataset(d, {}, {})), (std::vector<std::string>{"a0", "b0"}));
  EXPECT_EQ(prompts_of(load_dataset(d, {.split = "test"}, {})), (std::vector<std::string>{"t0"}));
  const std::string none = error_of([&] { load_dataset(d, {.split = "valid"}, {}); });
  EXPECT_NE(none.find("no file of the split \"valid\""), std::string::npos) << none;
  EXPECT_NE(none.find("test.jsonl"), std::string::npos) << none;
  put_rows("e/x.jsonl", "x", 1);
  put("e/sub/y.csv", "prompt\ny0\n");
  EXPECT_EQ(prompts_of(load_dataset(root + "/e", {}, {})), (std::vector<std::string>{"y0", "x0"}))
      << "no split is named";
  EXPECT_EQ(prompts_of(load_dataset(root + "/d/t*.jsonl", {}, {})), (std::vector<std::string>{"t0", "a0", "b0"}));
  put("p/part.parquet", "PAR1");
  EXPECT_NE(error_of([&] { load_dataset(root + "/p", {}, {}); }).find("Parquet: write it as JSON lines first: python3"),
            std::string::npos);
  EXPECT_NE(error_of([&] { load_dataset(root + "/none*", {}, {}); }).find("no such file"), std::string::npos);
  EXPECT_NE(error_of([&] { load_dataset("open-r1/OpenR1-Math-220k", {}, {}); }).find("data set of the Hub"),
            std::string::npos);
}

TEST_F(Sources, BadRowsAreCountedReportedAndRefusedPastTheLimit) {
  const std::string path = put("bad.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":3}\n{\"prompt\":\"b\"}\nnot json\n");
  const std::string refused = error_of([&] { load_dataset(path, {.max_bad_rows = 1}, {}); });
  EXPECT_NE(refused.find(path + ": line 2 (byte 15): \"prompt\" is number"), std::string::npos) << refused;
  EXPECT_NE(refused.find("line 4 (byte 43)"), std::string::npos) << refused;
  EXPECT_NE(refused.find("2 of the first 4 rows are bad; max_bad_rows allows 1"), std::string::npos) << refused;
  const Dataset d = load_dataset(path, {.max_bad_rows = 2}, {});
  EXPECT_EQ(prompts_of(d), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(d.sources[0].bad_rows, 2);
  EXPECT_EQ(d.rows[1].line, 3);
  ASSERT_EQ(d.bad_rows.size(), 2u);
  EXPECT_NE(error_of([&] { load_dataset(put("all.jsonl", "1\n"), {.max_bad_rows = 9}, {}); }).find("all of its 1 rows"),
            std::string::npos);
}

TEST_F(Sources, FormatsAndColumnsCanBeGiven) {
  const std::string path = put("f.jsonl", "{\"Frage\":\"q\",\"Antwort\":\"#### 4\"}\n");
  const Dataset d = load_dataset(path, {.columns = {{"prompt", "Frage"}, {"answer", "Antwort"}}}, {});
  EXPECT_EQ(d.rows[0].prompt, "q");
  EXPECT_EQ(d.rows[0].answer, "4");
  EXPECT_EQ(d.sources[0].format, "gsm8k");
  const ReadOptions asked{.format = "prompt_only", .columns = {{"prompt", "Frage"}, {"answer", "Antwort"}}};
  EXPECT_EQ(load_dataset(path, asked, {}).shape, DataShape::prompt_only);
  EXPECT_NE(error_of([&] {
              load_dataset(path, {.columns = {{"prompt", "none"}}}, {});
            }).find("no column \"none\", which prompt_column names"),
            std::string::npos);
  EXPECT_NE(error_of([&] { load_dataset(path, {.format = "text"}, {}); }).find("has no \"text\""), std::string::npos);
}

TEST_F(Sources, VerbsSayWhichShapesTheyCanUse) {
  const Dataset d = load_dataset(put("p.jsonl", "{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}"), {}, {});
  EXPECT_NO_THROW(require_shapes(d, {DataShape::preference}, "x"));
  const std::string why = error_of([&] { require_shapes(d, {DataShape::messages, DataShape::text}, "r1 sft"); });
  EXPECT_NE(why.find("r1 sft needs messages, text; it holds preference pairs"), std::string::npos) << why;
}

}  // namespace
}  // namespace r1
