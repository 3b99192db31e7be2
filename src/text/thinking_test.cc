#include "text/thinking.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

TEST(Thinking, TakesACompletionApart) {
  const ParsedCompletion p = parse_completion("<think>\n a <b> \n</think>\n<answer> 4 </answer>\n", "");
  EXPECT_TRUE(p.has_thought);
  EXPECT_TRUE(p.has_answer);
  EXPECT_TRUE(p.well_formed);
  EXPECT_EQ(p.thought, "a <b>");
  EXPECT_EQ(p.answer, "4");
  EXPECT_EQ(p.after_thought, "\n<answer> 4 </answer>\n");
}

TEST(Thinking, WhatThePromptOpenedCounts) {
  ParsedCompletion p = parse_completion("a</think><answer>4</answer>", "<think>\n");
  EXPECT_TRUE(p.well_formed);
  EXPECT_EQ(p.thought, "a");
  p = parse_completion("a</think><answer>4</answer>", "");
  EXPECT_FALSE(p.has_thought);
  EXPECT_FALSE(p.well_formed);
  EXPECT_TRUE(p.has_answer);
  p = parse_completion("<think>a</think><answer>4</answer>", "<think>\n");
  EXPECT_FALSE(p.has_thought);
  EXPECT_FALSE(p.well_formed);
}

TEST(Thinking, WithoutAThoughtAllIsAfterIt) {
  const ParsedCompletion p = parse_completion("so <answer>4</answer>", "");
  EXPECT_FALSE(p.has_thought);
  EXPECT_EQ(p.after_thought, "so <answer>4</answer>");
  EXPECT_TRUE(p.has_answer);
  EXPECT_EQ(p.answer, "4");
  EXPECT_FALSE(p.well_formed);
}

TEST(Thinking, RepeatedOrCrossedTagsAreNone) {
  EXPECT_FALSE(parse_completion("<think>a</think></think>", "").has_thought);
  EXPECT_FALSE(parse_completion("<think><think>a</think>", "").has_thought);
  EXPECT_FALSE(parse_completion("</think>a<think>", "").has_thought);
  EXPECT_FALSE(parse_completion("<answer>1</answer><answer>2</answer>", "").has_answer);
  EXPECT_FALSE(parse_completion("</answer>1<answer>", "").has_answer);
  EXPECT_FALSE(parse_completion("<think><answer>1</answer></think>", "").has_answer);
  EXPECT_FALSE(parse_completion("<think></answer></think><answer>1</answer>", "").has_answer);
  EXPECT_FALSE(parse_completion("<answer>1", "").has_answer);
}

TEST(Thinking, TextOutsideOrEmptyPartsAreNotWellFormed) {
  for (const char* text : {"x<think>a</think><answer>1</answer>", "<think>a</think>x<answer>1</answer>",
                           "<think>a</think><answer>1</answer>x", "<think> </think><answer>1</answer>",
                           "<think>a</think><answer> </answer>"})
    EXPECT_FALSE(parse_completion(text, "").well_formed) << text;
}

TEST(Thinking, R1ZeroPromptNamesTheTagsAndEndsWithTheAssistant) {
  const std::string p = r1_zero_prompt("What is 2 + 2?");
  EXPECT_TRUE(p.ends_with("User: What is 2 + 2? Assistant:"));
  for (const char* tag : {"<think>", "</think>", "<answer>", "</answer>"}) EXPECT_NE(p.find(tag), std::string::npos);
}

TEST(Thinking, Trim) {
  EXPECT_EQ(trim(" \t\r\na b\n "), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

}  // namespace
}  // namespace r1
