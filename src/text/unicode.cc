#include "text/unicode.h"

#include <utf8proc.h>

#include <cstdlib>

#include "base/error.h"

namespace r1 {
namespace {

// Length of the sequence a lead byte starts (0: none), and the range its second byte must lie in.
struct Lead {
  int length;
  unsigned char low, high;
};
Lead lead_of(unsigned char c) {
  if (c < 0x80) return {1, 0, 0};
  if (c >= 0xC2 && c <= 0xDF) return {2, 0x80, 0xBF};
  if (c == 0xE0) return {3, 0xA0, 0xBF};
  if (c == 0xED) return {3, 0x80, 0x9F};
  if (c >= 0xE1 && c <= 0xEF) return {3, 0x80, 0xBF};
  if (c == 0xF0) return {4, 0x90, 0xBF};
  if (c >= 0xF1 && c <= 0xF3) return {4, 0x80, 0xBF};
  if (c == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Bytes from `at` that form a valid start of a sequence; `whole` tells whether it is complete.
size_t valid_part(std::string_view text, size_t at, bool& whole) {
  const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
  whole = lead.length == 1;
  if (lead.length <= 1) return static_cast<size_t>(lead.length);
  size_t n = 1;
  while (n < static_cast<size_t>(lead.length) && at + n < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[at + n]);
    if (n == 1 ? c < lead.low || c > lead.high : c < 0x80 || c > 0xBF) break;
    n++;
  }
  whole = n == static_cast<size_t>(lead.length);
  return n;
}

}  // namespace

uint32_t next_code_point(std::string_view text, size_t& at) {
  bool whole;
  const size_t n = valid_part(text, at, whole);
  if (!whole) {
    at++;
    return 0xFFFFFFFFu;
  }
  uint32_t code = static_cast<unsigned char>(text[at]);
  if (n > 1) code &= 0x7Fu >> n;
  for (size_t i = 1; i < n; i++) code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
  at += n;
  return code;
}

void append_code_point(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    bool whole;
    const size_t n = valid_part(bytes, at, whole);
    if (whole)
      out.append(bytes, at, n);
    else
      out += "\xEF\xBF\xBD";
    at += n == 0 ? 1 : n;
  }
  return out;
}

size_t incomplete_tail(std::string_view bytes) {
  for (size_t back = 1; back <= 3 && back <= bytes.size(); back++) {
    const size_t at = bytes.size() - back;
    if ((static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80) continue;
    bool whole;
    return valid_part(bytes, at, whole) == back && !whole ? back : 0;
  }
  return 0;
}

std::string normalize(std::string_view text, NormalForm form) {
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t n =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  if (n < 0) fail("Unicode normalisation failed: {}", utf8proc_errmsg(n));
  std::string out(reinterpret_cast<char*>(result), static_cast<size_t>(n));
  std::free(result);
  return out;
}

}  // namespace r1
