#include "data/row_formats.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

DataRow read(const std::string& text) {
  const Json row = Json::parse(text);
  return read_row(row, detect_row_format(row));
}

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// The rows TRL's page on data set formats shows, and those of the other programs that interfaces.md 1.1 lists.
TEST(RowFormats, AreToldByTheirColumns) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"text":"The sky is blue."})", "text"},
      {R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})", "messages"},
      {R"({"prompt":"The sky is"})", "prompt_only"},
      {R"({"prompt":[{"role":"user","content":"q"}]})", "prompt_only"},
      {R"({"prompt":"The sky is","completion":" blue."})", "prompt_completion"},
      {R"({"prompt":"The sky is","chosen":" blue.","rejected":" green."})", "preference"},
      {R"({"chosen":"The sky is blue.","rejected":"The sky is green."})", "preference"},
      {R"({"prompt":"The sky is","completion":" blue.","label":true})", "unpaired_preference"},
      {R"({"prompt":"q","completions":["a","b"],"labels":[true,false]})", "stepwise"},
      {R"({"input_ids":[1,2],"attention_mask":[1,1]})", "tokenised"},
      {R"({"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"system":"s"})", "conversations"},
      {R"({"instruction":"do","input":"","output":"a"})", "alpaca"},
      {R"({"instruction":"do","response":"a"})", "alpaca"},
      {R"({"question":"q","answer":"1+1=<<1+1=2>>2\n#### 2"})", "gsm8k"},
      {R"({"question":"q","answer":"2","metadata":{}})", "prompt_only"},
      {R"({"data_source":"d","prompt":[{"role":"user","content":"q"}],"ability":"math",)"
       R"("reward_model":{"style":"rule","ground_truth":"42"},"extra_info":{"split":"train","index":0}})",
       "verl"},
      {R"({"input":"q","label":"42"})", "prompt_only"},
      {R"({"prompt":"q","label":"42","metadata":{"a":1}})", "prompt_only"},
      {R"({"prompt":"q","response":"a","label":"gold"})", "prompt_completion"},
      {R"({"query":"q","response":"a"})", "prompt_completion"},
      {R"({"problem":"q","solution":"s","answer":"4"})", "prompt_only"}};
  for (const auto& [text, format] : cases) {
    EXPECT_EQ(detect_row_format(Json::parse(text)), format) << text;
    EXPECT_EQ(error_of(text), "no error") << text;
  }
}

TEST(RowFormats, EveryNameCanBeRead) {
  for (const std::string& name : row_format_names()) EXPECT_THROW(read_row(Json::object(), name), Error) << name;
}

TEST(RowFormats, Conversations) {
  const DataRow row = read(
      R"({"system":"be brief","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a","weight":0},)"
      R"({"from":"tool","value":"r"},{"role":"assistant","content":"b"}]})");
  EXPECT_EQ(row.shape, DataShape::messages);
  EXPECT_EQ(row.messages.dump(), R"([{"role":"system","content":"be brief"},{"role":"user","content":"q"},)"
                                 R"({"role":"assistant","content":"a","weight":0},{"role":"tool","content":"r"},)"
                                 R"({"role":"assistant","content":"b"}])");
  EXPECT_EQ(read(R"({"conversations":[{"from":"human","value":"q"}]})").shape, DataShape::prompt_only);
  EXPECT_NE(error_of(R"({"conversations":[{"from":"martian","value":"q"}]})").find("from \"martian\""),
            std::string::npos);
  EXPECT_NE(error_of(R"({"conversations":[{"from":"human"}]})").find("no \"content\""), std::string::npos);
  EXPECT_NE(error_of(R"({"messages":[{"role":"user","content":[{"type":"image","image":"x"}]}]})").find("\"image\""),
            std::string::npos);
}

TEST(RowFormats, PartsOfTextAreOneText) {
  const DataRow row =
      read(R"({"messages":[{"role":"user","content":[{"type":"text","text":"a "},{"type":"text","text":"b"}]},)"
           R"({"role":"assistant","content":[]}]})");
  EXPECT_EQ(row.messages.dump(), R"([{"role":"user","content":"a b"},{"role":"assistant","content":""}])");
  EXPECT_NE(error_of(R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})").find("has no \"text\""),
            std::string::npos);
  EXPECT_NE(error_of(R"({"messages":[{"role":"user","content":[{"type":1,"text":"a"}]}]})").find("of type 1"),
            std::string::npos);
}

TEST(RowFormats, CallsOfFunctions) {
  const DataRow row = read(
      R"({"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":)"
      R"("{\"name\":\"f\",\"arguments\":{\"a\":1}}"},{"from":"observation","value":"3"},{"from":"gpt","value":"3"}]})");
  EXPECT_EQ(row.messages[1].dump(), R"({"role":"assistant","content":"","tool_calls":[{"type":"function","function":)"
                                    R"({"name":"f","arguments":{"a":1}}}]})");
  for (const char* wrong : {R"("what?")", R"("{}")", "null", "[]", R"([{"name":"f","arguments":{}},3])"})
    EXPECT_NE(error_of(fmt::format(R"({{"conversations":[{{"from":"function_call","value":{}}}]}})", wrong))
                  .find("\"function_call\" is no JSON"),
              std::string::npos)
        << wrong;
}

TEST(RowFormats, AlpacaAndSystemMessages) {
  EXPECT_EQ(read(R"({"instruction":"do","context":"this","response":"a"})").prompt, "do\n\nthis");
  const DataRow row = read(R"({"instruction":"do","history":[["q","a"]],"output":"b","system":"s"})");
  EXPECT_EQ(row.messages.dump(),
            R"([{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"},)"
            R"({"role":"user","content":"do"}])");
  EXPECT_EQ(row.completion, "b");
  EXPECT_EQ(read(R"({"prompt":"q","system":"s"})").messages.size(), 2u);
  EXPECT_EQ(read(R"({"prompt":[{"role":"system","content":"own"},{"role":"user","content":"q"}],"system":"s"})")
                .messages[0]["content"],
            "own");
}

