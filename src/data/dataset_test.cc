#include "data/dataset.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "reward/reward.h"

namespace r1 {
namespace {

Dataset parse(std::string_view text) { return parse_dataset(text, "f.jsonl"); }

std::string error_of(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

std::string shared(const std::string& file) {
  const char* root = std::getenv("R1_SHARED");
  return std::string(root != nullptr ? root : R1_SOURCE_DIR "/../shared") + "/" + file;
}

TEST(Dataset, TellsShapesByTheirColumns) {
  const std::pair<const char*, DataShape> cases[] = {
      {R"({"text":"a"})", DataShape::text},
      {R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})", DataShape::messages},
      {R"({"messages":[{"role":"user","content":"q"}],"answer":"4"})", DataShape::prompt_only},
      {R"({"prompt":"q","answer":"4"})", DataShape::prompt_only},
      {R"({"prompt":"q"})", DataShape::prompt_only},
      {R"({"prompt":[{"role":"user","content":"q"}],"solution":"4"})", DataShape::prompt_only},
      {R"({"prompt":"q","completion":"a"})", DataShape::prompt_completion},
      {R"({"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]})",
       DataShape::prompt_completion},
      {R"({"question":"q","answer":"so\n#### 1,234"})", DataShape::prompt_completion},
      {R"({"question":"q","answer":"4","metadata":{"x":1}})", DataShape::prompt_only},
      {R"({"input":"q","target":43.0})", DataShape::prompt_only},
      {R"({"problem":"q","solution":"4"})", DataShape::prompt_only},
      {R"({"instruction":"q","input":"","output":"a"})", DataShape::prompt_completion},
      {R"({"input_ids":[1,2]})", DataShape::tokenised},
      {R"({"input_ids":[1,2],"labels":[-100,2]})", DataShape::tokenised}};
  for (const auto& [text, shape] : cases) EXPECT_EQ(parse(text).shape, shape) << text;
}

TEST(Dataset, FillsTheMembers) {
  DataRow row = parse(R"({"question":"q","answer":"so 2+2\n#### 1,234"})").rows[0];
  EXPECT_EQ(row.prompt, "q");
  EXPECT_EQ(row.completion, "so 2+2\n#### 1,234");
  EXPECT_EQ(row.answer, "1234");
  EXPECT_EQ(row.row["answer"], "so 2+2\n#### 1,234");  // as it came

  row = parse(R"({"input":"q","target":43.0,"extra":{"deep":[1]}})").rows[0];
  EXPECT_EQ(row.answer, "43.0");
  EXPECT_EQ(row.row["answer"], "43.0");
  EXPECT_EQ(row.row["extra"]["deep"][0], 1);
  EXPECT_TRUE(row.tools.is_null());

  row = parse(R"({"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}],)"
              R"("tools":[{"type":"function"}]})")
            .rows[0];
  EXPECT_EQ(row.messages.size(), 1u);
  EXPECT_EQ(row.completion, "a");
  EXPECT_EQ(row.tools.size(), 1u);
  EXPECT_TRUE(row.prompt.empty());

  row = parse(R"({"messages":[{"role":"user","content":"q"}],"ground_truth":"#### 4"})").rows[0];
  EXPECT_EQ(row.answer, "4");
  EXPECT_EQ(row.row["answer"], "4");
  EXPECT_TRUE(row.completion.empty());

  row = parse(R"({"instruction":"do","input":"this","output":"a"})").rows[0];
  EXPECT_EQ(row.prompt, "do\n\nthis");
  EXPECT_EQ(row.completion, "a");

  row = parse(R"({"input_ids":[1,2,3],"labels":[-100,-100,3],"attention_mask":[1,1,1]})").rows[0];
  EXPECT_EQ(row.input_ids, (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(row.labels, (std::vector<int32_t>{-100, -100, 3}));
  EXPECT_EQ(parse(R"({"input_ids":[1,2]})").rows[0].labels, (std::vector<int32_t>{1, 2}));

  row = parse(R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{}]},)"
              R"({"role":"tool","content":"r"},{"role":"assistant","content":"a"}]})")
            .rows[0];
  EXPECT_EQ(row.messages.size(), 4u);
}

