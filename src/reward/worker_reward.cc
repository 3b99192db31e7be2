#include "reward/worker_reward.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kLongestReason = 500;
constexpr int kErrors = 3;           // of one sample, before it is given up
constexpr int kFruitlessStarts = 3;  // in a row, without a greeting or an answer
constexpr double kGraceSeconds = 0.5;

std::string shortened(std::string text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) most--;
  text.resize(most);
  return text;
}

// NaN and Infinity, which Python's json writes, are no JSON: outside of strings NaN becomes null (the reward does not
// apply), and an infinity becomes a text, which is no score.
Json parse_reply(std::string line) {
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos || line[first] != '{') return Json();  // a print; most floods are of these
  Json reply = Json::parse(line, nullptr, false);
  if (!reply.is_discarded()) return reply;
  std::string repaired;
  bool quoted = false;
  for (size_t i = 0; i < line.size(); i++) {
    if (quoted && line[i] == '\\' && i + 1 < line.size()) {
      repaired += line[i++];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      const std::string_view rest = std::string_view(line).substr(i);
      const auto [name, value] = rest.starts_with("NaN")         ? std::pair("NaN", "null")
                                 : rest.starts_with("Infinity")  ? std::pair("Infinity", "\"inf\"")
                                 : rest.starts_with("-Infinity") ? std::pair("-Infinity", "\"-inf\"")
                                                                 : std::pair("", "");
      if (*name != 0) {
        repaired += value;
        i += std::string_view(name).size() - 1;
        continue;
      }
    }
    repaired += line[i];
  }
  return Json::parse(repaired, nullptr, false);
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

std::string error_text(const Json& error) {
  if (error.is_string()) return error.get<std::string>();
  const std::string type = error.is_object() ? text_of(error, "type") : "", message = text_of(error, "message");
  if (!type.empty() || !message.empty()) return type + (type.empty() || message.empty() ? "" : ": ") + message;
  return error.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Columns and figures that a program logs beside its rewards, for the unit's members.
void add_extras(const Json& reply, std::vector<Verdict>& verdicts) {
  constexpr size_t kMostColumns = 32;
  size_t columns = 0;
  if (const Json extra = reply.value("extra", Json()); extra.is_object())
    for (const auto& [key, values] : extra.items()) {
      if (!values.is_array() || values.size() != verdicts.size() || ++columns > kMostColumns) continue;
      for (size_t i = 0; i < verdicts.size(); i++) {
        if (key == "extracted" && values[i].is_string()) verdicts[i].extracted = values[i].get<std::string>();
        if (values[i].is_number()) verdicts[i].parts.push_back({key, values[i].get<double>()});
      }
    }
  if (const Json metrics = reply.value("metrics", Json()); metrics.is_object())
    for (const auto& [key, value] : metrics.items())
      if (value.is_number() && ++columns <= kMostColumns)
        for (Verdict& v : verdicts) v.parts.push_back({key, value.get<double>()});
}

}  // namespace

Json columns_of(std::span<const RewardInput> inputs, std::span<const size_t> members) {
  Json columns = Json::object();
  for (size_t place = 0; place < members.size(); place++) {
    const Json& row = inputs[members[place]].row;
    if (!row.is_object()) continue;
    for (const auto& [key, value] : row.items()) {
      if (key == "prompt" || key == "completion" || key == "completion_ids") continue;
      Json& column = columns[key];
      if (column.is_null()) column = Json::array();
      while (column.size() < place) column.push_back(nullptr);
      column.push_back(value);
    }
  }
  for (auto& [key, column] : columns.items())
    while (column.size() < members.size()) column.push_back(nullptr);
  return columns;
}

Verdict failed_verdict(std::string reason) {
  Verdict v;
  for (char& c : reason)  // one line, and a user's words may be meant for a terminal
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  v.reason = shortened(std::move(reason), kLongestReason);
  return v;
}

Verdict verdict_of_reply(const Json& reply) {
  if (reply.is_object() && reply.contains("error") && !reply["error"].is_null())
    return failed_verdict("an error: " + error_text(reply["error"]));
  const Json score = !reply.is_object()        ? reply
                     : reply.contains("score") ? reply["score"]
                                               : reply.value("reward", Json());
  const std::string reason = reply.is_object() ? text_of(reply, "reason") : "";
  Verdict v;
  v.left_out = score.is_null() || (score.is_number() && std::isnan(score.get<double>()));
  if (v.left_out) {
    v = failed_verdict(reason.empty() ? "it does not apply: no score" : reason);
    v.left_out = true;
    return v;
  }
  if (score.is_boolean())
    v.score = score.get<bool>() ? 1 : 0;
  else if (score.is_number() && std::isfinite(score.get<double>()))
    v.score = score.get<double>();
  else
    return failed_verdict(reason.empty() ? "no finite score" : reason);
  v.reason = failed_verdict(reason).reason;
  v.outcome = v.score > 0 ? Outcome::correct : Outcome::wrong;
  if (!reply.is_object()) return v;
  v.extracted = shortened(text_of(reply, "extracted"), kLongestReason);
  const char* key = reply.contains("outcome") ? "outcome" : "verdict";
  if (reply.contains(key) && !reply[key].is_null() && !read_outcome(text_of(reply, key), v.outcome))
    return failed_verdict(fmt::format("an unknown {}; known are correct, wrong, no_answer, failed", key));
  return v;
}

