#include "data/tasks/claims.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"

namespace r1::tasks {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::optional<Fraction> reduced(__int128 num, __int128 den) {
  if (den == 0) return std::nullopt;
  if (den < 0) num = -num, den = -den;
  __int128 a = num < 0 ? -num : num, b = den;
  while (b != 0) std::swap(a %= b, b);
  if (a > 1) num /= a, den /= a;
  constexpr __int128 most = std::numeric_limits<int64_t>::max();
  if (num > most || num < -most || den > most) return std::nullopt;
  return Fraction{static_cast<int64_t>(num), static_cast<int64_t>(den)};
}

// Signs of operations as people and LaTeX write them, in ASCII of the same meaning.
std::string plain(std::string_view text) {
  static const std::pair<std::string_view, std::string_view> kSigns[] = {
      {"×", "*"},      {"÷", "/"},     {"−", "-"},     {"–", "-"},      {"·", "*"},  {"＝", "="}, {"\\times", "*"},
      {"\\cdot", "*"}, {"\\div", "/"}, {"\\left", ""}, {"\\right", ""}, {"（", "("}, {"）", ")"}, {"\\,", ""}};
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto* sign = std::find_if(std::begin(kSigns), std::end(kSigns),
                                    [&](const auto& s) { return text.substr(i, s.first.size()) == s.first; });
    if (sign == std::end(kSigns)) {
      out += text[i++];
    } else {
      out += sign->second;
      i += sign->first.size();
    }
  }
  return out;
}

struct Token {
  char kind;  // '#' number, 'v' name, 'w' a word, '?' anything else, 'b' what binds to the numbers beside it,
              // 's' what supposes what follows, or the sign itself
  Fraction value;
  char name = 0;
};

// Words that make a number another one: "47 / 2 = 23 remainder 1" does not say that 47 / 2 is 23, nor "half of 80 = 40"
// that 80 is 40. A word with a bracket at its end ("sqrt(9)") does the same.
bool binds(std::string_view word, char next) {
  static const std::set<std::string, std::less<>> kWords = {
      "mod",     "modulo", "rem",     "remainder", "rest",  "r",     "div",     "of",      "twice",     "double",
      "half",    "triple", "thrice",  "squared",   "cubed", "power", "root",    "hundred", "thousand",  "million",
      "billion", "dozen",  "percent", "plus",      "minus", "times", "divided", "sqrt",    "factorial", "choose",
      "余",      "余数",   "加",      "减",        "乘",    "除以",  "乘以",    "百",      "千",        "万",
      "亿",      "√",      "²",       "³",         "π",     "°"};
  std::string small(word);
  for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return next == '(' || kWords.contains(small);
}

// Before an equation: it is not claimed but tried.
bool supposes(std::string_view word) {
  static const std::set<std::string, std::less<>> kWords = {"if",   "try",   "trying", "suppose", "assume", "assuming",
                                                            "were", "guess", "如果",   "假设",    "若",     "假如"};
  std::string small(word);
  for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return kWords.contains(small);
}

// 1,234,567: a comma is of the number when three digits follow it, and no fourth.
size_t end_of_whole(std::string_view text, size_t at) {
  const size_t begin = at;
  while (at < text.size() && is_digit(text[at])) at++;
  const auto three = [&](size_t i) {
    return i + 3 < text.size() && text[i] == ',' && is_digit(text[i + 1]) && is_digit(text[i + 2]) &&
           is_digit(text[i + 3]) && !(i + 4 < text.size() && is_digit(text[i + 4]));
  };
  if (at - begin <= 3)
    while (three(at)) at += 4;
  return at;
}

// A number too long to be exact is anything else.
Token number_token(std::string_view text, size_t& at) {
  constexpr int kMostDigits = 18;
  const size_t end = end_of_whole(text, at);
  __int128 num = 0, den = 1;
  int digits = 0;
  const auto take = [&](char c) {
    if (is_digit(c) && ++digits <= kMostDigits) num = num * 10 + (c - '0');
  };
  for (; at < end; at++) take(text[at]);
  if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1]))
    for (at++; at < text.size() && is_digit(text[at]); at++) {
      take(text[at]);
      if (digits <= kMostDigits) den *= 10;
    }
  const auto value = reduced(num, den);
  if (digits > kMostDigits || !value) return {'?', {}};
  return {'#', *value};
}

