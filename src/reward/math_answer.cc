#include "reward/math_answer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "reward/number.h"
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

// Every outermost \boxed{...} with balanced braces, in one pass.
std::vector<Mark> boxes_of(std::string_view text) {
  struct Brace {
    size_t mark, content;  // mark == content - 1 for a brace that opens no box
  };
  std::vector<Brace> open;
  std::vector<Mark> out;
  for (size_t i = 0; i < text.size(); i++) {
    const size_t start = i;
    if (text[i] == '\\') {
      i++;  // an escaped brace, or a command's first letter
      for (std::string_view name : {"boxed", "fbox"}) {
        if (text.substr(start + 1, name.size()) != name) continue;
        size_t brace = start + 1 + name.size();
        while (brace < text.size() && text[brace] == ' ') brace++;
        if (brace >= text.size() || text[brace] != '{') continue;
        open.push_back({start, brace + 1});
        i = brace;
      }
    } else if (text[i] == '{') {
      open.push_back({i, i + 1});
    } else if (text[i] == '}' && !open.empty()) {
      const Brace b = open.back();
      open.pop_back();
      if (b.mark + 1 == b.content) continue;
      while (!out.empty() && out.back().begin > b.mark) out.pop_back();  // boxes inside this one
      out.push_back({b.mark, i + 1, text.substr(b.content, i - b.content)});
    }
  }
  return out;
}

// Lines behind ####. A Markdown heading ("#### Step 2") is none.
std::vector<Mark> hashes_of(std::string_view text) {
  std::vector<Mark> out;
  for (size_t at = 0; (at = text.find(kHashes, at)) != std::string_view::npos;) {
    const size_t begin = at;
    while (at < text.size() && text[at] == '#') at++;
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trim(text.substr(at, end - at));
    const size_t word = static_cast<size_t>(
        std::find_if(line.begin(), line.end(), [](char c) { return !is_letter(c); }) - line.begin());
    const std::string_view first = line.substr(0, word);
    const bool heading = word > 1 && first != "Answer" && first != "answer" && first != "The" && first != "Final";
    if (!line.empty() && !heading) out.push_back({begin, end, line});
    at = end;
  }
  return out;
}

// Whether two marked answers are offered side by side: hardly a word between them, or an "or".
bool side_by_side(std::string_view gap) {
  int words = 0;
  for (size_t i = 0; i < gap.size() && words <= 3;) {
    if (!is_letter(gap[i])) {
      i++;
      continue;
    }
    const size_t begin = i;
    while (i < gap.size() && is_letter(gap[i])) i++;
    const std::string_view word = gap.substr(begin, i - begin);
    if (word == "or" || word == "either" || word == "alternatively") return true;
    words++;
  }
  return words <= 3;
}

bool equal(const NumberReading& a, const NumberReading& b) {
  return a.kind == ReadingKind::one && b.kind == ReadingKind::one && a.number.value == b.number.value;
}

// The last mark, unless others that say something else stand beside it.
ExtractedAnswer last_mark(std::string_view text, const std::vector<Mark>& marks) {
  const Mark& last = marks.back();
  ExtractedAnswer out{std::string(trim(last.content)), true, false};
  const NumberReading value = read_number(last.content);
  for (size_t i = marks.size() - 1; i > 0 && !out.hedged; i--) {
    const std::string_view gap = text.substr(marks[i - 1].end, marks[i].begin - marks[i - 1].end);
    if (!side_by_side(gap)) break;
    out.hedged = !equal(read_number(marks[i - 1].content), value);
  }
  const std::string_view behind = trim(text.substr(last.end));
  if (behind.starts_with("or ") || behind.starts_with("$ or ")) out.hedged = true;
  return out;
}

struct Found {
  ExtractedAnswer answer;
  NumberReading reading;
};

Found find_in(std::string_view text, bool marked) {
  std::vector<Mark> marks = boxes_of(text);
  if (marks.empty()) marks = hashes_of(text);
  Found f;
  if (!marks.empty()) {
    f.answer = last_mark(text, marks);
    f.reading = read_number(f.answer.text);
  } else if (marked) {
    f.answer = {std::string(trim(text)), true, false};
    f.reading = read_number(text);
  } else {
    f.reading = read_last_number(text, &f.answer.text);
  }
  if (f.reading.kind == ReadingKind::several) f.answer.hedged = true;
  return f;
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

Found find_answer(std::string_view completion, std::string_view prefilled) {
  const std::optional<std::string_view> after = after_thought(completion, prefilled);
  if (!after) return {};
  const std::string_view text = *after;
  const size_t open = text.find(kOpenAnswer), close = text.find(kCloseAnswer);
  if (open == std::string_view::npos && close == std::string_view::npos && !prefilled.ends_with(kOpenAnswer))
    return find_in(text, false);
  const size_t begin = open == std::string_view::npos ? 0 : open + kOpenAnswer.size();
  const bool once = text.find(kOpenAnswer, begin) == std::string_view::npos &&
                    (close == std::string_view::npos ||
                     (close >= begin && text.find(kCloseAnswer, close + 1) == std::string_view::npos)) &&
                    (open != std::string_view::npos || prefilled.ends_with(kOpenAnswer));
  if (!once) return {{"", true, true}, {}};
  // Sampling may have stopped at </answer> without writing it.
  return find_in(text.substr(begin, close == std::string_view::npos ? close : close - begin), true);
}

NumberReading read_reference(std::string_view reference) {
  if (const size_t at = reference.rfind(kHashes); at != std::string_view::npos)
    return read_number(reference.substr(at + kHashes.size()));
  const std::vector<Mark> boxes = boxes_of(reference);
  return read_number(boxes.empty() ? reference : boxes.back().content);
}

const char* why_none(const Found& f) {
  if (f.answer.hedged) return "no single answer: several are offered";
  if (f.answer.text.empty()) return "no answer found";
  return "the answer is not a number that can be read";
}

}  // namespace

ExtractedAnswer extract_answer(std::string_view completion, std::string_view prefilled) {
  return find_answer(completion, prefilled).answer;
}

Verdict judge_math(std::string_view completion, std::string_view prefilled, std::string_view reference) {
  constexpr size_t kShown = 60;
  Verdict v;
  const NumberReading want = read_reference(reference);
  if (want.kind != ReadingKind::one) {
    v.reason = fmt::format("the reference \"{}\" is not one number", reference.substr(0, kShown));
    return v;
  }
  const Found found = find_answer(completion, prefilled);
  if (found.reading.kind != ReadingKind::one || found.answer.hedged) {
    v.outcome = Outcome::no_answer;
    v.reason = why_none(found);
    return v;
  }
  v.extracted = number_text(found.reading.number);
  const bool right = same_number(want.number, found.reading.number);
  v.outcome = right ? Outcome::correct : Outcome::wrong;
  v.score = right ? 1 : 0;
  v.reason =
      right ? "equal"
            : fmt::format("{} is not {}", v.extracted.substr(0, kShown), number_text(want.number).substr(0, kShown));
  return v;
}

}  // namespace r1
