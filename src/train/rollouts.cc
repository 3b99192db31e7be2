#include "train/rollouts.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/interrupt.h"
#include "train/episodes.h"
#include "train/judging.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// Between the seeds of one run's attempts; odd and large, so that neighbours of a seed are never met.
constexpr uint64_t kOtherSeed = 0x9e3779b97f4a7c15u;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Moments {
  double n = 0, sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
  void add(double x) {
    n++;
    sum += x;
    squares += x * x;
    low = std::min(low, x);
    high = std::max(high, x);
  }
  double mean() const { return n > 0 ? sum / n : 0; }
  double deviation() const {  // sample standard deviation, as torch.std
    return n > 1 ? std::sqrt(std::max(0.0, (squares - sum * sum / n) / (n - 1))) : 0;
  }
};

Outcome outcome_of(const std::string& name) {
  for (Outcome o : {Outcome::correct, Outcome::wrong, Outcome::no_answer, Outcome::failed})
    if (name == outcome_name(o)) return o;
  fail("trainer_state.json: \"{}\" is no verdict", name);
}

}  // namespace

RolloutMaker::RolloutMaker(const GrpoOptions& options, Sampler& sampler, const PromptBuilder& prompts,
                           const std::vector<DataRow>& rows, Reward& reward)
    : options_(options),
      sampler_(&sampler),
      prompts_(prompts),
      rows_(rows),
      reward_(reward),
      environment_(make_environment(options.environment)) {
  R1_CHECK(!rows.empty());
}

double RolloutMaker::epoch_after(int64_t rollouts) const {
  return static_cast<double>(rollouts * options_.prompts_per_rollout()) / static_cast<double>(rows_.size());
}

const DataRow& RolloutMaker::row_at(int64_t number, int64_t place) const {
  const uint64_t n = rows_.size(), at = static_cast<uint64_t>(number * options_.prompts_per_rollout() + place);
  const RandomPlace order{
      .seed = static_cast<uint64_t>(options_.seed), .stage = Stage::shuffle, .step = static_cast<uint32_t>(at / n)};
  return rows_[options_.shuffle_dataset ? permuted_index(order, at % n, n) : at % n];
}

SamplingOptions RolloutMaker::sampling(int64_t number) const {
  SamplingOptions out = options_.sampling(static_cast<uint32_t>(number));
  out.seed += static_cast<uint64_t>(attempt_) * kOtherSeed;
  return out;
}

RewardInput RolloutMaker::asked(int64_t number, int64_t place, const Prompt& prompt) const {
  RewardInput out;
  out.prompt = prompt.text;
  out.prefilled = prompt.prefilled;
  out.group = place;
  out.row = row_at(number, place).row;
  out.step = number * options_.steps_per_rollout();
  out.max_steps = options_.total_steps(rows_.size());
  return out;
}

Rollout RolloutMaker::make(int64_t number, const std::function<void(int64_t)>& progress) const {
  const auto start = Clock::now();
  const int64_t num_prompts = options_.prompts_per_rollout();
  const size_t each = static_cast<size_t>(options_.num_generations);
  Rollout out;
  out.number = number;
  std::vector<PromptRequest> requests;
  Episodes episodes(*environment_, prompts_);
  for (int64_t i = 0; i < num_prompts; i++) {
    out.groups.emplace_back();
    out.groups.back().prompt = prompts_.build(row_at(number, i));
    episodes.begin(static_cast<size_t>(i), row_at(number, i), out.groups.back().prompt, each);
    requests.push_back({out.groups.back().prompt.ids, i, static_cast<int>(each)});
  }
  AsyncJudge judge(reward_, static_cast<size_t>(num_prompts) * each);
  int64_t done = 0;
  Sampler::Hooks hooks;
  hooks.finished = [&](size_t request, int sample, const Completion& c) {
    const Prompt& prompt = out.groups[request].prompt;
    RewardInput in = asked(number, static_cast<int64_t>(request), prompt);
    in.completion = c.text;
    in.num_tokens = c.num_learned();
    in.truncated = c.finish == FinishReason::length;
    in.row = episodes.row_for_reward(request, sample, in.row);
    in.completion_ids = c.ids;
    judge.submit(request * each + static_cast<size_t>(sample), std::move(in));
    progress(++done);
  };
  hooks.cancelled = interrupted;
  SamplingOptions sampling = this->sampling(number);
  episodes.attach(sampling, hooks);
  std::vector<Group> groups = sampler_->generate(requests, sampling, hooks);
  out.seconds_rollout = since(start);
  if (interrupted()) {
    out.groups.clear();
    return out;
  }
  std::vector<Verdict> verdicts = judge.finish();
  out.seconds_reward = judge.seconds_waited();
  for (size_t g = 0; g < groups.size(); g++) {
    out.groups[g].group = std::move(groups[g]);
    for (size_t s = 0; s < each; s++) {
      out.groups[g].verdicts.push_back(std::move(verdicts[g * each + s]));
      out.groups[g].episodes.push_back(episodes.result(g, static_cast<int>(s)));
    }
  }
  set_advantages(out);
  measure(out);
  return out;
}

