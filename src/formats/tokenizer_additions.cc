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

// A token as a text or as an object with its flags; "" for neither.
std::string spelling_of(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  return token.is_object() && token.contains("content") && token["content"].is_string()
             ? token["content"].get<std::string>()
             : "";
}

// With all flags; what is not given is false, and `normalized` the contrary of `special`.
Plain whole_token(const Json& token, bool special_unless_given) {
  Plain out = {{"content", spelling_of(token)}};
  const auto given = [&](const char* flag, bool otherwise) {
    return token.is_object() && token.contains(flag) && token[flag].is_boolean() ? token[flag].get<bool>() : otherwise;
  };
  for (const char* flag : kTokenFlags) out[flag] = given(flag, false);
  out["special"] = given("special", special_unless_given && !token.is_object());
  out["normalized"] = given("normalized", !out["special"].get<bool>());
  return out;
}

bool same_flags(const Plain& a, const Plain& b) {
  return std::all_of(kTokenFlags.begin(), kTokenFlags.end(), [&](const char* flag) { return a[flag] == b[flag]; });
}

// The tokens the other files want, in the order in which they get ids.
struct Wanted {
  std::vector<Plain> listed;  // with these flags, whatever tokenizer.json says
  std::vector<Plain> named;   // only where nothing lists them
};

std::vector<Plain> listed_by_id(const Json& decoder, const std::string& file) {
  if (!decoder.is_object()) fail("{}: added_tokens_decoder is {}, expected an object", file, decoder.type_name());
  std::map<int64_t, Plain> by_id;
  for (const auto& [id, entry] : decoder.items()) {
    const bool number = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
    if (!number || spelling_of(entry).empty())
      fail("{}: added_tokens_decoder: \"{}\": {}, expected an id and its token", file, id, entry.dump());
    by_id[std::stoll(id)] = whole_token(entry, false);
  }
  std::vector<Plain> out;
  for (auto& [id, token] : by_id) out.push_back(std::move(token));
  return out;
}

// Tokens with a role are special. Roles of a name of their own, like image_token, come behind the usual ones; lists
// without names last.
std::vector<Plain> tokens_with_roles(const Json& config) {
  std::vector<Plain> out;
  const auto add = [&](const Json& token) {
    if (spelling_of(token).empty()) return;
    out.push_back(whole_token(token, true));
    out.back()["special"] = true;
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
    std::map<int64_t, Plain> by_id;
    for (const auto& [token, id] : by_name.items()) {
      const bool special = std::any_of(out.named.begin(), out.named.end(),
                                       [&](const Plain& named) { return named["content"] == token; });
      if (id.is_number_integer() && !token.empty()) by_id[id.get<int64_t>()] = whole_token(token, special);
    }
    std::vector<Plain> ahead;
    for (auto& [id, token] : by_id) ahead.push_back(std::move(token));
    out.named.insert(out.named.begin(), ahead.begin(), ahead.end());
  }
  return out;
}

// The added tokens of a tokenizer.json as PyPI tokenizers reads them.
class Additions {
 public:
  Additions(const Plain& vocabulary, const Plain& in_file) : vocabulary_(vocabulary), next_(vocabulary.size()) {
    for (const Plain& token : in_file) {
      if (!token.is_object() || spelling_of(token).empty()) continue;
      if (!places_.contains(spelling_of(token))) append(whole_token(token, false));
      changed_ |= token.value("id", Plain()) != tokens_[places_[spelling_of(token)]]["id"];
    }
  }
  void add(const Wanted& wanted) {
    for (const Plain& token : wanted.listed) {
      const auto at = places_.find(spelling_of(token));
      if (at == places_.end())
        append_new(token);
      else if (!same_flags(tokens_[at->second], token))
        reflag(tokens_[at->second], token);
    }
    for (const Plain& token : wanted.named)
      if (!places_.contains(spelling_of(token))) append_new(token);
  }
  bool changed() const { return changed_; }
  const std::vector<Plain>& tokens() const { return tokens_; }

