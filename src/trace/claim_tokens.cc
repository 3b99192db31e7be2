#include "trace/claim_tokens.h"

#include <algorithm>

#include "trace/claim_lexer.h"

namespace r1 {
namespace {

constexpr size_t kMostDigits = 40;

}  // namespace

size_t ClaimLexer::after_blanks(size_t at) const {
  const size_t next = text_.find_first_not_of(" \t\r", at);
  return next == std::string_view::npos ? text_.size() : next;
}

ClaimToken& ClaimLexer::push(Kind kind, size_t length, char op) {
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

void ClaimLexer::blank(size_t length) {
  at_ += length;
  spaced_ = true;
}

bool ClaimLexer::after_operand() const {
  return last() == Kind::number || last() == Kind::close || last() == Kind::word || last() == Kind::scale ||
         (last() == Kind::op && (out_.back().op == '%' || out_.back().op == '!'));
}

void ClaimLexer::one() {
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

void ClaimLexer::line_end() {
  const size_t next = text_.find_first_not_of(" \t\r\n", at_);
  const std::string_view rest = next == std::string_view::npos ? "" : text_.substr(next);
  const bool goes_on = (rest.starts_with("=") || rest.starts_with("≈") || rest.starts_with("&=")) ||
                       ((last() == Kind::equals || last() == Kind::op) && !out_.empty() && out_.back().op != '%');
  goes_on ? blank(1) : static_cast<void>(push(Kind::stop, 1));
  spaced_ = true;
}

void ClaimLexer::angle() {
  for (std::string_view tag : {"<think>", "</think>", "<answer>", "</answer>"})
    if (starts(tag)) {
      push(Kind::stop, tag.size());
      spaced_ = true;
      return;
    }
  push(Kind::poison, 1);
}

void ClaimLexer::sign(char c) {
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
          peek(1) == '=' || (is_digit(peek(1)) && last() == Kind::number && !spaced_) ? Kind::poison : Kind::stop, 1));
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

void ClaimLexer::star() {
  const size_t length = peek(1) == '*' ? 2 : 1;
  const size_t next = after_blanks(at_ + length);
  const char after = next < text_.size() ? text_[next] : '\0';
  const bool operand = is_digit(after) || after == '(' || after == '$' || after == '-' || after == '.' || after == '\\';
  const bool emphasis = spaced_ && next == at_ + length && (last() == Kind::word || length == 2);
  const bool letter = at_ > 0 && is_letter(text_[at_ - 1]);
  if ((!after_operand() && !letter) || !operand || emphasis) return blank(length);
  push(Kind::op, length, length == 2 ? '^' : '*');
}

void ClaimLexer::dollar(size_t length) {
  blank(length);
  currency_ = "dollar";
}

void ClaimLexer::comma() {
  const bool list = last() == Kind::number && !spaced_ && is_digit(peek(1));
  push(list ? Kind::poison : Kind::comma, 1);
}

// ---- numbers

bool ClaimLexer::three_digits(size_t at) const {
  for (size_t i = at; i < at + 3; i++)
    if (i >= text_.size() || !is_digit(text_[i])) return false;
  return at + 3 >= text_.size() || !is_digit(text_[at + 3]);
}

void ClaimLexer::number() {
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

boost::multiprecision::cpp_int ClaimLexer::whole(const std::string& digits) {
  boost::multiprecision::cpp_int value = 0;
  for (char c : digits) value = value * 10 + (c - '0');
  return value;
}

void ClaimLexer::behind_number() {
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

bool ClaimLexer::is_times() const {
  if ((peek() != 'x' && peek() != 'X') || !after_operand()) return false;
  const size_t next = after_blanks(at_ + 1);
  const char after = next < text_.size() ? text_[next] : '\0';
  return is_digit(after) || after == '(' || after == '$' || (after == '.' && next > at_ + 1);
}

// ---- words

std::string ClaimLexer::lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

size_t ClaimLexer::word_end(size_t at) const {
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

size_t ClaimLexer::phrase_length(std::string_view phrase) const {
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

void ClaimLexer::word() {
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

void ClaimLexer::phrase(const ClaimPhrase& p, size_t length) {
  if (p.kind == Kind::rest && last() != Kind::number && !(last() == Kind::word && p.words != "r")) {
    push(Kind::word, length).word = p.words;
    return;
  }
  if (p.kind == Kind::scale) return scale(length, p.num, p.op);
  ClaimToken& t = push(p.kind, length, p.op);
  t.word = p.words;
  if (p.kind == Kind::factor) t.value = p.num;
}

void ClaimLexer::scale(size_t length, int64_t by, char op) {
  ClaimToken& t = push(Kind::scale, length, op);
  t.value = by;
  t.word = "scale";
}

bool ClaimLexer::share(const std::string& first, size_t end) {
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

std::vector<ClaimToken> claim_tokens(std::string_view text) { return ClaimLexer(text).run(); }

}  // namespace r1
