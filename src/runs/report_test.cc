// The report of folders made here: whole, damaged, hostile, and far too large.
#include "runs/report.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "base/error.h"
#include "base/json.h"
#include "runs/report_bounds.h"
#include "runs/report_change.h"
#include "runs/report_folder.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class ReportFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("r1_report_" + std::to_string(getpid()));
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }
  std::string dir() const { return dir_.string(); }
  // What the page's script reads.
  Json data_of(const std::string& page) const {
    const std::string open = "<script type=\"application/json\" id=\"data\">";
    const size_t begin = page.find(open) + open.size();
    return Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  }
  void put_small_pipeline() const {
    put("summary.json", R"({"recipe":"recipes/tiny.toml","seed":7,"digest":"abc123","seconds":75,"stages":[
      {"name":"base","kind":"base","seconds":2,"status":"done",
       "eval":{"accuracy":0.25,"ci95":[0.2,0.31],"rows":300,"mean_length":40.25,"language_consistency":0.8,
               "general":{"accuracy":0.1,"ci95":[0.05,0.2],"rows":100}}},
      {"name":"zero","kind":"grpo","from":"base","seconds":73,"flops":2e12,"status":"failed","eval":null}]})");
    put("stages/base/recipe.toml", "stage = \"base\"\n");
    put("stages/zero/recipe.toml", "stage = \"grpo\"\n");
    put("stages/zero/metrics.jsonl",
        "{\"step\":1,\"reward\":0,\"completions/mean_length\":10}\n{\"step\":2,\"reward\":1,\"completions/"
        "mean_length\":20}\n");
  }

  fs::path dir_;
};

TEST_F(ReportFolderTest, TerminalFormAsWrittenByHand) {
  put_small_pipeline();
  const std::string plot_of_two_points =
      "   1.00 │⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀";  // the first cells of the top row: the curve is still low there
  const std::string text = report_text(dir());
  const std::string head =
      "tiny: 2 stages in 1m15s, seed 7\n"
      "\n"
      "stage             kind        time     correct on held-out items (95 %)     tokens  language  general\n"
      "base              base        2s        25.0 %  (20.0 to 31.0, n = 300)       40.2      0.80   10.0 %\n"
      "zero              grpo        1m13s    -                                         -         -        -  failed\n"
      "\n"
      "reward while zero ran\n";
  EXPECT_EQ(text.substr(0, head.size()), head);
  EXPECT_NE(text.find(plot_of_two_points), std::string::npos) << text;
  EXPECT_NE(text.find("tokens an answer while zero ran\n  20.00 │"), std::string::npos) << text;
  EXPECT_NE(text.find("step 1 to 2\n"), std::string::npos);
  const std::string tail = "\ndigest  abc123\nreport  " + dir() + "/report.html\n";
  ASSERT_GE(text.size(), tail.size());
  EXPECT_EQ(text.substr(text.size() - tail.size()), tail);
}

TEST_F(ReportFolderTest, WhoIsPreferredAndATracedAnswer) {
  put("summary.json", R"({"recipe":"tiny.toml","stages":[
      {"name":"r1","kind":"grpo","eval":{"accuracy":0.5,"win_rate":0.625,"win_rate_ci95":[0.5,0.75],
       "preference":{"against":"dev3","wins":40,"ties":20,"losses":20,"rows":80}}},
      {"name":"trace","kind":"trace","eval":null}]})");
  put("stages/r1/recipe.toml", "");
  put("stages/trace/answers.jsonl",
      Json({{"prompt", "2+3+4?"},
            {"completion", "2+3=5\n5+4=8\nso 8"},
            {"outcome", "wrong"},
            {"extracted", "8"},
            {"reference", "9"},
            {"steps",
             {{{"text", "2+3=5\n"}, {"exact", "right"}, {"value", 0.5}, {"ci95", {0.1, 0.9}}},
              {{"text", "5+4=8\n"}, {"exact", "wrong"}, {"value", nullptr}},
              {{"text", "so 8"}, {"exact", "none"}}}},
            {"first_error", {{"step", 1}, {"confidence", 1.0}, {"by", "exact"}}},
            {"repair", {{"text", "2+3=5\n5+4=9\nso 9"}, {"verdict", "correct"}}}})
              .dump() +
          "\n");
  const std::string text = report_text(dir());
  EXPECT_NE(text.find("r1 preferred to dev3 on 80 general questions: 62.5 % (50.0 to 75.0; 40 won, 20 alike)\n"
                      "\n"
                      "a wrong answer, traced (trace): 2+3+4?\n"
                      "   0  2+3=5   exact: right  value 0.50 (0.10 to 0.90)\n"
                      "x  1  5+4=8   exact: wrong\n"
                      "      first wrong step, says exact (100 % sure)\n"
                      "   2  so 8\n"
                      "  -> says 8, it is 9\n"
                      "  repaired: 2+3=5 5+4=9 so 9\n"),
            std::string::npos)
      << text;
}

