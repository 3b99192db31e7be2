// Rewards that another program gives, over JSON lines: users' functions (function_reward.h) and programs
// (exec_reward.h).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reward/line_child.h"
#include "reward/reward.h"

namespace r1 {

// Samples that are asked about in one request.
struct WorkerUnit {
  std::vector<size_t> members;  // indices of the call's inputs
  int errors = 0;               // how often the program has answered with an error
};

// The program is started once and asked any number of times. What it does wrong costs the samples it does it to:
//
//   it answers with an error      a unit of several samples is asked again in parts (each prompt's, then each alone), a
//                                 single sample three times in all; then its verdict is `failed`
//   it ends, writes a line of     it is started again; the oldest unit that is open is to blame: asked again in parts,
//   16 MB, is silent for long     a single sample is `failed`; everything else that is open is asked again
//   a call takes timeout_seconds, all that is open is `failed`
//   or the program writes 64 MB
//   it cannot be started          all that is open is `failed`
//
// Long is a quarter of timeout_seconds for the first silence of a call and a twelfth for the next ones, at least a
// second. Whenever the program is given up its whole process group is killed; at the end its input is closed, and it
// has half a second. judge() throws nothing, and is for one thread at a time.
class WorkerReward : public Reward {
 public:
  using Json = nlohmann::ordered_json;
  // Throws r1::UsageError for a time that is not positive.
  WorkerReward(std::string name, ChildCommand command, double timeout_seconds);
  ~WorkerReward() override;
  std::string name() const override { return name_; }
  bool judges_answers() const override { return true; }
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override;

 protected:
  using Clock = LineChild::Clock;
  // Both see what a call is about through these two; `patience` is how long the program may think, in seconds.
  virtual std::vector<WorkerUnit> units_of(std::span<const RewardInput> inputs) const = 0;
  struct Question {
    uint64_t id;
    const WorkerUnit& unit;
    std::span<const RewardInput> inputs;
    double patience;
  };
  virtual Json request(const Question& question) const = 0;
  // The verdicts of a unit, one a member, or an error of the whole unit.
  virtual std::vector<Verdict> verdicts_of(const Json& reply, const WorkerUnit& unit, std::string& error) const;
  // Says hello to a program that was just started: false when it has to be started once more. Throws r1::Error.
  virtual bool greet(Clock::time_point until) = 0;

  void say(const Json& line);
  // The next line that is an object (empty for one that only looks like it); null when the program ends first. Throws
  // r1::Error when nothing comes.
  Json hear(Clock::time_point until);
  // Starts the program when there is none, and greets it; throws r1::Error.
  void start(Clock::time_point until);
  // One request that is not about samples; throws r1::Error for an error or no reply.
  Json ask(Json request);
  double timeout_seconds() const { return timeout_; }
  uint64_t fresh_id() { return next_id_++; }
  std::span<const RewardInput> asked() const { return asked_; }  // of the call at work, for greet()

  std::string name_;
  std::unique_ptr<LineChild> child_;
  bool greeted_ = false;  // the program has said that it is there, so what happens next is about a sample

 private:
  struct Call;
  struct Stop;
  Stop attempt(Call& call);
  Stop listen(Call& call);
  void send(Call& call, WorkerUnit unit);
  void take_line(Call& call, const std::string& line);
  void blame_oldest(Call& call, const std::string& why);
  void split_or_fail(Call& call, WorkerUnit unit, const std::string& why);

  const ChildCommand command_;
  const double timeout_;
  uint64_t next_id_ = 0;
  std::span<const RewardInput> asked_;
};

// The rows' columns as lists, null where a row has none; without prompt, completion and completion_ids, which are said
// apart.
nlohmann::ordered_json columns_of(std::span<const RewardInput> inputs, std::span<const size_t> members);

// `failed`, with a reason cut to a line's length.
Verdict failed_verdict(std::string reason);
// What stands in a reply for one sample: null or NaN (left out), a number, a boolean, or an object {"score", "outcome"
// or "verdict", "reason", "extracted"}, {"error"}.
Verdict verdict_of_reply(const nlohmann::ordered_json& reply);

}  // namespace r1
