#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Ids = std::vector<TokenId>;

std::string shared_file(const std::string& name) {
  const char* root = std::getenv("R1_SHARED");
  return (root != nullptr ? std::string(root) : std::string(R1_SOURCE_DIR) + "/../shared") + "/goldens/" + name;
}

std::string unpacked(const std::string& path) {
  std::string out;
  std::FILE* pipe = popen(("gzip -dc '" + path + "'").c_str(), "r");
  char buffer[65536];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  EXPECT_EQ(pclose(pipe), 0) << path;
  return out;
}

// A vocabulary of the 256 bytes (ids 0 to 255) and six merges (256 to 261), with added tokens of every kind. What
// Hugging Face's tokenizers 0.23 makes of it is written into the tests below.
Json small() {
  const ByteAlphabet alphabet;
  Json vocab = Json::object(), merges = Json::array();
  for (int b = 0; b < 256; b++) vocab[alphabet.encode(std::string(1, static_cast<char>(b)))] = b;
  for (const auto& [a, b] : {std::pair("a", "a"), {"aa", "aa"}, {" ", "a"}, {"t", "h"}, {"th", "e"}, {" ", "the"}}) {
    merges.push_back(alphabet.encode(a) + " " + alphabet.encode(b));
    vocab[alphabet.encode(std::string(a) + b)] = vocab.size();
  }
  Json added = Json::array();
  const auto add = [&](const char* content, const char* flag) {
    added.push_back({{"id", 262 + added.size()}, {"content", content}, {"special", false}, {"normalized", false}});
    if (*flag != '\0') added.back()[flag] = true;
  };
  add("<s>", "special");
  add("<l>", "lstrip");
  add("<r>", "rstrip");
  add("word", "single_word");
  add("<s><s>", "special");
  add("e\u0301", "normalized");
  return {{"added_tokens", added},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single",
             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
              {{"SpecialToken", {{"id", "<l>"}, {"type_id", 0}}}}}},
            {"special_tokens", {{"<s>", {{"ids", {262}}}}, {"<l>", {{"ids", {263}}}}}}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

Json small_plain() {
  Json json = small();
  json["normalizer"] = nullptr;
  json["post_processor"] = nullptr;
  return json;
}

std::shared_ptr<const Tokenizer> load(const Json& json) { return Tokenizer::from_json(json.dump(), "small"); }

