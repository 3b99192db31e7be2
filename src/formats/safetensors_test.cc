#include "formats/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/durable_file.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

template <typename T>
std::string raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

std::string file_of(const std::string& header, const std::string& data) {
  return raw<uint64_t>({header.size()}) + header + data;
}
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}
// One tensor "t" of four floats, with parts replaced.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return file_of(R"({"t":)" + entry(dtype, shape, offsets) + "}", std::string(16, '\0'));
}

SafetensorsHeader parse(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes.data(), bytes.size())), "bad.safetensors");
}
std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

class Safetensors : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ + name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return folder_ + name;
  }
  const std::string folder_ = testing::TempDir() + "r1_safetensors_" + std::to_string(getpid()) + "/";
};

TEST_F(Safetensors, ReadsEveryType) {
  const std::string floats = raw<float>({1.5f, -2.0f}), halves = raw<uint16_t>({0x3E00, 0xC000}),
                    bfloats = raw<uint16_t>({0x3FC0, 0xC000}), doubles = raw<double>({1.5, -2.0});
  const std::string path = put(
      "types",
      file_of(R"({"f32":)" + entry(R"("F32")", "[2]", "[0,8]") + R"(,"f16":)" + entry(R"("F16")", "[1,2]", "[8,12]") +
                  R"(,"bf16":)" + entry(R"("BF16")", "[2,1]", "[12,16]") + R"(,"f64":)" +
                  entry(R"("F64")", "[2]", "[16,32]") + R"(,"scalar":)" + entry(R"("F32")", "[]", "[32,36]") +
                  R"(,"empty":)" + entry(R"("F32")", "[0,7]", "[36,36]") + R"(,"__metadata__":{"format":"pt"}}   )",
              floats + halves + bfloats + doubles + raw<float>({7.0f})));
  const auto source = open_safetensors(path);
  for (const char* name : {"f32", "f16", "bf16", "f64"}) {
    std::vector<float> out(2);
    source->read_f32(source->find(name), out);
    EXPECT_EQ(out, (std::vector<float>{1.5f, -2.0f})) << name;
  }
  std::vector<float> scalar(1), empty;
  source->read_f32(source->find("scalar"), scalar);
  source->read_f32(source->find("empty"), empty);
  EXPECT_EQ(scalar[0], 7.0f);
  EXPECT_EQ(source->tensors()[static_cast<size_t>(source->find("f16"))].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(source->find("nothing"), -1);
}

TEST_F(Safetensors, ReadsIntegers) {
  const auto check = [&](const char* type, const std::string& bytes, const std::vector<int64_t>& expected) {
    const std::string offsets = "[0," + std::to_string(bytes.size()) + "]";
    const auto source = open_safetensors(
        put("integers", file_of(R"({"t":)" + entry("\"" + std::string(type) + "\"", "[2]", offsets) + "}", bytes)));
    std::vector<int64_t> out(2);
    source->read_i64(0, out);
    EXPECT_EQ(out, expected) << type;
    std::vector<float> floats(2);
    EXPECT_NE(message_of([&] { source->read_f32(0, floats); }).find("expected F32, F16"), std::string::npos);
  };
  check("I8", raw<int8_t>({-1, 100}), {-1, 100});
  check("U8", raw<uint8_t>({255, 100}), {255, 100});
  check("BOOL", raw<uint8_t>({1, 0}), {1, 0});
  check("I16", raw<int16_t>({-1, 3000}), {-1, 3000});
  check("U16", raw<uint16_t>({65535, 3000}), {65535, 3000});
  check("I32", raw<int32_t>({-1, 1 << 30}), {-1, 1 << 30});
  check("U32", raw<uint32_t>({0xffffffff, 5}), {0xffffffff, 5});
  check("I64", raw<int64_t>({-1, int64_t{1} << 50}), {-1, int64_t{1} << 50});
  check("U64", raw<uint64_t>({0, uint64_t{1} << 62}), {0, int64_t{1} << 62});
}

TEST_F(Safetensors, NamesWhatCannotBeRead) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    const auto source = open_safetensors(
        put("weights", file_of(R"({"w":)" + entry(R"("F32")", "[3]", "[0,12]") + "}", raw<float>({1, bad, 2}))));
    std::vector<float> out(3);
    EXPECT_EQ(message_of([&] { source->read_f32(0, out); }), folder_ + "weights: tensor w: element 1 is not finite");
    std::vector<int64_t> whole(3);
    EXPECT_NE(message_of([&] { source->read_i64(0, whole); }).find("dtype F32, expected an integer"),
              std::string::npos);
  }
  EXPECT_NE(message_of([&] { open_safetensors(folder_ + "nothing"); }).find("cannot open"), std::string::npos);
  EXPECT_NE(message_of([&] { open_safetensors(folder_); }).find("not a regular file"), std::string::npos);
}

