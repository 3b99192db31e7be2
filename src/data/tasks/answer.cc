#include "data/tasks/answer.h"

#include <algorithm>

#include "base/error.h"
#include "data/tasks/claims.h"
#include "text/thinking.h"

namespace r1::tasks {
namespace {

constexpr std::string_view kOpenThink = "<think>", kCloseThink = "</think>", kOpenAnswer = "<answer>",
                           kCloseAnswer = "</answer>", kHashes = "####";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What follows the thought; nullopt when it never ended.
std::optional<std::string_view> after_thought(std::string_view completion, std::string_view prefilled) {
  const size_t close = completion.rfind(kCloseThink);
  if (close != std::string_view::npos) {
    completion.remove_prefix(close + kCloseThink.size());
    if (completion.find(kOpenThink) != std::string_view::npos) return std::nullopt;
    return completion;
  }
  const size_t opened = prefilled.rfind(kOpenThink);
  const bool open = opened != std::string_view::npos && prefilled.find(kCloseThink, opened) == std::string_view::npos;
  if (open || completion.find(kOpenThink) != std::string_view::npos) return std::nullopt;
  return completion;
}

// The content of the last \boxed{} with balanced braces.
std::optional<std::string_view> last_box(std::string_view text) {
  constexpr std::string_view kBox = "\\boxed{";
  for (size_t at = text.rfind(kBox); at != std::string_view::npos; at = at == 0 ? at : text.rfind(kBox, at - 1)) {
    const size_t begin = at + kBox.size();
    int depth = 1;
    for (size_t i = begin; i < text.size(); i++) {
      depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
      if (depth == 0) return text.substr(begin, i - begin);
    }
    if (at == 0) break;
  }
  return std::nullopt;
}

std::optional<std::string_view> last_hashes(std::string_view text) {
  const size_t at = text.rfind(kHashes);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + kHashes.size());
  const std::string_view line = trim(rest.substr(0, rest.find('\n')));
  if (line.empty()) return std::nullopt;
  return line;
}

// What stands in the last <answer>; sampling may have stopped at </answer> without writing it.
std::optional<std::string_view> last_tag(std::string_view text, std::string_view prefilled, bool& several) {
  std::vector<std::string_view> contents;
  size_t at = 0;
  if (prefilled.ends_with(kOpenAnswer)) contents.push_back(text.substr(0, text.find(kCloseAnswer)));
  while ((at = text.find(kOpenAnswer, at)) != std::string_view::npos) {
    at += kOpenAnswer.size();
    contents.push_back(text.substr(at, text.find(kCloseAnswer, at) - at));
  }
  if (contents.empty()) return std::nullopt;
  several = std::any_of(contents.begin(), contents.end(),
                        [&](std::string_view c) { return trim(c) != trim(contents.back()); });
  return contents.back();
}

// The last line, without the words that lead to the answer.
std::string_view last_line(std::string_view text) {
  text = trim(text);
  if (const size_t line = text.rfind('\n'); line != std::string_view::npos) text = trim(text.substr(line + 1));
  for (std::string_view lead : {"answer is", "Answer:", "answer:", "答案是", "答案：", "答案:", "result is"})
    if (const size_t at = text.rfind(lead); at != std::string_view::npos) {
      text = trim(text.substr(at + lead.size()));
      if (text.starts_with(":")) text = trim(text.substr(1));
    }
  return text;
}

void unwrap(std::string_view& text) {
  static const std::pair<std::string_view, std::string_view> kWraps[] = {
      {"\\text{", "}"}, {"\\mathrm{", "}"}, {"\\textbf{", "}"}, {"$$", "$$"},   {"$", "$"},
      {"**", "**"},     {"```", "```"},     {"`", "`"},         {"\\(", "\\)"}, {"\\[", "\\]"}};
  for (bool again = true; again;) {
    again = false;
    text = trim(text);
    for (const auto& [open, close] : kWraps)
      if (text.size() >= open.size() + close.size() && text.starts_with(open) && text.ends_with(close)) {
        text = text.substr(open.size(), text.size() - open.size() - close.size());
        again = true;
      }
  }
}

void drop_full_stop(std::string_view& text) {
  if (text.ends_with(".")) text.remove_suffix(1);
  if (text.ends_with("。")) text.remove_suffix(std::string_view("。").size());
}

// Figures of full width, as Chinese writing has them, as plain ones.
std::string with_plain_figures(std::string_view text) {
  constexpr std::string_view kFirst = "\xEF\xBC";  // of a full-width figure's three bytes
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    const auto last = static_cast<unsigned char>(i + 2 < text.size() ? text[i + 2] : '\0');
    if (text.substr(i).starts_with(kFirst) && last >= 0x90 && last <= 0x99) {
      out += static_cast<char>('0' + (last - 0x90));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Words of any place in the text: an answer is a few words.
bool denies_or_bounds(std::string_view text) {
  std::string low = lowered(text);
  for (size_t at; (at = low.find("\xE2\x80\x99")) != std::string::npos;) low.replace(at, 3, "'");
  const auto is_letter = [&](size_t i) {
    return i < low.size() && ((low[i] >= 'a' && low[i] <= 'z') || low[i] == '\'');
  };
  for (std::string_view word : {"not", "cannot", "can't", "isn't", "never", "neither", "wrong", "incorrect", "than",
                                "at least", "at most", "except", "doubt", "instead", "half of", "twice"})
    for (size_t at = 0; (at = low.find(word, at)) != std::string::npos; at++)
      if ((at == 0 || !is_letter(at - 1)) && !is_letter(at + word.size())) return true;
  return low.find("不是") != std::string::npos || low.find("不对") != std::string::npos;
}

}  // namespace

std::optional<TaskAnswer> find_task_answer(std::string_view completion, std::string_view prefilled) {
  const auto after = after_thought(completion, prefilled);
  if (!after) return std::nullopt;
  TaskAnswer out;
  std::optional<std::string_view> found = last_box(*after);
  if (!found) found = last_hashes(*after);
  if (!found) found = last_tag(*after, prefilled, out.several);
  out.marked = found.has_value();
  std::string_view text = out.marked ? *found : last_line(*after);
  unwrap(text);
  if (!out.marked) {
    drop_full_stop(text);
    unwrap(text);
  }
  out.text = with_plain_figures(trim(text));
  if (out.text.empty()) return std::nullopt;
  return out;
}

std::vector<std::string> numbers_in(std::string_view text) {
  std::vector<std::string> out;
  for (size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      i++;
      continue;
    }
    const size_t begin = i;
    std::string number;
    while (i < text.size() && (is_digit(text[i]) || (text[i] == ',' && i + 3 < text.size() && is_digit(text[i + 1]) &&
                                                     is_digit(text[i + 2]) && is_digit(text[i + 3])))) {
      if (text[i] != ',') number += text[i];
      i++;
    }
    if (i + 1 < text.size() && text[i] == '.' && is_digit(text[i + 1])) {
      const size_t point = number.size();
      number += '.';
      for (i++; i < text.size() && is_digit(text[i]); i++) number += text[i];
      if (number.find_first_not_of("0.", point) == std::string::npos) number.resize(point);
    }
    number.erase(0, std::min(number.find_first_not_of('0'), number.size() - 1));
    const bool sign =
        begin > 0 && text[begin - 1] == '-' && (begin == 1 || (!is_digit(text[begin - 2]) && text[begin - 2] != ')'));
    out.push_back((sign && number != "0" ? "-" : "") + number);
  }
  return out;
}

bool names_alternatives(std::string_view text) {
  const std::string low = lowered(text);
  return low.find(" or ") != std::string::npos || low.find("either ") != std::string::npos ||
         low.find("或") != std::string::npos;
}

const char* uncommitted(const TaskAnswer& answer) {
  if (names_alternatives(answer.text)) return "several answers are offered";
  const size_t stop = answer.marked ? std::string::npos : answer.text.rfind(". ");
  const bool denied = denies_or_bounds(answer.text.substr(stop == std::string::npos ? 0 : stop + 2));
  return denied ? "it denies or bounds what it names" : nullptr;
}

Verdict judge_number(const TaskAnswer& answer, const std::string& expected) {
  std::string text = answer.text;
  for (size_t at; (at = text.find("−")) != std::string::npos;) text.replace(at, std::string_view("−").size(), "-");
  const std::vector<std::string> numbers = numbers_in(text);
  if (numbers.empty()) return no_answer("the answer holds no number");
  std::string extracted = numbers.back();
  if (answer.marked && numbers.size() > 1) {
    // an equation worked out to its end counts by its end
    const size_t equals = text.rfind('=');
    const auto last = equals == std::string::npos ? std::vector<std::string>{} : numbers_in(text.substr(equals + 1));
    if (last.size() != 1) return wrong_answer(answer.text, "expected one number");
    extracted = last[0];
  }
  return judge_equal(extracted, expected);
}

Verdict judge_equal(const std::string& extracted, const std::string& expected) {
  if (extracted == expected) return right_answer(extracted);
  return wrong_answer(extracted, fmt::format("expected {}", expected));
}

Verdict right_answer(std::string extracted, std::string reason) {
  Verdict v;
  v.outcome = Outcome::correct;
  v.score = 1;
  v.reason = std::move(reason);
  v.extracted = std::move(extracted);
  return v;
}
Verdict wrong_answer(std::string extracted, std::string reason) {
  Verdict v;
  v.outcome = Outcome::wrong;
  v.reason = std::move(reason);
  v.extracted = std::move(extracted);
  return v;
}
Verdict no_answer(std::string reason) {
  Verdict v;
  v.outcome = Outcome::no_answer;
  v.reason = std::move(reason);
  return v;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::vector<std::string> list_items(std::string_view text) {
  text = trim(text);
  for (const auto& [open, close] : {std::pair{'[', ']'}, std::pair{'(', ')'}, std::pair{'{', '}'}})
    if (text.size() >= 2 && text.front() == open && text.back() == close) text = trim(text.substr(1, text.size() - 2));
  std::string plain(text);
  for (const auto& [from, to] : {std::pair<std::string_view, std::string_view>{"，", ","},
                                 {"、", ","},
                                 {" and ", ","},
                                 {";", ","},
                                 {"；", ","},
                                 {"\n", ","}})
    for (size_t at = 0; (at = plain.find(from, at)) != std::string::npos; at += to.size())
      plain.replace(at, from.size(), to);
  std::vector<std::string> out;
  for (size_t at = 0; at <= plain.size();) {
    const size_t end = std::min(plain.find(',', at), plain.size());
    const std::string_view part = trim(std::string_view(plain).substr(at, end - at));
    if (!part.empty()) out.emplace_back(part);
    at = end + 1;
  }
  return out;
}

}  // namespace r1::tasks
