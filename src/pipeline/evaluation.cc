#include "pipeline/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "data/question.h"
#include "data/tasks/task_rows.h"
#include "formats/model_path.h"
#include "reward/language.h"
#include "reward/question_language.h"
#include "runs/view.h"
#include "train/evaluate.h"
#include "train/model_reward.h"
#include "train/r1_metrics.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kAnswersKept = 40;

// A mean over what was added; 0 of nothing.
struct Mean {
  double sum = 0, n = 0;
  void add(double x) { sum += x, n++; }
  double value() const { return n == 0 ? 0 : sum / n; }
};

std::string difficulty_of(const DataRow& row) {
  for (const Json* j : {&row.row, row.row.is_object() && row.row.contains("meta") ? &row.row["meta"] : nullptr})
    if (j != nullptr && j->is_object() && j->contains("difficulty")) {
      const Json& d = (*j)["difficulty"];
      return d.is_string() ? d.get<std::string>() : d.dump();
    }
  return "";
}

// Words of two languages in one text, neither of them a mere slip: R1's language mixing.
bool mixes(const LanguageShare& share) { return share.words >= 4 && share.share() > 0.1 && share.share() < 0.9; }

struct Asked {
  std::vector<DataRow> rows;
  std::vector<EvalItem> items;
};

class Evaluator {
 public:
  Evaluator(const RecipeStage& stage, const StageRun& run, const std::string& model)
      : stage_(stage),
        data_options_(run.data()),
        files_(open_model_files(resolve_model(model))),
        tokenizer_(open_tokenizer(files_)),
        model_(load_transformer(files_, make_compute("auto"), ModelUse::inference)),
        sampler_(model_, tokenizer_, {.max_active = 64}),
        prompts_(files_, tokenizer_, run.prompt()) {}

  std::optional<StageEvaluation> run(const std::string& opponent) {
    const StageEval& e = stage_.eval;
    const std::string data = e.data.empty() ? data_options_.data : e.data;
    if (data.empty()) fail_usage("stage [{}]: no held-out items: pipeline_eval_data says which", stage_.name);
    const Asked asked = ask("evaluation", data, e.reward, e.rows, static_cast<int>(e.generations));
    if (asked.items.empty()) return std::nullopt;
    StageEvaluation out;
    out.numbers = numbers_of(asked, e.generations);
    for (size_t i = 0; i < asked.items.size() && i < kAnswersKept; i++)
      out.answers.push_back(answer_of(asked.rows[i], asked.items[i]));
    if (!e.general_data.empty()) {
      const Asked general =
          ask("evaluation, general", e.general_data, e.general_reward, e.general_rows > 0 ? e.general_rows : e.rows, 1);
      if (general.items.empty()) return std::nullopt;
      const EvalResult r = summarise(general.items);
      out.numbers["general"] = {
          {"accuracy", r.pass_at_1}, {"ci95", {r.ci_low, r.ci_high}}, {"rows", r.rows}, {"mean_length", r.mean_length}};
      out.general = general_lines(general);
      if (!opponent.empty()) out.numbers.update(win_rate_of(out.general, read_lines(opponent), e.against));
    }
    return out;
  }

