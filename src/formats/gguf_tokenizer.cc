// A GGUF vocabulary as tokenizer.json and tokenizer_config.json, so that there is one tokenizer to load and to write.
#include <unordered_set>

#include "formats/gguf.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}
Json split(const char* regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}

constexpr double kUnknown = 2, kControl = 3, kUserDefined = 4;  // token types

Json added_tokens(const GgufHeader& h, const GgufValue::Strings& tokens) {
  Json out = Json::array();
  const GgufValue::Numbers* types = h.numbers("tokenizer.ggml.token_type");
  if (types == nullptr) return out;
  if (types->size() != tokens.size()) fail("{}: {} token types for {} tokens", h.file, types->size(), tokens.size());
  for (size_t i = 0; i < tokens.size(); i++) {
    const double type = (*types)[i];
    if (type != kControl && type != kUserDefined && type != kUnknown) continue;
    out.push_back({{"id", i},
                   {"content", tokens[i]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", type != kUserDefined}});
  }
  return out;
}

const GgufValue::Strings* vocabulary(const GgufHeader& h) {
  const GgufValue::Strings* tokens = h.strings("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->empty()) return nullptr;
  if (const std::string model = h.text("tokenizer.ggml.model", ""); model != "gpt2")
    fail("{}: tokenizer.ggml.model is \"{}\"; byte-level BPE (gpt2) is supported", h.file, model);
  return tokens;
}

std::string token_at(const GgufHeader& h, const std::string& key) {
  const GgufValue::Strings* tokens = h.strings("tokenizer.ggml.tokens");
  if (tokens == nullptr || !h.metadata.contains(key)) return "";
  return (*tokens)[static_cast<size_t>(h.whole(key, 0, 0, static_cast<int64_t>(tokens->size()) - 1))];
}

Json post_processor(const GgufHeader& h) {
  const std::string bos = token_at(h, "tokenizer.ggml.bos_token_id");
  if (!h.flag("tokenizer.ggml.add_bos_token", false) || bos.empty())
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  const Json token = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}},
             a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, b = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {
      {"type", "TemplateProcessing"},
      {"single", {token, a}},
      {"pair", {token, a, b}},
      {"special_tokens",
       {{bos, {{"id", bos}, {"ids", {h.whole("tokenizer.ggml.bos_token_id", 0, 0, INT32_MAX)}}, {"tokens", {bos}}}}}}};
}

}  // namespace

Json gguf_pre_tokenizer(const std::string& pre) {
  if (pre == "gpt-2") return byte_level(true);
  if (pre == "default")  // what llama.cpp does with a vocabulary that does not name its kind
    return {{"type", "Sequence"},
            {"pretokenizers",
             {split(R"([\p{P}\$\+<=>\^~\|]+)"),
              split(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))"), split(R"(\p{N}+)"),
              split("[0-9][0-9][0-9]"), byte_level(false)}}};
  if (pre == "smollm")
    return {{"type", "Sequence"},
            {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)}}};
  if (pre == "qwen2" || pre == "deepseek-r1-qwen")
    return {
        {"type", "Sequence"},
        {"pretokenizers",
         {split(
              R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
          byte_level(false)}}};
  return nullptr;
}

std::string gguf_tokenizer_json(const GgufHeader& h) {
  const GgufValue::Strings* tokens = vocabulary(h);
  if (tokens == nullptr) return "";
  const GgufValue::Strings* merges = h.strings("tokenizer.ggml.merges");
  if (merges == nullptr) fail("{}: metadata key tokenizer.ggml.merges is missing", h.file);
  const std::string pre = h.text("tokenizer.ggml.pre", "default");
  const Json cut = gguf_pre_tokenizer(pre);
  if (cut.is_null()) fail("{}: tokenizer.ggml.pre is \"{}\"; expected smollm, gpt-2, qwen2 or default", h.file, pre);
  Json vocab = Json::object();
  std::unordered_set<std::string_view> seen;
  auto& pairs = vocab.get_ref<Json::object_t&>();
  for (size_t i = 0; i < tokens->size(); i++) {
    if (!valid_utf8((*tokens)[i])) fail("{}: token {} is not valid UTF-8", h.file, i);
    if (!seen.insert((*tokens)[i]).second) fail("{}: token {} (\"{}\") appears twice", h.file, i, (*tokens)[i]);
    pairs.push_back({(*tokens)[i], i});  // not operator[]: ordered_json looks every key up from the start
  }
  for (const std::string& m : *merges)
    if (!valid_utf8(m)) fail("{}: a merge is not valid UTF-8", h.file);
  const Json json = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens(h, *tokens)},
      {"normalizer", nullptr},
      {"pre_tokenizer", cut},
      {"post_processor", post_processor(h)},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", std::move(vocab)},
        {"merges", *merges}}}};
  return json.dump();
}

Json gguf_tokenizer_config(const GgufHeader& h) {
  if (vocabulary(h) == nullptr) return nullptr;
  Json c = {{"tokenizer_class", "PreTrainedTokenizerFast"},
            {"add_prefix_space", false},
            {"clean_up_tokenization_spaces", false}};
  for (const auto& [key, name] : {std::pair("tokenizer.ggml.bos_token_id", "bos_token"),
                                  {"tokenizer.ggml.eos_token_id", "eos_token"},
                                  {"tokenizer.ggml.padding_token_id", "pad_token"},
                                  {"tokenizer.ggml.unknown_token_id", "unk_token"}})
    if (const std::string token = token_at(h, key); !token.empty()) c[name] = token;
  const std::string architecture = h.text("general.architecture", "");
  if (const int64_t context = h.whole(architecture + ".context_length", 0, 0, INT32_MAX); context > 0)
    c["model_max_length"] = context;
  if (const std::string chat = h.text("tokenizer.chat_template", ""); !chat.empty()) c["chat_template"] = chat;
  return c;
}

}  // namespace r1
