// Audits of runs that fit and of runs that do not, on the embedded model's tokenizer and template.
#include "train/audit.h"

#include <gtest/gtest.h>

#include "train/tiny_run.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Status = AuditCheck::Status;

class Audit : public ::testing::Test {
 protected:
  // Rows of a file with these lines; a run on them.
  AuditReport of(const std::string& lines, const KeyValues& keys = {}) {
    write_bytes(temporary_ / "data.jsonl", lines);
    return of_run({{"data", (temporary_ / "data.jsonl").string()}, {"max_completion_length", "64"}}, keys);
  }
  AuditReport of_run(const KeyValues& run, const KeyValues& keys = {}) {
    run_ = make_run<GrpoRun>(run + keys);
    const GrpoOptions& o = run_.options;
    rows_ = o.data.load_prompts(false, "r1 grpo").rows;
    held_out_.clear();
    if (o.eval_steps > 0) held_out_ = o.data.load_prompts(true, "r1 grpo").rows;
    const ModelFiles files = tiny_files();
    prompts_ = std::make_unique<PromptBuilder>(files, open_tokenizer(files), o.prompt);
    return audit_run(inputs());
  }
  AuditInputs inputs() const {
    return {.options = &run_.options,
            .prompts = prompts_.get(),
            .rows = &rows_,
            .held_out = &held_out_,
            .max_positions = 256};
  }

  static const AuditCheck& check(const AuditReport& report, const std::string& name) {
    for (const AuditCheck& c : report.checks)
      if (c.name == name) return c;
    fail("no check {}", name);
  }
  // Which checks failed.
  static std::vector<std::string> failed(const AuditReport& report) {
    std::vector<std::string> out;
    for (const AuditCheck& c : report.checks)
      if (c.status == Status::failed) out.push_back(c.name);
    return out;
  }

  TempFolder temporary_;
  GrpoRun run_;
  std::vector<DataRow> rows_, held_out_;
  std::unique_ptr<PromptBuilder> prompts_;
};

using Names = std::vector<std::string>;

const char* const kSums = R"({"question":"What is 1 + 1?","answer":"2"}
{"question":"What is 1 + 2?","answer":"3"}
{"question":"What is 1 + 3?","answer":"4"}
{"question":"What is 1 + 4?","answer":"5"}
)";

TEST_F(Audit, GoodRunsPass) {
  for (const char* reward : {"math", "math+format*0.5", "accuracy+tag_count", "format+math", "math+length+language"}) {
    const AuditReport report = of(kSums, {{"reward", reward}});
    EXPECT_EQ(failed(report), Names{}) << reward << report.failures();
    EXPECT_EQ(check(report, "gold_scores_right").status, Status::passed);
    EXPECT_EQ(check(report, "shuffled_gold_scores_wrong").status, Status::passed);
    EXPECT_EQ(check(report, "empty_scores_wrong").status, Status::passed);
    EXPECT_EQ(check(report, "reward_reachable").status, Status::passed);
    EXPECT_EQ(check(report, "train_eval_overlap").status, Status::skipped);
  }
}

TEST_F(Audit, WorkedSolutionsAsReferences) {
  for (const char* lines : {R"({"question":"1 + 2?","answer":"1 + 2 = 3\n#### 3"}
{"question":"1 + 4?","answer":"1 + 4 = 5\n#### 5"})",
                            R"({"problem":"1 + 2?","solution":"It is $\\boxed{3}$."}
{"problem":"1 + 4?","solution":"It is $\\boxed{\\frac{10}{2}}$."})"}) {
    const AuditReport report = of(lines, {{"reward", "math+format"}});
    EXPECT_EQ(failed(report), Names{}) << report.failures();
    EXPECT_EQ(check(report, "shuffled_gold_scores_wrong").status, Status::passed);
  }
}

