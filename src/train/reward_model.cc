#include "train/reward_model.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/durable_file.h"
#include "base/error.h"
#include "model/scalar_head.h"
#include "train/evaluate.h"
#include "train/pretrain.h"
#include "train/session.h"

namespace r1 {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

RewardModelOptions::RewardModelOptions() {
  per_device_train_batch_size = 64;
  learning_rate = 1e-5;
  lr_scheduler_type = "cosine";
}

void RewardModelOptions::declare(OptionTable& t) {
  declare_common(t);
  t.begin_group("reward model");
  t.add_choice("rm_loss", &rm_loss, {"pairwise", "pointwise"},
               "of chosen and rejected, or of completions with a label");
  t.add_choice("rm_scope", &rm_scope, {"all", "summary"}, "summary: only what stands after </think> is scored");
  t.add("max_length", &max_length, "tokens; rows with a longer text are left out");
  t.add("center_rewards_coefficient", &center_rewards_coefficient, "pairwise: times (s_chosen + s_rejected)^2");
  t.add("eval_steps", &eval_steps, "accuracy on held-out rows every so many steps; 0: only at the end");
  t.add("eval_rows", &eval_rows, "held-out rows for that");
}

void RewardModelOptions::check() const {
  check_common();
  if (lora.use_peft) fail_usage("use_peft: a reward model is trained whole; leave it out");
  if (max_length < 2) fail_usage("max_length is {}, expected at least 2", max_length);
  if (!(center_rewards_coefficient >= 0))
    fail_usage("center_rewards_coefficient is {}, expected at least 0", center_rewards_coefficient);
  if (center_rewards_coefficient != 0 && rm_loss == "pointwise")
    fail_usage("center_rewards_coefficient goes with rm_loss=pairwise: the labels of pointwise fix the middle already");
  if (eval_steps < 0) fail_usage("eval_steps is {}, expected at least 0", eval_steps);
  if (eval_rows < 1) fail_usage("eval_rows is {}, expected at least 1", eval_rows);
}

namespace {

// A row to learn: a pair (chosen, rejected) or a single completion.
struct ScoredRow {
  TrainGroup group;
  double margin = 0;
  bool good = true;
};

struct ScoredRows {
  std::vector<ScoredRow> rows;
  size_t num_long = 0;  // left out
};

int64_t length_of(const TrainGroup& g) {
  size_t longest = 0;
  for (const TrainSample& s : g.samples) longest = std::max(longest, s.ids.size() - 1);
  return static_cast<int64_t>(g.prompt.size() + longest);
}

int64_t rows_of(const TrainGroup& g) {
  size_t rows = g.prompt.size();
  for (const TrainSample& s : g.samples) rows += s.ids.size() - 1;
  return static_cast<int64_t>(rows);
}

// The text of one side of a preference.
std::string answer_text(const Json& side, const char* name) {
  if (side.is_string()) return side.get<std::string>();
  if (side.is_array() && side.size() == 1 && side[0].value("role", "") == "assistant" && side[0].contains("content") &&
      side[0]["content"].is_string())
    return side[0]["content"].get<std::string>();
  fail("\"{}\" is no single answer: expected a text, or one assistant message after the prompt's", name);
}

ScoredRow scored_row(const ScoredTexts& texts, const DataRow& row) {
  ScoredRow out;
  std::vector<std::string> sides;
  if (row.shape == DataShape::preference) {
    sides = {answer_text(row.chosen, "chosen"), answer_text(row.rejected, "rejected")};
    if (row.row.contains("margin") && !row.row["margin"].is_null()) {
      if (!row.row["margin"].is_number()) fail("\"margin\" is {}, expected a number", row.row["margin"].dump());
      out.margin = row.row["margin"].get<double>();
    }
  } else {
    sides = {row.completion};
    if (!row.good) fail("has no label (true: good, false: bad)");
    out.good = *row.good;
  }
  out.group = texts.build(row, sides, "");
  return out;
}

ScoredRows read_rows(const RewardModelOptions& o, const ScoredTexts& texts, bool held_out, int64_t most_tokens) {
  ScoredRows out;
  const Dataset data = o.data.load(held_out, false);
  if (o.rm_loss == "pairwise")
    require_shapes(data, {DataShape::preference}, "r1 reward-model with rm_loss=pairwise");
  else
    require_shapes(data, {DataShape::unpaired_preference}, "r1 reward-model with rm_loss=pointwise");
  for (size_t i = 0; i < data.rows.size(); i++) {
    try {
      out.rows.push_back(scored_row(texts, data.rows[i]));
    } catch (const Error& e) {
      fail("{}: row {}: {}", o.data.data, i + 1, e.what());
    }
    if (length_of(out.rows.back().group) <= std::min(o.max_length, most_tokens)) continue;
    out.rows.pop_back();
    out.num_long++;
  }
  if (out.rows.empty())
    fail("{}: all of its {} rows are longer than max_length {}", o.data.data, data.rows.size(), o.max_length);
  return out;
}

// Sums over rows.
struct ScoreSums {
  double loss = 0, right = 0, margin = 0, low = INFINITY, high = -INFINITY, total = 0, scores = 0;
  double good = 0, good_total = 0;  // pointwise: rows, and their scores
  double rows = 0;