TEST_F(Safetensors, CutAtEveryByte) {
  const std::string whole =
      file_of(R"({"a":)" + entry(R"("F32")", "[2]", "[0,8]") + R"(,"b":)" + entry(R"("I64")", "[1]", "[8,16]") + "}",
              std::string(16, 'x'));
  EXPECT_EQ(parse(whole).entries.size(), 2u);
  for (size_t n = 0; n < whole.size(); n++)
    EXPECT_NE(message_of([&] { parse(whole.substr(0, n)); }).find("bad.safetensors"), std::string::npos) << n;
  EXPECT_NE(message_of([&] { parse(whole + "x"); }).find("the file's data has 17"), std::string::npos);
}

TEST_F(Safetensors, HeadersThatAreWrong) {
  const std::string f32 = R"("F32")";
  const std::string t = R"("t":)" + entry(f32, "[4]", "[0,16]");
  const std::string data(16, '\0');
  const auto length = [](uint64_t n) { return raw<uint64_t>({n}) + "{}      "; };
  std::string zeros;
  for (int i = 0; i < 1 << 20; i++) zeros += ",0";
  const std::vector<std::tuple<const char*, std::string, const char*>> cases = {
      {"length 0", length(0), "header length 0"},
      {"length 1", length(1), "header length 1"},
      {"length 7 of a file of 4", raw<uint64_t>({7}) + "{}  ", "the file has 4 left"},
      {"length beyond the file", length(9), "needs 9 bytes"},
      {"length 2^63", length(uint64_t{1} << 63), "header length 9223372036854775808"},
      {"a string of five megabytes", file_of("{\"" + std::string(5u << 20, 'x') + "\":1}", ""),
       "a string of more than"},
      {"a million values", file_of("{\"a\":[0" + zeros + "]}", ""), "more than 1048576 values"},
      {"length above the limit", length(100'000'001), "header length 100000001"},
      {"not JSON", file_of("{t:1}", ""), "not valid JSON"},
      {"a list", file_of("[]", ""), "opening brace"},
      {"a byte order mark", file_of("\xEF\xBB\xBF{}", ""), "opening brace"},
      {"not UTF-8", file_of("{\"\xff\":1}", ""), "UTF-8"},
      {"two values", file_of("{}{}", ""), "not valid JSON"},
      {"a name twice", file_of("{" + t + "," + t + "}", data), "names t twice"},
      {"metadata twice", file_of(R"({"__metadata__":{},"__metadata__":{}})", ""), "names __metadata__ twice"},
      {"a key of metadata twice", file_of(R"({"__metadata__":{"a":"x","a":"y"}})", ""), "names a twice"},
      {"metadata that is a list", file_of(R"({"__metadata__":[]})", ""), "__metadata__ is no object"},
      {"metadata of a number", file_of(R"({"__metadata__":{"a":1}})", ""), "__metadata__ a is no string"},
      {"a deep header", file_of("{\"t\":" + std::string(5000, '[') + std::string(5000, ']') + "}", ""), "deeper"},
      {"a name of nothing", file_of(R"({"":)" + entry(f32, "[4]", "[0,16]") + "}", data), "name of 0 bytes"},
      {"a name with a zero", file_of("{\"a\\u0000\":" + entry(f32, "[4]", "[0,16]") + "}", data), "name of 2 bytes"},
      {"a long name", file_of("{\"" + std::string(600, 'n') + "\":1}", data), "name of 600"},
      {"a tensor that is a number", file_of(R"({"t":1})", data), "expected an object"},
      {"no shape", file_of(R"({"t":{"dtype":"F32","data_offsets":[0,16]}})", data), "expected an object with"},
      {"a dtype nobody knows", one(R"("F33")", "[4]", "[0,16]"), "dtype F33"},
      {"a packed dtype", one(R"("F4")", "[32]", "[0,16]"), "dtype F4"},
      {"a dtype that is a number", one("32", "[4]", "[0,16]"), "dtype is 32"},
      {"the size of another dtype", one(R"("F64")", "[4]", "[0,16]"), "span 16 bytes, expected 32"},
      {"a shape that is a number", one(f32, "4", "[0,16]"), "shape is 4"},
      {"nine dimensions", one(f32, "[1,1,1,1,1,1,1,1,4]", "[0,16]"), "at most 8"},
      {"a negative dimension", one(f32, "[-4]", "[0,16]"), "-4 is no whole number"},
      {"a fractional dimension", one(f32, "[4.0]", "[0,16]"), "4.0 is no whole number"},
      {"a dimension of 2^64", one(f32, "[18446744073709551616]", "[0,16]"), "no whole number"},
      {"a dimension that is text", one(f32, R"(["4"])", "[0,16]"), "no whole number"},
      {"a product beyond 64 bits", one(f32, "[4294967296,4294967296,4]", "[0,16]"), "64 bits"},
      {"a product that wraps to 16", one(f32, "[4611686018427387905,4]", "[0,16]"), "too large"},
      {"three offsets", one(f32, "[4]", "[0,16,16]"), "[begin, end]"},
      {"offsets that are a number", one(f32, "[4]", "16"), "[begin, end]"},
      {"a negative offset", one(f32, "[4]", "[-16,0]"), "no whole number"},
      {"begin behind end", one(f32, "[4]", "[16,0]"), "data_offsets [16, 0]"},
      {"offsets near 2^64", one(f32, "[4]", "[18446744073709551600,18446744073709551615]"), "span 15"},
      {"an end beyond the file", one(f32, "[8]", "[0,32]"), "tensors end at 32"},
      {"a gap at the start", one(f32, "[3]", "[4,16]"), "starts at 4, expected 0"},
      {"a gap at the end", one(f32, "[3]", "[0,12]"), "tensors end at 12"},
      {"a gap between",
       file_of("{\"a\":" + entry(f32, "[1]", "[0,4]") + ",\"b\":" + entry(f32, "[2]", "[8,16]") + "}", data),
       "tensor b starts at 8, expected 4"},
      {"an overlap",
       file_of("{\"a\":" + entry(f32, "[2]", "[0,8]") + ",\"b\":" + entry(f32, "[3]", "[4,16]") + "}", data),
       "tensor b starts at 4, expected 8"},
      {"one place for two",
       file_of("{\"a\":" + entry(f32, "[4]", "[0,16]") + ",\"b\":" + entry(f32, "[4]", "[0,16]") + "}", data),
       "expected 16"},
  };
  for (const auto& [what, bytes, expected] : cases) {
    const std::string message = message_of([&, b = bytes] { parse(b); });
    EXPECT_NE(message.find("bad.safetensors"), std::string::npos) << what << ": " << message;
    EXPECT_NE(message.find(expected), std::string::npos) << what << ": " << message;
  }
}