TEST_F(Audit, EveryTaskFamilyPasses) {
  for (const char* name :
       {"arithmetic", "countdown", "linear_equations", "base_conversion", "sequences", "sorting", "string_edits",
        "calendar", "knights_and_knaves", "truth_tables", "mazes", "word_problems", "programs"}) {
    const AuditReport report =
        of_run({{"data", std::string("tasks:") + name}, {"task_rows", "64"}, {"max_completion_length", "4"}},
               {{"reward", "auto"}, {"eval_steps", "1"}});
    EXPECT_EQ(failed(report) == Names{} || failed(report) == Names{"budget_fits"}, true) << name << report.failures();
    EXPECT_EQ(check(report, "shuffled_gold_scores_wrong").status, Status::passed) << name;
    EXPECT_EQ(check(report, "train_eval_overlap").status, Status::passed) << name;
  }
}

TEST_F(Audit, GamesArePlayedNotAnswered) {
  for (const char* name : {"tic_tac_toe", "nim"})
    for (const char* reward : {"auto", "auto+format*0.1"}) {
      const AuditReport report = of_run({{"data", std::string("games:") + name}, {"task_rows", "16"}},
                                        {{"reward", reward}, {"max_completion_length", "32"}});
      EXPECT_EQ(failed(report), Names{}) << name << report.failures();
      EXPECT_NE(check(report, "gold_scores_right").detail.find("played"), std::string::npos);
    }
}

TEST_F(Audit, RowsWhoseOwnAnswersAreWrongAreNamed) {
  const std::string lines = std::string(kSums) + R"({"question":"Which?","answer":"6 or 7"})" + "\n";
  const AuditReport bad = of(lines, {{"reward", "math"}, {"max_failed_rewards", "0"}});
  EXPECT_EQ(failed(bad), Names{"gold_scores_right"});
  const AuditCheck& c = check(bad, "gold_scores_right");
  ASSERT_EQ(c.findings.size(), 1u);
  EXPECT_EQ(c.findings[0].line, 5);
  EXPECT_NE(bad.failures().find("row 4 (line 5)"), std::string::npos) << bad.failures();
  EXPECT_NE(bad.failures().find("what to do: "), std::string::npos);
  const AuditReport borne = of(lines, {{"reward", "math"}});
  EXPECT_EQ(failed(borne), Names{}) << "a checker that fails on one row of five: max_failed_rewards allows half";
  EXPECT_EQ(check(borne, "gold_scores_right").warnings.size(), 1u);
  EXPECT_EQ(failed(of("{\"question\":\"a\"}\n{\"question\":\"b\"}\n", {{"reward", "math"}})),
            Names{"gold_scores_right"})
      << "no answers at all";
}

TEST_F(Audit, AnswersThatAreAllTheSameCannotBeShuffled) {
  const AuditReport report =
      of("{\"question\":\"a?\",\"answer\":\"1/2\"}\n{\"question\":\"b?\",\"answer\":\"0.5\"}\n", {{"reward", "math"}});
  EXPECT_EQ(failed(report), Names{}) << report.failures();
  EXPECT_EQ(check(report, "shuffled_gold_scores_wrong").status, Status::skipped);
}

class FunctionAudit : public Audit {
 protected:
  // Eight sums, judged by a function of TRL's shape whose body sees a completion `c` and its row's answer `a`.
  AuditReport judged_by(const std::string& body, const std::string& rest = "") {
    write_bytes(temporary_ / "f.py", "import re, zlib\ndef one(c, a):\n" + body +
                                         "def f(completions, answer, **kwargs):\n"
                                         "    open('" +
                                         (temporary_ / "called").string() +
                                         "', 'w').close()\n"
                                         "    return [one(c, a) for c, a in zip(completions, answer)]\n");
    std::string lines;
    for (int i = 1; i <= 8; i++)
      lines +=
          Json{{"question", "What is 1 + " + std::to_string(i) + "?"}, {"answer", std::to_string(i + 1)}}.dump() + "\n";
    return of(lines, {{"reward", "trl:" + (temporary_ / "f.py").string() + ":f" + rest}});
  }
  static const char* state(const AuditReport& report, const std::string& name) {
    const Status s = check(report, name).status;
    return s == Status::passed ? "passed" : s == Status::failed ? "failed" : "skipped";
  }
  static std::string states(const AuditReport& report) {
    return std::string(state(report, "gold_scores_right")) + " " + state(report, "shuffled_gold_scores_wrong") + " " +
           state(report, "empty_scores_wrong");
  }
};

