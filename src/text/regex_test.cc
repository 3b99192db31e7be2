// Patterns as Oniguruma reads them; expected pieces are what Split (Isolated) of PyPI tokenizers 0.23.3 gives.
#include "text/regex.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Pieces = std::vector<std::string>;

Pieces isolated(const std::string& pattern, const std::string& text) {
  std::vector<Regex::Match> matches;
  Regex(pattern).find_all(text, matches);
  Pieces out;
  size_t at = 0;
  for (const Regex::Match& m : matches) {
    if (m.begin > at) out.push_back(text.substr(at, m.begin - at));
    if (m.end > m.begin) out.push_back(text.substr(m.begin, m.end - m.begin));
    at = m.end;
  }
  if (at < text.size()) out.push_back(text.substr(at));
  return out;
}

TEST(Regex, ReadsPatternsAsOniguruma) {
  const std::vector<std::tuple<const char*, const char*, Pieces>> cases = {
      {R"((?m:a.b))", "a\nb", {"a\nb"}},
      {R"(a{2}+)", "aaaaaab", {"aaaaaa", "b"}},
      {R"(a{1,3}+)", "aaaaaab", {"aaaaaa", "b"}},
      {R"(a{2}?)", "aaab", {"aa", "a", "b"}},
      {R"(a{,2})", "aaab", {"aa", "a", "b"}},
      {R"(a{1,2}?)", "aaab", {"a", "a", "a", "b"}},
      {R"(\u0041)", "A", {"A"}},
      {R"(a(?i)b|c)", "aBC", {"aB", "C"}},
      {R"([a[b-c]]+)", "abcd", {"abc", "d"}},
      {R"([a-z&&[^b]]+)", "abcd", {"a", "b", "cd"}},
      {R"([^\S\n]+)", "a \n b", {"a", " ", "\n", " ", "b"}},
      {R"((?=[A-Z]))", "fooBarBaz", {"foo", "Bar", "Baz"}},
      {R"(x*)", "axxb", {"a", "xx", "b"}},
      {R"(\bfoo\b)", "foo e\u0301foo foo_ foo", {"foo", " e\u0301foo foo_ ", "foo"}},
      {R"((?<=a|bc)x)", "axbcx", {"a", "x", "bc", "x"}},
      {R"(\h+)", "afg", {"af", "g"}},
      {R"(\v)", "\v\n", {"\v", "\n"}},
      {R"([]a]+)", "]a", {"]a"}},
      {R"($)", "a\nb\n", {"a", "\nb", "\n"}},
      {R"(^)", "a\nb\n", {"a\n", "b\n"}},
      {R"((?<n>a)\k<n>)", "aab", {"aa", "b"}},
      {R"((a)\1)", "aab", {"aa", "b"}},
      {R"(\N+)", "ab\nc", {"ab", "\n", "c"}},
      {"(?x: a b # c\n)", "ab", {"ab"}},
      {R"([[:alpha:]]+)", "aéB1", {"aéB", "1"}},
      {R"([[:^alpha:]]+)", "aéB1", {"aéB", "1"}},
      {R"(\p{^L}+)", "a12", {"a", "12"}},
      {R"(\p{Letter}+)", "a12", {"a", "12"}},
      {R"(\p{greek}+)", "aαβ", {"a", "αβ"}},
      {R"(a++b)", "aab", {"aab"}},
      {R"([\x{41}-\x{43}]+)", "ABCD", {"ABC", "D"}},
      {R"(\d+)", "1٣", {"1٣"}},
      {R"((?im-x:a.))", "A\n", {"A\n"}},
      {R"(a{x)", "a{x", {"a{x"}},
      {R"((?<!a)b)", "abb", {"ab", "b"}},
      {R"((?:))", "ab", {"a", "b"}},
      {R"([^a&&b])", "abc", {"a", "b", "c"}},
      {R"(\s)", "\u180e", {"\u180e"}}};
  for (const auto& [pattern, text, pieces] : cases) EXPECT_EQ(isolated(pattern, text), pieces) << pattern;
}

