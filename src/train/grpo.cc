#include "train/grpo.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "data/tasks/task_rows.h"
#include "kernels/matmul_int8.h"
#include "train/audit.h"
#include "train/episodes.h"
#include "train/evaluate.h"
#include "train/grpo_update.h"
#include "train/rollout_steps.h"
#include "train/run_watch.h"
#include "train/session.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Whether a collapsed run may go on from a checkpoint: it was saved by a steady run, and no run that went on from it
// has collapsed since. `history` is the guard's.
bool is_way_back(const Json& state, const Json& history) {
  const Json guard = state.value("guard", Json());
  if (!CollapseGuard::is_good(guard)) return false;
  for (size_t i = guard.at("history").size(); i < history.size(); i++)
    if (history[i].at("back_to") == state.at("step")) return false;
  return true;
}

class GrpoTrainer {
 public:
  // Borrows all for its lifetime.
  GrpoTrainer(const GrpoRun& run, TrainSession& session, const std::vector<DataRow>& rows, Reward& reward)
      : run_(run),
        o_(run.options),
        session_(session),
        rows_(rows),
        reward_(reward),
        sampler_(session.model(), session.tokenizer(), {.max_active = o_.max_active}),
        maker_(o_, sampler_, session.prompts(), rows_, reward_),
        watch_(o_, rows_),
        guard_(o_.guard) {
    if (RolloutSteps::wanted(o_)) steps_.emplace(o_, maker_, session.tokenizer().get(), reward_);
    total_ = o_.total_steps(rows_.size());
    session.set_total_steps(total_);
    int8_ = o_.rollout_dtype == "int8";
    schedule_ = o_.schedule(total_);
    if (o_.eval_steps > 0) {
      held_out_ = o_.data.load_prompts(true, "r1 grpo").rows;
      if (held_out_.size() > static_cast<size_t>(o_.eval_rows)) held_out_.resize(static_cast<size_t>(o_.eval_rows));
    }
  }

  bool run() {
    const std::vector<std::string> audit = session_.step() == 0 ? audited() : std::vector<std::string>();
    if (session_.state().is_object() && session_.state().contains("guard"))
      guard_.restore(session_.state().at("guard"));
    maker_.set_attempt(guard_.rollbacks());
    restore(session_.state());
    session_.open_view("reward", 0, 0);
    watch_.open(session_.folder().path(), session_.step(), session_.resumed());
    session_.before_save([this] { watch_.flush(); });
    guard_.write_history(session_.folder().path().string());
    for (const std::string& line : audit) session_.view().note(line);
    session_.view().note("loss: " +
                         formula_text(o_.loss_form(), o_.scale_rewards, static_cast<double>(o_.max_completion_length)));
    if (steps_) session_.view().note(steps_->formula());
    // a run that was killed between a step and its evaluation makes up for it
    if (evaluation_due() && !session_.metrics().last_kept().contains("eval_accuracy")) evaluate_held_out();
    answer_watched();
    while ((session_.step() < total_ && !budget_spent()) || guard_.collapsed()) {
      if (guard_.collapsed()) roll_back();
      if (!rollout_) {
        sample();
        if (!rollout_) return session_.save_interrupted(state()), false;
      }
      if (!update()) return false;
      if (guard_.collapsed()) continue;
      if (evaluation_due()) evaluate_held_out();
      answer_watched();
    }
    session_.finish(state());
    return true;
  }

 private:
  // Before step 0. Throws when the run is not to be started.
  std::vector<std::string> audited() {
    return require_audit({.options = &o_,
                          .prompts = &session_.prompts(),
                          .rows = &rows_,
                          .held_out = &held_out_,
                          .max_positions = session_.model().config().max_positions},
                         session_.folder().path().string());
  }

