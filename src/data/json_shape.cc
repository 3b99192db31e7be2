#include "data/json_shape.h"

#include <charconv>
#include <cstdint>
#include <vector>

#include "base/error.h"

namespace r1 {
namespace {

constexpr size_t kDeepestRow = 64;
constexpr size_t kMostRowKeys = 1024;  // of one object: ordered_json looks its keys up one by one

bool is_in_number(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

// Whole, and outside what the library keeps as it stands: it would give the nearest double.
bool leaves_64_bits(std::string_view number) {
  if (number.size() < 19 || number.find_first_not_of("0123456789", number[0] == '-' ? 1 : 0) != std::string_view::npos)
    return false;
  const char* end = number.data() + number.size();
  int64_t below = 0;
  uint64_t above = 0;
  return (number[0] == '-' ? std::from_chars(number.data(), end, below).ec
                           : std::from_chars(number.data(), end, above).ec) == std::errc::result_out_of_range;
}

class ShapeScan {
 public:
  ShapeScan(std::string_view text, size_t begin, size_t most_values)
      : text_(text), begin_(begin), most_values_(most_values) {}

  void run() {
    for (; at_ < text_.size(); at_++) {
      const char c = text_[at_];
      if (c == '"')
        pass_string();
      else if (c == '-' || (c >= '0' && c <= '9'))
        pass_number();
      else
        structure(c);
    }
  }

 private:
  void pass_string() {
    for (at_++; at_ < text_.size() && text_[at_] != '"'; at_++)
      if (text_[at_] == '\\') at_++;
  }

  void pass_number() {
    size_t end = at_;
    while (end < text_.size() && is_in_number(text_[end])) end++;
    const std::string_view number = text_.substr(at_, end - at_);
    values_--;  // its bracket or comma counted it
    if (++numbers_ > 4 * most_values_) fail("holds more than {} numbers, the most that are read", 4 * most_values_);
    if (leaves_64_bits(number))
      fail("the whole number {} at byte {} does not fit 64 bits; write it as a text, in quotes", number.substr(0, 80),
           begin_ + at_);
    at_ = end - 1;
  }

  // Every value but the outermost stands behind a bracket or a comma.
  void structure(char c) {
    if (c == '{' || c == '[') keys_.push_back(0);
    if ((c == '}' || c == ']') && !keys_.empty()) keys_.pop_back();
    if (keys_.size() > kDeepestRow) fail("not valid JSON: nested deeper than {}", kDeepestRow);
    if (c == ':' && !keys_.empty() && ++keys_.back() > kMostRowKeys)
      fail("not valid JSON: an object with more than {} keys", kMostRowKeys);
    // what comes next may be a number, which is taken back
    if ((c == '{' || c == '[' || c == ',') && ++values_ > static_cast<std::ptrdiff_t>(most_values_) + 1)
      fail("holds more than {} values (texts, lists, objects), the most that are read", most_values_);
  }

  std::string_view text_;
  size_t begin_, most_values_, at_ = 0, numbers_ = 0;
  std::ptrdiff_t values_ = 0;
  std::vector<size_t> keys_;  // of each open bracket: ':' counted
};

}  // namespace

void check_json_shape(std::string_view text, size_t begin, size_t most_values) {
  ShapeScan(text, begin, most_values).run();
}

}  // namespace r1