TEST_F(FunctionAudit, GoodFunctionsPassInWhateverFormTheyReadAnswers) {
  for (const char* body :
       {"    m = re.search('<answer>(.*)</answer>', c)\n    return float(m is not None and m[1] == a)\n",
        "    m = re.findall(r'boxed{(.*?)}', c)\n    return 1.0 if m and m[-1] == a else -1.0\n",
        "    m = re.search(r'#### (\\-?[0-9.,]+)', c)\n    return 1.0 if m and m[1] == a else 0.0\n",
        "    m = re.search(r'Answer: (.*)$', c)\n    return 1.0 if m and m[1] == a else 0.0\n",
        "    m = re.match('^<think>\\n.*?\\n</think>\\n<answer>\\n(.*?)\\n</answer>$', c, re.DOTALL)\n"
        "    return 1.0 if m and m[1] == a else 0.0\n",
        "    return 2.5 if c == a else 0.25 if c else 0\n",
        "    n = re.findall('[0-9]+', c)\n    return -abs(int(n[-1]) - int(a)) if n else -99\n"}) {
    const AuditReport report = judged_by(body);
    EXPECT_EQ(states(report), "passed passed passed") << body << report.to_json();
    EXPECT_TRUE(report.passed());
  }
}

TEST_F(FunctionAudit, WhatSpeaksAgainstAFunctionIsRefused) {
  EXPECT_EQ(failed(judged_by("    return 1.0\n")), Names{"gold_scores_right"}) << "everything is right";
  EXPECT_EQ(failed(judged_by("    return 0.0\n")), Names{"gold_scores_right"}) << "nothing is";
  const std::string read = "    m = re.search('<answer>(.*)</answer>', c)\n    c = m[1] if m else ''\n";
  EXPECT_EQ(failed(judged_by(read + "    return float(c != a)\n")), Names{"shuffled_gold_scores_wrong"}) << "turned";
  EXPECT_EQ(failed(judged_by(read + "    return float(a.startswith(c))\n")), Names{"empty_scores_wrong"})
      << "nothing begins everything";
  EXPECT_EQ(failed(judged_by(read + "    return 1.0 if c == a else 3.0 if not c else 0.0\n")),
            Names{"empty_scores_wrong"});
  EXPECT_NE(judged_by("    return 0.0\n").failures().find("--no-audit"), std::string::npos);
}

TEST_F(FunctionAudit, WhatCannotBeCheckedIsSaidNotRefused) {
  for (const auto& [body, why] :
       {std::pair<const char*, const char*>("    return -abs(20.0 - len(c))\n", "whatever the row's answer is"),
        {"    return float(c.startswith('<think>'))\n", "whatever the row's answer is"},
        {"    raise RuntimeError('no such column')\n", "no such column"},
        {"    return None\n", "failed on what it was asked"},
        {"    return zlib.crc32((c + a).encode()) % 3\n", "more than chance"}}) {
    const AuditReport report = judged_by(body);
    EXPECT_EQ(states(report), "skipped skipped skipped") << body << report.to_json();
    const AuditCheck& c = check(report, "gold_scores_right");
    EXPECT_NE(c.detail.find("not checked"), std::string::npos) << c.detail;
    EXPECT_NE(c.detail.find(why), std::string::npos) << c.detail;
    EXPECT_EQ(c.warnings.size(), 1u);
    EXPECT_TRUE(report.passed()) << report.failures();
  }
  EXPECT_EQ(states(judged_by("    m = re.search('<answer>(.*)</answer>', c)\n    return float(m[1] == a)\n")),
            "passed passed skipped")
      << "an empty completion is an exception";
}

