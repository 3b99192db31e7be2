// Folders without a tokenizer.json against transformers and sentencepiece (tools/make_older_tokenizers.py).
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "formats/model_files.h"
#include "text/tokenizer.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Ids = std::vector<TokenId>;

std::string bytes_of_base64(const std::string& text) {
  static const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = letters.find(c);
    if (value == std::string::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

class OlderTokenizers : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  std::shared_ptr<const Tokenizer> open() const {
    return Tokenizer::from_json(open_model_files(folder_).tokenizer_json, folder_);
  }
  std::string error() const {
    try {
      open();
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }
  void fill(const Json& kind) const {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const auto& [name, text] : kind["files"].items()) put(name, text.get<std::string>());
    for (const auto& [name, text] : kind["base64"].items()) put(name, bytes_of_base64(text.get<std::string>()));
  }
  static const Json& kinds() {
    static const Json all = [] {
      std::ifstream file(std::string(R1_SOURCE_DIR) + "/tests/golden/tokenizers/older.json");
      return Json::parse(file);
    }();
    return all;
  }
  const std::string folder_ = testing::TempDir() + "r1_older_" + std::to_string(getpid());
};

TEST_F(OlderTokenizers, IdsAndTextsAsTheirMakers) {
  const auto texts = kinds()["texts"].get<std::vector<std::string>>();
  EXPECT_GE(texts.size(), 50u);
  EXPECT_GE(kinds()["folders"].size(), 10u);
  for (const Json& kind : kinds()["folders"]) {
    fill(kind);
    const auto tokenizer = open();
    ASSERT_EQ(kind["rows"].size(), texts.size());
    for (size_t i = 0; i < texts.size(); i++) {
      SCOPED_TRACE(kind["name"].get<std::string>() + ": text " + std::to_string(i) + ": " + texts[i]);
      const Json& row = kind["rows"][i];
      const Ids plain = row["plain"].get<Ids>();
      const bool special = kind["special"].get<bool>();
      EXPECT_EQ(tokenizer->encode(texts[i], {.parse_special_tokens = special}), row["ids"].get<Ids>());
      EXPECT_EQ(tokenizer->encode(texts[i], {.add_special_tokens = false, .parse_special_tokens = special}), plain);
      if (row["text"].is_boolean()) continue;
      EXPECT_EQ(tokenizer->decode(plain), row["text"].is_null() ? texts[i] : row["text"].get<std::string>());
    }
  }
}

// tools/make_added_tokens.py: transformers on folders whose other files name tokens or flag them otherwise.
TEST_F(OlderTokenizers, WhatOtherFilesAddToATokenizerJson) {
  const auto read = [](const char* name) {
    std::ifstream file(std::string(R1_SOURCE_DIR) + "/tests/golden/tokenizers/" + name);
    return Json::parse(file);
  };
  const Json all = read("additions.json");
  Json base = read("kinds.json")["bases"]["bytes"];
  EXPECT_GE(all["folders"].size(), 10u);
  for (const Json& kind : all["folders"]) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    base["added_tokens"] = kind["added"];
    put("tokenizer.json", base.dump());
    for (const auto& [name, contents] : kind["files"].items()) put(name, contents.dump());
    const auto tokenizer = open();
    for (size_t i = 0; i < all["texts"].size(); i++) {
      SCOPED_TRACE(kind["name"].get<std::string>() + ": " + all["texts"][i].get<std::string>());
      const Ids ids = kind["rows"][i]["ids"].get<Ids>();
      EXPECT_EQ(tokenizer->encode(all["texts"][i].get<std::string>(), {.add_special_tokens = false}), ids);
      EXPECT_EQ(tokenizer->decode(ids), kind["rows"][i]["text"].get<std::string>());
    }
  }
}

