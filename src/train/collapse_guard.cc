#include "train/collapse_guard.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kLeastEntropyRise = 1;  // nats: a policy that was nearly certain may well double its entropy
constexpr double kShareLost = 0.5;       // of the reward that was won

// Of a step's line; a key that is not measured breaks no rule.
double number(const Json& metrics, const char* key) {
  const auto found = metrics.find(key);
  return found != metrics.end() && found->is_number() ? found->get<double>() : NAN;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v / static_cast<double>(values.size());
  return sum;
}

}  // namespace

void GuardOptions::declare(OptionTable& t) {
  t.begin_group("grpo: collapse guard");
  t.add("guard_rollbacks", &rollbacks, "times a collapsed run may go back to its last good checkpoint; 0: no guard");
  t.add("guard_baseline_steps", &baseline_steps, "the first good steps, which later ones are compared with");
  t.add("guard_patience", &patience, "steps in a row that break a rule, the reward being down: a collapse");
  t.add("guard_kl", &kl, "most nats a token from the reference; this and the following: 0 is off");
  t.add("guard_entropy_low", &entropy_low, "least entropy, as a share of the baseline's");
  t.add("guard_entropy_high", &entropy_high, "most entropy, times the baseline's (and 1 nat above it)");
  t.add("guard_length", &length, "most mean length, times the baseline's; least: its inverse");
  t.add("guard_repetition", &repetition, "most rise of the share of repeated n-grams");
  t.add("guard_truncated", &truncated, "most share of cut-off completions, where it was below half of that");
  t.add("guard_clip_ratio", &clip_ratio, "most share of tokens whose ratio is clipped");
  t.add("guard_grad_norm", &grad_norm, "most gradient norm, times the baseline's");
}

void GuardOptions::check() const {
  const auto at_least = [](const char* key, double value, double least) {
    if (!(value >= least) || !std::isfinite(value)) fail_usage("{} is {}, expected at least {}", key, value, least);
  };
  at_least("guard_rollbacks", static_cast<double>(rollbacks), 0);
  at_least("guard_baseline_steps", static_cast<double>(baseline_steps), 1);
  at_least("guard_patience", static_cast<double>(patience), 1);
  for (const auto& [key, value] : {std::pair("guard_kl", kl),
                                   {"guard_entropy_low", entropy_low},
                                   {"guard_repetition", repetition},
                                   {"guard_truncated", truncated},
                                   {"guard_clip_ratio", clip_ratio}})
    at_least(key, value, 0);
  for (const auto& [key, value] :
       {std::pair("guard_entropy_high", entropy_high), {"guard_length", length}, {"guard_grad_norm", grad_norm}})
    if (value != 0) at_least(key, value, 1);
}

std::string CollapseGuard::broken_rule(const Json& m) const {
  const double kl = number(m, "kl"), clipped = number(m, "clip_ratio/region_mean");
  if (o_.kl > 0 && kl > o_.kl) return fmt::format("kl {:.3g} is above guard_kl {:g}", kl, o_.kl);
  if (o_.clip_ratio > 0 && clipped > o_.clip_ratio)
    return fmt::format("clip_ratio/region_mean {:.3g} is above guard_clip_ratio {:g}", clipped, o_.clip_ratio);
  if (base_.steps == 0) return "";
  const double entropy = number(m, "rollout/entropy"), length = number(m, "completions/mean_length"),
               repetition = number(m, "completions/repetition"), cut = number(m, "completions/clipped_ratio"),
               norm = number(m, "grad_norm");
  const double n = base_.steps, usual_entropy = base_.entropy / n, usual_length = base_.length / n;
  if (o_.entropy_low > 0 && entropy < o_.entropy_low * usual_entropy)
    return fmt::format("rollout/entropy {:.3g} is below guard_entropy_low {:g} of the first steps' {:.3g}", entropy,
                       o_.entropy_low, usual_entropy);
  if (o_.entropy_high > 0 && entropy > o_.entropy_high * usual_entropy && entropy > usual_entropy + kLeastEntropyRise)
    return fmt::format("rollout/entropy {:.3g} is above guard_entropy_high {:g} times the first steps' {:.3g}", entropy,
                       o_.entropy_high, usual_entropy);
  if (o_.length > 0 && length > o_.length * usual_length)
    return fmt::format("completions/mean_length {:.1f} is above guard_length {:g} times the first steps' {:.1f}",
                       length, o_.length, usual_length);
  if (o_.length > 0 && length < usual_length / o_.length)
    return fmt::format("completions/mean_length {:.1f} is below 1/guard_length ({:g}) of the first steps' {:.1f}",
                       length, o_.length, usual_length);
  if (o_.repetition > 0 && repetition > base_.repetition / n + o_.repetition)
    return fmt::format("completions/repetition {:.3f} is more than guard_repetition {:g} above the first steps' {:.3f}",
                       repetition, o_.repetition, base_.repetition / n);
  if (o_.truncated > 0 && cut > o_.truncated && base_.truncated / n < o_.truncated / 2)
    return fmt::format("completions/clipped_ratio {:.3f} is above guard_truncated {:g}; the first steps had {:.3f}",
                       cut, o_.truncated, base_.truncated / n);
  if (o_.grad_norm > 0 && base_.grad_norm > 0 && norm > o_.grad_norm * base_.grad_norm / n)
    return fmt::format("grad_norm {:.3g} is above guard_grad_norm {:g} times the first steps' {:.3g}", norm,
                       o_.grad_norm, base_.grad_norm / n);
  return "";
}

