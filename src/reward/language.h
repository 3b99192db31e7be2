// R1's language-consistency reward (DeepSeek-R1, section 2.3.2 and supplement B.6):
//   R_language = words of the target language in the chain of thought / words in the chain of thought
//
// The paper does not say what a word is. Here formulas, code, tags and figures are left out first; then a run of
// letters of one script is a word (a Han character or a kana each), but for a single Latin letter, which is a variable.
// A script that few languages use tells the language. Latin text is told sentence by sentence, by the commonest words
// of English, German, French, Spanish, Italian and Portuguese; a sentence without any of them counts for the target.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

struct LanguageShare {
  int64_t words = 0, target = 0;
  double share() const { return words == 0 ? 0 : static_cast<double>(target) / static_cast<double>(words); }
};

const std::vector<std::string>& known_languages();  // ISO 639-1: "en", "zh", ...

// `language` must be a known one.
LanguageShare language_share(std::string_view text, const std::string& language);

// The language with the most words; "en" for a text without words.
std::string main_language(std::string_view text);

}  // namespace r1
