// Vocabularies inside GGUF files against llama.cpp's token ids.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "formats/model_files.h"
#include "text/tokenizer.h"

namespace r1 {
namespace {

std::string shared_file(const std::string& name) {
  const char* root = std::getenv("R1_SHARED");
  return (root != nullptr ? std::string(root) : std::string(R1_SOURCE_DIR) + "/../shared") + "/" + name;
}

void check(const std::string& model, const std::string& golden, int least) {
  if (!std::filesystem::exists(shared_file(model))) GTEST_SKIP() << shared_file(model) << " is absent";
  std::ifstream lines(shared_file(golden));
  if (!lines) GTEST_SKIP() << shared_file(golden) << " is absent";
  const ModelFiles files = open_model_files(shared_file(model));
  const auto tokenizer = Tokenizer::from_json(files.tokenizer_json, model);
  int count = 0;
  for (std::string line; std::getline(lines, line); count++) {
    const auto row = nlohmann::json::parse(line);
    const std::string text = row["text"].get<std::string>();
    const auto ids = row["ids"].get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer->encode(text, {.add_special_tokens = false}), ids) << golden << " line " << count + 1;
    EXPECT_EQ(tokenizer->decode(ids), text) << golden << " line " << count + 1;
  }
  EXPECT_GE(count, least);
}

TEST(TokenizerGguf, Gpt2) { check("goldens/tokenizers/gpt2-vocab.gguf", "goldens/tokenizers/gpt2-vocab.jsonl", 249); }
TEST(TokenizerGguf, Qwen2) {
  check("goldens/tokenizers/qwen2-vocab.gguf", "goldens/tokenizers/qwen2-vocab.jsonl", 249);
}
TEST(TokenizerGguf, SmolLM2) { check("models/SmolLM2-135M-Instruct.Q4_1.gguf", "goldens/smollm2/tokens.jsonl", 299); }

// Small vocabularies of every kind we read (tools/make_tokenizer_gguf.py).
TEST(TokenizerGguf, EveryPreTokenizerAndSentencePiece) {
  const std::string folder = std::string(R1_SOURCE_DIR) + "/tests/golden/tokenizers/";
  std::ifstream file(folder + "llama_cpp.json");
  const auto golden = nlohmann::json::parse(file);
  EXPECT_GE(golden["ids"].size(), 11u);
  for (const auto& [name, lists] : golden["ids"].items()) {
    const ModelFiles files = open_model_files(folder + name);
    const auto tokenizer = Tokenizer::from_json(files.tokenizer_json, name);
    for (size_t i = 0; i < lists.size(); i++) {
      const std::string text = golden["texts"][i].get<std::string>();
      const auto ids = lists[i].get<std::vector<TokenId>>();
      EXPECT_EQ(tokenizer->encode(text, {.add_special_tokens = false}), ids) << name << ": " << text;
      if (text.find("\u2581") == std::string::npos) {
        EXPECT_EQ(tokenizer->decode(ids), text) << name;
      }
    }
  }
}

TEST(TokenizerGguf, FramesByDefault) {
  const std::string folder = std::string(R1_SOURCE_DIR) + "/tests/golden/tokenizers/";
  const auto first_of = [&](const char* name) {
    const ModelFiles files = open_model_files(folder + name);
    return Tokenizer::from_json(files.tokenizer_json, name)->encode("a").front();
  };
  EXPECT_EQ(first_of("llama-bpe.gguf"), 420);  // llama.cpp puts BOS before these two kinds unless the file says no
  EXPECT_EQ(first_of("sentencepiece.gguf"), 1);
  EXPECT_EQ(first_of("gpt-2.gguf"), 64);
}

TEST(TokenizerGguf, VocabularyAlone) {
  const std::string path = shared_file("goldens/tokenizers/gpt2-vocab.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const ModelFiles files = open_model_files(path);
  EXPECT_TRUE(files.config.is_null());
  EXPECT_EQ(files.tensors, nullptr);
}

}  // namespace
}  // namespace r1
