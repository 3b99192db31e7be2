#include "reward/math_answer.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "reward/math_equal.h"
#include "reward/math_words.h"
#include "reward/revision.h"
#include "text/thinking.h"

namespace r1 {
namespace {

constexpr std::string_view kOpenThink = "<think>", kCloseThink = "</think>", kOpenAnswer = "<answer>",
                           kCloseAnswer = "</answer>", kHashes = "####";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A marked answer: its content, and all that marks it.
struct Mark {
  size_t begin = 0, end = 0;  // with the marks
  std::string_view content;
};

// \boxed 7, \boxed7, \boxed\frac{1}{2}: a number or a fraction up to a blank. No words: "put it in \boxed at the end".
Mark box_without_braces(std::string_view text, size_t start) {
  constexpr std::string_view kBox = "\\boxed";
  if (text.substr(start, kBox.size()) != kBox) return {};
  size_t begin = start + kBox.size();
  while (begin < text.size() && text[begin] == ' ') begin++;
  const size_t digits = begin + (begin < text.size() && text[begin] == '-');
  const std::string_view rest = text.substr(std::min(digits, text.size()));
  const bool number = !rest.empty() && ((rest[0] >= '0' && rest[0] <= '9') || rest.starts_with("\\frac{") ||
                                        rest.starts_with("\\dfrac{") || rest.starts_with("\\sqrt{"));
  if (!number) return {};
  size_t end = begin, last = begin;  // one past what is looked at, and past what belongs to the answer
  for (int open = 0; end < text.size() && end - begin < 200; end++) {
    const char c = text[end];
    open += c == '{' ? 1 : c == '}' ? -1 : 0;
    const bool closing = c == '\\' && end + 1 < text.size() && (text[end + 1] == ')' || text[end + 1] == ']');
    if (open < 0 || closing || c == '$' || c == '\n' || (open == 0 && (c == ' ' || c == '<'))) break;
    if (std::string_view(".,;:!?)*").find(c) == std::string_view::npos) last = end + 1;
  }
  return {start, last, text.substr(begin, last - begin)};
}

// Every outermost \boxed{...} with balanced braces that holds something, in one pass.
std::vector<Mark> boxes_of(std::string_view text) {
  struct Brace {
    uint32_t mark, content;  // mark == content - 1 for a brace that opens no box
  };
  if (text.size() > UINT32_MAX) return {};
  std::vector<Brace> open;
  std::vector<Mark> out;
  for (size_t i = 0; i < text.size(); i++) {
    const size_t start = i;
    if (text[i] == '\\') {
      i++;  // an escaped brace, or a command's first letter
      if (const Mark bare = box_without_braces(text, start); bare.end > 0) {
        out.push_back(bare);
        i = bare.end - 1;
        continue;
      }
      for (std::string_view name : {"boxed", "fbox"}) {
        if (text.substr(start + 1, name.size()) != name) continue;
        size_t brace = start + 1 + name.size();
        while (brace < text.size() && text[brace] == ' ') brace++;
        if (brace >= text.size() || text[brace] != '{') continue;
        open.push_back({static_cast<uint32_t>(start), static_cast<uint32_t>(brace + 1)});
        i = brace;
      }
    } else if (text[i] == '{') {
      open.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(i + 1)});
    } else if (text[i] == '}' && !open.empty()) {
      const Brace b = open.back();
      open.pop_back();
      if (b.mark + 1 == b.content) continue;
      while (!out.empty() && out.back().begin > b.mark) out.pop_back();  // boxes inside this one
      const std::string_view content = text.substr(b.content, i - b.content);
      if (!trim(content).empty()) out.push_back({b.mark, i + 1, content});
    }
  }
  return out;
}

// Words that an expression may begin with.
bool is_function_name(std::string_view word) {
  for (std::string_view name :
       {"sqrt", "cbrt", "root",   "pi",     "log",    "ln",   "lg",   "exp",  "sin", "cos", "tan",     "cot",
        "sec",  "csc",  "arcsin", "arccos", "arctan", "asin", "acos", "atan", "abs", "inf", "infinity"})
    if (word == name) return true;
  return false;
}