 private:
  static std::vector<Json> general_lines(const Asked& asked) {
    std::vector<Json> out;
    for (size_t i = 0; i < asked.items.size(); i++) {
      const EvalItem& item = asked.items[i];
      const Verdict& v = item.verdicts[0];
      out.push_back({{"row", i},
                     {"prompt", question_text(asked.rows[i])},
                     {"completion", item.prompt.prefilled + item.completions[0].text},
                     {"outcome", outcome_name(v.outcome)},
                     {"score", v.score}});
    }
    return out;
  }
  static std::vector<Json> read_lines(const std::string& path) {
    std::vector<Json> out;
    const std::string text = read_text_file(path, uint64_t{1} << 30);
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      out.push_back(Json::parse(text.substr(at, end - at), nullptr, false));
      if (!out.back().is_object()) fail("{}: line {} is no JSON object", path, out.size());
      at = end + 1;
    }
    return out;
  }

  Asked ask(const std::string& name, const std::string& data, const std::string& reward_spec, int64_t rows,
            int generations) {
    Asked out;
    DataOptions options = data_options_;
    options.data = data;
    out.rows = options.load_prompts(true, "r1 run").rows;
    if (out.rows.size() > static_cast<size_t>(rows)) out.rows.resize(static_cast<size_t>(rows));
    RewardOptions rewards{.max_completion_length = stage_.eval.max_length};
    add_model_rewards(rewards, "auto");
    const auto reward = make_reward_for(data, reward_spec, rewards);
    EvalOptions how;
    how.samples = generations;
    how.sampling.temperature = static_cast<float>(stage_.eval.temperature);
    how.sampling.max_new_tokens = stage_.eval.max_length;
    ProgressBar bar(name, static_cast<int64_t>(out.rows.size()) * generations);
    out.items = evaluate(sampler_, prompts_, out.rows, *reward, how, [&](int64_t done) { bar.update(done); });
    return out;
  }

  Json numbers_of(const Asked& asked, int64_t generations) const {
    const EvalResult r = summarise(asked.items);
    Json out = {{"accuracy", r.pass_at_1},
                {"ci95", {r.ci_low, r.ci_high}},
                {"rows", r.rows},
                {"failed", r.failed},
                {"mean_length", r.mean_length}};
    if (generations > 1) {
      out["pass_at_k"] = r.pass_at_k;
      out["cons_at_k"] = r.cons_at_k;
      out["k"] = generations;
    }
    Mean right, wrong, consistency, mixed, reflections, aha;
    std::array<Mean, kReflectionWords.size()> words;
    struct Level {
      Mean accuracy, length;
    };
    std::map<std::string, Level> levels;
    for (size_t i = 0; i < asked.items.size(); i++) {
      const EvalItem& item = asked.items[i];
      const std::string language = question_language(asked.rows[i].row, item.prompt.text),
                        level = difficulty_of(asked.rows[i]);
      for (size_t s = 0; s < item.completions.size(); s++) {
        const bool correct = item.verdicts[s].outcome == Outcome::correct;
        const double length = static_cast<double>(item.completions[s].ids.size());
        (correct ? right : wrong).add(length);
        if (!level.empty()) levels[level].accuracy.add(correct), levels[level].length.add(length);
        const LanguageShare share = language_share(item.completions[s].text, language);
        if (share.words > 0) consistency.add(share.share());
        mixed.add(mixes(share));
        std::array<double, kReflectionWords.size()> counts = {};
        for (const Reflection& r : reflections_in(item.completions[s].text)) counts[r.word]++;
        double sum = 0;
        for (size_t w = 0; w < counts.size(); w++) {
          words[w].add(counts[w]);
          sum += counts[w];
        }
        reflections.add(sum);
        aha.add(find_aha(item.completions[s].text).has_value());
      }
    }
    out["mean_length_correct"] = right.value();
    out["mean_length_wrong"] = wrong.value();
    out["truncated"] = r.truncated;
    out["language_consistency"] = consistency.value();
    out["mixed"] = mixed.value();
    out["reflections"] = reflections.value();
    out["aha"] = aha.value();
    for (size_t w = 0; w < words.size(); w++) out["reflection_words"][kReflectionWords[w]] = words[w].value();
    if (levels.empty()) return out;
    out["by_difficulty"] = Json::array();
    for (const auto& [level, m] : levels)
      out["by_difficulty"].push_back({{"difficulty", level},
                                      {"accuracy", m.accuracy.value()},
                                      {"rows", m.accuracy.n},
                                      {"mean_length", m.length.value()}});
    return out;
  }

  Json answer_of(const DataRow& row, const EvalItem& item) const {
    const Completion& c = item.completions[0];
    const Verdict& v = item.verdicts[0];
    const std::string language = question_language(row.row, item.prompt.text);
    Json tokens = Json::array();
    if (tokenizer_) {
      StreamDecoder decoder(tokenizer_, true);
      for (size_t t = 0; t < c.ids.size(); t++) {
        std::string text = decoder.push(c.ids[t]);
        if (t + 1 == c.ids.size()) text += decoder.finish();
        tokens.push_back({text, c.behavior_logp[t]});
      }
    }
    return {{"row", item.row},
            {"prompt", row.prompt.empty() ? item.prompt.text : row.prompt},
            {"completion", item.prompt.prefilled + c.text},
            {"outcome", outcome_name(v.outcome)},
            {"reference", row.answer},
            {"extracted", v.extracted},
            {"reason", v.reason},
            {"language", language},
            {"consistency", language_share(c.text, language).share()},
            {"tokens", tokens}};
  }

  const RecipeStage& stage_;
  const DataOptions data_options_;
  const ModelFiles files_;
  const std::shared_ptr<const Tokenizer> tokenizer_;
  const Transformer model_;
  Sampler sampler_;
  const PromptBuilder prompts_;
};

}  // namespace

std::optional<StageEvaluation> evaluate_stage(const RecipeStage& stage, const StageRun& run, const std::string& model,
                                              const std::string& opponent) {
  return Evaluator(stage, run, model).run(opponent);
}

Json win_rate_of(const std::vector<Json>& ours, const std::vector<Json>& theirs, const std::string& against) {
  constexpr double kSame = 1e-9;  // sums of the same parts in another order
  std::vector<double> won;        // 1, or 0.5 for a tie, or 0
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); i++) {
    const Json &a = ours[i], &b = theirs[i];
    if (a.at("row") != b.at("row") || a.at("prompt") != b.at("prompt"))
      fail("question {} is not the one that stage [{}] was asked; --from {} asks it anew", i + 1, against, against);
    if (a.at("outcome") == "failed" || b.at("outcome") == "failed") continue;
    const double gap = a.at("score").get<double>() - b.at("score").get<double>();
    won.push_back(std::abs(gap) <= kSame ? 0.5 : gap > 0 ? 1 : 0);
  }
  if (won.empty()) return Json::object();
  const auto of = [&](double what) { return std::count(won.begin(), won.end(), what); };
  // a tie is half a win for certain: with many, the rate is surer than that of as many won or lost
  const Interval ci = clustered_interval(won, 2);
  return {
      {"win_rate", (static_cast<double>(of(1)) + 0.5 * static_cast<double>(of(0.5))) / static_cast<double>(won.size())},
      {"win_rate_ci95", {ci.low, ci.high}},
      {"preference",
       {{"against", against}, {"wins", of(1)}, {"ties", of(0.5)}, {"losses", of(0)}, {"rows", won.size()}}}};
}

}  // namespace r1