  void add(const ScoredRow& row, const ScoreLoss& loss_of, double first, double second) {
    rows++;
    loss += loss_of.loss;
    see(first);
    if (row.group.samples.size() == 2) {
      see(second);
      right += first > second;
      margin += first - second;
      return;
    }
    right += (first > 0) == row.good;
    if (row.good) good++, good_total += first;
  }
  double mean_margin() const {
    if (rows == 0) return 0;
    if (scores > rows) return margin / rows;
    const double bad = rows - good;
    return good > 0 && bad > 0 ? good_total / good - (total - good_total) / bad : 0;
  }

 private:
  void see(double score) {
    low = std::min(low, score);
    high = std::max(high, score);
    total += score;
    scores++;
  }
};

// One pass over rows, micro-batch by micro-batch; a pair is never cut. `scores` gives those of a micro-batch, `slopes`
// (may be empty) gets d(mean loss)/ds.
using ScoreBatch = std::function<std::vector<float>(const MicroBatch&)>;
using TakeSlopes = std::function<void(const MicroBatch&, const std::vector<float>&)>;
ScoreSums pass_over(std::span<const ScoredRow* const> rows, const RewardModelOptions& o, const ScoreBatch& scores,
                    const TakeSlopes& slopes) {
  std::vector<TrainGroup> groups;
  int64_t widest = o.micro_batch_tokens;
  for (size_t i = 0; i < rows.size(); i++) {
    groups.push_back(rows[i]->group);
    for (size_t s = 0; s < groups.back().samples.size(); s++)
      groups.back().samples[s].tag = static_cast<int64_t>(2 * i + s);
    widest = std::max(widest, rows_of(groups.back()));
  }
  ScoreSums sums;
  for (const MicroBatch& b : pack(groups, widest)) {
    const std::vector<float> s = scores(b);
    std::vector<float> slope(s.size());
    for (size_t k = 0; k < s.size();) {
      const ScoredRow& row = *rows[static_cast<size_t>(b.tokens[k].tag / 2)];
      const bool pair = row.group.samples.size() == 2;
      R1_CHECK(!pair || (k + 1 < s.size() && b.tokens[k + 1].tag == b.tokens[k].tag + 1), "a pair was cut");
      const ScoreLoss loss = pair ? pairwise_loss(static_cast<double>(s[k]), static_cast<double>(s[k + 1]), row.margin,
                                                  o.center_rewards_coefficient)
                                  : pointwise_loss(static_cast<double>(s[k]), row.good);
      sums.add(row, loss, static_cast<double>(s[k]), pair ? static_cast<double>(s[k + 1]) : 0);
      slope[k] = static_cast<float>(loss.slope / static_cast<double>(rows.size()));
      if (pair) slope[k + 1] = static_cast<float>(loss.slope_other / static_cast<double>(rows.size()));
      k += pair ? 2 : 1;
    }
    if (slopes) slopes(b, slope);
  }
  return sums;
}

class RewardModelTrainer {
 public:
  RewardModelTrainer(const RewardModelRun& run, TrainSession& session, ScoredRows rows, ScoredRows held_out)
      : o_(run.options), session_(session), rows_(std::move(rows)), held_out_(std::move(held_out)) {
    const double n = static_cast<double>(rows_.rows.size());
    total_ = o_.max_steps > 0
                 ? o_.max_steps
                 : static_cast<int64_t>(std::ceil(o_.num_train_epochs * n / static_cast<double>(o_.batch())));
    session.set_total_steps(total_);
    schedule_ = o_.schedule(total_);
  }

