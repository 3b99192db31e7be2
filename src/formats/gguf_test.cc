#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>

#include "formats/gguf_by_hand.h"

namespace r1 {
namespace {

std::string shared_file(const std::string& name) {
  const char* root = std::getenv("R1_SHARED");
  return (root != nullptr ? std::string(root) : std::string(R1_SOURCE_DIR) + "/../shared") + "/goldens/gguf/" + name;
}

GgufHeader parse(const std::string& bytes) {
  return parse_gguf(std::as_bytes(std::span(bytes.data(), bytes.size())), "bad.gguf");
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

// An own folder for a test's files, removed again.
struct TemporaryFile {
  std::string path = testing::TempDir() + "r1_gguf_test_" + std::to_string(getpid()) + ".gguf";
  explicit TemporaryFile(const std::string& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

// ---- blocks, computed by hand from ggml's definition of each type

std::vector<float> block(uint32_t id, const std::string& bytes) {
  const GgufType* type = find_gguf_type(id);
  EXPECT_NE(type, nullptr);
  EXPECT_EQ(bytes.size(), type->bytes);
  std::vector<float> out(type->elements);
  type->dequantise(reinterpret_cast<const std::byte*>(bytes.data()), out.data());
  return out;
}
// halves: 0x3C00 = 1, 0xC000 = -2, 0x3800 = 0.5, 0x0001 = 2^-24, 0x7BFF = 65504
constexpr uint16_t kOne = 0x3C00, kMinusTwo = 0xC000, kHalf = 0x3800, kTiny = 0x0001, kLargest = 0x7BFF;

TEST(GgufTypes, SizesOfBlocks) {
  for (const auto& [id, elements, bytes] : {std::tuple(0u, 1u, 4u),
                                            {1u, 1u, 2u},
                                            {30u, 1u, 2u},
                                            {2u, 32u, 18u},
                                            {3u, 32u, 20u},
                                            {6u, 32u, 22u},
                                            {7u, 32u, 24u},
                                            {8u, 32u, 34u},
                                            {10u, 256u, 84u},
                                            {11u, 256u, 110u},
                                            {12u, 256u, 144u},
                                            {13u, 256u, 176u},
                                            {14u, 256u, 210u},
                                            {20u, 32u, 18u},
                                            {23u, 256u, 136u}}) {
    ASSERT_NE(find_gguf_type(id), nullptr);
    EXPECT_EQ(find_gguf_type(id)->elements, elements);
    EXPECT_EQ(find_gguf_type(id)->bytes, bytes);
  }
  for (uint32_t id : {4u, 5u, 9u, 15u, 31u, 39u, 0x80000000u}) EXPECT_EQ(find_gguf_type(id), nullptr);
}

TEST(GgufTypes, SingleValues) {
  EXPECT_EQ(block(0, Bytes().put(-1.25f).out), std::vector<float>{-1.25f});
  EXPECT_EQ(block(1, Bytes().put(kMinusTwo).out), std::vector<float>{-2.0f});
  EXPECT_EQ(block(1, Bytes().put(kTiny).out), std::vector<float>{std::ldexp(1.0f, -24)});
  EXPECT_EQ(block(1, Bytes().put(kLargest).out), std::vector<float>{65504.0f});
  EXPECT_TRUE(std::isnan(block(1, Bytes().put<uint16_t>(0x7E00).out)[0]));
  EXPECT_EQ(block(30, Bytes().put<uint16_t>(0xC0A0).out), std::vector<float>{-5.0f});
}

// x = (q - 8) d; element j is the low half of byte j, element j + 16 the high one.
TEST(GgufTypes, Q4_0) {
  Bytes b;
  b.put(kMinusTwo);
  for (int j = 0; j < 16; j++) b.put(static_cast<uint8_t>(j | (15 - j) << 4));
  const std::vector<float> x = block(2, b.out);
  for (int j = 0; j < 16; j++) {
    EXPECT_EQ(x[static_cast<size_t>(j)], static_cast<float>(16 - 2 * j));
    EXPECT_EQ(x[static_cast<size_t>(j) + 16], static_cast<float>(-14 + 2 * j));
  }
}

// x = q d + m
TEST(GgufTypes, Q4_1) {
  Bytes b;
  b.put(kHalf).put(kMinusTwo);
  for (int j = 0; j < 16; j++) b.put(static_cast<uint8_t>(j | (15 - j) << 4));
  const std::vector<float> x = block(3, b.out);
  for (int j = 0; j < 16; j++) {
    EXPECT_EQ(x[static_cast<size_t>(j)], 0.5f * static_cast<float>(j) - 2.0f);
    EXPECT_EQ(x[static_cast<size_t>(j) + 16], 5.5f - 0.5f * static_cast<float>(j));
  }
}

// x = q d, q a signed byte
TEST(GgufTypes, Q8_0) {
  Bytes b;
  b.put(kHalf);
  for (int j = 0; j < 32; j++) b.put(static_cast<int8_t>(j == 0 ? -128 : j == 1 ? 127 : j - 16));
  const std::vector<float> x = block(8, b.out);
  EXPECT_EQ(x[0], -64.0f);
  EXPECT_EQ(x[1], 63.5f);
  for (int j = 2; j < 32; j++) EXPECT_EQ(x[static_cast<size_t>(j)], 0.5f * static_cast<float>(j - 16));
}

// Every half as a scale: no trap, and the value that IEEE 754 gives it.
TEST(GgufTypes, EveryScale) {
  for (uint32_t bits = 0; bits < 65536; bits++) {
    Bytes b;
    b.put(static_cast<uint16_t>(bits)).put(int8_t{3}).data(31, 1);
    const float got = block(8, b.out)[0];
    const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
    if (exponent == 31) {
      EXPECT_FALSE(std::isfinite(got));
      continue;
    }
    const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                          : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    EXPECT_EQ(got, (bits & 0x8000 ? -3.0f : 3.0f) * magnitude) << bits;
  }
}

// ---- the goldens: one model, quantised by llama.cpp

struct Loaded {
  TensorInfo info;
  std::vector<float> values;
};
std::map<std::string, Loaded> all_tensors(const std::string& file) {
  const ModelFiles model = open_model_files(shared_file(file));
  std::map<std::string, Loaded> out;
  for (const TensorInfo& info : model.tensors->tensors()) {
    Loaded loaded{info, std::vector<float>(static_cast<size_t>(info.elements()))};
    model.tensors->read_f32(model.tensors->find(info.name), loaded.values);
    out.emplace(info.name, std::move(loaded));
  }
  return out;
}

// The largest gap that rounding to the type may leave in a run of 32 weights, from its range.
float step_of(const std::string& dtype, std::span<const float> run) {
  const auto [least, most] = std::minmax_element(run.begin(), run.end());
  const float amax = std::max(std::abs(*least), std::abs(*most)), half = std::ldexp(amax, -11);  // of a half's scale
  if (dtype == "F16") return half;
  if (dtype == "BF16") return std::ldexp(amax, -8);
  if (dtype == "Q8_0") return amax / 127 / 2 + half * 1.01f;
  if (dtype == "Q4_0") return amax / 8 + half;  // the far end of the other sign is cut off, a whole step away
  if (dtype == "Q4_1") return (*most - *least) / 15 / 2 + 3 * half;
  return 0;
}

TEST(GgufGolden, TypesAgreeWithinTheirStep) {
  if (!std::filesystem::exists(shared_file("F32.gguf"))) GTEST_SKIP() << shared_file("F32.gguf") << " is absent";
  const auto truth = all_tensors("F32.gguf");
  for (const std::string type : {"F16", "BF16", "Q8_0", "Q4_0", "Q4_1"}) {
    const auto quantised = all_tensors(type + ".gguf");
    ASSERT_EQ(quantised.size(), truth.size());
    size_t of_type = 0;
    for (const auto& [name, got] : quantised) {
      const Loaded& exact = truth.at(name);
      EXPECT_EQ(got.info.shape, exact.info.shape);
      double gaps = 0, sizes = 0;
      for (size_t i = 0; i < got.values.size(); i += 32) {
        const std::span<const float> run(exact.values.data() + i, std::min<size_t>(32, exact.values.size() - i));
        const float step = step_of(got.info.dtype, run);
        for (size_t j = 0; j < run.size(); j++) {
          const float gap = std::abs(got.values[i + j] - run[j]);
          ASSERT_LE(gap, step) << type << " " << name << " element " << i + j;
          gaps += gap;
          sizes += std::abs(run[j]);
        }
      }
      if (got.info.dtype != type) continue;
      of_type++;
      EXPECT_GT(gaps, 0) << name;
      EXPECT_LT(gaps / sizes, type[1] == '4' ? 0.12 : 0.01) << type << " " << name;
    }
    EXPECT_GE(of_type, 9u) << type;
  }
}

// ---- Llama's q and k

// What the converter to GGUF does to (heads, halves, pairs) rows, written down the other way round.
TEST(GgufModel, UndoesTheRowPermutationOfLlama) {
  constexpr int kHeads = 2, kSize = 4, kCols = 32, kRows = kHeads * kSize;
  const auto file_row = [](int row) {  // where row (head, side, j) of Hugging Face's matrix stands
    const int head = row / kSize, side = row % kSize / (kSize / 2), j = row % (kSize / 2);
    return head * kSize + j * 2 + side;
  };
  Bytes b;
  b.start(4, 9).key_text("general.architecture", "llama").key_u32("llama.attention.head_count", kHeads);
  b.key_u32("llama.embedding_length", kCols).key_u32("llama.feed_forward_length", 64).key_u32("llama.block_count", 1);
  b.key_u32("llama.context_length", 512).key_f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  b.key_u32("llama.attention.key_length", kSize).key_f32("llama.rope.freq_base", 10000);
  b.tensor("blk.0.attn_q.weight", {kCols, kRows}, 0, 0).tensor("blk.0.attn_v.weight", {kCols, kRows}, 0, 1024);
  b.tensor("blk.0.attn_k.bias", {kRows}, 0, 2048).tensor("token_embd.weight", {kCols, 1}, 0, 2080).data(0);
  for (int tensor = 0; tensor < 2; tensor++)
    for (int row = 0; row < kRows; row++)
      for (int c = 0; c < kCols; c++) b.put(static_cast<float>(100 * row + c));
  for (int row = 0; row < kRows; row++) b.put(static_cast<float>(row));
  b.data(kCols * sizeof(float), 1);
  const TemporaryFile file(b.out);
  const ModelFiles model = open_model_files(file.path);
  std::vector<float> q(kRows * kCols), v(q.size()), bias(kRows);
  model.tensors->read_f32(model.tensors->find("model.layers.0.self_attn.q_proj.weight"), q);
  model.tensors->read_f32(model.tensors->find("model.layers.0.self_attn.v_proj.weight"), v);
  model.tensors->read_f32(model.tensors->find("model.layers.0.self_attn.k_proj.bias"), bias);
  for (int row = 0; row < kRows; row++) {
    EXPECT_EQ(bias[static_cast<size_t>(row)], static_cast<float>(file_row(row)));
    for (int c = 0; c < kCols; c++) {
      EXPECT_EQ(q[static_cast<size_t>(row * kCols + c)], static_cast<float>(100 * file_row(row) + c));
      EXPECT_EQ(v[static_cast<size_t>(row * kCols + c)], static_cast<float>(100 * row + c));
    }
  }
  EXPECT_EQ(model.config["head_dim"], kSize);
  EXPECT_EQ(model.config["num_key_value_heads"], kHeads);
  EXPECT_EQ(model.config["tie_word_embeddings"], true);
}

// ---- hostile files

Bytes small(uint32_t version = 3) {
  Bytes b;
  b.start(2, 3, version).key_text("general.architecture", "llama").key_u32("general.alignment", 64);
  b.key_texts("words", {"a", "bc", ""});
  b.tensor("one", {32, 2}, 0, 0).tensor("two", {64}, 8, 256).data(256 + 68, 64);
  return b;
}

TEST(GgufHostile, TheSmallFileIsFine) {
  for (uint32_t version : {2u, 3u}) {
    const GgufHeader h = parse(small(version).out);
    EXPECT_EQ(h.version, version);
    ASSERT_EQ(h.tensors.size(), 2u);
    EXPECT_EQ(h.tensors[0].info.shape, (std::vector<int64_t>{2, 32}));  // row-major: the file's order turned round
    EXPECT_EQ(h.tensors[1].bytes, 68u);
    EXPECT_EQ(h.data_start % 64, 0u);
    EXPECT_EQ(*h.strings("words"), (std::vector<std::string>{"a", "bc", ""}));
  }
}

TEST(GgufHostile, CutAtEveryByte) {
  const std::string whole = small().out;
  for (size_t n = 0; n < whole.size(); n++)
    EXPECT_NE(message_of([&] { parse(whole.substr(0, n)); }).find("bad.gguf"), std::string::npos) << n;
}

TEST(GgufHostile, EveryByteChanged) {
  const std::string whole = small().out;
  for (size_t n = 0; n < whole.size(); n++)
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bytes = whole;
      bytes[n] = static_cast<char>(bytes[n] ^ flip);
      message_of([&] { parse(bytes); });  // fine or refused, never a crash
    }
}

struct Hostile {
  const char* what;
  std::string bytes;
  const char* message;
};

TEST(GgufHostile, FieldsThatAreWrong) {
  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  const auto key = [](uint32_t kind) { return Bytes().start(0, 1).text("k").u32(kind); };
  const auto one = [] { return Bytes().start(1, 0); };
  const auto aligned = [](uint32_t n) { return Bytes().start(0, 1).key_u32("general.alignment", n).data(64).out; };
  const std::vector<Hostile> cases = {
      {"nothing", "", "magic"},
      {"another magic", "GGML" + small().out.substr(4), "does not start with GGUF"},
      {"version 0", Bytes().start(0, 0, 0).out, "version 0"},
      {"version 1", Bytes().start(0, 0, 1).out, "version 1"},
      {"version 4", Bytes().start(0, 0, 4).out, "version 4"},
      {"byte-swapped", Bytes().start(0, 0, 0x03000000).out, "byte-swapped"},
      {"2^64 - 1 tensors", Bytes().start(huge, 0).out, "cannot fit"},
      {"2^64 - 1 keys", Bytes().start(0, huge).out, "cannot fit"},
      {"many keys", Bytes().start(0, 1000).data(100, 1).out, "cannot fit"},
      {"a key of 2^64 - 1 bytes", Bytes().start(0, 1).u64(huge).data(64, 1).out, "metadata key of"},
      {"a key longer than the file", Bytes().start(0, 1).u64(60000).data(64, 1).out, "the file has"},
      {"an empty key", Bytes().start(0, 1).key_u32("", 1).out, "is empty"},
      {"a key that is no UTF-8", Bytes().start(0, 1).key_u32("\xff", 1).out, "UTF-8"},
      {"a key twice", Bytes().start(0, 2).key_u32("k", 1).key_u32("k", 2).out, "appears twice"},
      {"a value of type 13", key(13).u64(0).out, "type 13"},
      {"a value of type -1", key(0xffffffff).u64(0).out, "type 4294967295"},
      {"a string of 2^64 - 1", key(8).u64(huge).out, "string value of"},
      {"an array of arrays", key(9).u32(9).u64(1).u32(9).u64(1).u32(0).u64(0).out, "array of arrays"},
      {"an array of type 99", key(9).u32(99).u64(1).u64(0).out, "type 99"},
      {"an array of 2^64 - 1", key(9).u32(10).u64(huge).u64(0).out, "cannot fit"},
      {"an array of 2^61 strings", key(9).u32(8).u64(uint64_t{1} << 61).u64(0).out, "cannot fit"},
      {"an array string too long", key(9).u32(8).u64(1).u64(huge).out, "array string of"},
      {"alignment 0", aligned(0), "power of two"},
      {"alignment 13", aligned(13), "power of two"},
      {"alignment 48", aligned(48), "power of two"},
      {"alignment 4", aligned(4), "power of two"},
      {"alignment 2^31", aligned(0x80000000), "power of two"},
      {"alignment that is text", Bytes().start(0, 1).key_text("general.alignment", "32").data(64).out, "another type"},
      {"alignment that is no number", Bytes().start(0, 1).key_f32("general.alignment", NAN).data(64).out,
       "power of two"},
      {"a tensor without dimensions", one().tensor("t", {}, 0, 0).data(64).out, "0 dimensions"},
      {"five dimensions", one().tensor("t", {1, 1, 1, 1, 1}, 0, 0).data(64).out, "5 dimensions"},
      {"2^32 - 1 dimensions", one().text("t").u32(0xffffffff).data(64).out, "4294967295 dimensions"},
      {"a dimension of 0", one().tensor("t", {32, 0}, 0, 0).data(64).out, "dimension 1 is 0"},
      {"a dimension of 2^63", one().tensor("t", {uint64_t{1} << 63}, 0, 0).data(64).out, "dimension 0"},
      {"a size beyond 64 bits", one().tensor("t", {1u << 31, 1u << 31, 1u << 31}, 0, 0).data(64).out, "64 bits"},
      {"bytes beyond 64 bits", one().tensor("t", {uint64_t{1} << 40, uint64_t{1} << 23}, 0, 0).data(64).out, "64 bits"},
      {"a size beyond the file", one().tensor("t", {1 << 20}, 0, 0).data(64).out, "past the end"},
      {"an unknown type", one().tensor("t", {32}, 77, 0).data(128).out, "type 77"},
      {"a negative type", one().tensor("t", {32}, 0xffffffff, 0).data(128).out, "type 4294967295"},
      {"a row that is no block", one().tensor("t", {48}, 8, 0).data(128).out, "blocks of 32"},
      {"an offset off the alignment", one().tensor("t", {8}, 0, 16).data(128).out, "alignment 32"},
      {"an offset beyond the file", one().tensor("t", {8}, 0, 1 << 20).data(128).out, "past the end"},
      {"an offset near 2^64", one().tensor("t", {8}, 0, huge - 31).data(128).out, "past the end"},
      {"tensors on each other", Bytes().start(2, 0).tensor("a", {16}, 0, 0).tensor("b", {16}, 0, 32).data(256).out,
       "overlaps"},
      {"a name twice", Bytes().start(2, 0).tensor("a", {8}, 0, 0).tensor("a", {8}, 0, 32).data(64).out, "twice"},
      {"a name of nothing", one().tensor("", {8}, 0, 0).data(64).out, "name"},
      {"a name with a zero", one().tensor(std::string("a\0b", 3), {8}, 0, 0).data(64).out, "name"},
      {"a name too long", one().tensor(std::string(70000, 'n'), {8}, 0, 0).data(64).out, "tensor name of"},
      {"no data", one().tensor("t", {8}, 0, 0).out, "past the end"},
  };
  for (const Hostile& h : cases) {
    const std::string message = message_of([&] { parse(h.bytes); });
    EXPECT_NE(message.find("bad.gguf"), std::string::npos) << h.what << ": " << message;
    EXPECT_NE(message.find(h.message), std::string::npos) << h.what << ": " << message;
  }
}

// A model whose header is fine and whose meaning is not.
Bytes model(const std::function<void(Bytes&)>& change, uint64_t more_keys, uint32_t type = 0, float value = 0) {
  Bytes b;
  b.start(1, 6 + more_keys).key_text("general.architecture", "llama").key_u32("llama.embedding_length", 32);
  b.key_u32("llama.feed_forward_length", 64).key_u32("llama.block_count", 1).key_u32("llama.context_length", 512);
  b.key_u32("llama.attention.head_count", 2);
  change(b);
  b.tensor("token_embd.weight", {32, 2}, type, 0).data(0);
  for (int i = 0; i < 64; i++) b.put(i == 40 ? value : 0.5f);
  return b;
}

TEST(GgufHostile, ModelsThatMakeNoSense) {
  const std::string tokens = "tokenizer.ggml.tokens", merges = "tokenizer.ggml.merges";
  const std::vector<std::tuple<std::function<void(Bytes&)>, uint64_t, const char*>> cases = {
      {[](Bytes& b) { b.key_u32("llama.attention.head_count_kv", 0); }, 1, "head_count_kv is 0"},
      {[](Bytes& b) { b.key_f32("llama.attention.head_count_kv", 1e30f); }, 1, "head_count_kv"},
      {[](Bytes& b) { b.key_f32("llama.attention.head_count_kv", NAN); }, 1, "head_count_kv"},
      {[](Bytes& b) { b.key_text("llama.attention.head_count_kv", "2"); }, 1, "another type"},
      {[](Bytes& b) { b.key_f32("llama.rope.freq_base", -1); }, 1, "freq_base is -1"},
      {[](Bytes& b) { b.key_f32("llama.attention.layer_norm_rms_epsilon", NAN); }, 1, "epsilon"},
      {[](Bytes& b) { b.key_f32("tokenizer.ggml.bos_token_id", NAN); }, 1, "bos_token_id"},
      {[&](Bytes& b) { b.key_texts(tokens, {"a"}); }, 1, "tokenizer.ggml.model is \"\""},
      {[&](Bytes& b) { b.key_text("tokenizer.ggml.model", "llama").key_texts(tokens, {"a"}); }, 2,
       "tokenizer.ggml.scores"},
      {[&](Bytes& b) { b.key_text("tokenizer.ggml.model", "bert").key_texts(tokens, {"a"}); }, 2, "\"bert\""},
      {[&](Bytes& b) { b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"a"}); }, 2, "merges is missing"},
      {[&](Bytes& b) {
         b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"a", "a"}).key_texts(merges, {});
       },
       3, "appears twice"},
      {[&](Bytes& b) { b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"\xff"}).key_texts(merges, {}); },
       3, "token 0 is not valid UTF-8"},
      {[&](Bytes& b) {
         b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"a"}).key_texts(merges, {});
         b.key_text("tokenizer.ggml.pre", "dbrx");
       },
       4, "\"dbrx\""},
      {[&](Bytes& b) {
         b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"a"}).key_texts(merges, {});
         b.key_u32("tokenizer.ggml.eos_token_id", 7);
       },
       4, "eos_token_id is 7"},
      {[&](Bytes& b) {
         b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"a"}).key_texts(merges, {});
         b.key_text("tokenizer.chat_template", "\xff");
       },
       4, "chat_template is not valid UTF-8"},
      {[&](Bytes& b) {
         b.key_text("tokenizer.ggml.model", "gpt2").key_texts(tokens, {"a"}).key_texts(merges, {});
         b.text("tokenizer.ggml.token_type").u32(9).u32(5).u64(2).u32(1).u32(1);
       },
       4, "2 token types for 1 tokens"},
  };
  for (const auto& [change, keys, expected] : cases) {
    const TemporaryFile file(model(change, keys).out);
    const std::string message = message_of([&] { open_model_files(file.path); });
    EXPECT_NE(message.find(file.path), std::string::npos) << expected << ": " << message;
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

// Each gave the ids that llama.cpp keeps beside its vocabularies of these names.
TEST(Gguf, NamesOfOneWayToCut) {
  for (const char* name : {"refact", "starcoder", "command-r"}) {
    EXPECT_FALSE(gguf_pre_tokenizer(name).is_null()) << name;
    EXPECT_EQ(gguf_pre_tokenizer(name), gguf_pre_tokenizer("smollm")) << name;
  }
}

TEST(GgufHostile, WeightsThatAreNotFinite) {
  for (float value : {NAN, INFINITY, -INFINITY}) {
    const TemporaryFile file(model([](Bytes&) {}, 0, 0, value).out);
    const ModelFiles files = open_model_files(file.path);
    std::vector<float> out(64);
    const std::string message = message_of([&] { files.tensors->read_f32(0, out); });
    EXPECT_NE(message.find("token_embd.weight: row 1 holds a value that is not finite"), std::string::npos) << message;
    std::vector<int64_t> whole(64);
    EXPECT_NE(message_of([&] { files.tensors->read_i64(0, whole); }).find("no integers"), std::string::npos);
  }
}

}  // namespace
}  // namespace r1