  // Null: the beginning of the run.
  void restore(const Json& state) {
    rollouts_done_ = tokens_seen_ = tokens_sampled_ = 0;
    int8_ = o_.rollout_dtype == "int8";
    part_ = 0;
    rollout_.reset();
    watch_.restore(state.is_object() ? state.value("watch", Json()) : Json());
    if (!state.is_object()) return;
    rollouts_done_ = state.at("rollouts").get<int64_t>();
    tokens_seen_ = state.at("num_tokens").get<int64_t>();
    tokens_sampled_ = state.value("sampled_tokens", int64_t{0});
    int8_ = state.value("int8", false);
    part_ = state.at("part").get<size_t>();
    if (state.contains("rollout")) set_rollout(Rollout::from_json(state.at("rollout")));
  }

  // The run has collapsed: back to its last good checkpoint with half the rate and other samples, or the end.
  void roll_back() {
    const int64_t fell = session_.step();
    if (guard_.exhausted())
      fail(
          "step {}: the run has collapsed again after {} rollbacks ({}); it stops here. Its last good checkpoint is in "
          "{}; a lower learning_rate, a KL term (beta) or other data may help, guard_rollbacks=0 turns the guard off",
          fell, guard_.rollbacks(), guard_.why(), session_.folder().checkpoints().string());
    const Json history = guard_.state().at("history");
    session_.go_back([&](const Json& state) { return is_way_back(state, history); });
    const Json& state = session_.state();
    restore(state);
    guard_.roll_back(state.is_object() ? state.at("guard") : Json(), fell, session_.step());
    guard_.write_history(session_.folder().path().string());
    maker_.set_attempt(guard_.rollbacks());
    watch_.open(session_.folder().path(), session_.step(), true);
    session_.view().note(guard_.last_words());
  }

  void answer_watched() {
    if (!watch_.due(session_.step())) return;
    session_.policy().rest();
    watch_.answer(sampler_, session_.prompts(), reward_, session_.step());
  }

  Json state() const {
    Json out = {{"rollouts", rollouts_done_},
                {"num_tokens", tokens_seen_},
                {"sampled_tokens", tokens_sampled_},
                {"part", part_},
                {"int8", int8_},
                {"watch", watch_.state()},
                {"guard", guard_.state()}};
    if (rollout_) out["rollout"] = rollout_->to_json();
    return out;
  }

  void set_rollout(Rollout rollout) {
    rollout_ = std::move(rollout);
    minibatches_ = cut_into_minibatches(*rollout_, static_cast<size_t>(o_.rollout_batch() / o_.batch()),
                                        static_cast<uint64_t>(o_.seed));
  }

  // The policy as it is now, or its int8 copy.
  void prepare_sampler() {
    if (!int8_) return maker_.use(sampler_);
    if (!int8_sampler_) {
      int8_model_ = std::make_unique<Transformer>(session_.model(), choose_int8(session_.compute()));
      int8_sampler_ =
          std::make_unique<Sampler>(*int8_model_, session_.tokenizer(), SamplerLimits{.max_active = o_.max_active});
    } else {
      int8_model_->repack();
    }
    maker_.use(*int8_sampler_);
  }

  // Prompts, groups, verdicts, advantages.
  void sample() {
    session_.policy().rest();
    prepare_sampler();
    Rollout rollout =
        maker_.make(rollouts_done_, [&](int64_t done) { session_.view().phase("rollout", done, o_.rollout_batch()); });
    if (rollout.groups.empty()) return;
    rollout.int8 = int8_;
    if (run_.after_rollout) run_.after_rollout(rollout);
    const auto valued = [&](int64_t done, int64_t all) { session_.view().phase("step values", done, all); };
    if (steps_ && !steps_->set_advantages(rollout, valued)) return;
    for (const JudgedGroup& g : rollout.groups)
      tokens_seen_ += static_cast<int64_t>(g.prompt.ids.size()) * static_cast<int64_t>(g.verdicts.size());
    const double sampled = rollout.metrics["rollout/tokens"].get<double>();
    tokens_seen_ += static_cast<int64_t>(sampled);
    tokens_sampled_ += static_cast<int64_t>(sampled + rollout.metrics.value("step_mc/tokens", 0.0));
    rollout.metrics["share/rollout"] = rollout_floor(rollout) / rollout.seconds_rollout;
    if (const std::string alarm = watch_.look(rollout, maker_, session_.step()); !alarm.empty())
      session_.view().note(alarm);
    log_samples(rollout);
    set_rollout(std::move(rollout));
    part_ = 0;
  }

