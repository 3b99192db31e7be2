// A reward server that the test plays itself, on loopback.
#include "reward/http_reward.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include "base/error.h"
#include "base/http_client.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct Answer {
  std::string head = "200 OK", body;  // head: status line's end and further header lines
  double after_seconds = 0;
};

// One connection a request. `answer` sees the whole request; an empty head closes without a word.
class TestServer {
 public:
  explicit TestServer(std::function<Answer(const std::string& request, int number)> answer)
      : answer_(std::move(answer)), socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(socket_, 16) != 0 ||
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      fail("no port");
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~TestServer() {
    ending_ = true;
    thread_.join();
    close(socket_);
  }
  std::string url(const std::string& path = "/get_reward") const { return url_ + path; }
  int requests() const { return requests_; }

 private:
  void serve() {
    while (!ending_) {
      pollfd p = {socket_, POLLIN, 0};
      if (poll(&p, 1, 20) <= 0) continue;
      const int fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      respond(fd);
      close(fd);
    }
  }
  void respond(int fd) {
    std::string request;
    char block[65536];
    for (size_t whole = std::string::npos; request.size() < whole;) {
      const ssize_t n = recv(fd, block, sizeof block, 0);
      if (n <= 0) return;
      request.append(block, static_cast<size_t>(n));
      const size_t head = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
      if (head != std::string::npos) whole = head + 4 + (length < head ? std::stoul(request.substr(length + 16)) : 0);
    }
    const Answer a = answer_(request, requests_++);
    for (double left = a.after_seconds; left > 0 && !ending_; left -= 0.02)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (a.head.empty()) return;
    const std::string all =
        fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", a.head, a.body.size(), a.body);
    for (size_t sent = 0; sent < all.size();) {
      const ssize_t n = send(fd, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
  }

  const std::function<Answer(const std::string&, int)> answer_;
  const int socket_;
  std::string url_;
  std::atomic<bool> ending_ = false;
  std::atomic<int> requests_ = 0;
  std::thread thread_;  // last: it uses the others
};

Json body_of(const std::string& request) { return Json::parse(request.substr(request.find("\r\n\r\n") + 4)); }

std::vector<RewardInput> http_inputs(std::initializer_list<std::string> completions) {
  std::vector<RewardInput> out;
  for (const std::string& c : completions) {
    out.emplace_back();
    out.back().prompt = "p ", out.back().completion = c, out.back().row = {{"answer", "42"}};
  }
  return out;
}

TEST(HttpReward, SpeaksAsOpenRlhfDoes) {
  Json seen;
  TestServer server([&](const std::string& request, int) {
    EXPECT_EQ(request.find("POST /get_reward HTTP/1.1\r\n"), 0u);
    EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
    EXPECT_NE(request.find("Authorization: Bearer s3cret\r\n"), std::string::npos);
    seen = body_of(request);
    return Answer{.body =
                      R"j({"rewards":[0.5,-1,null,[2.0]],"scores":[0,1,1,1],"extra_logs":{"len":[1,2,3,4],"x":"y"}})j"};
  });
  setenv("R1_REWARD_TOKEN", "s3cret", 1);
  const auto v = make_reward("openrlhf+" + server.url(), {})->judge(http_inputs({"a", "b", "c", "d\xff"}));
  unsetenv("R1_REWARD_TOKEN");
  EXPECT_EQ(seen["query"], Json({"p a", "p b", "p c", "p d\xEF\xBF\xBD"}));
  EXPECT_EQ(seen["prompts"], Json({"p ", "p ", "p ", "p "}));
  EXPECT_EQ(seen["labels"], Json({"42", "42", "42", "42"}));
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(v[0].score, 0.5) << v[0].reason;
  EXPECT_EQ(v[0].outcome, Outcome::wrong) << "scores say what is right";
  EXPECT_EQ(v[1].outcome, Outcome::correct);
  EXPECT_EQ(v[1].parts.back(), std::pair(std::string("openrlhf/len"), 2.0));
  EXPECT_TRUE(v[2].left_out);
  EXPECT_EQ(v[3].score, 2);
}

TEST(HttpReward, SeveralServersShareACall) {
  const auto answer = [](const std::string& request, int) {
    Json rewards = Json::array();
    const Json query = body_of(request)["query"];
    for (const Json& q : query) rewards.push_back(q.get<std::string>().size());
    return Answer{.body = Json({{"rewards", rewards}}).dump()};
  };
  TestServer a(answer), b(answer);
  const auto v =
      make_reward("math*0+openrlhf+" + a.url() + "," + b.url() + "*2", {})->judge(http_inputs({"1", "22", "333"}));
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(v[i].score, 2 * (3 + static_cast<double>(i))) << v[i].reason;
  EXPECT_EQ(a.requests(), 1);
  EXPECT_EQ(b.requests(), 1);
}

TEST(HttpReward, WhatPassesIsTriedAgainAndTheRestFails) {
  TestServer passing([&](const std::string&, int number) {
    if (number == 0) return Answer{.head = "", .body = {}};
    if (number == 1) return Answer{.head = "503 Busy", .body = {}};
    if (number == 2) return Answer{.head = "429 Slow\r\nRetry-After: 1", .body = {}};
    return Answer{.body = "{\"rewards\":[1]}"};
  });
  EXPECT_EQ(make_http_reward(passing.url(), 60)->judge(http_inputs({"a"}))[0].score, 1);
  EXPECT_EQ(passing.requests(), 4);
  const std::pair<Answer, const char*> faults[] = {
      {{.head = "404 Not Found", .body = "no such model"}, "status 404 after 1 try: no such model"},
      {{.head = "302 Moved\r\nLocation: http://127.0.0.1:1/", .body = {}}, "status 302"},
      {{.body = "[1]"}, "no JSON object"},
      {{.body = "{\"rewards\":[1,"}, "no JSON object"},
      {{.body = "{\"rewards\":[1,2]}"}, "\"rewards\" of 1"},
      {{.body = "{\"scores\":[1]}"}, "\"rewards\" of 1"},
      {{.body = "{\"rewards\":[1e999]}"}, "no JSON object"},
      {{.body = "{\"rewards\":[\"1\"]}"}, "no finite score"}};
  for (const auto& [answer, why] : faults) {
    TestServer server([&, a = answer](const std::string&, int) { return a; });
    const Verdict v = make_http_reward(server.url("/x?key=secret"), 60)->judge(http_inputs({"a"}))[0];
    EXPECT_EQ(v.outcome, Outcome::failed) << why;
    EXPECT_NE(v.reason.find(why), std::string::npos) << v.reason;
    EXPECT_EQ(v.reason.find("secret"), std::string::npos) << v.reason;
    EXPECT_EQ(server.requests(), 1) << why;
  }
}

TEST(HttpReward, ASlowServerIsNoStall) {
  TestServer server([](const std::string&, int) { return Answer{.body = "{\"rewards\":[1]}", .after_seconds = 100}; });
  const auto start = std::chrono::steady_clock::now();
  const Verdict v = make_http_reward(server.url(), 1)->judge(http_inputs({"a"}))[0];
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 2);
  EXPECT_EQ(v.outcome, Outcome::failed);
  const Verdict gone = make_http_reward("http://127.0.0.1:1/", 2)->judge(http_inputs({"a"}))[0];
  EXPECT_EQ(gone.outcome, Outcome::failed);
  EXPECT_NE(gone.reason.find("127.0.0.1:1"), std::string::npos) << gone.reason;
}

TEST(HttpClient, ResponsesAreBounded) {
  TestServer server([](const std::string& request, int) {
    return request.starts_with("GET /small") ? Answer{.body = "1234"} : Answer{.body = std::string(1 << 20, 'x')};
  });
  HttpClient client({.total_seconds = 20, .most_bytes = 1000});
  EXPECT_EQ(client.send({.url = server.url("/small")}).body, "1234");
  EXPECT_THROW(client.send({.url = server.url("/large")}), Error);
  EXPECT_THROW(client.send({.url = "file:///etc/passwd"}), Error);
  EXPECT_EQ(client.send({.url = server.url("/small")}).body, "1234") << "a client outlives a bad answer";
}

}  // namespace
}  // namespace r1
