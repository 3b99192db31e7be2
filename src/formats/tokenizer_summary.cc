#include "formats/tokenizer_summary.h"

#include "formats/bytes.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kDeepest = 64;

// Counts while it reads: a vocabulary's tree would take many times its bytes.
struct Counter : nlohmann::json_sax<nlohmann::json> {
  explicit Counter(const std::string& name) : what(name) {}
  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool string(string_t& text) override {
    if (path() == "model.type") type = text;
    return value();
  }
  bool start_object(size_t) override { return enter(); }
  bool start_array(size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    keys.back() = keys.size() <= 2 ? name : "";  // deeper names are a vocabulary's tokens
    if (path() == "model") has_model = true;
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    fail("{} is not valid JSON: {}", what, e.what());
  }

  std::string path() const {
    std::string out;
    for (const std::string& k : keys)
      if (!k.empty()) out += (out.empty() ? "" : ".") + k;
    return out;
  }
  // A value ends one entry of what it lies in.
  bool value() {
    if (keys.size() == 3 && keys[0] == "model" && keys[1] == "vocab") tokens++;
    if (keys.size() == 3 && keys[0] == "model" && keys[1] == "merges") merges++;
    if (keys.size() == 2 && keys[0] == "added_tokens") added++;
    return true;
  }
  bool enter() {
    if (keys.size() >= kDeepest) fail("{} is nested deeper than {}", what, kDeepest);
    keys.emplace_back();
    return true;
  }
  bool leave() {
    keys.pop_back();
    return value();
  }

  const std::string& what;
  std::vector<std::string> keys;  // of what is open, the innermost last
  std::string type;
  bool has_model = false;
  uint64_t tokens = 0, merges = 0, added = 0;
};

std::string token_of(const GgufHeader& h, const GgufValue::Strings& tokens, const std::string& key) {
  if (!h.metadata.contains(key)) return "";
  const int64_t id = h.whole(key, 0, 0, INT64_C(1) << 40);
  return id < static_cast<int64_t>(tokens.size()) ? tokens[static_cast<size_t>(id)] : "";
}

}  // namespace

Json summarise_tokenizer_json(std::string_view text, const std::string& what) {
  if (!valid_utf8(text)) fail("{} is not valid UTF-8", what);
  Counter counter(what);
  nlohmann::json::sax_parse(text, &counter);
  if (!counter.has_model) fail("{}: is no tokenizer.json: it has no \"model\"", what);
  return {{"type", counter.type.empty() ? Json() : Json(counter.type)},
          {"tokens", counter.tokens},
          {"merges", counter.merges},
          {"added_tokens", counter.added}};
}

Json summarise_gguf_tokenizer(const GgufHeader& h) {
  const GgufValue::Strings* tokens = h.strings("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->empty()) return nullptr;
  const GgufValue::Strings* merges = h.strings("tokenizer.ggml.merges");
  const GgufValue::Numbers* types = h.numbers("tokenizer.ggml.token_type");
  uint64_t added = 0;
  for (double type : types != nullptr ? *types : GgufValue::Numbers()) added += type == 3 || type == 4;
  Json out = {{"type", h.text("tokenizer.ggml.model", "")},
              {"tokens", tokens->size()},
              {"merges", merges != nullptr ? merges->size() : 0},
              {"added_tokens", added}};
  if (const std::string pre = h.text("tokenizer.ggml.pre", ""); !pre.empty()) out["pre"] = pre;
  for (const auto& [key, name] : {std::pair("tokenizer.ggml.bos_token_id", "bos_token"),
                                  {"tokenizer.ggml.eos_token_id", "eos_token"},
                                  {"tokenizer.ggml.padding_token_id", "pad_token"}})
    if (const std::string token = token_of(h, *tokens, key); !token.empty()) out[name] = token;
  return out;
}

}  // namespace r1