  // The least seconds it could have taken on this machine.
  double rollout_floor(const Rollout& rollout) const {
    Work work;
    for (const JudgedGroup& g : rollout.groups) {
      work.push_back({.prompt = static_cast<int64_t>(g.prompt.ids.size()), .completions = {}});
      for (const Completion& c : g.group.completions)
        work.back().completions.push_back(static_cast<int64_t>(c.ids.size()));
    }
    return session_.floors().prefill(work) + session_.floors().decode(work, o_.max_active);
  }
  double update_floor(const UpdateSums& sums) const {
    const Floors& floors = session_.floors();
    const double reference = session_.reference() != nullptr ? floors.forward(sums.work) : 0;
    return sums.samples > 0 ? floors.train(sums.work) + reference + floors.optimizer() : 0;
  }

  // Between rollouts: whether as many tokens were sampled as the run may.
  bool budget_spent() const {
    return o_.max_sampled_tokens > 0 && !rollout_ && tokens_sampled_ >= o_.max_sampled_tokens;
  }

  // One optimiser step on the next minibatch of the rollout.
  bool update() {
    const auto start = Clock::now();
    const int64_t t = session_.step();
    session_.view().phase("update", static_cast<int64_t>(part_) + 1, o_.steps_per_rollout());
    const UpdateInputs inputs{.rollout = &*rollout_,
                              .minibatch = minibatches_[part_ % minibatches_.size()],
                              .form = o_.loss_form(),
                              .entropy_coef = o_.entropy_coef,
                              .mask_truncated = o_.mask_truncated_completions,
                              .max_completion_length = o_.max_completion_length,
                              .micro_batch_tokens = o_.micro_batch_tokens,
                              .same_policy = part_ == 0 && !rollout_->int8,
                              .reference = session_.reference(),
                              .importance_cap = weighs() ? o_.importance_sampling_cap : 0};
    const UpdateSums sums = grpo_forward_backward(session_.policy(), inputs);
    if (!std::isfinite(sums.loss.loss))
      fail("step {}: the loss is {}; nothing was changed by this step", t + 1, sums.loss.loss);
    const double rate = learning_rate_at(schedule_, t) * guard_.rate_factor();
    // a step whose groups all lack spread teaches nothing: the weights stay, the optimiser's averages too
    const double norm = sums.samples > 0 ? session_.policy().update(o_.update_options(rate)) : 0;
    renew_reference(t + 1);
    if (part_ == 0) measure_gap(sums);
    Json metrics = metrics_of(sums, {.rate = rate, .norm = norm, .seconds = since(start)});
    guard_.observe(metrics);
    const StepSummary summary = summary_of(metrics);
    if (++part_ == static_cast<size_t>(o_.steps_per_rollout())) {
      rollout_.reset();
      rollouts_done_++;
      part_ = 0;
    }
    return session_.end_step(metrics, summary, state(), guard_.steady());
  }

  // Weights need the trainer's own log-probs at the policy that sampled, which the first update's forward has. With
  // more updates a rollout their ratios are taken against the int8 log-probs themselves, and clipped as such.
  bool weighs() const { return rollout_->int8 && o_.steps_per_rollout() == 1; }

