// Servers that speak OpenAI's dialect (vLLM, llama.cpp, hosted ones): texts sampled from /chat/completions, or from
// /completions where the whole prompt is ours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "base/json.h"

namespace r1 {

// "http://127.0.0.1:8000/v1#MODEL": the routes hang on the path, the model is what the server calls it.
struct OpenAiAddress {
  std::string url;    // without a slash at its end
  std::string model;  // empty: none is named, for servers that hold one
};
// Whether a model's name is such an address: begins with http:// or https://.
bool is_openai_address(const std::string& name);
// Throws r1::UsageError for what is none: another scheme, no host, a query, a user or password.
OpenAiAddress parse_openai_address(const std::string& name);

// One of the two is given.
struct TextRequest {
  nlohmann::ordered_json messages = nullptr;              // of /chat/completions
  nlohmann::ordered_json chat_template_kwargs = nullptr;  // beside them: vLLM's and llama.cpp's; null: not sent
  std::string prompt = {};                                // of /completions, where messages is null
  int64_t n = 1, max_tokens = 1024, seed = 0;
  double temperature = 1, top_p = 1;
};

struct RemoteText {
  std::string text;        // a thought the server gave apart (reasoning_content, reasoning) stands in front in its tags
  bool truncated = false;  // finish_reason is length
  int64_t tokens = 0;      // of it, by the server's own count; an equal share where it counts all together
};

// The key is a bearer token in the environment variable `limits.token_variable`. For one thread at a time.
class OpenAiClient {
 public:
  OpenAiClient(OpenAiAddress address, HttpLimits limits) : address_(std::move(address)), client_(std::move(limits)) {}

  // `n` texts. A server that gives fewer at once (some know no n) is asked again for the rest, with the seed moved on.
  // Throws r1::Error, which names the address, for everything else than an answer: no connection or a bad status after
  // all tries, too large, no JSON object, no choices or too many, a choice without text.
  std::vector<RemoteText> sample(const TextRequest& request);

 private:
  std::vector<RemoteText> ask(const TextRequest& request, int64_t n, int64_t seed);

  const OpenAiAddress address_;
  HttpClient client_;
};

}  // namespace r1
