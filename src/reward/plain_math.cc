// From what models write to plain text: LaTeX commands, Markdown, Unicode signs. One pass, linear, bounded recursion.
#include <array>
#include <cstdint>
#include <utility>

#include "reward/number.h"

namespace r1 {
namespace {

constexpr int kMaxNesting = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  for (std::string_view w : words)
    if (w == word) return true;
  return false;
}

// One code point at text[i], or -1 with length 1 for a byte that starts none. Overlong forms do not matter here: they
// are never mapped to a digit because only the listed values are.
std::pair<int32_t, size_t> code_point(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || i + length > text.size()) return {-1, 1};
  int32_t value = length == 1 ? lead : lead & (0x7F >> length);
  for (size_t k = 1; k < length; k++) {
    if ((byte(i + k) & 0xC0) != 0x80) return {-1, 1};
    value = value << 6 | (byte(i + k) & 0x3F);
  }
  return {value, length};
}

bool between(int32_t c, int32_t low, int32_t high) { return c >= low && c <= high; }

// Digits that are not plain figures: other scripts, raised, lowered, circled, mathematical. Reading them as words
// would hide that a number stands there.
bool is_odd_digit(int32_t c) {
  return c == 0xB2 || c == 0xB3 || c == 0xB9 || between(c, 0x660, 0x669) || between(c, 0x6F0, 0x6F9) ||
         between(c, 0x966, 0x96F) || between(c, 0x9E6, 0x9EF) || between(c, 0xE50, 0xE59) ||
         between(c, 0x2070, 0x209C) || between(c, 0x2150, 0x218B) || between(c, 0x2460, 0x24FF) ||
         between(c, 0x2776, 0x2793) || between(c, 0x1D7CE, 0x1D7FF);
}

// Signs with a meaning that a plain number has not: roots, pi, infinity, inequalities, plus-minus, sums.
bool is_poison(int32_t c) {
  return c == '<' || c == '>' || c == 0xB1 || c == 0x3C0 || between(c, 0x2202, 0x2211) || between(c, 0x221A, 0x221E) ||
         c == 0x2213 || between(c, 0x2260, 0x226F) || is_odd_digit(c);
}

// Commands that say how something looks, or that it follows.
constexpr std::array<std::string_view, 34> kDressing = {
    "text", "mathrm", "mathbf",       "textbf", "mbox",  "operatorname", "mathit",     "textit",     "boxed",
    "fbox", "mathsf", "texttt",       "emph",   "large", "Large",        "underline",  "left",       "right",
    "quad", "qquad",  "displaystyle", "limits", "to",    "therefore",    "implies",    "Rightarrow", "rightarrow",
    "big",  "Big",    "circ",         "degree", "space", "square",       "blacksquare"};

struct Fraction {
  int32_t sign;
  std::string_view text;
};
constexpr std::array<Fraction, 18> kFractions = {{{0xBC, "1/4"},
                                                  {0xBD, "1/2"},
                                                  {0xBE, "3/4"},
                                                  {0x2150, "1/7"},
                                                  {0x2151, "1/9"},
                                                  {0x2152, "1/10"},
                                                  {0x2153, "1/3"},
                                                  {0x2154, "2/3"},
                                                  {0x2155, "1/5"},
                                                  {0x2156, "2/5"},
                                                  {0x2157, "3/5"},
                                                  {0x2158, "4/5"},
                                                  {0x2159, "1/6"},
                                                  {0x215A, "5/6"},
                                                  {0x215B, "1/8"},
                                                  {0x215C, "3/8"},
                                                  {0x215D, "5/8"},
                                                  {0x215E, "7/8"}}};

class Plainer {
 public:
  Plainer(std::string_view text, int depth) : text_(text), depth_(depth) {}

