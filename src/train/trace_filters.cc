#include "train/trace_filters.h"

#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "reward/language.h"
#include "text/thinking.h"
#include "train/reward_model.h"

namespace r1 {

TraceFilters parse_filters(const std::string& names) {
  TraceFilters out;
  const std::vector<std::pair<std::string, bool TraceFilters::*>> known = {{"language", &TraceFilters::language},
                                                                           {"paragraphs", &TraceFilters::paragraphs},
                                                                           {"code", &TraceFilters::code},
                                                                           {"repetition", &TraceFilters::repetition},
                                                                           {"summary", &TraceFilters::summary}};
  if (names.empty() || names == "none") return out;
  for (size_t at = 0; at <= names.size();) {
    const size_t end = std::min(names.find(',', at), names.size());
    const std::string name(trim(std::string_view(names).substr(at, end - at)));
    bool found = false;
    std::vector<std::string> all;
    for (const auto& [known_name, member] : known) {
      all.push_back(known_name);
      if (name == known_name) out.*member = found = true;
    }
    if (!found)
      fail_usage("filters: \"{}\" is none; nearest is \"{}\" (none, or some of {})", name, nearest_name(name, all),
                 fmt::join(all, ","));
    at = end + 1;
  }
  return out;
}

namespace {

// The thought; where none ended, all there is.
std::string thought_in(const std::string& completion, const std::string& prefilled) {
  const ParsedCompletion parsed = parse_completion(completion, prefilled);
  return parsed.has_thought ? parsed.thought : std::string(trim(prefilled + completion));
}

}  // namespace

std::string dropped_for(const std::string& completion, const std::string& prefilled, const std::string& language,
                        const TraceFilters& f) {
  const std::string thought = thought_in(completion, prefilled), summary = summary_of(completion, prefilled);
  if (f.summary && (summary.empty() || !parse_completion(completion, prefilled).has_thought)) return "no_summary";
  const std::string whole = thought + "\n\n" + summary;
  if (f.code && *filtered_for(thought, 1, {.longest_paragraph = INT64_MAX, .language_share = 0})) return "code_block";
  if (f.language) {
    const LanguageShare share = language_share(whole, language);
    if (share.words > 0 && share.share() < f.limits.language_share) return "mixed_language";
  }
  std::string without_code = thought;  // its marks alone: a paragraph counts whether it is code or not
  for (size_t at; (at = without_code.find("```")) != std::string::npos;) without_code.erase(at, 3);
  if (f.paragraphs && *filtered_for(without_code, 1, f.limits)) return "long_paragraph";
  if (f.repetition && -repetition_penalty(whole, f.repetition_n_grams, -1) > f.max_repetition) return "repetition";
  return "";
}

std::string answer_sentence(const std::string& language, const std::string& answer) {
  static const std::vector<std::pair<std::string, std::string>> sentences = {
      {"de", "Die Antwort ist {answer}."}, {"fr", "La réponse est {answer}."}, {"es", "La respuesta es {answer}."},
      {"it", "La risposta è {answer}."},   {"pt", "A resposta é {answer}."},   {"zh", "答案是 {answer}。"},
      {"ja", "答えは {answer} です。"},    {"ko", "답은 {answer}입니다."},     {"ru", "Ответ: {answer}."}};
  for (const auto& [name, sentence] : sentences)
    if (name == language) return filled_in(sentence, {{"answer", answer}});
  return filled_in("The answer is {answer}.", {{"answer", answer}});
}

std::string filled_in(std::string text, const std::vector<std::pair<std::string, std::string>>& values) {
  for (size_t at = 0; (at = text.find('{', at)) != std::string::npos;) {
    size_t step = 1;
    for (const auto& [name, value] : values) {
      if (text.compare(at, name.size() + 2, "{" + name + "}") != 0) continue;
      text.replace(at, name.size() + 2, value);
      step = value.size();  // what was put in is not looked at again
      break;
    }
    at += step;
  }
  return text;
}

}  // namespace r1
