// How text is cut into pieces before merging: tokenizer.json's `pre_tokenizer`.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace r1 {

// One text and the stretches of it that are still to be merged. Steps that only cut move no text; those that change it
// write it anew. Borrows the text it is made of.
struct Pieces {
  struct Span {
    size_t begin, end;
  };
  std::string_view text;
  std::vector<Span> spans;  // in order, none empty
  bool at_start = false;    // text[0] is where the input began

  Pieces(std::string_view whole, bool start);
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  std::string_view operator[](size_t i) const { return text.substr(spans[i].begin, spans[i].end - spans[i].begin); }
  size_t size() const { return spans.size(); }
  // Puts what `change(piece, starts, out)` appends to `out` in each piece's place; `starts`: it begins the input.
  template <typename Change>
  void rewrite(const Change& change);

 private:
  std::string storage_;
};

// Thread safety: cut is const and may run in many threads.
class PreTokenizer {
 public:
  struct Options {
    // Bytes stay bytes where ByteLevel is the last step, and the model merges bytes; else ByteLevel spells them.
    bool keep_bytes = true;
  };
  // Split, Digits, Whitespace, WhitespaceSplit, Punctuation, BertPreTokenizer, CharDelimiterSplit, FixedLength,
  // ByteLevel, Metaspace, Sequence; null stands for no cut at all. Throws r1::Error by name for any other.
  static std::unique_ptr<PreTokenizer> from_json(const nlohmann::json& json, const std::string& file, Options options);
  // Whether ByteLevel is the last step and no other, so that pieces can be handed on as bytes.
  static bool ends_in_bytes(const nlohmann::json& json);
  virtual ~PreTokenizer() = default;
  virtual void cut(Pieces& pieces) const = 0;
};

}  // namespace r1
