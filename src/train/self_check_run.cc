#include "train/self_check_run.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "data/tasks/answer.h"
#include "text/steps.h"
#include "trace/thought.h"
#include "train/policy.h"
#include "train/prompts.h"

namespace r1 {

using Json = nlohmann::ordered_json;

void GradeKeys::declare(OptionTable& t) {
  t.add("grade_temperature", &temperature, "self-grades' log-odds are divided by it (r1 trace bench fits it)");
  t.add("grade_offset", &offset, "and this is added (fitted as well)");
  t.add("grade_threshold", &threshold, "a step graded below it counts as wrong (fitted as well)");
}

void GradeKeys::check() const {
  if (!(temperature > 0)) fail_usage("grade_temperature is {}, expected above 0", temperature);
  if (!(threshold > 0 && threshold < 1)) fail_usage("grade_threshold is {}, expected above 0, below 1", threshold);
}

void SelfCheckKeys::declare(OptionTable& t) {
  t.add_choice("self_check", &judge, {"claims", "self", "mc"},
               "--self-check: what steps are judged by: their arithmetic (exact, takes no tokens), the model's own "
               "grades, agreement of continuations");
  t.add("self_check_budget", &budget,
        "tokens of one answer, all counted; 0: four times prompt and max_completion_length");
  t.add("self_check_tries", &tries, "at one step before the one before it is sampled anew too");
  t.add("self_check_rollouts", &rollouts, "mc: continuations of each step");
}

void SelfCheckKeys::check() const {
  constexpr int64_t kMost = 4096;
  if (budget < 0) fail_usage("self_check_budget is {}, expected at least 0", budget);
  if (tries < 1 || tries > kMost) fail_usage("self_check_tries is {}, expected 1 to {}", tries, kMost);
  if (rollouts < 1 || rollouts > kMost) fail_usage("self_check_rollouts is {}, expected 1 to {}", rollouts, kMost);
  grade.check();
}

namespace {
// Contexts are long and answers short: each question is a group that its two answers hang on.
std::vector<std::vector<double>> score(const Transformer& model, const std::vector<GradeQuestion>& questions) {
  constexpr int64_t kRows = 1024;
  std::vector<TrainGroup> groups;
  std::vector<std::vector<double>> out(questions.size());
  for (size_t q = 0; q < questions.size(); q++) {
    TrainGroup group{questions[q].context, {}};
    out[q].assign(questions[q].candidates.size(), 0.0);
    for (size_t c = 0; c < questions[q].candidates.size(); c++)
      group.samples.push_back({questions[q].candidates[c], {}, static_cast<int64_t>(q << 8 | c)});
    groups.push_back(std::move(group));
  }
  Scorer scorer(model);
  for (const MicroBatch& batch : pack(groups, kRows)) {
    const std::vector<HeadScore> scores = scorer.score(batch);
    for (size_t i = 0; i < scores.size(); i++) {
      const auto tag = static_cast<size_t>(batch.tokens[i].tag);
      out[tag >> 8][tag & 255] += static_cast<double>(scores[i].logp);
    }
  }
  return out;
}
}  // namespace

Grader make_grader(const Transformer& model, const PromptBuilder& prompts, std::shared_ptr<const Tokenizer> tokenizer) {
  return {[&prompts](const std::string& question) { return prompts.build(question).ids; },
          [tokenizer](const std::string& text) { return encode_completion(*tokenizer, text); },
          [&model](const std::vector<GradeQuestion>& questions) { return score(model, questions); }};
}

std::string answer_in(const std::string& completion, const std::string& prefilled) {
  const auto answer = tasks::find_task_answer(completion, prefilled);
  if (!answer) return "";
  const std::vector<std::string> numbers = tasks::numbers_in(answer->text);
  return numbers.empty() ? tasks::lowered(answer->text) : numbers.back();
}

SelfCheckRunner::SelfCheckRunner(const Transformer& model, const PromptBuilder& prompts,
                                 std::shared_ptr<const Tokenizer> tokenizer, const SelfCheckKeys& keys)
    : model_(model),
      prompts_(prompts),
      tokenizer_(std::move(tokenizer)),
      keys_(keys),
      sampler_(model, tokenizer_, SamplerLimits{.max_active = keys.judge == "mc" ? keys.rollouts : 1}) {}

std::unique_ptr<StepJudge> SelfCheckRunner::judge_of(const WatchedPrompt& prompt, const SamplingOptions& sampling,
                                                     SampledWriter& writer) const {
  if (keys_.judge == "claims") return std::make_unique<ClaimJudge>();
  if (keys_.judge == "self")
    return std::make_unique<GradeJudge>(prompt.problem, make_grader(model_, prompts_, tokenizer_), keys_.grade.scale(),
                                        keys_.grade.threshold);
  return std::make_unique<AgreementJudge>(
      [&writer](const std::vector<TokenId>& ids, int count, int64_t most, uint32_t draw) {
        return writer.continued(ids, count, most, draw);
      },
      [prefilled = prompt.prefilled](const std::string& completion) { return answer_in(completion, prefilled); },
      static_cast<int>(keys_.rollouts), sampling.max_new_tokens);
}

SelfChecked SelfCheckRunner::answer(const WatchedPrompt& prompt, const SamplingOptions& sampling) {
  constexpr int64_t kTimes = 4;
  const int64_t once = static_cast<int64_t>(prompt.ids.size()) + sampling.max_new_tokens;
  if (keys_.budget > 0 && keys_.budget < 2 * once)
    fail_usage(
        "self_check_budget is {}: to go back takes at least {}, prompt and {} tokens twice; raise it or lower "
        "the limit of tokens",
        keys_.budget, 2 * once, sampling.max_new_tokens);
  SampledWriter writer(sampler_, tokenizer_, prompt.ids, prompt.index, sampling);
  const std::unique_ptr<StepJudge> judge = judge_of(prompt, sampling, writer);
  SelfChecked out = self_check(writer, *judge,
                               {.max_new_tokens = sampling.max_new_tokens,
                                .budget = keys_.budget > 0 ? keys_.budget : kTimes * once,
                                .tries = static_cast<int>(keys_.tries)});
  if (interrupted()) fail("interrupted");
  return out;
}

Json json_of(const SelfChecked& checked, const std::string& judge) {
  Json steps = Json::array(), dropped = Json::array();
  size_t from = 0;
  for (const CheckedStep& s : checked.steps) {
    const std::string text = checked.text.substr(s.range.from, s.range.to - s.range.from);
    const size_t to = from + count_characters(text);
    steps.push_back({{"text", text}, {"from", from}, {"to", to}, {"value", s.value ? Json(*s.value) : Json()}});
    from = to;
  }
  for (const DroppedStep& d : checked.dropped)
    dropped.push_back({{"step", d.step}, {"text", d.text}, {"value", d.value}});
  return {{"text", checked.text},
          {"completion", checked.text},
          {"ids", checked.ids},
          {"finish_reason", finish_name(checked.ended ? FinishReason::stop : FinishReason::length)},
          {"tokens", checked.sampled + checked.read},
          {"tokens_sampled", checked.sampled},
          {"tokens_read", checked.read},
          {"backtracks", checked.dropped.size()},
          {"steps", std::move(steps)},
          {"dropped", std::move(dropped)},
          {"self_check", judge}};
}

}  // namespace r1
