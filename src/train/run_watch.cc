#include "train/run_watch.h"

#include "base/error.h"
#include "data/question.h"
#include "reward/question_language.h"
#include "train/audit.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kAhas = 2;  // kept of a rollout

// What a checker was given of a sample.
RewardInput input_of(const JudgedGroup& g, size_t sample, size_t group, const DataRow& row) {
  const Completion& c = g.group.completions[sample];
  return {.prompt = g.prompt.text,
          .completion = c.text,
          .prefilled = g.prompt.prefilled,
          .num_tokens = static_cast<int64_t>(c.ids.size()),
          .truncated = c.finish == FinishReason::length,
          .group = static_cast<int64_t>(group),
          .row = row.row};
}

// Mean of -log pi over all sampled tokens: the policy's entropy where it samples at temperature 1, unfiltered. Unlike
// what updates measure it counts groups without spread, too, and a policy that has collapsed has no others.
double sampled_entropy(const Rollout& rollout) {
  double sum = 0, tokens = 0;
  for (const JudgedGroup& g : rollout.groups)
    for (const Completion& c : g.group.completions)
      for (const float logp : c.behavior_logp) sum -= static_cast<double>(logp), tokens++;
  return tokens > 0 ? sum / tokens : 0;
}

Json words_of(const std::string& completion) {
  Json out = Json::array();
  for (const Reflection& r : reflections_in(completion)) out.push_back(kReflectionWords[r.word]);
  return out;
}

Json aha_json(const std::string& completion) {
  const std::optional<Aha> aha = find_aha(completion);
  return aha ? Json{{"word", aha->word}, {"before", aha->before}, {"after", aha->after}} : Json();
}

// Made when there is something to write, or to be cut.
std::unique_ptr<JsonLog> open_log(const std::filesystem::path& path, bool wanted, int64_t step, bool resumed) {
  if (!wanted && !std::filesystem::exists(path)) return nullptr;
  return std::make_unique<JsonLog>(path, resumed ? step : -1);
}

}  // namespace

RunWatch::RunWatch(const GrpoOptions& options, const std::vector<DataRow>& rows)
    : o_(options), rows_(rows), difficulty_(rows) {
  if (o_.radar_steps > 0) radar_ = std::make_unique<HackRadar>(o_.reward, o_.reward_options());
  if (radar_ && !radar_->useful()) radar_.reset();
}

void RunWatch::open(const std::filesystem::path& folder, int64_t step, bool resumed) {
  ahas_.reset();
  watched_.reset();
  ahas_ = open_log(folder / "aha.jsonl", true, step, resumed);
  watched_ = open_log(folder / "watched.jsonl", o_.watch_steps > 0, step, resumed);
  last_watched_ = watched_ ? watched_->last_kept().value("step", int64_t{-1}) : -1;
}

std::string RunWatch::look(Rollout& rollout, const RolloutMaker& maker, int64_t step) {
  std::vector<const DataRow*> rows;
  std::vector<std::string> languages;
  for (size_t g = 0; g < rollout.groups.size(); g++) {
    rows.push_back(&maker.row_at(rollout.number, static_cast<int64_t>(g)));
    languages.push_back(question_language(rows.back()->row, question_text(*rows.back())));
  }
  std::vector<LookedAt> all;
  for (size_t g = 0; g < rollout.groups.size(); g++) {
    const JudgedGroup& group = rollout.groups[g];
    for (size_t i = 0; i < group.verdicts.size(); i++)
      all.push_back({.completion = group.group.completions[i].text,
                     .prefilled = group.prompt.prefilled,
                     .outcome = group.verdicts[i].outcome,
                     .num_tokens = static_cast<int64_t>(group.group.completions[i].ids.size()),
                     .language = languages[g],
                     .difficulty = difficulty_.level(*rows[g])});
  }
  add_r1_metrics(all, rollout.metrics);
  rollout.metrics["rollout/entropy"] = sampled_entropy(rollout);
  log_ahas(rollout, rows, step);
  if (!radar_ || (last_look_ >= 0 && step - last_look_ < o_.radar_steps)) return "";
  last_look_ = step;
  std::vector<RewardInput> inputs;
  std::vector<Verdict> verdicts;
  for (size_t g = 0; g < rollout.groups.size(); g++)
    for (size_t i = 0; i < rollout.groups[g].verdicts.size(); i++) {
      inputs.push_back(input_of(rollout.groups[g], i, g, *rows[g]));
      verdicts.push_back(rollout.groups[g].verdicts[i]);
    }
  return radar_->look(inputs, verdicts, rollout.metrics);
}

void RunWatch::log_ahas(const Rollout& rollout, const std::vector<const DataRow*>& rows, int64_t step) {
  size_t left = kAhas;
  for (size_t g = 0; g < rollout.groups.size() && left > 0; g++) {
    const JudgedGroup& group = rollout.groups[g];
    for (size_t i = 0; i < group.verdicts.size() && left > 0; i++) {
      const std::string& text = group.group.completions[i].text;
      const std::optional<Aha> aha = find_aha(text);
      if (!aha) continue;
      left--;
      ahas_->append({{"step", step + 1},
                     {"row", rows[g] - rows_.data()},
                     {"prompt", group.prompt.text},
                     {"completion", text},
                     {"outcome", outcome_name(group.verdicts[i].outcome)},
                     {"word", aha->word},
                     {"before", aha->before},
                     {"after", aha->after}});
    }
  }
}

bool RunWatch::due(int64_t step) const {
  return o_.watch_steps > 0 && step % o_.watch_steps == 0 && last_watched_ < step;
}

void RunWatch::answer(Sampler& sampler, const PromptBuilder& prompts, Reward& reward, int64_t step) {
  const size_t n = std::min(rows_.size(), static_cast<size_t>(o_.watch_prompts));
  const std::vector<DataRow> rows(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(n));
  EvalOptions options;
  options.sampling.temperature = 0;
  options.sampling.max_new_tokens = o_.max_completion_length;
  for (const EvalItem& item : evaluate(sampler, prompts, rows, reward, options, {})) {
    const std::string& text = item.completions[0].text;
    watched_->append({{"step", step},
                      {"row", item.row},
                      {"prompt", item.prompt.text},
                      {"completion", text},
                      {"outcome", outcome_name(item.verdicts[0].outcome)},
                      {"reflections", words_of(text)},
                      {"aha", aha_json(text)}});
    last_watched_ = step;
  }
}

Json RunWatch::state() const {
  Json out = {{"last_look", last_look_}};
  if (radar_) out["radar"] = radar_->state();
  return out;
}

void RunWatch::restore(const Json& state) {
  if (state.is_null()) {
    last_look_ = -1;
    if (radar_) radar_ = std::make_unique<HackRadar>(o_.reward, o_.reward_options());
    return;
  }
  last_look_ = state.at("last_look").get<int64_t>();
  if (radar_ && state.contains("radar")) radar_->restore(state.at("radar"));
}

void RunWatch::flush() {
  if (ahas_) ahas_->flush();
  if (watched_) watched_->flush();
}

}  // namespace r1
