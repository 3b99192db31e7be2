#include "reward/language.h"

#include <algorithm>
#include <sstream>
#include <unordered_set>

#include "base/error.h"
#include "reward/math_words.h"
#include "text/unicode.h"

namespace r1 {
namespace {

enum class Script { none, latin, han, kana, hangul, cyrillic, greek, hebrew, arabic, devanagari, thai };

struct Range {
  uint32_t low, high;
  Script script;
};
constexpr Range kRanges[] = {
    {'A', 'Z', Script::latin},          {'a', 'z', Script::latin},      {0xC0, 0xD6, Script::latin},
    {0xD8, 0xF6, Script::latin},        {0xF8, 0x24F, Script::latin},   {0x370, 0x3FF, Script::greek},
    {0x400, 0x52F, Script::cyrillic},   {0x5D0, 0x5EA, Script::hebrew}, {0x620, 0x6D3, Script::arabic},
    {0x900, 0x97F, Script::devanagari}, {0xE01, 0xE3A, Script::thai},   {0xE40, 0xE4E, Script::thai},
    {0x1E00, 0x1EFF, Script::latin},    {0x3041, 0x30FF, Script::kana}, {0x3400, 0x9FFF, Script::han},
    {0xAC00, 0xD7A3, Script::hangul},   {0x20000, 0x323AF, Script::han}};

Script script_of(uint32_t c) {
  const auto* it =
      std::find_if(std::begin(kRanges), std::end(kRanges), [&](const Range& r) { return c >= r.low && c <= r.high; });
  return it == std::end(kRanges) ? Script::none : it->script;
}

struct Language {
  std::string_view code;
  std::vector<Script> scripts;
  std::string_view common;  // words that tell it from others of its script
};
const std::vector<Language>& languages() {
  static const std::vector<Language> all = {
      {"en",
       {Script::latin},
       " the is are was were be been this that these those it its and of to for with from which what when then there "
       "we he she they you i my our their how many much have has had not but if so let us can will would should step "
       "first next wait answer think thinking because each by at as on more than or into after before does do did "
       "equals times plus minus number check again therefore together left gives need "},
      {"de",
       {Script::latin},
       " der die das und ist sind war ein eine einen einem einer nicht mit von zu auf für wir ich sie er es den dem "
       "des "
       "wie viele viel hat haben aber wenn dann also auch noch oder aus bei nach über zum zur kann wird werden als "
       "schritt zuerst warte antwort denn jetzt sich daraus gleich mal zahl zusammen "},
      {"fr",
       {Script::latin},
       " le la les et est sont un une des du de dans pour avec que qui quoi nous je il elle ils vous ne pas mais si "
       "donc alors aussi ou au aux sur par plus moins combien réponse ce cette ces être avoir fait où "},
      {"es",
       {Script::latin},
       " el los las y es son un una unos del en para con que quien nosotros yo él ella ellos no pero si entonces "
       "también por más menos cuántos respuesta este esta estos ser tener hay como cada "},
      {"it",
       {Script::latin},
       " il lo gli e è sono un uno una del della dei di nel per con che chi noi io lui lei loro non ma se allora anche "
       "più meno quanti risposta questo questa essere avere ogni quindi "},
      {"pt",
       {Script::latin},
       " o os as e é são um uma do da dos das em para com que quem nós eu ele ela eles não mas se então também por "
       "mais "
       "menos quantos resposta este esta ser ter cada "},
      {"zh", {Script::han}, ""},
      {"ja", {Script::kana, Script::han}, ""},
      {"ko", {Script::hangul}, ""},
      {"ru", {Script::cyrillic}, ""},
      {"el", {Script::greek}, ""},
      {"he", {Script::hebrew}, ""},
      {"ar", {Script::arabic}, ""},
      {"hi", {Script::devanagari}, ""},
      {"th", {Script::thai}, ""}};
  return all;
}

// The text without code, formulas, commands and tags.
std::string prose_of(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto skip_to = [&](std::string_view close, size_t open) {
      const size_t end = text.find(close, i + open);
      out += ' ';
      i = end == std::string_view::npos ? i + open : end + close.size();
    };
    const std::string_view rest = text.substr(i);
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (rest.starts_with("```")) {
      skip_to("```", 3);
    } else if (rest.starts_with("$$")) {
      skip_to("$$", 2);
    } else if (rest[0] == '$' || rest[0] == '`') {
      const size_t line = std::min(rest.find('\n'), rest.size()), end = rest.find(rest[0], 1);
      out += ' ';
      i += end < line ? end + 1 : 1;
    } else if (rest.starts_with("\\(") || rest.starts_with("\\[")) {
      skip_to(rest[1] == '(' ? "\\)" : "\\]", 2);
    } else if (rest[0] == '\\') {
      for (i++; i < text.size() && letter(text[i]);) i++;
      out += ' ';
    } else if (rest.starts_with("<think>") || rest.starts_with("</think>") || rest.starts_with("<answer>") ||
               rest.starts_with("</answer>")) {
      skip_to(">", 1);
    } else {
      out += text[i++];
    }
  }
  return out;
}

struct Word {
  Script script;
  std::string small;
};

// Words sentence by sentence.
std::vector<std::vector<Word>> sentences_of(const std::string& prose) {
  std::vector<std::vector<Word>> out(1);
  Script open = Script::none;
  for (size_t at = 0; at < prose.size();) {
    const size_t begin = at;
    const uint32_t c = next_code_point(prose, at);
    const Script script = script_of(c);
    if (script == Script::none) {
      const bool ends =
          c == '.' || c == '!' || c == '?' || c == '\n' || c == ';' || c == 0x3002 || c == 0xFF01 || c == 0xFF1F;
      if (ends && !out.back().empty()) out.emplace_back();
      if (c != '\'' && c != 0x2019) open = Script::none;
      continue;
    }
    const bool alone = script == Script::han || script == Script::kana;
    if (script != open || alone) out.back().push_back({script, ""});
    out.back().back().small += prose.substr(begin, at - begin);
    open = alone ? Script::none : script;
  }
  for (auto& sentence : out) {
    for (Word& w : sentence) w.small = lower(w.small);
    std::erase_if(sentence, [](const Word& w) {
      return w.script == Script::latin && w.small.size() == 1 && w.small != "a" && w.small != "i";
    });
  }
  return out;
}

bool is_common(const Language& language, const std::string& small) {
  static const std::vector<std::unordered_set<std::string>> sets = [] {
    std::vector<std::unordered_set<std::string>> out;
    for (const Language& l : languages()) {
      std::istringstream words{std::string(l.common)};
      out.emplace_back();
      for (std::string word; words >> word;) out.back().insert(word);
    }
    return out;
  }();
  return sets[static_cast<size_t>(&language - languages().data())].contains(small);
}

// The Latin language of a sentence; nullptr when its words do not tell.
const Language* latin_language(const std::vector<Word>& sentence) {
  const Language* best = nullptr;
  int64_t most = 0;
  for (const Language& language : languages()) {
    if (language.common.empty()) continue;
    const int64_t found = std::count_if(sentence.begin(), sentence.end(), [&](const Word& w) {
      return w.script == Script::latin && is_common(language, w.small);
    });
    if (found > most) best = &language, most = found;
  }
  return best;
}

bool is_of(const Word& word, const Language* latin, const Language& target) {
  const bool script = std::find(target.scripts.begin(), target.scripts.end(), word.script) != target.scripts.end();
  return script && (word.script != Script::latin || latin == nullptr || latin == &target);
}

}  // namespace

const std::vector<std::string>& known_languages() {
  static const std::vector<std::string> codes = [] {
    std::vector<std::string> out;
    for (const Language& l : languages()) out.emplace_back(l.code);
    return out;
  }();
  return codes;
}

LanguageShare language_share(std::string_view text, const std::string& language) {
  const auto& all = languages();
  const auto target = std::find_if(all.begin(), all.end(), [&](const Language& l) { return l.code == language; });
  R1_CHECK(target != all.end());
  LanguageShare out;
  for (const std::vector<Word>& sentence : sentences_of(prose_of(text))) {
    const Language* latin = latin_language(sentence);
    for (const Word& word : sentence) {
      out.words++;
      out.target += is_of(word, latin, *target);
    }
  }
  return out;
}

std::string main_language(std::string_view text) {
  std::string best = "en";
  int64_t most = 0;
  for (const std::string& code : known_languages())
    if (const int64_t n = language_share(text, code).target; n > most) best = code, most = n;
  return best;
}

}  // namespace r1
