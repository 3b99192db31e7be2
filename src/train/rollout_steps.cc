#include "train/rollout_steps.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/interrupt.h"
#include "text/steps.h"
#include "train/exact_truths.h"
#include "train/judging.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;

const Tokenizer& needed(const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) fail("advantage and blame of steps: the model has no tokenizer, and steps are of text");
  return *tokenizer;
}

ScaleRewards scale_of(const std::string& name) {
  return name == "group" ? ScaleRewards::group : name == "batch" ? ScaleRewards::batch : ScaleRewards::none;
}

double mean_of(double sum, double n) { return n > 0 ? sum / n : 0; }

}  // namespace

struct RolloutSteps::Answer {
  SteppedAnswer known;
  std::vector<size_t> step_of;  // a step a token; an environment's tokens have that of the model's token before them
  std::vector<size_t> ends;     // tokens up to and with each step
};

// The prefixes of a rollout's answers that are continued: a request each.
struct RolloutSteps::Valued {
  struct Place {
    size_t group, sample, steps, tokens;  // steps, tokens: of the answer, in the prefix
  };
  std::vector<PromptRequest> requests;
  std::vector<Place> places;
};

RolloutSteps::RolloutSteps(const GrpoOptions& options, const RolloutMaker& maker, const Tokenizer* tokenizer,
                           Reward& reward)
    : options_(options), maker_(maker), tokenizer_(needed(tokenizer)), reward_(reward) {}

SamplingLoad RolloutSteps::load(const GrpoOptions& options, const SamplingLoad& rollout) {
  SamplingLoad out = rollout;
  out.prompts = rollout.samples * options.step_mc_max_steps;
  out.samples = out.prompts * options.step_mc_rollouts;
  out.longest_prompt = rollout.longest_prompt + rollout.max_new_tokens - 1;
  return out;
}

std::string RolloutSteps::formula() const {
  return step_formula_text(options_.advantage, options_.blame, options_.scale_rewards, options_.step_mc_rollouts);
}

RolloutSteps::Answer RolloutSteps::take_apart(const Rollout& rollout, size_t group, size_t sample) const {
  const JudgedGroup& g = rollout.groups[group];
  const Completion& c = g.group.completions[sample];
  const Verdict& verdict = g.verdicts[sample];
  Answer out;
  out.known.right = verdict.outcome == Outcome::correct;
  out.known.wrong = verdict.outcome == Outcome::wrong;
  if (verdict.outcome != Outcome::failed) out.known.reward = verdict.score;
  const std::vector<Step> steps = split_steps(c.text);
  std::vector<TokenId> own;
  for (size_t i = 0; i < c.ids.size(); i++)
    if (c.learned(i)) own.push_back(c.ids[i]);
  const std::vector<Step> ranges = token_steps(steps, own, tokenizer_);
  size_t step = 0, place = 0;
  for (size_t i = 0; i < c.ids.size(); i++) {
    while (step + 1 < ranges.size() && place >= ranges[step].to) step++;
    out.step_of.push_back(step);
    place += c.learned(i);
  }
  for (const Step& range : ranges) out.ends.push_back(range.to);
  std::vector<std::string> texts;
  for (const Step& s : steps) texts.push_back(c.text.substr(s.from, s.to - s.from));
  out.known.truths.assign(std::max<size_t>(1, steps.size()), Truth::none);
  if (!texts.empty() && verdict.outcome != Outcome::failed)
    out.known.truths = exact_truths(maker_.row_at(rollout.number, static_cast<int64_t>(group)).row, texts);
  return out;
}

RolloutSteps::Valued RolloutSteps::prefixes_of(const Rollout& rollout,
                                               const std::vector<std::vector<Answer>>& answers) const {
  Valued out;
  const auto most_tokens = static_cast<size_t>(options_.max_completion_length);
  for (size_t g = 0; g < answers.size(); g++) {
    if (!rollout.groups[g].spread) continue;
    for (size_t s = 0; s < answers[g].size(); s++) {
      const Answer& a = answers[g][s];
      const Completion& c = rollout.groups[g].group.completions[s];
      if (std::isnan(a.known.reward)) continue;
      R1_CHECK(c.learn.empty());
      for (const size_t k : chosen_prefixes(a.ends, static_cast<size_t>(options_.step_mc_max_steps), most_tokens)) {
        const size_t tokens = a.ends[k - 1];
        std::vector<TokenId> ids = rollout.groups[g].prompt.ids;
        ids.insert(ids.end(), c.ids.begin(), c.ids.begin() + static_cast<std::ptrdiff_t>(tokens));
        // the rollout's own prompts have the numbers before these
        out.requests.push_back({.ids = std::move(ids),
                                .index = static_cast<int64_t>(answers.size() + out.requests.size()),
                                .samples = static_cast<int>(options_.step_mc_rollouts),
                                .max_new_tokens = options_.max_completion_length - static_cast<int64_t>(tokens)});
        out.places.push_back({g, s, k, tokens});
      }
    }
  }
  return out;
}

RewardInput RolloutSteps::input_of(const Rollout& rollout, const Valued& valued, size_t request,
                                   const Completion& more) const {
  const Valued::Place& at = valued.places[request];
  const JudgedGroup& g = rollout.groups[at.group];
  const std::vector<TokenId>& begun = g.group.completions[at.sample].ids;
  std::vector<TokenId> ids(begun.begin(), begun.begin() + static_cast<std::ptrdiff_t>(at.tokens));
  ids.insert(ids.end(), more.ids.begin(), more.ids.end());
  RewardInput in = maker_.asked(rollout.number, static_cast<int64_t>(at.group), g.prompt);
  in.completion = tokenizer_.decode(ids, true);
  in.num_tokens = static_cast<int64_t>(ids.size());
  in.truncated = more.finish == FinishReason::length;
  in.group = static_cast<int64_t>(request);  // its continuations are compared with one another
  in.completion_ids = std::move(ids);
  return in;
}

