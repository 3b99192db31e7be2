#include "reward/code_compare.h"

#include <gtest/gtest.h>

#include "reward/code_answer.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

bool same(std::string_view got, std::string_view expected, double tolerance = 0) {
  std::string why;
  return same_output(got, expected, tolerance, why);
}

TEST(CodeCompare, OutputIsComparedLineByLine) {
  EXPECT_TRUE(same("1 2\n3\n", "1 2\n3\n"));
  EXPECT_TRUE(same("1 2  \r\n3\n\n\n", "1 2\n3"));
  EXPECT_TRUE(same("", "\n"));
  EXPECT_FALSE(same("1  2\n3\n", "1 2\n3\n"));
  EXPECT_FALSE(same(" 1 2\n3\n", "1 2\n3\n"));
  EXPECT_FALSE(same("1 2\n", "1 2\n3\n"));
  EXPECT_FALSE(same("1 2\n3\n4\n", "1 2\n3\n"));
  EXPECT_FALSE(same("1 2\n\n3\n", "1 2\n3\n"));
  EXPECT_FALSE(same(std::string("1 2\0\n3\n", 7), "1 2\n3\n"));
  EXPECT_FALSE(same("", "1"));
}

TEST(CodeCompare, ToleranceIsForNumbersOnly) {
  EXPECT_FALSE(same("0.3333333", "0.3333334"));
  EXPECT_TRUE(same("x = 0.3333333", "x = 0.3333334", 1e-6));
  EXPECT_TRUE(same("1e10 2", "10000000001 2.0", 1e-6));
  EXPECT_FALSE(same("0.34", "0.33", 1e-6));
  EXPECT_FALSE(same("nan", "1.0", 1e-6));
  EXPECT_FALSE(same("inf", "1.0", 1e-6));
  EXPECT_FALSE(same("1.0 2.0", "1.0", 1e-6));
  EXPECT_FALSE(same("1.0x", "1.0", 1e-6));
  EXPECT_FALSE(same("y 1", "x 1", 1e-6));
}

TEST(CodeCompare, WhyNamesTheFirstDifference) {
  std::string why;
  EXPECT_FALSE(same_output("1\n\x1b[2J\n", "1\n3\n", 0, why));
  EXPECT_EQ(why, "line 2 is \"\\u001b[2J\"");
  EXPECT_FALSE(same_output("1\n", "1\n3\n", 0, why));
  EXPECT_EQ(why, "1 lines, expected 2");
}

bool equal(const char* got, const char* expected) { return same_value(Json::parse(got), Json::parse(expected), 1e-9); }

TEST(CodeCompare, ValuesAreComparedByKind) {
  EXPECT_TRUE(equal("3", "3"));
  EXPECT_TRUE(equal("null", "null"));
  EXPECT_TRUE(equal("\"a\"", "\"a\""));
  EXPECT_TRUE(equal(R"(["i","0xffffffffffffffff"])", "18446744073709551615"));
  EXPECT_TRUE(equal(R"(["i","-0x8000000000000000"])", "-9223372036854775808"));
  EXPECT_FALSE(equal(R"(["i","0xfffffffffffffffe"])", "18446744073709551615"));
  EXPECT_FALSE(equal("true", "1"));
  EXPECT_FALSE(equal("1", "true"));
  EXPECT_FALSE(equal("0", "null"));
  EXPECT_FALSE(equal("\"3\"", "3"));
  EXPECT_FALSE(equal("3", "\"3\""));
  EXPECT_TRUE(equal(R"(["f","0x1.8p+0"])", "1.5"));
  EXPECT_TRUE(equal(R"(["f","0x1p+1"])", "2"));
  EXPECT_TRUE(equal("2", "2.0"));
  EXPECT_TRUE(equal(R"(["f","-0x1.8p+0"])", "-1.5"));
  EXPECT_FALSE(equal(R"(["f","0x1.8p+0"])", "1.6"));
  EXPECT_FALSE(equal(R"(["f","nan"])", "1.5"));
  EXPECT_FALSE(equal(R"(["f","inf"])", "1e308"));
}