TEST(Regex, KnowsCharactersNewerThanPcre) {
  const std::string text = "a\U00031350\U00010D70\U0001E4D0b";  // Unicode 15 and 16: Lo, Ll, Lo
  EXPECT_EQ(isolated(R"(\p{L}+)", text), (Pieces{text}));
  EXPECT_EQ(isolated(R"(\p{Cn}+)", text), (Pieces{text}));
  EXPECT_EQ(isolated(R"(\P{L}+)", text + "1"), (Pieces{text, "1"}));
  EXPECT_EQ(isolated(R"([^\p{L}]+)", text + "1"), (Pieces{text, "1"}));
  EXPECT_EQ(isolated(R"(\p{Nd}+)", "x\U00011F50"), (Pieces{"x", "\U00011F50"}));
}

std::string error_of(const std::string& pattern) {
  try {
    Regex regex(pattern);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

// Words of the best-known patterns are found without PCRE2; in a group, the same patterns are not known.
TEST(Regex, WordsFoundByHandAreThePatterns) {
  const char* const patterns[] = {
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
      "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"};
  const char* const pool[] = {"a",  "b",    "S",      "t",      "ll", "'", "'",  " ", " ", "  ",
                              "\n", "\r\n", "\t",     "1",      "23", ".", "-",  "_", "é", "e\u0301",
                              "你", "²",    "\u00a0", "\u180e", "🙂", "ſ", "\v", "£"};
  uint32_t state = 1;
  for (const char* pattern : patterns) {
    const std::string grouped = "(?:" + std::string(pattern) + ")";
    for (int round = 0; round < 300; round++) {
      std::string text;
      for (int n = 0; n < 40; n++) text += pool[(state = state * 1664525u + 1013904223u) / 65536 % std::size(pool)];
      EXPECT_EQ(isolated(pattern, text), isolated(grouped, text)) << pattern;
    }
  }
}

TEST(Regex, RefusesByName) {
  for (const auto& [pattern, what] : {std::pair("(a", "no ) follows"),
                                      {"a)", "unmatched )"},
                                      {"[a", "no ] follows"},
                                      {"\\p{Nonsense}", "Nonsense"},
                                      {"(?s:a)", "group option s"},
                                      {"(?~a)", "absence"},
                                      {"\\xE9", "raw bytes"},
                                      {"[z-a]", "backwards"},
                                      {"[a-\\d]", "ends in a class"},
                                      {"\\", "backslash"},
                                      {"\\x{110000}", "no such character"},
                                      {"*a", "split pattern"}})
    EXPECT_NE(error_of(pattern).find(what), std::string::npos) << pattern << ": " << error_of(pattern);
  EXPECT_NE(error_of(std::string(1000, '(')).find("nested"), std::string::npos);
  EXPECT_NE(error_of(std::string(1 << 20, 'a')).find("at most"), std::string::npos);
}

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Each of these would take minutes to ages.
TEST(Regex, NoPatternHangs) {
  const std::string run(1 << 20, 'a');
  for (const char* pattern : {"(a+a+)+[yz]", "a*b", "a(?=a*b)|a", "a*a*a*b", "(a|aa)+$b", "(a*)*b"}) {
    const Regex regex(pattern);
    std::vector<Regex::Match> matches;
    EXPECT_LT(seconds_of([&] { EXPECT_THROW(regex.find_all(run, matches), Error) << pattern; }), 60) << pattern;
  }
}

TEST(Regex, LongMatchesAreNoTrouble) {
  const std::string run(1 << 20, 'a');
  std::vector<Regex::Match> matches;
  for (const char* pattern : {"\\p{L}+", "(?:a|b)+", "(a|b)+", "(?:\\p{L}\\p{M}*)+", "[a&&\\w]+", "a++", "(?>a+)"}) {
    Regex(pattern).find_all(run, matches);
    ASSERT_EQ(matches.size(), 1u) << pattern;
    EXPECT_EQ(matches[0].end, run.size()) << pattern;
  }
}

}  // namespace
}  // namespace r1