std::string message_of(const std::string& json) {
  try {
    Tokenizer::from_json(json, "hostile.json");
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

void check_streaming(const std::shared_ptr<const Tokenizer>& tokenizer, const Ids& ids) {
  StreamDecoder stream(tokenizer);
  std::string sum;
  for (TokenId id : ids) {
    const std::string piece = stream.push(id);
    EXPECT_EQ(incomplete_tail(piece), 0u);
    EXPECT_EQ(to_valid_utf8(piece), piece);
    sum += piece;
  }
  sum += stream.finish();
  EXPECT_EQ(sum, tokenizer->decode(ids));
}

void check_golden(const std::string& name) {
  const std::string packed = shared_file("tokenizers/" + name + ".tokenizer.json.gz");
  std::ifstream lines(shared_file("tokenizers/" + name + ".jsonl"));
  if (!std::filesystem::exists(packed) || !lines) GTEST_SKIP() << packed << " is absent";
  const auto tokenizer = Tokenizer::from_json(unpacked(packed), name);
  int count = 0;
  for (std::string line; std::getline(lines, line); count++) {
    const Json row = Json::parse(line);
    const std::string text = row["text"].get<std::string>();
    const Ids ids = row["ids"].get<Ids>();
    EXPECT_EQ(tokenizer->encode(text), ids) << name << " line " << count + 1;
    EXPECT_EQ(tokenizer->decode(ids), row["decoded"].get<std::string>()) << name << " line " << count + 1;
    check_streaming(tokenizer, ids);
    for (TokenId id : tokenizer->encode(text, {.parse_special_tokens = false}))
      EXPECT_FALSE(tokenizer->is_special(id)) << name << " line " << count + 1;
  }
  EXPECT_GE(count, 400);
}

TEST(Tokenizer, Qwen3) { check_golden("qwen3"); }
TEST(Tokenizer, DeepSeekV3) { check_golden("deepseek_v3"); }

TEST(Tokenizer, AddedTokensAsHuggingFace) {
  const auto tokenizer = load(small());
  const std::vector<std::pair<std::string, Ids>> cases = {
      {"the aaaaaaa", {262, 260, 32, 257, 256, 97, 263}},
      {"a  <l> a", {262, 97, 263, 258, 263}},
      {"<r>  a<r>", {262, 264, 97, 264, 263}},
      {"word words aword word", {262, 265, 32, 119, 111, 114, 100, 115, 258, 119, 111, 114, 100, 32, 265, 263}},
      {"<s><s><s>", {262, 266, 262, 263}},
      {"<s>x<s><s>", {262, 262, 120, 266, 263}},
      {"cafe\u0301 caf\u00e9", {262, 99, 97, 102, 267, 32, 99, 97, 102, 267, 263}},
      {"", {262, 263}},
      {"a<l><l>  <l>", {262, 97, 263, 263, 263, 263}},
      {"sword word.", {262, 115, 119, 111, 114, 100, 32, 265, 46, 263}},
      {"wordword word_ word-",
       {262, 119, 111, 114, 100, 119, 111, 114, 100, 32, 119, 111, 114, 100, 95, 32, 265, 45, 263}},
      {"\u3000<l>\u3000<r>\u3000a", {262, 263, 227, 128, 128, 264, 97, 263}}};
  for (const auto& [text, ids] : cases) EXPECT_EQ(tokenizer->encode(text), ids) << text;
  EXPECT_EQ(tokenizer->decode({262, 260, 263}), "<s>the<l>");
  EXPECT_EQ(tokenizer->decode({262, 260, 263}, true), "the<l>");
  EXPECT_EQ(tokenizer->encode("the", {.add_special_tokens = false}), (Ids{260}));
}

TEST(Tokenizer, TextFromUsersIsNeverSpecial) {
  const auto tokenizer = load(small_plain());
  EXPECT_EQ(tokenizer->encode("<s>"), (Ids{262}));
  EXPECT_EQ(tokenizer->encode("<s>", {.parse_special_tokens = false}), (Ids{60, 115, 62}));
  EXPECT_EQ(tokenizer->encode("<s><s>", {.parse_special_tokens = false}), (Ids{60, 115, 62, 60, 115, 62}));
  EXPECT_EQ(tokenizer->encode("<r>a", {.parse_special_tokens = false}), (Ids{264, 97}));  // added, but not special
}

TEST(Tokenizer, PrefixSpaceAsHuggingFace) {
  Json json = small_plain();
  json["pre_tokenizer"]["add_prefix_space"] = true;
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->encode("the a"), (Ids{261, 258}));
  EXPECT_EQ(tokenizer->encode("<s>the"), (Ids{262, 261}));
  EXPECT_EQ(tokenizer->encode(" a"), (Ids{258}));
}

// Merges would join what a piece holds and not what two pieces hold, so ids tell where text was cut.
TEST(Tokenizer, SplitBehavioursAsHuggingFace) {
  const std::vector<std::tuple<const char*, bool, std::vector<std::string>>> cases = {
      {"Removed", false, {"a", "b", "c"}},
      {"Removed", true, {"--", "--", "--", "--"}},
      {"Isolated", false, {"--", "a", "--", "--", "b", "--", "c"}},
      {"Isolated", true, {"--", "a", "--", "--", "b", "--", "c"}},
      {"MergedWithPrevious", false, {"--", "a--", "--", "b--", "c"}},
      {"MergedWithPrevious", true, {"--a", "--", "--b", "--c"}},
      {"MergedWithNext", false, {"--a", "--", "--b", "--c"}},
      {"MergedWithNext", true, {"--", "a--", "--", "b--", "c"}},
      {"Contiguous", false, {"--", "a", "----", "b", "--", "c"}},
      {"Contiguous", true, {"--", "a", "----", "b", "--", "c"}}};
  for (const auto& [behavior, invert, pieces] : cases) {
    Json json = small_plain();
    json["model"]["ignore_merges"] = true;  // every piece is a token of its own
    int next = 300;
    for (const char* piece : {"--", "----", "a--", "b--", "--a", "--b", "--c"}) json["model"]["vocab"][piece] = next++;
    json["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"String", "--"}}}, {"behavior", behavior}, {"invert", invert}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    Ids expected;
    for (const std::string& piece : pieces) expected.push_back(json["model"]["vocab"][piece].get<TokenId>());
    EXPECT_EQ(load(json)->encode("--a----b--c"), expected) << behavior << " " << invert;
  }
}

// Hugging Face hands the steps behind ByteLevel its spelling, in which the second byte of U+00B2 is a digit.
TEST(Tokenizer, StepsBehindByteLevelSeeTheSpelling) {
  Json json = small_plain();
  json["model"]["vocab"]["Â²"] = 300;
  json["model"]["merges"].push_back("Â ²");
  EXPECT_EQ(load(json)->encode("a²b12"), (Ids{97, 300, 98, 49, 50}));
  json["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}},
                             {{"type", "Digits"}, {"individual_digits", true}}}}};
  EXPECT_EQ(load(json)->encode("a²b12"), (Ids{97, 194, 178, 98, 49, 50}));
}

