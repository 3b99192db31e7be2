#include "text/template_lexer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/error.h"
#include "text/unicode.h"

namespace r1::jinja {

void template_error(const std::string& name, TemplatePlace place, const std::string& message) {
  fail("{}: line {}, column {}: {}", name, place.line, place.column, message);
}

namespace {

class Lexer {
 public:
  Lexer(const std::string& source, const std::string& name) : source_(source), name_(name) {}

  std::vector<TemplateToken> run() {
    source_ = with_plain_newlines(source_);
    if (!source_.empty() && source_.back() == '\n') source_.pop_back();  // keep_trailing_newline is off
    while (at_ < source_.size()) {
      const size_t open = find_open();
      text(open);
      if (open == std::string::npos) break;
      tag(open);
    }
    out_.push_back({TemplateTokenKind::end, "", place(source_.size())});
    return std::move(out_);
  }

 private:
  static std::string with_plain_newlines(const std::string& source) {
    std::string out;
    for (size_t i = 0; i < source.size(); i++) {
      if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
      out += source[i] == '\r' ? '\n' : source[i];
    }
    return out;
  }

  // Counted on from the place asked for last: tokens come in order, and a line may be the whole template.
  TemplatePlace place(size_t at) const {
    at = std::min(at, source_.size());
    if (at < counted_) counted_ = 0, counted_place_ = {};
    for (; counted_ < at; counted_++) {
      if (source_[counted_] == '\n')
        counted_place_ = {counted_place_.line + 1, 1};
      else if ((source_[counted_] & 0xC0) != 0x80)
        counted_place_.column++;
    }
    return counted_place_;
  }

  size_t find_open() const {
    for (size_t i = at_; i + 1 < source_.size(); i++)
      if (source_[i] == '{' && (source_[i + 1] == '%' || source_[i + 1] == '{' || source_[i + 1] == '#')) return i;
    return std::string::npos;
  }

  // Emits the text up to the next tag, stripped as the tag's sign and lstrip_blocks ask.
  void text(size_t open) {
    std::string piece = source_.substr(at_, open == std::string::npos ? std::string::npos : open - at_);
    const TemplatePlace where = place(at_);
    if (strip_next_)
      piece.erase(0, piece.find_first_not_of(" \t\r\n\f\v") == std::string::npos
                         ? piece.size()
                         : piece.find_first_not_of(" \t\r\n\f\v"));
    else if (trim_newline_ && !piece.empty() && piece[0] == '\n')
      piece.erase(0, 1);
    strip_next_ = trim_newline_ = false;
    if (open != std::string::npos) {
      const char sign = open + 2 < source_.size() ? source_[open + 2] : ' ';
      if (sign == '-')
        piece.erase(piece.find_last_not_of(" \t\r\n\f\v") + 1);
      else if (source_[open + 1] != '{' && sign != '+')
        strip_line_start(piece, open);
    }
    if (!piece.empty()) out_.push_back({TemplateTokenKind::text, piece, where});
    at_ = open;
  }

  // lstrip_blocks: white space between the start of a line and a block tag goes.
  void strip_line_start(std::string& piece, size_t open) const {
    size_t end = piece.find_last_not_of(" \t");
    end = end == std::string::npos ? 0 : end + 1;
    const bool line_start =
        end > 0 ? piece[end - 1] == '\n' : (open - piece.size() == 0 || source_[open - piece.size() - 1] == '\n');
    if (line_start) piece.erase(end);
  }

  void tag(size_t open) {
    const char kind = source_[open + 1];
    size_t i = open + 2;
    if (kind == '#') {
      const size_t close = source_.find("#}", i);
      if (close == std::string::npos) template_error(name_, place(open), "comment is not closed");
      strip_next_ = source_[close - 1] == '-' && close > i;
      trim_newline_ = !(source_[close - 1] == '+' && close > i);
      at_ = close + 2;
      return;
    }
    if (i < source_.size() && (source_[i] == '-' || source_[i] == '+')) i++;
    if (kind == '%' && raw_block(open, i)) return;
    out_.push_back({kind == '%' ? TemplateTokenKind::block_begin : TemplateTokenKind::print_begin, "", place(open)});
    const std::string close = kind == '%' ? "%}" : "}}";
    open_brackets_.clear();
    while (true) {
      i = skip_space(i);
      if (i >= source_.size()) template_error(name_, place(open), "tag is not closed");
      const bool has_sign = source_[i] == '-' || (source_[i] == '+' && kind == '%');
      const bool signed_close = has_sign && source_.compare(i + 1, 2, close) == 0;
      if (open_brackets_.empty() && (signed_close || source_.compare(i, 2, close) == 0)) {
        strip_next_ = signed_close && source_[i] == '-';
        trim_newline_ = kind == '%' && !(signed_close && source_[i] == '+');
        out_.push_back({kind == '%' ? TemplateTokenKind::block_end : TemplateTokenKind::print_end, "", place(i)});
        at_ = i + 2 + (signed_close ? 1 : 0);
        return;
      }
      balance(i);
      i = token(i);
    }
  }

