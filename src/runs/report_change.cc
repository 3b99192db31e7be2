#include "runs/report_change.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace r1 {
namespace {

constexpr std::string_view kWords[] = {"wait",  "mistake",  "however", "but",  "retry",  "error", "verify",
                                       "wrong", "evaluate", "check",   "等等", "等一下", "不对",  "错",
                                       "但是",  "然而",     "检查",    "验证", "重新"};

struct Claim {
  size_t begin = 0;  // byte of the text
  std::string about, value;
};
struct Word {
  size_t begin = 0;
  std::string_view text;
};

bool ascii_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::vector<Word> words_of_reflection(std::string_view text, std::string_view small) {
  std::vector<Word> out;
  for (const std::string_view word : kWords)
    for (size_t at = 0; (at = small.find(word, at)) != std::string_view::npos; at += word.size()) {
      const bool whole =
          !ascii_letter(word[0]) || ((at == 0 || !ascii_letter(small[at - 1])) &&
                                     (at + word.size() == small.size() || !ascii_letter(small[at + word.size()])));
      if (whole) out.push_back({at, text.substr(at, word.size())});
    }
  std::sort(out.begin(), out.end(), [](const Word& a, const Word& b) { return a.begin < b.begin; });
  return out;
}

// A number at `at`, behind blanks and marks of emphasis; empty where none stands there.
std::string number_at(std::string_view text, size_t at) {
  while (at < text.size() && std::string_view(" *$:=>").find(text[at]) != std::string_view::npos) at++;
  size_t end = at;
  if (end < text.size() && text[end] == '-') end++;
  while (end < text.size() &&
         (digit(text[end]) || (std::string_view(".,/").find(text[end]) != std::string_view::npos && end > at &&
                               digit(text[end - 1]) && end + 1 < text.size() && digit(text[end + 1]))))
    end++;
  const std::string value(text.substr(at, end - at));
  return value == "-" ? "" : value;
}

void add_boxes(std::string_view text, std::vector<Claim>& out) {
  constexpr std::string_view kBox = "\\boxed{";
  for (size_t at = 0; (at = text.find(kBox, at)) != std::string_view::npos; at += kBox.size()) {
    size_t end = at + kBox.size();
    for (int depth = 1; end < text.size(); end++)
      if ((depth += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0) == 0) break;
    const std::string_view value = text.substr(at + kBox.size(), end - at - kBox.size());
    if (end < text.size() && value.size() <= 80) out.push_back({at, "answer", std::string(value)});
  }
}

void add_answers(std::string_view text, std::string_view small, std::vector<Claim>& out) {
  for (const std::string_view mark : {"answer", "答案"})
    for (size_t at = 0; (at = small.find(mark, at)) != std::string_view::npos; at += mark.size()) {
      size_t behind = at + mark.size();
      for (const std::string_view verb : {" is now", " is", "是", "为"})
        if (small.substr(behind).starts_with(verb)) {
          behind += verb.size();
          break;
        }
      const std::string value = number_at(text, behind);
      if (!value.empty()) out.push_back({at, "answer", value});
    }
}

// The left side of the = at `at` without blanks: figures, operators and letters that stand alone.
std::string left_side(std::string_view text, size_t at) {
  std::string out;
  for (size_t i = at; i-- > 0 && out.size() < 80;) {
    const char c = text[i];
    const bool alone = ascii_letter(c) && (i == 0 || !ascii_letter(text[i - 1])) && !ascii_letter(text[i + 1]);
    if (!digit(c) && !alone && std::string_view("+-*/^().").find(c) == std::string_view::npos && c != ' ') break;
    if (c != ' ') out += c;
  }
  std::reverse(out.begin(), out.end());
  const size_t first = out.find_first_not_of('.');
  return first == std::string::npos ? "" : out.substr(first);
}

void add_equations(std::string_view text, std::vector<Claim>& out) {
  for (size_t at = 0; (at = text.find('=', at)) != std::string_view::npos; at++) {
    const std::string about = left_side(text, at), value = number_at(text, at + 1);
    if (!value.empty() && about.find_first_not_of("0123456789.()") != std::string::npos)
      out.push_back({at, about, value});
  }
}

}  // namespace

std::optional<AnswerChange> find_answer_change(std::string_view text) {
  text = text.substr(0, 64 << 10);
  const std::string small = lowered(text);
  const std::vector<Word> words = words_of_reflection(text, small);
  if (words.empty()) return std::nullopt;
  std::vector<Claim> claims;
  add_boxes(text, claims);
  add_answers(text, small, claims);
  add_equations(text, claims);
  std::stable_sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) { return a.begin < b.begin; });
  std::map<std::string_view, const Claim*> last;
  for (const Claim& now : claims) {
    const Claim*& before = last[now.about];
    if (before != nullptr && before->value != now.value) {
      const auto word = std::upper_bound(words.begin(), words.end(), before->begin,
                                         [](size_t begin, const Word& w) { return begin < w.begin; });
      if (word != words.end() && word->begin < now.begin)
        return AnswerChange{now.about, before->value, now.value, std::string(word->text), word->begin};
    }
    before = &now;
  }
  return std::nullopt;
}

}  // namespace r1