  bool run() {
    session_.open_view("accuracy", 0, 1);
    if (rows_.num_long > 0)
      session_.view().note(fmt::format("{} rows are longer than max_length and are left out", rows_.num_long));
    if (session_.state().is_object()) tokens_seen_ = session_.state().value("num_tokens", int64_t{0});
    if (evaluation_due() && !session_.metrics().last_kept().contains("eval_accuracy")) evaluate_held_out();
    while (session_.step() < total_) {
      if (!step()) return false;
      if (evaluation_due()) evaluate_held_out();
    }
    session_.finish(state());
    if (!held_out_.rows.empty())
      replace_file((session_.folder().path() / "eval.json").string(), evaluate_held_out().dump(1) + "\n");
    return true;
  }

 private:
  Json state() const { return {{"num_tokens", tokens_seen_}}; }
  bool evaluation_due() const {
    return o_.eval_steps > 0 && session_.step() > 0 && session_.step() < total_ &&
           session_.step() % o_.eval_steps == 0 && !held_out_.rows.empty();
  }

  // Rows [step * batch, ...) of the epochs' orders, one after another.
  std::vector<const ScoredRow*> batch_of(int64_t step) const {
    std::vector<const ScoredRow*> out;
    const uint64_t n = rows_.rows.size();
    for (int64_t i = 0; i < o_.batch(); i++) {
      const uint64_t at = static_cast<uint64_t>(step * o_.batch() + i), epoch = at / n;
      const RandomPlace order{
          .seed = static_cast<uint64_t>(o_.seed), .stage = Stage::shuffle, .step = static_cast<uint32_t>(epoch)};
      out.push_back(&rows_.rows[o_.shuffle_dataset ? permuted_index(order, at % n, n) : at % n]);
    }
    return out;
  }

  bool step() {
    const auto start = Clock::now();
    const int64_t t = session_.step();
    Policy& policy = session_.policy();
    const std::vector<const ScoredRow*> rows = batch_of(t);
    const ScoreSums sums = pass_over(
        rows, o_, [&](const MicroBatch& b) { return policy.forward_scores(b); },
        [&](const MicroBatch& b, const std::vector<float>& slope) { policy.backward_scores(b, slope); });
    if (!std::isfinite(sums.loss)) fail("step {}: the loss is {}; nothing was changed by this step", t + 1, sums.loss);
    const double rate = learning_rate_at(schedule_, t);
    const double norm = policy.update(o_.update_options(rate));
    for (const ScoredRow* row : rows) tokens_seen_ += rows_of(row->group);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double n = sums.rows;
    const Json metrics = {{"step", t + 1},
                          {"loss", sums.loss / n},
                          {"accuracy", sums.right / n},
                          {"margin", sums.mean_margin()},
                          {"min_reward", sums.low},
                          {"mean_reward", sums.total / sums.scores},
                          {"max_reward", sums.high},
                          {"grad_norm", norm},
                          {"learning_rate", rate},
                          {"epoch", static_cast<double>((t + 1) * o_.batch()) / static_cast<double>(rows_.rows.size())},
                          {"num_tokens", tokens_seen_},
                          {"step_time", seconds}};
    const StepSummary summary{.step = t + 1,
                              .total_steps = total_,
                              .fields = {{"loss", fmt::format("{:.4f}", sums.loss / n)},
                                         {"acc", fmt::format("{:.3f}", sums.right / n)},
                                         {"margin", fmt::format("{:+.3f}", sums.mean_margin())},
                                         {"grad", fmt::format("{:.2f}", norm)},
                                         {"lr", fmt::format("{:.2e}", rate)}},
                              .curve = sums.right / n,
                              .sample = {},
                              .sample_note = {}};
    return session_.end_step(metrics, summary, state());
  }

