#include "formats/tokenizer_additions.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "formats/checked_json.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Plain = nlohmann::json;
constexpr std::array kNamedTokens = {"bos_token", "eos_token", "unk_token", "sep_token",
                                     "pad_token", "cls_token", "mask_token"};
constexpr std::array kTokenFlags = {"single_word", "lstrip", "rstrip", "normalized", "special"};
enum TokenFlag : size_t { kNormalized = 3, kSpecial = 4 };
// Models that speak have 65,536 of them for sounds; each takes a thousand bytes while it is read.
constexpr size_t kMostAddedTokens = 1 << 17;

struct FlaggedToken {
  std::string content;
  std::array<bool, kTokenFlags.size()> flags{};
};

// A token as a text or as an object with its flags; "" for neither.
template <typename AnyJson>
std::string spelling_of(const AnyJson& token) {
  if (token.is_string()) return token.template get<std::string>();
  if (!token.is_object()) return "";
  const auto content = token.find("content");
  return content != token.end() && content->is_string() ? content->template get<std::string>() : "";
}

// What is not given is false, and `normalized` the contrary of `special`.
template <typename AnyJson>
FlaggedToken whole_token(const AnyJson& token, bool special_unless_given) {
  FlaggedToken out{spelling_of(token)};
  const auto given = [&](const char* flag, bool otherwise) {
    const auto value = token.is_object() ? token.find(flag) : token.end();
    return value != token.end() && value->is_boolean() ? value->template get<bool>() : otherwise;
  };
  for (size_t i = 0; i < out.flags.size(); i++) out.flags[i] = given(kTokenFlags[i], false);
  out.flags[kSpecial] = given("special", special_unless_given && !token.is_object());
  out.flags[kNormalized] = given("normalized", !out.flags[kSpecial]);
  return out;
}

// The tokens the other files want, in the order in which they get ids.
struct Wanted {
  std::vector<FlaggedToken> listed;  // with these flags, whatever tokenizer.json says
  std::vector<FlaggedToken> named;   // only where nothing lists them
};

std::vector<FlaggedToken> listed_by_id(const Json& decoder, const std::string& file) {
  if (!decoder.is_object()) fail("{}: added_tokens_decoder is {}, expected an object", file, decoder.type_name());
  if (decoder.size() > kMostAddedTokens)
    fail("{}: added_tokens_decoder has {} tokens, at most {} are read", file, decoder.size(), kMostAddedTokens);
  std::map<int64_t, FlaggedToken> by_id;
  for (const auto& [id, entry] : decoder.items()) {
    const bool number = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
    if (!number || spelling_of(entry).empty())
      fail("{}: added_tokens_decoder: \"{}\": {}, expected an id and its token", file, id, entry.dump());
    by_id[std::stoll(id)] = whole_token(entry, false);
  }
  std::vector<FlaggedToken> out;
  for (auto& [id, token] : by_id) out.push_back(std::move(token));
  return out;
}

// Tokens with a role are special. Roles of a name of their own, like image_token, come behind the usual ones; lists
// without names last.
std::vector<FlaggedToken> tokens_with_roles(const Json& config) {
  std::vector<FlaggedToken> out;
  const auto add = [&](const Json& token) {
    if (spelling_of(token).empty()) return;
    out.push_back(whole_token(token, true));
    out.back().flags[kSpecial] = true;
  };
  for (const char* name : kNamedTokens)
    if (config.contains(name)) add(config[name]);
  for (const auto& [name, token] : config.items())
    if (name.ends_with("_token") && std::find(kNamedTokens.begin(), kNamedTokens.end(), name) == kNamedTokens.end())
      add(token);
  const Json extra = config.value("extra_special_tokens", Json());
  const char* last = extra.is_structured() && !extra.empty() ? "extra_special_tokens" : "additional_special_tokens";
  if (config.contains(last) && config[last].is_structured())
    for (const Json& token : config[last]) add(token);
  return out;
}

Wanted wanted_tokens(const Json& config, const Json& by_name, const std::string& file) {
  Wanted out;
  if (config.is_object()) out.named = tokens_with_roles(config);
  if (config.is_object() && config.contains("added_tokens_decoder")) {
    out.listed = listed_by_id(config["added_tokens_decoder"], file);
  } else if (by_name.is_object()) {
    std::map<int64_t, FlaggedToken> by_id;
    std::unordered_set<std::string_view> special;
    for (const FlaggedToken& named : out.named) special.insert(named.content);
    for (const auto& [token, id] : by_name.items())
      if (id.is_number_integer() && !token.empty())
        by_id[id.get<int64_t>()] = whole_token(Json(token), special.contains(token));
    std::vector<FlaggedToken> ahead;
    for (auto& [id, token] : by_id) ahead.push_back(std::move(token));
    out.named.insert(out.named.begin(), ahead.begin(), ahead.end());
  }
  return out;
}