  // The first update of a rollout is made by the policy that sampled it: what differs now is the sampler's arithmetic.
  // Kept with the rollout, so that a resumed run says the same.
  void measure_gap(const UpdateSums& sums) {
    const double tokens = std::max(1.0, sums.tokens);
    Json& m = rollout_->metrics;
    m["sampling/sampling_logp_difference/mean"] = sums.logp_gap_sum / tokens;
    m["sampling/sampling_logp_difference/max"] = sums.logp_gap_max;
    // trainer over sampler, capped where it weighs
    const bool any = sums.samples > 0;
    const Mismatch& w = sums.mismatch;
    m["sampling/importance_sampling_ratio/min"] = !any ? 1.0 : weighs() ? w.used_min : sums.sampler_ratio_min;
    m["sampling/importance_sampling_ratio/mean"] =
        !any ? 1.0 : (weighs() ? w.used_sum : sums.sampler_ratio_sum) / tokens;
    m["sampling/importance_sampling_ratio/max"] = !any ? 1.0 : weighs() ? w.used_max : sums.sampler_ratio_max;
    if (o_.rollout_dtype != "int8") return;
    const double kl = sums.mismatch.kl / tokens;
    m["sampling/int8"] = rollout_->int8 ? 1 : 0;
    m["sampling/mismatch_kl"] = kl;
    m["sampling/effective_sample_size"] = sums.mismatch.effective_share(tokens);
    if (!int8_ || kl <= o_.int8_kl_limit) return;
    int8_ = false;
    session_.view().note(fmt::format(
        "int8 rollouts are {:.4f} nats a token from the policy, above int8_kl_limit {}: sampling as training "
        "does from the next rollout on",
        kl, o_.int8_kl_limit));
  }

  void renew_reference(int64_t step) {
    if (!o_.sync_ref_model || session_.reference() == nullptr || step % o_.ref_model_sync_steps != 0) return;
    const float alpha = static_cast<float>(o_.ref_model_mixup_alpha);
    float* reference = session_.reference()->parameters();
    const float* policy = session_.model().parameters();
    for (int64_t i = 0; i < session_.model().layout().total(); i++)
      reference[i] = alpha == 1 ? policy[i] : alpha * policy[i] + (1 - alpha) * reference[i];
    session_.reference()->repack();
  }

  struct StepNumbers {
    double rate, norm, seconds;
  };
  Json metrics_of(const UpdateSums& sums, const StepNumbers& step) {
    const double tokens = std::max(1.0, sums.tokens);
    Json m = {
        {"step", session_.step() + 1}, {"loss", sums.loss.loss + sums.entropy_loss},      {"grad_norm", step.norm},
        {"learning_rate", step.rate},  {"epoch", maker_.epoch_after(rollouts_done_ + 1)}, {"num_tokens", tokens_seen_}};
    m["sampled_tokens"] = tokens_sampled_;
    m.update(rollout_->metrics);
    m["entropy"] = sums.entropy / tokens;
    if (o_.beta != 0) m["kl"] = sums.loss.kl / tokens;
    m["clip_ratio/low_mean"] = sums.loss.clipped_low / tokens;
    m["clip_ratio/low_min"] = sums.samples > 0 ? sums.loss.clipped_low_min : 0;
    m["clip_ratio/high_max"] = sums.loss.clipped_high_max;
    m["clip_ratio/high_mean"] = sums.loss.clipped_high / tokens;
    m["clip_ratio/region_mean"] = (sums.loss.clipped_low + sums.loss.clipped_high) / tokens;
    if (o_.loss_type == "cispo") m["cispo_clip_ratio"] = sums.loss.cispo_clipped / tokens;
    m["policy_ratio/min"] = sums.samples > 0 ? sums.loss.ratio_min : 1.0;
    m["policy_ratio/max"] = sums.samples > 0 ? sums.loss.ratio_max : 1.0;
    m["sampling/ratios_bounded"] = sums.loss.ratios_bounded;
    m["samples_trained"] = sums.samples;
    m["time/update"] = step.seconds;
    const double rollout_seconds = part_ == 0 ? rollout_->seconds_rollout + rollout_->seconds_reward : 0;
    m["step_time"] = step.seconds + rollout_seconds;
    const double floor = update_floor(sums);
    m["share/update"] = floor / step.seconds;
    m["share/step"] = ((part_ == 0 ? rollout_floor(*rollout_) : 0) + floor) / (step.seconds + rollout_seconds);
    return m;
  }

