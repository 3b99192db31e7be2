#include "formats/older_tokenizer.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/bytes.h"
#include "formats/checked_json.h"
#include "formats/sentencepiece.h"
#include "formats/tokenizer_parts.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr int64_t kMostIds = 1 << 20;
constexpr size_t kMostMerges = size_t{1} << 21;
constexpr uint64_t kMostBytes = 256u << 20;

bool is_true(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_boolean() && json[key].get<bool>();
}

// The tokens so far, by id and by spelling, and those of them that are found in text before it is cut.
struct Tokens {
  std::map<int64_t, std::string> by_id;
  std::map<std::string, int64_t> ids;
  std::map<int64_t, Json> added;
  std::string file;

  int64_t next_id() const { return by_id.empty() ? 0 : by_id.rbegin()->first + 1; }
  void put(const std::string& token, int64_t id) {
    if (id < 0 || id >= kMostIds) fail("{}: token \"{}\" has id {}, expected 0 .. {}", file, token, id, kMostIds - 1);
    if (!by_id.emplace(id, token).second)
      fail("{}: id {} is given to \"{}\" and to \"{}\"", file, id, by_id[id], token);
    if (!ids.emplace(token, id).second)
      fail("{}: token \"{}\" is given the ids {} and {}", file, token, ids[token], id);
  }
  int64_t id_of(const std::string& token) const {
    const auto it = ids.find(token);
    return it == ids.end() ? -1 : it->second;
  }
  // `flags`: those that are given; `token` gets an id of its own where it has none.
  void add(const std::string& token, const Json& flags, bool special) {
    if (id_of(token) < 0) put(token, next_id());
    const int64_t id = id_of(token);
    special = special || is_true(flags, "special") || (added.contains(id) && added[id]["special"].get<bool>());
    Json entry = {{"id", id}, {"content", token}};
    for (const char* key : {"single_word", "lstrip", "rstrip", "normalized"})
      entry[key] = flags.is_object() && flags.contains(key) && flags[key].is_boolean()
                       ? flags[key].get<bool>()
                       : std::string_view(key) == "normalized" && !special;
    entry["special"] = special;
    if (!added.contains(id) || flags.is_object()) added[id] = entry;
    added[id]["special"] = special;
  }
};

std::string content_of(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  return token.is_object() && token.contains("content") && token["content"].is_string()
             ? token["content"].get<std::string>()
             : "";
}

// The key of an added_tokens_decoder's entry.
int64_t id_of_text(const std::string& id, const Json& entry, const std::string& file) {
  const bool number = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
  if (!number || content_of(entry).empty())
    fail("{}: added_tokens_decoder: \"{}\": {}, expected an id and its token", file, id, entry.dump());
  return std::stoll(id);
}

class Folder {
 public:
  explicit Folder(const std::string& folder)
      : folder_(folder),
        model_(parse("config.json")),
        config_(parse("tokenizer_config.json")),
        special_map_(parse("special_tokens_map.json")) {}

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  bool has(const char* name) const { return std::filesystem::exists(path(name)); }
  std::string text(const char* name) const { return read_text_file(path(name), kMostBytes); }
  const Json& config() const { return config_; }  // tokenizer_config.json; empty when there is none

  // bos_token and the like; `otherwise` where no file says which, "" where one says none.
  std::string named(const char* key, const std::string& otherwise) const {
    for (const Json* source : {&config_, &special_map_})
      if (source->contains(key)) return content_of((*source)[key]);
    return otherwise;
  }
  bool flag(const char* key, bool otherwise) const {
    return config_.contains(key) && config_[key].is_boolean() ? config_[key].get<bool>() : otherwise;
  }

