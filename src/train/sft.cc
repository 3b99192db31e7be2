#include "train/sft.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "train/session.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

bool learns_anything(const TrainGroup& g) {
  const TrainSample& s = g.samples[0];
  for (size_t i = 1; i < s.ids.size(); i++)
    if (s.learn[i] != 0) return true;
  return false;
}

struct SftRows {
  std::vector<TrainGroup> rows;
  size_t num_idle = 0;  // have nothing to learn
};

SftRows read_rows(const SftOptions& o, const SftExtras& extras, const PromptBuilder& prompts, int64_t vocabulary) {
  SftRows out;
  const Dataset data = o.data.load(false, true);
  const std::string who = "r1 " + extras.verb;
  if (extras.texts_only)
    require_shapes(data, {DataShape::text, DataShape::tokenised}, who);
  else
    require_shapes(data, {DataShape::prompt_completion, DataShape::messages, DataShape::text, DataShape::tokenised},
                   who);
  for (size_t i = 0; i < data.rows.size(); i++) {
    TrainGroup g;
    try {
      g = prompts.learn(data.rows[i], o.max_length, o.assistant_only_loss);
    } catch (const Error& e) {
      fail("{}: row {}: {}", o.data.data, i + 1, e.what());
    }
    for (TokenId id : g.samples[0].ids)
      if (id < 0 || id >= vocabulary)
        fail("{}: row {}: token id {} is outside the vocabulary of {}", o.data.data, i + 1, id, vocabulary);
    out.num_idle += !learns_anything(g);
    out.rows.push_back(std::move(g));
  }
  if (out.num_idle == data.rows.size())
    fail("{}: none of its {} rows has a token to learn", o.data.data, data.rows.size());
  return out;
}

// Of a step with the longest rows.
MemoryNeeds needs_of(const SftOptions& o, const SftRows& rows) {
  std::vector<size_t> order;
  for (size_t i = 0; i < rows.rows.size(); i++) order.push_back(i);
  const auto length = [&](size_t i) { return rows.rows[i].samples[0].ids.size(); };
  const size_t looked = std::min(order.size(), static_cast<size_t>(o.batch()));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(looked), order.end(),
                    [&](size_t a, size_t b) { return length(a) > length(b); });
  std::vector<TrainGroup> longest;
  int64_t tokens = 0;
  for (size_t i = 0; i < looked && tokens < 2 * o.micro_batch_tokens; i++) {
    longest.push_back(rows.rows[order[i]]);
    tokens += static_cast<int64_t>(length(order[i]));
  }
  MemoryNeeds needs;
  needs.update = update_load(longest, o.micro_batch_tokens);
  return needs;
}

class SftTrainer {
 public:
  SftTrainer(const SftRun& run, const SftExtras& extras, TrainSession& session, SftRows rows)
      : o_(run.options), extras_(extras), session_(session), rows_(std::move(rows.rows)), num_idle_(rows.num_idle) {
    const double n = static_cast<double>(rows_.size());
    total_ = o_.max_steps > 0
                 ? o_.max_steps
                 : static_cast<int64_t>(std::ceil(o_.num_train_epochs * n / static_cast<double>(o_.batch())));
    session.set_total_steps(total_);
    schedule_ = o_.schedule(total_);
  }

  bool run() {
    session_.open_view("loss", 0, 0);
    if (num_idle_ > 0) session_.view().note(fmt::format("{} rows have nothing to learn and cost nothing", num_idle_));
    if (session_.state().is_object()) tokens_seen_ = session_.state().value("num_tokens", int64_t{0});
    if (extras_.begun) extras_.begun(session_);
    while (session_.step() < total_) {
      if (!step()) return false;
      if (extras_.stepped) extras_.stepped(session_);
    }
    session_.finish(state());
    return true;
  }

 private:
  Json state() const { return {{"num_tokens", tokens_seen_}}; }

