#include "text/tokenizer.h"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::json;  // not ordered_json, which looks every key up from the start: a vocabulary has 150,000

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

// Ids a post-processor puts before and after a single sequence.
struct Frame {
  std::vector<TokenId> before, after;
};

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
      (seen ? frame.after : frame.before).push_back(id.get<TokenId>());
  }
  return frame;
}

class JsonTokenizer : public Tokenizer {
 public:
  JsonTokenizer(const Json& json, const std::string& file) : file_(file) {
    const Json& model = json.at("model");
    if (const std::string type = model.value("type", "BPE"); type != "BPE")
      fail("{}: model type \"{}\" is not supported (BPE is)", file, type);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (model.contains(key) && model[key].is_string() && !model[key].get<std::string>().empty())
        fail("{}: model.{} is not supported", file, key);
    if (model.value("byte_fallback", false)) fail("{}: model.byte_fallback is not supported yet", file);
    normal_forms_ = read_normalizer(json.contains("normalizer") ? json["normalizer"] : Json(), file);
    pre_ = PreTokenizer::from_json(json.contains("pre_tokenizer") ? json["pre_tokenizer"] : Json(), file);
    if (!pre_->is_byte_level()) fail("{}: only byte-level BPE is supported yet (no ByteLevel pre_tokenizer)", file);
    frame_ = read_post_processor(json.contains("post_processor") ? json["post_processor"] : Json(), file);
    read_vocabulary(model);
    read_added(json.contains("added_tokens") ? json["added_tokens"] : Json());
    read_merges(model);
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
    if (id < 0 || static_cast<size_t>(id) >= bytes_.size())
      fail("{}: token id {} is outside the vocabulary of {}", file_, id, bytes_.size());
    return bytes_[static_cast<size_t>(id)];
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
  static constexpr int64_t kMostIds = 1 << 22;

  TokenId checked_id(const Json& value, const std::string& token) const {
    if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() >= kMostIds)
      fail("{}: token \"{}\" has id {}, expected 0 .. {}", file_, token, value.dump(), kMostIds - 1);
    return value.get<TokenId>();
  }
  void set_bytes(TokenId id, const std::string& spelled) {
    if (static_cast<size_t>(id) >= bytes_.size()) {
      bytes_.resize(static_cast<size_t>(id) + 1);
      special_.resize(static_cast<size_t>(id) + 1);
    }
    std::string bytes;
    bytes_[static_cast<size_t>(id)] = alphabet_.decode(spelled, bytes) ? bytes : spelled;
    spelled_[spelled] = id;
  }

  void read_vocabulary(const Json& model) {
    if (!model.contains("vocab") || !model["vocab"].is_object()) fail("{}: model.vocab is missing", file_);
    for (const auto& [token, id] : model["vocab"].items()) set_bytes(checked_id(id, token), token);
  }

  void read_added(const Json& list) {
    for (const Json& t : list) {
      AddedToken token{checked_id(t.at("id"), t.value("content", "")),
                       t.at("content").get<std::string>(),
                       t.value("special", false),
                       t.value("normalized", true),
                       t.value("lstrip", false),
                       t.value("rstrip", false),
                       t.value("single_word", false)};
      set_bytes(token.id, token.content);
      special_[static_cast<size_t>(token.id)] = token.special;
      if (token.normalized && !normal_forms_.empty()) token.content = normalized(token.content);
      added_.add(token);
    }
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
      merges.push_back({a_bytes, b_bytes});
    }
    bpe_ = std::make_unique<Bpe>(bytes_, merges, model.value("ignore_merges", false), file_);
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
  std::vector<bool> special_;
  std::unordered_map<std::string, TokenId> spelled_;
  AddedTokens added_;
  std::unique_ptr<Bpe> bpe_;
};

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::from_json(std::string_view text, const std::string& name) {
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