void RolloutMaker::set_advantages(Rollout& rollout) const {
  const ScaleRewards scale = options_.scale_rewards == "group"   ? ScaleRewards::group
                             : options_.scale_rewards == "batch" ? ScaleRewards::batch
                                                                 : ScaleRewards::none;
  std::vector<std::vector<double>> rewards, advantages;
  std::string last_failure;
  int64_t num_failed = 0, num_verdicts = 0;
  for (const JudgedGroup& g : rollout.groups) {
    rewards.emplace_back();
    for (const Verdict& v : g.verdicts) {
      const bool failed = v.outcome == Outcome::failed;
      if (failed) last_failure = v.reason;
      num_failed += failed;
      num_verdicts++;
      rewards.back().push_back(failed ? NAN : v.score);
    }
  }
  if (num_failed == num_verdicts)
    fail("rollout {}: every verdict failed, so there is nothing to learn from; the last one said: {}",
         rollout.number + 1, last_failure);
  if (static_cast<double>(num_failed) > options_.max_failed_rewards * static_cast<double>(num_verdicts))
    fail("rollout {}: {} of {} verdicts failed, more than max_failed_rewards = {} allows; the last one said: {}",
         rollout.number + 1, num_failed, num_verdicts, options_.max_failed_rewards, last_failure);
  const std::vector<double> deviations = group_advantages(rewards, scale, advantages);
  for (size_t g = 0; g < rollout.groups.size(); g++) {
    rollout.groups[g].spread = deviations[g] > 0;
    rollout.groups[g].group.set_advantages({advantages[g].begin(), advantages[g].end()});
  }
  double deviation = 0;
  for (double d : deviations) deviation += d / static_cast<double>(deviations.size());
  rollout.metrics["reward_std"] = deviation;
}

