#include <gtest/gtest.h>

#include "base/error.h"
#include "data/records.h"

namespace r1 {
namespace {

// The first bad row is an error here.
void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(int64_t, nlohmann::ordered_json)>& body) {
  read_json_lines(
      text, {.record = [&](const RecordPlace& place, nlohmann::ordered_json row) { body(place.line, std::move(row)); },
             .bad = [&](const RecordPlace& place,
                        const std::string& reason) { fail("{}: {}", place_text(name, place), reason); }});
}

std::vector<std::pair<int64_t, std::string>> lines_of(std::string_view text) {
  std::vector<std::pair<int64_t, std::string>> out;
  for_each_json_line(text, "f.jsonl",
                     [&](int64_t number, nlohmann::ordered_json row) { out.push_back({number, row.dump()}); });
  return out;
}

std::string error_of(std::string_view text) {
  try {
    lines_of(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Jsonl, ReadsLines) {
  const std::vector<std::pair<int64_t, std::string>> want = {{1, "{\"b\":1,\"a\":2}"}, {3, "{}"}};
  EXPECT_EQ(lines_of("{\"b\":1,\"a\":2}\n\n{}\n"), want);
  EXPECT_EQ(lines_of("{\"b\":1,\"a\":2}\n  \t\n{}"), want);
  EXPECT_EQ(lines_of("\xEF\xBB\xBF{\"b\":1,\"a\":2}\r\n\r\n{}\r\n"), want);
  EXPECT_TRUE(lines_of("").empty());
  EXPECT_TRUE(lines_of("\n\n").empty());
  EXPECT_EQ(lines_of("{\"a\":\"\\u00e9\\ud83d\\ude00\"}")[0].second, "{\"a\":\"é😀\"}");
}

TEST(Jsonl, ErrorsNameFileLineAndByte) {
  const std::string bad = error_of("{\"a\":1}\n{\"a\":1,}\n");
  EXPECT_NE(bad.find("f.jsonl: line 2 (byte 8)"), std::string::npos) << bad;
  EXPECT_NE(bad.find("at byte 15"), std::string::npos) << bad;
  EXPECT_NE(error_of("\xEF\xBB\xBF{}\r\n[1]").find("line 2 (byte 7): expected a JSON object, found array"),
            std::string::npos);
  try {
    for_each_json_line("{}\n{}\n", "g", [](int64_t number, nlohmann::ordered_json) {
      if (number == 2) fail("no good");
    });
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "g: line 2 (byte 3): no good");
  }
}

TEST(Jsonl, BadLinesAreRefused) {
  for (const std::string& text :
       {std::string("{"), std::string("}"), std::string("{\"a\"}"), std::string("1"), std::string("null"),
        std::string("\"a\""), std::string("{} {}"), std::string("{\"a\":\"\xff\"}"), std::string("{\"a\":\"\\ud800\"}"),
        std::string("{\"a\":1e400}"), std::string("{\"a\":NaN}"), std::string("{\"a\":'b'}"),
        std::string("{\"a\":\"\0\"}", 9), std::string("\0", 1), std::string("{\n\"a\":1\n}"),
        std::string("{\"a\":\"unclosed")})
    EXPECT_NE(error_of(text), "no error") << text;
}

TEST(Jsonl, SizesAreBounded) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(static_cast<size_t>(depth - 1), '[') +
           std::string(static_cast<size_t>(depth - 1), ']') + "}";
  };
  EXPECT_EQ(error_of(nested(64)), "no error");
  EXPECT_NE(error_of(nested(65)).find("nested deeper than 64"), std::string::npos);
  EXPECT_NE(error_of(std::string(10'000'000, '[')).find("nested deeper"), std::string::npos);
  const auto wide = [](int keys) {
    std::string text = "{";
    for (int i = 0; i < keys; i++) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":{\"::\":\":{[\\\"\"}";
    return text + "}";
  };
  EXPECT_EQ(error_of(wide(1024)), "no error");
  EXPECT_NE(error_of(wide(1025)).find("more than 1024 keys"), std::string::npos);
  EXPECT_EQ(error_of("{\"a\":\"" + std::string((16 << 20) - 8, 'x') + "\"}"), "no error");
  EXPECT_NE(error_of("{\"a\":\"" + std::string(16 << 20, 'x') + "\"}").find("a line of more than 16777216 bytes"),
            std::string::npos);
}

