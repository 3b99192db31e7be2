#include "reward/journaled_reward.h"

#include "base/durable_file.h"
#include "base/error.h"
#include "reward/verdict_journal.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

class JournaledReward : public Reward {
 public:
  JournaledReward(std::unique_ptr<Reward> reward, std::string spec, const std::string& path)
      : reward_(std::move(reward)), spec_(std::move(spec)), path_(path) {}
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out = reward_->judge(inputs);
    R1_CHECK(out.size() == inputs.size());
    if (!journal_ && !out.empty()) journal_ = std::make_unique<VerdictJournal>(path_);  // a run's folder comes after it
    for (size_t i = 0; i < out.size(); i++) {
      const Json about = {spec_, inputs[i].prompt, inputs[i].completion, inputs[i].row};
      journal_->record(sha256_hex(about.dump(-1, ' ', false, Json::error_handler_t::replace)), spec_, out[i]);
    }
    return out;
  }
  bool needs_groups() const override { return reward_->needs_groups(); }
  bool judges_answers() const override { return reward_->judges_answers(); }
  std::string name() const override { return reward_->name(); }

 private:
  const std::unique_ptr<Reward> reward_;
  const std::string spec_;
  const std::string path_;
  std::unique_ptr<VerdictJournal> journal_;  // opened with the first verdict
};

}  // namespace

std::unique_ptr<Reward> make_journaled_reward(std::unique_ptr<Reward> reward, const std::string& spec,
                                              const std::string& path) {
  return std::make_unique<JournaledReward>(std::move(reward), spec, path);
}

}  // namespace r1
