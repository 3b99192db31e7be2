#include "text/tokenizer_normalizer.h"

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/regex.h"
#include "text/regex_syntax.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
constexpr size_t kMostSteps = 256;

class Form : public Normalizer {
 public:
  explicit Form(NormalForm form) : form_(form) {}
  void apply(NormalText& t) const override {
    if (!is_normal(t.text, form_)) t.become(normalize(t.text, form_));
  }

 private:
  NormalForm form_;
};

class Lowercase : public Normalizer {
 public:
  void apply(NormalText& t) const override {
    std::string out;
    out.reserve(t.text.size());
    for (size_t at = 0; at < t.text.size();) append_lowercase(out, next_code_point(t.text, at));
    t.become(std::move(out));
  }
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(NormalText& t) const override {
    size_t begin = 0, end = t.text.size();
    for (size_t next = 0; left_ && next < end && is_white_space(next_code_point(t.text, next));) begin = next;
    while (right_ && end > begin) {
      size_t last = previous_start(t.text, end);
      const size_t start = last;
      if (!is_white_space(next_code_point(t.text, last))) break;
      end = start;
    }
    t.at_start = t.at_start && begin == 0;
    t.become(std::string(t.text.substr(begin, end - begin)));
  }

 private:
  bool left_, right_;
};

class StripAccents : public Normalizer {
 public:
  void apply(NormalText& t) const override {
    std::string out;
    for (size_t at = 0; at < t.text.size();) {
      const size_t begin = at;
      if (!is_mark(next_code_point(t.text, at)))
        out.append(t.text, begin, at - begin);
      else if (begin == 0)
        t.at_start = false;
    }
    t.become(std::move(out));
  }
};

class Replace : public Normalizer {
 public:
  // `literal`: the text that the pattern stands for where it is no more than that, else empty.
  Replace(const std::string& pattern, std::string literal, std::string content)
      : regex_(pattern), literal_(std::move(literal)), content_(std::move(content)) {}
  void apply(NormalText& t) const override {
    if (!literal_.empty()) return replace_literal(t);
    std::vector<Regex::Match> matches;
    regex_.find_all(t.text, matches);
    if (matches.empty()) return;
    check_growth(t.text.size(), t.text.size() + matches.size() * content_.size(), "Replace");
    if (matches[0].begin == 0) t.at_start = t.at_start && starts_where_it_did(t.text.substr(0, matches[0].end));
    std::string out;
    size_t at = 0;
    for (const Regex::Match& m : matches) {
      out.append(t.text, at, m.begin - at).append(content_);
      at = m.end;
    }
    t.become(out.append(t.text.substr(at)));
  }

 private:
  // The same without a regex: SentencePiece's kind replaces every space of a text.
  void replace_literal(NormalText& t) const {
    const std::string_view text = t.text;
    size_t matches = 0;
    for (size_t at = text.find(literal_); at < text.size(); at = text.find(literal_, at + literal_.size())) matches++;
    if (matches == 0) return;
    check_growth(text.size(), text.size() + matches * content_.size(), "Replace");
    if (text.starts_with(literal_)) t.at_start = t.at_start && starts_where_it_did(literal_);
    std::string out;
    out.reserve(text.size() + matches * content_.size());
    size_t begin = 0;
    for (size_t at = text.find(literal_); at < text.size(); at = text.find(literal_, begin)) {
      out.append(text, begin, at - begin).append(content_);
      begin = at + literal_.size();
    }
    t.become(std::move(out.append(text.substr(begin))));
  }
  // What replaces a match lies, in the input, where the match's last character did.
  bool starts_where_it_did(std::string_view match) const {
    return match.empty() || (!content_.empty() && previous_start(match, match.size()) == 0);
  }
  Regex regex_;
  std::string literal_, content_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(NormalText& t) const override {
    if (t.text.empty()) return;
    std::string out = prefix_;
    t.become(out.append(t.text));
  }

 private:
  std::string prefix_;
};

class ByteLevel : public Normalizer {
 public:
  void apply(NormalText& t) const override { t.become(alphabet_.encode(t.text)); }
  bool spells_bytes() const override { return true; }

 private:
  ByteAlphabet alphabet_;
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
  void apply(NormalText& t) const override {
    const size_t before = t.text.size();
    for (const auto& step : steps_) {
      step->apply(t);
      check_growth(before, t.text.size(), "the steps");
    }
  }
  bool spells_bytes() const override {
    for (const auto& step : steps_)
      if (step->spells_bytes()) return true;
    return false;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> sequence(const Json& list, const std::string& file) {
  if (list.size() > kMostSteps)
    fail("{}: normalizer: a Sequence of {} steps, at most {}", file, list.size(), kMostSteps);
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (const Json& step : list)
    if (auto one = Normalizer::from_json(step, file)) steps.push_back(std::move(one));
  if (steps.empty()) return nullptr;
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace

void check_growth(size_t before, size_t after, const char* step) {
  if (after > (1u << 20) && after / 64 > before)
    fail("the tokenizer's normalizer: {} would make {} bytes of {}", step, after, before);
}

std::string pattern_of_json(const Json& json, const std::string& where) {
  if (json.contains("Regex")) return json["Regex"].get<std::string>();
  if (json.contains("String")) return quoted_pattern(json["String"].get<std::string>());
  fail("{} pattern {} is neither Regex nor String", where, json.dump());
}

std::unique_ptr<Normalizer> Normalizer::from_json(const Json& json, const std::string& file) {
  if (json.is_null()) return nullptr;
  const std::string type = json.value("type", "");
  if (type == "NFC") return std::make_unique<Form>(NormalForm::nfc);
  if (type == "NFD") return std::make_unique<Form>(NormalForm::nfd);
  if (type == "NFKC") return std::make_unique<Form>(NormalForm::nfkc);
  if (type == "NFKD") return std::make_unique<Form>(NormalForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Strip") return std::make_unique<Strip>(json.value("strip_left", true), json.value("strip_right", true));
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Replace")
    return std::make_unique<Replace>(pattern_of_json(json.at("pattern"), file + ": normalizer: Replace"),
                                     json.at("pattern").value("String", ""), json.at("content").get<std::string>());
  if (type == "Prepend") return std::make_unique<Prepend>(json.at("prepend").get<std::string>());
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "Sequence") return sequence(json.at("normalizers"), file);
  fail(
      "{}: normalizer type \"{}\" is not supported (NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, "
      "Prepend, ByteLevel and Sequence are)",
      file, type);
}

}  // namespace r1
