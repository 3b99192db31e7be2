#include "reward/code_answer.h"

#include <algorithm>

#include "reward/math_words.h"
#include "text/thinking.h"

namespace r1 {
namespace {

std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

struct Fence {
  char mark = 0;
  size_t length = 0;
  std::string_view info;  // what follows the marks
};

// CommonMark's fences, at any indentation: models put them into lists.
Fence fence_of(std::string_view line) {
  const std::string_view text = trim(line);
  Fence out;
  if (text.empty() || (text[0] != '`' && text[0] != '~')) return out;
  const size_t length = std::min(text.find_first_not_of(text[0]), text.size());
  if (length < 3) return out;
  const std::string_view info = trim(text.substr(length));
  if (text[0] == '`' && info.find('`') != std::string_view::npos) return out;  // code inside a line
  return {text[0], length, info};
}

// After the last end of a thought; nothing when one was begun and not ended.
std::string_view after_thought(std::string_view whole) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  const size_t close = whole.rfind(kClose), open = whole.rfind(kOpen);
  if (open != std::string_view::npos && (close == std::string_view::npos || close < open)) return {};
  return close == std::string_view::npos ? whole : whole.substr(close + kClose.size());
}

// Without blank lines around it and without white space at its end; the first line's indentation stays.
std::string without_margins(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return "";
  text = text.substr(0, last + 1);
  const size_t first = text.find_first_not_of(" \t\r\n");
  const size_t line = text.rfind('\n', first);
  return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

}  // namespace

bool read_language(std::string_view name, Language& out) {
  std::string n = lower(name);
  if (n.starts_with("c++") || n == "cpp" || n == "cc" || n == "cxx" || n.starts_with("cpp"))
    return out = Language::cpp, true;
  if (n == "python" || n == "python3" || n == "py" || n == "py3" || n.starts_with("python3."))
    return out = Language::python, true;
  return false;
}

std::string extract_code(std::string_view completion, std::string_view prefilled, Language language) {
  const std::string whole = std::string(prefilled) + std::string(completion);
  const std::string_view text = after_thought(whole);
  std::string_view rest = text, marked, any;
  bool has_marked = false, has_any = false;
  while (!rest.empty()) {
    const Fence open = fence_of(next_line(rest));
    if (open.mark == 0) continue;
    const char* begin = rest.data();
    const char* end = rest.data() + rest.size();
    while (!rest.empty()) {
      const char* line_begin = rest.data();
      const Fence close = fence_of(next_line(rest));
      if (close.mark != open.mark || close.length < open.length || !close.info.empty()) continue;
      end = line_begin;
      break;
    }
    any = std::string_view(begin, static_cast<size_t>(end - begin));
    has_any = true;
    Language named;
    const std::string_view word = open.info.substr(0, open.info.find_first_of(" \t{:,"));
    if (read_language(word, named) && named == language) marked = any, has_marked = true;
  }
  if (has_marked) return without_margins(marked);
  if (has_any) return without_margins(any);
  const size_t open = text.rfind("<answer>"), close = text.rfind("</answer>");
  if (open != std::string_view::npos && close != std::string_view::npos && open < close)
    return without_margins(text.substr(open + 8, close - open - 8));
  return without_margins(text);
}

}  // namespace r1
