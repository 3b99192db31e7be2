#include "text/byte_alphabet.h"

#include "text/unicode.h"

namespace r1 {

ByteAlphabet::ByteAlphabet() {
  uint32_t next = 256;
  for (int16_t& b : bytes_) b = -1;
  for (uint32_t b = 0; b < 256; b++) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    codes_[b] = printable ? b : next++;
    bytes_[codes_[b]] = static_cast<int16_t>(b);
  }
}

bool ByteAlphabet::decode(std::string_view spelled, std::string& out) const {
  out.clear();
  for (size_t at = 0; at < spelled.size();) {
    const uint32_t code = next_code_point(spelled, at);
    if (code >= kCodes || bytes_[code] < 0) return false;
    out += static_cast<char>(bytes_[code]);
  }
  return true;
}

std::string ByteAlphabet::encode(std::string_view bytes) const {
  std::string out;
  for (char c : bytes) append_code_point(out, codes_[static_cast<unsigned char>(c)]);
  return out;
}

}  // namespace r1