TEST(Tokenizer, BytesWithoutTokenAsHuggingFace) {
  Json json = small_plain();
  json["model"]["vocab"].erase("x");
  json["model"]["vocab"].erase("y");
  EXPECT_EQ(load(json)->encode("axxya xa"), (Ids{256, 258}));
  json["model"]["unk_token"] = "th";
  EXPECT_EQ(load(json)->encode("axxya xa"), (Ids{97, 259, 259, 259, 97, 32, 259, 97}));
  json["model"]["fuse_unk"] = true;
  EXPECT_EQ(load(json)->encode("axxya xa"), (Ids{97, 259, 97, 32, 259, 97}));
}

TEST(Tokenizer, InvalidUtf8BecomesReplacementCharacters) {
  const auto tokenizer = load(small_plain());
  // one U+FFFD for each maximal part, as Rust's from_utf8_lossy: \xF0\x9F is a start, \xC0 and \xFF are none
  for (const auto& [bytes, text] : {std::pair<std::string, std::string>("a\xFFz", "a\uFFFDz"),
                                    {"\xF0\x9Fz", "\uFFFDz"},
                                    {"\xC0\x80", "\uFFFD\uFFFD"},
                                    {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
                                    {"\xE2\x82", "\uFFFD"}}) {
    EXPECT_EQ(tokenizer->encode(bytes), tokenizer->encode(text));
    Ids raw;
    for (char c : bytes) raw.push_back(static_cast<unsigned char>(c));
    EXPECT_EQ(tokenizer->decode(raw), text);
    check_streaming(tokenizer, raw);
  }
  const std::string with_zero("a\0b", 3);
  EXPECT_EQ(tokenizer->encode(with_zero), (Ids{97, 0, 98}));
  EXPECT_EQ(tokenizer->decode({97, 0, 98}), with_zero);
}

TEST(Tokenizer, StreamingSkipsSpecialTokens) {
  const auto tokenizer = load(small_plain());
  StreamDecoder stream(tokenizer, true);
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.push(262), "");  // between two bytes of a character
  EXPECT_EQ(stream.push(0x82), "");
  EXPECT_EQ(stream.push(0xAC), "\u20AC");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(tokenizer->decode({0xE2, 262, 0x82, 0xAC}, true), "\u20AC");
}

TEST(Tokenizer, LongRuns) {
  const auto tokenizer = load(small_plain());
  const size_t n = 1 << 20;
  EXPECT_EQ(tokenizer->encode(std::string(n, 'a')), Ids(n / 4, 257));
  EXPECT_EQ(tokenizer->encode(std::string(n, ' ')), Ids(n, 32));
  EXPECT_EQ(tokenizer->encode(std::string(n, '1')), Ids(n, 49));
  EXPECT_EQ(tokenizer->encode(std::string(n, '<')), Ids(n, 60));
  std::string lines;
  for (size_t i = 0; i < n / 2; i++) lines += " \n";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(lines)), lines);
}

TEST(Tokenizer, IdsOutsideTheVocabulary) {
  const auto tokenizer = load(small_plain());
  EXPECT_EQ(tokenizer->vocabulary_size(), 268);
  EXPECT_EQ(tokenizer->token_bytes(261), " the");
  EXPECT_THROW(tokenizer->token_bytes(-1), Error);
  for (TokenId id : {268, 1 << 30}) EXPECT_EQ(tokenizer->token_bytes(id), "");  // rows that a model has to spare
  EXPECT_EQ(tokenizer->decode({97, 268, 97}), "aa");
  EXPECT_EQ(tokenizer->find("<r>"), 264);
  EXPECT_EQ(tokenizer->find("nothing"), -1);
}

