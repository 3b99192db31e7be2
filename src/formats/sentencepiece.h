// SentencePiece's model file (tokenizer.model, a protocol buffer), BPE models alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

struct SentencePieceModel {
  enum Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  std::vector<std::string> pieces;  // by id; valid UTF-8, none twice
  std::vector<double> scores;
  std::vector<Type> types;
  bool byte_fallback = false;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
  int64_t unk_id = 0, bos_id = 1, eos_id = 2;  // -1: none
  std::string piece_at(int64_t id) const {
    return id >= 0 && id < static_cast<int64_t>(pieces.size()) ? pieces[static_cast<size_t>(id)] : "";
  }
};

// Throws r1::Error naming `file` for a file that is no such model or is cut short, for another kind than BPE, and for
// what would change the ids without being carried over: a table of character replacements (nmt_nfkc and the like),
// spaces as suffixes, unused pieces.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file);

}  // namespace r1
