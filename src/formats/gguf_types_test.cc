// Every quantised type against ggml's own numbers, bit for bit.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/durable_file.h"
#include "formats/gguf.h"

namespace r1 {
namespace {

constexpr size_t kBlocks = 1024;
// Ordinary, subnormal, largest, infinite, not a number, either sign.
constexpr uint16_t kScales[] = {0x3C00, 0xB555, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF,
                                0x0000, 0x8000, 0x2E66, 0x7C00, 0xFC00, 0x7E00};

struct Case {
  uint32_t id;
  const char* name;
  std::vector<size_t> scales_at;  // bytes of a block at which a half stands
  const char* digest;             // of the floats, by tools/make_gguf_blocks.py
};

std::string split_mix(uint64_t seed, size_t bytes) {
  std::string out;
  while (out.size() < bytes) {
    seed += 0x9E3779B97F4A7C15;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    z ^= z >> 31;
    out.append(reinterpret_cast<const char*>(&z), sizeof z);
  }
  out.resize(bytes);
  return out;
}

std::string digest_of(const Case& c) {
  const GgufType& type = *find_gguf_type(c.id);
  std::string bytes = split_mix(c.id, kBlocks * type.bytes);
  size_t turn = 0;
  for (size_t b = 0; b < kBlocks; b++)
    for (size_t at : c.scales_at)
      std::memcpy(bytes.data() + b * type.bytes + at, &kScales[turn++ % std::size(kScales)], 2);
  std::vector<float> out(kBlocks * type.elements);
  for (size_t b = 0; b < kBlocks; b++)
    type.dequantise(reinterpret_cast<const std::byte*>(bytes.data()) + b * type.bytes, out.data() + b * type.elements);
  for (float& x : out)
    if (std::isnan(x)) x = std::bit_cast<float>(0x7fc00000u);  // whichever NaN it is
  return sha256_hex({reinterpret_cast<const char*>(out.data()), out.size() * sizeof(float)});
}

TEST(GgufTypes, EveryBitIsGgmls) {
  const std::vector<Case> cases = {
      {1, "F16", {0}, "b2288669aa86cee4fa67784fe1831acaef508aca0ca6569dd7fb08df7974b0f3"},
      {2, "Q4_0", {0}, "47c56ef64594f81e4b4039bf8173f8b670091b4955933bb83dcdaba949d90668"},
      {3, "Q4_1", {0, 2}, "fc071f6946794913b267faec6f0f208d55acc92e091563a935fb80075fe38390"},
      {6, "Q5_0", {0}, "95ba533cc1eeeb567009685180d71c323071d1e2df02144f7a2b70c857c14b2c"},
      {7, "Q5_1", {0, 2}, "87556823fc7404d6646061525a21f7b1cace98b5a99cfc7b475da3fb2b62ffcb"},
      {8, "Q8_0", {0}, "caa882624974b915700550378d049f50764bf79d361f962dbf2f12c035f35ab2"},
      {10, "Q2_K", {80, 82}, "8c80ebf862dbdaa2081be354f4bcfef75fe21cb5c6436d1ab08f4d3db1de6c27"},
      {11, "Q3_K", {108}, "76c03d8b1032165323cfdeef3b0f1f307dce2bdcf08c3e73730ee87897999323"},
      {12, "Q4_K", {0, 2}, "2a831541d65f7f5de7c0c593ad9fd6467da0f4684561ffcc9f5fdea9915e0097"},
      {13, "Q5_K", {0, 2}, "ef426d1e6e32fd756b1654cf1c7007abd89783bae340179cb8a6c9e2775288ff"},
      {14, "Q6_K", {208}, "ebc1b418c481bfb0c199f3ff2d1568048f57369b31b6dfd328e79b66ea076639"},
      {20, "IQ4_NL", {0}, "0a9eecc953b30b5f528a9396c812a7509f8974ca49eed2b95f7fb25d5f0f8e14"},
      {23, "IQ4_XS", {0}, "18d06a32e4fb7b3d05aec270f49a9916752a21bdb84460ba4fba24283a9575e3"},
      {30, "BF16", {}, "b9e3c0dd902bc8cf7c19f7775bf58bde2ca69c5f13a283f566eea141834e2730"}};
  for (const Case& c : cases) {
    ASSERT_NE(find_gguf_type(c.id), nullptr) << c.name;
    EXPECT_STREQ(find_gguf_type(c.id)->name, c.name);
    EXPECT_EQ(digest_of(c), c.digest) << c.name;
  }
}

}  // namespace
}  // namespace r1
