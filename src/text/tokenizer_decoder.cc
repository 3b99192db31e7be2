// Steps form a chain. Each is told of text that belongs to the current token, of the token's end and of the end of all,
// and hands on the same; what it cannot decide yet it keeps. So a text decoded at once and one decoded token by token
// take the same way.
#include "text/tokenizer_decoder.h"

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/regex.h"
#include "text/regex_syntax.h"
#include "text/tokenizer_normalizer.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
constexpr size_t kMostSteps = 64, kLongestPattern = 256;

struct Link {
  Link* next = nullptr;
  virtual ~Link() = default;
  virtual void text(std::string_view chunk) { next->text(chunk); }
  virtual void end_token() { next->end_token(); }
  virtual void finish() { next->finish(); }
};

// A link that wants tokens whole.
struct WholeTokens : Link {
  std::string held;
  virtual void token(const std::string& whole) = 0;
  void text(std::string_view chunk) override { held += chunk; }
  void end_token() override {
    std::string whole;
    whole.swap(held);
    token(whole);
  }
  void pass(std::string_view whole) {
    next->text(whole);
    next->end_token();
  }
};

// `text` with every `what` (not empty) replaced.
std::string with_replaced(const std::string& text, const std::string& what, std::string_view by) {
  std::string out;
  size_t at = 0;
  for (size_t found; (found = text.find(what, at)) != std::string::npos; at = found + what.size())
    out.append(text, at, found - at).append(by);
  return out.append(text, at);
}

// What a tokenizer.json can blow text up by is bounded: each link reports what it adds.
struct Fuel {
  uint64_t in = 0, out = 0;
  void spend(uint64_t bytes) {
    out += bytes;
    if (out > (1u << 19) && out / 1024 > in)
      fail("the tokenizer's decoder would make more than {} bytes of {}", out, in);
  }
};

struct Output : Link {
  std::string out;
  void text(std::string_view chunk) override { out += chunk; }
  void end_token() override {}
  void finish() override {}
};

struct Step {
  virtual ~Step() = default;
  virtual std::unique_ptr<Link> link(Fuel& fuel) const = 0;
  // The same for one token in the middle of a text; `fused`: it is no token of its own any more.
  virtual std::string middle(std::string token, bool& fused) const = 0;
};

struct Joined : Step {
  struct JoinLink : Link {
    bool open = false, any = false;
    void begin() {
      if (!open && any) next->text(" ");
      open = any = true;
    }
    void text(std::string_view chunk) override {
      begin();
      next->text(chunk);
    }
    void end_token() override {
      begin();
      open = false;
    }
  };
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<JoinLink>(); }
  std::string middle(std::string token, bool&) const override { return " " + token; }
};

struct Bytes : Step {
  ByteAlphabet alphabet;
  std::string decoded(const std::string& token) const {
    std::string bytes;
    return alphabet.decode(token, bytes) ? bytes : token;
  }
  struct BytesLink : WholeTokens {
    const Bytes& step;
    std::string pending;
    explicit BytesLink(const Bytes& s) : step(s) {}
    void token(const std::string& whole) override {
      pending += step.decoded(whole);
      const size_t keep = incomplete_tail(pending), ready = pending.size() - keep;
      next->text(to_valid_utf8(std::string_view(pending).substr(0, ready)));
      pending.erase(0, ready);
    }
    void finish() override {
      next->text(to_valid_utf8(pending));
      next->end_token();
      next->finish();
    }
  };
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<BytesLink>(*this); }
  std::string middle(std::string token, bool& fused) const override {
    fused = true;
    return decoded(token);
  }
};

// The byte of <0xE2>, or -1.
int byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (char c : token.substr(3, 2)) {
    if (!std::isxdigit(static_cast<unsigned char>(c))) return -1;
    value = value * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return value;
}

struct Fallback : Step {
  // A run of byte tokens is text when the whole run is valid UTF-8, else a U+FFFD for each: it is held to its end.
  struct FallbackLink : WholeTokens {
    std::string run;
    void flush() {
      if (run.empty()) return;
      if (to_valid_utf8(run) == run)
        pass(run);
      else
        for (size_t i = 0; i < run.size(); i++) pass("\uFFFD");
      run.clear();
    }
    void token(const std::string& whole) override {
      if (const int byte = byte_of(whole); byte >= 0) {
        run += static_cast<char>(byte);
        return;
      }
      flush();
      pass(whole);
    }
    void finish() override {
      flush();
      next->finish();
    }
  };
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<FallbackLink>(); }
  std::string middle(std::string token, bool&) const override {
    const int byte = byte_of(token);
    return byte >= 0 ? std::string(1, static_cast<char>(byte)) : token;
  }
};

struct Fuse : Step {
  struct FuseLink : Link {
    void end_token() override {}
    void finish() override {
      next->end_token();
      next->finish();
    }
  };
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<FuseLink>(); }
  std::string middle(std::string token, bool& fused) const override {
    fused = true;
    return token;
  }
};

