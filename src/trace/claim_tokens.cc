#include "trace/claim_tokens.h"

#include <algorithm>
#include <array>

#include "text/unicode.h"
#include "trace/claim_words.h"

namespace r1 {
namespace {

using Kind = ClaimKind;
constexpr size_t kMostDigits = 40;
constexpr uint32_t kFirstHan = 0x2E80;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<ClaimToken> run() {
    while (at_ < text_.size()) one();
    return std::move(out_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts(std::string_view part) const { return text_.substr(at_, part.size()) == part; }
  size_t after_blanks(size_t at) const {
    const size_t next = text_.find_first_not_of(" \t\r", at);
    return next == std::string_view::npos ? text_.size() : next;
  }

  ClaimToken& push(Kind kind, size_t length, char op = 0) {
    ClaimToken t;
    t.kind = kind;
    t.op = op;
    t.from = at_;
    t.to = at_ += length;
    t.spaced = spaced_;
    spaced_ = false;
    out_.push_back(std::move(t));
    return out_.back();
  }
  void blank(size_t length) {
    at_ += length;
    spaced_ = true;
  }
  Kind last() const { return out_.empty() ? Kind::stop : out_.back().kind; }
  bool after_operand() const {
    return last() == Kind::number || last() == Kind::close || last() == Kind::word || last() == Kind::scale ||
           (last() == Kind::op && (out_.back().op == '%' || out_.back().op == '!'));
  }

  void one() {
    const char c = peek();
    if (c == ' ' || c == '\t' || c == '\r') return blank(1);
    if (c == '\n') return line_end();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (is_letter(c)) return word();
    if (c == '\\') return command();
    if (c == '<') return angle();
    if (static_cast<unsigned char>(c) >= 0x80) return wide();
    sign(c);
  }

  void line_end() {
    const size_t next = text_.find_first_not_of(" \t\r\n", at_);
    const std::string_view rest = next == std::string_view::npos ? "" : text_.substr(next);
    const bool goes_on = (rest.starts_with("=") || rest.starts_with("≈") || rest.starts_with("&=")) ||
                         ((last() == Kind::equals || last() == Kind::op) && !out_.empty() && out_.back().op != '%');
    goes_on ? blank(1) : static_cast<void>(push(Kind::stop, 1));
    spaced_ = true;
  }

  void angle() {
    for (std::string_view tag : {"<think>", "</think>", "<answer>", "</answer>"})
      if (starts(tag)) {
        push(Kind::stop, tag.size());
        spaced_ = true;
        return;
      }
    push(Kind::poison, 1);
  }

  void sign(char c) {
    switch (c) {
      case '+':
        return static_cast<void>(push(peek(1) == '-' ? Kind::poison : Kind::op, 1, c));
      case '/':
      case '^':
      case '%':
        return static_cast<void>(push(Kind::op, peek(1) == c ? 2 : 1, c));
      case '-':
        if (peek(1) == '>') return static_cast<void>(push(Kind::stop, 2));
        if (last() == Kind::stop && peek(1) == ' ') return static_cast<void>(push(Kind::stop, 1));  // a list's
        return static_cast<void>(peek(1) == '-' ? push(Kind::stop, 2) : push(Kind::op, 1, c));
      case '*':
        return star();
      case '!':
        if (peek(1) == '=') return static_cast<void>(push(Kind::poison, 2));
        return static_cast<void>(last() == Kind::number && !spaced_ ? push(Kind::op, 1, c) : push(Kind::stop, 1));
      case '=':
        if (peek(1) == '>') return static_cast<void>(push(Kind::stop, 2));
        return static_cast<void>(push(Kind::equals, peek(1) == '=' ? 2 : 1));
      case '~':
        if (peek(1) == '=') return static_cast<void>(push(Kind::equals, 2).approximate = true);
        return static_cast<void>(push(Kind::about, 1));
      case '(':
      case '[':
      case '{':
        return static_cast<void>(push(Kind::open, 1));
      case ')':
      case ']':
      case '}':
        return static_cast<void>(push(Kind::close, 1));
      case '$':
        return dollar(1);
      case ',':
        return comma();
      case ':':
        return static_cast<void>(push(
            peek(1) == '=' || (is_digit(peek(1)) && last() == Kind::number && !spaced_) ? Kind::poison : Kind::stop,
            1));
      case '>':
      case '_':
      case '#':
      case '@':
        return static_cast<void>(push(Kind::poison, 1));
      case '"':
      case '\'':
      case '`':
      case '&':
        return blank(1);
      default:
        push(Kind::stop, 1);
    }
  }

  // A product, a power, a bullet or emphasis.
  void star() {
    const size_t length = peek(1) == '*' ? 2 : 1;
    const size_t next = after_blanks(at_ + length);
    const char after = next < text_.size() ? text_[next] : '\0';
    const bool operand =
        is_digit(after) || after == '(' || after == '$' || after == '-' || after == '.' || after == '\\';
    const bool emphasis = spaced_ && next == at_ + length && (last() == Kind::word || length == 2);
    const bool letter = at_ > 0 && is_letter(text_[at_ - 1]);
    if ((!after_operand() && !letter) || !operand || emphasis) return blank(length);
    push(Kind::op, length, length == 2 ? '^' : '*');
  }

  // A price's sign, or one of LaTeX's: nothing in either case but a name for the number that follows.
  void dollar(size_t length) {
    blank(length);
    currency_ = "dollar";
  }

  void comma() {
    const bool list = last() == Kind::number && !spaced_ && is_digit(peek(1));
    push(list ? Kind::poison : Kind::comma, 1);
  }

  // ---- numbers

  bool three_digits(size_t at) const {
    for (size_t i = at; i < at + 3; i++)
      if (i >= text_.size() || !is_digit(text_[i])) return false;
    return at + 3 >= text_.size() || !is_digit(text_[at + 3]);
  }

  void number() {
    const size_t begin = at_;
    std::string digits;
    size_t at = at_;
    while (at < text_.size() && is_digit(text_[at])) digits += text_[at++];
    for (bool more = digits.size() <= 3 && !digits.empty(); more;) {
      more = false;
      for (std::string_view separator : {",", "{,}", "\\,", "\u2009", "\u202F", " "})
        if (!more && text_.substr(at, separator.size()) == separator && three_digits(at + separator.size())) {
          if (separator == " " && text_.substr(at + 1, 3) != "000") continue;  // 10 000, not 5 120
          digits += text_.substr(at + separator.size(), 3);
          at += separator.size() + 3;
          more = true;
        }
    }
    int decimals = 0;
    if (at + 1 < text_.size() && text_[at] == '.' && is_digit(text_[at + 1]))
      for (at++; at < text_.size() && is_digit(text_[at]); at++, decimals++) digits += text_[at];
    const bool versions = at + 1 < text_.size() && text_[at] == '.' && is_digit(text_[at + 1]);
    if (versions || digits.size() > kMostDigits) {
      while (at < text_.size() && (is_digit(text_[at]) || text_[at] == '.')) at++;
      push(Kind::poison, at - begin);
      return;
    }
    ClaimToken& t = push(Kind::number, at - begin);
    t.value = Rational(whole(digits));
    for (int i = 0; i < decimals; i++) t.value /= 10;
    t.decimals = decimals;
    t.word = std::move(currency_);
    currency_.clear();
    if (starts("...") || starts("…")) {
      t.cut_off = true;
      at_ += 3;
    } else if (starts("\\ldots") || starts("\\dots")) {
      t.cut_off = true;
      at_ += starts("\\ldots") ? 6 : 5;
    }
    behind_number();
  }
  static boost::multiprecision::cpp_int whole(const std::string& digits) {
    boost::multiprecision::cpp_int value = 0;
    for (char c : digits) value = value * 10 + (c - '0');
    return value;
  }

  // Letters glued to a number: 5kg, 2x3, 3rd, 2x.
  void behind_number() {
    if (peek() == '-' && is_letter(peek(1)) && is_letter(peek(2))) {  // "5-year", "24-hour": a unit
      at_++;
      return;
    }
    if (!is_letter(peek())) return;
    if (is_times()) return static_cast<void>(push(Kind::op, 1, '*'));
    size_t end = at_;
    while (end < text_.size() && is_letter(text_[end])) end++;
    const std::string glued = lowered(text_.substr(at_, end - at_));
    if (glued == "st" || glued == "nd" || glued == "rd" || glued == "th" || glued == "am" || glued == "pm")
      push(Kind::poison, end - at_);
  }
  // An x between two numbers.
  bool is_times() const {
    if ((peek() != 'x' && peek() != 'X') || !after_operand()) return false;
    const size_t next = after_blanks(at_ + 1);
    const char after = next < text_.size() ? text_[next] : '\0';
    return is_digit(after) || after == '(' || after == '$' || (after == '.' && next > at_ + 1);
  }

  // ---- words

  static std::string lowered(std::string_view text) {
    std::string out(text);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
  }
  // Where the word at `at` ends; digits belong to it ("x1"), a hyphen or an apostrophe between letters does.
  size_t word_end(size_t at) const {
    const size_t begin = at;
    while (at < text_.size()) {
      const char c = text_[at];
      const size_t sign = c == '-' || c == '\'' ? 1 : text_.substr(at, 3) == "’" ? 3 : 0;
      const bool inner = sign > 0 && at > begin && at + sign < text_.size() && is_letter(text_[at + sign]);
      if (!is_letter(c) && !(is_digit(c) && at > begin) && !inner) break;
      at += inner ? sign : 1;
    }
    return at;
  }
  // The length of `phrase` in words from here, any blanks between them; 0: something else stands here.
  size_t phrase_length(std::string_view phrase) const {
    size_t at = at_;
    for (size_t begin = 0; begin <= phrase.size();) {
      const size_t end = std::min(phrase.find(' ', begin), phrase.size());
      if (begin > 0) {
        const size_t next = after_blanks(at);
        if (next == at) return 0;
        at = next;
      }
      const size_t stop = word_end(at);
      if (stop == at || lowered(text_.substr(at, stop - at)) != phrase.substr(begin, end - begin)) return 0;
      at = stop;
      begin = end + 1;
    }
    return at - at_;
  }

  void word() {
    if (is_times()) return static_cast<void>(push(Kind::op, 1, '*'));
    const size_t end = word_end(at_);
    const std::string here = lowered(text_.substr(at_, end - at_));
    if (share(here, end)) return;
    const bool glued = last() == Kind::number && !spaced_ && !out_.empty();
    if (glued && here == "k") return scale(1, 1000, 'x');
    if (!glued)
      for (const ClaimPhrase& p : claim_phrases()) {
        if (p.words[0] != here[0]) continue;
        if (const size_t length = phrase_length(p.words)) return phrase(p, length);
      }
    if (const int n = glued ? -1 : claim_number_of(here); n >= 0) {
      ClaimToken& t = push(Kind::number, end - at_);
      t.value = n;
      t.in_words = true;
      t.word = here;
      return;
    }
    ClaimToken& t = push(Kind::word, end - at_);
    t.word = here;
    t.glued = glued;
  }
  void phrase(const ClaimPhrase& p, size_t length) {
    if (p.kind == Kind::rest && last() != Kind::number && !(last() == Kind::word && p.words != "r")) {
      push(Kind::word, length).word = p.words;
      return;
    }
    if (p.kind == Kind::scale) return scale(length, p.num, p.op);
    ClaimToken& t = push(p.kind, length, p.op);
    t.word = p.words;
    if (p.kind == Kind::factor) t.value = p.num;
  }
  void scale(size_t length, int64_t by, char op) {
    ClaimToken& t = push(Kind::scale, length, op);
    t.value = by;
    t.word = "scale";
  }

  // "half of", "a third of", "two thirds of": a number, where something it is of follows.
  bool share(const std::string& first, size_t end) {
    int parts = claim_part_of(first), count = 1;
    size_t stop = end;
    const size_t dash = first.find('-');
    if (dash != std::string::npos && claim_number_of(first.substr(0, dash)) > 0) {
      count = claim_number_of(first.substr(0, dash));
      parts = claim_part_of(first.substr(dash + 1));
    } else if (parts == 0 && (first == "a" || first == "an" || claim_number_of(first) > 0)) {
      count = std::max(1, claim_number_of(first));
      const size_t next = after_blanks(end);
      stop = word_end(next);
      parts = claim_part_of(lowered(text_.substr(next, stop - next)));
    }
    if (parts == 0) return false;
    const size_t of = after_blanks(stop), of_end = word_end(of);
    if (lowered(text_.substr(of, of_end - of)) != "of") return false;
    ClaimToken& t = push(Kind::number, stop - at_);
    t.value = Rational(count, parts);
    t.decimals = -1;
    t.share = true;
    return true;
  }

  // ---- LaTeX

  std::string_view braces() {  // balanced, or one character; moves past it
    at_ = after_blanks(at_);
    if (peek() != '{') {
      const std::string_view one = text_.substr(at_, 1);
      at_ += one.size();
      return one;
    }
    const size_t begin = ++at_;
    for (int open = 1; at_ < text_.size(); at_++) {
      if (text_[at_] == '{') open++;
      if (text_[at_] == '}' && --open == 0) return text_.substr(begin, at_++ - begin);
    }
    return text_.substr(begin);
  }
  // The tokens of an argument, as if they stood at `from`.
  void inside(std::string_view text, bool brackets) {
    if (depth_ >= 8) return static_cast<void>(push(Kind::poison, 0));
    Lexer inner(text);
    inner.depth_ = depth_ + 1;
    const size_t from = static_cast<size_t>(text.data() - text_.data());
    if (brackets) push(Kind::open, 0);
    for (ClaimToken& t : inner.run()) {
      t.from += from;
      t.to += from;
      out_.push_back(std::move(t));
    }
    if (brackets) push(Kind::close, 0);
  }

  void command() {
    if (!is_letter(peek(1))) {
      const char c = peek(1);
      if (c == '$') return dollar(2);
      if (c == '%') return static_cast<void>(push(Kind::op, 2, '%'));
      if (c == '\\') return blank(2);
      return blank(c == '\0' ? 1 : 2);
    }
    size_t end = at_ + 1;
    while (end < text_.size() && is_letter(text_[end])) end++;
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    const size_t length = end - at_;
    if (name == "times" || name == "cdot") return static_cast<void>(push(Kind::op, length, '*'));
    if (name == "div") return static_cast<void>(push(Kind::op, length, '/'));
    if (name == "approx" || name == "simeq") return static_cast<void>(push(Kind::equals, length).approximate = true);
    if (name == "left" || name == "right" || name == "quad" || name == "qquad" || name == "displaystyle")
      return blank(length);
    if (name == "frac" || name == "dfrac" || name == "tfrac") {
      at_ = end;
      const std::string_view upper = braces();
      const std::string_view lower = braces();
      push(Kind::open, 0).share = true;
      inside(upper, true);
      push(Kind::op, 0, '/');
      inside(lower, true);
      push(Kind::close, 0);
      return;
    }
    if (name == "sqrt")
      return static_cast<void>(push(peek(length) == '[' ? Kind::poison : Kind::function, length, 'V'));
    if (name == "text" || name == "mathrm" || name == "textbf" || name == "mathbf" || name == "boxed") {
      at_ = end;
      spaced_ = true;
      inside(braces(), false);
      return;
    }
    push(Kind::poison, length);
  }

  // ---- beyond ASCII

  void wide() {
    struct Sign {
      std::string_view text;
      Kind kind;
      char op;
    };
    static constexpr Sign kSigns[] = {
        {"×", Kind::op, '*'},     {"✕", Kind::op, '*'},     {"·", Kind::op, '*'},     {"∙", Kind::op, '*'},
        {"⋅", Kind::op, '*'},     {"÷", Kind::op, '/'},     {"∕", Kind::op, '/'},     {"⁄", Kind::op, '/'},
        {"／", Kind::op, '/'},    {"−", Kind::op, '-'},     {"–", Kind::op, '-'},     {"‐", Kind::op, '-'},
        {"－", Kind::op, '-'},    {"＋", Kind::op, '+'},    {"％", Kind::op, '%'},    {"＝", Kind::equals, 0},
        {"≈", Kind::equals, '~'}, {"≅", Kind::equals, '~'}, {"≃", Kind::equals, '~'}, {"（", Kind::open, 0},
        {"）", Kind::close, 0},   {"，", Kind::comma, 0},   {"、", Kind::comma, 0},   {"√", Kind::function, 'V'}};
    for (const Sign& s : kSigns)
      if (starts(s.text)) {
        push(s.kind, s.text.size(), s.op).approximate = s.op == '~';
        return;
      }
    if (fraction_sign() || power_sign() || currency()) return;
    size_t next = at_;
    const uint32_t code = next_code_point(text_, next);
    if (code == 0xFFFFFFFF) return static_cast<void>(push(Kind::poison, next - at_));
    if (is_white_space(code) || code == 0x201C || code == 0x201D || code == 0x2018 || code == 0x2019)
      return blank(next - at_);
    if (is_numeric(code) && !starts("一") && code < kFirstHan) return static_cast<void>(push(Kind::poison, next - at_));
    if (code >= 0xFF10 && code <= 0xFF19) return static_cast<void>(push(Kind::poison, next - at_));
    if (is_punctuation(code)) return static_cast<void>(push(Kind::stop, next - at_));
    if (code >= kFirstHan) return han(next - at_);
    if ((code >= 0x2190 && code <= 0x21FF) || code == 0x2026) return static_cast<void>(push(Kind::stop, next - at_));
    if (code == 0xB0) return static_cast<void>(push(Kind::word, next - at_).word = "deg");
    if (code >= 0x2200 || (code >= 0x370 && code < 0x400) || code == 0xB1)
      return static_cast<void>(push(Kind::poison, next - at_));
    push(Kind::word, next - at_).word = "letters";
  }

  bool fraction_sign() {
    struct Fraction {
      std::string_view text;
      int num, den;
    };
    static constexpr Fraction kFractions[] = {{"½", 1, 2}, {"⅓", 1, 3}, {"⅔", 2, 3}, {"¼", 1, 4}, {"¾", 3, 4},
                                              {"⅕", 1, 5}, {"⅖", 2, 5}, {"⅗", 3, 5}, {"⅘", 4, 5}, {"⅙", 1, 6},
                                              {"⅛", 1, 8}, {"⅜", 3, 8}, {"⅝", 5, 8}, {"⅞", 7, 8}};
    for (const Fraction& f : kFractions) {
      if (!starts(f.text)) continue;
      const bool mixed = last() == Kind::number && out_.back().decimals == 0 && !out_.back().share;
      if (mixed) {
        out_.back().value += Rational(f.num, f.den);
        out_.back().decimals = -1;
        out_.back().to = at_ += f.text.size();
        return true;
      }
      ClaimToken& t = push(Kind::number, f.text.size());
      t.value = Rational(f.num, f.den);
      t.decimals = -1;
      t.share = true;
      return true;
    }
    return false;
  }
  bool power_sign() {
    for (const auto& [text, n] : {std::pair{std::string_view("²"), 2}, std::pair{std::string_view("³"), 3}})
      if (starts(text)) {
        const bool unit = last() == Kind::word;  // cm²
        unit ? static_cast<void>(push(Kind::word, text.size()).word = "power") : scale(text.size(), n, '^');
        return true;
      }
    return false;
  }
  bool currency() {
    for (const auto& [text, name] : {std::pair{"€", "euro"}, std::pair{"£", "pound"}, std::pair{"¥", "yen"},
                                     std::pair{"￥", "yen"}, std::pair{"＄", "dollar"}, std::pair{"₹", "rupee"}})
      if (starts(text)) {
        blank(std::string_view(text).size());
        currency_ = name;
        return true;
      }
    return false;
  }

  // A Chinese figure (二, 两, 十); -1: none.
  int han_digit(size_t at) const {
    if (text_.substr(at, 3) == "两") return 2;
    for (size_t i = 0; i < kClaimHanDigits.size(); i++)
      if (text_.substr(at, 3) == kClaimHanDigits[i]) return static_cast<int>(i);
    return -1;
  }

  void han(size_t length) {
    constexpr size_t kBytes = 3;
    // 三分之二, 百分之二十 is left to words: figures alone
    if (const int low = han_digit(at_); low >= 0) {
      const int high = text_.substr(at_ + kBytes, 2 * kBytes) == "分之" ? han_digit(at_ + 3 * kBytes) : -1;
      if (high >= 0 && low > 0) {
        ClaimToken& t = push(Kind::number, 4 * kBytes);
        t.value = Rational(high, low);
        t.decimals = -1;
        t.share = true;
        return;
      }
      if (text_.substr(at_ + kBytes, kBytes) == "倍") {
        push(Kind::number, kBytes).value = low;
        return;
      }
    }
    for (const ClaimPhrase& p : claim_han_phrases()) {
      if (!starts(p.words)) continue;
      if (p.kind == Kind::scale) return scale(p.words.size(), p.num, p.op);
      ClaimToken& t = push(p.kind == Kind::about && p.op == '=' ? Kind::is : p.kind, p.words.size(), p.op);
      t.word = p.words;
      t.approximate = p.kind == Kind::about && p.op == '=';
      if (p.kind == Kind::number) {
        t.value = Rational(p.num, p.den);
        t.decimals = -1;
        t.share = true;
      }
      return;
    }
    ClaimToken& t = push(Kind::word, length);
    t.word = "字";
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  bool spaced_ = true;
  std::string currency_;  // of the sign before the next number
  std::vector<ClaimToken> out_;
};

}  // namespace

std::vector<ClaimToken> claim_tokens(std::string_view text) { return Lexer(text).run(); }

}  // namespace r1
