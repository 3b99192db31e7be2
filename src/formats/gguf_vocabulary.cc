// tokenizer.json and tokenizer_config.json as tokenizer.ggml.* keys. Two kinds exist on both sides: byte-level BPE,
// which a GGUF calls gpt2 and whose cutting it calls by a name (pre), and SentencePiece's BPE with byte fallback, which
// it calls llama and whose merges it keeps as scores of the tokens they make.
#include <algorithm>

#include "formats/checked_json.h"
#include "formats/gguf_writer.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
constexpr int64_t kMostTokens = 1 << 21;
constexpr size_t kMostValues = size_t{1} << 22;  // of tokenizer.json; the largest out there have two million

// What the writers below share.
struct Vocabulary {
  std::string path;  // for messages
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::map<std::string, int64_t> ids;

  void put(const std::string& token, const Json& id, int32_t type) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= static_cast<int64_t>(tokens.size()))
      fail("{}: tokenizer.json: token \"{}\" has id {}, the model's embedding has {} rows", path, token, id.dump(),
           tokens.size());
    const size_t at = id.get<size_t>();
    tokens[at] = token;
    types[at] = type;
    ids[token] = static_cast<int64_t>(at);
  }
};

const Json& member(const Json& json, const char* key) {
  static const Json nothing;
  const auto it = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && it != json.end() ? *it : nothing;
}
bool is_true(const Json& json, const char* key) { return member(json, key) == true; }
std::string text_of(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_string() ? value.get<std::string>() : "";
}

// The steps of a pre-tokenizer, normalizer or post-processor: itself, or a Sequence's members.
std::vector<Json> steps_of(const Json& json) {
  if (!json.is_object()) return {};
  if (text_of(json, "type") != "Sequence") return {json};
  std::vector<Json> out;
  for (const char* key : {"pretokenizers", "normalizers", "processors"})
    for (const Json& step : member(json, key)) out.push_back(step);
  return out;
}

// What a pre-tokenizer does, without fields that change nothing: equal for equal behaviour.
Json meaning_of(const Json& pre_tokenizer) {
  Json out = Json::array();
  for (const Json& step : steps_of(pre_tokenizer)) {
    const std::string type = text_of(step, "type");
    if (type == "ByteLevel")
      out.push_back({type, step.value("use_regex", true), step.value("add_prefix_space", true)});
    else if (type == "Split")
      out.push_back({type, member(step, "pattern"), member(step, "behavior"), is_true(step, "invert")});
    else
      out.push_back(step);
  }
  return out;
}

constexpr const char* kPreNames[] = {"gpt-2",        "smollm",         "qwen2",       "llama-bpe",
                                     "deepseek-llm", "deepseek-coder", "deepseek-v3", "default"};

std::string pre_name(const Json& pre_tokenizer, const std::string& path) {
  const Json meaning = meaning_of(pre_tokenizer);
  for (const char* name : kPreNames)
    if (const Json known = gguf_pre_tokenizer(name); !known.is_null() && meaning_of(known) == meaning) return name;
  fail("{}: tokenizer.json cuts text in a way that r1 knows no GGUF name for (tokenizer.ggml.pre): {}", path,
       pre_tokenizer.dump().substr(0, 300));
}

std::pair<std::string, std::string> merge_of(const Json& merge, const std::string& path) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (merge.is_string()) {
    const std::string text = merge.get<std::string>();
    if (const size_t space = text.find(' ', 1); space != std::string::npos && space + 1 < text.size())
      return {text.substr(0, space), text.substr(space + 1)};
  }
  fail("{}: tokenizer.json: {} is no merge of two tokens", path, merge.dump().substr(0, 80));
}

void write_byte_level(GgufMetadataWriter& out, const Vocabulary& vocabulary, const Json& tokenizer) {
  for (const Json& step : steps_of(member(tokenizer, "normalizer")))
    if (const std::string type = text_of(step, "type"); type != "NFC")  // which llama.cpp leaves out
      fail("{}: tokenizer.json normalises text ({}), which a GGUF cannot say", vocabulary.path, type);
  for (const Json& step : steps_of(member(tokenizer, "pre_tokenizer")))
    if (text_of(step, "type") == "ByteLevel" && step.value("add_prefix_space", true))
      fail("{}: tokenizer.json puts a space before a text (add_prefix_space), which byte-level GGUFs do not",
           vocabulary.path);
  out.text("tokenizer.ggml.model", "gpt2");
  out.text("tokenizer.ggml.pre", pre_name(member(tokenizer, "pre_tokenizer"), vocabulary.path));
  std::vector<std::string> merges;
  for (const Json& merge : member(member(tokenizer, "model"), "merges")) {
    const auto [a, b] = merge_of(merge, vocabulary.path);
    merges.push_back(a + " " + b);
  }
  out.texts("tokenizer.ggml.merges", merges);
}

