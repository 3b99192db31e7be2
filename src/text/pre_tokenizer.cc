#include "text/pre_tokenizer.h"

#include <functional>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/regex.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// GPT-2's pattern (Radford et al. 2019), which ByteLevel applies itself.
constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Behavior parse_behavior(const Json& json, const std::string& file) {
  const std::string name = json.value("behavior", "");
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  fail("{}: pre_tokenizer: split behavior \"{}\" is not supported", file, name);
}

struct Part {
  size_t begin, end;
  bool match;
};

// Matches and the gaps between them, in order.
std::vector<Part> parts_of(const Regex& regex, const std::string& text, bool invert) {
  std::vector<Part> parts;
  size_t at = 0;
  regex.for_each(text, [&](size_t begin, size_t end) {
    if (begin > at) parts.push_back({at, begin, invert});
    parts.push_back({begin, end, !invert});
    at = end;
  });
  if (at < text.size()) parts.push_back({at, text.size(), invert});
  return parts;
}

std::vector<Part> arrange(const std::vector<Part>& parts, Behavior behavior) {
  std::vector<Part> out;
  bool join_next = false;
  for (const Part& p : parts) {
    const bool last_match = !out.empty() && out.back().match;
    switch (behavior) {
      case Behavior::removed:
        if (!p.match) out.push_back(p);
        break;
      case Behavior::isolated:
        out.push_back(p);
        break;
      case Behavior::contiguous:
        if (!out.empty() && p.match == last_match)
          out.back().end = p.end;
        else
          out.push_back(p);
        break;
      case Behavior::merged_with_previous:
        if (p.match && !out.empty() && !last_match)
          out.back() = {out.back().begin, p.end, true};
        else
          out.push_back(p);
        break;
      case Behavior::merged_with_next:
        if (join_next && !p.match)
          out.back() = {out.back().begin, p.end, false};
        else
          out.push_back(p);
        join_next = p.match;
        break;
    }
  }
  return out;
}

class Split : public PreTokenizer {
 public:
  Split(const std::string& pattern, Behavior behavior, bool invert)
      : regex_(pattern), behavior_(behavior), invert_(invert) {}
  void cut(std::vector<std::string>& pieces) const override {
    std::vector<std::string> out;
    for (const std::string& piece : pieces)
      for (const Part& p : arrange(parts_of(regex_, piece, invert_), behavior_))
        out.push_back(piece.substr(p.begin, p.end - p.begin));
    pieces = std::move(out);
  }

 private:
  Regex regex_;
  Behavior behavior_;
  bool invert_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool prefix_space, bool use_regex)
      : prefix_space_(prefix_space),
        split_(use_regex ? std::make_unique<Split>(kGpt2, Behavior::isolated, false) : nullptr) {}
  void cut(std::vector<std::string>& pieces) const override {
    if (prefix_space_)
      for (std::string& piece : pieces)
        if (!piece.empty() && piece[0] != ' ') piece.insert(0, " ");
    if (split_) split_->cut(pieces);
  }
  bool is_byte_level() const override { return true; }

 private:
  bool prefix_space_;
  std::unique_ptr<Split> split_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void cut(std::vector<std::string>& pieces) const override {
    bool spelled = false;  // behind ByteLevel the others see bytes as its alphabet spells them
    for (const auto& step : steps_) {
      if (spelled && !step->is_byte_level())
        cut_spelled(*step, pieces);
      else
        step->cut(pieces);
      spelled = spelled || step->is_byte_level();
    }
  }
  bool is_byte_level() const override {
    for (const auto& step : steps_)
      if (step->is_byte_level()) return true;
    return false;
  }

 private:
  void cut_spelled(const PreTokenizer& step, std::vector<std::string>& pieces) const {
    for (std::string& piece : pieces) piece = alphabet_.encode(piece);
    step.cut(pieces);
    std::string bytes;
    for (std::string& piece : pieces) {
      R1_CHECK(alphabet_.decode(piece, bytes));
      piece = bytes;
    }
  }

  ByteAlphabet alphabet_;
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

std::string quoted(const std::string& literal) {
  std::string out;
  for (char c : literal) {
    if (std::string_view("\\^$.|?*+()[]{}-#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::unique_ptr<PreTokenizer> make_split(const Json& json, const std::string& file) {
  const Json& pattern = json.at("pattern");
  std::string text;
  if (pattern.contains("Regex"))
    text = pattern["Regex"].get<std::string>();
  else if (pattern.contains("String"))
    text = quoted(pattern["String"].get<std::string>());
  else
    fail("{}: pre_tokenizer: Split pattern {} is neither Regex nor String", file, pattern.dump());
  return std::make_unique<Split>(text, parse_behavior(json, file), json.value("invert", false));
}

}  // namespace

std::unique_ptr<PreTokenizer> PreTokenizer::from_json(const Json& json, const std::string& file) {
  const std::string type = json.is_object() ? json.value("type", "") : "";
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>(json.value("add_prefix_space", true), json.value("use_regex", true));
  if (type == "Split") return make_split(json, file);
  if (type == "Digits")
    return std::make_unique<Split>(
        R"(\p{N})", json.value("individual_digits", false) ? Behavior::isolated : Behavior::contiguous, false);
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PreTokenizer>> steps;
    int byte_levels = 0;
    for (const Json& step : json.at("pretokenizers")) {
      steps.push_back(from_json(step, file));
      byte_levels += steps.back()->is_byte_level();
    }
    if (byte_levels > 1) fail("{}: pre_tokenizer: ByteLevel stands {} times, expected once", file, byte_levels);
    return std::make_unique<Sequence>(std::move(steps));
  }
  fail("{}: pre_tokenizer type \"{}\" is not supported yet (ByteLevel, Split, Digits and Sequence are)", file, type);
}

}  // namespace r1
