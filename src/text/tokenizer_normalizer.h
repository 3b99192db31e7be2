// What is done to text before it is cut: tokenizer.json's `normalizer`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// A stretch of the input on its way: borrowed until a step has to change it.
struct NormalText {
  std::string_view text;
  std::string storage;
  bool at_start = false;  // its first character is where the input began (Metaspace's scheme "first")

  void become(std::string changed) {
    storage = std::move(changed);
    text = storage;
  }
  NormalText() = default;
  NormalText(std::string_view t, bool start) : text(t), at_start(start) {}
  NormalText(const NormalText&) = delete;
  NormalText& operator=(const NormalText&) = delete;
};

// Thread safety: apply is const and may run in many threads.
class Normalizer {
 public:
  // NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, ByteLevel, Sequence; null when `json` is
  // null or an empty Sequence. Throws r1::Error by name for any other.
  static std::unique_ptr<Normalizer> from_json(const nlohmann::json& json, const std::string& file);
  virtual ~Normalizer() = default;
  virtual void apply(NormalText& text) const = 0;
  virtual bool spells_bytes() const { return false; }  // ByteLevel is among its steps
};

// Steps may make a text longer; what they make of `before` bytes must stay below a limit. Throws r1::Error past it.
void check_growth(size_t before, size_t after, const char* step);

// The matches of `pattern` (Regex or String) that Split and Replace ask for. Throws r1::Error naming `where`.
std::string pattern_of_json(const nlohmann::json& json, const std::string& where);

}  // namespace r1
