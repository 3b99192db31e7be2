#include "text/bpe_trainer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<TokenId>;

const std::vector<std::string> kTexts = {"The sum of 12 and 30 is 42.\nThe sum of 12 and 31 is 43.\n",
                                         "Überall ist es überall; über und über.", "答案是四十二，答案是四十二。",
                                         "aaaaaaa aaaa  aaa\n\n\n", "so the answer is \\boxed{42}, isn't it?"};

std::vector<std::string> merges_of(const std::string& json) {
  return Json::parse(json).at("model").at("merges").get<std::vector<std::string>>();
}

std::string message_of(const BpeTrainerOptions& options) {
  try {
    train_bpe(kTexts, options);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// Hugging Face tokenizers 0.23 on the same texts: BpeTrainer(vocab_size=400, min_frequency=2, the byte alphabet).
TEST(BpeTrainer, MergesWhatHuggingFaceMerges) {
  const std::string json = train_bpe(kTexts, {.vocabulary_size = 400, .min_frequency = 2});
  const std::vector<std::string> expected = {"a a",
                                             "Ġ i",
                                             "e r",
                                             "Ġi s",
                                             "b er",
                                             "a n",
                                             "h e",
                                             "¼ ber",
                                             "Ã ¼ber",
                                             "Ġ an",
                                             "Ġ Ã¼ber",
                                             "aa aa",
                                             ". Ċ",
                                             "T he",
                                             "a l",
                                             "o f",
                                             "s u",
                                             "¡ Ī",
                                             "¯ å",
                                             "º Į",
                                             "ä ºĮ",
                                             "å į",
                                             "æ ĺ",
                                             "æ ¡Ī",
                                             "ç Ń",
                                             "Ċ Ċ",
                                             "Ġ of",
                                             "Ġ su",
                                             "ģ äºĮ",
                                             "Ķ æ¡Ī",
                                             "Ľ Ľ",
                                             "aa a",
                                             "Ġan d",
                                             "al l",
                                             "¯å ĽĽ",
                                             "åį ģäºĮ",
                                             "æĺ ¯åĽĽ",
                                             "çŃ Ķæ¡Ī",
                                             "Ġsu m",
                                             "æĺ¯åĽĽ åįģäºĮ",
                                             "çŃĶæ¡Ī æĺ¯åĽĽåįģäºĮ"};
  EXPECT_EQ(merges_of(json), expected);
  const auto tokenizer = Tokenizer::from_json(json, "trained");
  EXPECT_EQ(tokenizer->encode("The answer is 答案: über 42"),
            (Ids{269, 265, 82, 86, 258, 259, 220, 293, 25, 266, 220, 19, 17}));
}

// Counted by hand: "hug" 10, "pug" 5, "pun" 12, "bun" 4, "hugs" 5 as single words. ug 20 (h,p,hs), un 16, hug 15 ...
TEST(BpeTrainer, CountsPairsByHand) {
  std::vector<std::string> texts;
  for (const auto& [word, times] : {std::pair("hug", 10), {"pug", 5}, {"pun", 12}, {"bun", 4}, {"hugs", 5}})
    for (int i = 0; i < times; i++) texts.push_back(word);
  const std::string json = train_bpe(texts, {.vocabulary_size = 259});
  EXPECT_EQ(merges_of(json), (std::vector<std::string>{"u g", "u n", "h ug"}));
}

TEST(BpeTrainer, OrderOfTextsDoesNotMatter) {
  const BpeTrainerOptions options{.vocabulary_size = 300, .min_frequency = 1};
  const std::vector<std::string> reversed(kTexts.rbegin(), kTexts.rend());
  EXPECT_EQ(train_bpe(kTexts, options), train_bpe(reversed, options));
}

TEST(BpeTrainer, ReadsBackWhatItWasGiven) {
  for (const bool first : {false, true}) {
    const BpeTrainerOptions options{.vocabulary_size = 290,
                                    .special_tokens = {"<|endoftext|>", "<|im_end|>"},
                                    .added_tokens = {"<think>"},
                                    .added_first = first};
    const auto tokenizer = Tokenizer::from_json(train_bpe(kTexts, options), "trained");
    EXPECT_EQ(tokenizer->vocabulary_size(), 290);
    EXPECT_EQ(tokenizer->find("<|endoftext|>"), first ? 0 : 287);
    EXPECT_EQ(tokenizer->find("<think>"), first ? 2 : 289);
    EXPECT_TRUE(tokenizer->is_special(tokenizer->find("<|im_end|>")));
    EXPECT_FALSE(tokenizer->is_special(tokenizer->find("<think>")));
    std::string all;
    for (const std::string& text : kTexts) all += text + "<think>" + text + "<|im_end|>";
    for (int c = 0; c < 256; c++) all += static_cast<char>(c < 128 ? c : 32);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(all)), all);
  }
}

TEST(BpeTrainer, LearnsNothingFromAddedTokens) {
  const std::vector<std::string> texts(20, "<|im_end|>");
  EXPECT_TRUE(merges_of(train_bpe(texts, {.vocabulary_size = 400, .special_tokens = {"<|im_end|>"}})).empty());
  EXPECT_FALSE(merges_of(train_bpe(texts, {.vocabulary_size = 400})).empty());
}

TEST(BpeTrainer, StopsAtTheLeastFrequency) {
  const std::vector<std::string> texts = {"ab ab ab", "cd cd"};
  EXPECT_EQ(merges_of(train_bpe(texts, {.vocabulary_size = 400, .min_frequency = 3})),
            (std::vector<std::string>{"a b"}));
}

TEST(BpeTrainer, RefusesOptionsThatCannotBeMet) {
  EXPECT_NE(message_of({.vocabulary_size = 256, .special_tokens = {"<s>"}}).find("expected 257"), std::string::npos);
  EXPECT_NE(message_of({.special_tokens = {"<s>"}, .added_tokens = {"<s>"}}).find("twice"), std::string::npos);
  EXPECT_NE(message_of({.special_tokens = {""}}).find("empty"), std::string::npos);
  EXPECT_NE(message_of({.special_tokens = {"\xff"}}).find("UTF-8"), std::string::npos);
  EXPECT_NE(message_of({.special_tokens = {"a"}}).find("spelling of bytes"), std::string::npos);
  EXPECT_NE(message_of({.min_frequency = 0}).find("min_frequency"), std::string::npos);
  EXPECT_NE(message_of({.pattern = "(["}).find("split pattern"), std::string::npos);
}

}  // namespace
}  // namespace r1
