#include "text/unicode.h"

#include <utf8proc.h>

#include <cctype>
#include <cstdlib>
#include <cstring>

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

std::string_view valid_view(std::string_view bytes, std::string& storage) {
  for (size_t at = 0; at < bytes.size();) {
    uint64_t eight;
    if (at + 8 <= bytes.size() && (std::memcpy(&eight, bytes.data() + at, 8), (eight & 0x8080808080808080u) == 0)) {
      at += 8;
      continue;
    }
    bool whole;
    const size_t n = valid_part(bytes, at, whole);
    if (!whole) {
      storage = to_valid_utf8(bytes);
      return storage;
    }
    at += n;
  }
  return bytes;
}

namespace {

constexpr NewerRange kNewer[] = {
#include "text/unicode_newer.inc"
};

bool listed(std::string_view property, uint32_t c) {
  for (const NewerRange& r : kNewer)
    if (c >= r.first && c <= r.last && property == r.property) return true;
  return false;
}

bool is_hangul(uint32_t c) { return (c >= 0x1100 && c <= 0x11FF) || (c >= 0xAC00 && c <= 0xD7A3); }

// What Hugging Face's tables, older than utf8proc's, do not decompose.
bool is_left_alone(uint32_t c, NormalForm form) {
  static constexpr const char* kNames[] = {"=NFC", "=NFD", "=NFKC", "=NFKD"};
  return c >= 0x3000 && utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->decomp_seqindex != UINT16_MAX &&
         listed(kNames[static_cast<int>(form)], c);
}

// A starter that the form leaves alone and that joins nothing before it: texts may be cut in front of it.
bool is_inert(uint32_t c, NormalForm form) {
  if (c < 0x80) return true;
  if (form == NormalForm::nfc && c < 0x300) return true;
  if (is_hangul(c)) return false;
  const utf8proc_property_t* p = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
  if (is_left_alone(c, form)) return true;
  if (p->combining_class != 0 || p->decomp_seqindex != UINT16_MAX) return false;
  // comb_index tells of a character that can be composed, as first or as second; only seconds join what is before
  return form == NormalForm::nfd || form == NormalForm::nfkd || p->comb_index == UINT16_MAX || p->comb_index < 0x8000;
}

std::string normalize_all(std::string_view text, NormalForm form) {
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

// Whether the newer table has it in a category of the group: L, M, N, ...
bool is_newer(uint32_t c, char group) {
  for (const NewerRange& r : kNewer)
    if (r.property[0] == group && r.property[1] != '\0' && r.property[2] == '\0' && c >= r.first && c <= r.last)
      return true;
  return false;
}

utf8proc_category_t category(uint32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
bool between(utf8proc_category_t k, utf8proc_category_t low, utf8proc_category_t high) { return k >= low && k <= high; }

}  // namespace

std::span<const NewerRange> newer_ranges() { return kNewer; }

bool is_normal(std::string_view text, NormalForm form) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80)
      at++;
    else if (!is_inert(next_code_point(text, at), form))
      return false;
  }
  return true;
}

std::string normalize(std::string_view text, NormalForm form) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  size_t settled = 0, last = 0;  // text before `settled` is written; `last` starts the latest inert character
  bool busy = false;             // something between `last` and here is not inert
  for (size_t at = 0; at < text.size();) {
    if (!busy && static_cast<unsigned char>(text[at]) < 0x80) {
      last = at++;  // most text goes this way
      continue;
    }
    const size_t begin = at;
    const uint32_t code = next_code_point(text, at);
    if (!is_inert(code, form)) {
      busy = true;
      continue;
    }
    if (busy) {
      out.append(text, settled, last - settled);
      out += normalize_all(text.substr(last, begin - last), form);
      settled = begin;
      busy = false;
    }
    last = static_cast<unsigned char>(text[begin]) >= 0xE3 && is_left_alone(code, form) ? at : begin;
  }
  if (!busy) return out.append(text.substr(settled));
  out.append(text, settled, last - settled);
  return out += normalize_all(text.substr(last), form);
}

size_t previous_start(std::string_view text, size_t at) {
  do at--;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool is_white_space(uint32_t c) {
  return (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word(uint32_t c) {
  if (c < 0x80) return std::isalnum(static_cast<int>(c)) != 0 || c == '_';
  if (c == 0x200C || c == 0x200D) return true;
  if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
      (c >= 0x1F170 && c <= 0x1F189))
    return true;  // circled and squared letters
  const utf8proc_category_t k = category(c);
  if (between(k, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC) return true;
  return k == UTF8PROC_CATEGORY_CN && (is_newer(c, 'L') || is_newer(c, 'M') || listed("Nd", c));
}

bool is_numeric(uint32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return between(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO) || (c >= 0x10000 && is_newer(c, 'N'));
}
bool is_punctuation(uint32_t c) {
  if (between(category(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO)) return c < 0x80 || !listed("-P", c);
  return c >= 0x80 && listed("+P", c);
}
bool is_mark(uint32_t c) {
  if (c < 0x300) return false;
  return between(category(c), UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME) ? !listed("-M", c) : listed("+M", c);
}

void append_lowercase(std::string& out, uint32_t c) {
  struct Step {
    uint32_t first, last, lower;
  };
  // beyond Unicode 14
  static constexpr Step kSteps[] = {{0x1C89, 0x1C89, 0x1C8A},   {0xA7CB, 0xA7CB, 0x264},  {0xA7CC, 0xA7CC, 0xA7CD},
                                    {0xA7CE, 0xA7CE, 0xA7CF},   {0xA7D2, 0xA7D2, 0xA7D3}, {0xA7D4, 0xA7D4, 0xA7D5},
                                    {0xA7DA, 0xA7DA, 0xA7DB},   {0xA7DC, 0xA7DC, 0x19B},  {0x10D50, 0x10D65, 0x10D70},
                                    {0x16EA0, 0x16EB8, 0x16EBB}};
  if (c == 0x130) {  // the one character whose lower case is two
    out += "i\u0307";
    return;
  }
  if (c >= 0x1C89)
    for (const Step& s : kSteps)
      if (c >= s.first && c <= s.last) return append_code_point(out, s.lower + (c - s.first));
  append_code_point(out, static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

}  // namespace r1