void RolloutMaker::measure(Rollout& rollout) const {
  Moments reward, length, ended, prompt_length;
  std::map<std::string, Moments> parts;
  std::vector<Json> episodes;
  double tokens = 0, cut = 0, failed = 0, correct = 0, no_answer = 0, flat = 0;
  for (const JudgedGroup& g : rollout.groups) {
    flat += !g.spread;
    prompt_length.add(static_cast<double>(g.group.prompt_ids.size()));
    episodes.insert(episodes.end(), g.episodes.begin(), g.episodes.end());
    for (size_t i = 0; i < g.verdicts.size(); i++) {
      const Completion& c = g.group.completions[i];
      const Verdict& v = g.verdicts[i];
      const double own = static_cast<double>(c.num_learned());
      tokens += static_cast<double>(c.ids.size());
      length.add(own);
      if (c.finish == FinishReason::length)
        cut++;
      else
        ended.add(own);
      correct += v.outcome == Outcome::correct;
      no_answer += v.outcome == Outcome::no_answer;
      if (v.outcome == Outcome::failed) {
        failed++;
        continue;
      }
      reward.add(v.score);
      for (const auto& [name, score] : v.parts)
        if (!std::isnan(score)) parts[name].add(score);  // a reward that did not apply is in no mean
    }
  }
  Json& m = rollout.metrics;
  m["reward"] = reward.mean();
  m["frac_reward_zero_std"] = flat / static_cast<double>(rollout.groups.size());
  for (const auto& [name, p] : parts) {
    m["rewards/" + name + "/mean"] = p.mean();
    m["rewards/" + name + "/std"] = p.deviation();
  }
  m["completions/mean_length"] = length.mean();
  m["completions/min_length"] = length.low;
  m["completions/max_length"] = length.high;
  m["completions/clipped_ratio"] = cut / length.n;
  m["completions/mean_terminated_length"] = ended.mean();
  m["completions/min_terminated_length"] = ended.n > 0 ? ended.low : 0;
  m["completions/max_terminated_length"] = ended.n > 0 ? ended.high : 0;
  m["prompts/mean_length"] = prompt_length.mean();
  m["verdicts/correct"] = correct / length.n;
  m["verdicts/no_answer"] = no_answer / length.n;
  m["verdicts/failed"] = failed / length.n;
  m["groups/dropped"] = flat;
  m["rollout/tokens"] = tokens;
  m.update(episode_metrics(episodes));
  m["time/rollout"] = rollout.seconds_rollout;
  m["time/reward"] = rollout.seconds_reward;
}

Json Rollout::to_json() const {
  Json out = {{"number", number}, {"int8", int8}, {"metrics", metrics}, {"groups", Json::array()}};
  for (const JudgedGroup& g : groups) {
    Json group = {{"prompt", g.prompt.text},    {"prefilled", g.prompt.prefilled},
                  {"prompt_ids", g.prompt.ids}, {"advantages", g.group.advantages},
                  {"spread", g.spread},         {"completions", Json::array()}};
    for (size_t i = 0; i < g.verdicts.size(); i++) {
      const Completion& c = g.group.completions[i];
      group["completions"].push_back({{"ids", c.ids},
                                      {"behavior_logp", c.behavior_logp},
                                      {"sampling_logp", c.sampling_logp},
                                      {"learn", c.learn},
                                      {"finish", finish_name(c.finish)},
                                      {"outcome", outcome_name(g.verdicts[i].outcome)},
                                      {"score", g.verdicts[i].score}});
      if (!c.token_advantages.empty()) group["completions"].back()["token_advantages"] = c.token_advantages;
    }
    out["groups"].push_back(std::move(group));
  }
  return out;
}

Rollout Rollout::from_json(const Json& json) {
  Rollout out;
  out.number = json.at("number").get<int64_t>();
  out.int8 = json.value("int8", false);
  out.metrics = json.at("metrics");
  for (const Json& g : json.at("groups")) {
    JudgedGroup judged;
    judged.prompt = {g.at("prompt").get<std::string>(), g.at("prefilled").get<std::string>(),
                     g.at("prompt_ids").get<std::vector<TokenId>>()};
    judged.group.prompt_ids = judged.prompt.ids;
    judged.spread = g.at("spread").get<bool>();
    for (const Json& c : g.at("completions")) {
      judged.group.completions.emplace_back(c.at("ids").get<std::vector<TokenId>>(),
                                            c.at("behavior_logp").get<std::vector<float>>(),
                                            c.at("sampling_logp").get<std::vector<float>>(),
                                            c.at("finish") == "stop" ? FinishReason::stop : FinishReason::length);
      judged.group.completions.back().set_learn(c.value("learn", std::vector<uint8_t>()));
      if (c.contains("token_advantages"))
        judged.group.completions.back().set_token_advantages(c.at("token_advantages").get<std::vector<float>>());
      Verdict v;
      v.outcome = outcome_of(c.at("outcome").get<std::string>());
      v.score = c.at("score").get<double>();
      judged.verdicts.push_back(std::move(v));
    }
    judged.group.set_advantages(g.at("advantages").get<std::vector<float>>());
    out.groups.push_back(std::move(judged));
  }
  return out;
}

}  // namespace r1