std::vector<Token> tokens_of(std::string_view text, std::string_view names) {
  std::vector<Token> out;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == ' ' || c == '\t') {
      i++;
    } else if (is_digit(c)) {
      out.push_back(number_token(text, i));
      // digits inside a word ("3rd", "x2") are no number, but 3x is 3 * x
      if (i < text.size() && is_letter(text[i]) && names.find(text[i]) == std::string_view::npos) out.back().kind = '?';
    } else if (is_letter(c) || (c & 0x80) != 0) {
      const size_t begin = i;
      // x2 is a word, but figures behind a character of another script begin a number
      const auto goes_on = [&](size_t at) { return at > begin && is_digit(text[at]) && (text[at - 1] & 0x80) == 0; };
      while (i < text.size() && (is_letter(text[i]) || (text[i] & 0x80) != 0 || goes_on(i))) i++;
      const bool name = i - begin == 1 && names.find(c) != std::string_view::npos;
      const std::string_view word = text.substr(begin, i - begin);
      const char kind = name ? 'v' : supposes(word) ? 's' : binds(word, i < text.size() ? text[i] : ' ') ? 'b' : 'w';
      out.push_back({kind, {}, name ? c : '\0'});
    } else {
      const bool sign = std::string_view("+-*/()=").find(c) != std::string_view::npos;
      out.push_back({sign ? c : std::string_view("^%|_").find(c) != std::string_view::npos ? 'b' : '?', {}});
      i++;
    }
  }
  return out;
}

class Parser {
 public:
  Parser(const Token* begin, const Token* end) : at_(begin), end_(end) {}
  std::optional<Expression> whole() {
    if (at_ == end_ || sum() < 0 || at_ != end_) return std::nullopt;
    return std::move(out_);
  }

 private:
  char peek() const { return at_ == end_ ? '\0' : at_->kind; }
  int push(Node n) {
    out_.nodes.push_back(n);
    return static_cast<int>(out_.nodes.size()) - 1;
  }
  int sum() {
    int left = product();
    while (left >= 0 && (peek() == '+' || peek() == '-')) left = operation(left, (at_++)->kind, &Parser::product);
    return left;
  }
  int product() {
    int left = atom();
    while (left >= 0) {
      if (peek() == '*' || peek() == '/')
        left = operation(left, (at_++)->kind, &Parser::atom);
      else if (peek() == 'v' || peek() == '(')
        left = operation(left, '*', &Parser::atom);
      else
        break;
    }
    return left;
  }
  int operation(int left, char op, int (Parser::*right_side)()) {
    const int right = (this->*right_side)();
    return right < 0 ? -1 : push({op, {}, 0, left, right});
  }
  int atom() {
    constexpr int kDeepest = 200;
    if (depth_ >= kDeepest) return -1;
    if (peek() == '#') return push({'#', (at_++)->value});
    if (peek() == 'v') return push({'v', {}, (at_++)->name});
    if (peek() != '-' && peek() != '(') return -1;
    depth_++;
    const bool sign = (at_++)->kind == '-';
    int inside = sign ? atom() : sum();
    // -2x is -(2x): the sign of a product is that of its first factor
    if (sign && inside >= 0) inside = push({'~', {}, 0, inside});
    if (!sign && inside >= 0) {
      if (peek() != ')') return -1;
      at_++;
    }
    depth_--;
    return inside;
  }

  const Token* at_;
  const Token* end_;
  int depth_ = 0;
  Expression out_;
};

// Brackets that the words around an equation left open.
void trim_brackets(const Token*& begin, const Token*& end) {
  const auto surplus = [&] {
    int open = 0;
    for (const Token* t = begin; t != end; t++) open += t->kind == '(' ? 1 : t->kind == ')' ? -1 : 0;
    return open;
  };
  while (begin != end && begin->kind == '(' && surplus() > 0) begin++;
  while (begin != end && (end - 1)->kind == ')' && surplus() < 0) end--;
}

// What stands around an equation: at its ends numbers may be part of something that is not read.
struct Around {
  bool bound_before = false, bound_behind = false;  // first side, last side are no numbers of their own
  bool word_before = false;
};