  std::string run() {
    while (at_ < text_.size()) step();
    return std::move(out_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\\') return command();
    if (c == '^' && degree_sign()) return;
    if (c == '!' && text_.substr(at_, 2) == "!=") {  // "is not"
      at_ += 2;
      return put(kPoison);
    }
    if (text_.substr(at_, 3) == "{,}") {  // LaTeX's thousands separator
      at_ += 3;
      return put(',');
    }
    if (static_cast<unsigned char>(c) >= 0x80) return unicode();
    at_++;
    ascii(c);
  }

  void ascii(char c) {
    switch (c) {
      case '$':
      case '{':
        return joint();
      case '}':
        return !out_.empty() && is_letter(out_.back()) ? put(' ') : joint();
      case '*':
        return star();
      case '_':  // an index glues ("x_2", "1_000"), emphasis does not ("_42_")
        return put(after_operand() && before_operand() ? '_' : ' ');
      case '`':
      case '"':
      case '~':
      case '\t':
      case '\r':
        return put(' ');
      case '<':
      case '>':
        return put(kPoison);
      case '&':
        return put(' ');
      default:
        return put(static_cast<unsigned char>(c) < ' ' && c != '\n' ? kPoison : c);
    }
  }

  void put(char c) { out_ += c; }

  bool after_operand() const {
    return !out_.empty() && (is_digit(out_.back()) || is_letter(out_.back()) || out_.back() == ')');
  }
  bool before_operand() const {
    if (at_ >= text_.size()) return false;
    const char c = text_[at_];
    return is_digit(c) || is_letter(c) || c == '(' || c == '{' || c == '\\';
  }

  // Emphasis or a bullet, unless it stands between two operands: "2*3", "2 * 3", "2**3".
  void star() {
    const bool twice = at_ < text_.size() && text_[at_] == '*';
    if (twice) at_++;
    const bool spaced = !out_.empty() && out_.back() == ' ' && at_ < text_.size() && text_[at_] == ' ';
    if (!(after_operand() && before_operand()) && !(spaced && operand_before_space())) return put(' ');
    put(twice ? kPoison : '*');
  }
  bool operand_before_space() const {
    const size_t last = out_.find_last_not_of(' ');
    return last != std::string::npos && (is_digit(out_[last]) || out_[last] == ')');
  }

  // A sign that disappears, yet must not glue two numbers together: "$3$4" is not 34, while "-$5" is -5.
  void joint() {
    if (!out_.empty() && (is_digit(out_.back()) || out_.back() == ',' || out_.back() == '.')) put(' ');
  }

  // ^\circ and ^{\circ} are degrees, not powers.
  bool degree_sign() {
    for (std::string_view form : {"^\\circ", "^{\\circ}", "^\\degree", "^{\\degree}", "^\xC2\xB0"})
      if (text_.substr(at_, form.size()) == form) {
        at_ += form.size();
        out_ += " deg ";
        return true;
      }
    return false;
  }

  void command() {
    at_++;
    if (at_ >= text_.size()) return put(' ');
    if (!is_letter(text_[at_])) return sign_command(text_[at_++]);
    const size_t begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) at_++;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (one_of(name, std::array<std::string_view, 4>{"frac", "dfrac", "tfrac", "cfrac"})) return fraction();
    if (one_of(name, kDressing)) return put(' ');  // braces fall away by themselves
    if (name == "begin" || name == "end") return static_cast<void>(argument()), put(' ');
    if (one_of(name, std::array<std::string_view, 2>{"times", "cdot"})) return put('*');
    if (name == "div") return put('/');
    if (one_of(name, std::array<std::string_view, 3>{"approx", "equiv", "simeq"})) return put('=');
    if (one_of(name, std::array<std::string_view, 3>{"ldots", "dots", "cdots"})) return static_cast<void>(out_ += "..");
    put(kPoison);
  }

  void sign_command(char c) {
    switch (c) {
      case ',':
      case ';':
      case ':':
      case '!':
      case ' ':
        return put(kThinSpace);
      case '%':
        return put('%');
      case '$':
      case '(':
      case ')':
      case '[':
      case ']':
      case '{':
      case '}':
        return joint();
      default:
        return put(c == '\\' ? ';' : ' ');
    }
  }

