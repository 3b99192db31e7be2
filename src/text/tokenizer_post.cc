#include "text/tokenizer_post.h"

#include <algorithm>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
constexpr size_t kMostParts = 1024;  // of all templates

TokenId checked_id(const Json& id, const std::string& token, const std::string& file) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
    fail("{}: post_processor: token \"{}\" has id {}, which is none", file, token, id.dump());
  return id.get<TokenId>();
}

// ["<s>", 0]
TokenId pair_id(const Json& pair, const char* key, const std::string& file) {
  if (!pair.is_array() || pair.size() != 2)
    fail("{}: post_processor: {} is {}, expected a token and its id", file, key, pair.dump());
  return checked_id(pair[1], pair[0].get<std::string>(), file);
}

}  // namespace

void PostProcessor::read(const Json& json, const std::string& file) {
  if (json.is_null()) return;
  const std::string type = json.value("type", "");
  if (type == "ByteLevel") return;
  if (type == "Sequence") {
    for (const Json& step : json.at("processors")) read(step, file);
    return;
  }
  std::vector<TokenId> parts;
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    parts = {pair_id(json.at("cls"), "cls", file), kText, pair_id(json.at("sep"), "sep", file)};
  } else if (type != "TemplateProcessing") {
    fail(
        "{}: post_processor type \"{}\" is not supported (ByteLevel, TemplateProcessing, BertProcessing, "
        "RobertaProcessing and Sequence are)",
        file, type);
  } else {
    for (const Json& part : json.at("single")) {
      if (part.contains("Sequence")) {
        if (const std::string id = part["Sequence"].value("id", "A"); id != "A")
          fail("{}: post_processor: `single` has sequence {}, and only A is there", file, id);
        parts.push_back(kText);
        continue;
      }
      const std::string name = part.at("SpecialToken").at("id").get<std::string>();
      for (const Json& id : json.at("special_tokens").at(name).at("ids")) parts.push_back(checked_id(id, name, file));
    }
  }
  size_t all = parts.size(), texts = static_cast<size_t>(std::count(parts.begin(), parts.end(), kText));
  for (const auto& t : templates_) all += t.size(), texts += static_cast<size_t>(std::count(t.begin(), t.end(), kText));
  if (all > kMostParts || texts > templates_.size() + 8)
    fail("{}: post_processor: {} tokens around {} copies of the text are too many", file, all, texts);
  templates_.push_back(std::move(parts));
}

std::vector<TokenId> PostProcessor::apply(std::vector<TokenId> ids) const {
  for (const auto& parts : templates_) {
    std::vector<TokenId> out;
    out.reserve(ids.size() + parts.size());
    for (TokenId part : parts) {
      if (part == kText)
        out.insert(out.end(), ids.begin(), ids.end());
      else
        out.push_back(part);
    }
    ids = std::move(out);
  }
  return ids;
}

std::vector<TokenId> PostProcessor::added() const {
  std::vector<TokenId> out;
  for (const auto& parts : templates_)
    std::copy_if(parts.begin(), parts.end(), std::back_inserter(out), [](TokenId id) { return id != kText; });
  return out;
}

}  // namespace r1