  StepSummary summary_of(const Json& m) const {
    const auto number = [&](const char* key) { return m[key].get<double>(); };
    StepSummary s{.step = session_.step() + 1,
                  .total_steps = total_,
                  .fields = {{"reward", fmt::format("{:.3f}", number("reward"))},
                             {"correct", fmt::format("{:.3f}", number("verdicts/correct"))},
                             {"len", fmt::format("{:.1f}", number("completions/mean_length"))},
                             {"flat", fmt::format("{:.2f}", number("frac_reward_zero_std"))},
                             {"loss", fmt::format("{:+.4f}", number("loss"))},
                             {"grad", fmt::format("{:.3f}", number("grad_norm"))},
                             {"ent", fmt::format("{:.3f}", number("entropy"))},
                             {"gap", fmt::format("{:g}", number("sampling/sampling_logp_difference/max"))},
                             {"rollout", fmt::format("{:.1f}s", number("time/rollout"))},
                             {"update", fmt::format("{:.1f}s", number("time/update"))},
                             {"floor", fmt::format("{:.0f}%", 100 * number("share/step"))}},
                  .curve = number("reward"),
                  .sample = {},
                  .sample_note = {}};
    const JudgedGroup& g = rollout_->groups[0];
    s.sample = transcript(g.group.completions[0], session_.tokenizer().get());
    s.sample_note = outcome_name(g.verdicts[0].outcome);
    return s;
  }

  // The first completions of the first groups, one a group until all have one.
  void log_samples(const Rollout& rollout) {
    int64_t left = o_.num_completions_to_log;
    for (size_t s = 0; s < static_cast<size_t>(o_.num_generations); s++) {
      for (const JudgedGroup& g : rollout.groups) {
        if (left-- <= 0) return;
        const Verdict& v = g.verdicts[s];
        const Completion& c = g.group.completions[s];
        Json parts = Json::object();
        for (const auto& [name, score] : v.parts) parts[name] = score;
        session_.samples().append({{"step", session_.step() + 1},
                                   {"prompt", g.prompt.text},
                                   {"completion", transcript(c, session_.tokenizer().get())},
                                   {"num_tokens", c.num_learned()},
                                   {"finish_reason", finish_name(c.finish)},
                                   {"outcome", outcome_name(v.outcome)},
                                   {"reward", v.score},
                                   {"rewards", parts},
                                   {"reason", v.reason},
                                   {"extracted", v.extracted},
                                   {"advantage", g.group.advantages[s]}});
      }
    }
  }

  bool evaluation_due() const { return o_.eval_steps > 0 && session_.step() % o_.eval_steps == 0; }

  void evaluate_held_out() {
    if (held_out_.empty()) return;
    session_.policy().rest();
    EvalOptions options;
    options.sampling.temperature = 0;
    options.sampling.max_new_tokens = o_.max_completion_length;
    options.environment = o_.environment;
    const int64_t rows = static_cast<int64_t>(held_out_.size());
    const std::vector<EvalItem> items =
        evaluate(sampler_, session_.prompts(), held_out_, reward_, options,
                 [&](int64_t done) { session_.view().phase("evaluation", done, rows); });
    if (items.empty()) return;  // interrupted: the loop saves
    const EvalResult r = summarise(items);
    Json line = {{"step", session_.step()},
                 {"eval_accuracy", r.pass_at_1},
                 {"eval_ci95", {r.ci_low, r.ci_high}},
                 {"eval_reward", r.mean_score},
                 {"eval_rows", r.rows},
                 {"eval_completions/mean_length", r.mean_length},
                 {"eval_completions/clipped_ratio", r.truncated}};
    for (const auto& [name, value] : r.episodes.items()) line["eval_" + name] = value;
    session_.metrics().append(line);
    session_.view().note(fmt::format("held out, step {}: {:.1f} % of {} correct (95 %: {:.1f} to {:.1f})",
                                     session_.step(), 100 * r.pass_at_1, r.rows, 100 * r.ci_low, 100 * r.ci_high));
  }

