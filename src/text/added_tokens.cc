#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace r1 {
namespace {

uint32_t code_at(std::string_view text, size_t at) { return next_code_point(text, at); }

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && is_word(code_at(text, previous_start(text, begin)))) return false;
  return end >= text.size() || !is_word(code_at(text, end));
}

// What a model may write of its own, in its thoughts and calls, is not spelled like a turn's borders.
bool is_control(const AddedToken& t) {
  return t.special || t.content.starts_with("<|") || t.content.starts_with("<\uFF5C");
}

// The ranges ahead of a walk through the text.
class Ahead {
 public:
  explicit Ahead(std::span<const PlainRange> ranges) : ranges_(ranges) {}
  // Where people's text that covers `at` ends; `at` itself when none does.
  size_t skip(size_t at) {
    while (i_ < ranges_.size() && ranges_[i_].end <= at) i_++;
    return i_ < ranges_.size() && !ranges_[i_].of_model && ranges_[i_].begin <= at ? ranges_[i_].end : at;
  }
  // Where the next text of people begins.
  size_t limit(size_t end) const {
    for (size_t i = i_; i < ranges_.size(); i++)
      if (!ranges_[i].of_model) return std::min(end, ranges_[i].begin);
    return end;
  }
  bool in_model_text(size_t begin, size_t end) const {
    for (size_t i = i_; i < ranges_.size() && ranges_[i].begin < end; i++)
      if (ranges_[i].of_model && ranges_[i].end > begin) return true;
    return false;
  }

 private:
  std::span<const PlainRange> ranges_;
  size_t i_ = 0;
};

}  // namespace

void AddedTokens::Index::build() {
  const auto less = [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; };
  const auto same = [](const AddedToken& a, const AddedToken& b) { return a.content == b.content; };
  std::stable_sort(tokens.begin(), tokens.end(), less);
  tokens.erase(std::unique(tokens.begin(), tokens.end(), same), tokens.end());
  first.assign(257, 0);
  for (const AddedToken& t : tokens) first[static_cast<unsigned char>(t.content[0]) + 1]++;
  for (size_t b = 0; b < 256; b++) first[b + 1] += first[b];
}

const AddedToken* AddedTokens::Index::longest_at(std::string_view text, size_t at) const {
  const unsigned char byte = static_cast<unsigned char>(text[at]);
  auto low = tokens.begin() + first[byte], high = tokens.begin() + first[byte + 1];
  const AddedToken* found = nullptr;
  for (size_t n = 1; low != high; n++) {
    // all in [low, high) begin with the n bytes at `at`; the shortest sorts first
    if (low->content.size() == n) found = &*low++;
    if (at + n >= text.size()) break;
    const unsigned char next = static_cast<unsigned char>(text[at + n]);
    const auto before = [n](const AddedToken& t, unsigned char b) {
      return static_cast<unsigned char>(t.content[n]) < b;
    };
    const auto behind = [n](unsigned char b, const AddedToken& t) {
      return b < static_cast<unsigned char>(t.content[n]);
    };
    low = std::lower_bound(low, high, next, before);
    high = std::upper_bound(low, high, next, behind);
  }
  return found;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) {
  for (AddedToken& t : tokens)
    if (!t.content.empty()) (t.normalized ? normalized_ : plain_).tokens.push_back(std::move(t));
  plain_.build();
  normalized_.build();
}

std::vector<AddedSpan> AddedTokens::find(std::string_view text, bool normalized, bool with_special,
                                         std::span<const PlainRange> ranges) const {
  const Index& index = normalized ? normalized_ : plain_;
  std::vector<AddedSpan> out;
  Ahead ahead(ranges);
  size_t plain = 0, limit = 0;
  for (size_t at = 0; at < text.size() && !index.tokens.empty();) {
    const size_t behind = std::min(ahead.skip(at), text.size());
    if (behind > at || limit == 0) limit = ahead.limit(text.size());
    if (behind > at) {
      at = behind;
      limit = 0;
      continue;
    }
    const unsigned char byte = static_cast<unsigned char>(text[at]);
    const AddedToken* t =
        index.first[byte] == index.first[byte + 1] ? nullptr : index.longest_at(text.substr(0, limit), at);
    if (t == nullptr || (is_control(*t) && ahead.in_model_text(at, at + t->content.size()))) {
      at++;
      continue;
    }
    size_t begin = at, end = at + t->content.size();
    at = end;
    if ((t->special && !with_special) || (t->single_word && !stands_alone(text, begin, end))) continue;
    if (t->lstrip)
      while (begin > plain && is_white_space(code_at(text, previous_start(text, begin))))
        begin = previous_start(text, begin);
    if (t->rstrip)
      for (size_t next = end; end < text.size() && is_white_space(next_code_point(text, next));) end = next;
    if (begin > plain) out.push_back({plain, begin, -1});
    out.push_back({begin, end, t->id});
    plain = end;
  }
  if (plain < text.size()) out.push_back({plain, text.size(), -1});
  return out;
}

}  // namespace r1
