#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"

namespace r1 {
namespace {

constexpr const char* kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Word characters as Oniguruma has them: alphabetic, marks, decimal digits, connectors.
constexpr const char* kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";

// What the two libraries read differently is spelled out (\s \S \w \W \h \H) or, inside a class, refused.
std::string translate(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); i++) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      const char* set = next == 's' || next == 'S' ? kWhiteSpace : next == 'w' || next == 'W' ? kWord : nullptr;
      if (next == 'h' || next == 'H') set = "0-9A-Fa-f";
      const bool negated = next == 'S' || next == 'W' || next == 'H';
      if (set == nullptr || (negated && in_class))
        out += std::string("\\") + next;
      else
        out += in_class ? set : std::string(negated ? "[^" : "[") + set + "]";
      continue;
    }
    if (in_class && (c == '[' || (c == '&' && i + 1 < pattern.size() && pattern[i + 1] == '&')))
      fail("split pattern {}: near its byte {}: classes inside classes and && are not supported", pattern, i);
    if (c == '[' && !in_class)
      in_class = true;
    else if (c == ']' && in_class)
      in_class = false;
    out += c;
  }
  return out;
}

pcre2_code* code_of(void* p) { return static_cast<pcre2_code*>(p); }

}  // namespace

Regex::Regex(const std::string& pattern) {
  const std::string translated = translate(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                        PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr);
  if (code_ == nullptr) {
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof message);
    fail("split pattern {}: {} near its byte {}", pattern, reinterpret_cast<char*>(message), offset);
  }
  pcre2_jit_compile(code_of(code_), PCRE2_JIT_COMPLETE);  // without JIT it interprets
  auto* context = pcre2_match_context_create(nullptr);
  pcre2_set_match_limit(context, 50'000'000);
  pcre2_set_heap_limit(context, 64 * 1024);
  context_ = context;
}

Regex::~Regex() {
  pcre2_match_context_free(static_cast<pcre2_match_context*>(context_));
  pcre2_code_free(code_of(code_));
}

void Regex::for_each(std::string_view text, const std::function<void(size_t, size_t)>& body) const {
  std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(pcre2_match_data_create(4, nullptr),
                                                                       pcre2_match_data_free);
  size_t at = 0;
  while (at <= text.size()) {
    const int n = pcre2_match(code_of(code_), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                              PCRE2_NO_UTF_CHECK, match.get(), static_cast<pcre2_match_context*>(context_));
    if (n == PCRE2_ERROR_NOMATCH) return;
    if (n < 0) fail("a split pattern gave up on a text of {} bytes (PCRE2 error {}): too many steps", text.size(), n);
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
    if (range[1] > range[0]) body(range[0], range[1]);
    at = range[1] > range[0] ? range[1] : range[1] + 1;  // an empty match: go on behind it
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) at++;
  }
}

}  // namespace r1