  const GrpoRun& run_;
  const GrpoOptions& o_;
  TrainSession& session_;
  const std::vector<DataRow>& rows_;
  std::vector<DataRow> held_out_;
  Reward& reward_;
  Sampler sampler_;
  std::unique_ptr<Transformer> int8_model_;  // made when first needed
  std::unique_ptr<Sampler> int8_sampler_;
  bool int8_ = false;  // the next rollout is sampled in eight bits
  RolloutMaker maker_;
  std::optional<RolloutSteps> steps_;  // where tokens of an answer differ in their advantages
  RunWatch watch_;
  CollapseGuard guard_;
  std::optional<Rollout> rollout_;
  std::vector<std::vector<SampleIndex>> minibatches_;
  size_t part_ = 0;  // minibatches of the rollout that are done, over all iterations
  int64_t rollouts_done_ = 0, tokens_seen_ = 0, total_ = 0;
  int64_t tokens_sampled_ = 0;  // prompts' tokens are not among them
  Schedule schedule_;
};

// The longest prompt of the data, found among the rows with the most text.
int64_t longest_prompt(const PromptBuilder& prompts, const std::vector<DataRow>& rows) {
  constexpr size_t kLooked = 32;
  std::vector<std::pair<size_t, size_t>> by_text;  // bytes, row
  for (size_t i = 0; i < rows.size(); i++)
    by_text.push_back({rows[i].prompt.size() + rows[i].messages.dump().size() + rows[i].input_ids.size(), i});
  const size_t looked = std::min(kLooked, rows.size());
  std::partial_sort(by_text.begin(), by_text.begin() + static_cast<std::ptrdiff_t>(looked), by_text.end(),
                    std::greater<>());
  size_t longest = 1;
  for (size_t i = 0; i < looked; i++) longest = std::max(longest, prompts.build(rows[by_text[i].second]).ids.size());
  return static_cast<int64_t>(longest);
}

MemoryNeeds needs_of(const GrpoOptions& o, int64_t longest_prompt, const ModelConfig& config) {
  SamplingLoad rollout{
      .prompts = o.prompts_per_rollout(),
      .samples = o.rollout_batch(),
      .longest_prompt = longest_prompt,
      .max_new_tokens = std::max<int64_t>(1, std::min(o.max_completion_length, config.max_positions - longest_prompt)),
      .one_length = false};
  MemoryNeeds needs{.limits = {.max_active = o.max_active}, .sampling = {rollout}};
  needs.update = update_load(rollout, o.micro_batch_tokens);
  if (o.advantage == "step_mc") needs.sampling.push_back(RolloutSteps::load(o, rollout));
  rollout.prompts = rollout.samples = o.eval_rows;
  if (o.eval_steps > 0) needs.sampling.push_back(rollout);
  return needs;
}

}  // namespace

bool run_grpo(const GrpoRun& run) {
  const GrpoOptions& o = run.options;
  o.check();
  const std::vector<DataRow> rows = o.data.load_prompts(false, "r1 grpo").rows;
  set_thread_count(o.threads > 0 ? static_cast<int>(o.threads) : available_cores());
  // before the session: what a reward's model takes is the program's when memory is planned
  const std::unique_ptr<Reward> reward = make_reward_for(o.data.data, o.reward, o.reward_options());
  TrainSession session(o, {.verb = run.verb,
                           .resume = run.resume,
                           .random_init = false,
                           .with_reference = o.beta != 0,
                           .recipe = run.recipe,
                           .recipe_toml = run.recipe_toml,
                           .needs = [&](const PromptBuilder& prompts, const ModelConfig& config) {
                             return needs_of(o, longest_prompt(prompts, rows), config);
                           }});
  return GrpoTrainer(run, session, rows, *reward).run();
}

}  // namespace r1
