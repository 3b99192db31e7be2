// BPE as Hugging Face's tokenizer.json describes it: over bytes, or over characters with Metaspace and byte fallback
// (GGUF vocabularies are turned into one by formats/). Left out: other models (Unigram, WordPiece), dropout, the
// truncation and padding that a file may ask for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

using TokenId = int32_t;

// A stretch of the text (bytes) that is not the template's: of people, where no added token is found, or of the model,
// where only those are found that control nothing (<think>, but no special ones and none spelled <|...|>). A token that
// reaches into it counts as inside.
struct PlainRange {
  size_t begin, end;
  bool of_model = false;
};

struct EncodeOptions {
  bool add_special_tokens = true;  // apply the post-processor
  bool parse_special_tokens =
      true;  // find added tokens in the text; false: text from users, which never becomes special tokens
  std::span<const PlainRange> plain = {};  // in order and apart; borrowed for the call. The text must be valid UTF-8
};

// One text decoded token by token. Not thread-safe; must not outlive its tokenizer.
class TokenStream {
 public:
  virtual ~TokenStream() = default;
  virtual std::string push(TokenId id) = 0;  // final text, never half a character
  virtual std::string finish() = 0;
};

// Thread safety: encode and decode are const and may be called from many threads.
class Tokenizer {
 public:
  // `json`: the text of a tokenizer.json. `name`: for error messages. Throws r1::Error on what it does not support, by
  // name.
  static std::shared_ptr<const Tokenizer> from_json(std::string_view json, const std::string& name);
  virtual ~Tokenizer() = default;

  virtual std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const = 0;
  virtual std::string decode(const std::vector<TokenId>& ids, bool skip_special_tokens = false) const = 0;
  // All pieces of a stream are decode() of its ids. The default takes token_bytes() for all there is to know.
  virtual std::unique_ptr<TokenStream> start_stream() const;
  // The bytes one token stands for in the middle of a text. Ids beyond the vocabulary stand for nothing: models have
  // rows to spare (Qwen's 151,936 for 151,669 tokens), and sampling may draw one. Throws r1::Error for a negative id.
  virtual std::string token_bytes(TokenId id) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  // -1 when there is no such token.
  virtual TokenId find(std::string_view token) const = 0;
  virtual int vocabulary_size() const = 0;  // highest id + 1
};

// Decodes token by token and never hands out half a character: the sum of the pieces is decode() of all.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special_tokens = false)
      : tokenizer_(std::move(tokenizer)), skip_special_(skip_special_tokens), stream_(tokenizer_->start_stream()) {}
  std::string push(TokenId id) {
    return skip_special_ && tokenizer_->is_special(id) ? std::string() : stream_->push(id);
  }
  std::string finish() { return stream_->finish(); }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_;
  std::unique_ptr<TokenStream> stream_;
};

}  // namespace r1
