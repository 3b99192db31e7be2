#include "text/added_tokens.h"

#include <utf8proc.h>

#include <algorithm>

#include "text/unicode.h"

namespace r1 {
namespace {

bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
bool is_word(uint32_t c) {
  if (c == '_') return true;
  const utf8proc_category_t k = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_ME) || k == UTF8PROC_CATEGORY_ND ||
         k == UTF8PROC_CATEGORY_PC;
}
size_t previous_start(std::string_view text, size_t at) {
  do at--;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}
uint32_t code_at(std::string_view text, size_t at) { return next_code_point(text, at); }

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && is_word(code_at(text, previous_start(text, begin)))) return false;
  return end >= text.size() || !is_word(code_at(text, end));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : all_(std::move(tokens)) {
  std::stable_sort(all_.begin(), all_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
  for (size_t i = 0; i < all_.size(); i++)
    if (!all_[i].content.empty()) by_first_byte_[static_cast<unsigned char>(all_[i].content[0])].push_back(i);
}

const AddedToken* AddedTokens::match(std::string_view text, size_t at, bool normalized) const {
  for (size_t i : by_first_byte_[static_cast<unsigned char>(text[at])])
    if (all_[i].normalized == normalized && text.substr(at, all_[i].content.size()) == all_[i].content) return &all_[i];
  return nullptr;
}

std::vector<AddedSpan> AddedTokens::find(std::string_view text, bool normalized, bool with_special) const {
  std::vector<AddedSpan> out;
  size_t plain = 0;
  for (size_t at = 0; at < text.size();) {
    const AddedToken* t = match(text, at, normalized);
    if (t == nullptr) {
      at++;
      continue;
    }
    size_t begin = at, end = at + t->content.size();
    if ((t->special && !with_special) || (t->single_word && !stands_alone(text, begin, end))) {
      at = end;
      continue;
    }
    if (t->lstrip)
      while (begin > plain && is_space(code_at(text, previous_start(text, begin)))) begin = previous_start(text, begin);
    if (t->rstrip)
      for (size_t next = end; end < text.size() && is_space(next_code_point(text, next));) end = next;
    if (begin > plain) out.push_back({plain, begin, -1});
    out.push_back({begin, end, t->id});
    at = plain = end;
  }
  if (plain < text.size()) out.push_back({plain, text.size(), -1});
  return out;
}

}  // namespace r1