// As transformers, which adds what tokenizer_config.json lists and tokenizer.json lacks.
TEST_F(OlderTokenizers, TokensThatTheConfigAloneLists) {
  put("tokenizer.json",
      R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]},"added_tokens":[]})");
  EXPECT_EQ(open()->encode("ab<x>b"), (Ids{2, 1}));
  put("tokenizer_config.json",
      R"({"added_tokens_decoder":{"2":{"content":"ab"},"3":{"content":"<x>","special":true},"4":{"content":"<y>"}}})");
  EXPECT_EQ(open()->encode("ab<x>b<y>"), (Ids{2, 3, 1, 4}));
  EXPECT_TRUE(open()->is_special(3));
  EXPECT_FALSE(open()->is_special(4));
  put("tokenizer_config.json", R"({"added_tokens_decoder":{"one":{"content":"<x>"}}})");
  EXPECT_NE(error().find("expected an id and its token"), std::string::npos) << error();
}

TEST_F(OlderTokenizers, WhatIsNotReadIsNamed) {
  const std::string merges = "#version: 0.2\na b\n", vocabulary = R"({"a":0,"b":1,"ab":2})";
  put("vocab.json", vocabulary);
  EXPECT_NE(error().find("tokenizer.model"), std::string::npos) << error();  // merges.txt is missing
  put("merges.txt", merges);
  EXPECT_EQ(open()->encode("abab"), (Ids{2, 2}));
  const std::pair<const char*, const char*> cases[] = {
      {"merges.txt", "a\n"},
      {"merges.txt", "a b c\n"},
      {"merges.txt", "a \n"},
      {"merges.txt", "a x\n"},
      {"vocab.json", "[]"},
      {"vocab.json", R"({"a":0,"b":1,"ab":1})"},
      {"vocab.json", R"({"a":0,"b":1,"ab":-1})"},
      {"vocab.json", R"({"a":0,"b":1,"ab":2e9})"},
      {"tokenizer_config.json", R"({"tokenizer_class":"CLIPTokenizer"})"},
      {"tokenizer_config.json", R"({"added_tokens_decoder":{"x":{}}})"},
      {"config.json", R"({"model_type":"roberta"})"}};
  for (const auto& [name, text] : cases) {
    put("merges.txt", merges);
    put("vocab.json", vocabulary);
    put("tokenizer_config.json", "{}");
    put("config.json", "{}");
    put(name, text);
    EXPECT_NE(error().find(folder_), std::string::npos) << name << " " << text << ": " << error();
  }
}

TEST_F(OlderTokenizers, SentencePieceThatIsCutShortOrChanged) {
  const Json* pieces = nullptr;
  for (const Json& kind : kinds()["folders"])
    if (kind["name"] == "pieces alone") pieces = &kind;
  ASSERT_NE(pieces, nullptr);
  const std::string whole = bytes_of_base64((*pieces)["base64"]["tokenizer.model"].get<std::string>());
  size_t refused = 0;
  for (size_t size = 0; size < whole.size(); size += 37) {
    put("tokenizer.model", whole.substr(0, size));
    refused += error() != "accepted";
  }
  EXPECT_EQ(refused, (whole.size() + 36) / 37);  // the kind comes behind all pieces
  put("tokenizer.model", "IQ== 0\nIg== 1\n");
  EXPECT_NE(error().find("is no SentencePiece model"), std::string::npos) << error();
  // pieces <unk> and a, then model_type 1, a table of replacements, an unused piece, a piece twice
  const std::string unk("\x0A\x09\x0A\x05<unk>\x18\x02", 11),
      a("\x0A\x03\x0A\x01"
        "a",
        5),
      bpe("\x12\x02\x18\x02", 4);
  put("tokenizer.model", unk + a + bpe);
  EXPECT_EQ(error(), "accepted");
  const std::pair<std::string, const char*> cases[] = {
      {unk + a, "unigram"},
      {unk + a + std::string("\x12\x02\x18\x04", 4), "character"},
      {unk + a + bpe + std::string("\x1A\x07\x0A\x02hi\x12\x01x", 9), "table \"hi\""},
      {unk + a + bpe +
           std::string("\x0A\x05\x0A\x01"
                       "b\x18\x05",
                       7),
       "of type 5"},
      {unk + a + a + bpe, "appears twice"},
      {unk + a + bpe + std::string("\x0A\x05\x0A\x01\xFF\x18\x01", 7), "UTF-8"}};
  for (const auto& [bytes, says] : cases) {
    put("tokenizer.model", bytes);
    EXPECT_NE(error().find(says), std::string::npos) << says << ": " << error();
  }
}

}  // namespace
}  // namespace r1
