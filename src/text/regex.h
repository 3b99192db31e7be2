// Split patterns of tokenizers through PCRE2 with Unicode properties, bounded in steps.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace r1 {

// Thread safety: matching is const and may run in many threads.
class Regex {
 public:
  // Throws r1::Error with the pattern and the place of the mistake. Patterns are read as Oniguruma reads them, for
  // which they were written: \s is Unicode's White_Space (PCRE2 would count U+180E too), \w has marks and connectors,
  // \h is a hexadecimal digit, ^ and $ stand at every line.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Calls body(begin, end) for every match in valid UTF-8 text, left to right. Throws r1::Error past the step limit.
  void for_each(std::string_view text, const std::function<void(size_t, size_t)>& body) const;

 private:
  void* code_ = nullptr;     // pcre2_code
  void* context_ = nullptr;  // pcre2_match_context
};

}  // namespace r1
