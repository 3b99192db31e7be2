#include "reward/http_reward.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/http_client.h"
#include "reward/worker_reward.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kMostServers = 256;

std::vector<std::string> split_urls(const std::string& urls) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= urls.size();) {
    const size_t end = std::min(urls.find(',', at), urls.size());
    out.push_back(urls.substr(at, end - at));
    const size_t host = out.back().find("://");
    if ((!out.back().starts_with("http://") && !out.back().starts_with("https://")) || host + 3 >= out.back().size())
      fail_usage("reward openrlhf+{}: expected openrlhf+http://HOST/PATH", urls);
    if (out.size() > kMostServers) fail_usage("reward openrlhf+http: more than {} addresses", kMostServers);
    at = end + 1;
  }
  return out;
}

// One number a sample, where lists may hold lists of one as tensors give them.
Json number_at(const Json& list, size_t i, size_t count) {
  if (!list.is_array() || list.size() != count) return Json();
  const Json& one = list[i];
  return one.is_array() && one.size() == 1 ? one[0] : one;
}

class HttpReward : public Reward {
 public:
  HttpReward(const std::string& urls, double timeout) : urls_(split_urls(urls)) {
    if (!(timeout > 0 && timeout < 1e6)) fail_usage("reward_timeout_seconds is {}; expected more than 0", timeout);
    for (size_t i = 0; i < urls_.size(); i++)
      clients_.push_back(std::make_unique<HttpClient>(
          HttpLimits{.connect_seconds = 10, .total_seconds = timeout, .token_variable = "R1_REWARD_TOKEN"}));
  }
  std::string name() const override { return "openrlhf"; }
  bool judges_answers() const override { return true; }

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size());
    const size_t shards = std::min(urls_.size(), inputs.size());
    const auto ask = [&](size_t s) {
      const size_t begin = inputs.size() * s / shards, end = inputs.size() * (s + 1) / shards;
      judge_shard(s, inputs.subspan(begin, end - begin), {out.data() + begin, end - begin});
    };
    // all wait at the same time, however few the cores are: the limit is the call's
    std::vector<std::jthread> others;
    for (size_t s = 1; s < shards; s++) others.emplace_back(ask, s);
    if (shards > 0) ask(0);
    others.clear();
    return out;
  }

 private:
  void judge_shard(size_t shard, std::span<const RewardInput> inputs, std::span<Verdict> out) {
    const auto start = std::chrono::steady_clock::now();
    try {
      const std::string reply = clients_[shard]->post_json(
          urls_[shard], request(inputs).dump(-1, ' ', false, Json::error_handler_t::replace));
      read(Json::parse(reply, nullptr, false), out);
    } catch (const std::exception& e) {  // the server's fault, whatever the completions are worth
      for (Verdict& v : out) v = failed_verdict(e.what());
    }
    for (Verdict& v : out) v.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  static Json label_of(const Json& row) {
    if (row.is_object())
      for (const char* key : {"label", "labels", "answer", "ground_truth", "solution", "target"})
        if (row.contains(key)) return row[key];
    return Json();
  }

  static Json request(std::span<const RewardInput> inputs) {
    Json query = Json::array(), prompts = Json::array(), labels = Json::array();
    for (const RewardInput& in : inputs) {
      query.push_back(in.prompt + in.completion);
      prompts.push_back(in.prompt);
      labels.push_back(label_of(in.row));
    }
    return {{"query", query}, {"prompts", prompts}, {"labels", labels}};
  }

  static void read(const Json& reply, std::span<Verdict> out) {
    if (!reply.is_object()) fail("the reply is no JSON object");
    const Json rewards = reply.value("rewards", Json()), scores = reply.value("scores", Json());
    const Json logs = reply.value("extra_logs", Json());
    if (!rewards.is_array() || rewards.size() != out.size())
      fail("the reply has no \"rewards\" of {} numbers", out.size());
    for (size_t i = 0; i < out.size(); i++) {
      out[i] = verdict_of_reply(number_at(rewards, i, out.size()));
      if (out[i].outcome == Outcome::failed) continue;
      if (const Json score = number_at(scores, i, out.size()); score.is_number()) {
        out[i].outcome = score.get<double>() > 0 ? Outcome::correct : Outcome::wrong;
        out[i].parts.push_back({"scores", score.get<double>()});
      }
      if (!logs.is_object()) continue;
      for (const auto& [key, values] : logs.items())
        if (const Json one = number_at(values, i, out.size()); one.is_number())
          out[i].parts.push_back({key, one.get<double>()});
    }
  }

  const std::vector<std::string> urls_;
  std::vector<std::unique_ptr<HttpClient>> clients_;  // one an address
};

}  // namespace

std::unique_ptr<Reward> make_http_reward(const std::string& urls, double timeout_seconds) {
  return std::make_unique<HttpReward>(urls, timeout_seconds);
}

}  // namespace r1
