// Finding numbers in plain text (what plain_math leaves). A scanner from left to right; what stands around a number
// decides whether it is one: letters glued to it, operators, powers, a word that changes its value.
#include "reward/number.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace r1 {
namespace {

constexpr size_t kMostDigits = 1000;  // of one number, the zeros of an exponent included: bounds all arithmetic
constexpr size_t kMostExponentFigures = 6;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || c == kThinSpace; }

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Units that people write without a space. Not "k" or "M", which change the value, and not "x".
bool is_glued_unit(std::string_view word) {
  static constexpr std::array<std::string_view, 37> units = {
      "mm",  "cm",  "m",   "km", "in", "ft", "yd", "mi",  "mg",  "g",    "kg", "lb", "lbs",
      "oz",  "ml",  "l",   "cl", "dl", "s",  "ms", "sec", "min", "mins", "h",  "hr", "hrs",
      "mph", "kph", "kmh", "am", "pm", "c",  "f",  "usd", "eur", "deg",  "pcs"};
  return one_of(lower(word), units);
}

// Words after a number that make another number of it.
bool is_scale(std::string_view word) {
  static constexpr std::array<std::string_view, 23> scales = {
      "hundred", "thousand", "million",   "billion", "trillion", "half",      "halves",     "thirds",
      "dozen",   "fourths",  "fifths",    "sixths",  "eighths",  "tenths",    "hundredths", "thousandths",
      "squared", "cubed",    "factorial", "k",       "mil",      "thousands", "millions"};
  return one_of(lower(word), scales);
}

// Words before a number that make another number of it, or none.
bool is_negation(std::string_view word) {
  static constexpr std::array<std::string_view, 10> words = {"minus", "negative", "not",    "isnt", "never",
                                                             "plus",  "over",     "except", "root", "log"};
  return one_of(lower(word), words);
}

// "x", "n": a letter that stands for a number. Units and the article are none.
bool is_variable(std::string_view word) {
  return word.size() == 1 && word != "a" && word != "I" && !is_glued_unit(word);
}

boost::multiprecision::cpp_int whole_of(std::string_view digits) {
  boost::multiprecision::cpp_int value = 0;
  for (size_t at = 0; at < digits.size();) {
    const size_t part = std::min<size_t>(18, digits.size() - at);
    uint64_t chunk = 0, scale = 1;
    for (size_t k = 0; k < part; k++) chunk = chunk * 10 + static_cast<uint64_t>(digits[at + k] - '0'), scale *= 10;
    value = at == 0 ? boost::multiprecision::cpp_int(chunk) : value * scale + chunk;
    at += part;
  }
  return value;
}

Rational power_of_ten(int64_t exponent) {
  const boost::multiprecision::cpp_int power =
      boost::multiprecision::pow(boost::multiprecision::cpp_int(10), static_cast<unsigned>(std::abs(exponent)));
  return exponent < 0 ? Rational(1, power) : Rational(power);
}

// Digits with point and exponent, before they are multiplied out.
struct Figures {
  std::string digits;
  int64_t decimals = 0, exponent = 0;
  bool too_large = false;

  bool whole() const { return decimals == 0 && exponent == 0; }
  bool zero() const { return digits.find_first_not_of('0') == std::string::npos; }
  bool fits() const {
    return !too_large && digits.size() + static_cast<size_t>(std::abs(exponent - decimals)) <= kMostDigits;
  }
  Rational value() const {
    const Rational n(whole_of(digits));
    return exponent == decimals ? n : n * power_of_ten(exponent - decimals);
  }
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : p_(text) {}

  std::vector<NumberToken> run() {
    std::vector<NumberToken> out;
    for (size_t i = 0; i < p_.size();) {
      if (!starts_number(i)) {
        i++;
        continue;
      }
      NumberToken token;
      if (read(i, token)) out.push_back(std::move(token));
      i = at_;
    }
    return out;
  }