// One call's state: what was asked, what is still open.
struct WorkerReward::Call {
  std::span<const RewardInput> inputs;
  Clock::time_point start, deadline;
  std::vector<Verdict> verdicts;
  std::deque<std::pair<uint64_t, WorkerUnit>> open;  // in the order they were sent
  size_t answers = 0;
  int silences = 0;
  std::string last_junk;

  void set(size_t i, Verdict v) {
    v.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    verdicts[i] = std::move(v);
  }
  void give_up(const WorkerUnit& unit, const std::string& why) {
    for (const size_t i : unit.members) set(i, failed_verdict(why));
  }
  void give_up_all(const std::string& why) {
    for (const auto& [id, unit] : open) give_up(unit, why);
    open.clear();
  }
};

// Why listening ended early; `final` when starting again would not help.
struct WorkerReward::Stop {
  std::string why;
  bool final = false;
  bool ended = false;
};

WorkerReward::WorkerReward(std::string name, ChildCommand command, double timeout_seconds)
    : name_(std::move(name)), command_(std::move(command)), timeout_(timeout_seconds) {
  if (!(timeout_ > 0 && timeout_ < 1e6))
    fail_usage("reward {}: reward_timeout_seconds is {}; expected more than 0", name_, timeout_);
}

WorkerReward::~WorkerReward() {
  if (child_) child_->let_end(kGraceSeconds);
}

std::vector<Verdict> WorkerReward::judge(std::span<const RewardInput> inputs) {
  const auto now = Clock::now();
  Call call{.inputs = inputs,
            .start = now,
            .deadline = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_)),
            .verdicts = std::vector<Verdict>(inputs.size()),
            .open = {},
            .last_junk = {}};
  bool carried_over = child_ != nullptr;
  asked_ = inputs;
  try {
    if (!inputs.empty()) start(call.deadline);
  } catch (const std::exception& e) {  // no interpreter, no program
    for (size_t i = 0; i < inputs.size(); i++) call.set(i, failed_verdict(e.what()));
    return std::move(call.verdicts);
  }
  for (WorkerUnit& unit : units_of(inputs)) call.open.push_back({next_id_++, std::move(unit)});
  for (int fruitless = 0; !call.open.empty();) {
    const size_t before = call.answers;
    const Stop stop = attempt(call);
    if (stop.why.empty()) break;
    child_.reset();
    // A program that ended after its last call (one that answers a batch and exits) did not end on this one's input.
    if (std::exchange(carried_over, false) && call.answers == before && stop.ended) continue;
    fruitless = call.answers == before ? fruitless + 1 : 0;
    if (stop.final || fruitless == kFruitlessStarts)
      call.give_up_all(stop.why);
    else
      blame_oldest(call, stop.why);
  }
  return std::move(call.verdicts);
}

WorkerReward::Stop WorkerReward::attempt(Call& call) {
  try {
    const bool fresh = child_ == nullptr;
    start(call.deadline);
    if (fresh && greeted_) call.answers++;
    child_->forgive();
    std::deque<std::pair<uint64_t, WorkerUnit>> again = std::move(call.open);
    call.open.clear();
    for (auto& [id, unit] : again) send(call, std::move(unit));
    return listen(call);
  } catch (const std::exception& e) {  // no process, no memory: the checker's fault, not the completion's
    return {e.what(), true};
  }
}

void WorkerReward::send(Call& call, WorkerUnit unit) {
  const uint64_t id = next_id_++;
  say(request({.id = id, .unit = unit, .inputs = call.inputs, .patience = std::max(0.75, timeout_ / 16)}));
  call.open.push_back({id, std::move(unit)});
}

WorkerReward::Stop WorkerReward::listen(Call& call) {
  std::string line;
  while (!call.open.empty()) {
    const double patience = std::max(1.0, timeout_ / (call.silences == 0 ? 4 : 12));
    const auto until =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(patience));
    const size_t before = call.answers;
    LineChild::Event event = LineChild::Event::line;
    while (event == LineChild::Event::line && call.answers == before && !call.open.empty()) {
      event = child_->next(line, std::min(until, call.deadline));
      if (event == LineChild::Event::line) take_line(call, line);
      if (Clock::now() >= std::min(until, call.deadline)) event = LineChild::Event::quiet;  // lines, but no answers
    }
    if (event == LineChild::Event::ended)
      return {fmt::format("the program ended before it had answered ({})", child_->why()), false, true};
    if (event == LineChild::Event::flooded)
      return {fmt::format("the program wrote a line of more than {} MB, or more than {} MB in all",
                          LineChild::kLongestLine >> 20, LineChild::kMostOutput >> 20)};
    if (event != LineChild::Event::quiet || call.open.empty() || call.answers != before) continue;
    const bool late = Clock::now() >= call.deadline;
    call.silences++;
    return {fmt::format("no reply within {:g} s{}{}", late ? timeout_ : patience,
                        call.last_junk.empty() ? "" : "; the last line that is no reply: ", call.last_junk),
            late};
  }
  return {};
}

