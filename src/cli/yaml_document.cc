#include "cli/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <memory>
#include <sstream>

#include "base/error.h"

namespace r1 {
namespace {

using Kind = YamlValue::Kind;
constexpr size_t kMostBytes = 1u << 20;
constexpr size_t kDeepest = 32, kMostValues = 20000, kMostKeys = 2000;

// What a scalar counts for: a copied long text costs as much as many short ones.
size_t weight_of(const YamlValue& v) { return 1 + v.text.size() / 256; }

bool all_of(std::string_view text, const char* set) {
  return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
}

bool one_of(std::string_view text, std::initializer_list<const char*> words) {  // word, Word and WORD
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::find(words.begin(), words.end(), lower) == words.end()) return false;
  std::string title = lower, upper = lower;
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text == lower || text == title || text == upper;
}

// YAML 1.1 integers: decimal, 0x, 0b, 0 octal, all with _ between digits. Base 60 (1:30) stays a text: no recipe means
// it.
bool read_integer(std::string text, std::string& out) {
  std::erase(text, '_');
  const bool negative = text.starts_with("-");
  if (negative || text.starts_with("+")) text.erase(0, 1);
  if (text.empty() || !std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  int base = 10;
  if (text.starts_with("0x"))
    base = 16, text.erase(0, 2);
  else if (text.starts_with("0b"))
    base = 2, text.erase(0, 2);
  else if (text.size() > 1 && text[0] == '0')
    base = 8;
  if (!all_of(text, base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : base == 2 ? "01" : "0123456789"))
    return false;
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const std::string digits =
      error == std::errc() ? std::to_string(value) : text;  // beyond 64 bits: its field refuses it
  out = (negative && digits != "0" ? "-" : "") + digits;
  return stop == text.data() + text.size();
}

// YAML 1.1 floats: with a dot; an exponent has a sign. .inf and .nan.
bool read_real(std::string text, std::string& out) {
  std::erase(text, '_');
  std::string body = text;
  if (body.starts_with("-") || body.starts_with("+")) body.erase(0, 1);
  if (one_of(body, {".inf", ".nan"})) return out = text, true;
  const size_t dot = body.find('.');
  if (dot == std::string::npos ||
      !std::isdigit(static_cast<unsigned char>(body.size() > dot + 1 && dot == 0 ? body[1] : body[0])))
    return false;
  const size_t exponent = body.find_first_of("eE", dot);
  const std::string_view whole = std::string_view(body).substr(0, dot);
  const std::string_view part =
      std::string_view(body).substr(dot + 1, exponent == std::string::npos ? exponent : exponent - dot - 1);
  if ((!whole.empty() && !all_of(whole, "0123456789")) || (!part.empty() && !all_of(part, "0123456789"))) return false;
  if (exponent != std::string::npos) {
    const std::string_view power = std::string_view(body).substr(exponent + 1);
    if (power.size() < 2 || (power[0] != '+' && power[0] != '-') || !all_of(power.substr(1), "0123456789"))
      return false;
  }
  out = text[0] == '+' ? text.substr(1) : text;
  return true;
}

YamlValue plain_scalar(const std::string& text, uint32_t line) {
  YamlValue v{.kind = Kind::text, .text = text, .line = line, .items = {}, .members = {}};
  std::string number;
  if (text.empty() || text == "~" || one_of(text, {"null"})) {
    v.kind = Kind::null;
    v.text.clear();
  } else if (one_of(text, {"true", "yes", "on"})) {
    v.kind = Kind::boolean;
    v.text = "true";
  } else if (one_of(text, {"false", "no", "off"})) {
    v.kind = Kind::boolean;
    v.text = "false";
  } else if (read_integer(text, number)) {
    v.kind = Kind::integer;
    v.text = number;
  } else if (read_real(text, number)) {
    v.kind = Kind::real;
    v.text = number;
  }
  return v;
}

class TooMuch {};  // ends the parser; the builder holds the message

// Builds the tree from the parser's events. Aliases are copied, which the number of values bounds.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::string name) : name_(std::move(name)) {}
  YamlDocument take() { return std::move(out_); }
  const std::string& problem() const { return problem_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add({.kind = Kind::null, .text = {}, .line = line_of(mark), .items = {}, .members = {}}, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) stop(line_of(mark), "an alias of the value it stands in");
    YamlValue copy = it->second.value;
    copy.line = line_of(mark);
    count(it->second.size, copy.line);
    place(std::move(copy), it->second.size);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const uint32_t line = line_of(mark);
    YamlValue v{.kind = Kind::text, .text = text, .line = line, .items = {}, .members = {}};
    if (tag == "?")
      v = plain_scalar(text, line);
    else if (tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:float" || tag == "tag:yaml.org,2002:bool" ||
             tag == "tag:yaml.org,2002:null")
      v = plain_scalar(text, line);
    else if (tag != "!" && !tag.empty() && tag != "tag:yaml.org,2002:str")
      stop(line, fmt::format("a tag {}; only plain values are read", tag));
    add(std::move(v), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    YamlValue value;
    YAML::anchor_t anchor = 0;
    size_t size = 1;  // values in it, itself too
    bool has_key = false;
    std::string key;
    std::vector<YamlValue> merged;  // of << keys
  };
  struct Anchored {
    YamlValue value;
    size_t size = 1;
  };

  static uint32_t line_of(const YAML::Mark& mark) { return static_cast<uint32_t>(mark.line + 1); }
  [[noreturn]] void stop(uint32_t line, const std::string& what) {
    problem_ = fmt::format("{}: line {}: {}", name_, line, what);
    throw TooMuch();
  }
  void count(size_t more, uint32_t line) {
    values_ += more;
    if (values_ > kMostValues) stop(line, fmt::format("more than {} values, with what aliases repeat", kMostValues));
  }

  void begin(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const uint32_t line = line_of(mark);
    if (open_.size() >= kDeepest) stop(line, fmt::format("nested deeper than {}", kDeepest));
    if (tag != "?" && tag != "!" && !tag.empty() && !tag.starts_with("tag:yaml.org,2002:seq") &&
        !tag.starts_with("tag:yaml.org,2002:map"))
      stop(line, fmt::format("a tag {}; only plain values are read", tag));
    count(1, line);
    open_.push_back({.value = {.kind = kind, .text = {}, .line = line, .items = {}, .members = {}},
                     .anchor = anchor,
                     .key = {},
                     .merged = {}});
  }
  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    for (const YamlValue& from : done.merged)
      for (const auto& member : from.members)
        if (done.value.find(member.key) == nullptr) done.value.members.push_back(member);
    if (done.anchor != 0) anchors_[done.anchor] = {done.value, done.size};
    place(std::move(done.value), done.size);
  }
  void add(YamlValue v, YAML::anchor_t anchor) {
    const size_t weight = weight_of(v);
    count(weight, v.line);
    if (anchor != 0) anchors_[anchor] = {v, weight};
    place(std::move(v), weight);
  }
  // Into what is open: an item, a key, or a key's value.
  void place(YamlValue v, size_t size) {
    if (open_.empty()) {
      out_.root = std::move(v);
      return;
    }
    Open& into = open_.back();
    into.size += size;
    if (into.value.is(Kind::list)) {
      into.value.items.push_back(std::move(v));
    } else if (!into.has_key) {
      if (v.is(Kind::list) || v.is(Kind::map)) stop(v.line, "a key that is a list or a map");
      into.key = v.text;
      into.has_key = true;
    } else {
      into.has_key = false;
      put(into, std::move(v));
    }
  }
  void put(Open& into, YamlValue v) {
    if (into.key == "<<") {
      for (const YamlValue& one : v.is(Kind::list) ? v.items : std::vector<YamlValue>{v}) {
        if (!one.is(Kind::map)) stop(v.line, "<< takes a map");
        into.merged.push_back(one);
      }
      return;
    }
    for (auto& [key, value] : into.value.members) {
      if (key != into.key) continue;
      out_.notes.push_back(fmt::format("line {}: {} stands twice; the last one counts", v.line, key));
      value = std::move(v);
      return;
    }
    if (into.value.members.size() >= kMostKeys) stop(v.line, fmt::format("a map of more than {} keys", kMostKeys));
    into.value.members.push_back({into.key, std::move(v)});
  }

  std::string name_, problem_;
  YamlDocument out_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t values_ = 0;
};

}  // namespace

