// A pattern is read by recursive descent and written atom by atom, so that a quantifier knows what it repeats.
#include "text/regex_syntax.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/regex_class.h"
#include "text/unicode.h"

namespace r1 {
namespace {

constexpr size_t kLongestPattern = 64 << 10, kLongestTranslation = 4 << 20;
constexpr int kDeepest = 100;

class Translator {
 public:
  explicit Translator(const std::string& pattern) : p_(pattern) {}

  std::string whole() {
    if (p_.size() > kLongestPattern)
      fail("a split pattern has {} bytes, at most {} are read", p_.size(), kLongestPattern);
    for (size_t i = 0; i + 1 < p_.size(); i += p_[i] == '\\' ? 2 : 1)
      captures_ =
          captures_ || (p_[i] == '\\' && std::string_view("123456789kg").find(p_[i + 1]) != std::string_view::npos);
    std::string out = alternatives();
    if (i_ < p_.size()) refuse("unmatched )");
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail("split pattern {}: near its byte {}: {}", p_, i_, what);
  }
  bool at(std::string_view text) const { return p_.compare(i_, text.size(), text) == 0; }
  bool take(std::string_view text) {
    if (!at(text)) return false;
    i_ += text.size();
    return true;
  }
  // Behind `open`: everything up to `close`, which is taken too.
  std::string up_to(char close) {
    const size_t end = p_.find(close, i_);
    if (end == std::string::npos) refuse(fmt::format("no {} follows", close));
    std::string out = p_.substr(i_, end - i_);
    i_ = end + 1;
    return out;
  }
  uint32_t hexadecimal(const std::string& digits) const {
    if (digits.empty() || digits.size() > 8 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      refuse("expected hexadecimal digits, got \"" + digits + "\"");
    const unsigned long code = std::stoul(digits, nullptr, 16);
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) refuse("no such character: \"" + digits + "\"");
    return static_cast<uint32_t>(code);
  }
  uint32_t code_point() {
    const uint32_t code = next_code_point(p_, i_);
    if (code == 0xFFFFFFFFu) refuse("not valid UTF-8");
    return code;
  }

  std::string alternatives() {
    if (++depth_ > kDeepest) refuse(fmt::format("nested more than {} deep", kDeepest));
    std::string out = sequence();
    while (take("|")) out += "|" + sequence();
    if (out.size() > kLongestTranslation) refuse("too long once its classes are spelled out");
    depth_--;
    return out;
  }

  std::string sequence() {
    std::string out;
    while (i_ < p_.size() && !at("|") && !at(")")) {
      if (extended_ && skip_blank()) continue;
      out += repeated(atom());
    }
    return out;
  }

  bool skip_blank() {
    if (std::string_view(" \t\r\n\f\v").find(p_[i_]) != std::string_view::npos) {
      i_++;
      return true;
    }
    if (p_[i_] != '#') return false;
    while (i_ < p_.size() && p_[i_] != '\n') i_++;
    return true;
  }

  // {n}, {n,}, {,m} or {n,m} from here, as PCRE2 writes it; empty when it is none. `exact`: the first form.
  std::string interval(bool& exact) {
    size_t j = i_ + 1;
    std::string low, high;
    while (j < p_.size() && std::isdigit(static_cast<unsigned char>(p_[j]))) low += p_[j++];
    exact = j < p_.size() && p_[j] == '}';
    if (!exact) {
      if (j >= p_.size() || p_[j] != ',') return "";
      j++;
      while (j < p_.size() && std::isdigit(static_cast<unsigned char>(p_[j]))) high += p_[j++];
      if (j >= p_.size() || p_[j] != '}') return "";
    }
    if (low.empty() && high.empty()) return "";
    i_ = j + 1;
    if (low.empty()) low = "0";
    return exact ? "{" + low + "}" : "{" + low + "," + high + "}";
  }

  std::string repeated(std::string atom) {
    for (bool again = false; i_ < p_.size() && !atom.empty(); again = true) {
      std::string q;
      bool exact = false;
      const bool braces = at("{");
      if (at("?") || at("*") || at("+"))
        q = p_[i_++];
      else if (braces)
        q = interval(exact);
      if (q.empty()) break;
      if (again) atom = "(?:" + atom + ")";
      if (exact && take("?"))
        atom = "(?:" + atom + q + ")?";  // Oniguruma: greedy, at most once
      else if (take("?"))
        atom += q + "?";
      else if (!braces && take("+"))
        atom += q + "+";
      else
        atom += q;  // a + behind braces repeats what they made
    }
    return atom;
  }

