#include "train/model_reward.h"

#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "data/row_formats.h"
#include "formats/model_path.h"
#include "train/policy.h"
#include "train/reward_model.h"

namespace r1 {
namespace {

constexpr int64_t kRowsAPass = 2048;

class NoReward : public Reward {
 public:
  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    std::vector<Verdict> out(inputs.size());
    for (Verdict& v : out) v.outcome = Outcome::no_answer;
    return out;
  }
  std::string name() const override { return "none"; }
};

class ModelReward : public Reward {
 public:
  ModelReward(const std::string& folder, const RewardOptions& options, const std::string& compute_dtype)
      : name_("rm:" + folder),
        sigmoid_(options.rm_score == "sigmoid"),
        files_(open_model_files(resolve_model(folder))),
        texts_(files_, need_tokenizer(files_), read_card(files_)),
        model_(load_scoring_model(files_, compute_dtype)),
        scorer_(model_),
        threads_(thread_count()) {}

  std::vector<Verdict> judge(std::span<const RewardInput> inputs) override {
    const auto start = std::chrono::steady_clock::now();
    set_thread_count(threads_);  // of this thread: verdicts are given in the background
    std::vector<Verdict> out(inputs.size());
    std::vector<TrainGroup> groups;
    for (size_t i = 0; i < inputs.size(); i++) add(inputs[i], static_cast<int64_t>(i), groups, out[i]);
    for (const MicroBatch& b : pack(groups, kRowsAPass)) {
      const std::vector<float> scores = scorer_.score_scalar(b);
      for (size_t k = 0; k < scores.size(); k++)
        give(static_cast<double>(scores[k]), out[static_cast<size_t>(b.tokens[k].tag)]);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (Verdict& v : out) v.seconds = seconds / static_cast<double>(out.size());
    return out;
  }
  bool needs_groups() const override { return true; }
  std::string name() const override { return name_; }

 private:
  static std::shared_ptr<const Tokenizer> need_tokenizer(const ModelFiles& files) {
    auto tokenizer = open_tokenizer(files);
    if (!tokenizer) fail("{}: holds no tokenizer, so it cannot score texts", files.path);
    return tokenizer;
  }
  static Transformer load_scoring_model(const ModelFiles& files, const std::string& compute_dtype) {
    if (!read_config(files.config, files.generation_config, files.path).scalar_head)
      fail("{}: is no reward model: its architecture is no ...ForSequenceClassification; r1 reward-model makes one",
           files.path);
    return load_transformer(files, make_compute(compute_dtype), ModelUse::inference);
  }

  // The question as the row has it, in the reward model's own template; a row that shows none is asked as it was.
  static DataRow question_of(const RewardInput& in) {
    DataRow row;
    if (in.row.is_object() && !in.row.empty()) {
      try {
        row = read_row(in.row, detect_row_format(in.row));
      } catch (const Error&) {
        row = {};
      }
    }
    if (row.prompt.empty() && !row.messages.is_array()) row.prompt = in.prompt;
    return row;
  }

  void add(const RewardInput& in, int64_t tag, std::vector<TrainGroup>& groups, Verdict& v) const {
    try {
      const std::string completion[] = {in.completion};
      TrainGroup one = texts_.build(question_of(in), completion, in.prefilled);
      const int64_t length = static_cast<int64_t>(one.prompt.size() + one.samples[0].ids.size()) - 1;
      if (length > model_.config().max_positions)
        fail("{} tokens, the model's context is {}", length, model_.config().max_positions);
      one.samples[0].tag = tag;
      if (groups.empty() || groups.back().prompt != one.prompt)
        groups.push_back(std::move(one));
      else
        groups.back().samples.push_back(std::move(one.samples[0]));
    } catch (const std::exception& e) {  // this text cannot be scored, whatever it is worth
      v.reason = e.what();
    }
  }

  void give(double score, Verdict& v) const {
    if (!std::isfinite(score)) {
      v.reason = "the score is not finite";
      return;
    }
    v.outcome = score > 0 ? Outcome::correct : Outcome::wrong;
    v.score = sigmoid_ ? 1 / (1 + std::exp(-score)) : score;
    v.reason = fmt::format("score {:.4f}", score);
  }

  std::string name_;
  bool sigmoid_;
  ModelFiles files_;
  ScoredTexts texts_;
  Transformer model_;
  Scorer scorer_;
  int threads_;
};

}  // namespace

void add_model_rewards(RewardOptions& options, const std::string& compute_dtype) {
  const std::string rm_score = options.rm_score;
  options.prefixed.push_back({"rm:", [rm_score, compute_dtype](const std::string& folder) -> std::unique_ptr<Reward> {
                                RewardOptions own;
                                own.rm_score = rm_score;
                                return std::make_unique<ModelReward>(folder, own, compute_dtype);
                              }});
  options.more.push_back({"none", [] { return std::make_unique<NoReward>(); }});
}

}  // namespace r1
