#include "text/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_decoder.h"
#include "text/tokenizer_normalizer.h"
#include "text/tokenizer_post.h"
#include "text/unicode.h"

namespace r1 {
namespace {

constexpr int kDeepestJson = 64;
using Json = nlohmann::json;  // not ordered_json, which looks every key up from the start: a vocabulary has 150,000

// Brackets that are open at once: what reads the tree recursively must not be led arbitrarily deep.
int depth_of(std::string_view json) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); i++) {
    const char c = json[i];
    if (in_string && c == '\\')
      i++;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{'))
      deepest = std::max(deepest, ++depth);
    else if (!in_string && (c == ']' || c == '}'))
      depth--;
  }
  return deepest;
}

constexpr int64_t kMostIds = 1 << 20;                         // the largest vocabularies out there have a quarter of it
constexpr size_t kMostMerges = 1 << 20;                       // the longest list out there has half of it
constexpr size_t kLongestAdded = 1024, kMostAdded = 1 << 17;  // bytes of an added token; how many

const Json& part_of(const Json& json, const char* key) {
  static const Json null;
  return json.contains(key) ? json[key] : null;
}

void refuse_unknown(const Json& model, const std::string& file) {
  if (const std::string type = model.value("type", "BPE"); type != "BPE")
    fail("{}: model type \"{}\" is not supported (BPE is)", file, type);
  if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0)
    fail("{}: model.dropout is {}; a tokenizer that throws dice is not supported", file, model["dropout"].dump());
}

TokenId checked_id(const Json& value, const std::string& token, const std::string& file) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() >= kMostIds)
    fail("{}: token \"{}\" has id {}, expected 0 .. {}", file, token, value.dump(), kMostIds - 1);
  return value.get<TokenId>();
}

std::vector<std::pair<std::string, std::string>> read_merges(const Json& list, const std::string& file) {
  if (list.size() > kMostMerges) fail("{}: {} merges, at most {} are read", file, list.size(), kMostMerges);
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(list.size());
  for (const Json& m : list) {
    if (m.is_array() && m.size() == 2) {
      merges.push_back({m[0].get<std::string>(), m[1].get<std::string>()});
      continue;
    }
    const auto& both = m.get_ref<const std::string&>();
    if (both.starts_with("#version")) continue;
    const size_t space = both.find(' ', 1);
    if (space == std::string::npos) fail("{}: merge \"{}\" has no space", file, both);
    merges.push_back({both.substr(0, space), both.substr(space + 1)});
  }
  return merges;
}

std::string text_or_empty(const Json& model, const char* key) {
  return model.contains(key) && model[key].is_string() ? model[key].get<std::string>() : std::string();
}

class JsonTokenizer : public Tokenizer {
 public:
  JsonTokenizer(const Json& json, const std::string& file) : file_(file) {
    const Json& model = json.at("model");
    const Json& pre = part_of(json, "pre_tokenizer");
    refuse_unknown(model, file);
    normalizer_ = Normalizer::from_json(part_of(json, "normalizer"), file);
    decoder_ = TokenDecoder::from_json(part_of(json, "decoder"), file);
    post_.read(part_of(json, "post_processor"), file);
    BpeModel bpe;
    bpe.prefix = text_or_empty(model, "continuing_subword_prefix");
    bpe.suffix = text_or_empty(model, "end_of_word_suffix");
    bpe.bytes = bpe.prefix.empty() && bpe.suffix.empty() && !(normalizer_ && normalizer_->spells_bytes()) &&
                PreTokenizer::ends_in_bytes(pre);
    pre_ = PreTokenizer::from_json(pre, file, {.keep_bytes = bpe.bytes});
    read_vocabulary(model, bpe);
    read_options(json, bpe);
    bpe.merges = read_merges(model.at("merges"), file);
    bpe_ = std::make_unique<Bpe>(std::move(bpe), file);
    read_added(part_of(json, "added_tokens"));
    for (TokenId id : post_.added())
      if (!is_token(id)) fail("{}: post_processor adds id {}, which is no token of the vocabulary", file, id);
    if (decoder_->is_byte_level())
      for (const std::string& token : tokens_) bytes_.push_back(decoder_->bytes_of(token));
  }

