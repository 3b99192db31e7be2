#include "text/pre_tokenizer.h"

#include <cctype>
#include <functional>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/regex.h"
#include "text/tokenizer_normalizer.h"
#include "text/unicode.h"

namespace r1 {

Pieces::Pieces(std::string_view whole, bool start) : text(whole), at_start(start) {
  if (!whole.empty()) spans.push_back({0, whole.size()});
}

template <typename Change>
void Pieces::rewrite(const Change& change) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  const bool keeps_start = at_start && !spans.empty() && spans[0].begin == 0;
  for (size_t i = 0; i < spans.size(); i++) {
    const size_t begin = out.size();
    change((*this)[i], keeps_start && i == 0, out);
    spans[i] = {begin, out.size()};
  }
  storage_ = std::move(out);
  text = storage_;
  at_start = keeps_start;
}

namespace {

using Json = nlohmann::json;
using Span = Pieces::Span;
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
constexpr size_t kMostSteps = 256;

// GPT-2's pattern (Radford et al. 2019), which ByteLevel applies itself.
constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Behavior parse_behavior(const Json& json, const std::string& file, const char* fallback) {
  const std::string name = json.value("behavior", fallback);
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  fail("{}: pre_tokenizer: split behavior \"{}\" is not supported", file, name);
}

// A match or a gap between two, inside one piece.
struct Part {
  size_t begin, end;
  bool match;
};

// Joins parts as the behaviour says; what is left without text is dropped.
class Arranger {
 public:
  Arranger(Behavior behavior, size_t offset, std::vector<Span>& out)
      : behavior_(behavior), offset_(offset), first_(out.size()), out_(out) {}

  void add(const Part& p) {
    switch (behavior_) {
      case Behavior::removed:
        if (!p.match) push(p);
        break;
      case Behavior::isolated:
        push(p);
        break;
      case Behavior::contiguous:
        open_&& p.match == last_match_ ? extend(p) : push(p);
        break;
      case Behavior::merged_with_previous:
        open_&& p.match && !last_match_ ? extend(p) : push(p);
        break;
      case Behavior::merged_with_next:
        open_ && !p.match && last_match_ ? extend(p) : push(p);
        break;
    }
    last_match_ = p.match;
  }
  void finish() { drop_empty(); }

 private:
  void push(const Part& p) {
    drop_empty();
    out_.push_back({offset_ + p.begin, offset_ + p.end});
    open_ = true;
  }
  void extend(const Part& p) { out_.back().end = offset_ + p.end; }
  void drop_empty() {
    if (out_.size() > first_ && out_.back().begin == out_.back().end) out_.pop_back();
  }

  Behavior behavior_;
  size_t offset_, first_;
  std::vector<Span>& out_;
  bool open_ = false, last_match_ = false;
};

// Calls body(Part) for matches and gaps in order, every match taken for a gap and the other way round with `invert`.
template <typename Matches, typename Body>
void for_each_part(const Matches& matches, size_t size, bool invert, const Body& body) {
  size_t at = 0;
  for (const auto& m : matches) {
    if (m.begin > at) body(Part{at, m.begin, invert});
    body(Part{m.begin, m.end, !invert});
    at = m.end;
  }
  if (at < size) body(Part{at, size, invert});
}

class Split : public PreTokenizer {
 public:
  Split(const std::string& pattern, Behavior behavior, bool invert)
      : regex_(pattern), behavior_(behavior), invert_(invert) {}
  void cut(Pieces& pieces) const override {
    std::vector<Span> out;
    out.reserve(pieces.size() + pieces.text.size() / 8);
    std::vector<Regex::Match> matches;
    for (size_t i = 0; i < pieces.size(); i++) {
      regex_.find_all(pieces[i], matches);
      Arranger arranger(behavior_, pieces.spans[i].begin, out);
      for_each_part(matches, pieces[i].size(), invert_, [&](const Part& p) { arranger.add(p); });
      arranger.finish();
    }
    pieces.spans = std::move(out);
  }

 private:
  Regex regex_;
  Behavior behavior_;
  bool invert_;
};

// Every character that `is` holds of is a match of its own.
class SplitCharacters : public PreTokenizer {
 public:
  SplitCharacters(std::function<bool(uint32_t)> is, Behavior behavior) : is_(std::move(is)), behavior_(behavior) {}
  void cut(Pieces& pieces) const override {
    std::vector<Span> out, matches;
    for (size_t i = 0; i < pieces.size(); i++) {
      matches.clear();
      const std::string_view piece = pieces[i];
      for (size_t at = 0; at < piece.size();) {
        const size_t begin = at;
        if (is_(next_code_point(piece, at))) matches.push_back({begin, at});
      }
      Arranger arranger(behavior_, pieces.spans[i].begin, out);
      for_each_part(matches, piece.size(), false, [&](const Part& p) { arranger.add(p); });
      arranger.finish();
    }
    pieces.spans = std::move(out);
  }

