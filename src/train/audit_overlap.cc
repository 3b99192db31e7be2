// Overlap of training and held-out questions: exact, and by 8-grams of words.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "data/question.h"
#include "reward/math_words.h"
#include "train/audit.h"

namespace r1 {
namespace {

constexpr size_t kWords = 8;
constexpr double kNear = 0.5;         // of a question's 8-grams
constexpr double kFrameShare = 0.02;  // of the training rows: an 8-gram of more of them belongs to the data's frame
constexpr int64_t kFrameRows = 2;

std::vector<std::string> words_of(const DataRow& row) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : lower(question_text(row)) + " ") {
    if (std::string_view(" \t\r\n\f\v").find(c) == std::string_view::npos) {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  return out;
}

uint64_t hash_of(const std::vector<std::string>& words, size_t begin, size_t end) {
  uint64_t h = 0xcbf29ce484222325u;  // FNV-1a
  for (size_t w = begin; w < end; w++) {
    for (const char c : words[w]) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    h = (h ^ ' ') * 0x100000001b3u;
  }
  return h;
}

std::vector<uint64_t> ngrams_of(const std::vector<std::string>& words) {
  std::vector<uint64_t> out;
  for (size_t at = 0; at + kWords <= words.size(); at++) out.push_back(hash_of(words, at, at + kWords));
  return out;
}

}  // namespace

Overlap find_overlap(const std::vector<DataRow>& train, const std::vector<DataRow>& held_out, bool ngrams) {
  std::unordered_map<uint64_t, int64_t> rows_with;  // 8-grams of held-out questions: training rows that hold them
  std::unordered_map<uint64_t, int64_t> asked;      // whole questions: the first training row
  std::vector<std::vector<uint64_t>> grams;
  std::vector<uint64_t> whole;
  for (const DataRow& row : held_out) {
    const std::vector<std::string> words = words_of(row);
    whole.push_back(hash_of(words, 0, words.size()));
    asked[whole.back()] = -1;
    grams.push_back(ngrams ? ngrams_of(words) : std::vector<uint64_t>());
    for (const uint64_t g : grams.back()) rows_with[g] = 0;
  }
  for (size_t i = 0; i < train.size(); i++) {
    const std::vector<std::string> words = words_of(train[i]);
    const auto same = asked.find(hash_of(words, 0, words.size()));
    if (same != asked.end() && same->second < 0) same->second = static_cast<int64_t>(i);
    if (!ngrams) continue;
    const std::vector<uint64_t> mine = ngrams_of(words);
    for (const uint64_t g : std::unordered_set<uint64_t>(mine.begin(), mine.end()))
      if (const auto found = rows_with.find(g); found != rows_with.end()) found->second++;
  }
  const int64_t frame = std::max(kFrameRows, static_cast<int64_t>(kFrameShare * static_cast<double>(train.size())));
  Overlap out;
  for (size_t i = 0; i < held_out.size(); i++) {
    const auto finding = [&](std::string what) {
      return AuditFinding{static_cast<int64_t>(i), held_out[i].line, std::move(what)};
    };
    out.compared++;
    if (const int64_t at = asked[whole[i]]; at >= 0) {
      out.same.push_back(finding(fmt::format("is training row {}", at)));
      continue;
    }
    int64_t counted = 0, shared = 0;
    for (const uint64_t g : grams[i]) {
      if (rows_with[g] > frame) continue;
      counted++;
      shared += rows_with[g] > 0;
    }
    if (counted > 0 && static_cast<double>(shared) >= kNear * static_cast<double>(counted))
      out.near.push_back(finding(fmt::format("{} of {} 8-grams stand in training rows", shared, counted)));
  }
  return out;
}

}  // namespace r1
