#include "reward/exec_reward.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "reward/child_process.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
constexpr size_t kLongestLine = 1 << 20;
constexpr size_t kMostOutput = 64 << 20;  // of one call
constexpr size_t kLongestReason = 500;
constexpr int kFruitlessStarts = 3;
constexpr double kGraceSeconds = 0.5;

std::string shortened(std::string text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) most--;
  text.resize(most);
  return text;
}

// NaN and Infinity, which Python's json writes, are no JSON: outside of strings they become null.
Json parse_reply(std::string line) {
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos || line[first] != '{') return Json();  // a print; most floods are of these
  Json reply = Json::parse(line, nullptr, false);
  if (!reply.is_discarded()) return reply;
  bool quoted = false;
  for (size_t i = 0; i < line.size(); i++) {
    if (quoted && line[i] == '\\') {
      i++;
      continue;
    }
    if (line[i] == '"') quoted = !quoted;
    if (quoted) continue;
    for (std::string_view name : {"-Infinity", "Infinity", "NaN"})
      if (std::string_view(line).substr(i, name.size()) == name) {
        line.replace(i, name.size(), "null");
        break;
      }
  }
  return Json::parse(line, nullptr, false);
}

std::string text_of(const Json& reply, const char* key) {
  const auto it = reply.find(key);
  return it != reply.end() && it->is_string() ? it->get<std::string>() : "";
}

// False when there is no outcome of that name.
bool read_outcome(const std::string& name, Outcome& out) {
  for (Outcome o : {Outcome::correct, Outcome::wrong, Outcome::no_answer, Outcome::failed})
    if (name == outcome_name(o)) return out = o, true;
  if (name == "right") return out = Outcome::correct, true;
  if (name == "unverifiable") return out = Outcome::failed, true;
  return false;
}

Verdict failed(std::string reason) {
  Verdict v;
  v.reason = shortened(std::move(reason), kLongestReason);
  return v;
}

Verdict verdict_of(const Json& reply) {
  if (reply.contains("error"))
    return failed("the program reports an error: " +
                  (reply["error"].is_string() ? reply["error"].get<std::string>()
                                              : reply["error"].dump(-1, ' ', false, Json::error_handler_t::replace)));
  const Json score = reply.contains("score") ? reply["score"] : reply.value("reward", Json());
  const std::string reason = text_of(reply, "reason");
  Verdict v;
  if (score.is_boolean())
    v.score = score.get<bool>() ? 1 : 0;
  else if (score.is_number() && std::isfinite(score.get<double>()))
    v.score = score.get<double>();
  else
    return failed(reason.empty() ? "the program gave no finite score" : reason);
  v.reason = shortened(reason, kLongestReason);
  v.outcome = v.score > 0 ? Outcome::correct : Outcome::wrong;
  const char* key = reply.contains("outcome") ? "outcome" : "verdict";
  if (reply.contains(key) && !reply[key].is_null() && !read_outcome(text_of(reply, key), v.outcome))
    return failed(fmt::format("the program gave an unknown {}; known are correct, wrong, no_answer, failed", key));
  return v;
}

// One call's state: what was asked, what is still open.
struct Call {
  std::span<const RewardInput> inputs;
  size_t first_id;
  Clock::time_point start, deadline;
  std::vector<Verdict> verdicts;
  std::vector<bool> answered;
  size_t open, output = 0;
  std::string last_junk;

  void set(size_t i, Verdict v) {
    v.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    verdicts[i] = std::move(v);
    answered[i] = true;
    open--;
  }
  void give_up_all(const std::string& why) {
    for (size_t i = 0; i < answered.size(); i++)
      if (!answered[i]) set(i, failed(why));
  }
  void give_up_oldest(const std::string& why) {
    const auto it = std::find(answered.begin(), answered.end(), false);
    if (it != answered.end()) set(static_cast<size_t>(it - answered.begin()), failed(why));
  }
  void take_line(const std::string& line) {
    const Json reply = parse_reply(line);
    if (!reply.is_object() || !reply.contains("id") || !reply["id"].is_number_unsigned()) {
      if (!line.empty()) last_junk = shortened(line, 80);
      return;
    }
    const size_t i = reply["id"].get<size_t>() - first_id;  // wraps for ids of earlier calls
    if (i < answered.size() && !answered[i]) set(i, verdict_of(reply));
  }
};

