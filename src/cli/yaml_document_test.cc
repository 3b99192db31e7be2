#include "cli/yaml_document.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"

namespace r1 {
namespace {

using Kind = YamlValue::Kind;

std::string error_of(std::string_view text) {
  try {
    parse_yaml(text, "r.yaml");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

// Kinds and values: PyYAML 6.0.4's safe_load of the same lines.
TEST(YamlDocument, ScalarsAsPyYamlReadsThem) {
  const std::tuple<const char*, Kind, const char*> cases[] = {{"yes", Kind::boolean, "true"},
                                                              {"No", Kind::boolean, "false"},
                                                              {"off", Kind::boolean, "false"},
                                                              {"nO", Kind::text, "nO"},
                                                              {"\"no\"", Kind::text, "no"},
                                                              {"1e-6", Kind::text, "1e-6"},
                                                              {"1e3", Kind::text, "1e3"},
                                                              {"1.5e3", Kind::text, "1.5e3"},
                                                              {"1.0e-06", Kind::real, "1.0e-06"},
                                                              {"1.5e+3", Kind::real, "1.5e+3"},
                                                              {".5", Kind::real, ".5"},
                                                              {"1.", Kind::real, "1."},
                                                              {"0.0", Kind::real, "0.0"},
                                                              {".inf", Kind::real, ".inf"},
                                                              {"1.2.3", Kind::text, "1.2.3"},
                                                              {"1_000", Kind::integer, "1000"},
                                                              {"0x1F", Kind::integer, "31"},
                                                              {"010", Kind::integer, "8"},
                                                              {"0b101", Kind::integer, "5"},
                                                              {"+3", Kind::integer, "3"},
                                                              {"-1", Kind::integer, "-1"},
                                                              {"08", Kind::text, "08"},
                                                              {"~", Kind::null, ""},
                                                              {"", Kind::null, ""},
                                                              {"Null", Kind::null, ""},
                                                              {"'it''s'", Kind::text, "it's"},
                                                              {"\"a\\n\\u00e9\"", Kind::text, "a\né"},
                                                              {"!!str 5", Kind::text, "5"},
                                                              {"!!float 5.0", Kind::real, "5.0"},
                                                              {"<|im_end|>", Kind::text, "<|im_end|>"}};
  for (const auto& [text, kind, value] : cases) {
    const YamlValue root = parse_yaml(std::string("a: ") + text + "\n", "r.yaml").root;
    ASSERT_NE(root.find("a"), nullptr) << text;
    EXPECT_EQ(root.find("a")->kind, kind) << text;
    EXPECT_EQ(root.find("a")->text, value) << text;
  }
}

TEST(YamlDocument, BlocksListsAliasesAndMerges) {
  const YamlDocument d = parse_yaml(
      "s: |-\n  one\n\n  two\nl:\n- a\n-  b\na: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: [*x, 2]\n# end\na2: 1\na2: 2\n",
      "r.yaml");
  EXPECT_EQ(d.root.find("s")->text, "one\n\ntwo");
  EXPECT_EQ(d.root.find("l")->shown(), "[a, b]");
  EXPECT_EQ(d.root.find("b")->shown(), "{k: 3, l: 2}");
  EXPECT_EQ(d.root.find("c")->shown(), "[{k: 1, l: 2}, 2]");
  EXPECT_EQ(d.root.find("c")->line, 10u);
  EXPECT_EQ(d.root.find("a2")->text, "2");
  EXPECT_EQ(d.notes, (std::vector<std::string>{"line 13: a2 stands twice; the last one counts"}));
  EXPECT_TRUE(parse_yaml("", "r.yaml").root.is(Kind::null));
}

TEST(YamlDocument, WhatIsWrongIsNamedWithItsLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"a: 1\nb: [1, 2\nc: 3\n", "r.yaml: line "},
      {"a: 1\n\tb: 2\n", "r.yaml: line 2"},
      {"a: *none\n", "r.yaml: line 1"},
      {"a: &a [*a]\n", "an alias of the value it stands in"},
      {"a: !!python/object/apply:os.system [ls]\n", "only plain values are read"},
      {"a: !x 5\n", "only plain values are read"},
      {"? [1]\n: 2\n", "a key that is a list or a map"},
      {"a: 1\n---\nb: 2\n", "several documents"},
      {std::string("a: \0", 4), "NUL"},
      {"<<: 5\na: 1\n", "<< takes a map"}};
  for (const auto& [text, want] : cases)
    EXPECT_NE(error_of(text).find(want), std::string::npos) << text << error_of(text);
}

TEST(YamlDocument, BombsEndSoon) {
  const auto start = std::chrono::steady_clock::now();
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; i++) {
    const std::string below = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int k = 1; k < 10; k++) laughs += ", " + below;
    laughs += "]\n";
  }
  EXPECT_NE(error_of(laughs).find("more than 20000 values"), std::string::npos);
  std::string copies = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 10000; i++) copies += "*a,";
  EXPECT_NE(error_of(copies + "]\n").find("more than 20000 values"), std::string::npos);
  EXPECT_NE(error_of(std::string(100'000, '[')).find("nested deeper than 32"), std::string::npos);
  EXPECT_NE(error_of(std::string(100'000, '{')).find("r.yaml: line 1"), std::string::npos);
  std::string steps;
  for (int i = 0; i < 20'000; i++) steps += "- ";
  EXPECT_NE(error_of(steps).find("nested deeper than 32"), std::string::npos);
  std::string keys;
  for (int i = 0; i < 3000; i++) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_NE(error_of(keys).find("more than 2000 keys"), std::string::npos);
  EXPECT_NE(error_of(std::string((1 << 20) + 1, ' ')).find("at most 1048576"), std::string::npos);
  EXPECT_EQ(parse_yaml("a: " + std::string(400, '9'), "r.yaml").root.find("a")->text, std::string(400, '9'));
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 10)
      << "sanitizers are slow";
}

}  // namespace
}  // namespace r1
