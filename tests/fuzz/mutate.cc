#include "mutate.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace r1::fuzz {
namespace {

class Draws {
 public:
  explicit Draws(uint64_t key) : state_(key) {}
  // In [0, n), n >= 1; splitmix64.
  size_t below(size_t n) {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return static_cast<size_t>((z ^ z >> 31) % n);
  }

 private:
  uint64_t state_;
};

constexpr uint64_t kNumbers[] = {0,
                                 1,
                                 0x7F,
                                 0x80,
                                 0xFF,
                                 0x100,
                                 0x7FFF,
                                 0xFFFF,
                                 0x10000,
                                 0x7FFFFFFF,
                                 0x80000000,
                                 0xFFFFFFFF,
                                 uint64_t{1} << 32,
                                 uint64_t{1} << 53,
                                 uint64_t{1} << 62,
                                 INT64_MAX,
                                 uint64_t{1} << 63,
                                 UINT64_MAX};
constexpr const char* kWords[] = {"-1",
                                  "1e999",
                                  "NaN",
                                  "null",
                                  "true",
                                  "{}",
                                  "[]",
                                  "\"\"",
                                  "{{",
                                  "}}",
                                  "{%",
                                  "%}",
                                  "[",
                                  "]",
                                  "(",
                                  ")",
                                  "((",
                                  "\\u0000",
                                  "\\",
                                  "\r\n",
                                  "\"",
                                  "9223372036854775808",
                                  "-0.0",
                                  "<think>",
                                  "\xEF\xBB\xBF",
                                  "\xF0\x9F\x99\x82",
                                  "\xC3",
                                  "\xED\xA0\x80",
                                  ":",
                                  ",",
                                  "&a",
                                  "*a",
                                  "\\frac",
                                  "^"};

// A piece of the text: where it begins and how long it is.
struct Piece {
  size_t at, size;
};
Piece piece_of(const std::string& text, Draws& draws) {
  const size_t at = draws.below(text.size());
  return {at, 1 + draws.below(std::min<size_t>(text.size() - at, size_t{1} << draws.below(10)))};
}

void change(std::string& text, const Inputs& from, Draws& draws) {
  const size_t kind = text.empty() ? 0 : draws.below(9);
  const Piece piece = text.empty() ? Piece{0, 0} : piece_of(text, draws);
  char& byte = text[piece.at];
  switch (kind) {
    case 0:
      text.insert(piece.at, kWords[draws.below(std::size(kWords))]);
      return;
    case 1:
      byte = static_cast<char>(byte ^ 1 << draws.below(8));
      return;
    case 2:
      byte = static_cast<char>(draws.below(256));
      return;
    case 3:
      text.erase(piece.at, piece.size);
      return;
    case 4:
      text.insert(draws.below(text.size()), text.substr(piece.at, piece.size));
      return;
    case 5: {  // the same piece many times over
      const std::string one = text.substr(piece.at, std::min<size_t>(piece.size, 16));
      std::string run;
      for (size_t n = 1 + draws.below(256); n > 0; n--) run += one;
      text.insert(piece.at, run);
      return;
    }
    case 6: {  // a number as files of bytes hold it
      const uint64_t number = kNumbers[draws.below(std::size(kNumbers))] + draws.below(3) - 1;
      const size_t bytes = std::min(size_t{1} << draws.below(4), text.size() - piece.at);
      std::memcpy(&byte, &number, bytes);
      return;
    }
    case 7: {  // a number as texts hold it
      const size_t digit = text.find_first_of("0123456789", piece.at);
      if (digit == std::string::npos) return;
      const size_t end = std::min(text.find_first_not_of("0123456789", digit), text.size());
      text.replace(digit, end - digit, std::to_string(kNumbers[draws.below(std::size(kNumbers))]));
      return;
    }
    default: {
      const std::string& other = from[draws.below(from.size())];
      if (other.empty()) return;
      const Piece theirs = piece_of(other, draws);
      text.replace(piece.at, draws.below(2) * piece.size, other, theirs.at, theirs.size);
      return;
    }
  }
}

}  // namespace

std::string mutated(const Inputs& from, uint64_t seed, uint64_t round, size_t longest) {
  R1_CHECK(!from.empty());
  Draws draws(seed ^ round * 0xD1B54A32D192ED03u);
  std::string text = from[draws.below(from.size())];
  for (size_t n = 1 + draws.below(8); n > 0; n--) change(text, from, draws);
  if (text.size() > longest) text.resize(longest);
  return text;
}

}  // namespace r1::fuzz