 private:
  char get(size_t i) const { return i < p_.size() ? p_[i] : '\0'; }
  bool digit(size_t i) const { return is_digit(get(i)); }
  bool starts_number(size_t i) const { return digit(i) || (p_[i] == '.' && digit(i + 1) && get(i - 1) != '.'); }
  size_t skip_blanks(size_t i) const {
    while (i < p_.size() && is_blank(p_[i])) i++;
    return i;
  }
  // One past the last character before i that is not blank; 0 when there is none.
  size_t back_over_blanks(size_t i) const {
    while (i > 0 && is_blank(p_[i - 1])) i--;
    return i;
  }

  // A letter ends at i: ASCII, or one of the alphabets whose letters glue to digits (Latin, Greek, Cyrillic; not CJK,
  // which is written without spaces).
  bool letter_ends(size_t i) const {
    if (i == 0) return false;
    if (is_letter(p_[i - 1]) || p_[i - 1] == '_') return true;
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(p_[k]); };
    return i >= 2 && (byte(i - 1) & 0xC0) == 0x80 && byte(i - 2) >= 0xC3 && byte(i - 2) <= 0xD4;
  }
  std::string_view word_before(size_t i) const {
    size_t begin = i;
    while (begin > 0 && is_letter(p_[begin - 1])) begin--;
    return p_.substr(begin, i - begin);
  }
  std::string_view word_after(size_t i) const {
    size_t end = i;
    while (end < p_.size() && is_letter(p_[end])) end++;
    return p_.substr(i, end - i);
  }

  // Reads the token whose digits start at `i`; at_ ends behind it. False when it is part of a unit (m^2).
  bool read(size_t i, NumberToken& t) {
    t.begin = i;
    if (letter_ends(i)) return word_token(t);
    if (i > 0 && p_[i - 1] == '^') return power_token(t);
    at_ = i;
    t.readable = magnitude(t.number);
    sign(i, t);
    trailer(t);
    t.end = at_;
    if (t.readable) t.readable = fits_before(t.begin, i) && fits_after(t.end);
    return true;
  }

  void pass_word() {
    while (at_ < p_.size() && (is_letter(p_[at_]) || is_digit(p_[at_]) || p_[at_] == '_')) at_++;
  }
  bool word_token(NumberToken& t) {
    at_ = t.begin + 1;
    pass_word();
    t.end = at_;
    t.word = true;
    return true;
  }
  bool power_token(NumberToken& t) {
    at_ = t.begin + 1;
    pass_word();
    t.end = at_;
    const std::string_view base = word_before(t.begin - 1);
    const std::string_view power = p_.substr(t.begin, t.end - t.begin);
    t.word = !base.empty();
    return !((power == "2" || power == "3") && is_glued_unit(base));
  }

  // ---- the number itself

  bool group_at(size_t i, char separator) const {
    return get(i) == separator && digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4);
  }

  Figures figures() {
    Figures f;
    const size_t start = at_;
    while (digit(at_)) f.digits += p_[at_++];
    const char separator = get(at_);
    if (at_ - start <= 3 && digit(start) && p_[start] != '0' && (separator == ',' || separator == kThinSpace))
      for (; group_at(at_, separator); at_ += 4) f.digits += p_.substr(at_ + 1, 3);
    if (get(at_) == '.' && digit(at_ + 1))
      for (at_++; digit(at_); at_++, f.decimals++) f.digits += p_[at_];
    exponent(f);
    const size_t zeros = std::min(f.digits.find_first_not_of('0'), f.digits.size());
    f.digits.erase(0, zeros);
    return f;
  }

  void exponent(Figures& f) {
    size_t i = at_;
    if (get(i) == 'e' || get(i) == 'E') {
      i++;
    } else {  // 1.5 * 10^3
      i = skip_blanks(i);
      if (get(i) != '*') return;
      i = skip_blanks(i + 1);
      if (p_.substr(i, 3) != "10^") return;
      i += 3;
    }
    const bool negative = get(i) == '-';
    if (negative || get(i) == '+') i++;
    if (!digit(i)) return;
    const size_t first = i;
    for (; digit(i); i++)
      if (i - first < kMostExponentFigures) f.exponent = f.exponent * 10 + (p_[i] - '0');
    f.too_large = i - first > kMostExponentFigures;
    if (negative) f.exponent = -f.exponent;
    at_ = i;
  }

  bool magnitude(ExactNumber& n) {
    const Figures f = figures();
    bool readable = f.fits();
    if (readable) n.value = f.value();
    n.decimals = static_cast<int>(std::min<int64_t>(f.decimals, kMostDigits));
    if (get(at_) == '.' && digit(at_ + 1)) {  // 1.2.3
      while (digit(at_) || (get(at_) == '.' && digit(at_ + 1))) at_++;
      readable = false;
    }
    if (f.decimals > 0 && p_.substr(at_, 2) == "..") readable = false;  // 0.333...
    const size_t bar = bar_at(at_);
    if (bar != 0) return fraction(n, bar) && readable;
    if (f.whole()) mixed(n);
    return readable;
  }

  // Where a fraction bar with a number behind it stands, at most one blank on either side; 0 when there is none.
  size_t bar_at(size_t i) const {
    if (is_blank(get(i))) i++;
    if (get(i) != '/') return 0;
    size_t k = i + 1;
    if (is_blank(get(k))) k++;
    if (get(k) == '-' || get(k) == '+') k++;
    return digit(k) || get(k) == '(' || get(k) == kPoison ? i : 0;
  }

  bool fraction(ExactNumber& n, size_t bar) {
    at_ = bar + 1;
    if (is_blank(get(at_))) at_++;
    const bool negative = get(at_) == '-';
    if (negative || get(at_) == '+') at_++;
    if (!digit(at_)) return false;
    const Figures lower = figures();
    n.decimals = -1;
    bool readable = lower.fits() && !lower.zero();
    if (readable) n.value /= negative ? -lower.value() : lower.value();
    for (size_t bar2; (bar2 = bar_at(at_)) != 0;) {  // 1/2/3, dates
      readable = false;
      at_ = bar2 + 1;
      while (at_ < p_.size() && !digit(at_) && p_[at_] != '(' && p_[at_] != kPoison) at_++;
      if (!digit(at_)) break;
      figures();
    }
    return readable;
  }

  // 1 3/4: a whole number, a blank, a fraction below one.
  void mixed(ExactNumber& n) {
    const size_t kept = at_;
    const size_t next = skip_blanks(at_);
    if (next == at_ || next > at_ + 2 || !digit(next)) return;
    at_ = next;
    const Figures upper = figures();
    const size_t bar = bar_at(at_);
    ExactNumber part;
    if (upper.whole() && upper.fits() && bar != 0) {
      part.value = upper.value();
      if (fraction(part, bar) && part.value > 0 && part.value < 1) {
        n.value += part.value;
        n.decimals = -1;
        return;
      }
    }
    at_ = kept;
  }

  // ---- what stands before

  // Takes a minus or plus into the token when it is a sign, leaves it outside when it subtracts, and gives the token up
  // when it could be either.
  void sign(size_t digits, NumberToken& t) {
    const size_t mark_end = back_over_blanks(digits);
    if (mark_end == 0) return;
    const char mark = p_[mark_end - 1];
    if (mark != '-' && mark != '+') return;
    const bool attached = mark_end == digits, spaced = mark_end >= 2 && is_blank(p_[mark_end - 2]);
    const size_t before_end = back_over_blanks(mark_end - 1);
    const char before = before_end == 0 ? '\0' : p_[before_end - 1];
    if (is_digit(before) || before == ')' || before == '%') return;  // subtracts
    if (before == '-' || before == '+') return void(t.readable = false);
    if (letter_ends(before_end)) {
      const std::string_view word = word_before(before_end);
      if (!attached || !spaced || is_variable(word)) {  // "x - 2", "answer - 42", "COVID-19"
        t.readable = false;
        t.word = !spaced && word.size() > 1;
        return;
      }
    }
    if (!attached && before == '\n') return void(t.readable = false);  // a bullet, or a sign
    if (mark == '-') t.number.value = -t.number.value;
    t.begin = mark_end - 1;
  }

  bool fits_before(size_t begin, size_t digits) const {
    const char adjacent = begin > 0 ? p_[begin - 1] : ' ';
    if (adjacent == '|' && begin < digits) return false;  // |-42|
    if (adjacent == '.') return false;
    if (adjacent == ':' && begin >= 2 && is_digit(p_[begin - 2])) return false;                           // 5:30
    if (adjacent == '(' && begin >= 2 && (letter_ends(begin - 1) || p_[begin - 2] == '-')) return false;  // f(3), -(3)
    const size_t end = back_over_blanks(begin);
    if (end == 0) return true;
    const char before = p_[end - 1];
    if (before == kPoison || before == '^') return false;
    if (is_negation(word_before(end))) return false;
    if (before == '*' || before == '/' || before == '+' || before == '-') {
      const size_t operand = back_over_blanks(end - 1);
      return operand > 0 && is_digit(p_[operand - 1]);  // 3 * 4: the reader of the whole sees the operator
    }
    return true;
  }

  // ---- what stands behind

  void trailer(NumberToken& t) {
    const size_t next = skip_blanks(at_);
    if (get(next) == '%' && next <= at_ + 1) {
      t.number.percent = true;
      at_ = next + 1;
      return;
    }
    const std::string word = lower(word_after(next));
    if (word == "percent" || word == "pct") {
      t.number.percent = true;
      at_ = next + word.size();
    } else if (word == "per" && lower(word_after(skip_blanks(next + 3))) == "cent") {
      t.number.percent = true;
      at_ = skip_blanks(next + 3) + 4;
    } else if (next == at_ && (letter_ends(at_ + 1) || get(at_) == '_')) {  // 42kg, but not 42nd, 2x, 42k
      if (!is_glued_unit(word) || digit(at_ + word.size())) {
        pass_word();
        t.readable = false;
      }
    }
  }

  bool fits_after(size_t end) const {
    const char adjacent = get(end);
    if (adjacent == '(' || (adjacent == ':' && digit(end + 1))) return false;
    const size_t next = skip_blanks(end);
    const char c = get(next);
    if (c == kPoison || c == '^') return false;
    if (is_letter(c)) {
      const std::string_view word = word_after(next);
      return !is_scale(word) && !(is_variable(word) && next > end);
    }
    if (c != '+' && c != '*' && c != '-' && c != '/') return true;
    const size_t operand = skip_blanks(next + 1);
    if (get(operand) == '(' || get(operand) == '\0') return false;  // "5+": five, or more?
    return !(is_letter(get(operand)) && (c == '+' || c == '*' || is_variable(word_after(operand))));
  }

  std::string_view p_;
  size_t at_ = 0;
};

}  // namespace

std::vector<NumberToken> scan_numbers(std::string_view plain) { return Scanner(plain).run(); }

bool is_rounded(const ExactNumber& reference) {
  constexpr int kRounded = 5;
  return reference.decimals >= kRounded &&
         denominator(Rational(reference.value * power_of_ten(reference.decimals - 1))) != 1;
}

bool same_number(const ExactNumber& reference, const ExactNumber& answer) {
  const auto equal = [&](const Rational& want, const Rational& got) {
    if (want == got) return true;
    if (!is_rounded(reference) || (answer.decimals >= 0 && answer.decimals <= reference.decimals)) return false;
    Rational half = power_of_ten(-reference.decimals) / 2;
    return boost::multiprecision::abs(want - got) <= half;
  };
  if (reference.percent == answer.percent) return equal(reference.value, answer.value);
  if (boost::multiprecision::abs(reference.value) >= 1 && equal(reference.value, answer.value)) return true;
  return reference.percent ? equal(reference.value / 100, answer.value) : equal(reference.value, answer.value / 100);
}

std::string number_text(const ExactNumber& n) { return n.value.str() + (n.percent ? "%" : ""); }

}  // namespace r1
