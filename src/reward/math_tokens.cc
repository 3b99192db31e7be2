#include "reward/math_tokens.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "text/thinking.h"
#include "text/unicode.h"

namespace r1 {
namespace {

constexpr size_t kLongest = 4096;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool between(uint32_t c, uint32_t low, uint32_t high) { return c >= low && c <= high; }

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What a character outside ASCII is written as inside. Everything is plain LaTeX, so that one reader serves both.
struct Spelling {
  uint32_t code;
  std::string_view latex;
};
constexpr Spelling kSpellings[] = {{0x2212, "-"},
                                   {0x2010, "-"},
                                   {0x2011, "-"},
                                   {0x2013, "-"},
                                   {0xFE63, "-"},
                                   {0xD7, "\\cdot "},
                                   {0xB7, "\\cdot "},
                                   {0x22C5, "\\cdot "},
                                   {0x2217, "\\cdot "},
                                   {0xF7, "/"},
                                   {0x2044, "/"},
                                   {0x2215, "/"},
                                   {0x3C0, "\\pi "},
                                   {0x221E, "\\infty "},
                                   {0x2264, "\\le "},
                                   {0x2265, "\\ge "},
                                   {0x2A7D, "\\le "},
                                   {0x2A7E, "\\ge "},
                                   {0x2260, "\\ne "},
                                   {0x222A, "\\cup "},
                                   {0x2229, "\\cap "},
                                   {0x2208, "\\in "},
                                   {0xB0, "^{\\circ}"},
                                   {0xB1, "\\pm "},
                                   {0x2213, "\\mp "},
                                   {0x2205, "\\emptyset "},
                                   {0xD8, "\\emptyset "},
                                   {0x2248, "\\approx "},
                                   {0x221A, "\\sqrt "},
                                   {0x221B, "\\sqrt[3] "},
                                   {0x221C, "\\sqrt[4] "},
                                   {0x2216, "\\setminus "},
                                   {0xBC, "\\frac{1}{4}"},
                                   {0xBD, "\\frac{1}{2}"},
                                   {0xBE, "\\frac{3}{4}"},
                                   {0x2153, "\\frac{1}{3}"},
                                   {0x2154, "\\frac{2}{3}"},
                                   {0x215B, "\\frac{1}{8}"},
                                   {0x215C, "\\frac{3}{8}"},
                                   {0x215D, "\\frac{5}{8}"},
                                   {0x215E, "\\frac{7}{8}"},
                                   {0x3001, ","},
                                   {0x3002, "."},
                                   {0xFE65, ">"},
                                   {0x2009, "\\,"},
                                   {0x202F, "\\,"},
                                   {0xA0, " "},
                                   {0x3000, " "},
                                   {0x2019, "'"},
                                   {0x2032, "'"},
                                   {0x211D, "\\mathbb{R}"},
                                   {0x2124, "\\mathbb{Z}"},
                                   {0x2115, "\\mathbb{N}"},
                                   {0x211A, "\\mathbb{Q}"},
                                   {0x2102, "\\mathbb{C}"},
                                   {0x20AC, ""},
                                   {0xA3, ""},
                                   {0xA5, ""},
                                   {0x20B9, ""},
                                   {0xFFE5, ""},
                                   {0x2061, ""},
                                   {0x2062, "\\cdot "}};
constexpr std::string_view kGreek[] = {"alpha",   "beta", "gamma", "delta",    "epsilon", "zeta", "eta",
                                       "theta",   "iota", "kappa", "lambda",   "mu",      "nu",   "xi",
                                       "omicron", "pi",   "rho",   "varsigma", "sigma",   "tau",  "upsilon",
                                       "phi",     "chi",  "psi",   "omega"};

// Raised figures and the raised minus, as plain ones; 0 for all else.
char raised(uint32_t c) {
  return c == 0xB9                                   ? '1'
         : c == 0xB2                                 ? '2'
         : c == 0xB3                                 ? '3'
         : c == 0x207B                               ? '-'
         : c == 0x2070 || between(c, 0x2074, 0x2079) ? static_cast<char>('0' + (c - 0x2070))
                                                     : '\0';
}

// Letters of scripts that answers are written in as words.
bool is_word_letter(uint32_t c) {
  return between(c, 0xC0, 0x24F) || between(c, 0x370, 0x3FF) || between(c, 0x400, 0x52F) || between(c, 0x5D0, 0x5EA) ||
         between(c, 0x620, 0x64A) || between(c, 0x904, 0x939) || between(c, 0x3041, 0x30FF) ||
         between(c, 0x3400, 0x9FFF) || between(c, 0xAC00, 0xD7A3);
}

// LaTeX, letters of other scripts kept as they are; false for a character no honest answer holds.
bool to_latex(std::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    uint32_t c = next_code_point(text, at);
    if (between(c, 0xFF01, 0xFF5E)) c -= 0xFEE0;
    if (c < 0x80) {
      if (c == 0x7F || (c < ' ' && c != '\n' && c != '\t' && c != '\r')) return false;
      out += static_cast<char>(c);
      continue;
    }
    const auto* spelling =
        std::find_if(std::begin(kSpellings), std::end(kSpellings), [&](const Spelling& s) { return s.code == c; });
    if (spelling != std::end(kSpellings)) {
      out += spelling->latex;
    } else if (raised(c) != '\0') {
      if (out.ends_with('\x01'))
        out.resize(out.size() - 2);  // one exponent of several figures
      else
        out += "^{";
      out += raised(c);
      out += "}\x01";
    } else if (between(c, 0x2080, 0x2089)) {
      out += "_{";
      out += static_cast<char>('0' + (c - 0x2080));
      out += "}";
    } else if (between(c, 0x3B1, 0x3C9)) {
      out.append("\\").append(kGreek[c - 0x3B1]).append(" ");
    } else if (is_word_letter(c)) {
      out += text.substr(begin, at - begin);
    } else {
      return false;
    }
  }
  std::erase(out, '\x01');
  return true;
}

constexpr std::array<std::string_view, 11> kTextCommands = {
    "text", "textbf", "textit", "textrm", "texttt", "textsf", "mbox", "mathrm", "operatorname", "emph", "hbox"};
constexpr std::array<std::string_view, 37> kDressing = {
    "bf",    "rm",     "pounds",      "ensuremath", "mathbf", "mathit",       "mathsf",    "boldsymbol",
    "bm",    "left",   "right",       "big",        "Big",    "bigl",         "bigr",      "Bigl",
    "Bigr",  "bigg",   "Bigg",        "biggl",      "biggr",  "displaystyle", "textstyle", "limits",
    "boxed", "fbox",   "quad",        "qquad",      "space",  "hspace",       "underline", "large",
    "Large", "square", "blacksquare", "therefore",  "mathop"};

struct Sign {
  std::string_view command;
  char sign;
};
constexpr Sign kSigns[] = {{"times", '*'},  {"cdot", '*'},     {"ast", '*'},    {"div", '/'},      {"le", 'l'},
                           {"leq", 'l'},    {"leqslant", 'l'}, {"ge", 'g'},     {"geq", 'g'},      {"geqslant", 'g'},
                           {"ne", 'n'},     {"neq", 'n'},      {"lt", '<'},     {"gt", '>'},       {"pm", 'p'},
                           {"mp", 'm'},     {"cup", 'U'},      {"cap", 'N'},    {"setminus", 'M'}, {"backslash", 'M'},
                           {"in", 'e'},     {"mid", '|'},      {"vert", '|'},   {"lvert", '|'},    {"rvert", '|'},
                           {"colon", ':'},  {"lbrace", 'S'},   {"rbrace", 's'}, {"lbrack", '['},   {"rbrack", ']'},
                           {"approx", '='}, {"simeq", '='},    {"sim", '='},    {"circ", 'd'},     {"degree", 'd'},
                           {"prime", '\''}, {"lparen", '('},   {"rparen", ')'}, {"bigcup", 'U'},   {"star", '*'}};

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : s_(text) {}