  // Everything that is found whole in text: what the files list, then special tokens that they only name.
  void add_all(Tokens& tokens, const std::map<std::string, std::string>& otherwise) const {
    if (config_.contains("added_tokens_decoder"))
      for (const auto& [id, entry] : config_["added_tokens_decoder"].items()) add_listed(tokens, id, entry);
    else if (has("added_tokens.json"))
      add_by_name(tokens);
    for (const char* key :
         {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
      const auto it = otherwise.find(key);
      const std::string token = named(key, it == otherwise.end() ? "" : it->second);
      if (!token.empty()) tokens.add(token, Json(), true);
    }
    for (const Json* source : {&config_, &special_map_})
      if (source->contains("additional_special_tokens"))
        for (const Json& token : (*source)["additional_special_tokens"])
          if (!content_of(token).empty()) tokens.add(content_of(token), token, true);
  }

  // What tokenizer_class or, where it names none, model_type says.
  std::string kind() const {
    std::string name = content_of(config_.value("tokenizer_class", Json()));
    if (name.ends_with("Fast")) name.resize(name.size() - 4);
    if (!name.empty() && name != "PreTrainedTokenizer") return name;
    const std::string type = content_of(model_.value("model_type", Json()));
    if (type.empty() || type == "gpt2") return "GPT2Tokenizer";
    return type.starts_with("qwen2") || type.starts_with("qwen3") ? "Qwen2Tokenizer" : type;
  }

  Json borders(const Tokens& tokens, bool begins, const std::string& bos, const std::string& eos) const {
    const auto border = [&](const char* key, bool otherwise, const std::string& token) {
      return flag(key, otherwise) && !token.empty() ? BorderToken{token, tokens.id_of(token)} : BorderToken();
    };
    return borders_json(border("add_bos_token", begins, bos), border("add_eos_token", false, eos));
  }

 private:
  void add_listed(Tokens& tokens, const std::string& id, const Json& entry) const {
    const std::string content = content_of(entry);
    const int64_t number = id_of_text(id, entry, path("tokenizer_config.json"));
    if (tokens.id_of(content) < 0) tokens.put(content, number);
    tokens.add(content, entry, false);
  }
  // added_tokens.json: {"<|im_end|>": 151645}
  void add_by_name(Tokens& tokens) const {
    const Json list = parse("added_tokens.json");
    for (const auto& [token, id] : list.items()) {
      if (!id.is_number_integer() || token.empty())
        fail("{}: \"{}\": {}, expected a token and its id", path("added_tokens.json"), token, id.dump());
      if (tokens.id_of(token) < 0) tokens.put(token, id.get<int64_t>());
      tokens.add(token, Json(), false);
    }
  }

  Json parse(const char* name) const {
    if (!has(name)) return Json::object();
    Json json = parse_ordered_json(text(name), path(name));
    if (!json.is_object()) fail("{}: holds {}, expected an object", path(name), json.type_name());
    return json;
  }

  const std::string folder_;
  const Json model_, config_, special_map_;
};

Json vocabulary_json(const Tokens& tokens) {
  Json vocab = Json::object();
  auto& pairs = vocab.get_ref<Json::object_t&>();
  for (const auto& [id, token] : tokens.by_id) pairs.push_back({token, id});  // operator[] looks every key up
  return vocab;
}

std::string finished(const Json& parts, const Tokens& tokens) {
  Json added = Json::array();
  for (const auto& [id, entry] : tokens.added) added.push_back(entry);
  Json json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added}};
  json.update(parts);
  return json.dump();
}

Json read_merges(const std::string& text, const std::string& file) {
  if (!valid_utf8(text)) fail("{} is not valid UTF-8", file);
  Json merges = Json::array();
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string one = text.substr(at, end - at);
    at = end + 1;
    line++;
    if (one.ends_with('\r')) one.pop_back();
    if (one.empty() || one.starts_with("#version")) continue;
    const size_t space = one.find(' ');
    if (space == 0 || space == std::string::npos || space + 1 == one.size() || one.find(' ', space + 1) != one.npos)
      fail("{}: line {}: \"{}\", expected two tokens with a space between", file, line, one);
    if (merges.size() >= kMostMerges) fail("{}: more than {} merges", file, kMostMerges);
    merges.push_back({one.substr(0, space), one.substr(space + 1)});
  }
  return merges;
}

std::string byte_level_tokenizer(const Folder& folder) {
  const std::string kind = folder.kind();
  const bool qwen2 = kind == "Qwen2Tokenizer";
  if (!qwen2 && kind != "GPT2Tokenizer")
    fail(
        "{}: is of {}; without a tokenizer.json those of GPT2Tokenizer and Qwen2Tokenizer are read. Write one in "
        "Python: transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)",
        folder.path("vocab.json"), kind);
  Tokens tokens;
  tokens.file = folder.path("vocab.json");
  const auto vocabulary = parse_checked_json(folder.text("vocab.json"), tokens.file);
  if (!vocabulary.is_object()) fail("{}: holds {}, expected an object", tokens.file, vocabulary.type_name());
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_integer() || token.empty())
      fail("{}: \"{}\": {}, expected a token and its id", tokens.file, token, id.dump());
    tokens.put(token, id.get<int64_t>());
  }
  Json model = bpe_model_json();
  model["vocab"] = vocabulary_json(tokens);
  model["merges"] = read_merges(folder.text("merges.txt"), folder.path("merges.txt"));
  std::map<std::string, std::string> otherwise;
  for (const char* key : {"eos_token", "unk_token", qwen2 ? "pad_token" : "bos_token"})
    otherwise[key] = "<|endoftext|>";
  folder.add_all(tokens, otherwise);
  const bool prefix_space = folder.flag("add_prefix_space", false);
  Json parts = {{"normalizer", nullptr},
                {"pre_tokenizer", qwen2 ? qwen2_cut_json(prefix_space) : byte_level_json(true, prefix_space)},
                {"post_processor", folder.borders(tokens, false, folder.named("bos_token", otherwise["bos_token"]),
                                                  folder.named("eos_token", otherwise["eos_token"]))},
                {"decoder", byte_level_decoder_json()},
                {"model", std::move(model)}};
  if (qwen2) parts["normalizer"] = {{"type", "NFC"}};
  return finished(parts, tokens);
}

