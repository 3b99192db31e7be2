#include "base/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kLongestPause = 30;

// For messages: without a password or a key in it.
std::string public_url(const std::string& url) {
  const size_t scheme = url.find("://"), start = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t path = std::min(url.find_first_of("/?#", start), url.size()), at = url.substr(0, path).rfind('@');
  const size_t host = at == std::string::npos || at < start ? start : at + 1;
  return url.substr(0, start) + url.substr(host, std::min(url.find_first_of("?#", host), url.size()) - host);
}

struct Sink {
  std::string* body;
  size_t most;
  bool full = false;
};

size_t take(char* data, size_t one, size_t count, void* to) {
  Sink& sink = *static_cast<Sink*>(to);
  if (sink.body->size() + one * count > sink.most) return sink.full = true, 0;
  sink.body->append(data, one * count);
  return one * count;
}

bool may_pass(int status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

bool may_pass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
      return true;
    default:
      return false;
  }
}

long milliseconds(double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); }

}  // namespace

struct HttpClient::Try {
  HttpResponse response;
  CURLcode code = CURLE_OK;
  std::string error;
  double retry_after = 0;
};

HttpClient::HttpClient(HttpLimits limits) : limits_(std::move(limits)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  handle_ = curl_easy_init();
  if (handle_ == nullptr) fail("the HTTP library cannot be started");
}

HttpClient::~HttpClient() { curl_easy_cleanup(handle_); }

HttpClient::Try HttpClient::one_try(const HttpRequest& request, double seconds) {
  CURL* const curl = handle_;
  curl_easy_reset(curl);
  Try out;
  Sink sink{&out.response.body, limits_.most_bytes};
  char error[CURL_ERROR_SIZE] = {};
  curl_slist* headers = nullptr;
  for (const auto& [name, value] : request.headers) headers = curl_slist_append(headers, (name + ": " + value).c_str());
  const char* token = limits_.token_variable.empty() ? nullptr : std::getenv(limits_.token_variable.c_str());
  if (token != nullptr && *token != 0)
    headers = curl_slist_append(headers, (std::string("Authorization: Bearer ") + token).c_str());
  headers = curl_slist_append(headers, "Expect:");
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(seconds, limits_.connect_seconds)));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(seconds));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "r1.cpp");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  out.code = curl_easy_perform(curl);
  long status = 0;
  curl_off_t wait = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
  curl_slist_free_all(headers);
  out.response.status = static_cast<int>(status);
  out.retry_after = static_cast<double>(wait);
  if (out.code != CURLE_OK)
    out.error = sink.full     ? fmt::format("a response of more than {} bytes", limits_.most_bytes)
                : *error != 0 ? std::string(error)
                              : std::string(curl_easy_strerror(out.code));
  return out;
}

HttpResponse HttpClient::send(const HttpRequest& request) {
  const auto start = Clock::now();
  double pause = limits_.pause_seconds;
  for (int tries = 1;; tries++) {
    const double left = limits_.total_seconds - std::chrono::duration<double>(Clock::now() - start).count();
    Try t = one_try(request, std::max(0.001, left));
    t.response.tries = tries;
    const bool again = t.code == CURLE_OK ? may_pass(t.response.status) : may_pass(t.code);
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    const double wait = std::min(std::max(pause, t.retry_after), kLongestPause);
    if (!again || tries >= limits_.tries || spent + wait >= limits_.total_seconds) {
      if (t.code != CURLE_OK)
        fail("{}: {} ({} {})", public_url(request.url), t.error, tries, tries == 1 ? "try" : "tries");
      return std::move(t.response);
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(wait));
    pause *= 2;
  }
}

std::string HttpClient::post_json(const std::string& url, std::string body) {
  HttpResponse r = send({.method = "POST",
                         .url = url,
                         .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                         .body = std::move(body)});
  if (r.status >= 200 && r.status < 300) return std::move(r.body);
  fail("{}: status {} after {} {}: {}", public_url(url), r.status, r.tries, r.tries == 1 ? "try" : "tries",
       r.body.substr(0, 300));
}

}  // namespace r1