TEST_F(FunctionAudit, BesideAVerifierItIsNotAsked) {
  std::filesystem::remove(temporary_ / "called");
  const AuditReport report = judged_by("    return 1.0\n", "*0.5+math");
  EXPECT_EQ(states(report), "passed passed passed");
  EXPECT_FALSE(std::filesystem::exists(temporary_ / "called"));
  EXPECT_NE(check(report, "gold_scores_right").detail.find("is not asked"), std::string::npos);
}

TEST_F(FunctionAudit, ProgramsAndRowsWithoutAnswers) {
  const std::string program =
      "exec:while IFS= read -r line; do id=${line#*\\\"id\\\":}; id=${id%%,*}; case $line in "
      "*'<answer>2</answer>'*'\"answer\":\"2\"'*|*'<answer>3</answer>'*'\"answer\":\"3\"'*|"
      "*'<answer>4</answer>'*'\"answer\":\"4\"'*|*'<answer>5</answer>'*'\"answer\":\"5\"'*) s=1;; *) s=0;; esac; "
      "echo \"{\\\"id\\\":$id,\\\"score\\\":$s}\"; done";
  EXPECT_EQ(states(of(kSums, {{"reward", program}})), "passed passed passed");
  const AuditReport none = of("{\"question\":\"a\"}\n{\"question\":\"b\"}\n", {{"reward", program}});
  EXPECT_EQ(states(none), "skipped skipped skipped");
  EXPECT_NE(check(none, "gold_scores_right").detail.find("no answer"), std::string::npos);
}

// R1's trap: the template opens the thought, so the completion has no <think>.
TEST_F(Audit, TheRewardJudgesWhatThePromptOpenedAndTheCompletion) {
  const KeyValues reward = {{"reward", "math+format"}};
  for (const char* opened : {"<think>", "<think>\n", "<think>\nOkay, so", "<think>\nfine\n</think>\n"})
    EXPECT_EQ(failed(of(kSums, reward + KeyValues{{"thought_prefill", opened}})), Names{}) << opened;
  const std::string turns = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}";
  EXPECT_EQ(failed(of(kSums, reward + KeyValues{{"chat_template", turns + "<think>\n"}})), Names{});
  // what cannot be known from the prompt's end, or opens twice
  for (const KeyValues& trap : {KeyValues{{"chat_template", turns + "<think>\nOkay, so"}},
                                KeyValues{{"chat_template", turns + "<think></think>"}},
                                KeyValues{{"chat_template", turns + "<think>\n"}, {"thought_prefill", "<think>\n"}},
                                KeyValues{{"thought_prefill", "Sure! "}}}) {
    const AuditReport report = of(kSums, reward + trap);
    const Names names = failed(report);
    EXPECT_NE(std::find(names.begin(), names.end(), "template_agrees_with_format"), names.end()) << trap[0].second;
  }
  EXPECT_EQ(failed(of(kSums, {{"reward", "math"}, {"chat_template", turns + "<think></think>"}})), Names{})
      << "no reward for tags: a template without thoughts is fine";
  EXPECT_EQ(failed(of("{\"question\":\"What does <think> mean? 1 + 1\",\"answer\":\"2\"}\n", reward)), Names{})
      << "a question may speak of tags";
}

TEST_F(Audit, RewardsThatNothingReaches) {
  EXPECT_EQ(failed(of(kSums, {{"reward", "math*0"}})), Names{"reward_reachable"});
  EXPECT_EQ(check(of(kSums, {{"reward", "length"}}), "reward_reachable").status, Status::skipped);
}

