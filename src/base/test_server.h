// A small HTTP server on loopback that a test plays itself: for tests of what asks servers.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/json.h"

namespace r1 {

struct ServedReply {
  std::string head = "200 OK", body;  // head: status line's end and further header lines
  double after_seconds = 0;
};

// One connection a request. `answer` sees the whole request; an empty head closes without a word.
class TestServer {
 public:
  explicit TestServer(std::function<ServedReply(const std::string& request, int number)> answer)
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
    const ServedReply a = answer_(request, requests_++);
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

  const std::function<ServedReply(const std::string&, int)> answer_;
  const int socket_;
  std::string url_;
  std::atomic<bool> ending_ = false;
  std::atomic<int> requests_ = 0;
  std::thread thread_;  // last: it uses the others
};

inline nlohmann::ordered_json body_of(const std::string& request) {
  return nlohmann::ordered_json::parse(request.substr(request.find("\r\n\r\n") + 4));
}

}  // namespace r1
