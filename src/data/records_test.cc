#include "data/records.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"

namespace r1 {
namespace {

struct Found {
  std::vector<std::string> rows, bad;  // "line: json", "line: reason"
};

Found read(std::string_view bytes, const std::string& name, const std::string& split = "train") {
  Found out;
  read_records(
      bytes, name, split,
      {.record =
           [&](const RecordPlace& place, nlohmann::ordered_json row) {
             out.rows.push_back(std::to_string(place.line) + ": " + row.dump());
           },
       .bad = [&](const RecordPlace& place,
                  const std::string& reason) { out.bad.push_back(std::to_string(place.line) + ": " + reason); }});
  return out;
}

std::string error_of(std::string_view bytes, const std::string& name) {
  try {
    read(bytes, name);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

using Rows = std::vector<std::string>;

// Expected: Python's csv.reader (strict=True) of the same texts.
TEST(Csv, Rfc4180) {
  EXPECT_EQ(read("a,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n,\r\n", "f.csv").rows,
            (Rows{R"(2: {"a":"1","b":"x, \"y\"\r\nz"})", R"(4: {"a":"","b":""})"}));
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a\tb\n\"1\t2\"\t3",
                 "f.tsv")
                .rows,
            (Rows{R"(2: {"a":"1\t2","b":"3"})"}));
  EXPECT_EQ(read("a\n\"\"\nx\n", "f.csv").rows, (Rows{R"(2: {"a":""})", R"(3: {"a":"x"})"}));
  EXPECT_EQ(read("a,b\n\n1,2\n\n", "f.csv").rows, (Rows{R"(3: {"a":"1","b":"2"})"})) << "empty lines";
  EXPECT_TRUE(read("a,b\n", "f.csv").rows.empty());
  EXPECT_TRUE(read("", "f.csv").rows.empty());
}

TEST(Csv, BadRowsAreReportedAndTheRestIsRead) {
  const Found f = read("a,b\n1,2\n3\n4,\"5\"6\n7,8\"\n\xff,1\n9,10\n", "f.csv");
  EXPECT_EQ(f.rows, (Rows{R"(2: {"a":"1","b":"2"})", R"(7: {"a":"9","b":"10"})"}));
  ASSERT_EQ(f.bad.size(), 4u);
  EXPECT_EQ(f.bad[0], "3: 1 fields, the header has 2");
  EXPECT_TRUE(f.bad[1].starts_with("4: text after a closing quote")) << f.bad[1];
  EXPECT_TRUE(f.bad[2].starts_with("5: a quote inside an unquoted field")) << f.bad[2];
  EXPECT_NE(f.bad[3].find("UTF-8"), std::string::npos) << f.bad[3];
  EXPECT_EQ(read("a\n\"open\nx\n", "f.csv").bad, (Rows{"2: a quoted field that begins in line 2 has no end"}));
  EXPECT_NE(error_of("a,a\n1,2\n", "f.csv").find("two columns are named \"a\""), std::string::npos);
  EXPECT_NE(error_of("a,\n1,2\n", "f.csv").find("column 2 has no name"), std::string::npos);
}

TEST(JsonList, ArraysAndObjectsAroundThem) {
  const Rows want = {R"(2: {"a":1})", R"(3: {"a":[2,{"b":"]}"}]})"};
  EXPECT_EQ(read("[\n{\"a\":1},\n {\"a\":[2,{\"b\":\"]}\"}]}\n]\n", "f.json").rows, want);
  EXPECT_EQ(read("{\"version\":1,\"data\":[\n{\"a\":1},\n{\"a\":[2,{\"b\":\"]}\"}]}]}", "f.json").rows, want);
  EXPECT_EQ(read("{\"data\":[{\"a\":1}]}", "f.json").rows, (Rows{R"(1: {"a":1})"}));
  EXPECT_EQ(read("{\n\"test\":[{\"a\":1}],\n\"train\":[{\"a\":2}]}", "f.json").rows, (Rows{R"(3: {"a":2})"}));
  EXPECT_EQ(read("{\"a\":1}\n{\"a\":2}\n", "f.json").rows.size(), 2u) << "JSON lines under another name";
  EXPECT_EQ(read("{\"data\":[{\"a\":1}]}", "f.jsonl").rows, (Rows{R"(1: {"data":[{"a":1}]})"}));
  EXPECT_EQ(read("\xEF\xBB\xBF [ ]", "f.json").rows, Rows{});
}

TEST(JsonList, WhatIsWrongIsNamed) {
  const Found f = read("[{\"a\":1},\n2,{\"a\":}]", "f.json");
  EXPECT_EQ(f.rows.size(), 1u);
  ASSERT_EQ(f.bad.size(), 2u);
  EXPECT_EQ(f.bad[0], "2: expected a JSON object, found number");
  EXPECT_NE(f.bad[1].find("not valid JSON at byte 17"), std::string::npos) << f.bad[1];
  EXPECT_NE(error_of("[{\"a\":1},", "f.json").find("ends inside its JSON, at line 1"), std::string::npos);
  EXPECT_NE(error_of("[{\"a\":\"x", "f.json").find("ends inside a text"), std::string::npos);
  EXPECT_NE(error_of("[{\"a\":1} {}]", "f.json").find("expected ']', found '{'"), std::string::npos);
  EXPECT_NE(error_of("[]x", "f.json").find("text after the list"), std::string::npos);
  EXPECT_NE(error_of("{\n\"a\":1\n}", "f.json").find("without a list of rows"), std::string::npos);
  EXPECT_NE(
      read("[" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "]", "f.json").bad.at(0).find("deeper"),
      std::string::npos);
}

std::string gzip(const std::string& text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST(Packed, GzipAndZstdWhateverTheName) {
  std::string text;
  for (int i = 0; i < 60000; i++) text += "{\"a\":" + std::to_string(i) + "}\n";
  for (const std::string& packed : {gzip(text), zstd(text), gzip(text.substr(0, 300000)) + gzip(text.substr(300000)),
                                    zstd(text.substr(0, 300000)) + zstd(text.substr(300000))}) {
    const Found f = read(packed, "f.jsonl.gz");
    ASSERT_EQ(f.rows.size(), 60000u);
    EXPECT_EQ(f.rows[59999], R"(60000: {"a":59999})");
    for (const size_t cut : {packed.size() / 2, packed.size() - 1, size_t{6}})
      EXPECT_NE(error_of(packed.substr(0, cut), "f.gz"), "no error") << cut;
    std::string damaged = packed;
    for (size_t i = 100; i < 140; i++) damaged[damaged.size() / 2 + i] ^= '\x55';
    // zstd as it is written without a checksum may unpack to other text
    EXPECT_TRUE(packed[0] != '\x1F' || error_of(damaged, "f.gz").find("damaged") != std::string::npos);
  }
  EXPECT_EQ(read(gzip("a,b\n1,2\n"), "f.csv.gz").rows.size(), 1u);
}

TEST(Packed, BombsAreRefused) {
  const std::string blank(80u << 20, ' ');
  EXPECT_NE(error_of(gzip(blank), "f").find("no text packs like that"), std::string::npos);
  EXPECT_NE(error_of(zstd(blank), "f").find("no text packs like that"), std::string::npos);
  EXPECT_THROW(unpacked(gzip("12345"), "f", 4), Error);
  EXPECT_EQ(unpacked(gzip("12345"), "f", 5), "12345");
}

TEST(Records, OtherFilesAreNamedWithTheWayOut) {
  EXPECT_NE(error_of("PAR1xx", "f").find("to_json("), std::string::npos);
  EXPECT_NE(error_of(gzip("PAR1xx"), "f").find("Parquet"), std::string::npos);
  EXPECT_NE(error_of("ARROW1", "f").find("Arrow"), std::string::npos);
  EXPECT_NE(error_of("PK\x03\x04", "f").find("unzip"), std::string::npos);
  EXPECT_NE(error_of("\xFD"
                     "7zXZ",
                     "f")
                .find("unxz"),
            std::string::npos);
  EXPECT_NE(error_of("BZh9", "f").find("bunzip2"), std::string::npos);
  EXPECT_NE(error_of(std::string("\xFF\xFE{\0", 4), "f").find("iconv"), std::string::npos);
}

}  // namespace
}  // namespace r1