TEST_F(Safetensors, ManyTensorsInLinearTime) {
  std::string header = "{";
  for (int i = 0; i < 100000; i++) {
    if (i > 0) header += ",";
    header += "\"" + std::to_string(i) + "\":" + entry(R"("U8")", "[0]", "[0,0]");
  }
  EXPECT_EQ(parse(file_of(header + "}", "")).entries.size(), 100000u);
}

// The header Python's safetensors 0.8 writes for the same tensors: sorted, compact, padded to eight bytes.
TEST_F(Safetensors, WritesAsTheLibraryDoes) {
  const std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = {0.1f, -0.3f};
  const std::vector<NamedTensor> tensors = {{"b.bias", {2}, b.data()}, {"a.weight", {2, 3}, a.data()}};
  write_safetensors(folder_ + "f32", tensors, DType::f32);
  std::string header = R"({"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":)"
                       R"([0,24]},"b.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(read_text_file(folder_ + "f32"), file_of(header, raw<float>({1, 2, 3, 4, 5, 6, 0.1f, -0.3f})));
  const auto source = open_safetensors(folder_ + "f32");
  std::vector<float> back(6);
  source->read_f32(source->find("a.weight"), back);
  EXPECT_EQ(back, a);

  write_safetensors(folder_ + "bf16", tensors, DType::bf16);
  const std::string bytes = read_text_file(folder_ + "bf16");
  // 0.1 = 0x3DCCCCCD and -0.3 = 0xBE99999A, both rounded up in magnitude
  EXPECT_EQ(bytes.substr(bytes.size() - 16),
            raw<uint16_t>({0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0x40C0, 0x3DCD, 0xBE9A}));
  EXPECT_EQ(parse(bytes).metadata.at("format"), "pt");
}