TEST(Dataset, BadRowsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "holds no rows"},
      {"\n\n", "holds no rows"},
      {R"({"foo":1,"bar":2})", "no known columns (foo, bar)"},
      {R"({})", "no known columns"},
      {R"({"foo;bar":"1;2"})", "between commas"},
      {R"({"text":1})", "\"text\" is number"},
      {R"({"prompt":1})", "\"prompt\" is number"},
      {R"({"prompt":""})", "\"prompt\" is empty"},
      {R"({"prompt":[]})", "\"prompt\" is no list of messages"},
      {R"({"prompt":"q","completion":3})", "\"completion\" is number"},
      {R"({"prompt":"q","completion":[]})", "no list of messages"},
      {R"({"prompt":"q","completion":[{"role":"user","content":"a"}]})", "expected one of the assistant"},
      {R"({"messages":[{"content":"q"}]})", "no \"role\""},
      {R"({"messages":[{"role":"user"}]})", "no \"content\""},
      {R"({"messages":[{"role":"user","content":3}]})", "no \"content\""},
      {R"({"messages":"q"})", "no list of messages"},
      {R"({"tools":{},"text":"a"})", "\"tools\" is object"},
      {R"({"input_ids":[]})", "\"input_ids\" is empty"},
      {R"({"input_ids":"a"})", "\"input_ids\" is string"},
      {R"({"input_ids":[1.5]})", "holds 1.5"},
      {R"({"input_ids":[-1]})", "holds -1"},
      {R"({"input_ids":[2147483648]})", "holds 2147483648"},
      {R"({"input_ids":[18446744073709551615]})", "holds 18446744073709551615"},
      {R"({"input_ids":[1],"labels":[-100,1]})", "\"labels\" has 2 entries, \"input_ids\" 1"},
      {R"({"input_ids":[1],"labels":[-99]})", "\"labels\" holds -99"},
      {R"({"input_ids":[1],"labels":[-101]})", "\"labels\" holds -101"}};
  for (const auto& [text, want] : cases) EXPECT_NE(error_of(text).find(want), std::string::npos) << error_of(text);
  const std::string mixed = error_of("{\"text\":\"a\"}\n{\"prompt\":\"a\"}\n");
  EXPECT_NE(mixed.find("f.jsonl: line 2 (byte 13): this row has another shape (prompts) than those before (text)"),
            std::string::npos)
      << mixed;
}

TEST(Dataset, LoadsFilesAndNamesMissingOnes) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("r1_data_" + std::to_string(getpid()) + ".jsonl")).string();
  std::ofstream(path) << "{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
  const Dataset d = load_dataset(path, {});
  std::filesystem::remove(path);
  EXPECT_EQ(d.rows.size(), 2u);
  EXPECT_EQ(d.name, path);
  try {
    load_dataset(path, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos);
  }
  EXPECT_EQ(load_dataset("tasks:arithmetic?rows=3", {}).rows.size(), 3u);
}

Dataset questions(int count) {
  Dataset d;
  for (int i = 0; i < count; i++) {
    DataRow row;
    row.prompt = "How much is " + std::to_string(i) + " and one?";
    d.rows.push_back(row);
  }
  return d;
}

std::set<std::string> prompts_of(const Dataset& d) {
  std::set<std::string> out;
  for (const DataRow& row : d.rows) out.insert(row.prompt);
  return out;
}