TEST(Jsonl, ValuesOfARowAreBounded) {
  const auto list = [](const std::string& item, int count) {
    std::string text = "{\"a\":[" + item;
    for (int i = 1; i < count; i++) text += "," + item;
    return text + "]}";
  };
  for (const char* item : {"\"\"", "{}", "null"}) {
    EXPECT_EQ(error_of(list(item, (1 << 17) - 1)), "no error") << item;
    EXPECT_NE(
        error_of("{}\n" + list(item, (1 << 18) + 1)).find("f.jsonl: line 2 (byte 3): holds more than 262144 values"),
        std::string::npos)
        << item;
  }
  EXPECT_EQ(error_of(list("-1.5e3", 1 << 20)), "no error") << "as many as tokens of a long row, three times";
  EXPECT_NE(error_of(list("7", (1 << 20) + 1)).find("holds more than 1048576 numbers"), std::string::npos);
}

TEST(Jsonl, WholeNumbersAreExactOrRefused) {
  for (const char* exact : {"18446744073709551615", "-9223372036854775808", "12345678901234567", "1e+25", "1e-07"})
    EXPECT_EQ(lines_of(fmt::format("{{\"a\":{}}}", exact))[0].second, fmt::format("{{\"a\":{}}}", exact));
  for (const char* beyond : {"18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"})
    EXPECT_NE(error_of(fmt::format("{{}}\n{{\"a\":[{}]}}", beyond))
                  .find(fmt::format("line 2 (byte 3): the whole number {} at byte 9 does not fit 64 bits", beyond)),
              std::string::npos)
        << beyond;
  EXPECT_EQ(error_of("{\"a\":\"18446744073709551616\",\"b\":18446744073709551616.0}"), "no error");
}

struct Read {
  std::vector<std::string> rows, bad;
  friend bool operator==(const Read&, const Read&) = default;
};
// The text in pieces of `size` bytes.
Read in_pieces(std::string_view text, size_t size) {
  Read out;
  const RecordSink sink{
      .record = [&](const RecordPlace& place,
                    nlohmann::ordered_json row) { out.rows.push_back(place_text("f", place) + ": " + row.dump()); },
      .bad = [&](const RecordPlace& place,
                 const std::string& reason) { out.bad.push_back(place_text("f", place) + ": " + reason); }};
  JsonLines lines(sink);
  for (size_t at = 0; at < text.size(); at += size) lines.feed(text.substr(at, size));
  lines.finish();
  return out;
}

TEST(Jsonl, PiecesMayBeCutAnywhere) {
  const std::string text = "\xEF\xBB\xBF{\"a\":1}\r\n\n \t\n{\"b\":\"\xC3\xA9\"}\n{\"c\"\n[3]\n{\"d\":4}";
  const Read whole = in_pieces(text, text.size());
  EXPECT_EQ(whole.rows,
            (std::vector<std::string>{"f: line 1 (byte 3): {\"a\":1}", "f: line 4 (byte 16): {\"b\":\"\xC3\xA9\"}",
                                      "f: line 7 (byte 36): {\"d\":4}"}));
  EXPECT_EQ(whole.bad.size(), 2u);
  for (size_t size = 1; size < text.size(); size++) EXPECT_EQ(in_pieces(text, size), whole) << size;
}

TEST(Jsonl, AnEndlessLineIsPassedOverOnceAndTheNextIsRead) {
  std::string text = "{\"a\":1}\n{\"b\":\"" + std::string(40 << 20, 'x') + "\"}\n{\"c\":3}\n";
  const Read got = in_pieces(text, 1 << 20);
  EXPECT_EQ(got.rows, (std::vector<std::string>{"f: line 1 (byte 0): {\"a\":1}",
                                                fmt::format("f: line 3 (byte {}): {{\"c\":3}}", text.size() - 8)}));
  EXPECT_EQ(
      got.bad,
      (std::vector<std::string>{"f: line 2 (byte 8): a line of more than 16777216 bytes, the longest that is read"}));
}

}  // namespace
}  // namespace r1