 private:
  std::function<bool(uint32_t)> is_;
  Behavior behavior_;
};

// Runs of word characters and runs of what is neither that nor white space.
class Whitespace : public PreTokenizer {
 public:
  void cut(Pieces& pieces) const override {
    std::vector<Span> out;
    for (const Span& span : pieces.spans) {
      int open = 0;  // kind of the run that is open; white space is 0
      for (size_t at = span.begin; at < span.end;) {
        const size_t begin = at;
        const uint32_t c = next_code_point(pieces.text, at);
        const int kind = is_word(c) ? 1 : is_white_space(c) ? 0 : 2;
        if (kind != 0 && kind == open)
          out.back().end = at;
        else if (kind != 0)
          out.push_back({begin, at});
        open = kind;
      }
    }
    pieces.spans = std::move(out);
  }
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}
  void cut(Pieces& pieces) const override {
    std::vector<Span> out;
    for (const Span& span : pieces.spans)
      for (size_t at = span.begin; at < span.end;) {
        const size_t begin = at;
        for (size_t n = 0; n < length_ && at < span.end; n++) next_code_point(pieces.text, at);
        out.push_back({begin, at});
      }
    pieces.spans = std::move(out);
  }

 private:
  size_t length_;
};

class Metaspace : public PreTokenizer {
 public:
  enum class Scheme { first, always, never };
  Metaspace(std::string replacement, Scheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}
  void cut(Pieces& pieces) const override {
    pieces.rewrite([&](std::string_view piece, bool starts, std::string& out) {
      const bool prefix = scheme_ == Scheme::always || (scheme_ == Scheme::first && starts);
      if (prefix && !piece.starts_with(replacement_) && !piece.starts_with(' ')) out += replacement_;
      for (char c : piece) c == ' ' ? out += replacement_ : out += c;
    });
    if (split_) cut_at_replacement(pieces);
  }

 private:
  void cut_at_replacement(Pieces& pieces) const {
    std::vector<Span> out;
    for (const Span& span : pieces.spans) {
      size_t begin = span.begin;
      const std::string_view piece = pieces.text.substr(0, span.end);
      for (size_t at; (at = piece.find(replacement_, begin == span.begin ? begin + 1 : begin + replacement_.size())) <
                      piece.size();
           begin = at)
        out.push_back({begin, at});
      out.push_back({begin, span.end});
    }
    pieces.spans = std::move(out);
  }
  std::string replacement_;
  Scheme scheme_;
  bool split_;
};

class ByteLevel : public PreTokenizer {
 public:
  struct Flags {
    bool prefix_space, use_regex, keep_bytes;
  };
  explicit ByteLevel(Flags flags)
      : flags_(flags), split_(flags.use_regex ? std::make_unique<Split>(kGpt2, Behavior::isolated, false) : nullptr) {}
  void cut(Pieces& pieces) const override {
    if (flags_.prefix_space)
      pieces.rewrite([](std::string_view piece, bool, std::string& out) {
        if (!piece.starts_with(' ')) out += ' ';
        out += piece;
      });
    if (split_) split_->cut(pieces);
    if (!flags_.keep_bytes)
      pieces.rewrite([&](std::string_view piece, bool, std::string& out) { out += alphabet_.encode(piece); });
  }

