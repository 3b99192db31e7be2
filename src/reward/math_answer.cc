#include "reward/math_answer.h"

#include <cctype>

#include "base/error.h"
#include "reward/rational.h"
#include "text/thinking.h"

namespace r1 {
namespace {

// The content of the last \boxed{...} with balanced braces; false when there is none.
bool last_boxed(std::string_view text, std::string& out) {
  const size_t at = text.rfind("\\boxed{");
  if (at == std::string_view::npos) return false;
  int depth = 1;
  const size_t begin = at + 7;
  for (size_t i = begin; i < text.size(); i++) {
    if (text[i] == '{') depth++;
    if (text[i] == '}' && --depth == 0) {
      out = text.substr(begin, i - begin);
      return true;
    }
  }
  return false;
}

bool last_hashes(std::string_view text, std::string& out) {
  const size_t at = text.rfind("####");
  if (at == std::string_view::npos) return false;
  const std::string_view rest = text.substr(at + 4);
  out = trim(rest.substr(0, rest.find('\n')));
  return true;
}

// The last number in running text, with its sign and a fraction bar, thousands and decimals.
std::string last_number(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !std::isdigit(static_cast<unsigned char>(text[end - 1]))) end--;
  if (end == 0) return "";
  size_t begin = end;
  const auto inside = [&](size_t i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (std::isdigit(c)) return true;
    return (c == ',' || c == '.' || c == '/') && i > 0 && std::isdigit(static_cast<unsigned char>(text[i - 1])) &&
           std::isdigit(static_cast<unsigned char>(text[i + 1]));
  };
  while (begin > 0 && inside(begin - 1)) begin--;
  std::string out(text.substr(begin, end - begin));
  // a minus belongs to the number unless it stands between two operands
  const bool minus = begin > 0 && text[begin - 1] == '-',
             typographic = begin >= 3 && text.substr(begin - 3, 3) == "\xE2\x88\x92";
  size_t before = minus ? begin - 1 : typographic ? begin - 3 : begin;
  if (before < begin) {
    while (before > 0 && text[before - 1] == ' ') before--;
    if (before == 0 || (!std::isalnum(static_cast<unsigned char>(text[before - 1])) && text[before - 1] != ')'))
      out.insert(0, "-");
  }
  return out;
}

// "x = 12" and "The answer is 12" inside a marked place: one number, nothing that could be a second.
std::string single_number(const std::string& text) {
  const std::string number = last_number(text);
  if (number.empty()) return text;
  const size_t digits = number[0] == '-' ? 1 : 0;
  const size_t at = text.rfind(number.substr(digits));
  for (size_t i = 0; i < at; i++)
    if (std::isdigit(static_cast<unsigned char>(text[i]))) return text;
  return number;
}

}  // namespace

ExtractedAnswer extract_answer(std::string_view completion, std::string_view prefilled) {
  const ParsedCompletion parsed = parse_completion(completion, prefilled);
  std::string found;
  if (parsed.has_answer) {
    if (last_boxed(parsed.answer, found) || last_hashes(parsed.answer, found)) return {found, true};
    return {parse_number(parsed.answer, true) ? parsed.answer : single_number(parsed.answer), true};
  }
  const std::string& text = parsed.after_thought;
  if (text.find("<think>") != std::string::npos ||
      (!parsed.has_thought && std::string(prefilled).find("<think>") != std::string::npos))
    return {"", false};  // never came out of its thought
  if (last_boxed(text, found) || last_hashes(text, found)) return {found, true};
  return {last_number(text), false};
}

Verdict judge_math(std::string_view completion, std::string_view prefilled, std::string_view reference) {
  Verdict v;
  const auto want = parse_number(reference, true);
  if (!want) {
    v.outcome = Outcome::failed;
    v.reason = fmt::format("the reference \"{}\" is no number", std::string(reference.substr(0, 80)));
    return v;
  }
  const ExtractedAnswer answer = extract_answer(completion, prefilled);
  v.extracted = answer.text.substr(0, 200);
  const auto got = parse_number(answer.text, true);
  if (!got) {
    v.outcome = Outcome::no_answer;
    v.reason = answer.text.empty() ? "no answer found" : "the answer is not one number";
    return v;
  }
  v.outcome = *got == *want ? Outcome::correct : Outcome::wrong;
  v.score = v.outcome == Outcome::correct ? 1 : 0;
  v.reason =
      v.outcome == Outcome::correct ? "equal" : fmt::format("{} is not {}", rational_text(*got), rational_text(*want));
  return v;
}

}  // namespace r1