  Json evaluate_held_out() {
    std::vector<const ScoredRow*> rows;
    for (const ScoredRow& row : held_out_.rows) rows.push_back(&row);
    if (rows.size() > static_cast<size_t>(o_.eval_rows)) rows.resize(static_cast<size_t>(o_.eval_rows));
    session_.policy().rest();
    Scorer scorer(session_.model());
    const ScoreSums sums = pass_over(rows, o_, [&](const MicroBatch& b) { return scorer.score_scalar(b); }, {});
    const double n = sums.rows;
    const Interval ci = wilson_interval(sums.right, n);
    const Json out = {{"step", session_.step()},           {"eval_loss", sums.loss / n},
                      {"eval_accuracy", sums.right / n},   {"eval_ci95", {ci.low, ci.high}},
                      {"eval_margin", sums.mean_margin()}, {"eval_rows", rows.size()}};
    session_.metrics().append(out);
    session_.view().note(fmt::format("held out, step {}: {:.1f} % of {} rows right (95 %: {:.1f} to {:.1f})",
                                     session_.step(), 100 * sums.right / n, rows.size(), 100 * ci.low, 100 * ci.high));
    return out;
  }

  const RewardModelOptions& o_;
  TrainSession& session_;
  const ScoredRows rows_, held_out_;
  int64_t total_ = 0, tokens_seen_ = 0;
  Schedule schedule_;
};

MemoryNeeds needs_of(const RewardModelOptions& o, const ScoredRows& rows) {
  std::vector<const TrainGroup*> order;
  for (const ScoredRow& row : rows.rows) order.push_back(&row.group);
  const size_t looked = std::min(order.size(), static_cast<size_t>(o.batch()));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(looked), order.end(),
                    [](const TrainGroup* a, const TrainGroup* b) { return rows_of(*a) > rows_of(*b); });
  std::vector<TrainGroup> longest;
  int64_t tokens = 0;
  const int64_t room = std::max(o.micro_batch_tokens, rows_of(*order[0]));
  for (size_t i = 0; i < looked && tokens < 2 * room; i++) {
    longest.push_back(*order[i]);
    tokens += rows_of(*order[i]);
  }
  MemoryNeeds needs;
  needs.update = update_load(longest, room);
  return needs;
}

}  // namespace

bool run_reward_model(const RewardModelRun& run) {
  const RewardModelOptions& o = run.options;
  o.check();
  const RewardModelCard card{.loss = o.rm_loss, .scope = o.rm_scope, .prompt = o.prompt};
  ScoredRows rows, held_out;
  const auto read = [&](const ModelFiles& files) {
    const ScoredTexts texts(files, open_tokenizer(files), card);
    const int64_t most = read_config(files.config, files.generation_config, files.path).max_positions;
    rows = read_rows(o, texts, false, most);
    if (has_held_out_side(o.data)) held_out = read_rows(o, texts, true, most);
  };
  TrainSession session(o, {.verb = "reward-model",
                           .resume = run.resume,
                           .random_init = false,
                           .with_reference = false,
                           .recipe = run.recipe,
                           .recipe_toml = run.recipe_toml,
                           .needs = [&](const PromptBuilder&, const ModelConfig&) { return needs_of(o, rows); },
                           .adapt =
                               [&](ModelFiles& files) {
                                 describe_scalar_model(files);
                                 write_card(card, files);
                                 read(files);
                               }});
  return RewardModelTrainer(run, session, std::move(rows), std::move(held_out)).run();
}

}  // namespace r1