TEST(CodeCompare, ContainersAreComparedWhole) {
  EXPECT_TRUE(equal(R"(["l",1,["t",2,"x"]])", R"([1,[2,"x"]])"));
  EXPECT_TRUE(equal(R"(["l"])", "[]"));
  EXPECT_FALSE(equal(R"(["l",1])", "[1,2]"));
  EXPECT_FALSE(equal(R"(["l",1,2,3])", "[1,2]"));
  EXPECT_FALSE(equal(R"(["l",2,1])", "[1,2]"));
  EXPECT_TRUE(equal(R"(["d",["a",1],[2,["l"]]])", R"({"2":[],"a":1})"));
  EXPECT_FALSE(equal(R"(["d",["a",1]])", R"({"a":1,"b":2})"));
  EXPECT_FALSE(equal(R"(["d",[1,1],["1",1]])", R"({"1":1,"2":1})"));
  EXPECT_FALSE(equal(R"([1,2])", "[1,2]"));  // not a form that the driver writes
  EXPECT_FALSE(equal(R"(["b","00"])", "\"00\""));
}

// A set of what was to be sorted is not sorted.
TEST(CodeCompare, ASetIsNoList) {
  for (const char* set : {R"(["s",1,2])", R"(["z",1,2])", R"(["s",2,1])"}) EXPECT_FALSE(equal(set, "[1,2]")) << set;
  EXPECT_FALSE(equal(R"(["s"])", "[]"));
  EXPECT_FALSE(equal(R"(["l",["s",1]])", "[[1]]"));
  EXPECT_EQ(readable(Json::parse(R"(["l",["s",1,2],["t",3]])"), 60), "[{1, 2}, [3]]");
}

TEST(CodeCompare, ArgumentsAreTagged) {
  EXPECT_EQ(
      tagged(Json::parse(R"([1,1.5,"x",{"a":[true,null]},9007199254740993,-9007199254740993])")).dump(),
      R"(["l",1,["f","0x1.8p+0"],"x",["d",["a",["l",true,null]]],["i","0x20000000000001"],["i","-0x20000000000001"]])");
}

std::string python(std::string_view text, std::string_view prefilled = "") {
  return extract_code(text, prefilled, Language::python);
}

TEST(CodeAnswer, TheLastBlockOfTheLanguageAfterTheThoughtCounts) {
  EXPECT_EQ(python("```python\na\n```\nor\n```python\nb\n```\nprints\n```\n7\n```"), "b");
  EXPECT_EQ(python("<think>\n```python\na\n```\n</think>\n```py\nb\n\n```"), "b");
  EXPECT_EQ(python("```python\na\n```</think>```\nb\n```", "<think>\n"), "b");
  EXPECT_EQ(python("```\na\n```"), "a");
  EXPECT_EQ(python("~~~python\na\n```\nb\n~~~"), "a\n```\nb");
  EXPECT_EQ(python("1. so:\n   ```python\n   a\n   ```\n"), "   a");
  EXPECT_EQ(python("```python\na\nb"), "a\nb");
  EXPECT_EQ(extract_code("```python\na\n```\n```c++\nb\n```\n", "", Language::cpp), "b");
}

TEST(CodeAnswer, WithoutABlockTheTextCounts) {
  EXPECT_EQ(python("    return 1\n"), "    return 1");
  EXPECT_EQ(python("<think>x</think>\n\n    return 1\n"), "    return 1");
  EXPECT_EQ(python("<think>x</think><answer>\n  return 1\n</answer>"), "  return 1");
}

TEST(CodeAnswer, WhatStandsInAThoughtIsNoAnswer) {
  EXPECT_EQ(python("<think>```python\na\n```"), "");
  EXPECT_EQ(python("```python\na\n```", "<think>\n"), "");
  EXPECT_EQ(python("<think>\n```python\na\n```\n</think>\n"), "");
  EXPECT_EQ(python(""), "");
  EXPECT_EQ(python("```python\n\n```"), "");
}

}  // namespace
}  // namespace r1