// Whether a space stands before every text; throws for what is neither that nor SentencePiece's writing of spaces.
bool has_space_prefix(const Json& tokenizer, const std::string& path) {
  bool prefix = false;
  for (const Json& step : steps_of(member(tokenizer, "normalizer"))) {
    const std::string type = text_of(step, "type");
    if (type == "Prepend")
      prefix = true;
    else if (type != "Replace" || text_of(step, "content") != "\u2581")
      fail("{}: tokenizer.json normalises text ({}), which a GGUF cannot say", path, step.dump().substr(0, 80));
  }
  for (const Json& step : steps_of(member(tokenizer, "pre_tokenizer"))) {
    if (text_of(step, "type") != "Metaspace")
      fail("{}: tokenizer.json cuts text ({}) as no SentencePiece GGUF does", path, step.dump().substr(0, 80));
    const std::string scheme = text_of(step, "prepend_scheme");
    prefix = prefix || (scheme.empty() ? step.value("add_prefix_space", true) : scheme != "never");
  }
  return prefix;
}

void write_sentencepiece(GgufMetadataWriter& out, Vocabulary& vocabulary, const Json& tokenizer) {
  out.text("tokenizer.ggml.model", "llama");
  out.text("tokenizer.ggml.pre", "default");
  out.flag("tokenizer.ggml.add_space_prefix", has_space_prefix(tokenizer, vocabulary.path));
  // the earlier a merge, the higher the score of what it makes
  std::vector<float> scores(vocabulary.tokens.size());
  float rank = 0;
  for (const Json& merge : member(member(tokenizer, "model"), "merges")) {
    const auto [a, b] = merge_of(merge, vocabulary.path);
    rank++;
    const auto made = vocabulary.ids.find(a + b);
    if (made == vocabulary.ids.end()) fail("{}: tokenizer.json: a merge makes no token: {}", vocabulary.path, a + b);
    if (float& score = scores[static_cast<size_t>(made->second)]; score == 0) score = -rank;
  }
  for (size_t i = 0; i < vocabulary.tokens.size(); i++) {
    const std::string& token = vocabulary.tokens[i];
    if (vocabulary.types[i] == kNormal && token.size() == 6 && token.starts_with("<0x") && token.ends_with(">"))
      vocabulary.types[i] = kByte;
  }
  out.f32s("tokenizer.ggml.scores", scores);
}

// Id of the token that tokenizer_config.json names under `key`, else what `fallbacks` have under `id_key`; -1: none.
int64_t special_id(const ModelFiles& meta, const Vocabulary& vocabulary, const char* key, const char* id_key) {
  const Json config = meta.tokenizer_config;
  const Json& named = member(config, key);
  const std::string token = named.is_object() ? text_of(named, "content") : text_of(config, key);
  if (const auto it = vocabulary.ids.find(token); !token.empty() && it != vocabulary.ids.end()) return it->second;
  for (const auto* source : {&meta.config, &meta.generation_config}) {
    if (!source->is_object() || !source->contains(id_key)) continue;
    const auto& id = (*source)[id_key];
    if (id.is_number_integer()) return id.get<int64_t>();
    if (id.is_array() && !id.empty() && id[0].is_number_integer()) return id[0].get<int64_t>();
  }
  return -1;
}

// Whether the post-processor puts `token` before ('first') or behind a text.
bool adds(const Json& tokenizer, const std::string& token, bool first) {
  if (token.empty()) return false;
  for (const Json& step : steps_of(member(tokenizer, "post_processor"))) {
    const Json& single = member(step, "single");
    if (text_of(step, "type") != "TemplateProcessing" || !single.is_array() || single.empty()) continue;
    if (text_of(member(first ? single.front() : single.back(), "SpecialToken"), "id") == token) return true;
  }
  return false;
}