void WorkerReward::take_line(Call& call, const std::string& line) {
  const Json reply = parse_reply(line);
  const bool has_id = reply.is_object() && reply.contains("id") && reply["id"].is_number_unsigned();
  const auto it = !has_id ? call.open.end() : std::find_if(call.open.begin(), call.open.end(), [&](const auto& u) {
    return u.first == reply["id"].template get<uint64_t>();
  });
  if (it == call.open.end()) {
    if (!has_id && !line.empty()) call.last_junk = shortened(line, 80);
    return;
  }
  WorkerUnit unit = std::move(it->second);
  call.open.erase(it);
  call.answers++;
  std::string error;
  std::vector<Verdict> verdicts = verdicts_of(reply, unit, error);
  if (!error.empty()) {
    unit.errors++;
    return split_or_fail(call, std::move(unit), error);
  }
  R1_CHECK(verdicts.size() == unit.members.size());
  for (size_t i = 0; i < verdicts.size(); i++) call.set(unit.members[i], std::move(verdicts[i]));
}

std::vector<Verdict> WorkerReward::verdicts_of(const Json& reply, const WorkerUnit& unit, std::string& error) const {
  const size_t n = unit.members.size();
  if (reply.contains("error") && !reply["error"].is_null())
    return error = error_text(reply["error"]), std::vector<Verdict>();
  const auto rewards = reply.find("rewards");
  if (rewards == reply.end() && n == 1) {  // {"id":..,"score":..}
    Verdict v = verdict_of_reply(reply);
    return {std::move(v)};
  }
  if (rewards == reply.end() || !rewards->is_array() || rewards->size() != n)
    return error = fmt::format("a reply without {} rewards", n), std::vector<Verdict>();
  std::vector<Verdict> out;
  for (const Json& one : *rewards) out.push_back(verdict_of_reply(one));
  add_extras(reply, out);
  return out;
}

void WorkerReward::blame_oldest(Call& call, const std::string& why) {
  if (call.open.empty()) return;
  WorkerUnit unit = std::move(call.open.front().second);
  call.open.pop_front();
  if (unit.members.size() == 1) return call.give_up(unit, why);
  split_or_fail(call, std::move(unit), why);
}

// Parts go to the end: what has not been to blame is asked first. Sent at once where the program is still there.
void WorkerReward::split_or_fail(Call& call, WorkerUnit unit, const std::string& why) {
  const bool single = unit.members.size() == 1;
  if (single && unit.errors >= kErrors) return call.give_up(unit, "an error: " + why);
  std::map<int64_t, WorkerUnit> by_group;
  for (const size_t i : unit.members) by_group[call.inputs[i].group].members.push_back(i);
  std::vector<WorkerUnit> parts;
  if (single) {
    parts.push_back(std::move(unit));
  } else if (by_group.size() > 1) {
    for (auto& [group, part] : by_group) parts.push_back(std::move(part));
  } else {
    for (const size_t i : unit.members) parts.push_back({.members = {i}});
  }
  for (WorkerUnit& part : parts) {
    if (child_)
      send(call, std::move(part));
    else
      call.open.push_back({next_id_++, std::move(part)});
  }
}

void WorkerReward::say(const Json& line) {
  child_->send(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Json WorkerReward::hear(Clock::time_point until) {
  for (std::string line;;) {
    switch (child_->next(line, until)) {
      case LineChild::Event::line:
        break;
      case LineChild::Event::ended:
        return Json();
      case LineChild::Event::flooded:
        fail("reward {}: the program wrote more than {} MB before it answered", name_, LineChild::kMostOutput >> 20);
      case LineChild::Event::quiet:
        fail("reward {}: the program did not answer in time (reward_timeout_seconds)", name_);
    }
    if (const size_t first = line.find_first_not_of(" \t"); first == std::string::npos || line[first] != '{') continue;
    const Json reply = parse_reply(line);
    return reply.is_object() ? reply : Json::object();
  }
}

void WorkerReward::start(Clock::time_point until) {
  if (child_) return;
  try {
    do child_ = std::make_unique<LineChild>(command_);
    while (!greet(until));
  } catch (...) {
    child_.reset();
    throw;
  }
}

Json WorkerReward::ask(Json request) {
  const auto until =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_));
  start(until);
  child_->forgive();
  request["id"] = next_id_++;
  say(request);
  for (;;) {
    const Json reply = hear(until);
    if (reply.is_null()) fail("reward {}: the program ended ({})", name_, child_->why());
    if (reply.value("id", Json()) != request["id"]) continue;
    if (reply.contains("error")) fail("{}: {}", name_, error_text(reply["error"]));
    return reply;
  }
}

}  // namespace r1
