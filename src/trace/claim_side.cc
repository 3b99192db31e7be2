#include "trace/claim_side.h"

#include <algorithm>
#include <array>

#include "reward/units.h"

namespace r1 {
namespace {

using Kind = ClaimKind;
constexpr int kDeepest = 40;
constexpr unsigned kMostBits = 4096;
constexpr int kMostExponent = 64, kMostFactorial = 40;
constexpr size_t kMostUnitWords = 4;

// Words that end a unit: what follows them is another clause.
constexpr std::array<std::string_view, 52> kEnders = {
    "or",        "so",  "then", "but",   "because", "since", "if",   "when", "while", "that", "which", "who",  "he",
    "she",       "it",  "they", "we",    "you",     "there", "has",  "have", "had",   "with", "at",    "on",   "for",
    "as",        "not", "will", "would", "can",     "left",  "more", "less", "fewer", "were", "be",    "thus", "hence",
    "therefore", "how", "now",  "let",   "next",    "per",   "each", "also", "in",    "into", "i",     "were", "after"};
constexpr std::array<std::string_view, 17> kFunctions = {"sin",    "cos",       "tan", "log", "ln", "exp",
                                                         "mod",    "gcd",       "lcm", "abs", "pi", "modulo",
                                                         "choose", "factorial", "cot", "lim", "mod"};

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_han(std::string_view word) { return !word.empty() && static_cast<unsigned char>(word[0]) >= 0x80; }

unsigned bits_of(const Rational& v) {
  const auto bits = [](const boost::multiprecision::cpp_int& n) { return n == 0 ? 0u : msb(n < 0 ? -n : n) + 1u; };
  return bits(numerator(v)) + bits(denominator(v));
}
Rational calculated(const Rational& a, char op, const Rational& b) {
  if (op == '+') return a + b;
  if (op == '-') return a - b;
  if (op == '*') return a * b;
  return a / b;
}
bool is_whole(const Rational& v) { return denominator(v) == 1; }

// A value with what is known of it while the formula is read.
struct Part {
  Rational value;
  bool percent = false;  // a number with a percent sign
  bool share = false;    // may stand before "of"
  bool literal = false;
};

class Reader {
 public:
  Reader(std::span<const ClaimToken> tokens, size_t begin, const ClaimReading& reading)
      : tokens_(tokens), at_(begin), reading_(reading) {
    side_.begin = begin;
  }

  std::optional<ClaimSide> read() {
    const std::optional<Part> part = comparison();
    if (!part || failed_) return std::nullopt;
    side_.value = part->value;
    side_.end = at_;
    if (!part->literal) side_.decimals = -1, side_.cut_off = false, side_.in_words = false;
    if (operations_ != 1) side_.division.reset();
    if (operations_ != 1) side_.range = false;
    return std::move(side_);
  }

 private:
  using Maybe = std::optional<Part>;

  const ClaimToken* peek(size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr;
  }
  bool is(Kind kind, char op = 0, size_t ahead = 0) const {
    const ClaimToken* t = peek(ahead);
    return t != nullptr && t->kind == kind && (op == 0 || t->op == op);
  }
  Maybe fail() {
    failed_ = true;
    return std::nullopt;
  }
  Maybe operation(Rational value, bool share = false) {
    operations_++;
    side_.has_op = true;
    if (bits_of(value) > kMostBits) return fail();
    return Part{std::move(value), false, share, false};
  }

  // Whether an operand can begin at the token: else a sign before it is punctuation.
  bool begins_operand(size_t ahead) const {
    const ClaimToken* t = peek(ahead);
    if (t == nullptr) return false;
    if (t->kind == Kind::filler) return begins_operand(ahead + 1);
    return t->kind == Kind::number || t->kind == Kind::open || t->kind == Kind::function || t->kind == Kind::factor ||
           (t->kind == Kind::op && (t->op == '-' || t->op == '+'));
  }
  void skip_fillers() {
    while (is(Kind::filler)) at_++;
  }

  Maybe comparison() {
    Maybe left = sum();
    while (left && is(Kind::op) && (peek()->op == 'M' || peek()->op == 'L')) {
      if (!begins_operand(1)) break;  // "9 points more than Eric"
      const char op = tokens_[at_++].op;
      const Maybe right = sum();
      if (!right) return fail();
      left = operation(op == 'M' ? calculated(left->value, '+', right->value)
                                 : calculated(right->value, '-', left->value));
    }
    return left;
  }

