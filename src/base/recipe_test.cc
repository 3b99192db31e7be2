#include "base/recipe.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace r1 {
namespace {

std::string error_of(const std::string& toml) {
  try {
    parse_recipe(toml, "r.toml");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "none";
}

TEST(RecipeTest, KeysAndStagesInTheFilesOrder) {
  const Recipe r =
      parse_recipe("zeta = 1\nalpha = \"two\"\n\n[second]\nb = true\na = 1e-3\n[first]\nx = -2\n[empty]\n", "r.toml");
  EXPECT_EQ(r.keys, (KeyValues{{"zeta", "1"}, {"alpha", "two"}}));
  ASSERT_EQ(r.stages.size(), 3u);
  EXPECT_EQ(r.stages[0].first, "second");
  EXPECT_EQ(r.stages[0].second, (KeyValues{{"b", "true"}, {"a", "0.001"}}));
  EXPECT_EQ(r.stages[1].first, "first");
  EXPECT_EQ(r.stages[1].second, (KeyValues{{"x", "-2"}}));
  EXPECT_TRUE(r.stages[2].second.empty());
  EXPECT_TRUE(parse_recipe("", "r.toml").keys.empty());
}

TEST(RecipeTest, ValuesAreSpelledSoThatTheyReadBackExactly) {
  const Recipe r = parse_recipe(
      "a = 0.1\nb = 1_000\nc = 3e-6\nd = \"say \\\"<think>\\\\n\\\"\\n\"\ne = 2.0\nf = 9007199254740993\n", "r.toml");
  EXPECT_EQ(r.keys, (KeyValues{{"a", "0.1"},
                               {"b", "1000"},
                               {"c", "3e-06"},
                               {"d", "say \"<think>\\n\"\n"},
                               {"e", "2.0"},
                               {"f", "9007199254740993"}}));
}

TEST(RecipeTest, ErrorsNameFileAndLine) {
  EXPECT_TRUE(error_of("a = 1\n\nb = = 2\n").starts_with("r.toml: line 3: ")) << error_of("a = 1\n\nb = = 2\n");
  EXPECT_TRUE(error_of("a = 1\na = 2\n").starts_with("r.toml: line 2: ")) << "a key twice";
  EXPECT_TRUE(error_of("a = \"open\n").starts_with("r.toml: line 1: "));
  EXPECT_TRUE(error_of("[a]\n[a]\n").starts_with("r.toml: line 2: "));
  EXPECT_TRUE(error_of("a = \"\xff\"\n").starts_with("r.toml: line 1: ")) << "no UTF-8";
}

TEST(RecipeTest, OnlyFlatValues) {
  const std::string expected = "; expected a text, a number, true or false";
  EXPECT_EQ(error_of("a = 1\nb = [1, 2]\n"), "r.toml: line 2: b is a list" + expected);
  EXPECT_EQ(error_of("[s]\nb = [1]\n"), "r.toml: line 2: b is a list" + expected);
  EXPECT_EQ(error_of("[[s]]\nb = 1\n"), "r.toml: line 1: s is a list" + expected);
  EXPECT_EQ(error_of("a = 2026-01-02\n"), "r.toml: line 1: a is a date or time" + expected);
  EXPECT_EQ(error_of("[s]\nx = 1\n[s.t]\ny = 2\n"), "r.toml: line 3: t is a table inside a table" + expected);
  EXPECT_EQ(error_of("[s]\nt = {y = 2}\n"), "r.toml: line 2: t is a table inside a table" + expected);
}

TEST(RecipeTest, ModulesMayBeAList) {
  EXPECT_EQ(parse_recipe("lora_target_modules = [\"q_proj\", \"v_proj\"]\n", "r.toml").keys,
            (KeyValues{{"lora_target_modules", "q_proj,v_proj"}}));
  EXPECT_EQ(error_of("a = 1\nlora_target_modules = [\"q_proj\", 2]\n"),
            "r.toml: line 2: lora_target_modules: expected a list of texts");
}

TEST(RecipeTest, AnErrorInAKeyNamesTheRecipe) {
  OptionTable table;
  int64_t steps = 0;
  std::string name;
  table.add("max_steps", &steps, "");
  table.add("name", &name, "");
  try {
    set_from_recipe(table, {{"max_stps", "1"}, {"name", "x"}, {"max_steps", "many"}}, "r.toml");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(),
                 "r.toml: unknown key \"max_stps\"; nearest is \"max_steps\"\n"
                 "r.toml: max_steps is \"many\", expected a whole number");
  }
  EXPECT_EQ(name, "x");
}

}  // namespace
}  // namespace r1
