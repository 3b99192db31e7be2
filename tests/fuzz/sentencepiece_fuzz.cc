// SentencePiece's model file: what is accepted has a score and a type for every piece, and no piece twice.
#include <cstdint>
#include <set>

#include "base/error.h"
#include "formats/sentencepiece.h"
#include "formats/tokenizer_parts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const r1::SentencePieceModel m =
        r1::parse_sentencepiece(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    R1_CHECK(m.scores.size() == m.pieces.size() && m.types.size() == m.pieces.size());
    R1_CHECK(std::set<std::string>(m.pieces.begin(), m.pieces.end()).size() == m.pieces.size());
    const auto merges = r1::merges_of_scores(
        m.pieces, m.scores, [&](size_t i) { return m.types[i] == r1::SentencePieceModel::normal; }, "fuzz");
    for (const auto& merge : merges) R1_CHECK(merge.size() == 2);
  } catch (const r1::Error&) {
  }
  return 0;
}