  MathTokens run() {
    for (std::string_view sign : {"\\", "^{", "_{"}) out_.latex = out_.latex || s_.find(sign) != std::string_view::npos;
    while (at_ < s_.size()) step();
    add(MathToken::Kind::end, "");
    return std::move(out_);
  }

 private:
  using Kind = MathToken::Kind;
  char get(size_t i) const { return i < s_.size() ? s_[i] : '\0'; }

  void add(Kind kind, std::string text) {
    out_.tokens.push_back({kind, std::move(text), spaced_});
    spaced_ = false;
  }
  void sign(char c) {
    if (c == '(' || c == '[' || c == 'S' || (c == ']' && depth_ == 0)) {  // ]1,200[ opens outwards
      depth_++;
    } else if ((c == ')' || c == ']' || c == 's') && depth_ > 0) {
      depth_--;
    }
    add(Kind::sign, std::string(1, c));
  }

  void step() {
    const char c = s_[at_];
    if (c == '\\') return command();
    if (is_digit(c) || (c == '.' && is_digit(get(at_ + 1)))) return number();
    if (is_letter(c)) return word();
    if (static_cast<unsigned char>(c) >= 0x80) return letters();
    at_++;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '~' || c == '$' || c == '`') {
      spaced_ = true;
    } else if (const char two = pair(c); two != '\0') {
      at_++;
      sign(two);
    } else {
      sign(c);
    }
  }

  char pair(char c) const {
    const char next = get(at_);
    return c == '<' && next == '='   ? 'l'
           : c == '>' && next == '=' ? 'g'
           : c == '!' && next == '=' ? 'n'
           : c == '*' && next == '*' ? '^'
           : c == '=' && next == '=' ? '='
                                     : '\0';
  }

  // How many characters separate thousands at `i`, three figures behind them; 0 when none do.
  size_t separator(size_t i) const {
    for (std::string_view mark : {",\\!", ",", "{,}", "\\,", "\\ ", "\\!"}) {
      if (s_.substr(i, mark.size()) != mark || (mark == "," && depth_ > 0)) continue;
      const size_t k = i + mark.size();
      if (is_digit(get(k)) && is_digit(get(k + 1)) && is_digit(get(k + 2)) && !is_digit(get(k + 3))) return mark.size();
    }
    return 0;
  }

  static bool is_repetition(std::string_view text) {
    return text.starts_with("\\overline") || text.starts_with("\\bar{") || text.starts_with("\\dot{");
  }

  void number() {
    const size_t begin = at_;
    std::string digits;
    while (is_digit(get(at_))) digits += s_[at_++];
    if (!digits.empty() && at_ - begin <= 3 && digits[0] != '0')
      for (size_t mark; (mark = separator(at_)) != 0; at_ += mark + 3) digits += s_.substr(at_ + mark, 3);
    if (get(at_) == '.' && (is_digit(get(at_ + 1)) || is_repetition(s_.substr(at_ + 1)))) {
      digits += s_[at_++];
      while (is_digit(get(at_))) digits += s_[at_++];
    }
    if (get(at_) == 'e' || get(at_) == 'E') {
      const size_t mark = at_ + 1 + (get(at_ + 1) == '-' || get(at_ + 1) == '+');
      if (is_digit(get(mark))) {
        digits += s_.substr(at_, mark - at_);
        for (at_ = mark; is_digit(get(at_));) digits += s_[at_++];
      }
    }
    add(Kind::number, std::move(digits));
  }

  void word() {
    const size_t begin = at_;
    while (is_letter(get(at_))) at_++;
    const std::string_view word = s_.substr(begin, at_ - begin);
    if ((word == "x" || word == "X") && is_times()) return sign('*');
    add(Kind::word, std::string(word));
  }
  // 1.2 x 10^6: nobody writes a product with a number behind the variable.
  bool is_times() const {
    if (out_.tokens.empty() || out_.tokens.back().kind != Kind::number) return false;
    size_t i = at_;
    while (get(i) == ' ') i++;
    return s_.substr(i, 3) == "10^" || s_.substr(i, 4) == "10**";
  }
  void letters() {
    const size_t begin = at_;
    while (static_cast<unsigned char>(get(at_)) >= 0x80) at_++;
    add(Kind::text, std::string(s_.substr(begin, at_ - begin)));
  }

  // What the braces at at_ hold, and at_ behind them; nothing when there are none.
  std::string_view group() {
    while (get(at_) == ' ') at_++;
    if (get(at_) != '{') return {};
    const size_t begin = at_ + 1;
    int open = 0;
    for (size_t i = at_; i < s_.size(); i++) {
      if (s_[i] == '{') open++;
      if (s_[i] == '}' && --open == 0) {
        at_ = i + 1;
        return s_.substr(begin, i - begin);
      }
    }
    return {};
  }

  void command() {
    at_++;
    if (!is_letter(get(at_))) return sign_command(get(at_++));
    const size_t begin = at_;
    while (is_letter(get(at_))) at_++;
    const std::string_view name = s_.substr(begin, at_ - begin);
    if (one_of(name, kTextCommands)) return text_command(name);
    if (name == "color" || name == "textcolor") {
      group();  // the colour
      spaced_ = true;
      return;
    }
    if (one_of(name, kDressing)) {
      if ((name == "left" || name == "right") && get(at_) == '.') at_++;
      spaced_ = true;
      return;
    }
    for (const Sign& s : kSigns)
      if (s.command == name) return sign(s.sign);
    if (name == "begin" || name == "end") {
      const std::string_view environment = group();
      if (environment == "array" && name == "begin") group();
      return add(Kind::command, std::string(name) + ":" + std::string(environment));
    }
    add(Kind::command, std::string(name));
  }

  // \text{cm}: text. \mathrm{e}, \operatorname{sin}: words of a formula.
  void text_command(std::string_view name) {
    const std::string_view content = trim(group());
    const bool formula = name == "mathrm" || name == "operatorname";
    if (formula && !content.empty() && content.size() <= 6 && std::all_of(content.begin(), content.end(), is_letter) &&
        (content.size() == 1 || name == "operatorname"))
      return add(Kind::word, std::string(content));
    add(Kind::text, std::string(content));
  }

  void sign_command(char c) {
    if (c == '{') return sign('S');
    if (c == '}') return sign('s');
    if (c == '|') return sign('|');
    if (c == '\\') return sign('r');
    if (c == '%' || c == '&' || c == '_' || c == '#') return sign(c);
    spaced_ = true;  // spaces, \( and \[, the dollar sign
  }

  std::string_view s_;
  size_t at_ = 0;
  int depth_ = 0;
  bool spaced_ = false;
  MathTokens out_;
};

}  // namespace

std::optional<MathTokens> math_tokens(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  std::string latex;
  if (!to_latex(text, latex)) return std::nullopt;
  return Tokenizer(latex).run();
}

}  // namespace r1