// ---- hostile files: each is refused by name

struct Hostile {
  const char* what;
  std::function<void(Json&)> change;
  const char* message;
};

TEST(TokenizerHostile, FieldsThatAreWrong) {
  const std::vector<Hostile> cases = {
      {"a merge longer than any key", [](Json& j) { j["model"]["merges"].push_back("aaaa aaaa"); }, "joins"},
      {"a merge of an unknown token", [](Json& j) { j["model"]["merges"].push_back("zz a"); }, "joins"},
      {"a merge without a space", [](Json& j) { j["model"]["merges"].push_back("aa"); }, "no space"},
      {"an empty merge", [](Json& j) { j["model"]["merges"].push_back(""); }, "no space"},
      {"a merge of three", [](Json& j) { j["model"]["merges"].push_back({"a", "a", "a"}); }, "hostile.json"},
      {"a merge of numbers", [](Json& j) { j["model"]["merges"].push_back({1, 2}); }, "hostile.json"},
      {"a merge outside the alphabet", [](Json& j) { j["model"]["merges"].push_back("a \t"); }, "joins"},
      {"merges that are a number", [](Json& j) { j["model"]["merges"] = 7; }, "hostile.json"},
      {"no merges", [](Json& j) { j["model"].erase("merges"); }, "merges"},
      {"no vocabulary", [](Json& j) { j["model"].erase("vocab"); }, "model.vocab"},
      {"a vocabulary that is a list", [](Json& j) { j["model"]["vocab"] = Json::array({"a"}); }, "model.vocab"},
      {"no model", [](Json& j) { j.erase("model"); }, "model"},
      {"a model that is a list", [](Json& j) { j["model"] = Json::array(); }, "hostile.json"},
      {"an id of 2^31", [](Json& j) { j["model"]["vocab"]["q"] = 2147483648; }, "id 2147483648"},
      {"a negative id", [](Json& j) { j["model"]["vocab"]["q"] = -1; }, "id -1"},
      {"a fractional id", [](Json& j) { j["model"]["vocab"]["q"] = 1.5; }, "id 1.5"},
      {"an id of 2^64 - 1", [](Json& j) { j["model"]["vocab"]["q"] = 18446744073709551615u; }, "id 18446744073"},
      {"an id given twice", [](Json& j) { j["model"]["vocab"]["qq"] = 256; }, "id 256"},
      {"an empty token", [](Json& j) { j["model"]["vocab"][""] = 300; }, "empty token"},
      {"an added token's id taken", [](Json& j) { j["added_tokens"][0]["id"] = 97; }, "id 97"},
      {"an added token's id huge", [](Json& j) { j["added_tokens"][0]["id"] = 1 << 30; }, "id 1073741824"},
      {"an empty added token", [](Json& j) { j["added_tokens"][0]["content"] = ""; }, "empty"},
      {"an added token without id", [](Json& j) { j["added_tokens"][0].erase("id"); }, "id"},
      {"added tokens that are a word", [](Json& j) { j["added_tokens"] = "x"; }, "hostile.json"},
      {"a frame of no token", [](Json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {9999}; }, "9999"},
      {"a frame of a fraction", [](Json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {0.5}; }, "0.5"},
      {"a frame without its token", [](Json& j) { j["post_processor"]["special_tokens"].erase("<s>"); }, "<s>"},
      {"an unknown post-processor", [](Json& j) { j["post_processor"]["type"] = "Template"; }, "\"Template\""},
      {"an unknown normalizer", [](Json& j) { j["normalizer"]["type"] = "Precompiled"; }, "Precompiled"},
      {"an unknown pre-tokenizer", [](Json& j) { j["pre_tokenizer"]["type"] = "UnicodeScripts"; }, "UnicodeScripts"},
      {"an unknown decoder", [](Json& j) { j["decoder"]["type"] = "WordPiece"; }, "WordPiece"},
      {"another model", [](Json& j) { j["model"]["type"] = "Unigram"; }, "Unigram"},
      {"dropout", [](Json& j) { j["model"]["dropout"] = 0.1; }, "dropout"},
      {"an unknown token that is none", [](Json& j) { j["model"]["unk_token"] = "<unk>"; }, "unk_token"},
  };
  for (const Hostile& h : cases) {
    Json json = small();
    h.change(json);
    const std::string message = message_of(json.dump());
    EXPECT_NE(message.find("hostile.json"), std::string::npos) << h.what << ": " << message;
    EXPECT_NE(message.find(h.message), std::string::npos) << h.what << ": " << message;
  }
}

