#include "reward/rational.h"

#include <algorithm>
#include <cctype>

#include "text/thinking.h"

namespace r1 {
namespace {

constexpr int kMostDigits = 36;

__int128 absolute(__int128 x) { return x < 0 ? -x : x; }
__int128 gcd(__int128 a, __int128 b) {
  while (b != 0) {
    const __int128 t = a % b;
    a = b;
    b = t;
  }
  return absolute(a);
}
std::optional<Rational> reduced(__int128 n, __int128 d) {
  if (d == 0) return std::nullopt;
  if (d < 0) n = -n, d = -d;
  const __int128 g = gcd(n, d);
  return Rational{g == 0 ? 0 : n / g, g == 0 ? 1 : d / g};
}
std::optional<Rational> multiply(const Rational& a, const Rational& b) {
  __int128 n, d;
  if (__builtin_mul_overflow(a.numerator, b.numerator, &n) || __builtin_mul_overflow(a.denominator, b.denominator, &d))
    return std::nullopt;
  return reduced(n, d);
}
std::optional<Rational> add(const Rational& a, const Rational& b) {
  __int128 x, y, n, d;
  if (__builtin_mul_overflow(a.numerator, b.denominator, &x) || __builtin_mul_overflow(b.numerator, a.denominator, &y))
    return std::nullopt;
  if (__builtin_add_overflow(x, y, &n) || __builtin_mul_overflow(a.denominator, b.denominator, &d)) return std::nullopt;
  return reduced(n, d);
}
std::optional<Rational> power_of_ten(int exponent) {
  if (exponent < -30 || exponent > 30) return std::nullopt;
  __int128 p = 1;
  for (int i = 0; i < std::abs(exponent); i++) p *= 10;
  return exponent < 0 ? Rational{1, p} : Rational{p, 1};
}

// Reads the notation from left to right; every reader moves past what it understood.
class NumberReader {
 public:
  explicit NumberReader(std::string text) : s_(std::move(text)) {}

  std::optional<Rational> whole(bool units) {
    auto value = signed_number();
    if (!value) return std::nullopt;
    skip();
    if (accept("%") || accept("\\%") || accept("percent")) {
      value = multiply(*value, {1, 100});
      skip();
    }
    if (!value || !rest_is_nothing(units)) return std::nullopt;
    return value;
  }

