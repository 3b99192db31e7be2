// textwrap.wrap as the wordwrap filter calls it: white space kept as it is but at the ends of lines, long words broken,
// breaks after hyphens.
#include <algorithm>
#include <string>
#include <vector>

#include "text/template_arguments.h"
#include "text/template_operators.h"
#include "text/template_strings.h"
#include "text/unicode.h"

namespace r1::jinja {
namespace {

// textwrap knows ASCII's white space only.
bool is_blank(char c) { return c == ' ' || (c >= 9 && c <= 13); }

struct Char {
  size_t begin, end;
  uint32_t code;
};

class Wrapper {
 public:
  Wrapper(Runtime& runtime, const Text& line, int64_t width, bool break_long, bool at_hyphens)
      : runtime_(runtime), line_(line), width_(width), break_long_(break_long), at_hyphens_(at_hyphens) {
    for (size_t at = 0; at < line.bytes().size();) {
      const size_t begin = at;
      const uint32_t code = next_code_point(line.bytes(), at);
      chars_.push_back({begin, at, code});
    }
    runtime_.burn(line.bytes().size() * 32);
    cut();
  }

  std::vector<Text> run() {
    std::vector<Text> out;
    size_t i = 0;
    while (i < chunks_.size()) {
      if (is_space(chunks_[i]) && !out.empty()) i++;
      if (i >= chunks_.size()) break;
      const size_t first = i;
      int64_t used = 0;
      while (i < chunks_.size() && used + length(chunks_[i]) <= width_) used += length(chunks_[i++]);
      if (i < chunks_.size() && length(chunks_[i]) > width_) i = long_word(i, used);
      size_t last = i;
      if (last > first && is_space(chunks_[last - 1])) last--;
      runtime_.burn(128);
      if (last > first)
        out.push_back(line_.part(chars_[chunks_[first].from].begin, chars_[chunks_[last - 1].to - 1].end));
    }
    return out;
  }

 private:
  struct Chunk {
    size_t from, to;  // in chars_
  };
  static int64_t length(const Chunk& c) { return static_cast<int64_t>(c.to - c.from); }
  bool is_space(const Chunk& c) const { return blank(c.from); }
  bool blank(size_t i) const { return chars_[i].code < 128 && is_blank(static_cast<char>(chars_[i].code)); }
  bool letter(size_t i) const {
    return i < chars_.size() && is_word_character(chars_[i].code) && !(chars_[i].code >= '0' && chars_[i].code <= '9');
  }
  bool word(size_t i) const {  // textwrap's word punctuation too
    return is_word_character(chars_[i].code) ||
           std::string_view("!\"'&.,?").find(static_cast<char>(chars_[i].code)) != std::string_view::npos;
  }
  bool hyphen(size_t i) const { return i < chars_.size() && chars_[i].code == '-'; }

  // A break may stand behind the hyphen at i: letters (or a letter and a hyphen) before it, and two letters or a
  // letter and a hyphen behind.
  bool breaks_after(size_t i, size_t begin) const {
    const bool before = i >= begin + 2 && letter(i - 1) && (letter(i - 2) || (hyphen(i - 2) && i >= begin + 3));
    return before && letter(i + 1) && (letter(i + 2) || (hyphen(i + 2) && letter(i + 3)));
  }

  void cut() {
    for (size_t i = 0; i < chars_.size();) {
      size_t j = i;
      if (blank(i)) {
        while (j < chars_.size() && blank(j)) j++;
        chunks_.push_back({i, j});
      } else {
        while (j < chars_.size() && !blank(j)) j++;
        cut_word(i, j);
      }
      i = j;
    }
  }

  void cut_word(size_t i, size_t end) {
    size_t begin = i;
    for (; at_hyphens_ && i < end; i++) {
      if (!hyphen(i)) continue;
      size_t run = i;
      while (run < end && hyphen(run)) run++;
      const bool dash = run - i >= 2 && i > begin && word(i - 1) && run < end && is_word_character(chars_[run].code);
      if (dash) {  // an em-dash is a chunk of its own
        chunks_.push_back({begin, i});
        chunks_.push_back({i, run});
        begin = run;
      } else if (run - i == 1 && breaks_after(i, begin)) {
        chunks_.push_back({begin, i + 1});
        begin = i + 1;
      }
      i = run - 1;
    }
    if (begin < end) chunks_.push_back({begin, end});
  }

  // The chunk at i is longer than a line: what fits of it goes onto this one. Gives the chunk the next line begins
  // with.
  size_t long_word(size_t i, int64_t used) {
    const size_t room = static_cast<size_t>(width_ < 1 ? 1 : width_ - used);
    if (!break_long_) return used == 0 ? i + 1 : i;
    if (room == 0) return i;
    Chunk& word = chunks_[i];
    size_t take = room;
    if (at_hyphens_ && word.to - word.from > room) {
      size_t found = 0;
      for (size_t k = 0; k < room; k++)
        if (hyphen(word.from + k)) found = k;
      bool other = false;
      for (size_t k = 0; k < found; k++) other |= !hyphen(word.from + k);
      if (found > 0 && other) take = found + 1;
    }
    const size_t middle = std::min(word.from + take, word.to);
    const Chunk rest{middle, word.to};
    word.to = middle;
    if (rest.from < rest.to) chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
    runtime_.burn((chunks_.size() - i) * sizeof(Chunk));
    return i + 1;
  }

  Runtime& runtime_;
  const Text& line_;
  int64_t width_;
  bool break_long_, at_hyphens_;
  std::vector<Char> chars_;
  std::vector<Chunk> chunks_;
};

}  // namespace

Text wrapped(Runtime& runtime, const Text& text, const Bound& b) {
  const int64_t width = b.whole(0, 79);
  if (width <= 0) throw Trouble("invalid width " + std::to_string(width) + " (must be > 0)");
  const Text between = b.given(2) ? b.text(2) : Text("\n");
  std::vector<Text> paragraphs;
  for (const Text& line : split_lines(runtime, text, false))
    paragraphs.push_back(join(runtime, between, Wrapper(runtime, line, width, b.flag(1, true), b.flag(3, true)).run()));
  return join(runtime, between, paragraphs);
}

}  // namespace r1::jinja