void read_equation(const Token* begin, const Token* end, Around around, std::vector<Equation>& out) {
  Equation sides;
  trim_brackets(begin, end);
  const Token* const first = begin;
  const auto finish = [&] {
    // "3 and 4 = 7": a number alone behind a word, said to be another number, is more likely the end of something
    const bool bare = around.word_before && sides.size() == 2 && sides[0].is_number() && sides[1].is_number();
    if (sides.size() > 1 && !bare) out.push_back(std::move(sides));
    sides.clear();
  };
  for (const Token* at = begin;; at++) {
    if (at != end && at->kind != '=') continue;
    const bool bound = (begin == first && around.bound_before) || (at == end && around.bound_behind);
    auto side = bound ? std::nullopt : Parser(begin, at).whole();
    if (side)
      sides.push_back(std::move(*side));
    else
      finish();
    if (at == end) break;
    begin = at + 1;
    if (!side) around.word_before = false;
  }
  finish();
}

bool is_operand_end(const Token& t) { return t.kind == '#' || t.kind == 'v' || t.kind == ')'; }

std::string_view without_marker(std::string_view line) {
  while (line.starts_with(" ")) line.remove_prefix(1);
  if (line.starts_with("- ") || line.starts_with("* ")) line.remove_prefix(2);
  return line;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

size_t find_text(std::string_view text, std::string_view part, size_t from) {
  const auto it = std::search(text.begin() + static_cast<std::ptrdiff_t>(std::min(from, text.size())), text.end(),
                              part.begin(), part.end(), [](char a, char b) { return lower(a) == lower(b); });
  return it == text.end() ? std::string_view::npos : static_cast<size_t>(it - text.begin());
}

// Up to a full stop that ends a sentence, a semicolon or the end.
size_t end_of_claim(std::string_view text, size_t at) {
  for (; at < text.size(); at++) {
    if (text[at] == ';' || text[at] == '\n' || text.substr(at, 3) == "。") break;
    if (text[at] == '.' && (at + 1 == text.size() || text[at + 1] == ' ')) break;
  }
  return at;
}

constexpr size_t kMostBytes = 4096;  // of a step that is read

}  // namespace

std::optional<Fraction> apply(Fraction a, char op, Fraction b) {
  const __int128 an = a.num, ad = a.den, bn = b.num, bd = b.den;
  if (op == '+' || op == '-') {
    if (ad == bd) return reduced(op == '+' ? an + bn : an - bn, ad);
    return reduced(op == '+' ? an * bd + bn * ad : an * bd - bn * ad, ad * bd);
  }
  return op == '*' ? reduced(an * bn, ad * bd) : reduced(an * bd, ad * bn);
}

std::string text_of(const Fraction& f) {
  return f.den == 1 ? std::to_string(f.num) : fmt::format("{}/{}", f.num, f.den);
}

std::optional<Expression> parse_expression(std::string_view text, std::string_view names) {
  if (text.size() > kMostBytes) return std::nullopt;
  const std::string ascii = plain(text);
  const std::vector<Token> tokens = tokens_of(ascii, names);
  return Parser(tokens.data(), tokens.data() + tokens.size()).whole();
}

std::vector<Equation> find_equations(std::string_view text, std::string_view names) {
  std::vector<Equation> out;
  const std::string ascii = plain(without_marker(text.substr(0, kMostBytes)));
  const std::vector<Token> tokens = tokens_of(ascii, names);
  const Token* begin = tokens.data();
  const Token* const end = begin + tokens.size();
  char before = ' ';      // the token that ended the equation before
  bool supposed = false;  // something was: what a name is then worth is not known
  const auto has_name = [](const Equation& equation) {
    return std::any_of(equation.begin(), equation.end(), [](const Expression& side) {
      return std::any_of(side.nodes.begin(), side.nodes.end(), [](const Node& n) { return n.op == 'v'; });
    });
  };
  const auto read = [&](const Token* stop, char behind) {
    std::vector<Equation> found;
    read_equation(begin, stop, {before == 'b', behind == 'b', before == 'w' || before == 's'}, found);
    for (Equation& equation : found)
      if (!supposed || !has_name(equation)) out.push_back(std::move(equation));
    supposed |= behind == 's';
    before = behind;
  };
  for (const Token* at = begin; at != end; at++) {
    const bool cut = at->kind == '#' && at != begin && is_operand_end(at[-1]);  // two numbers side by side
    const bool word = std::string_view("?wbs").find(at->kind) != std::string_view::npos;
    if (!word && !cut) continue;
    read(at, cut ? ' ' : at->kind);
    begin = cut ? at : at + 1;
  }
  read(end, ' ');
  return out;
}