class ExecReward : public Reward {
 public:
  ExecReward(std::string command, double timeout) : command_(std::move(command)), timeout_(timeout) {
    if (command_.find_first_not_of(" \t") == std::string::npos)
      fail_usage("reward exec: needs a command, as in exec:./my_reward.py");
    if (!(timeout > 0 && timeout < 1e6)) fail_usage("reward exec: a timeout of {} s; expected more than 0", timeout);
  }
  ~ExecReward() override {
    if (!child_) return;
    child_->close_input();
    child_->ending(kGraceSeconds);
  }
  std::string name() const override { return "exec"; }

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    Call call{
        .inputs = inputs,
        .first_id = next_id_,
        .start = Clock::now(),
        .deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_)),
        .verdicts = std::vector<Verdict>(inputs.size()),
        .answered = std::vector<bool>(inputs.size()),
        .open = inputs.size(),
        .last_junk = {}};
    next_id_ += inputs.size();
    bool carried_over = child_ != nullptr;
    for (int fruitless = 0; call.open > 0;) {
      const size_t before = call.open;
      const Stop stop = attempt(call);
      if (stop.why.empty()) break;
      child_.reset();
      // A program that ended after its last call (one that answers a batch and exits) did not end on this one's input.
      if (std::exchange(carried_over, false) && call.open == before && !stop.final) continue;
      fruitless = call.open == before ? fruitless + 1 : 0;
      if (stop.final || fruitless == kFruitlessStarts)
        call.give_up_all(stop.why);
      else
        call.give_up_oldest(stop.why);
    }
    return std::move(call.verdicts);
  }

 private:
  // Why an exchange ended early; `final` when starting again would not help.
  struct Stop {
    std::string why;
    bool final = false;
  };

  Stop attempt(Call& call) {
    try {
      if (!child_) child_ = std::make_unique<ChildProcess>(command_);
      return exchange(call, requests(call));
    } catch (const std::exception& e) {  // no process, no memory: the checker's fault, not the completion's
      return {e.what(), true};
    }
  }

  static std::string requests(const Call& call) {
    std::string text;
    for (size_t i = 0; i < call.inputs.size(); i++) {
      if (call.answered[i]) continue;
      const RewardInput& in = call.inputs[i];
      const Json line = {{"id", call.first_id + i},     {"prompt", in.prompt},       {"completion", in.completion},
                         {"num_tokens", in.num_tokens}, {"truncated", in.truncated}, {"row", in.row}};
      text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    return text;
  }

  // Writes and reads until all is answered.
  Stop exchange(Call& call, std::string_view request) {
    std::string buffer;
    bool deaf = false;  // the program has closed its input; it may still answer
    while (call.open > 0) {
      const double left = std::chrono::duration<double>(call.deadline - Clock::now()).count();
      if (left <= 0) return {late(call), true};
      const bool sending = !deaf && !request.empty();
      pollfd fds[2] = {{child_->from(), POLLIN, 0}, {child_->to(), POLLOUT, 0}};
      if (poll(fds, sending ? 2 : 1, static_cast<int>(std::min(left * 1000 + 1, 1000.0))) < 0) {
        if (errno == EINTR) continue;
        return {fmt::format("poll: {}", std::strerror(errno)), true};
      }
      if (sending && fds[1].revents != 0) deaf = !send(request);
      if (fds[0].revents == 0) continue;
      const Stop stop = receive(call, buffer);
      if (!stop.why.empty()) return stop;
    }
    return {};
  }

  // Drops from `request` what was written; false when the program does not read any more.
  bool send(std::string_view& request) {
    const ssize_t n = child_->write_some(request);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    request.remove_prefix(static_cast<size_t>(n));
    return true;
  }

  Stop receive(Call& call, std::string& buffer) {
    char block[65536];
    const ssize_t n = read(child_->from(), block, sizeof block);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (n <= 0) {
      call.take_line(buffer);  // a last line without its end
      if (call.open == 0) return {};
      const std::string how = child_->ending(kGraceSeconds);
      return {fmt::format("the program ended before it had answered ({})", how.empty() ? "output closed" : how)};
    }
    const std::string_view fresh(block, static_cast<size_t>(n));
    size_t at = 0;
    for (size_t end; (end = fresh.find('\n', at)) != std::string_view::npos; at = end + 1) {
      buffer.append(fresh.substr(at, end - at));
      if (buffer.size() > kLongestLine) break;
      call.take_line(buffer);
      buffer.clear();
    }
    buffer.append(fresh.substr(std::min(at, fresh.size())));
    call.output += fresh.size();
    if (buffer.size() > kLongestLine) return {"the program wrote a line of more than 1 MB"};
    if (call.open > 0 && call.output > kMostOutput) return {"the program wrote more than 64 MB", true};
    return {};
  }

  std::string late(const Call& call) const {
    return fmt::format("the program gave no reply within {:g} s{}{}", timeout_,
                       call.last_junk.empty() ? "" : "; its last line that is no reply: ", call.last_junk);
  }

  std::string command_;
  double timeout_;
  size_t next_id_ = 0;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace

std::unique_ptr<Reward> make_exec_reward(const std::string& command, double timeout_seconds) {
  return std::make_unique<ExecReward>(command, timeout_seconds);
}

}  // namespace r1
