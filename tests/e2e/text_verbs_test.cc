// r1 tokenize and r1 template.
#include <cstdlib>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

const fs::path kMini = fs::path(R1_SOURCE_DIR) / "assets" / "mini";

std::string shared_file(const std::string& name) {
  const char* given = std::getenv("R1_SHARED");
  return (given != nullptr ? fs::path(given) : fs::path(R1_SOURCE_DIR) / ".." / "shared") / name;
}

TEST(TokenizeTest, TextToIdsAndBackFromATokenizerAlone) {
  const TempFolder t;
  fs::copy_file(kMini / "tokenizer.json", t / "tokenizer.json");
  const std::vector<std::string> texts = {"What is 12 + 30?", "", " two  spaces\n\nand lines\t",
                                          "\u00e4\u4e2d\U0001F600", "<|im_start|>user\nhi<|im_end|>\n"};
  std::string rows, back;
  for (const std::string& text : texts) rows += Json({{"text", text}}).dump() + "\n";
  const Outcome encoded = r1({"tokenize", "--model", t.path(), "--json"}, rows);
  ASSERT_TRUE(done(encoded));
  EXPECT_EQ(encoded.err, "");
  const auto ids = json_lines(encoded.out);
  ASSERT_EQ(ids.size(), texts.size());
  for (const Json& row : ids) {
    ASSERT_EQ(row.size(), 1u) << row;
    ASSERT_TRUE(row["ids"].is_array()) << row;
  }
  EXPECT_EQ(ids[1]["ids"].size(), 0u);
  const int64_t end = Json::parse(read_file(kMini / "config.json"))["eos_token_id"];
  EXPECT_EQ(ids[4]["ids"][ids[4]["ids"].size() - 2], end) << "<|im_end|> is one token";
  const Outcome decoded = r1({"tokenize", "--model", t.path(), "--decode", "--json"}, encoded.out);
  ASSERT_TRUE(done(decoded));
  const auto again = json_lines(decoded.out);
  ASSERT_EQ(again.size(), texts.size());
  for (size_t i = 0; i < texts.size(); i++) EXPECT_EQ(again[i], Json({{"text", texts[i]}}));
}

TEST(TokenizeTest, TheEmbeddedModelByName) {
  EXPECT_EQ(r1({"tokenize", "--model", "mini"}, "{\"text\":\"7 + 8\"}\n").out,
            r1({"tokenize", "--model", kMini}, "{\"text\":\"7 + 8\"}\n").out);
}

TEST(TokenizeTest, AVocabularyAloneAsGguf) {
  for (const std::string name : {"gpt2-vocab", "qwen2-vocab"}) {
    const std::string file = shared_file("goldens/tokenizers/" + name + ".gguf"),
                      cases = shared_file("goldens/tokenizers/" + name + ".jsonl");
    if (!fs::exists(file) || !fs::exists(cases)) GTEST_SKIP() << file << " is not there";
    std::string texts;
    std::vector<Json> want;
    for (const Json& row : json_lines_of(cases)) {
      texts += Json({{"text", row["text"]}}).dump() + "\n";
      want.push_back(row["ids"]);
    }
    const Outcome o = r1({"tokenize", "--model", file, "--json"}, texts);
    ASSERT_TRUE(done(o));
    const auto got = json_lines(o.out);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); i++) EXPECT_EQ(got[i]["ids"], want[i]) << name << " line " << i + 1;
  }
}

TEST(TokenizeTest, BadLinesAreNamed) {
  const auto tokenize = [](const std::string& rows, bool decode) {
    std::vector<std::string> words = {"tokenize", "--model", kMini, "--json"};
    if (decode) words.push_back("--decode");
    return r1(words, rows);
  };
  EXPECT_TRUE(refused(tokenize("not json\n", false), 1, "standard input, line 1"));
  EXPECT_TRUE(refused(tokenize("{\"ids\":[1]}\n", false), 1, "expected {\"text\""));
  EXPECT_TRUE(refused(tokenize("{\"text\":\"a\"}\n", true), 1, "expected {\"ids\""));
  EXPECT_TRUE(refused(tokenize("{\"ids\":[4294967297]}\n", true), 1, "4294967297"));
  EXPECT_TRUE(refused(tokenize("{\"ids\":[1.5]}\n", true), 1, "1.5"));
  EXPECT_TRUE(refused(tokenize("{\"ids\":[-1]}\n", true), 1, "-1"));
  const Outcome second = tokenize("{\"text\":\"a\"}\n\n[]\n", false);  // what came before it is there
  EXPECT_EQ(second.code, 1);
  EXPECT_EQ(json_lines(second.out).size(), 1u);
  EXPECT_NE(second.err.find("standard input, line 3"), std::string::npos) << second.err;
  EXPECT_TRUE(refused(r1({"tokenize", "--model", golden("qwen3")}), 1, "no tokenizer"));
}