const YamlValue* YamlValue::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name == key) return &value;
  return nullptr;
}

std::string YamlValue::shown() const {
  std::string out;
  if (is(Kind::null)) return "null";
  if (!is(Kind::list) && !is(Kind::map)) out = text;
  for (const YamlValue& item : items) out += (out.empty() ? "[" : ", ") + item.shown();
  for (const auto& [key, value] : members) out += (out.empty() ? "{" : ", ") + key + ": " + value.shown();
  if (is(Kind::list)) out += out.empty() ? "[]" : "]";
  if (is(Kind::map)) out += out.empty() ? "{}" : "}";
  std::replace(out.begin(), out.end(), '\n', ' ');
  if (out.size() <= 60) return out;
  size_t cut = 57;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) cut--;
  return out.substr(0, cut) + "...";
}

YamlDocument parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > kMostBytes) fail_usage("{}: {} bytes long, at most {} are read", name, text.size(), kMostBytes);
  if (text.find('\0') != std::string_view::npos) fail_usage("{}: holds a NUL byte; is it a text?", name);
  std::istringstream in{std::string(text)};
  Builder builder(name);
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    YamlDocument out = builder.take();
    Builder more(name);
    if (parser.HandleNextDocument(more)) fail_usage("{}: holds several documents; one recipe is expected", name);
    return out;
  } catch (const TooMuch&) {
    if (builder.problem().empty()) fail_usage("{}: holds several documents; one recipe is expected", name);
    fail_usage("{}", builder.problem());
  } catch (const YAML::Exception& e) {
    fail_usage("{}: line {}: {}", name, e.mark.line + 1, e.msg);
  }
}

}  // namespace r1
