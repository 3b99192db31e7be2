#include "train/pretrain.h"

#include <algorithm>

#include "base/error.h"
#include "data/sources.h"
#include "data/tasks/task_rows.h"
#include "train/evaluate.h"
#include "train/session.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::vector<DataRow> first_held_out(DataOptions data, int64_t rows) {
  data.task_rows = rows;
  data.read.limit = rows;
  return data.load(true, false).rows;
}

// Scores held-out texts and asks held-out questions, at steps that are multiples of eval_steps.
class HeldOutLook {
 public:
  explicit HeldOutLook(const PretrainOptions& o) : o_(o) {
    texts_ = first_held_out(o.data, o.eval_rows);
    if (o.eval_data.empty()) return;
    DataOptions asked = o.data;
    asked.data = o.eval_data;
    questions_ = first_held_out(asked, o.eval_questions);
    reward_ = make_reward_for(o.eval_data, o.eval_reward, {});
  }

  void plan(const PromptBuilder& prompts, MemoryNeeds& needs) const {
    if (questions_.empty()) return;
    size_t longest = 1;
    for (const DataRow& row : questions_) longest = std::max(longest, prompts.build(row).ids.size());
    const auto n = static_cast<int64_t>(questions_.size());
    needs.sampling.push_back({.prompts = n,
                              .samples = n,
                              .longest_prompt = static_cast<int64_t>(longest),
                              .max_new_tokens = o_.max_completion_length});
  }

  // A run that was killed between a step and its look makes up for it.
  void catch_up(TrainSession& session) {
    if (session.step() > 0 && !session.metrics().last_kept().contains("eval_loss")) look(session);
  }

  void look(TrainSession& session) {
    if (session.step() % o_.eval_steps != 0) return;
    session.policy().rest();
    Json line = {{"step", session.step()}};
    score(session, line);
    if (!questions_.empty() && !ask(session, line)) return;  // interrupted: the loop saves
    session.metrics().append(line);
  }

 private:
  void score(TrainSession& session, Json& line) const {
    std::vector<TrainGroup> groups;
    for (const DataRow& row : texts_) groups.push_back(session.prompts().learn(row, o_.max_length, false));
    Scorer scorer(session.model());
    double loss = 0;
    int64_t tokens = 0;
    for (const MicroBatch& batch : pack(groups, o_.micro_batch_tokens))
      for (const HeadScore& s : scorer.score(batch)) {
        loss -= s.logp;
        tokens++;
      }
    loss /= static_cast<double>(std::max<int64_t>(tokens, 1));
    line["eval_loss"] = loss;
    line["eval_tokens"] = tokens;
    session.view().note(fmt::format("held out, step {}: loss {:.4f}", session.step(), loss));
  }

  bool ask(TrainSession& session, Json& line) {
    Sampler sampler(session.model(), session.tokenizer(), {});
    EvalOptions options;
    options.sampling.temperature = 1;
    options.sampling.max_new_tokens = o_.max_completion_length;
    options.sampling.seed = static_cast<uint64_t>(o_.seed);
    const auto n = static_cast<int64_t>(questions_.size());
    const std::vector<EvalItem> items = evaluate(sampler, session.prompts(), questions_, *reward_, options,
                                                 [&](int64_t done) { session.view().phase("evaluation", done, n); });
    if (items.empty()) return false;
    const EvalResult r = summarise(items);
    line.update({{"eval_accuracy", r.pass_at_1},
                 {"eval_ci95", {r.ci_low, r.ci_high}},
                 {"eval_rows", r.rows},
                 {"eval_completions/mean_length", r.mean_length},
                 {"eval_completions/clipped_ratio", r.truncated}});
    session.view().note(fmt::format("held out, step {}: {:.1f} % of {} correct (95 %: {:.1f} to {:.1f})",
                                    session.step(), 100 * r.pass_at_1, r.rows, 100 * r.ci_low, 100 * r.ci_high));
    return true;
  }

  const PretrainOptions& o_;
  std::vector<DataRow> texts_, questions_;
  std::unique_ptr<Reward> reward_;
};

}  // namespace

bool has_held_out_side(const DataOptions& data) {
  const std::vector<SourcePart> parts = parse_source(data.data);
  return data.held_out_fraction > 0 ||
         std::all_of(parts.begin(), parts.end(), [](const SourcePart& p) { return is_generated(p.path); });
}

PretrainOptions::PretrainOptions() {
  learning_rate = 2e-3;
  weight_decay = 0.1;
  adam_beta2 = 0.95;
  max_length = 512;
  random_init = true;
}

void PretrainOptions::declare(OptionTable& t) {
  declare_common(t);
  t.begin_group("pretraining");
  t.add("max_length", &max_length, "tokens; longer texts are cut at the end");
  t.add("random_init", &random_init, "begin with random weights; false: go on from the model's");
  t.add("eval_steps", &eval_steps, "held-out loss and accuracy every so many steps; 0: never");
  t.add("eval_rows", &eval_rows, "held-out texts that are scored");
  t.add("eval_data", &eval_data, "whose held-out questions are asked; empty: none");
  t.add("eval_questions", &eval_questions, "that are asked, once each, at temperature 1");
  t.add("eval_reward", &eval_reward, "what tells right from wrong, as reward of r1 grpo");
  t.add("max_completion_length", &max_completion_length, "tokens of their answers");
}

void PretrainOptions::check() const {
  SftOptions::check();
  for (const auto& [key, value, least] : {std::tuple<const char*, int64_t, int64_t>("eval_steps", eval_steps, 0),
                                          {"eval_rows", eval_rows, 1},
                                          {"eval_questions", eval_questions, 1},
                                          {"max_completion_length", max_completion_length, 1}})
    if (value < least) fail_usage("{} is {}, expected at least {}", key, value, least);
  if (eval_steps > 0 && !data.data.empty() && !has_held_out_side(data))
    fail_usage(
        "eval_steps is {}, but {} has no held-out side; give held_out_fraction, a share of its texts to keep from "
        "training, or eval_steps=0",
        eval_steps, data.data);
}

bool run_pretrain(const PretrainRun& run) {
  const PretrainOptions& o = run.options;
  o.check();
  SftExtras extras{.verb = "pretrain", .texts_only = true};
  std::unique_ptr<HeldOutLook> look;
  if (o.eval_steps > 0) {
    look = std::make_unique<HeldOutLook>(o);
    extras.plan = [&](const PromptBuilder& prompts, MemoryNeeds& needs) { look->plan(prompts, needs); };
    extras.begun = [&](TrainSession& session) { look->catch_up(session); };
    extras.stepped = [&](TrainSession& session) { look->look(session); };
  }
  return run_sft({.options = o, .recipe = run.recipe, .recipe_toml = run.recipe_toml, .resume = run.resume}, extras);
}

}  // namespace r1
