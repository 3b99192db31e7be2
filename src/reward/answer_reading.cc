#include "reward/answer_reading.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "reward/math_parser.h"
#include "reward/math_words.h"
#include "text/thinking.h"

namespace r1 {
namespace {

using Kind = MathToken::Kind;

bool is_capital(const std::string& s) { return s.size() == 1 && s[0] >= 'A' && s[0] <= 'J'; }

// Words behind a number that make another number of it, or another answer.
bool changes_value(std::string_view word) {
  static constexpr std::array<std::string_view, 35> words = {
      "hundred", "thousand", "million", "billion",   "trillion",  "dozen",    "half",    "halves",  "third",
      "thirds",  "fourths",  "fifths",  "sixths",    "eighths",   "tenths",   "squared", "cubed",   "or",
      "and",     "not",      "to",      "factorial", "thousands", "millions", "k",       "percent", "either",
      "but",     "hundreds", "is",      "wrong",     "incorrect", "cannot",   "least",   "most"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  bool inside = false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    if (letter && !inside) out.emplace_back();
    if (letter) out.back() += c;
    inside = letter;
  }
  for (std::string& w : out) w = lower(w);
  return out;
}

// The text without LaTeX's clothes, for comparing words.
std::string words_form(const MathTokens& tokens) {
  std::string out;
  for (const MathToken& t : tokens.tokens) {
    if (t.kind == Kind::sign && (t.text == "{" || t.text == "}")) continue;
    const bool gap = t.spaced || t.kind == Kind::text;
    if (gap && !out.empty() && out.back() != ' ') out += ' ';
    for (const char c : lower(t.text)) {
      const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '~';
      if (!blank)
        out += c;
      else if (!out.empty() && out.back() != ' ')
        out += ' ';
    }
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out;
}

// Whether a letter of an option stands at `from` or behind: "(A) and (B)" is none of both. "I" is a word.
bool names_option_from(const std::vector<MathToken>& t, size_t from) {
  return std::any_of(t.begin() + static_cast<std::ptrdiff_t>(std::min(from, t.size())), t.end(),
                     [](const MathToken& m) {
                       if (m.kind != Kind::word && m.kind != Kind::text) return false;
                       const std::string_view bare =
                           m.text.size() == 3 && m.text[0] == '(' ? std::string_view(m.text).substr(1, 1) : m.text;
                       return bare != "I" && is_capital(std::string(bare));
                     });
}

// "B", "(B)", "\text{(B)}", "B) 12", "(B) 12 cm", "B: 12", "B. 12", "\textbf{(B)}\ 12"
std::string option_of(const MathTokens& all) {
  const std::vector<MathToken>& t = all.tokens;
  const auto sign = [&](size_t i, char c) { return i < t.size() && t[i].kind == Kind::sign && t[i].text[0] == c; };
  const auto letter = [&](size_t i) {
    return i < t.size() && (t[i].kind == Kind::word || t[i].kind == Kind::text) && is_capital(t[i].text);
  };
  if (t[0].kind == Kind::text && t[0].text.size() > 1) {
    const bool label = std::string_view(").:").find(t[0].text.back()) != std::string_view::npos;
    if (t[1].kind != Kind::end && (!label || names_option_from(t, 1))) return "";
    const std::optional<MathTokens> inner = math_tokens(t[0].text);
    return inner && inner->tokens[0].kind != Kind::text ? option_of(*inner) : "";
  }
  if (sign(0, '{') && letter(1) && sign(2, '}') && t[3].kind == Kind::end) return t[1].text;  // \mathbf{C}
  const size_t first =
      t[0].kind == Kind::word && (lower(t[0].text) == "option" || lower(t[0].text) == "choice") ? 1 : 0;
  if (sign(first, '(') && letter(first + 1) && sign(first + 2, ')') && !sign(first + 3, '(') && !sign(first + 3, '='))
    return names_option_from(t, first + 3) ? "" : t[first + 1].text;
  if (!letter(first) || names_option_from(t, first + 1)) return "";
  const bool alone = t[first + 1].kind == Kind::end;
  const bool labelled = sign(first + 1, ')') || sign(first + 1, ':') || (sign(first + 1, '.'));
  return alone || labelled ? t[first].text : "";
}

// ---- units

bool starts_unit(const MathTokens& all, size_t i) {
  const MathToken& t = all.tokens[i];
  if (t.kind == Kind::text) return !is_joining_word(t.text);
  if (t.kind != Kind::word || !is_unit_word(t.text)) return false;
  if (t.text == "AM" || t.text == "PM") return t.spaced && !all.latex;  // 2AM: a length
  const bool after_number = all.tokens[i - 1].kind == Kind::number;
  return t.text.size() > 1 ? !is_function_word(t.text) : t.spaced && after_number && !all.latex;
}

bool in_unit(const std::vector<MathToken>& t, size_t i) {
  if (t[i].kind == Kind::text || t[i].kind == Kind::word) return true;
  if (t[i].kind == Kind::number) return t[i].text == "2" || t[i].text == "3";
  return t[i].kind == Kind::sign && std::string_view("^{}/*.()").find(t[i].text[0]) != std::string_view::npos;
}

// A power of ten that a word behind a number stands for; empty for other words.
std::string_view scale_of(std::string_view word) {
  return word == "hundred"    ? "e2"
         : word == "thousand" ? "e3"
         : word == "million"  ? "e6"
         : word == "billion"  ? "e9"
                              : "";
}

// "1.5 million": 1.5e6.
void take_scale(std::vector<MathToken>& t) {
  for (size_t i = 1; i < t.size(); i++) {
    if (t[i].kind != Kind::text && t[i].kind != Kind::word) continue;
    const std::string first = lower(t[i].text.substr(0, t[i].text.find(' ')));
    const std::string_view power = scale_of(first);
    std::string& number = t[i - 1].text;
    const bool lone = i == 1 || t[i - 2].text == "=" || (i == 2 && t[0].text == "-");
    if (power.empty() || !lone || t[i - 1].kind != Kind::number || number.find_first_of("eE") != std::string::npos)
      return;
    number += power;
    t[i].text.erase(0, std::min(first.size() + 1, t[i].text.size()));
    if (t[i].text.empty()) t.erase(t.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

// 12^\circ C, 12 degC, 12^{\circ}\text{F}: taken off the end, with the unit as a word.
void take_temperature(std::vector<MathToken>& t, std::string& unit) {
  if (t.size() < 4) return;
  size_t end = t.size() - 2;
  const std::string& scale = t[end].text;
  const bool celsius = scale == "C" || lower(scale) == "celsius",
             fahrenheit = scale == "F" || lower(scale) == "fahrenheit";
  if (!celsius && !fahrenheit) return;
  const auto sign = [&](char c) {
    return end > 1 && t[end - 1].kind == Kind::sign && t[end - 1].text[0] == c && end-- > 0;
  };
  const bool braces = sign('}');
  if (!sign('d')) return;
  if (braces) sign('{');
  sign('^');
  unit = celsius ? "celsius " : "fahrenheit ";
  t.erase(t.begin() + static_cast<std::ptrdiff_t>(end), t.end() - 1);
}

// \frac{\text{m}}{\text{s}} at the end, as m / s.
void take_quotient_of_units(std::vector<MathToken>& t) {
  if (t.size() < 9) return;
  const size_t i = t.size() - 8;
  const auto is = [&](size_t k, char c) { return t[i + k].kind == Kind::sign && t[i + k].text[0] == c; };
  const bool shape =
      t[i].kind == Kind::command && t[i].text.ends_with("frac") && is(1, '{') && is(3, '}') && is(4, '{') && is(6, '}');
  if (!shape || t[i + 2].kind != Kind::text || t[i + 5].kind != Kind::text) return;
  const std::string unit = t[i + 2].text + " / " + t[i + 5].text;
  t.erase(t.begin() + static_cast<std::ptrdiff_t>(i), t.end() - 1);
  t.insert(t.end() - 1, MathToken{Kind::text, unit, true});
}

// Takes the unit off the tokens' end. False when the words there are no unit: they change the value.
bool take_unit(MathTokens& all, std::string& unit) {
  std::vector<MathToken>& t = all.tokens;
  take_temperature(t, unit);
  if (!unit.empty()) return true;
  take_scale(t);
  take_quotient_of_units(t);
  for (size_t i = 1; i + 1 < t.size(); i++) {
    if (!starts_unit(all, i)) continue;
    bool whole = true;
    for (size_t k = i; k + 1 < t.size(); k++) whole = whole && in_unit(t, k);
    if (!whole) continue;
    const std::string first = lower(t[i].text.substr(0, t[i].text.find(' ')));
    if (first == "squared" || first == "cubed") return false;  // "42 squared", not "42 cm squared"
    for (size_t k = i; k + 1 < t.size(); k++) {
      if (t[k].kind == Kind::number && !(t[k - 1].text == "^" || t[k - 1].text == "{")) return false;
      unit += t[k].text + " ";
    }
    for (const std::string& word : words_of(unit))
      if (changes_value(word) && word != "squared" && word != "cubed" && word != "percent") return false;
    t.erase(t.begin() + static_cast<std::ptrdiff_t>(i), t.end() - 1);
    return true;
  }
  return true;
}

// "\text{Area} = 5": the tokens behind the last =, when only words stand before it.
bool take_label(MathTokens& all) {
  std::vector<MathToken>& t = all.tokens;
  size_t last = 0;
  for (size_t i = 0; i < t.size(); i++) {
    if (t[i].kind == Kind::sign && t[i].text == "=") {
      last = i;
      break;
    }
    if (t[i].kind != Kind::text && t[i].kind != Kind::word) return false;
    if (is_joining_word(t[i].text) && t[i].text != "of" && t[i].text != "the") return false;
  }
  if (last == 0) return false;
  t.erase(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  return true;
}

// Letters alone are words, unless they name a number.
bool is_prose(const MathTokens& all) {
  size_t letters = 0;
  for (const MathToken& t : all.tokens) {
    if (t.kind == Kind::end) continue;
    if (t.kind == Kind::text) {
      letters += 2;
    } else if (t.kind == Kind::word && !all.latex) {
      letters += t.text.size();
      if (is_function_word(t.text) || t.text == "pi" || t.text == "oo" || t.text == "infinity" || t.text == "inf")
        return false;
    } else {
      return false;
    }
  }
  return letters > 1;
}

// Whether formulas stand inside the text, and not around all of it.
bool holds_formulas(std::string_view text) {
  size_t marks = 0;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      marks += text[i + 1] == '(' || text[i + 1] == '[';
      i++;
    } else {
      marks += text[i] == '$' && (i == 0 || text[i - 1] != '$');
    }
  }
  const bool around = !text.empty() && (text.front() == '$' || text.starts_with("\\(") || text.starts_with("\\["));
  const bool money = marks == 1 && text.find('$') != std::string_view::npos;
  return marks > (around ? 2u : 0u) && !money;
}

void set_formula(Answer& out, Expression tree, const std::string& unit) {
  out.kind =
      tree.kind == NodeKind::choice && !std::all_of(tree.kids.begin(), tree.kids.end(),
                                                    [](const Expression& e) { return e.kind == NodeKind::relation; })
          ? Answer::Kind::alternatives
          : Answer::Kind::formula;
  out.tree = std::move(tree);
  if (lower(unit).starts_with("percent")) out.tree = make_node(NodeKind::percent, "", {std::move(out.tree)});
  if (out.tree.kind == NodeKind::degree) {
    Expression inner = std::move(out.tree.kids[0]);
    out.tree = std::move(inner);
    if (!out.unit.known) out.unit = read_unit("degrees");
  }
  if (is_literal(out.tree)) {
    const bool percent = out.tree.kind == NodeKind::percent;
    const Expression& plain = percent ? out.tree.kids[0] : out.tree;
    const Expression& digits = plain.kind == NodeKind::negate ? plain.kids[0] : plain;
    if (const std::optional<Rational> value = exact_value(plain))
      out.number = ExactNumber{*value, percent, digits.kind == NodeKind::number ? digits.decimals : -1};
  }
  out.text = out.number ? number_text(*out.number) : expression_text(out.tree);
}

bool read_tree(MathTokens tokens, Answer& out) {
  std::string unit;
  if (!take_unit(tokens, unit)) return false;
  std::optional<Expression> tree = parse_math(tokens);
  if (!tree && take_label(tokens)) tree = parse_math(tokens);
  if (!tree) return false;
  if (!unit.empty() && !out.unit.known) out.unit = read_unit(unit);
  set_formula(out, std::move(*tree), unit);
  return true;
}

// What the reader of numbers makes of a text with words in it.
void read_in_words(std::string_view text, Answer& out) {
  const NumberReading number = read_number(text);
  if (number.kind == ReadingKind::one) {
    out.kind = Answer::Kind::formula;
    out.number = number.number;
    out.tree = make_number(number.number.value, number.number.decimals);
    if (number.number.percent) out.tree = make_node(NodeKind::percent, "", {std::move(out.tree)});
    out.text = number_text(number.number);
    if (!out.unit.known) {
      const size_t end = text.find_last_of("0123456789");
      out.unit = read_unit(text.substr(end == std::string_view::npos ? text.size() : end + 1));
    }
    return;
  }
  out.kind = number.kind == ReadingKind::several ? Answer::Kind::alternatives : Answer::Kind::words;
  out.text = out.words;
}

// "2023-01-05" and "2023-1-5" as 2023-01-05, a day and no difference; empty for everything else.
std::string date_of(std::string_view text) {
  constexpr size_t kYearDigits = 4, kMonths = 12, kDays = 31;
  std::vector<size_t> parts(1, 0);
  std::vector<size_t> digits(1, 0);
  for (char c : text) {
    if (c == '-') {
      parts.push_back(0), digits.push_back(0);
    } else if (c >= '0' && c <= '9' && digits.back() < kYearDigits) {
      parts.back() = parts.back() * 10 + static_cast<size_t>(c - '0'), digits.back()++;
    } else {
      return "";
    }
  }
  const bool shape = parts.size() == 3 && digits[0] == kYearDigits && digits[1] <= 2 && digits[2] <= 2;
  if (!shape || parts[1] < 1 || parts[1] > kMonths || parts[2] < 1 || parts[2] > kDays) return "";
  return fmt::format("{:04}-{:02}-{:02}", parts[0], parts[1], parts[2]);
}

// "12:30 PM" for a time of day in other writing ("12:30 p.m", "7 pm"; the last point is gone); empty for everything
// else.
std::string clock_of(std::string_view words) {
  constexpr size_t kFigures = 2;
  const auto figures = [&](size_t from) {
    size_t i = from;
    while (i < words.size() && words[i] >= '0' && words[i] <= '9') i++;
    return i - from;
  };
  size_t end = figures(0);
  if (end < 1 || end > kFigures) return "";
  if (words.substr(end).starts_with(':')) {
    if (figures(end + 1) != kFigures) return "";
    end += 1 + kFigures;
  }
  std::string half;
  for (const char c : words.substr(end))
    if (c != ' ' && c != '.') half += c;
  if (half != "am" && half != "pm") return "";
  return std::string(words.substr(0, end)) + (half == "am" ? " AM" : " PM");
}

}  // namespace

bool is_literal(const Expression& e) {
  switch (e.kind) {
    case NodeKind::number:
      return true;
    case NodeKind::negate:
    case NodeKind::percent:
    case NodeKind::divide:
      return std::all_of(e.kids.begin(), e.kids.end(), is_literal);
    case NodeKind::multiply: {  // 1.5 * 10^3
      const auto power_of_ten = [](const Expression& p) {
        return p.kind == NodeKind::power && p.kids[0].kind == NodeKind::number && p.kids[0].value == 10 &&
               is_literal(p.kids[1]);
      };
      return e.kids.size() == 2 && e.kids[0].kind == NodeKind::number && power_of_ten(e.kids[1]);
    }
    default:
      return false;
  }
}

std::string_view strip_phrase(std::string_view text, bool* had_phrase) {
  static constexpr std::array<std::string_view, 17> phrases = {"the final answer is",
                                                               "the correct answer is",
                                                               "the correct option is",
                                                               "the answer is",
                                                               "final answer is",
                                                               "final answer",
                                                               "answer is",
                                                               "the answer",
                                                               "answer",
                                                               "therefore",
                                                               "hence",
                                                               "thus",
                                                               "so",
                                                               "the result is",
                                                               "the solution is",
                                                               "the correct choice is",
                                                               "approximately"};
  if (had_phrase != nullptr) *had_phrase = false;
  for (bool again = true; again;) {
    again = false;
    text = trim(text);
    while (!text.empty() && std::string_view(":;,*_`").find(text.front()) != std::string_view::npos)
      text = trim(text.substr(1)), again = true;
    while (!text.empty() && std::string_view(".;,:*_`").find(text.back()) != std::string_view::npos)
      text = trim(text.substr(0, text.size() - 1)), again = true;
    if (text.starts_with("US$") || text.starts_with("US\\$")) text.remove_prefix(2);
    for (std::string_view p : phrases) {
      if (text.size() <= p.size() || lower(text.substr(0, p.size())) != p) continue;
      if (std::string_view(" :*\n$\\(").find(text[p.size()]) == std::string_view::npos) continue;
      text = text.substr(p.size());
      again = true;
      if (had_phrase != nullptr) *had_phrase = *had_phrase || p.find("so") == std::string_view::npos || p.size() > 4;
      break;
    }
  }
  return text;
}

Answer read_formula(std::string_view text) {
  Answer out;
  const std::string_view bare = strip_phrase(text, nullptr);
  if (holds_formulas(bare)) return out;
  const std::optional<MathTokens> tokens = math_tokens(bare);
  if (!tokens || tokens->tokens[0].kind == Kind::end || is_prose(*tokens)) return out;
  out.unit = money_of(text);
  out.words = words_form(*tokens);
  if (!read_tree(*tokens, out)) return {};
  return out;
}

Answer read_answer(std::string_view text) {
  constexpr size_t kLongest = 16384;  // four times what a formula may have, for phrases and marks around it
  Answer out;
  if (trim(text).size() > kLongest) {
    out.kind = Answer::Kind::unreadable;
    return out;
  }
  const std::string_view bare = strip_phrase(text, nullptr);
  if (trim(bare).empty()) return out;
  if (const std::string date = date_of(trim(bare)); !date.empty()) {
    out.kind = Answer::Kind::words;
    out.words = out.text = date;
    return out;
  }
  const std::optional<MathTokens> tokens = math_tokens(bare);
  if (!tokens) {
    out.kind = Answer::Kind::unreadable;
    return out;
  }
  if (tokens->tokens[0].kind == Kind::end) return out;
  const std::string& content = tokens->tokens[0].text;  // \text{-42}
  if (tokens->tokens[0].kind == Kind::text && tokens->tokens[1].kind == Kind::end && content.size() < bare.size() &&
      content.find_first_of("0123456789") != std::string::npos)
    return read_answer(content);
  out.words = out.text = words_form(*tokens);
  if (const std::string clock = clock_of(out.words); !clock.empty() && clock != bare) return read_answer(clock);
  out.option = option_of(*tokens);
  out.unit = money_of(text);
  if (is_prose(*tokens)) {
    const std::vector<std::string> words = words_of(out.words);
    const bool offers = std::find(words.begin(), words.end(), "or") != words.end();
    out.kind = offers ? Answer::Kind::alternatives : Answer::Kind::words;
  } else if (!read_tree(*tokens, out)) {
    read_in_words(bare, out);
  }
  if (!out.option.empty()) out.text = out.option;
  return out;
}

}  // namespace r1