// Lines behind ####. A Markdown heading ("#### Step 2") is none: it begins with a word, and counts something or has a
// text below it.
std::vector<Mark> hashes_of(std::string_view text) {
  std::vector<Mark> out;
  const size_t last = text.find_last_not_of(" \t\r\n");  // of what is said at all
  for (size_t at = 0; (at = text.find(kHashes, at)) != std::string_view::npos;) {
    const size_t begin = at;
    while (at < text.size() && text[at] == '#') at++;
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view whole = text.substr(at, end - at);
    const std::string_view line = trim(whole.substr(0, whole.find(kCloseAnswer)));
    const size_t word = static_cast<size_t>(
        std::find_if(line.begin(), line.end(), [](char c) { return !is_letter(c); }) - line.begin());
    const std::string_view first = line.substr(0, word);
    const bool speaks = word > 1 && first != "Answer" && first != "answer" && first != "The" && first != "Final" &&
                        !is_function_name(first);
    const bool counts = std::any_of(line.begin(), line.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool heading = speaks && (counts || last >= end);
    if (!line.empty() && !heading) out.push_back({begin, end, line});
    at = end;
  }
  return out;
}

// Whether two marked answers are offered side by side: an "or" in a short gap, or nothing but "and" and signs.
bool side_by_side(std::string_view gap) {
  constexpr int kShort = 5;
  int words = 0;
  bool choice = false, plain = true;
  for (size_t i = 0; i < gap.size() && words <= kShort;) {
    if (!is_letter(gap[i])) {
      i++;
      continue;
    }
    const size_t begin = i;
    while (i < gap.size() && is_letter(gap[i])) i++;
    const std::string word = lower(gap.substr(begin, i - begin));
    choice = choice || word == "or" || word == "either" || word == "alternatively";
    plain = plain && (word == "and" || word == "also" || word == "or" || word == "text" || word == "quad");
    words++;
  }
  return words <= kShort && (choice || plain);
}

bool starts_with_or(std::string_view text) {
  const std::string_view bare = trim(text.substr(0, 32));
  for (std::string_view form : {"or ", "$ or ", "\\) or ", "\\] or ", "\\text{ or }", ", or "})
    if (bare.starts_with(form)) return true;
  return false;
}

// "43 or \boxed{42}", unless it is said in two ways.
bool ends_with_or(std::string_view text, std::string_view answer) {
  constexpr size_t kNear = 200;
  if (text.size() > kNear) text.remove_prefix(text.size() - kNear);
  const auto cut = [&](std::string_view end) {
    text = trim(text);
    const bool there = text.ends_with(end);
    if (there) text.remove_suffix(end.size());
    return there;
  };
  for (std::string_view mark : {"$", "\\(", "\\[", "**"}) cut(mark);
  if (!cut(" or")) return false;
  for (std::string_view mark : {"$", "\\)", "\\]", "**", ","}) cut(mark);
  std::string said;
  const NumberReading number = read_last_number(text, &said);
  if (said.empty() || !text.ends_with(said)) return false;
  const Answer other = read_answer(answer);
  return number.kind != ReadingKind::one || !other.number || !same_number(number.number, *other.number);
}

// Whether two texts say the same answer.
bool same_text(std::string_view a, std::string_view b) {
  if (trim(a) == trim(b)) return true;
  return same_answer(read_answer(a), read_answer(b)).same;
}

// The last mark, hedged when others that say something else stand beside it.
ExtractedAnswer last_mark(std::string_view text, const std::vector<Mark>& marks, AnswerPlace place) {
  constexpr size_t kMostBeside = 16;
  const Mark& last = marks.back();
  ExtractedAnswer out{std::string(trim(last.content)), place, false};
  for (size_t i = marks.size() - 1, n = 0; i > 0 && n < kMostBeside && !out.hedged; i--, n++) {
    const std::string_view gap = text.substr(marks[i - 1].end, marks[i].begin - marks[i - 1].end);
    if (!side_by_side(gap)) break;
    out.hedged = !same_text(marks[i - 1].content, last.content);
  }
  out.hedged =
      out.hedged || starts_with_or(text.substr(last.end)) || ends_with_or(text.substr(0, last.begin), last.content);
  return out;
}

// What follows the thought; nullopt when it never ended.
std::optional<std::string_view> after_thought(std::string_view completion, std::string_view prefilled) {
  const size_t close = completion.rfind(kCloseThink);
  const bool closed = close != std::string_view::npos;
  const std::string_view text = closed ? completion.substr(close + kCloseThink.size()) : completion;
  if (text.find(kOpenThink) != std::string_view::npos) return std::nullopt;
  if (closed) return text;
  const size_t opened = prefilled.rfind(kOpenThink);
  if (opened != std::string_view::npos && prefilled.find(kCloseThink, opened) == std::string_view::npos)
    return std::nullopt;
  return text;
}

// Everything between answer tags; the last may be open, sampling may have stopped at </answer> without writing it.
// `bad`: tags that do not pair.
std::vector<Mark> tags_of(std::string_view text, bool opened, bool& bad) {
  std::vector<Mark> out;
  size_t at = 0;
  bad = false;
  for (;;) {
    const size_t open = opened ? at : text.find(kOpenAnswer, at);
    const size_t stray = text.find(kCloseAnswer, at);
    if (open == std::string_view::npos) {
      bad = bad || stray != std::string_view::npos;
      return out;
    }
    bad = bad || stray < open;
    const size_t begin = opened ? at : open + kOpenAnswer.size();
    opened = false;
    const size_t close = std::min(text.find(kCloseAnswer, begin), text.size());
    const std::string_view content = text.substr(begin, close - begin);
    bad = bad || content.find(kOpenAnswer) != std::string_view::npos;
    at = std::min(close + kCloseAnswer.size(), text.size());
    out.push_back({open, at, content});
    if (out.size() > 1000) {
      bad = true;
      return out;
    }
  }
}

// ---- the last expression of running text

constexpr size_t kLongestTail = 4096;

std::string_view last_line(std::string_view text) {
  const std::string_view bare = trim(text);
  const size_t line = bare.rfind('\n');
  return trim(line == std::string_view::npos ? bare : bare.substr(line + 1));
}

// Formulas between $ $, $$ $$, \( \) and \[ \].
std::vector<Mark> formulas_of(std::string_view text) {
  std::vector<Mark> out;
  for (size_t i = 0; i < text.size();) {
    std::string_view close;
    if (text[i] == '\\' && i + 1 < text.size()) {
      close = text[i + 1] == '(' ? "\\)" : text[i + 1] == '[' ? "\\]" : "";
      if (close.empty()) {
        i += 2;
        continue;
      }
    } else if (text[i] == '$') {
      close = text.substr(i, 2) == "$$" ? "$$" : "$";
    } else {
      i++;
      continue;
    }
    const size_t open = close == "$" ? 1 : 2;
    const size_t end = text.find(close, i + open);
    if (end == std::string_view::npos) return out;
    if (end > i + open) out.push_back({i, end + close.size(), text.substr(i + open, end - i - open)});
    i = end + close.size();
  }
  return out;
}

// "so the answer is Paris.", "Answer: (B)"
std::string_view after_phrase(std::string_view line) {
  const std::string small = lower(line);
  size_t at = std::string::npos;
  for (std::string_view phrase : {"answer is", "answer:", "option is", "choice is"})
    if (const size_t found = small.rfind(phrase); found != std::string::npos)
      at = at == std::string::npos ? found + phrase.size() : std::max(at, found + phrase.size());
  if (at == std::string::npos) return {};
  std::string_view rest = line.substr(at);
  if (const size_t stop = rest.find(". "); stop != std::string_view::npos) rest = rest.substr(0, stop);
  return strip_phrase(rest, nullptr);
}

bool is_short_phrase(std::string_view text) {
  return !text.empty() && text.size() <= 60 && std::count(text.begin(), text.end(), ' ') < 4;
}

// "I do not think the answer is 42."
bool denies_answer(std::string_view line) {
  const std::string small = lower(line);
  const size_t at = std::min(small.rfind("the answer"), small.rfind("answer is"));
  return at != std::string::npos && is_denied(line.substr(0, at), "");
}

// "it is B": B.
std::string_view without_subject(std::string_view text) {
  const std::string small = lower(text);
  for (std::string_view lead : {"it is ", "it's ", "it must be ", "it should be ", "that should be "})
    if (small.starts_with(lead)) return strip_phrase(text.substr(lead.size()), nullptr);
  return text;
}

// What running text says at its end, nothing being taken back. `claims`: the text goes on with an answer, without a
// phrase before it.
ExtractedAnswer last_said(std::string_view text, bool claims) {
  const std::string_view line = last_line(text);
  const Answer whole = read_formula(line);
  std::string number;
  const NumberReading reading = read_last_number(text, &number);
  const bool several = reading.kind == ReadingKind::several;
  if (whole.kind != Answer::Kind::none) {
    const bool listed = whole.number && several;  // a number a line
    const bool hedged = listed || whole.kind == Answer::Kind::alternatives;
    return {std::string(strip_phrase(line, nullptr)), AnswerPlace::last, hedged};
  }
  std::string_view said = after_phrase(line);
  if (denies_answer(line)) return {std::string(line), AnswerPlace::last, true};
  if (said.empty() && claims) said = without_subject(strip_phrase(line.substr(0, line.find(". ")), nullptr));
  if (!said.empty()) {
    const Answer formula = read_answer(said);
    if (formula.kind == Answer::Kind::formula || !formula.option.empty() || is_short_phrase(said))
      return {std::string(said), AnswerPlace::last, formula.kind == Answer::Kind::alternatives};
  }
  const std::vector<Mark> formulas = formulas_of(text);
  const size_t digit = text.find_last_of("0123456789");
  if (!formulas.empty() && (digit == std::string_view::npos || digit < formulas.back().end))
    return last_mark(text, formulas, AnswerPlace::last);
  if (reading.kind == ReadingKind::none) return {};
  if (reading.kind == ReadingKind::one) number = number_text(reading.number);
  // "It is not 42.": the words around it make it unreadable
  if (reading.kind == ReadingKind::unreadable && read_number(number).kind == ReadingKind::one)
    number = std::string(line);
  return {several ? std::string(line) : number, AnswerPlace::last, several};
}

ExtractedAnswer last_expression(std::string_view text) {
  if (text.size() > kLongestTail) text.remove_prefix(text.size() - kLongestTail);
  const size_t revised = end_of_last_revision(text);
  if (revised == std::string_view::npos) return last_said(text, false);
  const std::string_view before = text.substr(0, revised), after = text.substr(revised);
  const ExtractedAnswer out = last_said(after, !after_phrase(last_line(before)).empty());
  if (!out.text.empty()) return out;
  const ExtractedAnswer retracted = last_said(before, false);
  return retracted.text.empty() ? retracted : ExtractedAnswer{std::string(last_line(text)), AnswerPlace::last, true};
}

ExtractedAnswer find_answer(std::string_view text, bool in_answer_tag) {
  if (const std::vector<Mark> boxes = boxes_of(text); !boxes.empty()) return last_mark(text, boxes, AnswerPlace::boxed);
  if (text.find("\\boxed{}") != std::string_view::npos) return {};
  if (const std::vector<Mark> hashes = hashes_of(text); !hashes.empty())
    return last_mark(text, hashes, AnswerPlace::hashes);
  bool bad = false;
  const std::vector<Mark> tags = tags_of(text, in_answer_tag, bad);
  if (bad) return {};
  if (!tags.empty()) return last_mark(text, tags, AnswerPlace::tag);
  return last_expression(text);
}

Answer read_reference(std::string_view reference) {
  if (const size_t at = reference.rfind(kHashes); at != std::string_view::npos)
    return read_answer(reference.substr(at + kHashes.size()));
  const std::vector<Mark> boxes = boxes_of(reference);
  return read_answer(boxes.empty() ? reference : boxes.back().content);
}

Verdict verdict(Outcome outcome, std::string reason) {
  Verdict v;
  v.outcome = outcome;
  v.score = outcome == Outcome::correct ? 1 : 0;
  v.reason = std::move(reason);
  return v;
}

}  // namespace

