#include "text/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
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

std::vector<NormalForm> read_normalizer(const Json& json, const std::string& file) {
  if (json.is_null()) return {};
  const std::string type = json.value("type", "");
  if (type == "NFC") return {NormalForm::nfc};
  if (type == "NFD") return {NormalForm::nfd};
  if (type == "NFKC") return {NormalForm::nfkc};
  if (type == "NFKD") return {NormalForm::nfkd};
  if (type != "Sequence")
    fail("{}: normalizer type \"{}\" is not supported yet (NFC, NFD, NFKC, NFKD and Sequence are)", file, type);
  std::vector<NormalForm> out;
  for (const Json& step : json.at("normalizers"))
    for (NormalForm form : read_normalizer(step, file)) out.push_back(form);
  return out;
}

void check_decoder(const Json& json, const std::string& file) {
  if (json.is_null()) return;
  const std::string type = json.value("type", "");
  if (type == "Sequence")
    for (const Json& step : json.at("decoders")) check_decoder(step, file);
  else if (type != "ByteLevel")
    fail("{}: decoder type \"{}\" is not supported yet (ByteLevel is)", file, type);
}

// Ids a post-processor puts before and after a single sequence.
struct Frame {
  std::vector<TokenId> before, after;
};

TokenId frame_id(const Json& id, const std::string& token, const std::string& file) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
    fail("{}: post_processor: token \"{}\" has id {}, which is none", file, token, id.dump());
  return id.get<TokenId>();
}

Frame read_post_processor(const Json& json, const std::string& file) {
  Frame frame;
  if (json.is_null()) return frame;
  const std::string type = json.value("type", "");
  if (type == "ByteLevel") return frame;
  if (type == "Sequence") {
    for (const Json& step : json.at("processors")) {
      const Frame inner = read_post_processor(step, file);
      frame.before.insert(frame.before.begin(), inner.before.begin(), inner.before.end());
      frame.after.insert(frame.after.end(), inner.after.begin(), inner.after.end());
    }
    return frame;
  }
  if (type != "TemplateProcessing")
    fail("{}: post_processor type \"{}\" is not supported yet (ByteLevel, TemplateProcessing and Sequence are)", file,
         type);
  bool seen = false;
  for (const Json& part : json.at("single")) {
    if (part.contains("Sequence")) {
      seen = true;
      continue;
    }
    const std::string name = part.at("SpecialToken").at("id").get<std::string>();
    for (const Json& id : json.at("special_tokens").at(name).at("ids"))
      (seen ? frame.after : frame.before).push_back(frame_id(id, name, file));
  }
  return frame;
}

class JsonTokenizer : public Tokenizer {
 public:
  JsonTokenizer(const Json& json, const std::string& file) : file_(file) {
    const auto part = [&](const char* key) { return json.contains(key) ? json[key] : Json(); };
    const Json& model = json.at("model");
    refuse_unknown(model);
    normal_forms_ = read_normalizer(part("normalizer"), file);
    pre_ = PreTokenizer::from_json(part("pre_tokenizer"), file);
    if (!pre_->is_byte_level()) fail("{}: only byte-level BPE is supported yet (no ByteLevel pre_tokenizer)", file);
    check_decoder(part("decoder"), file);
    read_vocabulary(model);
    read_merges(model);
    read_added(part("added_tokens"));
    frame_ = read_post_processor(part("post_processor"), file);
    for (const auto& ids : {frame_.before, frame_.after})
      for (TokenId id : ids)
        if (!is_token(id)) fail("{}: post_processor adds id {}, which is no token of the vocabulary", file, id);
  }

  std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const override {
    std::vector<TokenId> out;
    if (options.add_special_tokens) out = frame_.before;
    const std::string valid = to_valid_utf8(text);
    for (const AddedSpan& span : added_.find(valid, false, options.parse_special_tokens)) {
      if (span.id >= 0)
        out.push_back(span.id);
      else
        encode_plain(std::string_view(valid).substr(span.begin, span.end - span.begin), options, out);
    }
    if (options.add_special_tokens) out.insert(out.end(), frame_.after.begin(), frame_.after.end());
    return out;
  }

