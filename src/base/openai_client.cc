#include "base/openai_client.h"

#include <algorithm>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// A member's text; empty where it is none.
std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The message of a chat, or the text of a completion.
std::string text_of(const Json& choice, bool chat, const std::string& where) {
  if (!chat) {
    if (!choice.contains("text") || !choice["text"].is_string()) fail("{}: a choice has no \"text\"", where);
    return choice["text"].get<std::string>();
  }
  const Json message = choice.value("message", Json());
  if (!message.is_object()) fail("{}: a choice has no \"message\"", where);
  std::string thought = text_at(message, "reasoning_content");
  if (thought.empty()) thought = text_at(message, "reasoning");
  const std::string said = text_at(message, "content");
  if (thought.empty() && (!message.contains("content") || !message["content"].is_string()))
    fail("{}: a choice's message has no \"content\"", where);
  return thought.empty() ? said : "<think>\n" + thought + "\n</think>\n\n" + said;
}

int64_t all_tokens(const Json& reply) {
  const Json usage = reply.value("usage", Json());
  if (!usage.is_object() || !usage.contains("completion_tokens")) return 0;
  const Json& n = usage["completion_tokens"];
  return n.is_number_integer() ? std::clamp<int64_t>(n.get<int64_t>(), 0, int64_t{1} << 32) : 0;
}

}  // namespace

bool is_openai_address(const std::string& name) { return name.starts_with("http://") || name.starts_with("https://"); }

OpenAiAddress parse_openai_address(const std::string& name) {
  const size_t host = name.find("://") + 3;   // behind it, as far as there is one
  const auto refuse = [&](const char* why) {  // a password or a key is not said again
    const std::string shown = name.find('@') == std::string::npos ? name.substr(0, name.find('?')) : "...";
    fail_usage("\"{}\" is no address of an OpenAI-compatible server: {}; expected http://HOST:PORT/v1#MODEL", shown,
               why);
  };
  if (!is_openai_address(name)) refuse("it begins with neither http:// nor https://");
  const size_t hash = name.find('#');
  OpenAiAddress out{name.substr(0, hash), hash == std::string::npos ? "" : name.substr(hash + 1)};
  while (out.url.size() > host && out.url.ends_with('/')) out.url.pop_back();
  if (host >= out.url.size() || out.url[host] == '/' || out.url[host] == ':') refuse("it names no host");
  if (out.url.find('?') != std::string::npos) refuse("it has a query");
  if (out.url.find('@') != std::string::npos) refuse("a key belongs into an environment variable");
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c <= ' ' || c == 127; }))
    refuse("it has blanks in it");
  return out;
}

std::vector<RemoteText> OpenAiClient::ask(const TextRequest& r, int64_t n, int64_t seed) {
  const bool chat = !r.messages.is_null();
  const std::string where = address_.url + (chat ? "/chat/completions" : "/completions");
  Json body = Json::object();
  if (!address_.model.empty()) body["model"] = address_.model;
  if (chat)
    body["messages"] = r.messages;
  else
    body["prompt"] = r.prompt;
  if (!r.chat_template_kwargs.is_null()) body["chat_template_kwargs"] = r.chat_template_kwargs;
  body.update({{"n", n},
               {"max_tokens", r.max_tokens},
               {"temperature", r.temperature},
               {"top_p", r.top_p},
               {"seed", seed},
               {"stream", false}});
  const Json reply =
      Json::parse(client_.post_json(where, body.dump(-1, ' ', false, Json::error_handler_t::replace)), nullptr, false);
  if (!reply.is_object()) fail("{}: the reply is no JSON object", where);
  const Json choices = reply.value("choices", Json());
  if (!choices.is_array() || choices.empty()) fail("{}: the reply has no \"choices\"", where);
  if (choices.size() > static_cast<size_t>(n)) fail("{}: {} choices, {} were asked for", where, choices.size(), n);
  std::vector<RemoteText> out;
  const int64_t count = static_cast<int64_t>(choices.size()), tokens = all_tokens(reply);
  for (const Json& choice : choices) {
    if (!choice.is_object()) fail("{}: a choice is no JSON object", where);
    out.push_back({.text = text_of(choice, chat, where),
                   .truncated = text_at(choice, "finish_reason") == "length",
                   .tokens = (tokens + count - 1) / count});
  }
  return out;
}

std::vector<RemoteText> OpenAiClient::sample(const TextRequest& request) {
  std::vector<RemoteText> out;
  while (static_cast<int64_t>(out.size()) < request.n) {
    const int64_t got = static_cast<int64_t>(out.size());
    for (RemoteText& text : ask(request, request.n - got, request.seed + got)) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace r1
