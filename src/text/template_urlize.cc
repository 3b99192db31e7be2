// Links made of the addresses in a text. The result is one piece as to its origin: what any of it came from.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/template_filters.h"
#include "text/template_operators.h"
#include "text/template_print.h"
#include "text/template_strings.h"
#include "text/unicode.h"

namespace r1::jinja {
namespace {

class Pattern {
 public:
  explicit Pattern(const char* text) {
    int error = 0;
    size_t where = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text), PCRE2_ZERO_TERMINATED,
                              PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_EXTENDED, &error, &where, nullptr));
    limits_.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(limits_.get(), 200000);
  }
  bool matches(const std::string& s) const {
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
    const int n = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(s.data()), s.size(), 0, PCRE2_ANCHORED,
                              data.get(), limits_.get());
    if (n < 0 && n != PCRE2_ERROR_NOMATCH) throw Trouble("urlize: a word is too difficult to match");
    return n >= 0;
  }

 private:
  std::unique_ptr<pcre2_code, void (*)(pcre2_code*)> code_{nullptr, pcre2_code_free};
  std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context*)> limits_{nullptr, pcre2_match_context_free};
};

bool is_address(const std::string& s) {
  static const Pattern pattern(R"(^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})
      |([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)
      |(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}])))
      (?::[\d]{1,5})?(?:[/?\#]\S*)?$)");
  return pattern.matches(s);
}
bool is_mail(const std::string& s) {
  static const Pattern pattern(R"(^\S+@\w[\w.-]*\.\w+$)");
  return pattern.matches(s);
}

struct Options {
  int64_t limit = -1;  // of the shown text's length
  std::string attributes;
  std::vector<std::string> schemes;
};

std::string shortened(const std::string& s, int64_t limit) {
  const Text text(s);
  if (limit < 0 || static_cast<int64_t>(text.length()) <= limit) return s;
  return text.part(0, text.offset(static_cast<size_t>(limit))).bytes() + "...";
}

std::string linked(std::string middle, const Options& o) {
  const bool has_scheme = middle.starts_with("https://") || middle.starts_with("http://");
  if (is_address(middle))
    return fmt::format("<a href=\"{}{}\"{}>{}</a>", has_scheme ? "" : "https://", middle, o.attributes,
                       shortened(middle, o.limit));
  if (middle.starts_with("mailto:") && is_mail(middle.substr(7)))
    return fmt::format("<a href=\"{}\">{}</a>", middle, middle.substr(7));
  if (middle.find('@') != std::string::npos && !middle.starts_with("www.") && !middle.starts_with("@") &&
      middle.find(':') == std::string::npos && is_mail(middle))
    return fmt::format("<a href=\"mailto:{}\">{}</a>", middle, middle);
  for (const std::string& scheme : o.schemes)
    if (middle != scheme && middle.starts_with(scheme))
      middle = fmt::format("<a href=\"{}\"{}>{}</a>", middle, o.attributes, middle);
  return middle;
}

size_t count_of(const std::string& s, const std::string& what) {
  size_t n = 0;
  for (size_t at = 0; (at = s.find(what, at)) != std::string::npos; at += what.size()) n++;
  return n;
}

// A word with what leads and trails it (brackets, full stops) set aside.
std::string linked_word(const std::string& word, const Options& o) {
  size_t head = 0;
  while (head < word.size()) {
    if (word[head] == '(' || word[head] == '<')
      head++;
    else if (word.compare(head, 4, "&lt;") == 0)
      head += 4;
    else
      break;
  }
  size_t end = word.size();
  while (end > head) {
    if (std::string_view(")>.,\n").find(word[end - 1]) != std::string_view::npos)
      end--;
    else if (end >= head + 4 && word.compare(end - 4, 4, "&gt;") == 0)
      end -= 4;
    else
      break;
  }
  std::string middle = word.substr(head, end - head), tail = word.substr(end);
  static constexpr std::pair<const char*, const char*> kPairs[] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (const auto& [open, close] : kPairs) {
    const size_t opened = count_of(middle, open);
    if (opened <= count_of(middle, close)) continue;
    for (size_t n = std::min(opened, count_of(tail, close)); n > 0; n--) {
      const size_t to = tail.find(close) + std::string_view(close).size();
      middle += tail.substr(0, to);
      tail.erase(0, to);
    }
  }
  return word.substr(0, head) + linked(middle, o) + tail;
}

std::string escaped(Runtime& runtime, const std::string& s) { return escape_html(runtime, Value::text(s)).bytes(); }

Options options_of(Runtime& runtime, const Bound& b) {
  Options out;
  if (b.given(0)) out.limit = std::max<int64_t>(0, b.whole(0, 0));
  std::set<std::string> rel = {"noopener"};
  if (b.given(3))
    for (const Value& part : find_text_method("split")(runtime, b.text(3), {}).items()) rel.insert(part.text().bytes());
  if (b.flag(1, false)) rel.insert("nofollow");
  std::string joined;
  for (const std::string& part : rel) joined += (joined.empty() ? "" : " ") + part;
  out.attributes = fmt::format(" rel=\"{}\"", escaped(runtime, joined));
  if (b.given(2)) out.attributes += fmt::format(" target=\"{}\"", escaped(runtime, b.text(2).bytes()));
  static const Pattern scheme(R"(^([\w.+-]{2,}:(/){0,2})$)");
  if (b.given(4))
    for (const Value& v : listed(runtime, b[4])) {
      if (!v.is_text() || !scheme.matches(v.text().bytes())) throw Trouble("urlize: no valid URI scheme prefix");
      out.schemes.push_back(v.text().bytes());
    }
  return out;
}

}  // namespace

Value urlize(Runtime& runtime, const Value& v, const Arguments& arguments) {
  const Bound b("urlize", arguments, {"trim_url_limit", "nofollow", "target", "rel", "extra_schemes"});
  const Options options = options_of(runtime, b);
  const Text text = escape_html(runtime, v);
  std::string out;
  size_t from = 0;
  for (size_t at = 0; at <= text.bytes().size();) {
    size_t next = at;
    const bool ends = at == text.bytes().size() || is_space(next_code_point(text.bytes(), next));
    if (!ends) {
      at = next;
      continue;
    }
    runtime.burn((at - from) * 16 + 32);
    if (at > from) out += linked_word(text.bytes().substr(from, at - from), options);
    if (at == text.bytes().size()) break;
    out += text.bytes().substr(at, next - at);
    at = from = next;
  }
  runtime.burn(out.size());
  return Value::text(Text(out, text.all_origins()));
}

}  // namespace r1::jinja
