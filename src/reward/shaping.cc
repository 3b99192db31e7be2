#include "reward/shaping.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <unordered_set>

#include "base/error.h"
#include "reward/math_words.h"
#include "text/thinking.h"
#include "text/unicode.h"

namespace r1 {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

// Begin and end of what white space divides.
std::vector<std::string_view> blank_words(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      i++;
      continue;
    }
    const size_t begin = i;
    while (i < text.size() && !is_blank(text[i])) i++;
    out.push_back(text.substr(begin, i - begin));
  }
  return out;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) n++;
  return n;
}

}  // namespace

double soft_overlong_punishment(int64_t length, int64_t longest, int64_t cache) {
  if (length <= longest - cache) return 0;
  if (length > longest) return -1;
  return static_cast<double>(longest - cache - length) / static_cast<double>(cache);
}

double cosine_reward(bool correct, int64_t length, int64_t longest, const CosineScale& s) {
  R1_CHECK(longest > 0);
  const double t = static_cast<double>(std::clamp<int64_t>(length, 0, longest)) / static_cast<double>(longest);
  const double begin = correct ? s.max_correct : s.min_wrong, end = correct ? s.min_correct : s.max_wrong;
  return end + (begin - end) * (1 + std::cos(std::numbers::pi * t)) / 2;
}

std::vector<double> kimi_length_rewards(std::span<const int64_t> lengths, const std::vector<bool>& correct) {
  R1_CHECK(lengths.size() == correct.size());
  std::vector<double> out(lengths.size(), 0);
  if (lengths.empty()) return out;
  const auto [low, high] = std::minmax_element(lengths.begin(), lengths.end());
  if (*low == *high) return out;
  for (size_t i = 0; i < lengths.size(); i++) {
    const double lambda = 0.5 - static_cast<double>(lengths[i] - *low) / static_cast<double>(*high - *low);
    out[i] = correct[i] ? lambda : std::min(0.0, lambda);
  }
  return out;
}

double repetition_penalty(std::string_view text, int64_t n, double max_penalty) {
  const std::string small = lower(text);
  const std::vector<std::string_view> words = blank_words(small);
  const size_t size = static_cast<size_t>(n);
  if (words.size() < size) return 0;
  std::unordered_set<std::string> distinct;
  const size_t total = words.size() - size + 1;
  for (size_t i = 0; i < total; i++) {
    std::string gram;
    for (size_t k = i; k < i + size; k++) gram.append(words[k]).push_back(' ');
    distinct.insert(std::move(gram));
  }
  if (distinct.size() == total) return 0;  // not -0
  return max_penalty * (1 - static_cast<double>(distinct.size()) / static_cast<double>(total));
}

double tag_count(std::string_view text) {
  double out = 0;
  for (std::string_view tag : {"<think>", "</think>", "<answer>", "</answer>"})
    if (count_of(text, tag) == 1) out += 0.25;
  return out;
}

const char* filtered_for(std::string_view thought, double language_share, const FilterLimits& limits) {
  if (thought.find("```") != std::string_view::npos) return "a code block";
  if (language_share < limits.language_share) return "mixed languages";
  for (size_t at = 0; at < thought.size();) {
    const size_t end = std::min(thought.find("\n\n", at), thought.size());
    int64_t characters = 0;
    for (const char c : thought.substr(at, end - at)) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (characters > limits.longest_paragraph) return "a long paragraph";
    at = end + 2;
  }
  return "";
}

int64_t count_words(std::string_view text) {
  int64_t out = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const uint32_t c = next_code_point(text, at);
    const bool alone = (c >= 0x3041 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0x20000 && c <= 0x323AF);
    const bool blank = is_blank(text[begin]) || c == 0x3000 || c == 0xA0;
    out += alone || (!blank && !inside);
    inside = !alone && !blank;
  }
  return out;
}

}  // namespace r1
