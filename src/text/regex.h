// Split patterns of tokenizers through PCRE2 with Unicode properties, bounded in steps.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

// Thread safety: matching is const and may run in many threads.
class Regex {
 public:
  struct Match {
    size_t begin, end;
  };

  // Throws r1::Error with the pattern and the place of the mistake. Patterns are read as Oniguruma reads them
  // (text/regex_syntax.h), for which they were written.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // All matches in valid UTF-8 text, left to right, into `out`; empty ones too, but none where another match has just
  // ended. Throws r1::Error for a pattern that needs too many steps: more than 20 million and 64 a byte.
  void find_all(std::string_view text, std::vector<Match>& out) const;

 private:
  struct Search;
  bool find_next(Search& search) const;
  bool find_word(Search& search) const;
  bool find_fast(Search& search) const;
  bool find_counted(Search& search) const;

  std::string pattern_;
  bool words_ = false;  // a space or none and the letters behind it are always one match
  struct Code;
  std::unique_ptr<Code> fast_;
  mutable std::unique_ptr<Code> counted_;  // with callouts; compiled when it is first needed, guarded by a mutex
};

}  // namespace r1