// The added tokens of a tokenizer.json as PyPI tokenizers reads them.
class Additions {
 public:
  Additions(const Plain& vocabulary, const Plain& in_file) : vocabulary_(vocabulary), next_(vocabulary.size()) {
    tokens_.reserve(in_file.size());
    for (const Plain& token : in_file) {
      FlaggedToken whole = whole_token(token, false);
      if (!token.is_object() || whole.content.empty()) continue;
      auto at = places_.find(whole.content);
      if (at == places_.end()) at = append(std::move(whole));
      changed_ |= token.value("id", Plain()) != tokens_[at->second].id;
    }
  }
  void add(const Wanted& wanted) {
    for (const FlaggedToken& token : wanted.listed) {
      const auto at = places_.find(token.content);
      if (at == places_.end())
        append_new(token);
      else if (tokens_[at->second].token.flags != token.flags)
        reflag(tokens_[at->second].token, token);
    }
    for (const FlaggedToken& token : wanted.named)
      if (!places_.contains(token.content)) append_new(token);
  }
  bool changed() const { return changed_; }
  Plain json() const {
    Plain out = Plain::array();
    for (const Placed& placed : tokens_) {
      Plain token = {{"content", placed.token.content}, {"id", placed.id}};
      for (size_t i = 0; i < kTokenFlags.size(); i++) token[kTokenFlags[i]] = bool{placed.token.flags[i]};
      out.push_back(std::move(token));
    }
    return out;
  }

 private:
  struct Placed {
    FlaggedToken token;
    Plain id;
  };
  using Places = std::unordered_map<std::string, size_t>;

  Places::iterator append(FlaggedToken token) {
    const auto known = vocabulary_.find(token.content);
    Plain id = known != vocabulary_.end() ? *known : Plain(next_);
    if (known != vocabulary_.end()) {
      if (known->is_number_unsigned()) next_ = std::max(next_, known->get<size_t>() + 1);
    } else {
      next_++;
    }
    const auto place = places_.insert_or_assign(token.content, tokens_.size()).first;
    tokens_.push_back({std::move(token), std::move(id)});
    return place;
  }
  void append_new(const FlaggedToken& token) {
    append(token);
    changed_ = true;
  }
  void reflag(FlaggedToken& token, const FlaggedToken& by) {
    const bool special = token.flags[kSpecial] || by.flags[kSpecial];  // once special, always so
    token.flags = by.flags;
    token.flags[kSpecial] = special;
    changed_ = true;
  }

  const Plain& vocabulary_;
  size_t next_;
  bool changed_ = false;
  std::vector<Placed> tokens_;
  Places places_;
};

// The array behind the first "added_tokens" of the text, empty where there is none. Throws for too many tokens in it.
std::string_view first_added_tokens(std::string_view text, const std::string& file) {
  const size_t key = text.find("\"added_tokens\"");
  const size_t begin = key == std::string_view::npos ? key : text.find_first_not_of(" \t\r\n:", key + 14);
  if (begin == std::string_view::npos || text[begin] != '[') return {};
  bool quoted = false;
  int depth = 0;
  size_t tokens = 0;
  for (size_t at = begin; at < text.size(); at++) {
    if (quoted && text[at] == '\\')
      at++;
    else if (text[at] == '"')
      quoted = !quoted;
    else if (!quoted && (text[at] == '[' || text[at] == '{') && depth++ == 1 && ++tokens > kMostAddedTokens)
      fail("{}: more than {} added tokens, the most that are read", file, kMostAddedTokens);
    else if (!quoted && (text[at] == ']' || text[at] == '}') && --depth == 0)
      return text.substr(begin, at + 1 - begin);
  }
  return {};
}

// A look ahead that spares reading millions of tokens: the array alone, null where it is long itself.
Plain short_added_tokens(std::string_view array) {
  if (array.empty() || array.size() > (size_t{1} << 20)) return {};
  return Plain::parse(array.begin(), array.end(), nullptr, false);
}