struct Strip : Step {
  std::string content;  // one character
  size_t start = 0, stop = 0;
  struct StripLink : Link {
    const Strip& step;
    bool leading = true;
    size_t removed = 0, held = 0;  // held: characters that are dropped if the token ends behind them
    explicit StripLink(const Strip& s) : step(s) {}
    void text(std::string_view chunk) override {
      for (size_t at = 0; at < chunk.size();) {
        const size_t begin = at;
        next_code_point(chunk, at);
        const std::string_view c = chunk.substr(begin, at - begin);
        if (c != step.content) {
          leading = false;
          for (; held > 0; held--) next->text(step.content);
          next->text(c);
        } else if (leading && removed < step.start) {
          removed++;
        } else if (leading = false, held < step.stop) {
          held++;
        } else {
          next->text(c);  // any of the run stands for any other
        }
      }
    }
    void end_token() override {
      leading = true;
      removed = held = 0;
      next->end_token();
    }
  };
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<StripLink>(*this); }
  std::string middle(std::string token, bool& fused) const override {
    if (fused) return token;
    for (size_t i = 0; i < start && token.starts_with(content); i++) token.erase(0, content.size());
    for (size_t i = 0; i < stop && token.ends_with(content); i++) token.resize(token.size() - content.size());
    return token;
  }
};

struct Replace : Step {
  std::string literal;           // of a String pattern that is short
  std::unique_ptr<Regex> regex;  // else
  std::string content;

  std::string replaced(const std::string& whole, Fuel& fuel) const {
    std::vector<Regex::Match> matches;
    regex->find_all(whole, matches);
    fuel.spend(matches.size() * content.size());
    std::string out;
    size_t at = 0;
    for (const Regex::Match& m : matches) {
      out.append(whole, at, m.begin - at).append(content);
      at = m.end;
    }
    return out.append(whole, at);
  }
  struct RegexLink : WholeTokens {
    const Replace& step;
    Fuel& fuel;
    RegexLink(const Replace& s, Fuel& f) : step(s), fuel(f) {}
    void token(const std::string& whole) override { pass(step.replaced(whole, fuel)); }
  };
  struct LiteralLink : Link {
    const Replace& step;
    Fuel& fuel;
    std::string held;
    LiteralLink(const Replace& s, Fuel& f) : step(s), fuel(f) {}
    void text(std::string_view chunk) override {
      held += chunk;
      size_t at = 0;
      for (size_t found; (found = held.find(step.literal, at)) != std::string::npos; at = found + step.literal.size()) {
        fuel.spend(step.content.size());
        next->text(std::string_view(held).substr(at, found - at));
        next->text(step.content);
      }
      // the rest may end in a beginning of the pattern
      size_t keep = std::min(held.size() - at, step.literal.size() - 1);
      while (held.compare(held.size() - keep, keep, step.literal, 0, keep) != 0) keep--;
      next->text(std::string_view(held).substr(at, held.size() - keep - at));
      held.erase(0, held.size() - keep);
    }
    void end_token() override {
      next->text(held);
      held.clear();
      next->end_token();
    }
  };
  std::unique_ptr<Link> link(Fuel& fuel) const override {
    if (regex) return std::make_unique<RegexLink>(*this, fuel);
    return std::make_unique<LiteralLink>(*this, fuel);
  }
  std::string middle(std::string token, bool&) const override {
    Fuel fuel;
    if (regex) return replaced(token, fuel);
    return with_replaced(token, literal, content);
  }
};

struct Metaspace : Step {
  std::string replacement;
  bool drop_first = true;  // the first token's stand for the space that encoding puts before it
  struct MetaspaceLink : WholeTokens {
    const Metaspace& step;
    bool first = true;
    explicit MetaspaceLink(const Metaspace& s) : step(s) {}
    void token(const std::string& whole) override {
      pass(step.spaced(whole, first && step.drop_first ? "" : " "));
      first = false;
    }
  };
  std::string spaced(const std::string& token, const char* space) const {
    return with_replaced(token, replacement, space);
  }
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<MetaspaceLink>(*this); }
  std::string middle(std::string token, bool&) const override { return spaced(token, " "); }
};

// Tokens that end words end in a suffix, which becomes a space, and nothing at the end of all.
struct WordEnds : Step {
  std::string suffix;
  struct WordEndsLink : WholeTokens {
    const WordEnds& step;
    std::string last;
    bool any = false;
    explicit WordEndsLink(const WordEnds& s) : step(s) {}
    void token(const std::string& whole) override {
      if (any) pass(step.ended(last, " "));
      last = whole;
      any = true;
    }
    void finish() override {
      if (any) pass(step.ended(last, ""));
      next->finish();
    }
  };
  std::string ended(const std::string& token, const char* end) const {
    return suffix.empty() ? token : with_replaced(token, suffix, end);
  }
  std::unique_ptr<Link> link(Fuel&) const override { return std::make_unique<WordEndsLink>(*this); }
  std::string middle(std::string token, bool&) const override { return ended(token, " "); }
};

using Steps = std::vector<std::unique_ptr<Step>>;

