// Whether a text commits to one number: hedges, lists and unfinished expressions do not.
#include <algorithm>
#include <array>

#include "reward/number.h"
#include "reward/revision.h"
#include "text/thinking.h"

namespace r1 {
namespace {

constexpr size_t kLongestMarked = 4096;  // bytes of a marked answer
constexpr size_t kLongestTail = 4096;    // bytes at the end of running text that are searched for its last number

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }

// The words of plain text in small letters; a run of other scripts is a word.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  for (size_t i = 0; i < text.size();) {
    const auto kind = is_letter(text[i]) ? is_letter : is_high(text[i]) ? is_high : nullptr;
    if (kind == nullptr) {
      i++;
      continue;
    }
    std::string word;
    for (; i < text.size() && kind(text[i]); i++)
      word += text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    out.push_back(std::move(word));
  }
  return out;
}

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 7> kOr = {"or", "nor", "either", "neither", "oder", "或", "或者"};
constexpr std::array<std::string_view, 14> kJoin = {"and",  "to",    "through", "vs",       "versus", "but", "also",
                                                    "then", "maybe", "perhaps", "possibly", "und",    "和",  "到"};

bool has_or(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(), [](const std::string& w) { return one_of(w, kOr); });
}

bool ends_sentence(std::string_view gap) {
  return gap.find('\n') != std::string_view::npos || gap.find(". ") != std::string_view::npos;
}

// Whether what stands between two numbers makes a list, a choice or an expression of them.
bool joins(std::string_view gap) {
  const std::vector<std::string> words = words_of(gap);
  if (has_or(words) && !ends_sentence(gap)) return true;
  if (gap.find('=') != std::string_view::npos) return false;
  const size_t last = gap.find_last_not_of(" \n\x01");
  if (last != std::string_view::npos && std::string_view("+-*/").find(gap[last]) != std::string_view::npos) return true;
  if (words.empty()) return gap.empty() || gap[0] != ':' || gap.size() < 2;
  return std::all_of(words.begin(), words.end(), [](const std::string& w) { return one_of(w, kJoin); });
}

bool same_value(const NumberToken& a, const NumberToken& b) {
  return a.readable && b.readable && a.number.value == b.number.value && a.number.percent == b.number.percent;
}

// "at least 5", "cannot be 5": said of the number, which is then not the answer.
bool is_denied_token(std::string_view plain, const NumberToken& t) {
  return is_denied(plain.substr(0, t.begin), plain.substr(t.end));
}

NumberReading reading(ReadingKind kind) { return {kind, {}}; }
NumberReading reading(const NumberToken& t) { return {ReadingKind::one, t.number}; }

// "12 + 30 = 42", "x = 42": what stands after the last '='. A comma, a line or an "and" before it makes several
// statements of it.
NumberReading read_equation(std::string_view plain, const std::vector<NumberToken>& tokens) {
  const size_t sign = plain.rfind('=');
  if (sign == std::string_view::npos || tokens.size() < 2) return reading(ReadingKind::several);
  if (tokens.back().begin < sign || tokens[tokens.size() - 2].end > sign) return reading(ReadingKind::several);
  std::string before(plain.substr(0, sign));
  for (const NumberToken& t : tokens)
    if (t.end <= sign)
      std::fill(before.begin() + static_cast<std::ptrdiff_t>(t.begin),
                before.begin() + static_cast<std::ptrdiff_t>(t.end), ' ');
  if (before.find_first_of(",;\n") != std::string::npos) return reading(ReadingKind::several);
  for (const std::string& w : words_of(before))
    if (one_of(w, kJoin)) return reading(ReadingKind::several);
  return reading(tokens.back());
}

}  // namespace

NumberReading read_number(std::string_view text) {
  if (text.size() > kLongestMarked) return reading(ReadingKind::unreadable);
  const std::string plain = plain_math(text);
  const std::vector<NumberToken> tokens = scan_numbers(plain);
  if (plain.find(kPoison) != std::string::npos) return reading(ReadingKind::unreadable);
  if (tokens.empty()) return reading(ReadingKind::none);
  for (const NumberToken& t : tokens)
    if (!t.readable) return reading(ReadingKind::unreadable);
  if (has_or(words_of(plain))) return reading(ReadingKind::several);
  if (tokens.size() == 1 && is_denied_token(plain, tokens[0])) return reading(ReadingKind::unreadable);
  if (trim(plain).ends_with("..")) return reading(ReadingKind::unreadable);  // "42 \\ldots": and so on
  for (size_t i = 1; i < tokens.size(); i++)                                 // "5 5": fifty-five?
    if (plain.find_first_not_of(' ', tokens[i - 1].end) == tokens[i].begin) return reading(ReadingKind::several);
  if (std::all_of(tokens.begin(), tokens.end(), [&](const NumberToken& t) { return same_value(t, tokens.front()); }))
    return reading(tokens.front());
  return read_equation(plain, tokens);
}

NumberReading read_last_number(std::string_view text, std::string* text_out) {
  if (text.size() > kLongestTail) text.remove_prefix(text.size() - kLongestTail);
  const std::string plain = plain_math(text);
  std::vector<NumberToken> tokens = scan_numbers(plain);
  std::erase_if(tokens, [](const NumberToken& t) { return t.word; });
  if (text_out != nullptr) text_out->clear();
  if (tokens.empty()) return reading(ReadingKind::none);
  const NumberToken& last = tokens.back();
  if (text_out != nullptr) *text_out = plain.substr(last.begin, last.end - last.begin);
  if (!last.readable || is_denied_token(plain, last)) return reading(ReadingKind::unreadable);
  const std::string_view all = plain;
  for (size_t i = tokens.size() - 1; i > 0; i--) {
    if (!joins(all.substr(tokens[i - 1].end, tokens[i].begin - tokens[i - 1].end))) break;
    if (!same_value(tokens[i - 1], last)) return reading(ReadingKind::several);
  }
  const std::string_view rest = all.substr(last.end);
  std::vector<std::string> next = words_of(rest.substr(0, std::min(rest.find_first_of(".\n"), rest.size())));
  if (next.size() > 2) next.resize(2);  // "42 or so", "42 apples or forty-three"
  const size_t near = last.begin - std::min<size_t>(last.begin, 64);
  const std::vector<std::string> before = words_of(all.substr(near, last.begin - near));
  const bool choice_before = !before.empty() && one_of(before.back(), kOr);  // "forty or 42"
  return has_or(next) || choice_before ? reading(ReadingKind::several) : reading(last);
}

}  // namespace r1