  std::string atom() {
    if (take("(")) return group();
    if (take("[")) return character_class().pattern(false);
    if (take("\\")) return escape();
    const char c = p_[i_];
    if (std::string_view(".^$?*+").find(c) != std::string_view::npos) {
      i_++;
      return {c};
    }
    return literal(code_point());
  }

  static std::string literal(uint32_t code) {
    std::string out;
    if (code < 0x80 && !std::isalnum(static_cast<int>(code)))
      return code < 0x20 || code == 0x7F || code == ' ' ? fmt::format("\\x{{{:x}}}", code)
                                                        : std::string("\\") + static_cast<char>(code);
    append_code_point(out, code);
    return out;
  }

  std::string group() {
    if (!take("?")) return closed(captures_ ? "(" : "(?:");
    if (take("#")) {
      up_to(')');
      return "(?:)";
    }
    for (const char* open : {":", "=", "!", ">", "<=", "<!"})
      if (take(open)) return closed(std::string("(?") + open);
    if (take("<")) {
      const std::string name = up_to('>');
      return closed(captures_ ? "(?<" + name + ">" : "(?:");
    }
    if (at("~")) refuse("the absence operator is not supported");
    if (at("(")) refuse("conditions are not supported");
    return options();
  }
  std::string closed(const std::string& open) {
    const bool outside = extended_;
    std::string out = open + alternatives();
    extended_ = outside;
    if (!take(")")) refuse("no ) follows");
    return out + ")";
  }

  // (?imx-imx: ...) or (?imx-imx), which holds to the end of the group, alternatives and all.
  std::string options() {
    std::string flags = "(?";
    const bool outside = extended_;
    for (bool on = true; i_ < p_.size() && !at(":") && !at(")"); i_++) {
      const char c = p_[i_];
      if (c == '-')
        on = false, flags += '-';
      else if (c == 'x')
        extended_ = on;
      else if (c == 'i' || c == 'm')
        flags += c == 'm' ? 's' : 'i';  // m lets the dot match line ends
      else
        refuse(fmt::format("group option {} is not supported", c));
    }
    if (flags.back() == '-') flags.pop_back();
    if (take(":")) {
      std::string out = flags + ":" + alternatives();
      extended_ = outside;
      if (!take(")")) refuse("no ) follows");
      return out + ")";
    }
    if (!take(")")) refuse("no ) follows");
    return flags + ":" + alternatives() + ")";
  }

  std::string escape() {
    if (i_ >= p_.size()) refuse("a backslash at the end");
    const char c = p_[i_];
    if (CharacterSet set = set_of_escape(c); !set.items.empty() || !set.others.empty()) {
      i_++;
      return set.pattern(false);
    }
    if (c == 'p' || c == 'P') return property().pattern(false);
    if (c == 'b' || c == 'B') {
      i_++;
      const std::string w = set_of_escape('w').pattern(false);
      return c == 'b' ? "(?:(?<=" + w + ")(?!" + w + ")|(?<!" + w + ")(?=" + w + "))"
                      : "(?:(?<=" + w + ")(?=" + w + ")|(?<!" + w + ")(?!" + w + "))";
    }
    if (std::string_view("AZzGKRXN").find(c) != std::string_view::npos) {
      i_++;
      return {'\\', c};
    }
    if (take("O")) return "(?s:.)";
    if (c >= '1' && c <= '9') return reference();
    if (c == 'k' || c == 'g') return named_reference();
    if (c == 'y' || c == 'Y') refuse("text segments are not supported");
    return literal(escaped_code());
  }

  std::string reference() {
    std::string out = "\\";
    while (i_ < p_.size() && std::isdigit(static_cast<unsigned char>(p_[i_]))) out += p_[i_++];
    return "(?:" + out + ")";
  }
  std::string named_reference() {
    std::string out = {'\\', p_[i_++]};
    if (!take("<")) refuse("expected < and a name");
    return out + "<" + up_to('>') + ">";
  }

  // \p{name} or \P{name}, from the letter on.
  CharacterSet property() {
    const bool negated = p_[i_++] == 'P';
    if (!take("{")) refuse("expected { and the name of a property");
    const std::string name = up_to('}');
    CharacterSet set = set_of_property(name, false);
    if (set.items.empty() && set.others.empty()) refuse("character property \"" + name + "\" is not supported");
    return negated ? complement_of(set) : set;
  }

