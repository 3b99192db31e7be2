// A GGUF vocabulary as tokenizer.json and tokenizer_config.json, so that there is one tokenizer to load and to write.
#include <unordered_set>

#include "formats/gguf.h"
#include "formats/tokenizer_parts.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

Json cut_by(std::initializer_list<const char*> patterns) {
  Json steps = Json::array();
  for (const char* pattern : patterns) steps.push_back(split_json(pattern));
  steps.push_back(byte_level_json(false));
  return pre_tokenizers_json(std::move(steps));
}

// The letters that DeepSeek-LLM takes for such: cased ones, each script's range by range.
constexpr const char* kCased =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1f7d}ᾀ-ᾴᾶ-ᾼ\x{1fbe}ῂ-ῄῆ-ῌῐ-\x{1fd3}ῖ-\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212a}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr const char* kHanAndHangul = "[一-龥ࠀ-一가-퟿]+";

bool is_llama3(const std::string& pre) { return pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3"; }

// tokenizer.ggml.pre -> how text is cut before merging; null for a name nobody knows.
Json pre_tokenizer(const std::string& pre) {
  if (pre == "gpt-2") return byte_level_json(true);
  if (pre == "default")  // what llama.cpp does with a vocabulary that does not name its kind
    return cut_by({R"([\p{P}\$\+<=>\^~\|]+)",
                   R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))", R"(\p{N}+)",
                   "[0-9][0-9][0-9]"});
  if (pre == "smollm" || pre == "refact" || pre == "starcoder" || pre == "command-r")
    return pre_tokenizers_json({{{"type", "Digits"}, {"individual_digits", true}}, byte_level_json(true)});
  if (pre == "qwen2" || pre == "deepseek-r1-qwen") return qwen2_cut_json();
  if (is_llama3(pre))
    return cut_by(
        {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"});
  if (pre == "deepseek-llm")
    return cut_by({"[\r\n]", kCased, R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", kHanAndHangul, R"(\p{N}+)"});
  if (pre == "deepseek-coder") return cut_by({"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kHanAndHangul, R"(\p{N})"});
  if (pre == "deepseek-v3")
    return cut_by({R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+",
                   "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
                   "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"});
  return nullptr;
}

constexpr double kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4;  // token types

bool is_sentencepiece(const GgufHeader& h) { return h.text("tokenizer.ggml.model", "") == "llama"; }

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
  if (const std::string model = h.text("tokenizer.ggml.model", ""); model != "gpt2" && model != "llama")
    fail("{}: tokenizer.ggml.model is \"{}\"; byte-level BPE (gpt2) and SentencePiece's BPE (llama) are supported",
         h.file, model);
  return tokens;
}

std::string token_at(const GgufHeader& h, const std::string& key) {
  const GgufValue::Strings* tokens = h.strings("tokenizer.ggml.tokens");
  if (tokens == nullptr || !h.metadata.contains(key)) return "";
  return (*tokens)[static_cast<size_t>(h.whole(key, 0, 0, static_cast<int64_t>(tokens->size()) - 1))];
}

// What is put before and after a text; llama.cpp's defaults where the file says nothing.
Json post_processor(const GgufHeader& h) {
  const bool begins = is_sentencepiece(h) || is_llama3(h.text("tokenizer.ggml.pre", ""));
  const auto border = [&](const char* flag, bool otherwise, const char* key) {
    const std::string content = h.flag(flag, otherwise) ? token_at(h, key) : "";
    return content.empty() ? BorderToken() : BorderToken{content, h.whole(key, 0, 0, INT32_MAX)};
  };
  return borders_json(border("tokenizer.ggml.add_bos_token", begins, "tokenizer.ggml.bos_token_id"),
                      border("tokenizer.ggml.add_eos_token", false, "tokenizer.ggml.eos_token_id"));
}

Json merges_by_score(const GgufHeader& h, const GgufValue::Strings& tokens) {
  const GgufValue::Numbers* scores = h.numbers("tokenizer.ggml.scores");
  const GgufValue::Numbers* types = h.numbers("tokenizer.ggml.token_type");
  if (scores == nullptr || scores->size() != tokens.size())
    fail("{}: tokenizer.ggml.scores: {} for {} tokens", h.file, scores == nullptr ? 0 : scores->size(), tokens.size());
  const auto is_part = [&](size_t i) {
    return types == nullptr || (*types)[i] == kNormal || (*types)[i] == kUserDefined;
  };
  return merges_of_scores(tokens, *scores, is_part, h.file);
}

Json vocabulary_json(const GgufHeader& h, const GgufValue::Strings& tokens) {
  Json vocab = Json::object();
  std::unordered_set<std::string_view> seen;
  auto& pairs = vocab.get_ref<Json::object_t&>();
  for (size_t i = 0; i < tokens.size(); i++) {
    if (!valid_utf8(tokens[i])) fail("{}: token {} is not valid UTF-8", h.file, i);
    if (!seen.insert(tokens[i]).second) fail("{}: token {} (\"{}\") appears twice", h.file, i, tokens[i]);
    pairs.push_back({tokens[i], i});  // not operator[]: ordered_json looks every key up from the start
  }
  return vocab;
}

Json byte_level_parts(const GgufHeader& h) {
  const GgufValue::Strings* merges = h.strings("tokenizer.ggml.merges");
  if (merges == nullptr) fail("{}: metadata key tokenizer.ggml.merges is missing", h.file);
  for (const std::string& m : *merges)
    if (!valid_utf8(m)) fail("{}: a merge is not valid UTF-8", h.file);
  const std::string pre = h.text("tokenizer.ggml.pre", "default");
  const Json cut = pre_tokenizer(pre);
  if (cut.is_null())
    fail(
        "{}: tokenizer.ggml.pre is \"{}\"; expected gpt-2, smollm, qwen2, deepseek-r1-qwen, llama-bpe, deepseek-llm, "
        "deepseek-coder, deepseek-v3, refact, starcoder, command-r or default",
        h.file, pre);
  Json model = bpe_model_json();
  model["ignore_merges"] = is_llama3(pre);
  model["merges"] = *merges;
  return {{"normalizer", nullptr},
          {"pre_tokenizer", cut},
          {"decoder", byte_level_decoder_json()},
          {"model", std::move(model)}};
}

Json sentencepiece_parts(const GgufHeader& h, const GgufValue::Strings& tokens) {
  Json parts = sentencepiece_json({.prefix = h.flag("tokenizer.ggml.add_space_prefix", true),
                                   .unknown = token_at(h, "tokenizer.ggml.unknown_token_id")});
  parts["model"]["merges"] = merges_by_score(h, tokens);
  return parts;
}

}  // namespace

Json gguf_pre_tokenizer(const std::string& pre) { return pre_tokenizer(pre); }

std::string gguf_tokenizer_json(const GgufHeader& h) {
  const GgufValue::Strings* tokens = vocabulary(h);
  if (tokens == nullptr) return "";
  Json vocab = vocabulary_json(h, *tokens);
  Json json = {{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", added_tokens(h, *tokens)},
               {"post_processor", post_processor(h)}};
  json.update(is_sentencepiece(h) ? sentencepiece_parts(h, *tokens) : byte_level_parts(h));
  json["model"]["vocab"] = std::move(vocab);
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