  // Rows [step * batch, ...) of the epochs' orders, one after another. A row without a token to learn keeps its place
  // there, so that batches are those of any other trainer, and is not computed.
  std::vector<TrainGroup> batch_of(int64_t step) const {
    std::vector<TrainGroup> out;
    const uint64_t n = rows_.size();
    for (int64_t i = 0; i < o_.batch(); i++) {
      const uint64_t at = static_cast<uint64_t>(step * o_.batch() + i), epoch = at / n;
      const RandomPlace order{
          .seed = static_cast<uint64_t>(o_.seed), .stage = Stage::shuffle, .step = static_cast<uint32_t>(epoch)};
      const uint64_t row = o_.shuffle_dataset ? permuted_index(order, at % n, n) : at % n;
      if (!learns_anything(rows_[row])) continue;
      out.push_back(rows_[row]);
      out.back().samples[0].tag = i;
    }
    return out;
  }

  bool step() {
    const auto start = Clock::now();
    const int64_t t = session_.step();
    Policy& policy = session_.policy();
    const std::vector<MicroBatch> batches = pack(batch_of(t), o_.micro_batch_tokens);
    double tokens = 0, rows = 0, loss = 0, entropy = 0, right = 0;
    Work work;
    for (const MicroBatch& b : batches) {
      work.push_back({.prompt = 0, .completions = {}, .scored = static_cast<int64_t>(b.targets.size())});
      for (const SegmentRun& run : b.batch.runs) work.back().completions.push_back(run.rows);
      tokens += static_cast<double>(b.targets.size());
      rows += static_cast<double>(b.batch.rows());
    }
    for (const MicroBatch& b : batches) {
      for (const HeadScore& s :
           policy.learn(b, std::vector<float>(b.targets.size(), static_cast<float>(-1 / tokens)))) {
        loss -= s.logp / tokens;
        entropy += s.entropy / tokens;
        right += s.top ? 1 : 0;
      }
    }
    if (!std::isfinite(loss)) fail("step {}: the loss is {}; nothing was changed by this step", t + 1, loss);
    const double rate = learning_rate_at(schedule_, t);
    const double norm = tokens > 0 ? policy.update(o_.update_options(rate)) : 0;
    tokens_seen_ += static_cast<int64_t>(rows);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double epoch = static_cast<double>((t + 1) * o_.batch()) / static_cast<double>(rows_.size());
    const double share = tokens > 0 ? (session_.floors().train(work) + session_.floors().optimizer()) / seconds : 0;
    const Json metrics = {{"step", t + 1},         {"loss", loss},
                          {"grad_norm", norm},     {"learning_rate", rate},
                          {"epoch", epoch},        {"num_tokens", tokens_seen_},
                          {"entropy", entropy},    {"mean_token_accuracy", tokens > 0 ? right / tokens : 0},
                          {"step_time", seconds},  {"time/update", seconds},
                          {"share/update", share}, {"tokens_per_second", rows / seconds}};
    StepSummary summary{.step = t + 1,
                        .total_steps = total_,
                        .fields = {{"loss", fmt::format("{:.4f}", loss)},
                                   {"grad", fmt::format("{:.2f}", norm)},
                                   {"lr", fmt::format("{:.2e}", rate)},
                                   {"tok/s", fmt::format("{:.0f}", rows / seconds)},
                                   {"floor", fmt::format("{:.0f}%", 100 * share)}},
                        .curve = loss,
                        .sample = {},
                        .sample_note = {}};
    return session_.end_step(metrics, summary, state());
  }

  const SftOptions& o_;
  const SftExtras& extras_;
  TrainSession& session_;
  const std::vector<TrainGroup> rows_;
  const size_t num_idle_;
  int64_t total_ = 0, tokens_seen_ = 0;
  Schedule schedule_;
};

}  // namespace

bool run_sft(const SftRun& run, const SftExtras& extras) {
  const SftOptions& o = run.options;
  o.check();
  SftRows rows;
  TrainSession session(o, {.verb = extras.verb,
                           .resume = run.resume,
                           .random_init = o.random_init,
                           .with_reference = false,
                           .recipe = run.recipe,
                           .recipe_toml = run.recipe_toml,
                           .needs = [&](const PromptBuilder& prompts, const ModelConfig& config) {
                             rows = read_rows(o, extras, prompts, config.vocabulary);
                             MemoryNeeds needs = needs_of(o, rows);
                             if (extras.plan) extras.plan(prompts, needs);
                             return needs;
                           }});
  return SftTrainer(run, extras, session, std::move(rows)).run();
}

}  // namespace r1