  // The one character behind a backslash.
  uint32_t escaped_code() {
    static constexpr std::string_view kLetters = "tnrfvae", kCodes = "\t\n\r\f\v\a\x1b";
    const char c = p_[i_];
    if (const size_t k = kLetters.find(c); k != std::string_view::npos) {
      i_++;
      return static_cast<uint32_t>(kCodes[k]);
    }
    if (c == 'x' || c == 'u') {
      i_++;
      if (c == 'x' && take("{")) return hexadecimal(up_to('}'));
      const size_t most = c == 'u' ? 4 : 2;
      std::string digits;
      while (digits.size() < most && i_ < p_.size() && std::isxdigit(static_cast<unsigned char>(p_[i_])))
        digits += p_[i_++];
      const uint32_t code = hexadecimal(digits);
      if (c == 'x' && code > 0x7F) refuse("raw bytes are not supported; write \\x{...}");
      return code;
    }
    if (c == '0') {
      uint32_t code = 0;
      for (int n = 0; n < 3 && i_ < p_.size() && p_[i_] >= '0' && p_[i_] <= '7'; n++)
        code = code * 8 + static_cast<uint32_t>(p_[i_++] - '0');
      return code;
    }
    if (c == 'c' || c == 'C' || c == 'M') refuse("control escapes are not supported; write \\x{...}");
    return code_point();
  }

  // Behind [ to behind its ].
  CharacterSet character_class() {
    if (++depth_ > kDeepest) refuse(fmt::format("nested more than {} deep", kDeepest));
    const bool negated = take("^");
    std::vector<CharacterSet> operands(1);
    bool first = true;
    while (!at("]") || (first && p_.find(']', i_ + 1) != std::string::npos)) {
      if (i_ >= p_.size()) refuse("no ] follows");
      if (take("&&"))
        operands.emplace_back();
      else
        class_item(operands.back());
      first = false;
    }
    i_++;
    depth_--;
    CharacterSet set = intersection_of(operands);
    return negated ? CharacterSet{"", {set.pattern(true)}} : set;
  }

  void class_item(CharacterSet& set) {
    if (at("[:")) {
      const size_t end = p_.find(":]", i_ + 2);
      if (end != std::string::npos && end - i_ < 24) {
        const std::string name = p_.substr(i_ + 2, end - i_ - 2);
        const CharacterSet named = set_of_property(name, true);
        if (named.items.empty() && named.others.empty()) refuse("class [:" + name + ":] is not supported");
        i_ = end + 2;
        return set.add(named);
      }
    }
    if (take("[")) {
      CharacterSet inner = character_class();
      return set.add(inner);
    }
    if (at("\\") && i_ + 1 < p_.size()) {
      const char c = p_[i_ + 1];
      if (c == 'p' || c == 'P') {
        i_++;
        return set.add(property());
      }
      if (const CharacterSet named = set_of_escape(c); !named.items.empty() || !named.others.empty()) {
        i_ += 2;
        return set.add(named);
      }
    }
    const uint32_t low = class_code();
    if (!at("-") || i_ + 1 >= p_.size() || p_[i_ + 1] == ']' || p_[i_ + 1] == '[') return set.add(low, low);
    if (p_[i_ + 1] == '\\' && i_ + 2 < p_.size() &&
        (std::string_view("pP").find(p_[i_ + 2]) != std::string_view::npos ||
         !set_of_escape(p_[i_ + 2]).pattern(false).starts_with("(?!)")))
      refuse("a range ends in a class");
    i_++;
    const uint32_t high = class_code();
    if (high < low) refuse("a range runs backwards");
    set.add(low, high);
  }
  uint32_t class_code() {
    if (!take("\\")) return code_point();
    if (i_ >= p_.size()) refuse("a backslash at the end");
    if (take("b")) return 8;
    return escaped_code();
  }

  const std::string& p_;
  size_t i_ = 0;
  int depth_ = 0;
  bool extended_ = false;
  bool captures_ = false;  // something refers to a group; else none is kept, which takes less memory
};

}  // namespace

std::string pcre2_pattern(const std::string& oniguruma) { return Translator(oniguruma).whole(); }

std::string quoted_pattern(const std::string& literal) {
  std::string out;
  for (char c : literal) {
    if (std::string_view("\\^$.|?*+()[]{}-#&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace r1