class Chain : public DecodeStream {
 public:
  explicit Chain(const Steps& steps) {
    for (const auto& step : steps) links_.push_back(step->link(fuel_));
    for (size_t i = 0; i < links_.size(); i++) links_[i]->next = i + 1 < links_.size() ? links_[i + 1].get() : &output_;
    head_ = links_.empty() ? &output_ : links_[0].get();
  }
  std::string push(std::string_view token) override {
    fuel_.in += token.size() + 1;
    head_->text(token);
    head_->end_token();
    return taken();
  }
  std::string finish() override {
    head_->finish();
    return taken();
  }

 private:
  std::string taken() {
    std::string out;
    out.swap(output_.out);
    return out;
  }
  Fuel fuel_;
  std::vector<std::unique_ptr<Link>> links_;
  Output output_;
  Link* head_;
};

class StepsDecoder : public TokenDecoder {
 public:
  StepsDecoder(Steps steps, bool byte_level) : steps_(std::move(steps)), byte_level_(byte_level) {}
  std::unique_ptr<DecodeStream> start() const override { return std::make_unique<Chain>(steps_); }
  std::string bytes_of(std::string_view token) const override {
    std::string out(token);
    bool fused = false;
    for (const auto& step : steps_) {
      out = step->middle(std::move(out), fused);
      if (out.size() > (1u << 20)) fail("the tokenizer's decoder makes {} bytes of one token", out.size());
    }
    return out;
  }
  bool is_byte_level() const override { return byte_level_; }

 private:
  Steps steps_;
  bool byte_level_;
};

std::unique_ptr<Step> read_replace(const Json& json, const std::string& file) {
  auto step = std::make_unique<Replace>();
  step->content = json.at("content").get<std::string>();
  const Json& pattern = json.at("pattern");
  const std::string text = pattern_of_json(pattern, file + ": decoder: Replace");
  if (pattern.contains("String")) step->literal = pattern["String"].get<std::string>();
  if (step->literal.empty() || step->literal.size() > kLongestPattern) step->regex = std::make_unique<Regex>(text);
  return step;
}

std::unique_ptr<Step> read_strip(const Json& json, const std::string& file) {
  auto step = std::make_unique<Strip>();
  step->content = json.at("content").get<std::string>();
  size_t at = 0;
  if (!step->content.empty()) next_code_point(step->content, at);
  if (at == 0 || at != step->content.size())
    fail("{}: decoder: Strip of \"{}\", expected one character", file, step->content);
  for (const auto& [key, value] : {std::pair("start", &step->start), {"stop", &step->stop}}) {
    const Json& number = json.at(key);
    if (!number.is_number_unsigned() || number.get<uint64_t>() > (1 << 20))
      fail("{}: decoder: Strip has {} {}, expected 0 to {}", file, key, number.dump(), 1 << 20);
    *value = number.get<size_t>();
  }
  return step;
}

std::unique_ptr<Step> read_metaspace(const Json& json) {
  auto step = std::make_unique<Metaspace>();
  step->replacement = json.value("replacement", "\u2581");
  if (step->replacement.empty()) step->replacement = "\u2581";
  step->drop_first = json.value("prepend_scheme", "always") != "never" &&
                     !(json.contains("add_prefix_space") && json["add_prefix_space"] == false);
  return step;
}

void read_steps(const Json& json, const std::string& file, Steps& steps) {
  const std::string type = json.value("type", "");
  if (type == "Sequence") {
    for (const Json& step : json.at("decoders")) read_steps(step, file, steps);
    return;
  }
  if (steps.size() >= kMostSteps) fail("{}: decoder: more than {} steps", file, kMostSteps);
  if (type == "ByteLevel") {
    steps.push_back(std::make_unique<Bytes>());
  } else if (type == "ByteFallback") {
    steps.push_back(std::make_unique<Fallback>());
  } else if (type == "Fuse") {
    steps.push_back(std::make_unique<Fuse>());
  } else if (type == "Strip") {
    steps.push_back(read_strip(json, file));
  } else if (type == "Replace") {
    steps.push_back(read_replace(json, file));
  } else if (type == "Metaspace") {
    steps.push_back(read_metaspace(json));
  } else if (type == "BPEDecoder") {
    auto step = std::make_unique<WordEnds>();
    step->suffix = json.value("suffix", "</w>");
    steps.push_back(std::move(step));
  } else {
    fail(
        "{}: decoder type \"{}\" is not supported (ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace, "
        "BPEDecoder and Sequence are)",
        file, type);
  }
}

}  // namespace

std::unique_ptr<TokenDecoder> TokenDecoder::from_json(const Json& json, const std::string& file) {
  Steps steps;
  if (json.is_null())
    steps.push_back(std::make_unique<Joined>());
  else
    read_steps(json, file, steps);
  const bool byte_level = steps.size() == 1 && dynamic_cast<Bytes*>(steps[0].get()) != nullptr;
  return std::make_unique<StepsDecoder>(std::move(steps), byte_level);
}

}  // namespace r1
