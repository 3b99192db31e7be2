#include "reward/line_child.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace r1 {
namespace {
constexpr double kGraceSeconds = 0.5;
constexpr double kLookSeconds = 0.5;  // a program whose children hold its output open ends without an end of stream
}  // namespace

bool LineChild::take_line(std::string& line) {
  const size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    buffer_.erase(0, begin_);
    begin_ = 0;
    scanned_ = buffer_.size();
    return false;
  }
  line.assign(buffer_, begin_, end - begin_);
  begin_ = scanned_ = end + 1;
  return true;
}

void LineChild::write() {
  const ssize_t n = child_.write_some(std::string_view(to_send_).substr(sent_));
  if (n < 0 && errno != EAGAIN && errno != EINTR) deaf_ = true;
  if (n > 0) sent_ += static_cast<size_t>(n);
  if (sent_ < to_send_.size() && !deaf_) return;
  to_send_.clear();
  sent_ = 0;
}

LineChild::Event LineChild::end(std::string& line) {
  closed_ = true;
  if (!buffer_.empty()) {  // a last line without its end
    line = std::move(buffer_);
    buffer_.clear();
    return Event::line;
  }
  const std::string how = child_.ending(kGraceSeconds);
  why_ = how.empty() ? "output closed" : how;
  return Event::ended;
}

LineChild::Event LineChild::next(std::string& line, Clock::time_point until) {
  for (;;) {
    if (take_line(line)) return Event::line;
    if (buffer_.size() > kLongestLine) return Event::flooded;
    if (closed_) return end(line);
    const double left = std::chrono::duration<double>(until - Clock::now()).count();
    if (left <= 0) return Event::quiet;
    const bool sending = !deaf_ && sent_ < to_send_.size();
    pollfd fds[2] = {{child_.from(), POLLIN, 0}, {child_.to(), POLLOUT, 0}};
    const int ready = poll(fds, sending ? 2 : 1, static_cast<int>(std::min(left, kLookSeconds) * 1000 + 1));
    if (ready < 0 && errno != EINTR) fail("poll: {}", std::strerror(errno));
    if (ready == 0 && !child_.ending(0).empty()) return end(line);
    if (ready <= 0) continue;
    if (sending && fds[1].revents != 0) write();
    if (fds[0].revents == 0) continue;
    char block[65536];
    const ssize_t n = read(child_.from(), block, sizeof block);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return end(line);
    buffer_.append(block, static_cast<size_t>(n));
    output_ += static_cast<size_t>(n);
    if (output_ > kMostOutput) return Event::flooded;
  }
}

void LineChild::let_end(double seconds) {
  child_.close_input();
  child_.ending(seconds);
}

}  // namespace r1