TEST_F(ReportFolderTest, LinesForMachines) {
  put_small_pipeline();
  const std::vector<std::string> lines = report_lines(dir());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(Json::parse(lines[0])["eval"]["accuracy"], 0.25);
  EXPECT_EQ(Json::parse(lines[1])["stage"], "zero");
  EXPECT_EQ(Json::parse(lines[1])["flops"], 2e12);
  EXPECT_EQ(Json::parse(lines[2])["digest"], "abc123");
  EXPECT_EQ(Json::parse(lines[2])["report"], dir() + "/report.html");
}

TEST_F(ReportFolderTest, NothingOfTheRunIsMarkup) {
  put_small_pipeline();
  const std::string evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--";
  put("summary.json", Json({{"recipe", evil + ".toml"}, {"stages", {{{"name", "zero"}, {"kind", evil}}}}}).dump());
  const std::string row = Json({{"step", 1},
                                {"prompt", evil},
                                {"completion", evil + "\x1b[31m\xE2\x80\xAE"},
                                {"outcome", evil},
                                {"tokens", {{evil, -1.5}}},
                                {evil, evil}})
                              .dump();
  for (const char* file : {"samples", "watched", "answers"})
    put(std::string("stages/zero/") + file + ".jsonl", row + "\n");
  put("stages/zero/recipe.toml", evil);
  const std::string page = report_html(dir());
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  size_t ends = 0;
  for (size_t at = 0; (at = page.find("</script>", at)) != std::string::npos; at++) ends++;
  EXPECT_EQ(ends, 3u);  // data, library, page
  const Json stage = data_of(page)["stages"][0];
  EXPECT_EQ(stage["answers"][0]["completion"], evil + "\xE2\x90\x9B[31m\xEF\xBF\xBD");  // as it was, made harmless
  EXPECT_EQ(stage["watched"][0]["at"][0]["prompt"], evil);
}

