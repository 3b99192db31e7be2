// What a reward model reads and what its losses are; reward_model.cc trains it, model_reward.cc asks it.
#include <cmath>

#include "base/error.h"
#include "model/config.h"
#include "text/thinking.h"
#include "train/reward_model.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kCardKey = "r1_reward";

}  // namespace

void write_card(const RewardModelCard& card, ModelFiles& files) {
  files.config[kCardKey] = {{"loss", card.loss},
                            {"scope", card.scope},
                            {"prompt_template", card.prompt.prompt_template},
                            {"system_prompt", card.prompt.system_prompt},
                            {"prompt_prefix", card.prompt.prompt_prefix},
                            {"prompt_suffix", card.prompt.prompt_suffix},
                            {"thought_prefill", card.prompt.thought_prefill}};
}

RewardModelCard read_card(const ModelFiles& files) {
  RewardModelCard card;
  if (!files.config.is_object() || !files.config.contains(kCardKey)) return card;
  const Json& json = files.config[kCardKey];
  const auto read = [&](const char* key, std::string& to) {
    if (!json.is_object() || (json.contains(key) && !json[key].is_string()))
      fail("{}: config.json: {} should hold texts; its {} is none", files.path, kCardKey, key);
    to = json.value(key, to);
  };
  read("loss", card.loss);
  read("scope", card.scope);
  read("prompt_template", card.prompt.prompt_template);
  read("system_prompt", card.prompt.system_prompt);
  read("prompt_prefix", card.prompt.prompt_prefix);
  read("prompt_suffix", card.prompt.prompt_suffix);
  read("thought_prefill", card.prompt.thought_prefill);
  if (card.scope != "all" && card.scope != "summary")
    fail("{}: config.json: {} has scope \"{}\", expected all or summary", files.path, kCardKey, card.scope);
  return card;
}

std::string summary_of(const std::string& completion, const std::string& prefilled) {
  const std::string whole = prefilled + completion;
  if (whole.find("</think>") == std::string::npos && whole.find("<think>") != std::string::npos) return "";
  return std::string(trim(parse_completion(completion, prefilled).after_thought));
}

ScoredTexts::ScoredTexts(const ModelFiles& files, std::shared_ptr<const Tokenizer> tokenizer,
                         const RewardModelCard& card)
    : prompts_(files, std::move(tokenizer), card.prompt),
      scope_(card.scope),
      pad_id_(read_config(files.config, files.generation_config, files.path).pad_id) {}

TrainGroup ScoredTexts::build(const DataRow& row, std::span<const std::string> completions,
                              const std::string& prefilled) const {
  TrainGroup out;
  for (const std::string& completion : completions) {
    DataRow one;
    one.prompt = row.prompt;
    one.messages = row.messages;
    one.completion = prefilled + completion;
    if (scope_ == "summary") {
      one.completion = summary_of(completion, prefilled);
      if (!prompts_.build(row).prefilled.empty()) one.completion = "\n</think>\n\n" + one.completion;
    }
    if (one.completion.empty()) one.completion = "\n";  // an answer without words is still an answer
    TrainSample s = std::move(prompts_.learn(one, INT64_MAX, true).samples[0]);
    size_t prompt = 0;
    while (prompt < s.learn.size() && s.learn[prompt] == 0) prompt++;
    if (out.prompt.empty()) out.prompt.assign(s.ids.begin(), s.ids.begin() + static_cast<std::ptrdiff_t>(prompt));
    s.ids.erase(s.ids.begin(), s.ids.begin() + static_cast<std::ptrdiff_t>(prompt));
    // transformers scores at the last token that is no padding
    while (!s.ids.empty() && s.ids.back() == pad_id_) s.ids.pop_back();
    s.ids.push_back(0);  // never read: the row before it is where the score is taken
    s.learn.assign(s.ids.size(), 0);
    s.learn.back() = 1;
    s.tag = static_cast<int64_t>(out.samples.size());
    out.samples.push_back(std::move(s));
  }
  return out;
}

namespace {
// log(1 + exp(-x)) without overflow.
double softplus_of_minus(double x) { return x > 0 ? std::log1p(std::exp(-x)) : -x + std::log1p(std::exp(x)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
}  // namespace

ScoreLoss pairwise_loss(double chosen, double rejected, double margin, double center) {
  const double gap = chosen - rejected - margin, sum = chosen + rejected;
  return {softplus_of_minus(gap) + center * sum * sum, -sigmoid(-gap) + 2 * center * sum,
          sigmoid(-gap) + 2 * center * sum};
}

ScoreLoss pointwise_loss(double score, bool good) {
  const double sign = good ? 1 : -1;
  return {softplus_of_minus(sign * score), -sign * sigmoid(-sign * score), 0};
}

}  // namespace r1