// bos and eos with whether they are added, pad and unk; further tokens that end a text as eot and eom.
void write_special_ids(GgufMetadataWriter& out, const ModelFiles& meta, const Vocabulary& vocabulary,
                       const Json& tokenizer) {
  const auto put = [&](const char* key, int64_t id) {
    if (id >= 0 && id < static_cast<int64_t>(vocabulary.tokens.size())) out.u32(key, static_cast<uint64_t>(id));
  };
  const int64_t eos = special_id(meta, vocabulary, "eos_token", "eos_token_id");
  for (const auto& [name, id, first] :
       {std::tuple("bos", special_id(meta, vocabulary, "bos_token", "bos_token_id"), true), {"eos", eos, false}}) {
    put(fmt::format("tokenizer.ggml.{}_token_id", name).c_str(), id);
    const std::string token = id >= 0 && id < static_cast<int64_t>(vocabulary.tokens.size())
                                  ? vocabulary.tokens[static_cast<size_t>(id)]
                                  : "";
    const Json asked = member(meta.tokenizer_config, fmt::format("add_{}_token", name).c_str());
    const bool added = asked.is_boolean() ? asked.get<bool>() : adds(tokenizer, token, first);
    out.flag(fmt::format("tokenizer.ggml.add_{}_token", name), added && !token.empty());
  }
  put("tokenizer.ggml.padding_token_id", special_id(meta, vocabulary, "pad_token", "pad_token_id"));
  put("tokenizer.ggml.unknown_token_id", special_id(meta, vocabulary, "unk_token", "unk_token_id"));
  const Json generation = meta.generation_config;
  const char* further[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  size_t next = 0;
  if (const Json& ends = member(generation, "eos_token_id"); ends.is_array())
    for (const Json& id : ends)
      if (id.is_number_integer() && id != eos && next < std::size(further)) put(further[next++], id.get<int64_t>());
}

Vocabulary read_vocabulary(const Json& tokenizer, const std::string& path, int64_t rows) {
  const Json& model = member(tokenizer, "model");
  if (text_of(model, "type") != "BPE")
    fail("{}: tokenizer.json holds a {} model; BPE can be written as GGUF", path,
         member(model, "type").dump().substr(0, 80));
  if (rows > kMostTokens) fail("{}: a vocabulary of {} is beyond {}", path, rows, kMostTokens);
  Vocabulary out{path,
                 std::vector<std::string>(static_cast<size_t>(rows)),
                 std::vector<int32_t>(static_cast<size_t>(rows), kUnused),
                 {}};
  const std::string unknown = text_of(model, "unk_token");
  for (const auto& [token, id] : member(model, "vocab").items()) out.put(token, id, kNormal);
  for (const Json& added : member(tokenizer, "added_tokens")) {
    const std::string token = text_of(added, "content");
    const bool special = is_true(added, "special");
    out.put(token, member(added, "id"), token == unknown ? kUnknown : special ? kControl : kUserDefined);
  }
  for (size_t i = 0; i < out.tokens.size(); i++)
    if (out.types[i] == kUnused) out.tokens[i] = fmt::format("[PAD{}]", i);  // as llama.cpp's converter fills up
  return out;
}

bool is_byte_level(const Json& tokenizer) {
  const auto steps = steps_of(member(tokenizer, "pre_tokenizer"));
  return std::any_of(steps.begin(), steps.end(), [](const Json& s) { return text_of(s, "type") == "ByteLevel"; });
}

void write_from_json(GgufMetadataWriter& out, const ModelFiles& meta, int64_t rows) {
  const Json tokenizer = parse_checked_json(meta.tokenizer_json, meta.path + ": tokenizer.json", kMostValues);
  Vocabulary vocabulary = read_vocabulary(tokenizer, meta.path, rows);
  if (is_byte_level(tokenizer))
    write_byte_level(out, vocabulary, tokenizer);
  else
    write_sentencepiece(out, vocabulary, tokenizer);
  out.texts("tokenizer.ggml.tokens", vocabulary.tokens);
  out.i32s("tokenizer.ggml.token_type", vocabulary.types);
  write_special_ids(out, meta, vocabulary, tokenizer);
}

}  // namespace

void write_gguf_vocabulary(GgufMetadataWriter& out, const ModelFiles& meta, int64_t rows) {
  if (!meta.chat_template.empty()) out.text("tokenizer.chat_template", meta.chat_template);
  if (meta.tokenizer_json.empty()) return out.text("tokenizer.ggml.model", "none");
  if (meta.gguf == nullptr) return write_from_json(out, meta, rows);
  for (const auto& [key, value] : meta.gguf->header().metadata)
    if (key.starts_with("tokenizer.")) out.value(key, value);
}

}  // namespace r1
