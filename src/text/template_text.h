// Text while a template runs: bytes (UTF-8), and for each byte where it came from. The marks follow the text through
// every operation, so that the tokenizer can tell what the template wrote from what people wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace r1::jinja {

// Bits; 0 is the template's own text.
enum Origin : uint8_t { kTemplate = 0, kUser = 1, kModel = 2, kGenerated = 4 };

struct Mark {
  size_t begin, end;  // bytes
  uint8_t origin;
};

class Text {
 public:
  Text() = default;
  explicit Text(std::string bytes, uint8_t origin = kTemplate);

  const std::string& bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  const std::vector<Mark>& marks() const { return marks_; }  // in order, not touching when of one origin, never empty
  uint8_t origin_at(size_t byte) const;
  uint8_t all_origins() const;  // of all bytes together

  void append(std::string_view bytes, uint8_t origin = kTemplate);
  void append(const Text& other) { append(other, 0, other.bytes_.size()); }
  void append(const Text& other, size_t begin, size_t end);  // other must not be *this
  Text part(size_t begin, size_t end) const;
  void add_origin(uint8_t origin, size_t begin, size_t end);  // sets the bits on top of what is there

  size_t weight() const { return bytes_.size() + marks_.size() * sizeof(Mark); }  // rough memory
  size_t length() const;                                                          // code points
  size_t offset(size_t index) const;  // the byte at which code point `index` begins; the end for index >= length
  bool is_ascii() const { return length() == bytes_.size(); }

  bool markup = false;  // marked safe for HTML, as Jinja's Markup

 private:
  std::string bytes_;
  std::vector<Mark> marks_;
  mutable size_t length_ = SIZE_MAX;  // not counted yet
};

}  // namespace r1::jinja
