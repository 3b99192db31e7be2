// "Aha" moments (DeepSeek-R1, section 2.2.4): a completion that states a result, comes to a word of reflection, and
// then states another one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace r1 {

struct AnswerChange {
  std::string about;          // "answer", or the left side of an equation
  std::string before, after;  // the two results
  std::string word;           // as the text has it
  size_t word_begin = 0;      // byte of the text
};

// The first change of mind in a text. Results are \boxed{X}, a number behind "answer" (or 答案), and equations with a
// number on the right; two are about the same thing when their left sides are equal but for blanks. Words of reflection
// are the paper's ten and Chinese words of the same meaning. Looks at the first 64 kB.
std::optional<AnswerChange> find_answer_change(std::string_view text);

}  // namespace r1
