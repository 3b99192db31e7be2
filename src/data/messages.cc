#include <string_view>

#include "base/error.h"
#include "data/row_formats.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// ShareGPT's speakers, as OpenAI's roles.
std::string role_of(const std::string& from) {
  static constexpr std::pair<std::string_view, const char*> kRoles[] = {
      {"human", "user"},      {"user", "user"},         {"gpt", "assistant"},         {"assistant", "assistant"},
      {"model", "assistant"}, {"chatgpt", "assistant"}, {"bot", "assistant"},         {"system", "system"},
      {"tool", "tool"},       {"observation", "tool"},  {"function_response", "tool"}};
  for (const auto& [name, role] : kRoles)
    if (name == from) return role;
  fail("a message is from \"{}\"; known are human, gpt, system and tool (and user, assistant, model, observation)",
       from);
}

// Parts of a content list must be text: there is no other modality here.
void check_content_parts(const Json& parts, const std::string& key) {
  for (const Json& part : parts) {
    if (!part.is_object()) fail("\"{}\": a content list holds {}, expected objects", key, part.type_name());
    const std::string type = part.value("type", "text");
    if (type != "text") fail("\"{}\": a message holds a part of type \"{}\"; only text can be read", key, type);
  }
}

void check_message(const Json& m, const std::string& key) {
  const bool calls = m.contains("tool_calls") && m["tool_calls"].is_array();
  const Json content = m.contains("content") ? m["content"] : Json();
  if (content.is_array()) return check_content_parts(content, key);
  if (!content.is_string() && !(calls && content.is_null()))
    fail("\"{}\": a message of \"{}\" has no \"content\" (a string)", key, m["role"].get<std::string>());
}

}  // namespace

Json read_messages(const Json& messages, const std::string& key) {
  if (!messages.is_array() || messages.empty()) fail("\"{}\" is no list of messages", key);
  Json out = Json::array();
  for (const Json& given : messages) {
    Json m = given;
    if (m.is_object() && !m.contains("role") && m.contains("from") && m["from"].is_string()) {
      m = {{"role", role_of(m["from"].get<std::string>())},
           {"content", given.contains("value") ? given["value"] : Json()}};
      for (const auto& [name, value] : given.items())
        if (name != "from" && name != "value") m[name] = value;
    }
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string()) fail("\"{}\": a message has no \"role\"", key);
    check_message(m, key);
    out.push_back(std::move(m));
  }
  return out;
}

}  // namespace r1