  std::string decode(const std::vector<TokenId>& ids, bool skip_special_tokens) const override {
    std::string bytes;
    for (TokenId id : ids)
      if (!skip_special_tokens || !is_special(id)) bytes += token_bytes(id);
    return to_valid_utf8(bytes);
  }

  std::string token_bytes(TokenId id) const override {
    if (id < 0) fail("{}: token id {} is negative", file_, id);
    return static_cast<size_t>(id) < bytes_.size() ? bytes_[static_cast<size_t>(id)] : std::string();
  }
  bool is_special(TokenId id) const override {
    return id >= 0 && static_cast<size_t>(id) < special_.size() && special_[static_cast<size_t>(id)];
  }
  TokenId find(std::string_view token) const override {
    const auto it = spelled_.find(std::string(token));
    return it == spelled_.end() ? -1 : it->second;
  }
  int vocabulary_size() const override { return static_cast<int>(bytes_.size()); }

 private:
  static constexpr int64_t kMostIds = 1 << 20;  // the largest vocabularies out there have a quarter of it

  void refuse_unknown(const Json& model) const {
    if (const std::string type = model.value("type", "BPE"); type != "BPE")
      fail("{}: model type \"{}\" is not supported (BPE is)", file_, type);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (model.contains(key) && model[key].is_string() && !model[key].get<std::string>().empty())
        fail("{}: model.{} is not supported", file_, key);
    if (model.value("byte_fallback", false)) fail("{}: model.byte_fallback is not supported yet", file_);
    if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0)
      fail("{}: model.dropout is {}; a tokenizer that throws dice is not supported", file_, model["dropout"].dump());
  }

  TokenId checked_id(const Json& value, const std::string& token) const {
    if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() >= kMostIds)
      fail("{}: token \"{}\" has id {}, expected 0 .. {}", file_, token, value.dump(), kMostIds - 1);
    return value.get<TokenId>();
  }
  bool is_token(TokenId id) const { return static_cast<size_t>(id) < taken_.size() && taken_[static_cast<size_t>(id)]; }

  // One id is one token: an added token may repeat what the vocabulary says of it, nothing else.
  void set_bytes(TokenId id, const std::string& spelled) {
    const size_t i = static_cast<size_t>(id);
    if (i >= bytes_.size()) {
      bytes_.resize(i + 1);
      special_.resize(i + 1);
      taken_.resize(i + 1);
    }
    if (const TokenId other = find(spelled); taken_[i] && other != id)
      fail("{}: id {} is given to \"{}\" and to another token", file_, id, spelled);
    taken_[i] = true;
    std::string bytes;
    bytes_[i] = alphabet_.decode(spelled, bytes) ? bytes : spelled;
    spelled_[spelled] = id;
  }

  void read_vocabulary(const Json& model) {
    if (!model.contains("vocab") || !model["vocab"].is_object()) fail("{}: model.vocab is missing", file_);
    for (const auto& [token, id] : model["vocab"].items()) {
      if (token.empty()) fail("{}: model.vocab has an empty token (id {})", file_, id.dump());
      set_bytes(checked_id(id, token), token);
    }
  }

  void read_added(const Json& list) {
    std::vector<AddedToken> added;
    for (const Json& t : list) {
      AddedToken token{checked_id(t.at("id"), t.value("content", "")),
                       t.at("content").get<std::string>(),
                       t.value("special", false),
                       t.value("normalized", true),
                       t.value("lstrip", false),
                       t.value("rstrip", false),
                       t.value("single_word", false)};
      if (token.content.empty()) fail("{}: added token {} is empty", file_, token.id);
      set_bytes(token.id, token.content);
      special_[static_cast<size_t>(token.id)] = token.special;
      if (token.normalized && !normal_forms_.empty()) token.content = normalized(token.content);
      added.push_back(std::move(token));
    }
    added_ = AddedTokens(std::move(added));
  }

  // Tokens by the bytes they stand for; those not spelled in the byte alphabet cannot come out of merging.
  Bpe::Vocabulary spelled_bytes() const {
    Bpe::Vocabulary out;
    std::string bytes;
    for (const auto& [spelled, id] : spelled_)
      if (alphabet_.decode(spelled, bytes)) out.emplace(bytes, id);
    return out;
  }

  void read_merges(const Json& model) {
    std::vector<std::pair<std::string, std::string>> merges;
    for (const Json& m : model.at("merges")) {
      std::string a, b;
      if (m.is_array() && m.size() == 2) {
        a = m[0].get<std::string>(), b = m[1].get<std::string>();
      } else {
        const std::string both = m.get<std::string>();
        const size_t space = both.find(' ', 1);
        if (space == std::string::npos) fail("{}: merge \"{}\" has no space", file_, both);
        a = both.substr(0, space), b = both.substr(space + 1);
      }
      std::string a_bytes, b_bytes;
      if (!alphabet_.decode(a, a_bytes) || !alphabet_.decode(b, b_bytes))
        fail("{}: merge \"{} {}\" holds a character outside the byte alphabet", file_, a, b);
      merges.push_back({std::move(a_bytes), std::move(b_bytes)});
    }
    Bpe::Options options;
    options.ignore_merges = model.value("ignore_merges", false);
    options.fuse_unknown = model.value("fuse_unk", false);
    if (model.contains("unk_token") && !model["unk_token"].is_null()) {
      options.unknown = find(model["unk_token"].get<std::string>());
      if (options.unknown < 0) fail("{}: model.unk_token {} is no token", file_, model["unk_token"].dump());
    }
    bpe_ = std::make_unique<Bpe>(spelled_bytes(), merges, options, file_);
  }

  std::string normalized(std::string_view text) const {
    std::string out(text);
    for (NormalForm form : normal_forms_) out = normalize(out, form);
    return out;
  }

  void encode_plain(std::string_view text, EncodeOptions options, std::vector<TokenId>& out) const {
    const std::string normal = normalized(text);
    for (const AddedSpan& span : added_.find(normal, true, options.parse_special_tokens)) {
      if (span.id >= 0) {
        out.push_back(span.id);
        continue;
      }
      std::vector<std::string> pieces = {normal.substr(span.begin, span.end - span.begin)};
      pre_->cut(pieces);
      for (const std::string& piece : pieces) bpe_->encode(piece, out);
    }
  }

  std::string file_;
  ByteAlphabet alphabet_;
  std::vector<NormalForm> normal_forms_;
  std::unique_ptr<PreTokenizer> pre_;
  Frame frame_;
  std::vector<std::string> bytes_;  // of each id
  std::vector<bool> special_, taken_;
  std::unordered_map<std::string, TokenId> spelled_;
  AddedTokens added_;
  std::unique_ptr<Bpe> bpe_;
};

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::from_json(std::string_view text, const std::string& name) {
  if (const int depth = depth_of(text); depth > kDeepestJson)
    fail("{}: nested {} deep, at most {} are read", name, depth, kDeepestJson);
  try {
    return std::make_shared<JsonTokenizer>(Json::parse(text), name);
  } catch (const Json::exception& e) {
    fail("{}: not a tokenizer.json as expected: {}", name, e.what());
  }
}

std::string StreamDecoder::push(TokenId id) {
  if (skip_special_ && tokenizer_->is_special(id)) return "";
  pending_ += tokenizer_->token_bytes(id);
  const size_t keep = incomplete_tail(pending_);
  const std::string out = to_valid_utf8(std::string_view(pending_).substr(0, pending_.size() - keep));
  pending_.erase(0, pending_.size() - keep);
  return out;
}

std::string StreamDecoder::finish() {
  const std::string out = to_valid_utf8(pending_);
  pending_.clear();
  return out;
}

}  // namespace r1