  std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<TokenId> out;
    std::string storage;
    const std::string_view valid = valid_view(text, storage);
    if (!options.plain.empty() && valid.data() != text.data())
      fail("{}: a text with marked ranges is not valid UTF-8", file_);
    const Bpe::Loan loan(*bpe_);
    for (const AddedSpan& span : added_.find(valid, false, options.parse_special_tokens, options.plain)) {
      if (span.id >= 0) {
        out.push_back(span.id);
        continue;
      }
      encode_between(valid, span, options, *loan, out);
    }
    return options.add_special_tokens ? post_.apply(std::move(out)) : out;
  }

  std::string decode(const std::vector<TokenId>& ids, bool skip_special_tokens) const override {
    std::string text;
    if (decoder_->is_byte_level()) {
      for (TokenId id : ids)
        if (!skip_special_tokens || !is_special(id)) {
          check_id(id);
          if (static_cast<size_t>(id) < bytes_.size()) text += bytes_[static_cast<size_t>(id)];
        }
      std::string storage;
      return valid_view(text, storage).data() == text.data() ? text : storage;
    }
    const auto stream = start_stream();
    for (TokenId id : ids)
      if (!skip_special_tokens || !is_special(id)) text += stream->push(id);
    return text += stream->finish();
  }

  std::unique_ptr<TokenStream> start_stream() const override { return std::make_unique<Stream>(*this); }

  std::string token_bytes(TokenId id) const override {
    check_id(id);
    return is_token(id) ? decoder_->bytes_of(tokens_[static_cast<size_t>(id)]) : std::string();
  }
  bool is_special(TokenId id) const override {
    return id >= 0 && static_cast<size_t>(id) < special_.size() && special_[static_cast<size_t>(id)];
  }
  TokenId find(std::string_view token) const override {
    const auto it = ids_.find(std::string(token));
    return it == ids_.end() ? -1 : it->second;
  }
  int vocabulary_size() const override { return static_cast<int>(tokens_.size()); }

 private:
  class Stream : public TokenStream {
   public:
    explicit Stream(const JsonTokenizer& tokenizer) : tokenizer_(tokenizer), chain_(tokenizer.decoder_->start()) {}
    std::string push(TokenId id) override {
      tokenizer_.check_id(id);
      return tokenizer_.is_token(id) ? chain_->push(tokenizer_.tokens_[static_cast<size_t>(id)]) : std::string();
    }
    std::string finish() override { return chain_->finish(); }

   private:
    const JsonTokenizer& tokenizer_;
    std::unique_ptr<DecodeStream> chain_;
  };

  void check_id(TokenId id) const {
    if (id < 0) fail("{}: token id {} is negative", file_, id);
  }
  bool is_token(TokenId id) const { return static_cast<size_t>(id) < taken_.size() && taken_[static_cast<size_t>(id)]; }

  // One id is one token: an added token may repeat what the vocabulary says of it, nothing else.
  void set_token(TokenId id, const std::string& spelled) {
    const size_t i = static_cast<size_t>(id);
    if (i >= tokens_.size()) {
      tokens_.resize(i + 1);
      special_.resize(i + 1);
      taken_.resize(i + 1);
    }
    if (taken_[i] && tokens_[i] != spelled)
      fail("{}: id {} is given to \"{}\" and to \"{}\"", file_, id, spelled, tokens_[i]);
    taken_[i] = true;
    tokens_[i] = spelled;
    ids_[spelled] = id;
  }

  void read_vocabulary(const Json& model, BpeModel& bpe) {
    if (!model.contains("vocab") || !model["vocab"].is_object()) fail("{}: model.vocab is missing", file_);
    const auto& vocabulary = model["vocab"].get_ref<const Json::object_t&>();
    ids_.reserve(vocabulary.size());
    for (const auto& [token, value] : vocabulary) {
      if (token.empty()) fail("{}: model.vocab has an empty token (id {})", file_, value.dump());
      set_token(checked_id(value, token, file_), token);
    }
    bpe.vocabulary = ids_;
  }

  void read_options(const Json& json, BpeModel& bpe) const {
    const Json& model = json["model"];
    bpe.ignore_merges = model.value("ignore_merges", false);
    bpe.byte_fallback = model.value("byte_fallback", false);
    bpe.fuse_unknown = model.value("fuse_unk", false);
    const std::string unknown = text_or_empty(model, "unk_token");
    if (unknown.empty()) return;
    bpe.unknown = find(unknown);
    for (const Json& t : part_of(json, "added_tokens"))
      if (bpe.unknown < 0 && t.at("content") == unknown) bpe.unknown = checked_id(t.at("id"), unknown, file_);
    if (bpe.unknown < 0) fail("{}: model.unk_token {} is no token", file_, model["unk_token"].dump());
  }

  void read_added(const Json& list) {
    std::vector<AddedToken> added;
    if (list.size() > kMostAdded) fail("{}: {} added tokens, at most {} are read", file_, list.size(), kMostAdded);
    added.reserve(list.size());
    for (const Json& t : list) {
      AddedToken token{checked_id(t.at("id"), t.value("content", ""), file_),
                       t.at("content").get<std::string>(),
                       t.value("special", false),
                       t.value("normalized", true),
                       t.value("lstrip", false),
                       t.value("rstrip", false),
                       t.value("single_word", false)};
      if (token.content.empty()) fail("{}: added token {} is empty", file_, token.id);
      if (token.content.size() > kLongestAdded)
        fail("{}: added token {} has {} bytes, at most {}", file_, token.id, token.content.size(), kLongestAdded);
      // the vocabulary's id counts, as for Hugging Face
      if (const TokenId known = find(token.content); known >= 0) token.id = known;
      set_token(token.id, token.content);
      special_[static_cast<size_t>(token.id)] = token.special;
      if (token.normalized && normalizer_) {
        NormalText content(token.content, false);
        normalizer_->apply(content);
        token.content = std::string(content.text);
        tokens_[static_cast<size_t>(token.id)] = token.content;  // what decoding gives, as for Hugging Face
      }
      added.push_back(std::move(token));
    }
    // where two are spelled the same once normalized, special ones come first
    std::stable_partition(added.begin(), added.end(), [](const AddedToken& t) { return t.special; });
    added_ = AddedTokens(std::move(added));
  }

  // Text between added tokens. Others are found only once it is normalized. Where that changes the text, the marked
  // ranges are lost: if there is such a token then, the stretches are encoded apart.
  void encode_between(std::string_view text, AddedSpan span, const EncodeOptions& options, Bpe::Scratch& scratch,
                      std::vector<TokenId>& out) const {
    const std::string_view part = text.substr(span.begin, span.end - span.begin);
    NormalText normal(part, span.begin == 0);
    if (normalizer_) normalizer_->apply(normal);
    const std::vector<PlainRange> ranges = inside(options.plain, span);
    const bool same = normal.text == part;
    const auto found = added_.find(normal.text, true, options.parse_special_tokens,
                                   same ? std::span<const PlainRange>(ranges) : std::span<const PlainRange>());
    const bool any = std::any_of(found.begin(), found.end(), [](const AddedSpan& s) { return s.id >= 0; });
    if (same || !any || ranges.empty()) return encode_spans(normal, found, scratch, out);
    size_t at = 0;
    for (const PlainRange& r : ranges) {
      encode_stretch(part.substr(at, r.begin - at), normal.at_start && at == 0, options, scratch, out);
      NormalText marked(part.substr(r.begin, r.end - r.begin), normal.at_start && r.begin == 0);
      normalizer_->apply(marked);
      encode_spans(marked, {{0, marked.text.size(), -1}}, scratch, out);
      at = r.end;
    }
    encode_stretch(part.substr(at), normal.at_start && at == 0, options, scratch, out);
  }

  // The template's own text, apart from what surrounds it.
  void encode_stretch(std::string_view part, bool at_start, const EncodeOptions& options, Bpe::Scratch& scratch,
                      std::vector<TokenId>& out) const {
    if (part.empty()) return;
    NormalText normal(part, at_start);
    normalizer_->apply(normal);
    encode_spans(normal, added_.find(normal.text, true, options.parse_special_tokens), scratch, out);
  }

  // The ranges that reach into a span, counted from its beginning. A chat has as many spans as it has ranges.
  static std::vector<PlainRange> inside(std::span<const PlainRange> ranges, AddedSpan span) {
    std::vector<PlainRange> out;
    auto r = std::partition_point(ranges.begin(), ranges.end(),
                                  [&](const PlainRange& range) { return range.end <= span.begin; });
    for (; r != ranges.end() && r->begin < span.end; ++r) {
      const size_t begin = std::max(r->begin, span.begin), end = std::min(r->end, span.end);
      if (begin < end) out.push_back({begin - span.begin, end - span.begin, r->of_model});
    }
    return out;
  }

  void encode_spans(const NormalText& normal, const std::vector<AddedSpan>& spans, Bpe::Scratch& scratch,
                    std::vector<TokenId>& out) const {
    for (const AddedSpan& span : spans) {
      if (span.id >= 0) {
        out.push_back(span.id);
        continue;
      }
      Pieces pieces(normal.text.substr(span.begin, span.end - span.begin), normal.at_start && span.begin == 0);
      pre_->cut(pieces);
      constexpr size_t kAhead = 4;
      for (size_t i = 0; i < pieces.size(); i++) {
        if (i + kAhead < pieces.size()) bpe_->prefetch(pieces[i + kAhead], scratch);
        bpe_->encode(pieces[i], scratch, out);
      }
    }
  }

  std::string file_;
  std::unique_ptr<Normalizer> normalizer_;  // null: none
  std::unique_ptr<PreTokenizer> pre_;
  std::unique_ptr<TokenDecoder> decoder_;
  PostProcessor post_;
  std::vector<std::string> tokens_;  // of each id, as the file spells it
  std::vector<std::string> bytes_;   // of each id, where the decoder is ByteLevel alone
  std::vector<bool> special_, taken_;
  std::unordered_map<std::string, TokenId> ids_;
  AddedTokens added_;
  std::unique_ptr<Bpe> bpe_;
};

// For tokenizers that know no more than the bytes of each token.
class ByteStream : public TokenStream {
 public:
  explicit ByteStream(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::string push(TokenId id) override {
    pending_ += tokenizer_.token_bytes(id);
    const size_t ready = pending_.size() - incomplete_tail(pending_);
    const std::string out = to_valid_utf8(std::string_view(pending_).substr(0, ready));
    pending_.erase(0, ready);
    return out;
  }
  std::string finish() override {
    std::string rest;
    rest.swap(pending_);
    return to_valid_utf8(rest);
  }

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;
};

}  // namespace

std::unique_ptr<TokenStream> Tokenizer::start_stream() const { return std::make_unique<ByteStream>(*this); }

std::shared_ptr<const Tokenizer> Tokenizer::from_json(std::string_view text, const std::string& name) {
  if (const int depth = depth_of(text); depth > kDeepestJson)
    fail("{}: nested {} deep, at most {} are read", name, depth, kDeepestJson);
  try {
    return std::make_shared<JsonTokenizer>(Json::parse(text), name);
  } catch (const Json::exception& e) {
    fail("{}: not a tokenizer.json as expected: {}", name, e.what());
  }
}

}  // namespace r1
