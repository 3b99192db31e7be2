// Small tokenizer.json files of many kinds against Hugging Face's tokenizers (tools/make_tokenizer_kinds.py).
#include <gtest/gtest.h>

#include <fstream>

#include "base/json.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<TokenId>;

const Json& kinds() {
  static const Json all = [] {
    std::ifstream file(std::string(R1_SOURCE_DIR) + "/tests/golden/tokenizers/kinds.json");
    return Json::parse(file);
  }();
  return all;
}

std::shared_ptr<const Tokenizer> tokenizer_of(const Json& kind) {
  Json file = kinds()["bases"][kind["base"].get<std::string>()];
  file.update(kind["set"]);
  file["model"].update(kind["model"]);
  return Tokenizer::from_json(file.dump(), kind["name"].get<std::string>());
}

std::string streamed(const std::shared_ptr<const Tokenizer>& tokenizer, const Ids& ids, bool skip_special) {
  StreamDecoder stream(tokenizer, skip_special);
  std::string sum;
  for (TokenId id : ids) {
    const std::string piece = stream.push(id);
    EXPECT_EQ(to_valid_utf8(piece), piece);
    sum += piece;
  }
  return sum + stream.finish();
}

void check_row(const std::shared_ptr<const Tokenizer>& tokenizer, const std::string& text, const Json& row) {
  const Ids ids = row["ids"].get<Ids>();
  EXPECT_EQ(tokenizer->encode(text), ids);
  EXPECT_EQ(tokenizer->encode(text, {.add_special_tokens = false}),
            Ids(ids.begin() + row["before"].get<int>(), ids.end() - row["after"].get<int>()));
  const Json decoded = row.value("decoded", Json(text)), skipped = row.value("skipped", decoded);
  if (decoded.is_null()) return;  // theirs panicked
  EXPECT_EQ(tokenizer->decode(ids), decoded.get<std::string>());
  EXPECT_EQ(tokenizer->decode(ids, true), skipped.get<std::string>());
  EXPECT_EQ(streamed(tokenizer, ids, false), decoded.get<std::string>());
  EXPECT_EQ(streamed(tokenizer, ids, true), skipped.get<std::string>());
}

TEST(TokenizerKinds, IdsAndTextsAsHuggingFace) {
  const auto texts = kinds()["texts"].get<std::vector<std::string>>();
  EXPECT_GE(texts.size(), 40u);
  EXPECT_GE(kinds()["kinds"].size(), 50u);
  for (const Json& kind : kinds()["kinds"]) {
    const auto tokenizer = tokenizer_of(kind);
    ASSERT_EQ(kind["rows"].size(), texts.size());
    for (size_t i = 0; i < texts.size(); i++) {
      SCOPED_TRACE(kind["name"].get<std::string>() + ": text " + std::to_string(i) + ": " + texts[i]);
      check_row(tokenizer, texts[i], kind["rows"][i]);
    }
  }
}

// Both spellings of merges mean the same.
TEST(TokenizerKinds, MergesAsStrings) {
  Json file = kinds()["bases"]["bytes"], spelled = Json::array({"#version: 0.2"});
  for (const Json& merge : file["model"]["merges"])
    spelled.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  const auto pairs = Tokenizer::from_json(file.dump(), "pairs");
  file["model"]["merges"] = spelled;
  const auto strings = Tokenizer::from_json(file.dump(), "strings");
  for (const Json& text : kinds()["texts"])
    EXPECT_EQ(pairs->encode(text.get<std::string>()), strings->encode(text.get<std::string>()));
}

TEST(TokenizerKinds, WhatUsersWriteStaysText) {
  for (const Json& kind : kinds()["kinds"]) {
    const auto tokenizer = tokenizer_of(kind);
    for (const Json& text : kinds()["texts"])
      for (TokenId id :
           tokenizer->encode(text.get<std::string>(), {.add_special_tokens = false, .parse_special_tokens = false}))
        EXPECT_FALSE(tokenizer->is_special(id) && id != 0) << kind["name"] << text;  // 0: the unknown token
  }
}

}  // namespace
}  // namespace r1
