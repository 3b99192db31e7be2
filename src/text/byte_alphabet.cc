#include "text/byte_alphabet.h"

#include "text/unicode.h"

namespace r1 {

ByteAlphabet::ByteAlphabet() {
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; b++) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    codes_[b] = printable ? b : next++;
    bytes_[codes_[b]] = static_cast<char>(b);
  }
}

bool ByteAlphabet::decode(std::string_view spelled, std::string& out) const {
  out.clear();
  for (size_t at = 0; at < spelled.size();) {
    const auto it = bytes_.find(next_code_point(spelled, at));
    if (it == bytes_.end()) return false;
    out += it->second;
  }
  return true;
}

std::string ByteAlphabet::encode(std::string_view bytes) const {
  std::string out;
  for (char c : bytes) append_code_point(out, codes_[static_cast<unsigned char>(c)]);
  return out;
}

}  // namespace r1
