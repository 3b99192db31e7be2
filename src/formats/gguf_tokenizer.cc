// A GGUF vocabulary as tokenizer.json and tokenizer_config.json, so that there is one tokenizer to load and to write.
#include <algorithm>
#include <cmath>
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

Json sequence(Json steps) { return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}; }
Json cut_by(std::initializer_list<const char*> patterns) {
  Json steps = Json::array();
  for (const char* pattern : patterns) steps.push_back(split(pattern));
  steps.push_back(byte_level(false));
  return sequence(std::move(steps));
}

// The letters that DeepSeek-LLM takes for such: cased ones, each script's range by range.
constexpr const char* kCased =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1f7d}ᾀ-ᾴᾶ-ᾼ\x{1fbe}ῂ-ῄῆ-ῌῐ-\x{1fd3}ῖ-\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212a}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr const char* kHanAndHangul = "[一-龥ࠀ-一가-퟿]+";

bool is_llama3(const std::string& pre) { return pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3"; }

// tokenizer.ggml.pre -> how text is cut before merging; null for a name nobody knows.
Json pre_tokenizer(const std::string& pre) {
  if (pre == "gpt-2") return byte_level(true);
  if (pre == "default")  // what llama.cpp does with a vocabulary that does not name its kind
    return cut_by({R"([\p{P}\$\+<=>\^~\|]+)",
                   R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))", R"(\p{N}+)",
                   "[0-9][0-9][0-9]"});
  if (pre == "smollm") return sequence({{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)});
  if (pre == "qwen2" || pre == "deepseek-r1-qwen")
    return cut_by(
        {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"});
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
  const std::string bos = h.flag("tokenizer.ggml.add_bos_token", begins) ? token_at(h, "tokenizer.ggml.bos_token_id")
                                                                         : "",
                    eos =
                        h.flag("tokenizer.ggml.add_eos_token", false) ? token_at(h, "tokenizer.ggml.eos_token_id") : "";
  if (bos.empty() && eos.empty())
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  Json single = Json::array(), pair = Json::array(), special = Json::object();
  const auto sequence_of = [](const char* id, int type) { return Json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  const auto add = [&](const std::string& token, const char* key) {
    if (token.empty()) return;
    const Json one = {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
    single.push_back(one), pair.push_back(one);
    special[token] = {{"id", token}, {"ids", {h.whole(key, 0, 0, INT32_MAX)}}, {"tokens", {token}}};
  };
  add(bos, "tokenizer.ggml.bos_token_id");
  single.push_back(sequence_of("A", 0)), pair.push_back(sequence_of("A", 0));
  add(eos, "tokenizer.ggml.eos_token_id");
  pair.push_back(sequence_of("B", 1));
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

// SentencePiece joins the two neighbours that make the best-scored token. As merges by priority: every way to put a
// token together from two others, by falling score, of equal ones those of the lower token first.
Json merges_of_scores(const GgufHeader& h, const GgufValue::Strings& tokens) {
  const GgufValue::Numbers* scores = h.numbers("tokenizer.ggml.scores");
  const GgufValue::Numbers* types = h.numbers("tokenizer.ggml.token_type");
  if (scores == nullptr || scores->size() != tokens.size())
    fail("{}: tokenizer.ggml.scores: {} for {} tokens", h.file, scores == nullptr ? 0 : scores->size(), tokens.size());
  constexpr size_t kLongest = 512;  // bytes of a token that is taken apart
  std::unordered_set<std::string_view> parts;
  std::vector<size_t> whole;
  for (size_t i = 0; i < tokens.size(); i++) {
    if (!std::isfinite((*scores)[i])) fail("{}: tokenizer.ggml.scores: token {} has {}", h.file, i, (*scores)[i]);
    if (types != nullptr && (*types)[i] != kNormal && (*types)[i] != kUserDefined) continue;
    if (tokens[i].size() > kLongest)
      fail("{}: token {} has {} bytes, at most {}", h.file, i, tokens[i].size(), kLongest);
    parts.insert(tokens[i]);
    whole.push_back(i);
  }
  std::stable_sort(whole.begin(), whole.end(), [&](size_t a, size_t b) { return (*scores)[a] > (*scores)[b]; });
  Json merges = Json::array();
  for (size_t i : whole)
    for (size_t cut = 1; cut < tokens[i].size(); cut++) {
      const std::string_view left = std::string_view(tokens[i]).substr(0, cut),
                             right = std::string_view(tokens[i]).substr(cut);
      if (parts.contains(left) && parts.contains(right)) merges.push_back({std::string(left), std::string(right)});
    }
  return merges;
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

Json bpe_model() {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false}};
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
        "deepseek-coder, deepseek-v3 or default",
        h.file, pre);
  Json model = bpe_model();
  model["ignore_merges"] = is_llama3(pre);
  model["merges"] = *merges;
  return {{"normalizer", nullptr},
          {"pre_tokenizer", cut},
          {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
          {"model", std::move(model)}};
}

// Llama 2's kind: spaces are U+2581, one stands before each stretch of text, what has no token becomes bytes.
Json sentencepiece_parts(const GgufHeader& h, const GgufValue::Strings& tokens) {
  constexpr const char* kSpace = "\u2581";
  const bool prefix = h.flag("tokenizer.ggml.add_space_prefix", true);
  Json steps = Json::array(), decoders = Json::array();
  if (prefix) steps.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}});
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  Json model = bpe_model();
  model["fuse_unk"] = model["byte_fallback"] = true;
  if (const std::string unknown = token_at(h, "tokenizer.ggml.unknown_token_id"); !unknown.empty())
    model["unk_token"] = unknown;
  model["merges"] = merges_of_scores(h, tokens);
  return {{"normalizer", {{"type", "Sequence"}, {"normalizers", steps}}},
          {"pre_tokenizer", nullptr},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model", std::move(model)}};
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
