// Ctrl-C, kill -9 and --resume, whatever a run is doing.
#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

class InterruptSlow : public ::testing::Test {
 protected:
  size_t steps_of(const fs::path& run) const {
    const std::string text = read_file(run / "metrics.jsonl");
    size_t n = 0;
    for (size_t at = text.find("{\"step\":"); at != std::string::npos; at = text.find("\n{\"step\":", at + 1)) n++;
    return n;
  }
  std::vector<std::string> words(const std::string& out, const std::vector<std::string>& sets) const {
    return with_sets({"grpo", "--model", speck_, "--data", "tasks:arithmetic", "--reward", reward_, "--out", t_ / out},
                     with_defaults(sets));
  }
  // Interrupts a run without an end after its third line, in the middle of something; then goes on for two steps.
  void interrupt(const std::vector<std::string>& sets) {
    std::vector<std::string> endless = sets;
    endless.push_back("max_steps=1000000");
    Running run({.words = words("run", endless)});
    ASSERT_TRUE(run.until([&] { return steps_of(t_ / "run") >= 3; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    run.send(SIGINT);
    const Outcome o = run.wait();
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(o.signal, 0);
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find("go on with: r1 grpo --out " + (t_ / "run").string() + " --resume"), std::string::npos)
        << o.err;
    int64_t last = 0;
    for (const Json& line : json_lines_of(t_ / "run/metrics.jsonl")) last = std::max(last, line["step"].get<int64_t>());
    ASSERT_TRUE(fs::exists(t_ / "run/checkpoints" / ("step-" + std::to_string(last)) / "MANIFEST.json"))
        << "what the last step left is saved";
    const Outcome on = r1({"grpo", "--out", t_ / "run", "--resume", "--set", "max_steps=" + std::to_string(last + 2)});
    ASSERT_TRUE(done(on));
    EXPECT_NE(on.err.find("going on after step " + std::to_string(last)), std::string::npos) << on.err;
  }

  const TempFolder t_;
  const std::string speck_ = make_speck(t_), reward_ = spreading_reward(t_);

 private:
  static std::vector<std::string> with_defaults(const std::vector<std::string>& sets) {
    std::vector<std::string> all = {"num_generations=4",
                                    "per_device_train_batch_size=8",
                                    "max_completion_length=12",
                                    "learning_rate=1e-3",
                                    "save_steps=0",
                                    "guard_rollbacks=0"};
    all.insert(all.end(), sets.begin(), sets.end());
    return all;
  }
};

TEST_F(InterruptSlow, InTheMiddleOfARollout) { interrupt({"max_completion_length=400"}); }
TEST_F(InterruptSlow, BetweenTheUpdatesOfARollout) {
  interrupt({"generation_batch_size=64", "num_iterations=8", "per_device_train_batch_size=8"});
}
TEST_F(InterruptSlow, InTheMiddleOfAnEvaluation) { interrupt({"eval_steps=1", "eval_rows=100"}); }
TEST_F(InterruptSlow, WhileCheckpointsAreWritten) { interrupt({"save_steps=1"}); }

TEST_F(InterruptSlow, WhileARewardTakesItsTime) {
  write_file(t_ / "slow.sh",
             "while IFS= read -r line; do sleep 1; id=${line#*\\\"id\\\":}; id=${id%%,*}\n"
             "echo \"{\\\"id\\\":$id,\\\"score\\\":1}\"; done\n");
  Running run({.words = words("run", {"max_steps=1000", "reward=exec:touch " + (t_ / "asked").string() + "; sh " +
                                                            (t_ / "slow.sh").string()})});
  ASSERT_TRUE(run.until([&] { return fs::exists(t_ / "asked"); }));
  run.send(SIGTERM);
  const Outcome o = run.wait();
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("--resume"), std::string::npos) << o.err;
}

// A line of /proc/PID/status: a mask of signals.
bool has_interrupt(const Running& run, const std::string& mask) {
  const std::string status = read_file("/proc/" + std::to_string(run.pid()) + "/status");
  const size_t at = status.find(mask + ":");
  return at != std::string::npos && (std::stoull(status.substr(at + mask.size() + 1), nullptr, 16) >> (SIGINT - 1) & 1);
}

// A shell's background job ignores SIGINT until the program says otherwise, and the program restarts itself on its way:
// a signal of that time has to wait.
TEST_F(InterruptSlow, WhileTheProgramStarts) {
  Running run({.words = words("run", {"max_steps=1000000"}), .ignore_interrupts = true, .stop_at_restart = true});
  ASSERT_TRUE(has_interrupt(run, "SigBlk")) << "signals are not held back while it starts";
  run.send(SIGINT);
  run.go_on();
  const Outcome o = run.wait();
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("interrupted after step "), std::string::npos) << o.err;
}

TEST_F(InterruptSlow, VerbsWithoutAnythingToSaveEndAtOnce) {
  Running run({.words = {"verify", "goldens", std::string(R1_SOURCE_DIR) + "/tests/golden/models", "--json"}});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // of a second and more, starting or at work
  run.send(SIGINT);
  EXPECT_EQ(run.wait().signal, SIGINT);
}

TEST_F(InterruptSlow, KillNineAndResumeEndInTheSameBytes) {
  const std::vector<std::string> sets = {"max_steps=24", "save_steps=5", "generation_batch_size=16", "beta=0.01",
                                         "max_completion_length=64"};
  ASSERT_TRUE(done(r1(words("whole", sets))));
  bool killed = false;
  for (size_t at : {7, 17}) {  // twice; each time work behind the last checkpoint is lost
    std::vector<std::string> all = words("cut", sets);
    if (killed) all.push_back("--resume");
    Running run({.words = all});
    ASSERT_TRUE(run.until([&] { return steps_of(t_ / "cut") >= at; }));
    run.send(SIGKILL);
    ASSERT_EQ(run.wait().signal, SIGKILL) << "it ended before it could be killed";
    killed = true;
  }
  ASSERT_TRUE(done(r1({"grpo", "--out", t_ / "cut", "--resume"})));
  EXPECT_TRUE(same_bytes(t_ / "cut/model/model.safetensors", t_ / "whole/model/model.safetensors"));
  const auto metrics = json_lines_of(t_ / "cut/metrics.jsonl"), whole = json_lines_of(t_ / "whole/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 24u) << "a line a step, none twice";
  for (size_t i = 0; i < 24; i++)
    for (const char* key : {"step", "loss", "grad_norm", "reward", "kl", "num_tokens"})
      EXPECT_EQ(metrics[i][key], whole[i][key]) << key << " of step " << i + 1;
}

}  // namespace
}  // namespace r1::e2e
