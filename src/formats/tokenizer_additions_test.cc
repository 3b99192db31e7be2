#include "formats/tokenizer_additions.h"

#include <gtest/gtest.h>

#include <ctime>

#include "base/error.h"
#include "formats/checked_json.h"

namespace r1 {
namespace {

// A tokenizer.json of `added` tokens behind a vocabulary of `words`; `in_vocabulary`: the tokens stand in it too.
std::string tokenizer_with(int words, int added, bool in_vocabulary) {
  std::string tokens, vocabulary;
  for (int i = 0; i < added; i++)
    tokens +=
        fmt::format(R"({}{{"id": {}, "content": "<unused{}>", "single_word": false, "lstrip": false, "rstrip": false, )"
                    R"("normalized": false, "special": true}})",
                    i > 0 ? ", " : "", words + i, i);
  for (int i = 0; i < words; i++) vocabulary += fmt::format("{}\"a longer word {}\": {}", i > 0 ? ", " : "", i, i);
  for (int i = 0; in_vocabulary && i < added; i++) vocabulary += fmt::format(", \"<unused{}>\": {}", i, words + i);
  return R"({"added_tokens": [)" + tokens + R"(], "model": {"type": "BPE", "vocab": {)" + vocabulary +
         R"(}, "merges": []}})";
}

TEST(TokenizerAdditionsTest, ManyTokensInALargeFileTakeNoTime) {
  for (const bool in_vocabulary : {false, true}) {
    const std::string text = tokenizer_with(200'000, 4000, in_vocabulary);
    ASSERT_GT(text.size(), size_t{5} << 20);
    const std::clock_t begin = std::clock();
    EXPECT_EQ(with_added_tokens(text, nullptr, nullptr, "t"), text);
    EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 2.0) << in_vocabulary;
  }
}

TEST(TokenizerAdditionsTest, AGapBehindTheVocabularyIsClosed) {
  std::string text = tokenizer_with(10, 1, false);
  text.replace(text.find("\"id\": 10"), 8, "\"id\": 12");
  const auto json = nlohmann::ordered_json::parse(with_added_tokens(text, nullptr, nullptr, "t"));
  EXPECT_EQ(json["added_tokens"][0]["id"], 10);
}

TEST(TokenizerAdditionsTest, TheirNumberIsBounded) {
  EXPECT_NO_THROW(with_added_tokens(tokenizer_with(10, 70'000, false), nullptr, nullptr, "t"));  // as for sounds
  try {
    with_added_tokens(tokenizer_with(10, 131'073, false), nullptr, nullptr, "t");
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "t: more than 131072 added tokens, the most that are read");
  }
}

// As tokenizer_config.json lists them: a model with 65,536 tokens for sounds was refused for its object's size.
TEST(TokenizerAdditionsTest, ALongListInTheOrderOfTheFile) {
  std::string list = "{";
  for (int i = 0; i < 70'000; i++)
    list += fmt::format(R"({}"{}":{{"content":"<unused{}>","special":true,"normalized":false}})", i > 0 ? "," : "",
                        70'009 - i, 69'999 - i);
  const std::clock_t begin = std::clock();
  const auto config = parse_ordered_json("{\"added_tokens_decoder\":" + list + "}}", "c");
  EXPECT_EQ(config["added_tokens_decoder"].begin().key(), "70009");
  const std::string text = tokenizer_with(10, 70'000, false);
  EXPECT_EQ(with_added_tokens(text, config, nullptr, "t"), text);
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 5.0);
}

TEST(TokenizerAdditionsTest, OrderedJsonIsTheLibrarys) {
  const std::string text =
      R"({"b":[1,-2,3.5,null,true,"é",{"z":{},"a":[]}],"a":{"x":[[],[{}]]},"n":18446744073709551615})";
  EXPECT_EQ(parse_ordered_json(text, "t").dump(), nlohmann::ordered_json::parse(text).dump());
  EXPECT_EQ(parse_ordered_json("7", "t"), 7);
}

}  // namespace
}  // namespace r1