bool RolloutSteps::value_prefixes(Rollout& rollout, std::vector<std::vector<Answer>>& answers,
                                  const std::function<void(int64_t, int64_t)>& progress) const {
  const auto start = Clock::now();
  const Valued valued = prefixes_of(rollout, answers);
  const auto each = static_cast<size_t>(options_.step_mc_rollouts), all = valued.requests.size() * each;
  double tokens = 0, sum = 0, counted = 0;
  if (all > 0) {
    AsyncJudge judge(reward_, all);
    int64_t done = 0;
    Sampler::Hooks hooks;
    hooks.cancelled = interrupted;
    hooks.finished = [&](size_t request, int sample, const Completion& c) {
      tokens += static_cast<double>(c.ids.size());
      judge.submit(request * each + static_cast<size_t>(sample), input_of(rollout, valued, request, c));
      progress(++done, static_cast<int64_t>(all));
    };
    maker_.sampler().generate(valued.requests, maker_.sampling(rollout.number), hooks);
    if (interrupted()) return false;
    const std::vector<Verdict> verdicts = judge.finish();
    for (size_t r = 0; r < valued.requests.size(); r++) {
      const Valued::Place& at = valued.places[r];
      PrefixWorth worth{.steps = at.steps};
      for (size_t k = r * each; k < (r + 1) * each; k++) {
        if (verdicts[k].outcome == Outcome::failed) continue;
        worth.counted++;
        worth.right += verdicts[k].outcome == Outcome::correct;
        worth.sum += verdicts[k].score;
      }
      sum += worth.sum;
      counted += worth.counted;
      answers[at.group][at.sample].known.prefixes.push_back(worth);
    }
  }
  rollout.metrics["step_mc/tokens"] = tokens;
  rollout.metrics["step_mc/prefixes"] = valued.requests.size();
  rollout.metrics["step_mc/rollouts"] = all;
  rollout.metrics["step_mc/value"] = mean_of(sum, counted);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  rollout.metrics["time/step_values"] = seconds;
  rollout.seconds_reward += seconds;
  return true;
}

namespace {
// What was known, and who was blamed.
struct StepCounts {
  double answers = 0, steps = 0, evident = 0, wrong = 0, located = 0, first = 0, first_share = 0;
  double tokens = 0, blamed = 0;

  void add(const SteppedAnswer& a, const std::optional<size_t>& error) {
    answers++;
    const auto n = static_cast<double>(a.truths.size());
    steps += n;
    evident += static_cast<double>(a.truths.size()) -
               static_cast<double>(std::count(a.truths.begin(), a.truths.end(), Truth::none));
    wrong += a.wrong;
    if (!error) return;
    located++;
    first += static_cast<double>(*error);
    first_share += static_cast<double>(*error) / n;
  }
  void write(nlohmann::ordered_json& m) const {
    m["steps/mean"] = mean_of(steps, answers);
    m["steps/evident"] = mean_of(evident, steps);
    m["steps/located"] = mean_of(located, wrong);
    m["steps/first_error"] = mean_of(first, located);
    m["steps/first_error_share"] = mean_of(first_share, located);
    m["steps/blamed_tokens"] = mean_of(blamed, tokens);
  }
};
}  // namespace

bool RolloutSteps::set_advantages(Rollout& rollout, const std::function<void(int64_t, int64_t)>& progress) const {
  std::vector<std::vector<Answer>> answers(rollout.groups.size());
  for (size_t g = 0; g < rollout.groups.size(); g++)
    for (size_t s = 0; s < rollout.groups[g].verdicts.size(); s++) answers[g].push_back(take_apart(rollout, g, s));
  if (options_.advantage == "step_mc" && !value_prefixes(rollout, answers, progress)) return false;
  std::vector<SteppedGroup> known;
  for (const auto& group : answers) {
    known.emplace_back();
    for (const Answer& a : group) known.back().push_back(a.known);
  }
  const ScaleRewards scale = scale_of(options_.scale_rewards);
  StepValues values;
  if (options_.advantage != "outcome")
    values = options_.advantage == "process" ? process_advantages(known, scale) : step_mc_advantages(known, scale);
  StepCounts counts;
  for (size_t g = 0; g < known.size(); g++)
    for (size_t s = 0; s < known[g].size(); s++) {
      Group& group = rollout.groups[g].group;
      Completion& c = group.completions[s];
      std::vector<double> steps =
          values.empty() ? std::vector<double>(known[g][s].truths.size(), group.advantages[s]) : values[g][s];
      const std::optional<size_t> error = first_wrong_step(known[g], s);
      if (error && options_.blame == "from_error") blame_from(steps, *error);
      std::vector<float> by_token;
      for (size_t i = 0; i < c.ids.size(); i++) {
        by_token.push_back(c.learned(i) ? static_cast<float>(steps[answers[g][s].step_of[i]]) : 0.0f);
        counts.tokens += c.learned(i);
        counts.blamed += by_token.back() < 0;
      }
      c.set_token_advantages(std::move(by_token));
      counts.add(known[g][s], error);
    }
  counts.write(rollout.metrics);
  return true;
}

}  // namespace r1
