#include <string_view>

#include "base/error.h"
#include "data/json_shape.h"
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
  fail(
      "a message is from \"{}\"; known are human, gpt, system and tool (and user, assistant, model, observation, "
      "function_call)",
      from);
}

// A content list's parts are text, there is no other modality here: templates that know nothing of lists get the text.
std::string joined_parts(const Json& parts, const std::string& key) {
  std::string out;
  for (const Json& part : parts) {
    if (!part.is_object()) fail("\"{}\": a content list holds {}, expected objects", key, part.type_name());
    const Json type = part.value("type", Json("text")), text = part.value("text", Json());
    if (type != "text") fail("\"{}\": a message holds a part of type {}; only text can be read", key, type.dump());
    if (!text.is_string()) fail("\"{}\": a part of type \"text\" has no \"text\" (a string)", key);
    out += text.get<std::string>();
  }
  return out;
}

// LLaMA-Factory's speaker "function_call": what he says is {"name", "arguments"}, or a list of such.
Json message_of_call(const Json& value, const std::string& key) {
  if (value.is_string()) check_json_shape(value.get_ref<const std::string&>(), 0);
  const Json said = value.is_string() ? Json::parse(value.get<std::string>(), nullptr, false) : value;
  const Json list = said.is_object() ? Json::array({said}) : said;
  Json calls = Json::array();
  for (const Json& call : list.is_array() ? list : Json::array()) {
    if (!call.is_object() || !call.contains("name") || !call.contains("arguments")) break;
    calls.push_back({{"type", "function"}, {"function", call}});
  }
  if (calls.empty() || calls.size() != list.size())
    fail("\"{}\": a message from \"function_call\" is no JSON of \"name\" and \"arguments\"", key);
  return {{"role", "assistant"}, {"content", ""}, {"tool_calls", calls}};
}

void check_message(const Json& m, const std::string& key) {
  const bool calls = m.contains("tool_calls") && m["tool_calls"].is_array();
  const Json content = m.contains("content") ? m["content"] : Json();
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
      const Json value = given.value("value", Json());
      if (m["from"] == "function_call")
        m = message_of_call(value, key);
      else
        m = {{"role", role_of(m["from"].get<std::string>())}, {"content", value}};
      for (const auto& [name, value] : given.items())
        if (name != "from" && name != "value") m[name] = value;
    }
    if (!m.is_object() || !m.contains("role") || !m["role"].is_string()) fail("\"{}\": a message has no \"role\"", key);
    if (m.contains("content") && m["content"].is_array()) m["content"] = joined_parts(m["content"], key);
    check_message(m, key);
    out.push_back(std::move(m));
  }
  return out;
}

}  // namespace r1
