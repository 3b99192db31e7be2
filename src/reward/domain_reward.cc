#include "reward/domain_reward.h"

#include <algorithm>

#include "base/error.h"
#include "text/thinking.h"

namespace r1 {

size_t find_outside_brackets(std::string_view text, char wanted, size_t from) {
  int depth = 0;
  for (size_t i = from; i < text.size(); i++) {
    if (depth == 0 && text[i] == wanted) return i;
    if (text[i] == '(') depth++;
    if (text[i] == ')' && depth > 0) depth--;
  }
  return text.size();
}

namespace {

struct Domain {
  std::string name;
  std::unique_ptr<Reward> reward;
};

class DomainReward : public Reward {
 public:
  explicit DomainReward(std::vector<Domain> domains) : domains_(std::move(domains)) {}

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size());
    std::vector<std::vector<RewardInput>> of(domains_.size());
    std::vector<std::vector<size_t>> places(domains_.size());
    for (size_t i = 0; i < inputs.size(); i++) {
      const std::string name = domain_of(inputs[i]);
      const auto found =
          std::find_if(domains_.begin(), domains_.end(), [&](const Domain& d) { return d.name == name; });
      if (found == domains_.end()) {
        out[i].reason = fmt::format("the row's domain is \"{}\", which the reward does not list", name);
        continue;
      }
      const size_t d = static_cast<size_t>(found - domains_.begin());
      of[d].push_back(inputs[i]);
      places[d].push_back(i);
    }
    for (size_t d = 0; d < domains_.size(); d++) {
      if (of[d].empty()) continue;
      std::vector<Verdict> verdicts = domains_[d].reward->judge(of[d]);
      R1_CHECK(verdicts.size() == of[d].size());
      for (size_t k = 0; k < verdicts.size(); k++) {
        Verdict& v = out[places[d][k]];
        v = std::move(verdicts[k]);
        for (auto& [part, score] : v.parts) part = domains_[d].name + ":" + part;
        if (v.outcome != Outcome::failed) v.parts.insert(v.parts.begin(), {domains_[d].name, v.score});
      }
    }
    return out;
  }
  bool needs_groups() const override {
    return std::any_of(domains_.begin(), domains_.end(), [](const Domain& d) { return d.reward->needs_groups(); });
  }
  std::string name() const override { return "domain"; }

 private:
  std::string domain_of(const RewardInput& in) const {
    if (!in.row.is_object() || !in.row.contains("domain") || in.row["domain"].is_null()) return domains_[0].name;
    return in.row["domain"].is_string() ? in.row["domain"].get<std::string>() : in.row["domain"].dump();
  }

  std::vector<Domain> domains_;  // never empty
};

}  // namespace

std::unique_ptr<Reward> make_domain_reward(std::string_view body, const RewardOptions& options) {
  std::vector<Domain> domains;
  for (size_t at = 0; at <= body.size();) {
    const size_t end = find_outside_brackets(body, ',', at);
    const std::string_view entry = trim(body.substr(at, end - at));
    const size_t colon = entry.find(':');
    if (colon == std::string_view::npos || trim(entry.substr(0, colon)).empty() ||
        trim(entry.substr(colon + 1)).empty())
      fail_usage("reward domain({}): \"{}\" is no NAME:REWARD", body, entry);
    const std::string name(trim(entry.substr(0, colon)));
    for (const Domain& d : domains)
      if (d.name == name) fail_usage("reward domain({}): names {} twice", body, name);
    domains.push_back({name, make_reward(std::string(trim(entry.substr(colon + 1))), options)});
    at = end + 1;
  }
  return std::make_unique<DomainReward>(std::move(domains));
}

}  // namespace r1