  Maybe sum() {
    Maybe left = product();
    while (left && is(Kind::op) && (peek()->op == '+' || peek()->op == '-')) {
      if (!begins_operand(1)) {
        // a dash before words: "24 - the other half"; before a variable: a formula
        const ClaimToken* next = peek(1);
        if (peek()->op == '-' && (next == nullptr || next->kind == Kind::stop)) break;
        if (peek()->op == '-' && peek()->spaced && next != nullptr && next->spaced && next->kind != Kind::poison &&
            !(next->kind == Kind::word && is_poison_word(*next)))
          break;
        return fail();
      }
      const bool tight = !peek()->spaced && !peek(1)->spaced;
      const char op = tokens_[at_++].op;
      const Maybe right = product();
      if (!right) return fail();
      if (op == '-' && tight && left->literal && right->literal && left->value < right->value) side_.range = true;
      if (right->percent && !left->percent && reading_.percent_of_left)
        left = operation(left->value * calculated(1, op, right->value));
      else
        left = operation(calculated(left->value, op, right->value));
    }
    return left;
  }

  // "3 times as many apples as 6"
  void skip_as() {
    if (!(is(Kind::word) && peek()->word == "as")) return;
    constexpr size_t kMostWords = 5;
    for (size_t i = 1; i <= kMostWords; i++)
      if (is(Kind::word, 0, i) && peek(i)->word == "as") return static_cast<void>(at_ += i + 1);
  }

  Maybe product() {
    Maybe left = power();
    while (left && !failed_) {
      const ClaimToken* t = peek();
      if (t == nullptr) break;
      if (t->kind == Kind::open && !t->spaced) {
        const Maybe right = power();
        if (!right) return fail();
        left = operation(left->value * right->value);
        continue;
      }
      if (t->kind != Kind::op) break;
      if (t->op == 'o' || t->op == 'D') {
        if (!take_of(left)) break;
        continue;
      }
      if (t->op == 'B') {  // N倍 without what it is of
        return fail();
      }
      if (t->op != '*' && t->op != '/') break;
      if (t->word == "times" && !begins_operand(1) && !is(Kind::word, 0, 1)) {  // "62 times"
        at_++;
        continue;
      }
      left = times(*left);
    }
    return left;
  }

  Maybe times(const Part& left) {
    const char op = tokens_[at_++].op;
    skip_as();
    skip_fillers();
    if (!begins_operand(0)) return fail();
    const Maybe right = power();
    if (!right || (op == '/' && right->value == 0)) return fail();
    if (op == '/' && left.literal && right->literal) side_.division = {left.value, right->value};
    return operation(calculated(left.value, op, right->value), op == '/');
  }

  // "half of 48", "20% of 50"; "48的一半", "6的2倍". False: the word belongs to something else.
  bool take_of(Maybe& left) {
    const bool han = peek()->op == 'D';
    size_t next = at_ + 1;
    while (next < tokens_.size() && tokens_[next].kind == Kind::filler) next++;
    if (next >= tokens_.size() || !begins_operand(next - at_)) return false;
    if (!han && !left->share && !left->percent && !(left->literal && left->value < 1)) return false;
    at_ = next;
    Maybe right = power();
    if (!right) return fail(), false;
    if (han) {
      if (is(Kind::op, 'B'))
        at_++;
      else if (!right->share && !right->percent)
        return fail(), false;
    }
    // what is a share of something is itself one no more, but "half of a third of" goes on
    left = operation(left->value * right->value, right->share || right->percent);
    return left.has_value();
  }

  Maybe power() {
    Maybe base = unary();
    if (!base) return base;
    if (is(Kind::op, '^')) {
      at_++;
      const Maybe exponent = unary();
      if (!exponent) return fail();
      base = raised(*base, exponent->value);
    }
    return base;
  }
  Maybe raised(const Part& base, const Rational& exponent) {
    if (!is_whole(exponent) || exponent > kMostExponent || exponent < -kMostExponent) return fail();
    const int n = static_cast<int>(numerator(exponent));
    if (bits_of(base.value) * static_cast<unsigned>(std::abs(n)) > kMostBits || (n < 0 && base.value == 0))
      return fail();
    Rational value = 1;
    for (int i = 0; i < std::abs(n); i++) value *= base.value;
    return operation(n < 0 ? calculated(1, '/', value) : value);
  }

  Maybe unary() {
    if (depth_ >= kDeepest) return fail();
    if ((is(Kind::op, '-') || is(Kind::op, '+')) && peek()->word.empty()) {
      const bool minus = tokens_[at_++].op == '-';
      depth_++;
      Maybe inner = power();
      depth_--;
      if (!inner) return fail();
      if (minus) inner->value = -inner->value;
      if (minus && side_.first) side_.first = -*side_.first;
      return inner;
    }
    depth_++;
    Maybe out = primary();
    depth_--;
    return out ? behind(*out) : out;
  }