TEST(TemplateTest, AFileAndAModelsOwn) {
  const TempFolder t;
  write_file(t / "t.jinja",
             "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
             "[{{ m.role }}: {{ m.content }}]{% endfor %}{% if tools %}{{ tools | length }} tools{% endif %}"
             "{% if add_generation_prompt %}>{% endif %}{% if documents is not none %}!{% endif %}{{ mood }}{{ "
             "strftime_now('%Y-%m-%d') }}");
  const std::string rows =
      "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":null,\"add_generation_prompt\":true,"
      "\"mood\":\"glad \",\"chat_template_kwargs\":{\"mood\":\"calm \"}}\n"
      "{\"messages\":[{\"role\":\"tool\",\"content\":\"hi\"}],\"tools\":[],\"add_generation_prompt\":false,\"extra\":{}"
      "}\n"
      "{\"mood\":\"glad "
      "\",\"messages\":[{\"role\":\"user\",\"content\":\"\\u00e4\"}],\"tools\":[{\"type\":\"function\"}],"
      "\"text\":\"x\"}\n"
      "{\"nothing\":1}\n"
      "no json\n";
  const Outcome o = r1({.words = {"template", "--template", t / "t.jinja", "--json"},
                        .input = rows,
                        .environment = {"SOURCE_DATE_EPOCH=1795478400"}});
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.err, "");
  const auto lines = json_lines(o.out);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0], Json({{"text", "[user: hi]>calm 2026-11-24"}}));
  ASSERT_TRUE(lines[1].contains("error") && lines[1].size() == 1u) << lines[1];
  EXPECT_NE(lines[1]["error"].get<std::string>().find("no tools here"), std::string::npos);
  EXPECT_EQ(lines[2], Json({{"text", "[user: \u00e4]1 toolsglad 2026-11-24"}}));
  EXPECT_TRUE(lines[3].contains("error") && lines[4].contains("error"));

  const Outcome own = r1({"template", "--model", kMini, "--json"},
                         "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"add_generation_prompt\":true}\n");
  ASSERT_TRUE(done(own));
  EXPECT_EQ(json_lines(own.out)[0]["text"], "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(TemplateTest, WhatCannotBeRead) {
  const TempFolder t;
  write_file(t / "bad.jinja", "line one\n{% for x in %}");
  EXPECT_TRUE(refused(r1({"template", "--template", t / "bad.jinja"}), 1, "bad.jinja"));
  EXPECT_TRUE(refused(r1({"template", "--template", t / "none.jinja"}), 1, "none.jinja"));
  EXPECT_TRUE(refused(r1({"template", "--model", golden("qwen3")}), 1, "no chat template"));
  EXPECT_TRUE(refused(r1({"template"}), 2, "--template"));

  write_file(t / "n.jinja", "{{ n }}");
  std::string many = "{\"messages\":[],\"n\":[true";
  for (int i = 0; i < 1 << 18; i++) many += ",true";
  const Outcome o = r1({"template", "--template", t / "n.jinja"},
                       "{\"messages\":[],\"n\":18446744073709551616}\n" + many + "]}\n{\"messages\":[],\"n\":7}\n");
  ASSERT_TRUE(done(o));
  const auto lines = json_lines(o.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NE(lines[0].dump().find("line 1: the whole number 18446744073709551616 at byte 19"), std::string::npos);
  EXPECT_NE(lines[1].dump().find("line 2: holds more than 262144 values"), std::string::npos);
  EXPECT_EQ(lines[2], Json({{"text", "7"}}));
}

}  // namespace
}  // namespace r1::e2e
