// r1 report: a run's folder becomes one file, and a short form of it.
#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

TEST(Report, WritesThePageAndPrintsTheShortForm) {
  const TempFolder folder;
  write_file(folder / "summary.json",
             R"({"recipe":"tiny.toml","digest":"d1","stages":[{"name":"zero","kind":"grpo","seconds":3,"flops":5,
                "eval":{"accuracy":0.5,"ci95":[0.4,0.6],"rows":100}}]})");
  const Outcome o = r1({"report", folder.path().string()});
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.out.substr(0, 25), "tiny: 1 stage in 3s\n\nstag");
  EXPECT_NE(o.out.find(" 50.0 %  (40.0 to 60.0, n = 100)"), std::string::npos) << o.out;
  const std::string page = read_file(folder / "report.html");
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));

  const Outcome lines = r1({"report", folder.path().string(), "--json"});
  ASSERT_TRUE(done(lines));
  const std::vector<Json> json = json_lines(lines.out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["stage"], "zero");
  EXPECT_EQ(json[0]["eval"]["accuracy"], 0.5);
  EXPECT_EQ(json[1]["digest"], "d1");
  EXPECT_EQ(json[1]["report"], (folder / "report.html").string());
  EXPECT_EQ(read_file(folder / "report.html"), page);  // the same folder, the same file
}

TEST(Report, SaysWhatItExpectsOfAFolder) {
  const TempFolder folder;
  const Outcome empty = r1({"report", folder.path().string()});
  EXPECT_EQ(empty.code, 1);
  EXPECT_NE(empty.err.find("expected summary.json, stages/ or metrics.jsonl"), std::string::npos) << empty.err;
  EXPECT_FALSE(fs::exists(folder / "report.html"));
  EXPECT_EQ(r1({"report", (folder / "none").string()}).code, 1);
  EXPECT_EQ(r1({"report"}).code, 2);
}

}  // namespace
}  // namespace r1::e2e