  void balance(size_t i) {
    const char c = source_[i];
    if (std::string_view("([{").find(c) != std::string_view::npos)
      open_brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (std::string_view(")]}").find(c) == std::string_view::npos) return;
    if (open_brackets_.empty() || open_brackets_.back() != c)
      template_error(name_, place(i),
                     open_brackets_.empty() ? fmt::format("unexpected '{}'", c)
                                            : fmt::format("unexpected '{}', expected '{}'", c, open_brackets_.back()));
    open_brackets_.pop_back();
  }

  size_t skip_space(size_t i) const {
    while (i < source_.size() && std::isspace(static_cast<unsigned char>(source_[i]))) i++;
    return i;
  }
  // Whether `word` and the tag's end stand at i; then `i` moves behind it and `sign` is what the end carries.
  bool word_and_end(size_t& i, std::string_view word, char& sign) const {
    size_t at = skip_space(i);
    if (source_.compare(at, word.size(), word) != 0) return false;
    at = skip_space(at + word.size());
    sign = at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : ' ';
    if (sign != ' ') at++;
    if (source_.compare(at, 2, "%}") != 0) return false;
    i = at + 2;
    return true;
  }

  // {% raw %} ... {% endraw %}: text as it stands, with the tags' signs obeyed.
  bool raw_block(size_t open, size_t i) {
    char sign = ' ';
    if (!word_and_end(i, "raw", sign)) return false;
    const size_t begin = sign == '-' ? skip_space(i) : i;
    for (size_t end = i; (end = source_.find("{%", end)) != std::string::npos; end += 2) {
      const char before = end + 2 < source_.size() ? source_[end + 2] : ' ';
      size_t after = end + (before == '-' || before == '+' ? 3 : 2);
      if (!word_and_end(after, "endraw", sign)) continue;
      std::string piece = source_.substr(std::min(begin, end), end - std::min(begin, end));
      if (before == '-')
        piece.erase(piece.find_last_not_of(" \t\r\n\f\v") + 1);
      else if (before != '+')
        strip_line_start(piece, end);
      if (!piece.empty()) out_.push_back({TemplateTokenKind::text, piece, place(begin)});
      strip_next_ = sign == '-';
      trim_newline_ = sign != '+';
      at_ = after;
      return true;
    }
    template_error(name_, place(open), "raw is not closed");
  }

  // Bytes beyond ASCII count as letters.
  static bool is_name_byte(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
  }

  size_t digits_end(size_t j) const {
    while (digit_at(j) || (j < source_.size() && source_[j] == '_' && digit_at(j + 1))) j++;
    return j;
  }
  bool digit_at(size_t j) const { return j < source_.size() && std::isdigit(static_cast<unsigned char>(source_[j])); }

  size_t number_token(size_t i) {
    size_t j = digits_end(i);
    const char letter =
        j == i + 1 && source_[i] == '0' && j < source_.size() ? static_cast<char>(source_[j] | 32) : ' ';
    if (letter == 'x' || letter == 'o' || letter == 'b') {
      j++;
      while (j < source_.size() && (std::isxdigit(static_cast<unsigned char>(source_[j])) || source_[j] == '_')) j++;
    } else if (i == 0 || source_[i - 1] != '.') {  // x.1.2 reaches into x twice
      if (j < source_.size() && source_[j] == '.' && digit_at(j + 1)) j = digits_end(j + 1);
      if (j < source_.size() && (source_[j] | 32) == 'e') {
        const size_t k = j + 1 < source_.size() && (source_[j + 1] == '-' || source_[j + 1] == '+') ? j + 2 : j + 1;
        if (digit_at(k)) j = digits_end(k);
      }
    }
    std::string digits = source_.substr(i, j - i);
    std::erase(digits, '_');
    out_.push_back({TemplateTokenKind::number, digits, place(i)});
    return j;
  }