TEST(Dataset, SplitSharesNothingAndLosesNothing) {
  const Dataset all = questions(4000);
  const auto train = prompts_of(split_dataset(all, 0.1, 7, false)), held = prompts_of(split_dataset(all, 0.1, 7, true));
  EXPECT_EQ(train.size() + held.size(), 4000u);
  for (const std::string& p : held) EXPECT_EQ(train.count(p), 0u);
  EXPECT_NEAR(static_cast<double>(held.size()), 400, 80);
  EXPECT_EQ(held, prompts_of(split_dataset(all, 0.1, 7, true)));
  EXPECT_NE(held, prompts_of(split_dataset(all, 0.1, 8, true)));
  EXPECT_TRUE(split_dataset(all, 0, 7, true).rows.empty());
  EXPECT_EQ(split_dataset(all, 1, 7, true).rows.size(), 4000u);
  EXPECT_THROW(split_dataset(all, 1.5, 7, true), UsageError);
  EXPECT_THROW(split_dataset(all, -0.1, 7, true), UsageError);
  // a row's side does not depend on the others
  const auto fewer = prompts_of(split_dataset(questions(100), 0.1, 7, true));
  for (const std::string& p : fewer) EXPECT_EQ(held.count(p), 1u);
}

TEST(Dataset, EqualQuestionsAreOnOneSide) {
  for (int i = 0; i < 50; i++) {
    const std::string n = std::to_string(i);
    const Dataset d =
        parse("{\"prompt\":\"Sam has " + n + " apples. How many?\",\"answer\":1}\n{\"prompt\":\"sam has " + n +
              " apples . How  many ?\",\"answer\":2}\n");
    EXPECT_NE(split_dataset(d, 0.5, 3, true).rows.size(), 1u);
    const Dataset m =
        parse("{\"messages\":[{\"role\":\"user\",\"content\":\"" + n +
              "\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\n{\"messages\":[{\"role\":\"user\",\"content\":\"" + n +
              "\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n");
    EXPECT_NE(split_dataset(m, 0.5, 3, true).rows.size(), 1u);
  }
  std::string ids;
  for (int i = 0; i < 400; i++) ids += "{\"input_ids\":[" + std::to_string(i) + ",5]}\n";
  EXPECT_NEAR(static_cast<double>(split_dataset(parse(ids), 0.5, 3, true).rows.size()), 200, 60);
}

TEST(DatasetFiles, Gsm8k) {
  const std::string path = shared("data/gsm8k/train.jsonl");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const Dataset d = load_dataset(path, {});
  EXPECT_EQ(d.shape, DataShape::prompt_completion);
  ASSERT_EQ(d.rows.size(), 7473u);
  EXPECT_EQ(d.rows[0].answer, "72");
  const auto reward = make_reward("math", {});
  std::vector<RewardInput> right, shifted;
  for (const DataRow& row : d.rows) {
    RewardInput in{.prompt = row.prompt, .completion = row.completion, .prefilled = "", .row = row.row};
    right.push_back(in);
    in.completion = "#### " + std::to_string(std::stoll(row.answer) + 1);
    shifted.push_back(in);
  }
  for (const Verdict& v : reward->judge(right)) ASSERT_EQ(v.outcome, Outcome::correct) << v.reason;
  for (const Verdict& v : reward->judge(shifted)) ASSERT_EQ(v.outcome, Outcome::wrong) << v.reason;
}

TEST(DatasetFiles, Mawps) {
  const auto reward = make_reward("math", {});
  for (const char* name : {"addsub", "singleeq", "singleop"}) {
    const std::string path = shared("data/mawps/" + std::string(name) + ".jsonl");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
    const Dataset d = load_dataset(path, {});
    EXPECT_EQ(d.shape, DataShape::prompt_only);
    for (const DataRow& row : d.rows) {
      ASSERT_FALSE(row.prompt.empty());
      RewardInput in{.prompt = row.prompt, .completion = row.answer, .prefilled = "", .row = row.row};
      ASSERT_EQ(reward->judge({&in, 1})[0].outcome, Outcome::correct) << row.row;
      in.completion = "<answer>1" + row.answer + "</answer>";
      ASSERT_EQ(reward->judge({&in, 1})[0].outcome, Outcome::wrong) << row.row;
    }
  }
}

}  // namespace
}  // namespace r1