 private:
  Flags flags_;
  ByteAlphabet alphabet_;
  std::unique_ptr<Split> split_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void cut(Pieces& pieces) const override {
    const size_t before = pieces.text.size();
    for (const auto& step : steps_) {
      step->cut(pieces);
      check_growth(before, pieces.text.size(), "the pre_tokenizer");
    }
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

std::unique_ptr<PreTokenizer> metaspace(const Json& json, const std::string& file) {
  const std::string replacement = json.value("replacement", "\u2581");
  size_t at = 0;
  if (!replacement.empty()) next_code_point(replacement, at);
  if (at == 0 || at != replacement.size())
    fail("{}: pre_tokenizer: Metaspace replaces spaces by \"{}\", expected one character", file, replacement);
  const bool prefix = !json.contains("add_prefix_space") || json["add_prefix_space"] != false;
  const std::string name = prefix ? json.value("prepend_scheme", "always") : "never";
  Metaspace::Scheme scheme = Metaspace::Scheme::always;
  if (name == "first")
    scheme = Metaspace::Scheme::first;
  else if (name == "never")
    scheme = Metaspace::Scheme::never;
  else if (name != "always")
    fail("{}: pre_tokenizer: Metaspace has prepend_scheme \"{}\", expected first, always or never", file, name);
  const bool split = !json.contains("split") || json["split"].is_null() || json["split"].get<bool>();
  return std::make_unique<Metaspace>(replacement, scheme, split);
}

std::unique_ptr<PreTokenizer> delimiter(const Json& json, const std::string& file) {
  const std::string text = json.at("delimiter").get<std::string>();
  size_t at = 0;
  const uint32_t code = text.empty() ? 0 : next_code_point(text, at);
  if (at == 0 || at != text.size())
    fail("{}: pre_tokenizer: CharDelimiterSplit at \"{}\", expected one character", file, text);
  return std::make_unique<SplitCharacters>([code](uint32_t c) { return c == code; }, Behavior::removed);
}

std::unique_ptr<PreTokenizer> fixed_length(const Json& json, const std::string& file) {
  const Json length = json.value("length", Json(5));
  if (!length.is_number_unsigned() || length.get<uint64_t>() < 1 || length.get<uint64_t>() > (1 << 20))
    fail("{}: pre_tokenizer: FixedLength of {} characters, expected 1 to {}", file, length.dump(), 1 << 20);
  return std::make_unique<FixedLength>(length.get<size_t>());
}

bool is_mark_or_sign(uint32_t c) { return (c < 0x80 && std::ispunct(static_cast<int>(c)) != 0) || is_punctuation(c); }

std::vector<std::unique_ptr<PreTokenizer>> bert() {
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  steps.push_back(std::make_unique<SplitCharacters>(is_white_space, Behavior::removed));
  steps.push_back(std::make_unique<SplitCharacters>(is_mark_or_sign, Behavior::isolated));
  return steps;
}

// Types without steps of their own; null for another.
std::unique_ptr<PreTokenizer> simple_step(const std::string& type, const Json& json, const std::string& file) {
  if (type == "Split")
    return std::make_unique<Split>(pattern_of_json(json.at("pattern"), file + ": pre_tokenizer: Split"),
                                   parse_behavior(json, file, ""), json.value("invert", false));
  if (type == "Digits")
    return std::make_unique<SplitCharacters>(
        is_numeric, json.value("individual_digits", false) ? Behavior::isolated : Behavior::contiguous);
  if (type == "Punctuation")
    return std::make_unique<SplitCharacters>(is_mark_or_sign, parse_behavior(json, file, "Isolated"));
  if (type == "WhitespaceSplit") return std::make_unique<SplitCharacters>(is_white_space, Behavior::removed);
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "BertPreTokenizer") return std::make_unique<Sequence>(bert());
  if (type == "CharDelimiterSplit") return delimiter(json, file);
  if (type == "FixedLength") return fixed_length(json, file);
  if (type == "Metaspace") return metaspace(json, file);
  return nullptr;
}

// The steps of nested Sequences, one after the other.
void flatten(const Json& json, std::vector<const Json*>& out) {
  if (json.is_object() && json.value("type", "") == "Sequence")
    for (const Json& step : json.at("pretokenizers")) flatten(step, out);
  else
    out.push_back(&json);
}

}  // namespace

bool PreTokenizer::ends_in_bytes(const Json& json) {
  std::vector<const Json*> steps;
  flatten(json, steps);
  int byte_levels = 0;
  for (const Json* step : steps) byte_levels += step->is_object() && step->value("type", "") == "ByteLevel";
  return byte_levels == 1 && steps.back()->is_object() && steps.back()->value("type", "") == "ByteLevel";
}

std::unique_ptr<PreTokenizer> PreTokenizer::from_json(const Json& json, const std::string& file, Options options) {
  std::vector<const Json*> flat;
  if (!json.is_null()) flatten(json, flat);
  if (flat.size() > kMostSteps) fail("{}: pre_tokenizer: {} steps, at most {}", file, flat.size(), kMostSteps);
  const bool bytes = options.keep_bytes && ends_in_bytes(json);
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  for (const Json* step : flat) {
    const std::string type = step->is_object() ? step->value("type", "") : "";
    if (type == "ByteLevel")
      steps.push_back(std::make_unique<ByteLevel>(
          ByteLevel::Flags{step->value("add_prefix_space", true), step->value("use_regex", true), bytes}));
    else if (auto simple = simple_step(type, *step, file))
      steps.push_back(std::move(simple));
    else
      fail(
          "{}: pre_tokenizer type \"{}\" is not supported (ByteLevel, Split, Digits, Whitespace, WhitespaceSplit, "
          "Punctuation, BertPreTokenizer, CharDelimiterSplit, FixedLength, Metaspace and Sequence are)",
          file, type);
  }
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace r1
