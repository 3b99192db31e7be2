#include "reward/exec_reward.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/error.h"

extern char** environ;

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
constexpr size_t kLongestLine = 1 << 20;

// The child with its two pipes; its process group ends with it.
class Child {
 public:
  explicit Child(const std::string& command) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0) fail("reward exec: pipe: {}", std::strerror(errno));
    if (pipe2(out, O_CLOEXEC) != 0) {
      close(in[0]), close(in[1]);
      fail("reward exec: pipe: {}", std::strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    const char* argv[] = {"/bin/sh", "-c", command.c_str(), nullptr};
    const int error = posix_spawn(&pid_, "/bin/sh", &actions, &attributes, const_cast<char**>(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(in[0]);
    close(out[1]);
    to_ = in[1];
    from_ = out[0];
    if (error != 0) {
      close(to_), close(from_);
      fail("reward exec: cannot start {}: {}", command, std::strerror(error));
    }
    fcntl(to_, F_SETFL, O_NONBLOCK);
    fcntl(from_, F_SETFL, O_NONBLOCK);
  }
  ~Child() {
    close(to_);
    close(from_);
    kill(-pid_, SIGKILL);
    int status;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  int to() const { return to_; }
  int from() const { return from_; }

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

class ExecReward : public Reward {
 public:
  ExecReward(std::string command, double timeout) : command_(std::move(command)), timeout_(timeout) {
    if (command_.empty()) fail_usage("reward exec: needs a command, as in exec:./my_reward.py");
    signal(SIGPIPE, SIG_IGN);  // a program that ends early is an error of write, not our end
  }
  std::string name() const override { return "exec"; }

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size());
    for (Verdict& v : out) v.reason = "no reply";
    std::vector<bool> answered(inputs.size());
    if (!child_) child_ = std::make_unique<Child>(command_);
    const std::string problem = exchange(requests(inputs), out, answered);
    if (!problem.empty()) {
      child_.reset();  // the next call starts it again
      for (size_t i = 0; i < out.size(); i++)
        if (!answered[i]) out[i].reason = problem;
    }
    return out;
  }

 private:
  std::string requests(std::span<const RewardInput> inputs) const {
    std::string text;
    for (size_t i = 0; i < inputs.size(); i++) {
      const Json line = {{"id", base_ + i},
                         {"prompt", inputs[i].prompt},
                         {"completion", inputs[i].completion},
                         {"num_tokens", inputs[i].num_tokens},
                         {"truncated", inputs[i].truncated},
                         {"row", inputs[i].row}};
      text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    return text;
  }

  // Writes and reads until all is answered; returns what went wrong, empty when nothing did.
  std::string exchange(const std::string& request, std::vector<Verdict>& out, std::vector<bool>& answered) {
    const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_);
    size_t sent = 0, open = out.size();
    std::string buffer;
    const size_t base = base_;
    base_ += out.size();
    while (open > 0) {
      const double left = std::chrono::duration<double>(deadline - Clock::now()).count();
      if (left <= 0) return fmt::format("the program gave no reply within {:g} s", timeout_);
      pollfd fds[2] = {{child_->from(), POLLIN, 0}, {child_->to(), POLLOUT, 0}};
      if (poll(fds, sent < request.size() ? 2 : 1, static_cast<int>(std::min(left * 1000 + 1, 1000.0))) < 0 &&
          errno != EINTR)
        return std::string("poll: ") + std::strerror(errno);
      if (sent < request.size() && (fds[1].revents & (POLLOUT | POLLERR))) {
        const ssize_t n = write(child_->to(), request.data() + sent, request.size() - sent);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
          return std::string("the program stopped reading: ") + std::strerror(errno);
        if (n > 0) sent += static_cast<size_t>(n);
      }
      if (!(fds[0].revents & (POLLIN | POLLHUP))) continue;
      char block[65536];
      const ssize_t n = read(child_->from(), block, sizeof block);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n <= 0) return "the program ended before it had answered";
      buffer.append(block, static_cast<size_t>(n));
      for (size_t end; (end = buffer.find('\n')) != std::string::npos; buffer.erase(0, end + 1))
        open -= take_reply(buffer.substr(0, end), base, out, answered);
      if (buffer.size() > kLongestLine) return "the program wrote a line of more than 1 MB";
    }
    return "";
  }

  // One line of the program's output; anything that is no reply (prints) is passed over. Returns 1 when it answered a
  // request.
  static size_t take_reply(const std::string& line, size_t base, std::vector<Verdict>& out,
                           std::vector<bool>& answered) {
    const Json reply = Json::parse(line, nullptr, false);
    if (!reply.is_object() || !reply.contains("id") || !reply["id"].is_number_unsigned()) return 0;
    const size_t i = reply["id"].get<size_t>() - base;
    if (i >= out.size() || answered[i]) return 0;
    answered[i] = true;
    Verdict& v = out[i];
    v.reason = reply.contains("reason") && reply["reason"].is_string()
                   ? reply["reason"].get<std::string>().substr(0, 500)
                   : "";
    const Json score = reply.contains("score") ? reply["score"] : reply.value("reward", Json());
    if (!score.is_number() || !std::isfinite(score.get<double>())) {
      v.outcome = Outcome::failed;
      if (v.reason.empty()) v.reason = "the program gave no score";
      return 1;
    }
    v.score = score.get<double>();
    v.outcome = v.score > 0 ? Outcome::correct : Outcome::wrong;
    const std::string outcome =
        reply.contains("outcome") && reply["outcome"].is_string() ? reply["outcome"].get<std::string>() : "";
    for (Outcome o : {Outcome::correct, Outcome::wrong, Outcome::no_answer, Outcome::failed})
      if (outcome == outcome_name(o)) v.outcome = o;
    return 1;
  }

  std::string command_;
  double timeout_;
  size_t base_ = 0;
  std::unique_ptr<Child> child_;
};

}  // namespace

std::unique_ptr<Reward> make_exec_reward(const std::string& command, double timeout_seconds) {
  return std::make_unique<ExecReward>(command, timeout_seconds);
}

}  // namespace r1
