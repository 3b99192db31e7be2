// HTTP requests to servers that the user names: reward models, OpenAI-compatible end points.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace r1 {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https://
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

struct HttpResponse {
  int status = 0;
  std::string body;
  int tries = 0;
};

struct HttpLimits {
  double connect_seconds = 10;
  double total_seconds = 180;            // of a request with all its tries and pauses
  size_t most_bytes = size_t{64} << 20;  // of a response's body
  int tries = 5;                         // for what may pass: no connection, time-outs, 408, 425, 429 and 5xx
  double pause_seconds = 0.5;            // before the second try; doubles, up to 30; a server's Retry-After counts more
  std::string token_variable = {};       // environment variable of a bearer token; empty or unset: none
};

// Keeps its connections. Proxies are those of the environment (http_proxy, no_proxy). Redirections are not followed: a
// token would follow them. For one thread at a time.
class HttpClient {
 public:
  explicit HttpClient(HttpLimits limits);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The last try's response, whatever its status. Throws r1::Error, which names the URL without its user and query,
  // when there is none: no connection, too late, too large.
  HttpResponse send(const HttpRequest& request);
  // POST of a JSON text; throws r1::Error for a status other than 2xx too, with what the server said.
  std::string post_json(const std::string& url, std::string body);

 private:
  struct Try;
  Try one_try(const HttpRequest& request, double seconds);

  const HttpLimits limits_;
  void* handle_;  // CURL*
};

}  // namespace r1