  Maybe primary() {
    skip_fillers();
    const ClaimToken* t = peek();
    if (t == nullptr) return std::nullopt;
    if (t->kind == Kind::number) return literal();
    if (t->kind == Kind::open) {
      const bool share = t->share;
      at_++;
      const Maybe inner = comparison();
      if (!inner || !is(Kind::close)) return fail();
      at_++;
      return Part{inner->value, inner->percent, share || inner->share, false};
    }
    if (t->kind == Kind::factor) {
      const Rational by = t->value;
      at_++;
      skip_as();
      if (is(Kind::op, 'o')) at_++;  // "double of"
      skip_fillers();
      if (!begins_operand(0)) return fail();
      const Maybe inner = power();
      if (!inner) return fail();
      return operation(by * inner->value);
    }
    if (t->kind == Kind::function) return function();
    return std::nullopt;
  }

  Maybe literal() {
    const ClaimToken& t = tokens_[at_++];
    Part out{t.value, false, t.share, true};
    // a mixed number: 3 1/2
    if (t.decimals == 0 && is(Kind::number) && is(Kind::op, '/', 1) && is(Kind::number, 0, 2) && !peek(1)->spaced &&
        !peek(2)->spaced && peek()->decimals == 0 && peek(2)->decimals == 0 && peek()->value < peek(2)->value) {
      out.value += peek()->value / peek(2)->value;
      at_ += 3;
      side_.decimals = -1;
    } else {
      side_.decimals = t.decimals > 0 ? t.decimals : -1;
      side_.cut_off = t.cut_off;
    }
    side_.in_words = t.in_words;
    if (!side_.first) side_.first = out.value;
    if (!t.word.empty() && !t.in_words) add_unit(t.word);
    numbers_++;
    return out;
  }

  // Signs, scales and units behind an operand.
  Maybe behind(Part part) {
    for (;;) {
      const ClaimToken* t = peek();
      if (t == nullptr) break;
      if (t->kind == Kind::op && t->op == '%') {
        at_++;
        side_.percent = true;
        part.percent = true;
        if (!reading_.percent_is_unit) part.value /= 100;
      } else if (t->kind == Kind::op && t->op == '!') {
        if (!factorial(part)) break;
      } else if (t->kind == Kind::scale && t->op == '^') {
        const int n = static_cast<int>(numerator(t->value));
        at_++;
        const Maybe out = raised(part, n);
        if (!out) return fail();
        part = *out;
      } else if (t->kind == Kind::scale) {
        at_++;
        side_.scaled = true;
        side_.decimals = -1;
        if (!reading_.scale_is_unit) part.value *= t->value, side_.has_op = side_.has_op || t->value == 12;
      } else {
        break;
      }
    }
    if (!unit()) return fail();
    return list_behind(part);
  }

  // 5! is 120, but "3 + 4 = 7!" is joy: a factorial is followed by an operation or an equals sign.
  bool factorial(Part& part) {
    const ClaimToken* next = peek(1);
    const bool formula = next != nullptr && (next->kind == Kind::op || next->kind == Kind::equals ||
                                             next->kind == Kind::is || next->kind == Kind::close);
    if (!formula) return false;
    if (!is_whole(part.value) || part.value < 0 || part.value > kMostFactorial) return fail(), false;
    Rational value = 1;
    for (int i = 2; i <= static_cast<int>(numerator(part.value)); i++) value *= i;
    at_++;
    part = {value, false, false, false};
    side_.has_op = true;
    operations_++;
    return true;
  }

  void add_unit(const std::string& word) {
    if (side_.unit.empty() && !side_.units_differ)
      side_.unit = word;
    else if (side_.unit != word)
      side_.units_differ = true;
  }