TEST_F(Audit, WhatIsTooLongForTheModel) {
  const AuditReport report = of(kSums, {{"reward", "math"}, {"max_completion_length", "250"}});
  EXPECT_EQ(failed(report), Names{"budget_fits"});
  EXPECT_NE(report.failures().find("256 positions"), std::string::npos) << report.failures();
  EXPECT_EQ(failed(of("{\"question\":\"a\",\"answer\":\"123456789\"}\n{\"question\":\"b\",\"answer\":\"987654321\"}\n",
                      {{"reward", "math"}, {"max_completion_length", "2"}})),
            Names{"budget_fits"})
      << "no answer fits";
  const AuditReport solutions =
      of("{\"prompt\":\"1 + 1?\",\"completion\":\"One and one and nothing else are two.\",\"answer\":\"2\"}\n",
         {{"reward", "math"}, {"max_completion_length", "4"}});
  EXPECT_EQ(failed(solutions), Names{}) << solutions.failures();
  EXPECT_EQ(check(solutions, "budget_fits").warnings.size(), 1u);
}

DataRow asks(const std::string& question) {
  DataRow row;
  row.prompt = question;
  return row;
}

TEST(AuditOverlap, SameQuestionsAndNearOnes) {
  const std::string story = "Tom has three red apples and gives two of them to his sister Ann before lunch";
  std::vector<DataRow> train = {asks(story + " on Monday."), asks("What is  2 + 2?")};
  for (int i = 0; i < 200; i++)
    train.push_back(asks("Solve this and put the result into a box please: " + std::to_string(i) + " + 1"));
  const std::vector<DataRow> held_out = {
      asks("what is 2 +\n2?"), asks("What is 2 + 3?"), asks(story + " on Tuesday."),
      asks("Another story in which there is nothing at all that was ever trained on"),
      asks("Solve this and put the result into a box please: 77777 + 1")};
  const Overlap found = find_overlap(train, held_out, true);
  EXPECT_EQ(found.compared, 5);
  ASSERT_EQ(found.same.size(), 1u) << "case and white space do not matter";
  EXPECT_EQ(found.same[0].row, 0);
  EXPECT_EQ(found.same[0].what, "is training row 1");
  ASSERT_EQ(found.near.size(), 1u) << "what all rows share is the data's frame";
  EXPECT_EQ(found.near[0].row, 2);
  EXPECT_TRUE(find_overlap(train, held_out, false).near.empty());
}

TEST_F(Audit, OverlapIsRefused) {
  // the split is by question, so only near ones can meet
  std::string lines;
  for (int i = 0; i < 40; i++)
    lines += Json{{"question", "In the town number " + std::to_string(i / 4) + " of the county there live " +
                                   std::to_string(i / 4) + " bakers and every one of them bakes loaf after loaf" +
                                   std::to_string(i)},
                  {"answer", std::to_string(i)}}
                 .dump() +
             "\n";
  const AuditReport report = of(lines, {{"reward", "math"}, {"eval_steps", "1"}, {"held_out_fraction", "0.25"}});
  EXPECT_EQ(failed(report), Names{"train_eval_overlap"}) << report.failures();
}

TEST_F(Audit, ItsFileAndItsWord) {
  of(kSums, {{"reward", "math*0"}});
  const std::string folder = temporary_.path().string();
  const std::string error = error_of([&] { require_audit(inputs(), folder); });
  EXPECT_NE(error.find("reward_reachable"), std::string::npos) << error;
  EXPECT_NE(error.find("--no-audit"), std::string::npos) << error;
  Json json = Json::parse(bytes_of(temporary_ / "audit.json"));
  EXPECT_EQ(json["passed"], false);
  EXPECT_EQ(json["enforced"], true);
  EXPECT_EQ(json["checks"].size(), 7u);
  for (const Json& c : json["checks"]) {
    EXPECT_FALSE(c["detail"].get<std::string>().empty()) << c;
    EXPECT_EQ(c["status"] == "failed", c.contains("advice")) << c;
  }
  of(kSums, {{"reward", "math*0"}, {"audit", "false"}});
  const std::vector<std::string> said = require_audit(inputs(), folder);
  ASSERT_FALSE(said.empty());
  EXPECT_NE(said[0].find("--no-audit: this run starts although its audit failed"), std::string::npos) << said[0];
  json = Json::parse(bytes_of(temporary_ / "audit.json"));
  EXPECT_EQ(json["enforced"], false);
  EXPECT_EQ(json["passed"], false);
}

}  // namespace
}  // namespace r1
