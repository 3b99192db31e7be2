// The wire format: a message is a row of fields, each a varint key (number * 8 + type) and a value by its type. Fields
// that are not named here are skipped. Numbers are those of sentencepiece_model.proto.
#include "formats/sentencepiece.h"

#include <cstring>
#include <unordered_set>

#include "formats/bytes.h"

namespace r1 {
namespace {

constexpr size_t kMostPieces = 1 << 20;

struct Field {
  uint64_t number = 0;
  int type = 0;            // 0 varint, 1 eight bytes, 2 bytes with their length, 5 four bytes
  uint64_t value = 0;      // of types 0, 1 and 5
  std::string_view bytes;  // of type 2
};

[[noreturn]] void refuse(const std::string& file, const char* why) {
  fail("{}: {} (tiktoken's files of the same name are not read; a tokenizer.json is)", file, why);
}

class Message {
 public:
  Message(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}
  // False at the end.
  bool next(Field& f) {
    if (at_ == bytes_.size()) return false;
    const uint64_t key = varint();
    f = Field();
    f.number = key >> 3;
    f.type = static_cast<int>(key & 7);
    if (f.type == 0)
      f.value = varint();
    else if (f.type == 1)
      f.value = fixed(8);
    else if (f.type == 5)
      f.value = fixed(4);
    else if (f.type == 2)
      f.bytes = text(varint());
    else
      broken();
    if (f.number == 0) broken();
    return true;
  }

 private:
  [[noreturn]] void broken() const { refuse(file_, "is no SentencePiece model, or is cut short"); }
  uint64_t varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) break;
      const unsigned char byte = static_cast<unsigned char>(bytes_[at_++]);
      out |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return out;
    }
    broken();
  }
  std::string_view text(uint64_t size) {
    if (size > bytes_.size() - at_) broken();
    const std::string_view out = bytes_.substr(at_, static_cast<size_t>(size));
    at_ += out.size();
    return out;
  }
  uint64_t fixed(size_t size) {
    uint64_t out = 0;
    const std::string_view little_endian = text(size);
    std::memcpy(&out, little_endian.data(), size);
    return out;
  }
  std::string_view bytes_;
  const std::string& file_;
  size_t at_ = 0;
};

void read_piece(std::string_view bytes, const std::string& file, SentencePieceModel& out) {
  Message message(bytes, file);
  std::string piece;
  float score = 0;
  uint64_t type = SentencePieceModel::normal;
  for (Field f; message.next(f);) {
    if (f.number == 1 && f.type == 2) piece = f.bytes;
    if (f.number == 2 && f.type == 5) std::memcpy(&score, &f.value, sizeof score);
    if (f.number == 3 && f.type == 0) type = f.value;
  }
  const size_t id = out.pieces.size();
  if (id >= kMostPieces) fail("{}: more than {} pieces", file, kMostPieces);
  if (piece.empty() || !valid_utf8(piece)) fail("{}: piece {} is empty or not valid UTF-8", file, id);
  if (type < SentencePieceModel::normal || type > SentencePieceModel::byte || type == SentencePieceModel::unused)
    fail("{}: piece {} (\"{}\") is of type {}, expected normal, unknown, control, user-defined or byte (1 to 4, 6)",
         file, id, piece, type);
  out.pieces.push_back(std::move(piece));
  out.scores.push_back(score);
  out.types.push_back(static_cast<SentencePieceModel::Type>(type));
}

void read_trainer(std::string_view bytes, const std::string& file, SentencePieceModel& out, uint64_t& kind) {
  Message message(bytes, file);
  for (Field f; message.next(f);) {
    if (f.type != 0) continue;
    if (f.number == 3) kind = f.value;
    if (f.number == 24 && f.value != 0) fail("{}: puts spaces behind words, which is not supported", file);
    if (f.number == 35) out.byte_fallback = f.value != 0;
    if (f.number == 40) out.unk_id = static_cast<int64_t>(f.value);
    if (f.number == 41) out.bos_id = static_cast<int64_t>(f.value);
    if (f.number == 42) out.eos_id = static_cast<int64_t>(f.value);
  }
}

void read_normalizer(std::string_view bytes, const std::string& file, SentencePieceModel& out) {
  Message message(bytes, file);
  std::string name;
  bool replaces = false;
  for (Field f; message.next(f);) {
    if (f.number == 1 && f.type == 2) name = f.bytes;
    if (f.number == 2 && f.type == 2) replaces = !f.bytes.empty();
    if (f.type != 0) continue;
    if (f.number == 3) out.add_dummy_prefix = f.value != 0;
    if (f.number == 4) out.remove_extra_whitespaces = f.value != 0;
    if (f.number == 5) out.escape_whitespaces = f.value != 0;
  }
  if (replaces)
    fail("{}: replaces characters by the table \"{}\" before it cuts text, which is not supported (identity is)", file,
         valid_utf8(name) ? name : "");
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file) {
  SentencePieceModel out;
  uint64_t kind = 1;  // what the format takes for granted
  Message message(bytes, file);
  for (Field f; message.next(f);) {
    if (f.type != 2) continue;
    if (f.number == 1) read_piece(f.bytes, file, out);
    if (f.number == 2) read_trainer(f.bytes, file, out, kind);
    if (f.number == 3) read_normalizer(f.bytes, file, out);
  }
  if (out.pieces.empty()) refuse(file, "is no SentencePiece model: it holds no pieces");
  constexpr const char* kKinds[] = {"of kind 0", "unigram", "BPE", "word", "character"};
  if (kind != 2)
    fail("{}: is a {} model; SentencePiece's BPE is supported", file, kind < 5 ? kKinds[kind] : "still newer");
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < out.pieces.size(); i++)
    if (!seen.insert(out.pieces[i]).second) fail("{}: piece {} (\"{}\") appears twice", file, i, out.pieces[i]);
  return out;
}

}  // namespace r1
