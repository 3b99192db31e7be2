// GPT-2's spelling of bytes as printable characters, which byte-level vocabularies are written in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace r1 {

// Printable bytes stand for themselves, the others for U+0100 upwards in their order.
class ByteAlphabet {
 public:
  ByteAlphabet();
  // The bytes a spelled token stands for; false when a character is not of the alphabet.
  bool decode(std::string_view spelled, std::string& out) const;
  std::string encode(std::string_view bytes) const;
  // The code point a byte is spelled with.
  uint32_t code_point(uint8_t byte) const { return codes_[byte]; }

 private:
  static constexpr uint32_t kCodes = 256 + 68;  // the printable bytes' own, then one for each other byte
  int16_t bytes_[kCodes];                       // -1: no letter of the alphabet
  uint32_t codes_[256];
};

}  // namespace r1