// Expected prompts and sides: trl.data_utils.extract_prompt of these rows.
TEST(RowFormats, PreferencePairs) {
  DataRow row = read(R"({"chosen":"The sky is blue.","rejected":"The sky is green."})");
  EXPECT_EQ(row.shape, DataShape::preference);
  EXPECT_EQ(row.prompt, "The sky is");
  EXPECT_EQ(row.chosen, " blue.");
  EXPECT_EQ(row.rejected, " green.");

  row = read(R"({"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],)"
             R"("rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]})");
  EXPECT_EQ(row.messages.dump(), R"([{"role":"user","content":"q"}])");
  EXPECT_EQ(row.chosen.dump(), R"([{"role":"assistant","content":"a"}])");

  row = read(R"({"prompt":"q","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],)"
             R"("rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]})");
  EXPECT_TRUE(row.prompt.empty());
  EXPECT_EQ(row.messages.size(), 1u);
  EXPECT_EQ(row.chosen.size(), 1u);

  row = read(R"({"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],)"
             R"("rejected":[{"role":"assistant","content":"b"}]})");
  EXPECT_EQ(row.messages.size(), 1u);
  row = read(R"({"prompt":"q","chosen":[{"role":"assistant","content":"a"}],)"
             R"("rejected":[{"role":"assistant","content":"b"}]})");
  EXPECT_EQ(row.messages.dump(), R"([{"role":"user","content":"q"}])");

  row = read("{\"chosen\":\"x\xC3\xA4\",\"rejected\":\"x\xC3\xB6\"}");  // differ in the second byte of a letter
  EXPECT_EQ(row.prompt, "x");
  EXPECT_EQ(row.chosen, "\xC3\xA4");
  EXPECT_NE(error_of(R"({"chosen":"a","rejected":"a"})").find("are the same"), std::string::npos);
  EXPECT_NE(error_of(R"({"chosen":"a","rejected":[{"role":"assistant","content":"b"}]})").find("\"chosen\" is string"),
            std::string::npos);
}

TEST(RowFormats, JudgedCompletionsAndSteps) {
  DataRow row = read(R"({"prompt":"q","completion":[{"role":"assistant","content":"a"}],"label":"False"})");
  EXPECT_EQ(row.shape, DataShape::unpaired_preference);
  EXPECT_EQ(row.good, false);
  EXPECT_EQ(row.completion, "a");
  row = read(R"({"prompt":"q","completions":["a","b"],"labels":[true,0]})");
  EXPECT_EQ(row.shape, DataShape::stepwise);
  EXPECT_EQ(row.steps, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(row.step_labels, (std::vector<bool>{true, false}));
  EXPECT_NE(
      error_of(R"({"prompt":"q","completions":["a"],"labels":[true,false]})").find("2 entries, \"completions\" 1"),
      std::string::npos);
  EXPECT_NE(error_of(R"({"prompt":"q","completions":["a"],"labels":["maybe"]})").find("holds \"maybe\""),
            std::string::npos);
}

TEST(RowFormats, ReferenceAnswers) {
  EXPECT_EQ(read(R"({"prompt":[{"role":"user","content":"q"}],"reward_model":{"ground_truth":42}})").answer, "42");
  EXPECT_EQ(read(R"({"input":"q","label":"42"})").answer, "42");
  EXPECT_EQ(read(R"({"input":"q","label":"42"})").row["answer"], "42");
  EXPECT_EQ(read(R"({"prompt":"q","answer":null,"solution":"7"})").answer, "7");
  EXPECT_EQ(read(R"({"question":"q","answer":"12 345 #### 12,345 "})").answer, "12345");
}

TEST(RowFormats, MasksOfTokenisedRows) {
  const DataRow row = read(R"({"input_ids":[5,6,7],"completion_mask":[0,1,1],"assistant_masks":[1,1,0]})");
  EXPECT_EQ(row.labels, (std::vector<int32_t>{-100, 6, -100}));
  EXPECT_NE(error_of(R"({"input_ids":[5,6,7],"completion_mask":[0,1]})").find("has 2 entries"), std::string::npos);
}

TEST(RowFormats, ToolsAsListOrText) {
  const std::string text = R"({"messages":[{"role":"user","content":"q"}],"tools":"[{\"type\":\"function\"}]"})";
  EXPECT_EQ(read(text).tools.size(), 1u);
  EXPECT_EQ(read(R"({"prompt":"q","chat_template_kwargs":{"enable_thinking":false}})").chat_template_kwargs.dump(),
            R"({"enable_thinking":false})");
  EXPECT_EQ(read(R"({"prompt":"q","chat_template_kwargs":"{\"a\":1}"})").chat_template_kwargs["a"], 1);
  EXPECT_TRUE(read(R"({"prompt":"q","chat_template_kwargs":null})").chat_template_kwargs.is_null());
  for (const char* wrong : {"[]", "\"x\"", "{\"tools\":[]}", "{\"bos_token\":\"<s>\"}"})
    EXPECT_NE(
        error_of(std::string(R"({"prompt":"q","chat_template_kwargs":)") + wrong + "}").find("chat_template_kwargs"),
        std::string::npos)
        << wrong;
  EXPECT_NE(error_of(R"({"messages":[{"role":"user","content":"q"}],"tools":"none"})").find("\"tools\" is string"),
            std::string::npos);
}

}  // namespace
}  // namespace r1
