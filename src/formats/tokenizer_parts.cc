#include "formats/tokenizer_parts.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/error.h"

namespace r1 {

using Json = nlohmann::ordered_json;

Json byte_level_json(bool use_regex, bool prefix_space) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json split_json(const std::string& regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json pre_tokenizers_json(Json steps) { return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}; }

Json qwen2_cut_json(bool prefix_space) {
  return pre_tokenizers_json(
      {split_json(
           R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
       byte_level_json(false, prefix_space)});
}

Json bpe_model_json() {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false}};
}

Json byte_level_decoder_json() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
}

Json borders_json(const BorderToken& first, const BorderToken& last) {
  if (first.content.empty() && last.content.empty())
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  Json single = Json::array(), pair = Json::array(), special = Json::object();
  const auto sequence_of = [](const char* id, int type) { return Json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  const auto add = [&](const BorderToken& token) {
    if (token.content.empty()) return;
    const Json one = {{"SpecialToken", {{"id", token.content}, {"type_id", 0}}}};
    single.push_back(one), pair.push_back(one);
    special[token.content] = {{"id", token.content}, {"ids", {token.id}}, {"tokens", {token.content}}};
  };
  add(first);
  single.push_back(sequence_of("A", 0)), pair.push_back(sequence_of("A", 0));
  add(last);
  pair.push_back(sequence_of("B", 1));
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

Json sentencepiece_json(const SentencePieceOptions& o) {
  constexpr const char* kSpace = "\u2581";
  const auto replace = [](const char* kind, const char* pattern, const char* content) {
    return Json{{"type", "Replace"}, {"pattern", {{kind, pattern}}}, {"content", content}};
  };
  Json steps = Json::array(), decoders = Json::array();
  if (o.merge_spaces) {
    steps.push_back(replace("Regex", R"(\A +| +\z)", ""));
    steps.push_back(replace("Regex", " {2,}", " "));
  }
  if (o.prefix && o.each_stretch) steps.push_back({{"type", "Prepend"}, {"prepend", o.escape ? kSpace : " "}});
  if (o.escape) steps.push_back(replace("String", " ", kSpace));
  if (o.escape && o.merge_spaces) steps.push_back(replace("Regex", "\u2581+\\z", ""));  // those of the text itself too
  decoders.push_back(replace("String", kSpace, " "));
  if (o.byte_fallback) decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (o.prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  Json cut;
  if (o.prefix && !o.each_stretch)
    cut = {{"type", "Metaspace"}, {"replacement", kSpace}, {"prepend_scheme", "first"}, {"split", false}};
  Json model = bpe_model_json();
  model["fuse_unk"] = true;
  model["byte_fallback"] = o.byte_fallback;
  if (!o.unknown.empty()) model["unk_token"] = o.unknown;
  Json normalizer;
  if (!steps.empty()) normalizer = {{"type", "Sequence"}, {"normalizers", steps}};
  return {{"normalizer", normalizer},
          {"pre_tokenizer", cut},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model", std::move(model)}};
}

Json merges_of_scores(const std::vector<std::string>& tokens, const std::vector<double>& scores,
                      const std::function<bool(size_t)>& is_part, const std::string& what) {
  constexpr size_t kLongest = 512;  // bytes of a token that is taken apart
  std::unordered_set<std::string_view> parts;
  std::vector<size_t> whole;
  for (size_t i = 0; i < tokens.size(); i++) {
    if (!std::isfinite(scores[i])) fail("{}: token {} has the score {}", what, i, scores[i]);
    if (!is_part(i)) continue;
    if (tokens[i].size() > kLongest) fail("{}: token {} has {} bytes, at most {}", what, i, tokens[i].size(), kLongest);
    parts.insert(tokens[i]);
    whole.push_back(i);
  }
  std::stable_sort(whole.begin(), whole.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  Json merges = Json::array();
  for (size_t i : whole)
    for (size_t cut = 1; cut < tokens[i].size(); cut++) {
      const std::string_view left = std::string_view(tokens[i]).substr(0, cut),
                             right = std::string_view(tokens[i]).substr(cut);
      if (parts.contains(left) && parts.contains(right)) merges.push_back({std::string(left), std::string(right)});
    }
  return merges;
}

}  // namespace r1