std::optional<Fraction> evaluate(const Expression& e, const Names& names) {
  std::vector<Fraction> values(e.nodes.size());
  for (size_t i = 0; i < e.nodes.size(); i++) {
    const Node& n = e.nodes[i];
    std::optional<Fraction> v;
    if (n.op == '#')
      v = n.value;
    else if (n.op == 'v')
      v = names ? names(n.name) : std::nullopt;
    else if (n.op == '~')
      v = Fraction{-values[static_cast<size_t>(n.left)].num, values[static_cast<size_t>(n.left)].den};
    else
      v = apply(values[static_cast<size_t>(n.left)], n.op, values[static_cast<size_t>(n.right)]);
    if (!v) return std::nullopt;
    values[i] = *v;
  }
  return values.back();
}

StepVerdict check_equations(std::string_view text, std::string_view letters, const Names& names) {
  StepVerdict out = StepVerdict::none;
  for (const Equation& equation : find_equations(text, letters)) {
    const auto first = evaluate(equation[0], names);
    for (size_t i = 1; i < equation.size(); i++) {
      const auto other = evaluate(equation[i], names);
      if (first && other) out = join(out, claim(*first == *other));
    }
  }
  return out;
}

std::vector<std::vector<std::string>> find_claims(std::string_view text, std::string_view pattern) {
  std::vector<std::string_view> words;  // the literal texts around the {}
  for (size_t at = 0;;) {
    const size_t hole = pattern.find("{}", at);
    words.push_back(pattern.substr(at, hole - at));
    if (hole == std::string_view::npos) break;
    at = hole + 2;
  }
  std::vector<std::vector<std::string>> out;
  text = text.substr(0, kMostBytes);
  for (size_t start = 0; (start = find_text(text, words[0], start)) != std::string_view::npos; start++) {
    std::vector<std::string> found;
    size_t at = start + words[0].size();
    for (size_t w = 1; w < words.size(); w++) {
      const size_t next = words[w].empty() ? end_of_claim(text, at) : find_text(text, words[w], at);
      if (next == std::string_view::npos) break;
      found.emplace_back(text.substr(at, next - at));
      at = next + words[w].size();
    }
    if (found.size() + 1 == words.size()) out.push_back(std::move(found));
    if (words[0].empty()) break;  // a pattern that begins with {} is tried from the front alone
  }
  return out;
}

std::optional<int64_t> whole_of(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int64_t meta_whole(const Json& meta, const char* key, int64_t low, int64_t high) {
  if (!meta.contains(key) || !meta[key].is_number_integer())
    fail("item: meta has no whole number \"{}\"; expected an item of `r1 tasks sample`", key);
  const int64_t value = meta[key].get<int64_t>();
  if (value < low || value > high) fail("item: meta.{} is {}, expected {} to {}", key, value, low, high);
  return value;
}

std::string meta_text(const Json& meta, const char* key, size_t most_bytes) {
  if (!meta.contains(key) || !meta[key].is_string() || meta[key].get_ref<const std::string&>().size() > most_bytes)
    fail("item: meta has no text \"{}\" of at most {} bytes; expected an item of `r1 tasks sample`", key, most_bytes);
  return meta[key].get<std::string>();
}

namespace {
const Json& meta_list(const Json& meta, const char* key, size_t most) {
  if (!meta.contains(key) || !meta[key].is_array() || meta[key].size() > most)
    fail("item: meta has no list \"{}\" of at most {}; expected an item of `r1 tasks sample`", key, most);
  return meta[key];
}
}  // namespace

std::vector<int64_t> meta_wholes(const Json& meta, const char* key, size_t most) {
  std::vector<int64_t> out;
  for (const Json& one : meta_list(meta, key, most)) {
    if (!one.is_number_integer()) fail("item: meta.{} holds {}, expected whole numbers", key, one.dump());
    out.push_back(one.get<int64_t>());
  }
  return out;
}

std::vector<std::string> meta_texts(const Json& meta, const char* key, size_t most) {
  std::vector<std::string> out;
  for (const Json& one : meta_list(meta, key, most)) {
    if (!one.is_string()) fail("item: meta.{} holds {}, expected texts", key, one.dump());
    out.push_back(one.get<std::string>());
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  return fmt::format("{}", fmt::join(parts, between));
}
std::string joined(const std::vector<int64_t>& parts, const char* between) {
  return fmt::format("{}", fmt::join(parts, between));
}

}  // namespace r1::tasks
