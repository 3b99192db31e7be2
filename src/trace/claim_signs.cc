// What arithmetic is written with beyond plain words and signs: LaTeX, signs beyond ASCII, Chinese.
#include "text/unicode.h"
#include "trace/claim_lexer.h"

namespace r1 {
namespace {

constexpr uint32_t kFirstHan = 0x2E80;

}  // namespace

// ---- LaTeX

std::string_view ClaimLexer::braces() {  // balanced, or one character; moves past it
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

void ClaimLexer::inside(std::string_view text, bool brackets) {
  if (depth_ >= 8) return static_cast<void>(push(Kind::poison, 0));
  ClaimLexer inner(text);
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

void ClaimLexer::command() {
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
  if (name == "sqrt") return static_cast<void>(push(peek(length) == '[' ? Kind::poison : Kind::function, length, 'V'));
  if (name == "text" || name == "mathrm" || name == "textbf" || name == "mathbf" || name == "boxed") {
    at_ = end;
    spaced_ = true;
    inside(braces(), false);
    return;
  }
  push(Kind::poison, length);
}

// ---- beyond ASCII

void ClaimLexer::wide() {
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

bool ClaimLexer::fraction_sign() {
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

bool ClaimLexer::power_sign() {
  for (const auto& [text, n] : {std::pair{std::string_view("²"), 2}, std::pair{std::string_view("³"), 3}})
    if (starts(text)) {
      const bool unit = last() == Kind::word;  // cm²
      unit ? static_cast<void>(push(Kind::word, text.size()).word = "power") : scale(text.size(), n, '^');
      return true;
    }
  return false;
}

bool ClaimLexer::currency() {
  for (const auto& [text, name] : {std::pair{"€", "euro"}, std::pair{"£", "pound"}, std::pair{"¥", "yen"},
                                   std::pair{"￥", "yen"}, std::pair{"＄", "dollar"}, std::pair{"₹", "rupee"}})
    if (starts(text)) {
      blank(std::string_view(text).size());
      currency_ = name;
      return true;
    }
  return false;
}

int ClaimLexer::han_digit(size_t at) const {
  if (text_.substr(at, 3) == "两") return 2;
  for (size_t i = 0; i < kClaimHanDigits.size(); i++)
    if (text_.substr(at, 3) == kClaimHanDigits[i]) return static_cast<int>(i);
  return -1;
}

void ClaimLexer::han(size_t length) {
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

}  // namespace r1