// Against the first steps' reward and the best so far. Where nothing was won yet, half of the steps look like this.
bool CollapseGuard::lost_reward() const {
  if (base_.steps == 0) return true;
  const double usual = base_.reward / base_.steps, best = has_best_ ? std::max(best_, usual) : usual;
  return mean_of(recent_) <= best - kShareLost * (best - usual);
}

void CollapseGuard::remember_reward(double reward) {
  recent_.push_back(reward);
  if (recent_.size() > static_cast<size_t>(o_.patience)) recent_.erase(recent_.begin());
}

void CollapseGuard::observe(Json& m) {
  if (o_.rollbacks == 0) return;
  const double reward = number(m, "reward");
  remember_reward(reward);
  const std::string broken = broken_rule(m);
  const bool strike = !broken.empty() && lost_reward();
  strikes_ = strike ? strikes_ + 1 : 0;
  why_ = strike ? broken : "";
  if (broken.empty() && base_.steps < static_cast<double>(o_.baseline_steps)) {
    base_.steps++;
    base_.reward += reward;
    base_.entropy += number(m, "rollout/entropy");
    base_.length += number(m, "completions/mean_length");
    base_.repetition += number(m, "completions/repetition");
    base_.truncated += number(m, "completions/clipped_ratio");
    base_.grad_norm += number(m, "grad_norm");
  } else if (!strike && recent_.size() == static_cast<size_t>(o_.patience)) {
    const double mean = mean_of(recent_);
    best_ = has_best_ ? std::max(best_, mean) : mean;
    has_best_ = true;
  }
  m["guard/strikes"] = strikes_;
  m["guard/rollbacks"] = rollbacks();
}

double CollapseGuard::rate_factor() const { return std::ldexp(1.0, -static_cast<int>(rollbacks())); }

Json CollapseGuard::state() const {
  return {
      {"strikes", strikes_},
      {"why", why_},
      {"recent", recent_},
      {"best", has_best_ ? Json(best_) : Json()},
      {"baseline",
       {base_.steps, base_.reward, base_.entropy, base_.length, base_.repetition, base_.truncated, base_.grad_norm}},
      {"history", history_}};
}

void CollapseGuard::restore(const Json& state) {
  const Json& b = state.at("baseline");
  if (!b.is_array() || b.size() != 7) fail("trainer_state.json: guard.baseline is no list of 7 numbers");
  base_ = {b[0].get<double>(), b[1].get<double>(), b[2].get<double>(), b[3].get<double>(),
           b[4].get<double>(), b[5].get<double>(), b[6].get<double>()};
  recent_ = state.at("recent").get<std::vector<double>>();
  has_best_ = !state.at("best").is_null();
  best_ = has_best_ ? state.at("best").get<double>() : 0;
  strikes_ = state.at("strikes").get<int64_t>();
  why_ = state.at("why").get<std::string>();
  history_.assign(state.at("history").begin(), state.at("history").end());
}

bool CollapseGuard::is_good(const Json& state) { return state.is_object() && state.value("strikes", 1) == 0; }

void CollapseGuard::roll_back(const Json& state, int64_t fell, int64_t step) {
  std::vector<Json> history = std::move(history_);
  history.push_back({{"collapsed_at", fell},
                     {"back_to", step},
                     {"why", why_},
                     {"rollback", history.size() + 1},
                     {"learning_rate_factor", std::ldexp(1.0, -static_cast<int>(history.size() + 1))}});
  if (state.is_object()) {
    restore(state);
  } else {
    base_ = {};
    recent_.clear();
    has_best_ = false;
    best_ = 0;
  }
  strikes_ = 0;
  why_.clear();
  history_ = std::move(history);
}

std::string CollapseGuard::last_words() const {
  const Json& last = history_.back();
  const int64_t step = last["back_to"].get<int64_t>();
  return fmt::format(
      "collapse guard: {} for {} steps up to step {}, and the reward is down; back to {} with {:g} times the learning "
      "rate and other samples (rollback {} of at most {})",
      last["why"].get<std::string>(), o_.patience, last["collapsed_at"].get<int64_t>(),
      step > 0 ? fmt::format("the checkpoint of step {}", step) : "the beginning", rate_factor(), rollbacks(),
      o_.rollbacks);
}

void CollapseGuard::write_history(const std::string& folder) const {
  const std::string path = folder + "/rollbacks.jsonl";
  std::string text;
  for (const Json& line : history_) text += line.dump() + "\n";
  if (!text.empty() || std::filesystem::exists(path)) replace_file(path, text);
}

}  // namespace r1