TEST(TokenizerHostile, Patterns) {
  const auto with = [](const Json& pattern, const char* behavior) {
    Json json = small();
    json["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}}, {{"type", "ByteLevel"}}}}};
    return json.dump();
  };
  EXPECT_NE(message_of(with({{"Regex", "(a"}}, "Isolated")).find("split pattern (a"), std::string::npos);
  EXPECT_NE(message_of(with({{"Regex", 5}}, "Isolated")).find("hostile.json"), std::string::npos);
  EXPECT_NE(message_of(with({{"Glob", "*"}}, "Isolated")).find("neither Regex nor String"), std::string::npos);
  EXPECT_NE(message_of(with({{"Regex", "a"}}, "Sideways")).find("Sideways"), std::string::npos);
  const auto slow = Tokenizer::from_json(with({{"Regex", "(x+x+)+[yz]"}}, "Isolated"), "slow");
  EXPECT_THROW(slow->encode(std::string(100, 'x')), Error);  // 2^100 ways
}

// What a file can blow text up by is bounded, in both directions.
TEST(TokenizerHostile, TextThatGrows) {
  Json json = small_plain();
  const Json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json(std::vector<Json>(60, twice))}};
  EXPECT_THROW(load(json)->encode("a"), Error);
  json["normalizer"] = nullptr;
  json["decoder"] = {{"type", "Sequence"}, {"decoders", Json(std::vector<Json>(60, twice))}};
  const auto tokenizer = load(json);
  EXPECT_THROW(tokenizer->decode({97}), Error);
  EXPECT_THROW(tokenizer->token_bytes(97), Error);
  json["decoder"]["decoders"] = std::vector<Json>(1000, {{"type", "Fuse"}});
  EXPECT_NE(message_of(json.dump()).find("more than 64 steps"), std::string::npos);
}

TEST(TokenizerHostile, SizesOfSteps) {
  Json json = small();
  json["pre_tokenizer"] = {{"type", "FixedLength"}, {"length", 0}};
  EXPECT_NE(message_of(json.dump()).find("FixedLength of 0"), std::string::npos);
  json = small();
  json["added_tokens"][0]["content"] = std::string(5000, 'x');
  EXPECT_NE(message_of(json.dump()).find("has 5000 bytes"), std::string::npos);
  json = small();
  json["decoder"] = {{"type", "Strip"}, {"content", " "}, {"start", -1}, {"stop", 0}};
  EXPECT_NE(message_of(json.dump()).find("start -1"), std::string::npos);
}

TEST(TokenizerHostile, MoreMergesThanAnybodyHas) {
  Json json = small();
  json["model"]["merges"] = Json::array();
  for (int i = 0; i < (1 << 20) + 1; i++) json["model"]["merges"].push_back("a b");
  EXPECT_NE(message_of(json.dump()).find("1048577 merges, at most 1048576 are read"), std::string::npos);
}

TEST(TokenizerHostile, DeepNesting) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_NE(message_of(deep).find("nested 100000 deep"), std::string::npos);
  EXPECT_NE(message_of("{\"model\":" + deep + "}").find("nested 100001 deep"), std::string::npos);
  Json step = {{"type", "NFC"}};
  for (int i = 0; i < 60; i++) step = {{"type", "Sequence"}, {"normalizers", {step}}};
  Json json = small();
  json["normalizer"] = step;
  EXPECT_NE(message_of(json.dump()).find("deep"), std::string::npos);
}

TEST(TokenizerHostile, TextThatIsNoTokenizer) {
  for (const std::string text : {"", "{", "null", "7", "[]", "\"x\"", "{}", "\xEF\xBB\xBF", "{\"model\":null}",
                                 "{\"model\":{\"vocab\":{\"\xff\":1}}}", "[[[", "]]]]", "\"\\"})
    EXPECT_NE(message_of(text).find("hostile.json"), std::string::npos) << text;
  const std::string whole = small().dump();
  for (size_t n = 0; n < whole.size(); n += 7) EXPECT_NE(message_of(whole.substr(0, n)), "accepted") << "cut to " << n;
}

}  // namespace
}  // namespace r1