// Which ids stand in the text as values, `"KEY": 7`, and which of them behind their token. One walk through the text
// answers it for all: a search for each of DeepSeek's 818 in 8 MB takes many seconds.
class IdsInText {
 public:
  // `tokens`: those asked for, as JSON spells them, by id.
  IdsInText(const std::string& text, const std::unordered_map<int64_t, std::string>& tokens) {
    const auto is_digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    for (size_t at = text.find(':'); at != std::string::npos; at = text.find(':', at + 1)) {
      const size_t begin = at + (at + 1 < text.size() && text[at + 1] == ' ' ? 2 : 1);
      if (at == 0 || text[at - 1] != '"' || !is_digit(begin)) continue;
      int64_t id = 0;
      size_t end = begin;
      for (; is_digit(end) && end < begin + 18; end++) id = id * 10 + (text[end] - '0');
      if (end == text.size() || is_digit(end)) continue;
      if (tokens.contains(id + 1)) values_.insert(id);
      const auto token = tokens.find(id);
      if (token != tokens.end() && std::string_view(text).substr(0, at).ends_with(token->second)) of_tokens_.insert(id);
    }
  }
  bool behind_its_token(int64_t id) const { return of_tokens_.contains(id); }
  bool next_to(int64_t id) const { return values_.contains(id - 1); }  // whether the id before it is there

 private:
  std::unordered_set<int64_t> values_, of_tokens_;
};

// Whether the text has all that is wanted and, as far as a search of it tells, no gap before an added token's id.
bool needs_nothing(const std::string& text, const Wanted& wanted, const std::string& file) {
  const Plain added = short_added_tokens(first_added_tokens(text, file));
  if (!added.is_array()) return false;
  std::unordered_map<int64_t, std::string> spellings;
  for (const Plain& token : added) {
    const std::string spelling = token.is_object() ? spelling_of(token) : "";
    if (spelling.empty() || !token.contains("id") || !token["id"].is_number_integer()) return false;
    const auto id = token["id"].get<int64_t>();
    if (id < 0 || !spellings.emplace(id, Plain(spelling).dump()).second) return false;
  }
  const IdsInText ids(text, spellings);
  std::map<std::string, FlaggedToken> there;
  int64_t before = -1;
  for (const Plain& token : added) {
    const auto id = token["id"].get<int64_t>();
    const bool in_vocabulary = ids.behind_its_token(id);
    if (!in_vocabulary && id != before + 1 && !ids.next_to(id)) return false;
    if (!in_vocabulary) before = id;
    there[spelling_of(token)] = whole_token(token, false);
  }
  const auto is_there = [&](const FlaggedToken& token) { return there.contains(token.content); };
  return std::all_of(wanted.named.begin(), wanted.named.end(), is_there) &&
         std::all_of(wanted.listed.begin(), wanted.listed.end(), [&](const FlaggedToken& token) {
           return is_there(token) && there[token.content].flags == token.flags;
         });
}

}  // namespace

Json with_special_tokens_map(Json config, const Json& map) {
  if (!map.is_object() || (config.is_object() && config.contains("added_tokens_decoder"))) return config;
  if (!config.is_object()) config = Json::object();
  for (const auto& [name, token] : map.items()) {
    config[name] = token;
    if (token.is_object() && token.contains("content")) config[name]["__type"] = "AddedToken";
  }
  return config;
}

Json special_tokens_of(const Json& config) {
  Json out = Json::object();
  if (!config.is_object()) return out;
  for (const auto& [name, token] : config.items())
    if (name.ends_with("_token") && !spelling_of(token).empty()) out[name] = spelling_of(token);
  return out;
}

std::string with_added_tokens(std::string text, const Json& config, const Json& by_name, const std::string& file) {
  Wanted wanted = wanted_tokens(config, by_name, file);
  std::unordered_set<std::string_view> named;
  for (const FlaggedToken& token : wanted.named) named.insert(token.content);
  for (FlaggedToken& token : wanted.listed)
    if (named.contains(token.content)) token.flags[kSpecial] = true;
  if (needs_nothing(text, wanted, file)) return text;
  auto json = parse_checked_json(text, file, size_t{1} << 23);
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) return text;  // not for here to say
  const Plain& vocabulary = json["model"]["vocab"];
  if (!vocabulary.is_object()) return text;
  Plain in_file = Plain::array();
  if (json.contains("added_tokens")) in_file.swap(json["added_tokens"]);
  if (!in_file.is_array()) return text;
  if (in_file.size() > kMostAddedTokens)
    fail("{}: more than {} added tokens, the most that are read", file, kMostAddedTokens);
  Additions additions(vocabulary, in_file);
  in_file = nullptr;
  additions.add(wanted);
  if (!additions.changed()) return text;
  json["added_tokens"] = additions.json();
  return json.dump();
}

}  // namespace r1
