#include "reward/revision.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "reward/math_words.h"

namespace r1 {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool is_letter_of(std::string_view text, size_t i) {
  return i < text.size() && ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'));
}
bool is_high_byte(char c) { return static_cast<unsigned char>(c) >= 0x80; }

// Whether a sentence or clause begins at i. A colon begins none: "Answer: No."
bool begins_clause(std::string_view text, size_t i) {
  while (i > 0 && std::string_view(" \t\r*_(\"'").find(text[i - 1]) != kNone) i--;
  return i > 0 && (std::string_view(".,;!?\n-)$").find(text[i - 1]) != kNone || is_high_byte(text[i - 1]));
}

constexpr std::array<std::string_view, 26> kCorrections = {"wait",
                                                           "actually",
                                                           "sorry",
                                                           "correction",
                                                           "scratch that",
                                                           "strike that",
                                                           "hold on",
                                                           "hm",
                                                           "hmm",
                                                           "oops",
                                                           "on second thought",
                                                           "on second thoughts",
                                                           "i mean",
                                                           "i meant",
                                                           "make that",
                                                           "rather",
                                                           "my mistake",
                                                           "my bad",
                                                           "never mind",
                                                           "nevermind",
                                                           "not quite",
                                                           "apologies",
                                                           "wrong",
                                                           "incorrect",
                                                           "nope",
                                                           "no wait"};
// Begin a clause before a correction: "Oh, wait".
constexpr std::array<std::string_view, 7> kInterjections = {"oh", "but", "ah", "well", "ok", "okay", "and"};
// Chinese needs no beginning of a clause. "不是" is no correction: "the answer is A, it is not B".
constexpr std::array<std::string_view, 5> kChinese = {"不对", "不，", "等等", "更正", "等一下"};

bool starts_with_word(std::string_view small, std::string_view word) {
  return small.starts_with(word) && !is_letter_of(small, word.size());
}

// "no, ...", "no it is ...", and not "no other number" or "no more". `small` in small letters.
size_t length_of_no(std::string_view small) {
  if (!starts_with_word(small, "no")) return 0;
  const size_t next = std::min(small.find_first_not_of(' ', 2), small.size());
  const std::string_view rest = small.substr(next);
  if (rest.empty() || is_high_byte(rest[0]) || std::string_view(".,;:!-\n$\\").find(rest[0]) != kNone) return 2;
  for (std::string_view word : {"it", "that", "this", "the", "sorry", "i", "actually"})
    if (starts_with_word(rest, word)) return 2;
  return 0;
}

// The length of a correction at the text's start; 0 when there is none.
size_t length_of_correction(std::string_view small) {
  size_t skipped = 0;
  for (std::string_view word : kInterjections)
    if (starts_with_word(small, word)) {
      skipped = std::min(small.find_first_not_of(" ,", word.size()), small.size());
      break;
    }
  const std::string_view rest = small.substr(skipped);
  if (const size_t no = length_of_no(rest)) return skipped + no;
  for (std::string_view word : kCorrections)
    if (starts_with_word(rest, word) && !(word == "rather" && rest.starts_with("rather than")))
      return skipped + word.size();
  return 0;
}

template <size_t N>
bool any_of_words(const std::vector<std::string>& words, const std::array<std::string_view, N>& list) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& w) { return std::find(list.begin(), list.end(), w) != list.end(); });
}

bool ends_clause(std::string_view text, size_t i) {
  const char next = i + 1 < text.size() ? text[i + 1] : ' ';
  const bool blank = next == ' ' || next == '\n';
  return text[i] == '\n' || text[i] == ';' || (blank && std::string_view(".,?!:").find(text[i]) != kNone);
}
size_t end_of_clause(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && !ends_clause(text, i)) i++;
  return i;
}
size_t begin_of_clause(std::string_view text) {
  size_t i = text.size();
  while (i > 0 && !ends_clause(text, i - 1)) i--;
  return i;
}

// In small letters, "can't" as one word.
std::vector<std::string> words_with_apostrophes(std::string_view text) {
  constexpr std::string_view kApostrophe = "\xE2\x80\x99";
  std::vector<std::string> out;
  bool inside = false;
  for (size_t i = 0; i < text.size(); i++) {
    const bool curly = text.substr(i).starts_with(kApostrophe);
    const bool letter = is_letter_of(text, i) || (inside && (text[i] == '\'' || curly));
    if (letter && !inside) out.emplace_back();
    if (letter) out.back() += curly ? '\'' : text[i];
    if (letter && curly) i += kApostrophe.size() - 1;
    inside = letter;
  }
  for (std::string& word : out) word = lower(word);
  return out;
}

}  // namespace

size_t end_of_last_revision(std::string_view text) {
  constexpr size_t kLongest = 32;  // of a correction with what comes before it
  size_t end = kNone;
  for (size_t i = 0; i < text.size(); i++) {
    if (is_high_byte(text[i])) {
      for (std::string_view word : kChinese)
        if (text.substr(i).starts_with(word))
          end = i + word.size() + (text.substr(i + word.size()).starts_with("，") ? 3 : 0);
      continue;
    }
    if (!is_letter_of(text, i) || (i > 0 && is_letter_of(text, i - 1)) || !begins_clause(text, i)) continue;
    if (const size_t length = length_of_correction(lower(text.substr(i, kLongest)))) end = i + length;
  }
  return end;
}

bool is_denied(std::string_view before, std::string_view behind) {
  static constexpr std::array<std::string_view, 20> kDenials = {
      "not", "never", "cannot",  "can't",    "isn't",    "aren't", "wasn't",     "won't",    "don't", "doubt",
      "nor", "cant",  "doesn't", "couldn't", "wouldn't", "isnt",   "impossible", "unlikely", "no",    "without"};
  static constexpr std::array<std::string_view, 24> kBounds = {
      "least",  "most",   "than",      "under",    "below",     "above",  "half",    "twice",
      "except", "within", "exceeding", "instead",  "from",      "square", "root",    "cube",
      "double", "triple", "quarter",   "multiple", "multiples", "factor", "factors", "reciprocal"};
  static constexpr std::array<std::string_view, 9> kRefusals = {"wrong",  "incorrect", "not",   "isn't", "impossible",
                                                                "cannot", "can't",     "least", "most"};
  constexpr size_t kNear = 4, kBehind = 3, kLongest = 200;
  if (before.size() > kLongest) before.remove_prefix(before.size() - kLongest);
  std::vector<std::string> words = words_with_apostrophes(before.substr(begin_of_clause(before)));
  if (words.size() > kNear) words.erase(words.begin(), words.end() - kNear);
  if (any_of_words(words, kDenials)) return true;
  while (!words.empty() && (words.back() == "of" || words.back() == "a" || words.back() == "the")) words.pop_back();
  if (!words.empty() && any_of_words({words.back()}, kBounds)) return true;
  if (words.size() > 1 && words.back() == "to" && words[words.size() - 2] == "up") return true;
  behind = behind.substr(0, kLongest);
  if (behind.starts_with('?')) return true;  // "42?" asks
  words = words_with_apostrophes(behind.substr(0, end_of_clause(behind)));
  words.resize(std::min(words.size(), kBehind));
  return any_of_words(words, kRefusals);
}

}  // namespace r1