  size_t token(size_t i) {
    const char c = source_[i];
    const TemplatePlace where = place(i);
    if (is_name_byte(c) && !std::isdigit(static_cast<unsigned char>(c))) {
      size_t j = i;
      while (j < source_.size() && is_name_byte(source_[j])) j++;
      out_.push_back({TemplateTokenKind::name, source_.substr(i, j - i), where});
      return j;
    }
    if (std::isdigit(static_cast<unsigned char>(c))) return number_token(i);
    if (c == '"' || c == '\'') return string_token(i);
    static constexpr std::array<std::string_view, 6> kLong = {"==", "!=", "<=", ">=", "//", "**"};
    for (std::string_view op : kLong)
      if (source_.compare(i, 2, op) == 0) {
        out_.push_back({TemplateTokenKind::op, std::string(op), where});
        return i + 2;
      }
    if (std::string_view("+-*/%~<>=()[]{}.,:|").find(c) == std::string_view::npos)
      template_error(name_, where, fmt::format("unexpected character '{}'", c));
    out_.push_back({TemplateTokenKind::op, std::string(1, c), where});
    return i + 1;
  }

  size_t string_token(size_t i) {
    const char quote = source_[i];
    std::string text;
    size_t j = i + 1;
    for (; j < source_.size() && source_[j] != quote; j++) {
      if (source_[j] != '\\' || j + 1 >= source_.size()) {
        text += source_[j];
        continue;
      }
      j = escape(j + 1, text);
    }
    if (j >= source_.size()) template_error(name_, place(i), "string is not closed");
    out_.push_back({TemplateTokenKind::string, text, place(i)});
    return j + 1;
  }

  // A backslash's letter stands at j; gives the place of the escape's last byte.
  size_t escape(size_t j, std::string& text) const {
    static constexpr std::string_view kLetters = "ntrbfav\\'\"", kMeant = "\n\t\r\b\f\a\v\\'\"";
    const char e = source_[j];
    if (const size_t known = kLetters.find(e); known != std::string_view::npos)
      text += kMeant[known];
    else if (e == 'x' || e == 'u' || e == 'U')
      return code_point(j, e == 'x' ? 2 : e == 'u' ? 4 : 8, text);
    else if (e >= '0' && e <= '7')
      return octal(j, text);
    else if (e == 'N')
      template_error(name_, place(j), "characters by name (\\N) are not supported: write \\u and four digits");
    else if (e != '\n')  // a line's end behind a backslash is left out
      (text += '\\') += e;
    return j;
  }

  size_t octal(size_t j, std::string& text) const {
    uint32_t code = 0;
    size_t k = j;
    for (; k < j + 3 && k < source_.size() && source_[k] >= '0' && source_[k] <= '7'; k++)
      code = code * 8 + static_cast<uint32_t>(source_[k] - '0');
    append_code_point(text, code);
    return k - 1;
  }

  size_t code_point(size_t j, size_t digits, std::string& text) const {
    uint32_t code = 0;
    for (size_t k = 1; k <= digits; k++) {
      const char h = j + k < source_.size() ? source_[j + k] : 'x';
      if (!std::isxdigit(static_cast<unsigned char>(h)))
        template_error(name_, place(j), "a hexadecimal escape is cut short");
      code = code * 16 + static_cast<uint32_t>(h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      template_error(name_, place(j), "an escape stands for no character");
    append_code_point(text, code);
    return j + digits;
  }

  std::string source_;
  const std::string& name_;
  mutable size_t counted_ = 0;
  mutable TemplatePlace counted_place_;
  size_t at_ = 0;
  std::string open_brackets_;  // what closes them, innermost last
  bool strip_next_ = false, trim_newline_ = false;
  std::vector<TemplateToken> out_;
};

}  // namespace

std::vector<TemplateToken> lex_template(const std::string& source, const std::string& name) {
  if (source.size() > (1u << 20)) fail("{}: the template has {} bytes, at most 1 MB is read", name, source.size());
  if (to_valid_utf8(source) != source) fail("{}: the template is not valid UTF-8", name);
  return Lexer(source, name).run();
}

}  // namespace r1::jinja