// The policy names the hashes of what stands in the file, so the file's own script runs and no other.
TEST_F(ReportFolderTest, LoadsNothingFromElsewhere) {
  put_small_pipeline();
  const std::string page = report_html(dir());
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_FALSE(std::regex_search(page.substr(0, page.find("<style>")), std::regex("(src|href)=\"(?!data:,)")));
  EXPECT_EQ(page.find("@import"), std::string::npos);
  EXPECT_EQ(page.find("url("), std::string::npos);
  std::smatch policy;
  ASSERT_TRUE(std::regex_search(page, policy, std::regex("content=\"(default-src 'none'; script-src[^\"]*)\"")));
  EXPECT_EQ(policy[1].str().find("unsafe"), std::string::npos);
  EXPECT_LT(page.size(), 400'000u);  // a file with next to no data
}

// sha256("") in base 64 is known; here the style's hash is made again by the openssl program where it is there.
TEST_F(ReportFolderTest, PolicyNamesTheHashOfTheStyle) {
  put_small_pipeline();
  if (std::system("command -v openssl >/dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl program";
  const std::string page = report_html(dir());
  const size_t begin = page.find("<style>") + 7;
  put("style.css", page.substr(begin, page.find("</style>") - begin));
  ASSERT_EQ(
      std::system(
          ("openssl dgst -sha256 -binary " + dir() + "/style.css | openssl base64 -A > " + dir() + "/hash").c_str()),
      0);
  std::string hash;
  std::getline(std::ifstream(dir_ / "hash"), hash);
  EXPECT_NE(page.find("style-src 'sha256-" + hash + "'"), std::string::npos) << hash;
}

// What speaks against trusting a run's reward stands in its report.
TEST_F(ReportFolderTest, AuditAndRadarAreSaid) {
  put("summary.json", R"({"stages":[{"name":"bold"},{"name":"good"}]})");
  put("stages/bold/audit.json",
      R"({"enforced":false,"passed":false,"checks":[{"name":"gold_scores_right","status":"failed","detail":"x"},)"
      R"({"name":"budget_fits","status":"passed","detail":"y"},)"
      R"({"name":"empty_scores_wrong","status":"skipped","detail":"not checked: it fails"}]})");
  put("stages/bold/metrics.jsonl",
      "{\"step\":5,\"radar/alarm\":0}\n{\"step\":10,\"radar/alarm\":1}\n{\"step\":15,\"radar/alarm\":1}\n");
  put("stages/good/audit.json",
      R"({"enforced":true,"passed":true,"checks":[{"name":"gold_scores_right","status":"passed","detail":"x"}]})");
  put("stages/good/metrics.jsonl", "{\"step\":5,\"radar/alarm\":0}\n");
  const RunReport run = read_report(dir());
  std::string notes;
  for (const std::string& note : run.notes) notes += note + "\n";
  EXPECT_EQ(
      notes,
      "bold: audit: empty_scores_wrong: not checked: it fails\n"
      "bold: --no-audit: it was started although its audit failed: gold_scores_right\n"
      "bold: hack radar: 2 alarms, the first at step 10: the reward rose and a stricter checker's score did not\n");
  EXPECT_NE(report_html(dir()).find("--no-audit: it was started although"), std::string::npos);
  put("stages/good/audit.json", R"({"enforced":false,"passed":true,"checks":[]})");
  EXPECT_NE(report_text(dir()).find("good: --no-audit: the audit before step 0 would have passed"), std::string::npos);
}

TEST_F(ReportFolderTest, MissingAndDamagedFilesAreSaid) {
  put("summary.json",
      "{\"stages\":[{\"name\":\"../../etc\"},{\"name\":\"gone\"},7,{\"name\":\"cut\",\"eval\":\"x\",\"seconds\":[]}]}");
  put("stages/cut/metrics.jsonl", "{\"step\":1,\"reward\":0.5}\nnot json\n\n[1]\n{\"step\":2,\"rew");
  put("stages/cut/answers.jsonl",
      std::string("{\"completion\":\"\xFF\"}\n", 20) + std::string(5u << 20, 'x') + "\n{\"completion\":5}\n");
  put("stages/cut/summary.json", std::string(100'000, '['));
  put("stages/extra/recipe.toml", "a = 1\n");
  ASSERT_EQ(mkfifo((dir_ / "stages/extra/samples.jsonl").c_str(), 0600), 0);  // nobody will ever write to it
  const RunReport run = read_report(dir());
  std::string notes;
  for (const std::string& note : run.notes) notes += note + "\n";
  EXPECT_NE(notes.find("cut/metrics.jsonl: 3 damaged lines left out"), std::string::npos) << notes;
  EXPECT_NE(notes.find("cut/answers.jsonl: 2 damaged lines left out"), std::string::npos) << notes;
  EXPECT_NE(notes.find("a stage without a name"), std::string::npos) << notes;
  EXPECT_NE(notes.find("stage gone: its folder is not here"), std::string::npos) << notes;
  EXPECT_NE(notes.find("stage ../../etc: its folder is not here"), std::string::npos) << notes;
  ASSERT_EQ(run.stages.size(), 4u);
  EXPECT_EQ(run.stages[3].name, "extra");
  EXPECT_EQ(run.stages[2].metrics.at("reward").values, std::vector<double>{0.5});
  EXPECT_FALSE(report_html(dir()).empty());
  EXPECT_FALSE(report_text(dir()).empty());
}

TEST_F(ReportFolderTest, OneRunIsAReportOfOneStage) {
  put("recipe.toml", "learning_rate = 1\n");
  put("metrics.jsonl",
      "{\"step\":1,\"loss\":2,\"step_time\":1.5,\"num_tokens\":10}\n{\"step\":2,\"loss\":1,\"step_time\":2,\"num_"
      "tokens\":25}\n"
      "{\"step\":2,\"eval_accuracy\":0.5,\"eval_ci95\":[0.4,0.6],\"eval_rows\":50}\n");
  const RunReport run = read_report(dir());
  ASSERT_EQ(run.stages.size(), 1u);
  const Json& facts = run.stages[0].facts;
  EXPECT_EQ(facts["kind"], "sft");
  EXPECT_EQ(facts["seconds"], 3.5);
  EXPECT_EQ(facts["tokens"], 25);
  EXPECT_EQ(facts["eval"], Json({{"accuracy", 0.5}, {"ci95", {0.4, 0.6}}, {"rows", 50}}));
  EXPECT_EQ(write_report(dir()), dir() + "/report.html");
  EXPECT_TRUE(fs::exists(dir_ / "report.html"));
}

TEST_F(ReportFolderTest, AFolderWithoutARunIsAnError) {
  EXPECT_THROW(read_report(dir()), Error);
  EXPECT_THROW(read_report(dir() + "/nowhere"), Error);
}

TEST_F(ReportFolderTest, StaysBelowItsLimit) {
  Json stages = Json::array();
  for (int s = 0; s < 5; s++) {
    const std::string name = "stage" + std::to_string(s);
    stages.push_back({{"name", name}});
    std::string rows;
    for (int i = 0; i < 60; i++) {
      Json tokens = Json::array();
      for (int t = 0; t < 200; t++) tokens.push_back({"token" + std::to_string(t), -0.125 * t});
      rows += Json({{"row", i},
                    {"step", i},
                    {"prompt", "p"},
                    {"completion", std::string(40'000, 'a' + i % 26)},
                    {"outcome", i % 2 ? "correct" : "wrong"},
                    {"tokens", tokens}})
                  .dump() +
              "\n";
    }
    for (const char* file : {"answers", "samples"}) put("stages/" + name + "/" + file + ".jsonl", rows);
  }
  put("summary.json", Json({{"stages", stages}}).dump());
  const std::string page = report_html(dir());
  EXPECT_LE(page.size(), kMostReportBytes);
  EXPECT_GT(page.size(), kMostReportBytes / 4);
  const Json data = data_of(page);
  for (const Json& stage : data["stages"]) {
    EXPECT_GE(stage["answers"].size(), 2u);
    EXPECT_NE(stage["answers"][0]["outcome"], stage["answers"][1]["outcome"]);
    EXPECT_NE(stage["answers"][0]["completion"].get<std::string>().find("bytes left out]"), std::string::npos);
    EXPECT_EQ(stage["seen"]["answers"], 60);
  }
}

TEST(ReportBounds, ShownTextHasNothingThatActs) {
  EXPECT_EQ(shown_text("a\tb\nü\xE6\x97\xA5", 100), "a\tb\nü\xE6\x97\xA5");
  EXPECT_EQ(shown_text(std::string_view("\0\x1b\x7f", 3), 100), "\xE2\x90\x80\xE2\x90\x9B\xE2\x90\xA1");
  EXPECT_EQ(shown_text("x\xFFy\xC0\xAFz\xED\xA0\x80", 100),
            "x\uFFFDy\uFFFD\uFFFDz\uFFFD\uFFFD\uFFFD");  // a broken byte, an overlong slash, half a surrogate pair
  EXPECT_EQ(shown_text("\u202E\u2066\u0085", 100), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(shown_text(std::string(50, 'a'), 10), "aaaaaaaa […42 of 50 bytes left out]");
  EXPECT_EQ(shown_text("äöü", 100), "äöü");
}

TEST(ReportChange, FindsAChangeOfMind) {
  const auto sum = find_answer_change("12 + 5 = 16. Then 16 * 2 = 32. Wait, 12+5 = 17.");
  ASSERT_TRUE(sum);
  EXPECT_EQ(sum->about, "12+5");
  EXPECT_EQ(sum->before, "16");
  EXPECT_EQ(sum->after, "17");
  EXPECT_EQ(sum->word, "Wait");
  EXPECT_EQ(sum->word_begin, 31u);
  const auto answer = find_answer_change("The answer is 5. Let me check. \\boxed{7}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->after, "7");
  EXPECT_EQ(find_answer_change("答案是 5。不对，答案是 6")->word, "不对");
}

TEST(ReportChange, IsNotFooledByNextStepsOrOtherWords) {
  EXPECT_FALSE(find_answer_change("12 + 5 = 17. But also 3 * 4 = 12, so the answer is 29."));
  EXPECT_FALSE(find_answer_change("The answer is 5. Let me check: the answer is 5."));
  EXPECT_FALSE(find_answer_change("The answer is 5. The answer is 6."));             // no word of reflection
  EXPECT_FALSE(find_answer_change("The answer is 5. The checker waits. Answer 6"));  // neither is one of the words
  EXPECT_FALSE(find_answer_change("Wait. The answer is 5. The answer is 6."));       // the word comes before both
}

}  // namespace
}  // namespace r1