 private:
  void skip() {
    while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\t' || s_[at_] == '\n' || s_[at_] == '\r')) at_++;
  }
  bool accept(std::string_view word) {
    if (s_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }
  bool digit(size_t i) const { return i < s_.size() && std::isdigit(static_cast<unsigned char>(s_[i])); }

  // A unit is words without digits or operators: "12 apples", "3 km per hour". Nothing that could hold a second answer.
  bool rest_is_nothing(bool units) {
    skip();
    if (at_ < s_.size() && s_[at_] == '.' && at_ + 1 == s_.size()) at_++;
    if (at_ == s_.size()) return true;
    if (!units) return false;
    for (size_t i = at_; i < s_.size(); i++) {
      const unsigned char c = static_cast<unsigned char>(s_[i]);
      if (!std::isalpha(c) && c != ' ' && c != '.' && c != '\n') return false;
    }
    const std::string rest = s_.substr(at_);
    for (const char* word : {" or ", " and ", " to ", "or ", "and ", "to "})
      if (rest.find(word) == 0) return false;
    return true;
  }

  std::optional<Rational> signed_number() {
    skip();
    bool negative = false;
    while (accept("-") || accept("+")) negative ^= s_[at_ - 1] == '-', skip();
    while (accept("$") || accept("\\$") || accept("€") || accept("£")) skip();
    if (accept("-")) negative = !negative;
    auto value = magnitude();
    if (value && negative) value->numerator = -value->numerator;
    return value;
  }

  std::optional<Rational> magnitude() {
    if (accept("\\frac") || accept("\\dfrac") || accept("\\tfrac")) return latex_fraction();
    auto value = decimal();
    if (!value) return std::nullopt;
    if (accept("/") || (s_.compare(at_, 3, " / ") == 0 && (at_ += 3))) {
      const auto below = decimal();
      if (!below || below->numerator == 0) return std::nullopt;
      return multiply(*value, {below->denominator, below->numerator});
    }
    return mixed(*value);
  }

  std::optional<Rational> latex_fraction() {
    const auto part = [&]() -> std::optional<Rational> {
      skip();
      if (!accept("{")) {
        if (!digit(at_)) return std::nullopt;
        return Rational{s_[at_++] - '0', 1};
      }
      auto v = signed_number();
      skip();
      return v && accept("}") ? v : std::nullopt;
    };
    const auto a = part(), b = part();
    if (!a || !b || b->numerator == 0) return std::nullopt;
    const auto inverse = reduced(b->denominator, b->numerator);
    return inverse ? multiply(*a, *inverse) : std::nullopt;
  }

  // "1 3/4" and "1\frac{3}{4}".
  std::optional<Rational> mixed(const Rational& base) {
    const size_t kept = at_;
    const bool latex = s_.compare(at_, 5, "\\frac") == 0;
    if (base.denominator == 1 && (latex || (accept(" ") && digit(at_)))) {
      const auto part = latex ? (at_ += 5, latex_fraction()) : fraction_only();
      if (part) return add(base, *part);
    }
    at_ = kept;
    return base;
  }
  std::optional<Rational> fraction_only() {
    const auto a = decimal();
    if (!a || !accept("/")) return std::nullopt;
    const auto b = decimal();
    if (!b || b->numerator == 0) return std::nullopt;
    return multiply(*a, {b->denominator, b->numerator});
  }

  std::optional<Rational> decimal() {
    std::string digits;
    int after_point = 0;
    bool any = false;
    const size_t start = at_;
    while (digit(at_) ||
           (s_[at_] == ',' && at_ > start && digit(at_ + 1) && digit(at_ + 2) && digit(at_ + 3) && !digit(at_ + 4))) {
      if (s_[at_] != ',') digits += s_[at_], any = true;
      if (++at_ >= s_.size()) break;
    }
    if (at_ < s_.size() && s_[at_] == '.' && digit(at_ + 1)) {
      for (at_++; digit(at_); at_++) digits += s_[at_], after_point++, any = true;
    }
    if (!any) return std::nullopt;
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    if (static_cast<int>(digits.size()) > kMostDigits || after_point > 30) return std::nullopt;
    __int128 n = 0;
    for (char c : digits) n = n * 10 + (c - '0');
    int exponent = -after_point;
    if (at_ < s_.size() && (s_[at_] == 'e' || s_[at_] == 'E') &&
        (digit(at_ + 1) || ((s_[at_ + 1] == '-' || s_[at_ + 1] == '+') && digit(at_ + 2)))) {
      at_++;
      const bool negative = s_[at_] == '-';
      if (!digit(at_)) at_++;
      int e = 0;
      for (; digit(at_) && e < 1000; at_++) e = e * 10 + (s_[at_] - '0');
      exponent += negative ? -e : e;
    }
    const auto scale = power_of_ten(exponent);
    return scale ? multiply({n, 1}, *scale) : std::nullopt;
  }

  std::string s_;
  size_t at_ = 0;
};

// Signs and spaces that LaTeX and typography put around numbers.
std::string plain(std::string_view text) {
  std::string s(text);
  const auto replace = [&](std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = s.find(from, at)) != std::string::npos; at += to.size()) s.replace(at, from.size(), to);
  };
  replace("\xE2\x88\x92", "-");  // U+2212
  replace("\xC2\xA0", " ");
  for (const char* noise :
       {"\\,", "\\!", "\\;", "\\ ", "\\left", "\\right", "\\text", "**", "\\(", "\\)", "\\[", "\\]"})
    replace(noise, "");
  std::string_view t = trim(s);
  while (t.size() >= 2 && ((t.front() == '$' && t.back() == '$') || (t.front() == '(' && t.back() == ')') ||
                           (t.front() == '{' && t.back() == '}')))
    t = trim(t.substr(1, t.size() - 2));
  return std::string(t);
}

}  // namespace

std::optional<Rational> parse_number(std::string_view text, bool units) {
  if (text.size() > 512) return std::nullopt;
  return NumberReader(plain(text)).whole(units);
}

std::string rational_text(const Rational& r) {
  const auto digits = [](__int128 x) {
    std::string out;
    const bool negative = x < 0;
    for (x = absolute(x); x > 0 || out.empty(); x /= 10) out += static_cast<char>('0' + static_cast<int>(x % 10));
    if (negative) out += '-';
    std::reverse(out.begin(), out.end());
    return out;
  };
  return r.denominator == 1 ? digits(r.numerator) : digits(r.numerator) + "/" + digits(r.denominator);
}

}  // namespace r1