// User-defined pieces stay whole and are merged with nothing: cut out by a pattern, the longest first.
Json with_whole_pieces(const Json& cut, const SentencePieceModel& model) {
  std::vector<std::string> pieces;
  for (size_t i = 0; i < model.pieces.size(); i++)
    if (model.types[i] == SentencePieceModel::user_defined) pieces.push_back(model.pieces[i]);
  if (pieces.empty()) return cut;
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::string pattern;
  for (const std::string& piece : pieces) {
    if (!pattern.empty()) pattern += '|';
    for (const char c : piece) {
      if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0) pattern += '\\';
      pattern += c;
    }
  }
  Json steps = Json::array();
  if (!cut.is_null()) steps.push_back(cut);
  steps.push_back(split_json(pattern));
  return pre_tokenizers_json(std::move(steps));
}

// Pieces that added_tokens_decoder gives another name have it from there on.
void rename_pieces(const Json& tokenizer_config, SentencePieceModel& model) {
  const Json names = tokenizer_config.value("added_tokens_decoder", Json::object());
  const std::set<std::string> known(model.pieces.begin(), model.pieces.end());
  for (size_t i = 0; i < model.pieces.size(); i++) {
    const auto it = names.find(std::to_string(i));
    if (it != names.end() && !content_of(*it).empty() && !known.contains(content_of(*it)))
      model.pieces[i] = content_of(*it);
  }
}

std::string sentencepiece_tokenizer(const Folder& folder) {
  Tokens tokens;
  tokens.file = folder.path("tokenizer.model");
  SentencePieceModel model = parse_sentencepiece(folder.text("tokenizer.model"), tokens.file);
  rename_pieces(folder.config(), model);
  for (size_t i = 0; i < model.pieces.size(); i++) tokens.put(model.pieces[i], static_cast<int64_t>(i));
  const Json vocabulary = vocabulary_json(tokens);
  const std::map<std::string, std::string> otherwise = {{"bos_token", model.piece_at(model.bos_id)},
                                                        {"eos_token", model.piece_at(model.eos_id)},
                                                        {"unk_token", model.piece_at(model.unk_id)}};
  for (size_t i = 0; i < model.pieces.size(); i++)
    if (model.types[i] == SentencePieceModel::control || model.types[i] == SentencePieceModel::unknown)
      tokens.add(model.pieces[i], Json(), true);
  folder.add_all(tokens, otherwise);
  for (auto& [id, entry] : tokens.added) entry["normalized"] = false;  // before spaces become U+2581
  Json parts = sentencepiece_json({.prefix = model.add_dummy_prefix && folder.flag("add_prefix_space", true),
                                   .each_stretch = folder.flag("legacy", true),
                                   .byte_fallback = model.byte_fallback,
                                   .escape = model.escape_whitespaces,
                                   .merge_spaces = model.remove_extra_whitespaces,
                                   .unknown = model.piece_at(model.unk_id)});
  parts["post_processor"] = folder.borders(tokens, true, folder.named("bos_token", otherwise.at("bos_token")),
                                           folder.named("eos_token", otherwise.at("eos_token")));
  const Json cut = with_whole_pieces(parts["pre_tokenizer"], model);
  parts["model"]["ignore_merges"] = cut != parts["pre_tokenizer"];
  parts["pre_tokenizer"] = cut;
  const auto is_part = [&](size_t i) { return model.types[i] == SentencePieceModel::normal; };
  parts["model"]["vocab"] = vocabulary;
  parts["model"]["merges"] = merges_of_scores(model.pieces, model.scores, is_part, tokens.file);
  return finished(parts, tokens);
}

}  // namespace

std::string older_tokenizer_json(const std::string& path) {
  const auto has = [&](const char* name) { return std::filesystem::exists(path + "/" + name); };
  const bool bytes = has("vocab.json") && has("merges.txt"), pieces = has("tokenizer.model");
  if (!bytes && !pieces) return "";
  const Folder folder(path);
  const std::string kind = folder.kind();
  const bool of_bytes = kind == "GPT2Tokenizer" || kind == "Qwen2Tokenizer";
  return bytes && (!pieces || of_bytes) ? byte_level_tokenizer(folder) : sentencepiece_tokenizer(folder);
}

}  // namespace r1
