#include "text/template_text.h"

#include <algorithm>

namespace r1::jinja {

Text::Text(std::string bytes, uint8_t origin) : bytes_(std::move(bytes)) {
  if (origin != kTemplate && !bytes_.empty()) marks_.push_back({0, bytes_.size(), origin});
}

uint8_t Text::origin_at(size_t byte) const {
  const auto it =
      std::upper_bound(marks_.begin(), marks_.end(), byte, [](size_t b, const Mark& m) { return b < m.end; });
  return it != marks_.end() && it->begin <= byte ? it->origin : uint8_t{kTemplate};
}

uint8_t Text::all_origins() const {
  uint8_t all = kTemplate;
  for (const Mark& m : marks_) all |= m.origin;
  return all;
}

void Text::append(std::string_view bytes, uint8_t origin) {
  if (bytes.empty()) return;
  length_ = SIZE_MAX;
  const size_t begin = bytes_.size();
  bytes_ += bytes;
  if (origin == kTemplate) return;
  if (!marks_.empty() && marks_.back().end == begin && marks_.back().origin == origin)
    marks_.back().end = bytes_.size();
  else
    marks_.push_back({begin, bytes_.size(), origin});
}

void Text::append(const Text& other, size_t begin, size_t end) {
  if (begin >= end) return;
  const size_t base = bytes_.size();
  append(std::string_view(other.bytes_).substr(begin, end - begin));
  auto it = std::upper_bound(other.marks_.begin(), other.marks_.end(), begin,
                             [](size_t b, const Mark& m) { return b < m.end; });
  for (; it != other.marks_.end() && it->begin < end; ++it) {
    const size_t from = base + std::max(it->begin, begin) - begin, to = base + std::min(it->end, end) - begin;
    if (!marks_.empty() && marks_.back().end == from && marks_.back().origin == it->origin)
      marks_.back().end = to;
    else
      marks_.push_back({from, to, it->origin});
  }
}

Text Text::part(size_t begin, size_t end) const {
  Text out;
  out.append(*this, begin, end);
  out.markup = markup;
  return out;
}

void Text::add_origin(uint8_t origin, size_t begin, size_t end) {
  Text out;
  for (size_t at = 0; at < bytes_.size();) {  // from mark to mark, cut at begin and end
    const uint8_t here = origin_at(at);
    size_t stop = bytes_.size();
    for (size_t cut : {begin, end})
      if (cut > at) stop = std::min(stop, cut);
    const auto next =
        std::upper_bound(marks_.begin(), marks_.end(), at, [](size_t b, const Mark& m) { return b < m.end; });
    if (next != marks_.end()) stop = std::min(stop, next->begin > at ? next->begin : next->end);
    const bool inside = at >= begin && at < end;
    out.append(std::string_view(bytes_).substr(at, stop - at), static_cast<uint8_t>(here | (inside ? origin : 0)));
    at = stop;
  }
  marks_ = std::move(out.marks_);
}

size_t Text::length() const {
  if (length_ == SIZE_MAX)
    length_ =
        static_cast<size_t>(std::count_if(bytes_.begin(), bytes_.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  return length_;
}

size_t Text::offset(size_t index) const {
  if (index >= length()) return bytes_.size();
  if (is_ascii()) return index;
  size_t at = 0;
  for (size_t n = 0;; at++)
    if ((bytes_[at] & 0xC0) != 0x80 && n++ == index) return at;
}

}  // namespace r1::jinja