  // The next argument of a command: {balanced} or one character. Empty when there is none.
  std::string_view argument() {
    while (at_ < text_.size() && text_[at_] == ' ') at_++;
    if (at_ >= text_.size()) return {};
    if (text_[at_] != '{') return text_.substr(at_++, 1);
    const size_t begin = ++at_;
    for (int open = 1; at_ < text_.size(); at_++) {
      if (text_[at_] == '{') open++;
      if (text_[at_] == '}' && --open == 0) return text_.substr(begin, at_++ - begin);
    }
    return {};
  }

  void fraction() {
    const std::string_view upper = argument(), lower = argument();
    std::string a, b;
    if (depth_ < kMaxNesting) {
      a = Plainer(upper, depth_ + 1).run();
      b = Plainer(lower, depth_ + 1).run();
    }
    if (!is_plain_number(a) || !is_plain_number(b)) return put(kPoison);
    if (!out_.empty() && is_digit(out_.back())) put(' ');  // 1\frac{1}{2} is a mixed number
    out_ += a + '/' + b + ' ';
  }

  // Only figures, sign and separators: what may stand above or below a fraction bar.
  static bool is_plain_number(std::string& s) {
    while (!s.empty() && s.back() == ' ') s.pop_back();
    s.erase(0, s.find_first_not_of(' ') == std::string::npos ? s.size() : s.find_first_not_of(' '));
    if (s.empty() || !(is_digit(s.back()))) return false;
    for (size_t i = 0; i < s.size(); i++) {
      const bool sign = i == 0 && (s[i] == '-' || s[i] == '+');
      if (!sign && !is_digit(s[i]) && s[i] != ',' && s[i] != '.' && s[i] != kThinSpace) return false;
    }
    return true;
  }

  void unicode() {
    const auto [c, length] = code_point(text_, at_);
    const std::string_view bytes = text_.substr(at_, length);
    at_ += length;
    if (c < 0) return put(kPoison);
    for (const Fraction& f : kFractions)
      if (f.sign == c) {
        if (!out_.empty() && is_digit(out_.back())) put(' ');
        out_ += f.text;
        return put(' ');
      }
    if (c == 0x2212 || between(c, 0x2010, 0x2013) || c == 0xFF0D || c == 0xFE63) return put('-');
    if (c == 0xA0 || c == 0x202F || between(c, 0x2007, 0x2009)) return put(kThinSpace);
    if (c == 0x3000 || between(c, 0x2000, 0x200D) || c == 0xFEFF || c == 0x201C || c == 0x201D) return put(' ');
    if (between(c, 0xFF10, 0xFF19)) return put(static_cast<char>('0' + c - 0xFF10));
    if (c == 0xFF0E) return put('.');
    if (c == 0xFF0B) return put('+');
    if (c == 0xFF1D || c == 0x2248) return put('=');
    if (c == 0xFF05) return put('%');
    if (c == 0xFF0C || c == 0x3001 || c == 0x2014) return put(';');
    if (c == 0x3002) return put('\n');
    if (c == 0xD7 || c == 0xB7 || c == 0x22C5) return put('*');
    if (c == 0xF7 || c == 0x2044 || c == 0x2215) return put('/');
    if (c == 0x2026) return static_cast<void>(out_ += "..");
    if (c == 0xB0) return static_cast<void>(out_ += " deg ");
    if (between(c, 0x20A0, 0x20C0) || between(c, 0xA2, 0xA5) || c == 0xFF04 || c == 0xFFE5) return joint();
    if (c == 0xFF5E || c == 0x301C || c == 0x223C) return put(' ');
    if ((c == 0xB2 || c == 0xB3) && !out_.empty() && is_letter(out_.back()))  // cm², x³; 5² is no plain number
      return static_cast<void>(out_ += c == 0xB2 ? "^2" : "^3");
    if (is_poison(c)) return put(kPoison);
    out_ += bytes;
  }

  std::string_view text_;
  int depth_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string plain_math(std::string_view text) { return Plainer(text, 0).run(); }

}  // namespace r1