ExtractedAnswer extract_answer(std::string_view completion, std::string_view prefilled) {
  const std::optional<std::string_view> after = after_thought(completion, prefilled);
  return after ? find_answer(*after, prefilled.ends_with(kOpenAnswer)) : ExtractedAnswer{};
}

Verdict judge_math(std::string_view completion, std::string_view prefilled, std::string_view reference) {
  constexpr size_t kShown = 60, kKept = 1000;
  const Answer want = read_reference(reference);
  if (!is_sound(want))
    return verdict(Outcome::failed,
                   fmt::format("the reference \"{}\" is not one answer with a value", reference.substr(0, kShown)));
  const ExtractedAnswer found = extract_answer(completion, prefilled);
  const Answer got = read_answer(found.text);
  if (got.kind == Answer::Kind::none) {
    const bool open = !after_thought(completion, prefilled);
    return verdict(Outcome::no_answer, open ? "the thought never ends" : "no answer found");
  }
  const Judged judged = found.hedged ? Judged{false, "it names alternatives"} : same_answer(want, got);
  Verdict v = verdict(judged.same ? Outcome::correct : Outcome::wrong, "equal");
  v.extracted = (got.text.empty() ? found.text : got.text).substr(0, kKept);
  if (!judged.same) {
    v.reason = fmt::format("{} is not {}", v.extracted.substr(0, kShown), want.text.substr(0, kShown));
    if (judged.why[0] != '\0') v.reason += std::string(": ") + judged.why;
  }
  return v;
}

}  // namespace r1