 private:
  void append(Plain token) {
    const std::string spelling = spelling_of(token);
    const auto known = vocabulary_.find(spelling);
    token["id"] = known != vocabulary_.end() ? *known : Plain(next_);
    if (known != vocabulary_.end()) {
      if (known->is_number_unsigned()) next_ = std::max(next_, known->get<size_t>() + 1);
    } else {
      next_++;
    }
    places_[spelling] = tokens_.size();
    tokens_.push_back(std::move(token));
  }
  void append_new(const Plain& token) {
    append(token);
    changed_ = true;
  }
  void reflag(Plain& token, const Plain& flags) {
    const bool special = token["special"].get<bool>() || flags["special"].get<bool>();  // once special, always so
    for (const char* flag : kTokenFlags) token[flag] = flags[flag];
    token["special"] = special;
    changed_ = true;
  }

  const Plain& vocabulary_;
  size_t next_;
  bool changed_ = false;
  std::vector<Plain> tokens_;
  std::map<std::string, size_t> places_;
};

// The array behind the first "added_tokens" of the text, null where there is none: a look ahead that spares reading
// millions of tokens.
Plain first_added_tokens(const std::string& text) {
  const size_t key = text.find("\"added_tokens\"");
  const size_t begin = key == std::string::npos ? key : text.find_first_not_of(" \t\r\n:", key + 14);
  if (begin == std::string::npos || text[begin] != '[') return {};
  bool quoted = false;
  int depth = 0;
  for (size_t at = begin; at < text.size() && at < begin + (size_t{1} << 20); at++) {
    if (quoted && text[at] == '\\')
      at++;
    else if (text[at] == '"')
      quoted = !quoted;
    else if (!quoted && (text[at] == '[' || text[at] == '{'))
      depth++;
    else if (!quoted && (text[at] == ']' || text[at] == '}') && --depth == 0)
      return Plain::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                          text.begin() + static_cast<std::ptrdiff_t>(at + 1), nullptr, false);
  }
  return {};
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
bool needs_nothing(const std::string& text, const Wanted& wanted) {
  const Plain added = first_added_tokens(text);
  if (!added.is_array()) return false;
  std::unordered_map<int64_t, std::string> spellings;
  for (const Plain& token : added) {
    const std::string spelling = token.is_object() ? spelling_of(token) : "";
    if (spelling.empty() || !token.contains("id") || !token["id"].is_number_integer()) return false;
    const auto id = token["id"].get<int64_t>();
    if (id < 0 || !spellings.emplace(id, Plain(spelling).dump()).second) return false;
  }
  const IdsInText ids(text, spellings);
  std::map<std::string, Plain> there;
  int64_t before = -1;
  for (const Plain& token : added) {
    const auto id = token["id"].get<int64_t>();
    const bool in_vocabulary = ids.behind_its_token(id);
    if (!in_vocabulary && id != before + 1 && !ids.next_to(id)) return false;
    if (!in_vocabulary) before = id;
    there[spelling_of(token)] = whole_token(token, false);
  }
  const auto is_there = [&](const Plain& token) { return there.contains(spelling_of(token)); };
  return std::all_of(wanted.named.begin(), wanted.named.end(), is_there) &&
         std::all_of(wanted.listed.begin(), wanted.listed.end(), [&](const Plain& token) {
           return is_there(token) && same_flags(there[spelling_of(token)], token);
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
  for (Plain& token : wanted.listed)
    for (const Plain& named : wanted.named)
      if (named["content"] == token["content"] && !token["special"].get<bool>()) token["special"] = true;
  if (needs_nothing(text, wanted)) return text;
  auto json = parse_checked_json(text, file, size_t{1} << 23);
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) return text;  // not for here to say
  const Plain& vocabulary = json["model"]["vocab"];
  if (!vocabulary.is_object()) return text;
  const Plain in_file = json.value("added_tokens", Plain::array());
  if (!in_file.is_array()) return text;
  Additions additions(vocabulary, in_file);
  additions.add(wanted);
  if (!additions.changed()) return text;
  json["added_tokens"] = additions.tokens();
  return json.dump();
}

}  // namespace r1