  // Words behind an operand, as far as they may be a unit. False: the formula cannot be read.
  bool unit() {
    std::string first;
    for (size_t words = 0; words < kMostUnitWords; words++) {
      const ClaimToken* t = peek();
      if (t == nullptr) break;
      if (t->kind == Kind::op && t->op == '/' && is(Kind::word, 0, 1)) {  // dollars/hour
        if (is_poison_word(*peek(1))) return false;
        at_ += 2;
        first += "/";
        continue;
      }
      if (t->kind == Kind::op && (t->op == 'o' || t->op == 'D') && words > 0 && is(Kind::word, 0, 1)) {
        at_ += 2;
        continue;
      }
      if (t->kind == Kind::poison) return false;
      if (t->kind == Kind::filler && words > 0 && (t->word == "a" || t->word == "an") && is(Kind::word, 0, 1)) {
        at_ += 2;  // miles an hour
        continue;
      }
      if (t->kind != Kind::word) break;
      if (is_poison_word(*t)) {
        // "5 m", "3g": letters that are units as well as variables
        static constexpr std::array<std::string_view, 7> kLetters = {"m", "g", "s", "h", "l", "t", "b"};
        if (!one_of(t->word, kLetters) || t->word == "b") return false;
      }
      if (one_of(t->word, kEnders)) {
        const bool inches = t->word == "in" && (is(Kind::op, 0, 1) || is(Kind::equals, 0, 1));
        if (!inches && ((t->word != "per" && t->word != "each") || !is(Kind::word, 0, 1))) break;
        first += inches ? "in" : "/";
      } else if (first.empty()) {
        first = t->word;
      }
      at_++;
    }
    if (!first.empty()) add_unit(first);
    return true;
  }

  // Chinese: "3和4的和".
  Maybe list_behind(const Part& left) {
    if (!is(Kind::join, 'a')) return left;
    const size_t back = at_;
    const ClaimToken* t = peek();
    if (!is_han(t->word)) return left;
    at_++;
    if (!begins_operand(0)) return at_ = back, Maybe(left);
    const Maybe right = unary();
    if (!right || failed_) return fail();
    if (!is(Kind::of_list)) return fail();
    const char op = tokens_[at_++].op;
    if (op == 'Q' && right->value == 0) return fail();
    return operation(calculated(left.value, op == 'S' ? '+' : op == 'd' ? '-' : op == 'P' ? '*' : '/', right->value));
  }

  Maybe function() {
    const char op = tokens_[at_++].op;
    if (op == 'V') return root();
    std::vector<Rational> values;
    char between = 0;
    for (;;) {
      skip_fillers();
      const Maybe part = sum();
      if (!part) return fail();
      values.push_back(part->value);
      const bool comma = is(Kind::comma);
      if (comma) at_++;
      const bool joined = is(Kind::join);
      if (!comma && !joined) break;
      if (joined) between = tokens_[at_++].op;
      if (!begins_operand(0)) return fail();
    }
    return applied(op, values, between);
  }

  Maybe applied(char op, const std::vector<Rational>& v, char between) {
    if (v.size() < 2) return fail();
    Rational total = op == 'P' ? 1 : 0;
    for (const Rational& x : v) op == 'P' ? total *= x : total += x;
    if (bits_of(total) > kMostBits) return fail();
    const bool two = v.size() == 2;
    switch (op) {
      case 'S':
        return between == 'a' || between == 't' ? operation(total) : fail();
      case 'P':
        return between == 'a' || between == 'b' ? operation(total) : fail();
      case 'A':
        return between == 'a' ? operation(total / static_cast<int>(v.size())) : fail();
      case 'd':  // of two numbers in either order
        return two && between == 'a'
                   ? operation(v[0] < v[1] ? calculated(v[1], '-', v[0]) : calculated(v[0], '-', v[1]))
                   : fail();
      case 'R':
        return two && between == 'f' ? operation(v[1] - v[0]) : fail();
      default:
        return two && v[1] != 0 && (between == 'b' || between == 'a') ? operation(v[0] / v[1]) : fail();
    }
  }

  // Of squares alone.
  Maybe root() {
    skip_fillers();
    const Maybe of = primary();
    if (!of || of->value < 0) return fail();
    const boost::multiprecision::cpp_int above = sqrt(numerator(of->value)), below = sqrt(denominator(of->value));
    if (above * above != numerator(of->value) || below * below != denominator(of->value)) return fail();
    return operation(Rational(above, below));
  }

  std::span<const ClaimToken> tokens_;
  size_t at_;
  ClaimReading reading_;
  ClaimSide side_;
  int depth_ = 0, operations_ = 0, numbers_ = 0;
  bool failed_ = false;
};

}  // namespace

bool is_poison_word(const ClaimToken& token) {
  const std::string& w = token.word;
  if (one_of(w, kFunctions)) return true;
  if (w.empty() || is_han(w)) return false;
  const bool digits = std::any_of(w.begin(), w.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) return true;  // x1
  if (w.size() == 1) return is_letter(w[0]) && w != "i";
  // glued to a number, a word of two letters or three is a unit or variables
  return token.glued && w.size() <= 3 && !is_unit_word(w) && w != "lbs" && w != "hrs" && w != "pcs" && w != "deg";
}

std::optional<ClaimSide> read_side(std::span<const ClaimToken> tokens, size_t begin, const ClaimReading& reading) {
  return Reader(tokens, begin, reading).read();
}

}  // namespace r1