TEST_F(Safetensors, ShardsAsOne) {
  put("model-00001-of-00002.safetensors",
      file_of(R"({"a":)" + entry(R"("F32")", "[1]", "[0,4]") + "}", raw<float>({1})));
  put("model-00002-of-00002.safetensors",
      file_of(R"({"b":)" + entry(R"("BF16")", "[2]", "[0,4]") + "}", raw<uint16_t>({0x3F80, 0x4000})));
  const std::string index = "model.safetensors.index.json";
  const auto open_with = [&](const std::string& text) {
    put(index, text);
    return message_of([&] { open_safetensors_index(folder_); });
  };
  const std::string first = R"("a":"model-00001-of-00002.safetensors")",
                    second = R"("b":"model-00002-of-00002.safetensors")";
  ASSERT_EQ(open_with("{\"metadata\":{\"total_size\":8},\"weight_map\":{" + first + "," + second + "}}"), "accepted");
  const auto source = open_safetensors_index(folder_);
  std::vector<float> b(2);
  source->read_f32(source->find("b"), b);
  EXPECT_EQ(b, (std::vector<float>{1, 2}));

  const std::vector<std::pair<std::string, const char*>> cases = {
      {"{", "not valid JSON"},
      {"[]", "weight_map"},
      {"{}", "weight_map"},
      {R"({"weight_map":[]})", "weight_map"},
      {R"({"weight_map":{"a":1}})", "no file name"},
      {R"({"weight_map":{"a":"../x.safetensors"}})", "no plain file name"},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "no plain file name"},
      {R"({"weight_map":{"a":".."}})", "no plain file name"},
      {R"({"weight_map":{"a":""}})", "no plain file name"},
      {"{\"weight_map\":{\"a\":\"x\\u0000\"}}", "no plain file name"},
      {"{\"weight_map\":{" + first + "," + first + "}}", "names a twice"},
      {R"({"weight_map":{"a":"missing.safetensors"}})", "missing.safetensors: cannot open"},
      {"{\"weight_map\":{" + first + R"(,"c":"model-00002-of-00002.safetensors"}})", "holds tensor b"},
      {"{\"weight_map\":{" + first + "," + second + R"(,"c":"model-00002-of-00002.safetensors"}})", "has no tensor c"},
      {R"({"weight_map":{"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}})",
       "does not place there"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string message = open_with(text);
    EXPECT_NE(message.find(folder_), std::string::npos) << text << ": " << message;
    EXPECT_NE(message.find(expected), std::string::npos) << text << ": " << message;
  }
}

}  // namespace
}  // namespace r1
