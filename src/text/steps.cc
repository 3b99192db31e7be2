#include "text/steps.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "text/unicode.h"

namespace r1 {
namespace {

constexpr size_t kNowhere = std::string_view::npos;
constexpr size_t kLongestFormula = 4096;  // bytes between a formula's signs
constexpr uint32_t kFirstWide = 0x2E80;   // scripts written without blanks between sentences begin here

constexpr std::array<std::string_view, 2> kOpening = {"<think>", "<answer>"};
constexpr std::array<std::string_view, 2> kClosing = {"</think>", "</answer>"};

// Never the end of a sentence.
constexpr std::array<std::string_view, 62> kAbbreviations = {
    "mr",     "mrs",  "ms",   "dr",   "prof", "st",   "jr",   "sr",   "vs",   "etc", "eg",   "ie",   "cf",
    "approx", "fig",  "figs", "eq",   "eqs",  "eqn",  "ex",   "inc",  "ltd",  "co",  "corp", "dept", "est",
    "vol",    "pp",   "ch",   "thm",  "lem",  "prop", "def",  "cor",  "resp", "viz", "ca",   "al",   "rev",
    "gen",    "gov",  "sen",  "rep",  "capt", "col",  "lt",   "sgt",  "mt",   "ave", "blvd", "rd",   "dist",
    "incl",   "excl", "calc", "diff", "avg",  "qty",  "temp", "univ", "assn", "bros"};
// The end of a sentence only where a capital follows: units, months, words that are short for others.
constexpr std::array<std::string_view, 54> kUnits = {
    "no",  "nos", "ft",  "in",   "lb",  "lbs", "oz",   "hr",    "hrs", "min",  "mins", "sec",  "secs", "yd",
    "yds", "mi",  "pt",  "pts",  "qt",  "qts", "gal",  "sq",    "cu",  "tbsp", "tsp",  "wk",   "wks",  "yr",
    "yrs", "mo",  "mos", "jan",  "feb", "mar", "apr",  "jun",   "jul", "aug",  "sep",  "sept", "oct",  "nov",
    "dec", "mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat",  "sun",  "max"};
// What numbers of lists stand behind.
constexpr std::array<std::string_view, 8> kLabels = {"step",     "case",    "part", "problem",
                                                     "question", "example", "rule", "method"};

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_capital(c) || (c >= 'a' && c <= 'z'); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

std::string lowered(std::string_view word) {
  std::string out(word);
  for (char& c : out)
    if (is_capital(c)) c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// What a look ahead comes to: `unsure` where the text ends too early.
enum class Sight { yes, no, unsure };

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<Step> run() {
    while (at_ < text_.size() && !unsure_) look();
    if (begin_ < text_.size()) steps_.push_back({begin_, text_.size()});
    return std::move(steps_);
  }

 private:
  bool starts(std::string_view part, size_t at) const { return text_.substr(at, part.size()) == part; }
  // Whether `part` stands at `at`; unsure where the text ends inside it.
  Sight sees(std::string_view part, size_t at) const {
    const std::string_view here = text_.substr(std::min(at, text_.size()), part.size());
    if (here == part) return Sight::yes;
    return here.size() < part.size() && part.starts_with(here) ? Sight::unsure : Sight::no;
  }
  template <size_t N>
  Sight sees_one(const std::array<std::string_view, N>& parts, size_t at, size_t& length) const {
    Sight out = Sight::no;
    for (std::string_view part : parts) {
      const Sight s = sees(part, at);
      if (s == Sight::yes) return length = part.size(), s;
      if (s == Sight::unsure) out = s;
    }
    return out;
  }

  // One place of the text, from which at_ moves on.
  void look() {
    const char c = text_[at_];
    if (line_begins_ && !is_blank(c)) {
      line_begins_ = false;
      if (c == '`' || c == '~')
        if (code_block()) return;
    }
    switch (c) {
      case '\n':
        return line_end();
      case '.':
        return full_stop();
      case '!':
      case '?':
        return mark();
      case '<':
        return tag();
      case '$':
        return dollar();
      case '\\':
        return backslash();
      case '`':
        return inline_code();
      default:
        if (starts("。", at_) || starts("！", at_) || starts("？", at_)) return wide_stop();
        if (!says_ && says_something()) says_ = true;
        at_++;
    }
  }

  bool says_something() const {
    const char c = text_[at_];
    if (is_digit(c) || is_letter(c)) return true;
    if (static_cast<unsigned char>(c) < 0xC0) return false;
    size_t at = at_;
    const uint32_t code = next_code_point(text_, at);
    return code != 0xFFFFFFFF && !is_white_space(code) && !is_punctuation(code);
  }

  void cut(size_t at) {
    if (says_ && at > begin_ && at < text_.size()) {
      steps_.push_back({begin_, at});
      begin_ = at;
      says_ = false;
    }
    at_ = std::max(at_, at);
  }

  size_t after_blanks(size_t at) const {
    while (at < text_.size()) {
      if (is_blank(text_[at])) {
        at++;
        continue;
      }
      size_t next = at;
      const uint32_t code = next_code_point(text_, next);
      if (code == 0xFFFFFFFF || !is_white_space(code)) break;
      at = next;
    }
    return at;
  }
  // Brackets, quotes and emphasis that close what a stop ended.
  size_t after_closers(size_t at) const {
    static constexpr std::array<std::string_view, 15> kClosers = {"\"", "'",  ")",  "]",  "}",  "*",  "_", "”",
                                                                  "’",  "）", "」", "』", "】", "》", "…"};
    for (bool more = true; more && at < text_.size();) {
      more = false;
      for (std::string_view closer : kClosers)
        if (starts(closer, at)) at += closer.size(), more = true;
    }
    return at;
  }

  // The text ends at `at`, or inside the character that begins there.
  bool ends(size_t at) const { return at >= text_.size() || incomplete_tail(text_.substr(at)) == text_.size() - at; }

  // Cuts before what stands at `next`, blanks alone being in between, unless that closes the step.
  void cut_before(size_t next) {
    size_t length = 0;
    if (ends(next)) return give_up();
    if (text_.substr(at_, next - at_).find('\n') != kNowhere) line_begins_ = true;
    const Sight closes = sees_one(kClosing, next, length);
    if (closes == Sight::unsure) return give_up();
    if (closes == Sight::no) cut(next);
    at_ = std::max(at_, next);
  }
  void give_up() { unsure_ = true; }

  // ---- lines

  // A line that an operator ends, or that an equals sign begins, is one equation with the next.
  bool continues(size_t end, size_t next) const {
    size_t last = end;
    while (last > begin_ && is_blank(text_[last - 1])) last--;
    const std::string_view before = text_.substr(begin_, last - begin_);
    for (std::string_view sign : {"=", "+", "×", "÷", "≈"})
      if (before.ends_with(sign)) return !before.ends_with("==");
    for (std::string_view sign : {"=", "≈", "×", "÷"})
      if (starts(sign, next)) return !starts("==", next);
    return false;
  }

  void line_end() {
    const size_t end = at_, next = after_blanks(at_);
    line_begins_ = true;
    if (ends(next)) return give_up();
    for (std::string_view sign : {"≈", "×", "÷", "=="})
      if (sees(sign, next) == Sight::unsure) return give_up();
    if (continues(end, next)) return static_cast<void>(at_ = next);
    cut_before(next);
  }

  // From a line of ``` or ~~~ up to the line that closes it, or the end. False: there is none.
  bool code_block() {
    const char c = text_[at_];
    const Sight fence = sees(std::string(3, c), at_);
    if (fence == Sight::unsure) return give_up(), true;
    if (fence == Sight::no) return false;
    size_t marks = 0;
    while (at_ + marks < text_.size() && text_[at_ + marks] == c) marks++;
    says_ = true;
    for (size_t line = at_ + marks;;) {
      line = text_.find('\n', line);
      if (line == kNowhere) return give_up(), true;
      size_t at = ++line;
      while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t')) at++;
      size_t closing = 0;
      while (at + closing < text_.size() && text_[at + closing] == c) closing++;
      if (closing < marks) continue;
      at += closing;
      while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\r')) at++;
      if (at >= text_.size()) return give_up(), true;
      if (text_[at] != '\n') continue;
      at_ = at;
      return true;
    }
  }

  // ---- sentences

  // The word before `end` in this step, with the points inside it.
  std::string_view word_before(size_t end) const {
    size_t begin = end;
    while (begin > begin_ &&
           (is_letter(text_[begin - 1]) || is_digit(text_[begin - 1]) || (text_[begin - 1] == '.' && begin < end)))
      begin--;
    return text_.substr(begin, end - begin);
  }
  bool is_first_word(std::string_view word) const {
    const size_t begin = static_cast<size_t>(word.data() - text_.data());
    for (size_t at = begin_; at < begin; at++)
      if (is_letter(text_[at]) || is_digit(text_[at]) || static_cast<unsigned char>(text_[at]) >= 0x80) return false;
    return true;
  }
  std::string_view word_in_front(std::string_view word) const {
    size_t end = static_cast<size_t>(word.data() - text_.data());
    while (end > begin_ && !is_letter(text_[end - 1]) && text_[end - 1] == ' ') end--;
    return word_before(end);
  }

  // "1.", "Step 2.", "a.", "A." in front of what they count.
  bool is_marker(std::string_view word) const {
    constexpr size_t kMostFigures = 2;
    const bool figures = std::all_of(word.begin(), word.end(), is_digit);
    if (is_first_word(word)) return word.size() == 1 || (figures && word.size() <= kMostFigures);
    const std::string_view front = word_in_front(word);
    return (figures || word.size() == 1) && one_of(lowered(front), kLabels) && is_first_word(front);
  }

  bool is_abbreviation(std::string_view word, char next) const {
    if (word.empty()) return false;
    if (is_marker(word)) return true;
    const bool letters = std::none_of(word.begin(), word.end(), is_digit);
    if (!letters) return false;
    if (word.find('.') != kNowhere) return true;  // e.g, i.e, p.m, U.S
    const std::string small = lowered(word);
    if (one_of(small, kAbbreviations)) return true;
    if (one_of(small, kUnits)) return !is_capital(next) || (small == "no" && next == '#');
    // an initial: "J. Smith", but not "the answer is B. Next"
    if (word.size() != 1 || !is_capital(word[0]) || !is_capital(next)) return false;
    const std::string_view front = word_in_front(word);
    return front.empty() || is_capital(front[0]);
  }

  // Where the next sentence begins; kNowhere when the text or the line ends: a line's end sees to itself.
  size_t after_sentence(size_t blanks) {
    const size_t next = after_blanks(blanks);
    if (ends(next)) return give_up(), kNowhere;
    return text_.substr(blanks, next - blanks).find('\n') == kNowhere ? next : kNowhere;
  }
  // What cannot begin a sentence.
  bool goes_on(size_t next) {
    if (text_[next] == '*') {  // a product, or emphasis
      if (next + 1 >= text_.size()) return give_up(), true;
      return text_[next + 1] == ' ' || is_digit(text_[next + 1]);
    }
    return std::string_view("=+/>^,;:)").find(text_[next]) != kNowhere || starts("×", next) || starts("÷", next);
  }

  void full_stop() {
    const size_t stop = at_++;
    if (stop > 0 && text_[stop - 1] == '.') return;  // an ellipsis goes on
    size_t next = after_closers(at_);
    if (next >= text_.size()) return give_up();
    size_t length = 0, wide = next;
    const Sight tag = sees_one(kOpening, next, length);
    const Sight closing = sees_one(kClosing, next, length);
    if (tag == Sight::unsure || closing == Sight::unsure) return give_up();
    if (tag == Sight::yes || closing == Sight::yes) return static_cast<void>(at_ = next);  // tags see to themselves
    if (ends(next)) return give_up();
    const uint32_t code = next_code_point(text_, wide);
    const bool glued = code != 0xFFFFFFFF && code >= kFirstWide && !is_punctuation(code);
    if (!glued && !(code != 0xFFFFFFFF && is_white_space(code))) return;
    next = after_sentence(next);
    if (next == kNowhere) return;
    const std::string_view word = word_before(stop);
    if (is_abbreviation(word, text_[next])) return;
    if (goes_on(next)) return;
    cut_before(next);
  }

  // ! and ?, which may be a factorial's or stand several in a row.
  void mark() {
    const size_t begin = at_;
    while (at_ < text_.size() && (text_[at_] == '!' || text_[at_] == '?')) at_++;
    size_t next = after_closers(at_);
    if (next >= text_.size()) return give_up();
    if (!is_blank(text_[next])) return;
    next = after_sentence(next);
    if (next == kNowhere) return;
    const std::string_view word = word_before(begin);
    const bool number = begin > 0 && (is_digit(text_[begin - 1]) || text_[begin - 1] == ')' || word.size() == 1);
    if (text_[begin] == '!' && number && !is_capital(text_[next]) && static_cast<unsigned char>(text_[next]) < 0x80)
      return;
    if (goes_on(next)) return;
    cut_before(next);
  }

  void wide_stop() {
    constexpr size_t kBytes = 3;
    at_ += kBytes;
    while (starts("。", at_) || starts("！", at_) || starts("？", at_)) at_ += kBytes;
    cut_before(after_blanks(after_closers(at_)));
  }

  void tag() {
    size_t length = 0;
    const Sight opens = sees_one(kOpening, at_, length);
    if (opens == Sight::yes) {
      cut(at_);
      at_ += length;
      return;
    }
    const Sight closes = sees_one(kClosing, at_, length);
    if (opens == Sight::unsure || closes == Sight::unsure) return give_up();
    if (closes == Sight::no) return static_cast<void>(at_++);
    at_ += length;
    cut_before(after_blanks(at_));
  }

  // ---- what is never cut

  // Passes over what stands up to `close`, or over the sign alone where it opens nothing: another `open`, a tag or an
  // empty line comes first, or it would be too long. `one_line`: a line's end comes first, too.
  void pass(std::string_view open, std::string_view close, bool one_line) {
    const size_t begin = at_ + open.size();
    for (size_t at = begin; at < text_.size(); at++) {
      if (at - begin > kLongestFormula) return static_cast<void>(at_ = begin);
      if (starts(close, at) && at > begin) {
        says_ = true;
        at_ = at + close.size();
        return;
      }
      size_t length = 0;
      if (text_[at] == '<' &&
          (sees_one(kOpening, at, length) == Sight::yes || sees_one(kClosing, at, length) == Sight::yes))
        return static_cast<void>(at_ = begin);
      if (text_[at] == '\n' && (one_line || starts("\n\n", at))) return static_cast<void>(at_ = begin);
      if (open != close && starts(open, at)) return static_cast<void>(at_ = begin);
    }
    give_up();
  }

  // "$5", "$1,200.50 and": a price, not a formula. The figures end inside the text, or nothing can follow them.
  bool is_price(size_t at) const {
    if (at >= text_.size() || !is_digit(text_[at])) return false;
    while (at < text_.size() && (is_digit(text_[at]) || ((text_[at] == ',' || text_[at] == '.') &&
                                                         at + 1 < text_.size() && is_digit(text_[at + 1]))))
      at++;
    if (at >= text_.size()) return true;
    if (text_[at] == ' ')
      return at + 1 >= text_.size() || std::string_view("+-*/=^<>\\").find(text_[at + 1]) == kNowhere;
    return std::string_view("+-*/=^<>\\$_").find(text_[at]) == kNowhere && !is_letter(text_[at]);
  }

  void dollar() {
    const Sight two = sees("$$", at_);
    if (two == Sight::unsure) return give_up();
    if (two == Sight::yes) return pass("$$", "$$", false);
    const size_t begin = at_ + 1;
    if (is_blank(text_[begin]) || is_price(begin)) return static_cast<void>(at_ = begin);
    for (size_t at = begin; at < text_.size(); at++) {
      if (at - begin > kLongestFormula || text_[at] == '\n') return static_cast<void>(at_ = begin);
      if (text_[at] == '\\') {
        at++;
        continue;
      }
      size_t length = 0;
      if (text_[at] == '<' &&
          (sees_one(kOpening, at, length) == Sight::yes || sees_one(kClosing, at, length) == Sight::yes))
        return static_cast<void>(at_ = begin);
      if (text_[at] != '$') continue;
      // "$5 + $3": the second sign is another price's
      if (is_blank(text_[at - 1]) || std::string_view("+-*/=(").find(text_[at - 1]) != kNowhere)
        return static_cast<void>(at_ = begin);
      says_ = true;
      return static_cast<void>(at_ = at + 1);
    }
    give_up();
  }

  void backslash() {
    for (const auto& [open, close] : {std::pair{"\\[", "\\]"}, std::pair{"\\(", "\\)"}}) {
      const Sight s = sees(open, at_);
      if (s == Sight::unsure) return give_up();
      if (s == Sight::yes) return pass(open, close, false);
    }
    constexpr std::string_view kBegin = "\\begin{";
    const Sight s = sees(kBegin, at_);
    if (s == Sight::unsure) return give_up();
    if (s == Sight::no) return static_cast<void>(at_ += std::min<size_t>(2, text_.size() - at_));  // \$ is no dollar
    constexpr size_t kLongestName = 40;
    const size_t end = text_.substr(0, at_ + kBegin.size() + kLongestName).find('}', at_);
    if (end == kNowhere) {
      if (text_.size() <= at_ + kBegin.size() + kLongestName) return give_up();
      return static_cast<void>(at_ += kBegin.size());
    }
    const std::string name(text_.substr(at_ + kBegin.size(), end + 1 - at_ - kBegin.size()));
    pass(std::string(kBegin) + name, "\\end{" + name, false);
  }

  void inline_code() {
    size_t marks = 0;
    while (at_ + marks < text_.size() && text_[at_ + marks] == '`') marks++;
    if (at_ + marks >= text_.size()) return give_up();
    const std::string fence(marks, '`');
    pass(fence, fence, true);
  }

  std::string_view text_;
  size_t at_ = 0, begin_ = 0;  // begin_: of the step that is being read
  bool says_ = false;          // whether that step says something yet
  bool line_begins_ = true;
  bool unsure_ = false;  // the text ends before it is clear what comes: no more cuts
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> split_steps(std::string_view text) { return Splitter(text).run(); }

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<Step> token_steps(const std::vector<Step>& steps, const std::vector<TokenId>& ids,
                              const Tokenizer& tokenizer, bool skip_special) {
  std::vector<Step> out(steps.size());
  if (steps.empty()) return out;
  const auto stream = tokenizer.start_stream();
  size_t bytes = 0, step = 0;
  for (size_t i = 0; i < ids.size(); i++) {
    while (step + 1 < steps.size() && bytes >= steps[step].to) out[step++].to = i;
    out[std::min(step, steps.size() - 1)].to = i + 1;
    if (!(skip_special && tokenizer.is_special(ids[i]))) bytes += stream->push(ids[i]).size();
  }
  for (size_t s = 1; s < steps.size(); s++) {
    out[s].from = out[s - 1].to;
    out[s].to = std::max(out[s].to, out[s].from);
  }
  return out;
}

}  // namespace r1
