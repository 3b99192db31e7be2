#include "train/trace_session.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "data/question.h"
#include "data/tasks/task_rows.h"
#include "formats/model_path.h"
#include "text/steps.h"
#include "train/exact_truths.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) fail_usage("{} is {}, expected {} to {}", key, value, low, high);
}

}  // namespace

const PrefixValue* value_of(const TracedThought& t, size_t i) {
  if (!t.monte_carlo || i + 1 >= t.monte_carlo->prefixes.size()) return nullptr;
  const PrefixValue& v = t.monte_carlo->prefixes[i + 1];
  return v.counted > 0 ? &v : nullptr;
}

Json json_of(const TracedThought& t) {
  Json steps = Json::array();
  size_t from = 0;
  for (size_t i = 0; i < t.thought.steps.size(); i++) {
    const std::string text = t.thought.text_of(i);
    const size_t to = from + count_characters(text);
    Json step = {{"text", text}, {"from", from}, {"to", to}, {"value", nullptr}, {"ci95", nullptr}};
    if (const PrefixValue* v = value_of(t, i)) {
      const ShareInterval ci = share_interval(v->right, v->counted);
      step["value"] = v->value();
      step["ci95"] = {ci.low, ci.high};
    }
    step["exact"] = t.truths.empty() ? Json() : Json(truth_name(t.truths[i]));
    step["self"] = t.grades ? Json(t.grades->right[i]) : Json();
    steps.push_back(std::move(step));
    from = to;
  }
  Json out = {
      {"completion", t.thought.completion}, {"steps", std::move(steps)}, {"first_error", nullptr}, {"repair", nullptr}};
  if (t.one.first) {
    out["first_error"] = {
        {"step", t.one.first->step}, {"confidence", t.one.first->confidence}, {"by", t.one.first->by}};
    for (const Opinion& o : t.one.against) out["first_error"]["against"][o.by] = o.first ? Json(o.first->step) : Json();
  }
  if (t.repair && t.repair->right)
    out["repair"] = {{"text", t.repair->text}, {"verdict", outcome_name(Outcome::correct)}};
  out["tokens"] = t.tokens;
  return out;
}

void TraceKeys::declare(OptionTable& t) {
  t.begin_group("run");
  t.add("model", &model, "as --model");
  t.add_alias("model_name_or_path", "model");
  t.add("reward", &reward, "as --reward");
  t.add("methods", &methods, "some of exact,monte_carlo,self; auto: all that can be had");
  t.add("max_completion_length", &max_completion_length, "tokens");
  t.add("temperature", &temperature, "of thoughts and of their continuations");
  t.add("seed", &seed, "of sampling");
  t.add("threads", &threads, "0: all cores");
  t.add("max_active", &max_active, "sequences decoded together");
  t.add_choice("compute_dtype", &compute_dtype, {"auto", "f32", "bf16"}, "matmul operands");
  t.begin_group("step values");
  t.add("rollouts", &rollouts, "continuations a batch of a prefix under test");
  t.add("max_rollouts", &max_rollouts, "a halving: of a thought at most so many times log2 of its steps");
  t.add("exhaustive_rollouts", &exhaustive_rollouts, "exhaustive: continuations of every prefix");
  t.add("trace_token_budget", &token_budget, "tokens sampled for one thought's values; 0: no limit");
  t.add("p_dead", &p_dead, "share of right continuations to expect of a dead prefix");
  t.add("test_error", &test_error, "chance left to the other steps at which draws end");
  t.add("exhaustive", &exhaustive, "value every prefix instead of bisecting");
  t.add("repair_attempts", &repair_attempts, "continuations before the first error; 0: no repair");
  watch.grade.declare(t);
  declare_reward_keys(t, rewards);
  data.declare(t);
  prompt.declare(t);
}

void TraceKeys::frame_the_world(const OptionTable& table) {
  if (model.empty() || (!data.data.starts_with("world:reasoning") && model != "mini")) return;
  prompt.frame_the_world(table);
}

void TraceKeys::check() const {
  check_range("max_completion_length", max_completion_length, 1, (1 << 20) - 1);
  check_range("max_active", max_active, 1, 1 << 16);
  check_range("rollouts", rollouts, 1, 4096);
  check_range("max_rollouts", max_rollouts, 1, 1 << 16);
  check_range("exhaustive_rollouts", exhaustive_rollouts, 1, 4096);
  check_range("trace_token_budget", token_budget, 0, INT64_MAX);
  check_range("threads", threads, 0, 1024);
  check_range("repair_attempts", repair_attempts, 0, 1 << 16);
  if (!(temperature > 0))
    fail_usage("temperature is {}, expected above 0: values are shares of different draws", temperature);
  watch.check();
  if (!(p_dead > 0 && p_dead < 0.5)) fail_usage("p_dead is {}, expected above 0, below 0.5", p_dead);
  if (!(test_error > 0 && test_error < 0.5)) fail_usage("test_error is {}, expected above 0, below 0.5", test_error);
  if (methods == "auto") return;
  for (size_t at = 0; at <= methods.size();) {
    const size_t end = std::min(methods.find(',', at), methods.size());
    const std::string one = methods.substr(at, end - at);
    if (one != "exact" && one != "monte_carlo" && one != "self")
      fail_usage("methods: \"{}\" is none of exact, monte_carlo, self", one);
    at = end + 1;
  }
}

bool TraceKeys::uses(const std::string& method) const {
  return methods == "auto" || ("," + methods + ",").find("," + method + ",") != std::string::npos;
}

MonteCarloOptions TraceKeys::monte_carlo() const {
  return {.rollouts = static_cast<int>(rollouts),
          .most_rollouts = static_cast<int>(max_rollouts),
          .exhaustive_rollouts = static_cast<int>(exhaustive_rollouts),
          .budget = token_budget,
          .p_dead = p_dead,
          .error = test_error};
}

SamplingOptions TraceKeys::sampling() const {
  SamplingOptions out;
  out.temperature = static_cast<float>(temperature);
  out.max_new_tokens = max_completion_length;
  out.seed = static_cast<uint64_t>(seed);
  return out;
}

TraceSession::TraceSession(const TraceKeys& keys, const std::string& data) : keys_(keys) {
  keys.check();
  set_thread_count(keys.threads > 0 ? static_cast<int>(keys.threads) : available_cores());
  RewardOptions rewards = keys.rewards;
  rewards.max_completion_length = keys.max_completion_length;
  reward_ = make_reward_for(data, keys.reward, rewards);
  if (keys.model.empty()) {
    for (const char* method : {"monte_carlo", "self"})
      if (keys.methods != "auto" && keys.uses(method)) fail_usage("the method {} asks a model; give --model", method);
    return;
  }
  files_ = open_model_files(resolve_model(keys.model));
  tokenizer_ = open_tokenizer(*files_);
  if (!tokenizer_) fail("{}: holds no tokenizer; steps are of text", keys.model);
  model_ =
      std::make_unique<Transformer>(load_transformer(*files_, make_compute(keys.compute_dtype), ModelUse::inference));
  prompts_ = std::make_unique<PromptBuilder>(*files_, tokenizer_, keys.prompt);
  sampler_ = std::make_unique<Sampler>(*model_, tokenizer_, SamplerLimits{.max_active = keys.max_active});
}
TraceSession::~TraceSession() = default;

RepairEncoder TraceSession::repair_encoder() const {
  return {[this](const std::string& text) { return encode_completion(*tokenizer_, text); },
          model_->config().eos_ids.empty() ? -1 : model_->config().eos_ids[0]};
}

Thought TraceSession::thought_of(const DataRow& row, const std::string& completion, int64_t index) const {
  Thought out;
  out.index = index;
  out.row = row.row;
  out.completion = completion;
  out.steps = split_steps(completion);
  out.prompt = question_text(row);
  if (!model_) return out;
  const Prompt prompt = prompts_->build(row);
  out.prompt = prompt.text;
  out.prefilled = prompt.prefilled;
  out.prompt_ids = prompt.ids;
  out.ids = encode_completion(*tokenizer_, completion);
  out.token_steps = token_steps(out.steps, out.ids, *tokenizer_);
  return out;
}

std::vector<std::string> TraceSession::sample(const std::vector<DataRow>& rows,
                                              std::vector<std::vector<TokenId>>& ids) {
  std::vector<PromptRequest> requests;
  for (size_t i = 0; i < rows.size(); i++)
    requests.push_back({prompts_->build(rows[i]).ids, static_cast<int64_t>(i), 1});
  Sampler::Hooks hooks;
  hooks.cancelled = interrupted;
  const std::vector<Group> groups = sampler_->generate(requests, keys_.sampling(), hooks);
  if (interrupted()) fail("interrupted");
  std::vector<std::string> out;
  for (const Group& g : groups) {
    out.push_back(g.completions[0].text);
    ids.push_back(g.completions[0].ids);
  }
  return out;
}

std::vector<Thought> TraceSession::thoughts(const std::vector<DataRow>& rows) {
  std::vector<DataRow> asked;
  std::vector<size_t> places;
  std::vector<Thought> out(rows.size());
  for (size_t i = 0; i < rows.size(); i++) {
    const bool given = rows[i].row.contains("completion") && rows[i].row["completion"].is_string();
    if (given) {
      out[i] = thought_of(rows[i], rows[i].row["completion"].get<std::string>(), static_cast<int64_t>(i));
    } else {
      if (!model_) fail_usage("row {} has no \"completion\" to trace; give one, or a --model to sample it", i + 1);
      asked.push_back(rows[i]);
      places.push_back(i);
    }
  }
  if (asked.empty()) return out;
  std::vector<std::vector<TokenId>> ids;
  const std::vector<std::string> texts = sample(asked, ids);
  for (size_t k = 0; k < asked.size(); k++) {
    Thought& t = out[places[k]] = thought_of(asked[k], texts[k], static_cast<int64_t>(places[k]));
    t.ids = ids[k];  // as they were sampled, not as the text would be read again
    t.token_steps = token_steps(t.steps, t.ids, *tokenizer_);
  }
  return out;
}

std::vector<Truth> TraceSession::checked(const Thought& thought) const {
  return checked_truths(thought.row, thought.texts());
}

std::vector<Truth> TraceSession::exact(const Thought& thought) const {
  return exact_truths(thought.row, thought.texts());
}

MonteCarloTrace TraceSession::monte_carlo(const Thought& thought, bool ends_right, bool exhaustive,
                                          const MonteCarloOptions& options) {
  ThoughtSampler sampler(thought, *sampler_, *tokenizer_, *reward_, keys_.sampling());
  return (exhaustive ? exhaust_first_error : bisect_first_error)(sampler, thought.steps.size(), ends_right, options);
}

std::string problem_of(const Thought& thought) {
  const bool asked = thought.row.is_object() && thought.row.contains("question") && thought.row["question"].is_string();
  return asked ? thought.row["question"].get<std::string>() : thought.prompt;
}

GradeLogits TraceSession::self_logits(const Thought& thought) {
  return grade_logits(problem_of(thought), thought.texts(), make_grader(*model_, *prompts_, tokenizer_));
}

std::string TraceSession::continued(const Thought& thought, const std::string& prefix, uint32_t draw) {
  std::vector<TokenId> ids = thought.prompt_ids;
  for (TokenId id : encode_completion(*tokenizer_, prefix)) ids.push_back(id);
  SamplingOptions options = keys_.sampling();
  options.step = draw;
  return prefix + sampler_->generate({{ids, thought.index, 1}}, options)[0].completions[0].text;
}

TracedThought TraceSession::trace(Thought thought, bool with_repair) {
  TracedThought out;
  out.thought = std::move(thought);
  const Thought& t = out.thought;
  const bool answered = t.row.is_object() && t.row.contains("answer");
  if (answered) out.verdict = judge(t);
  const bool judged = out.verdict && out.verdict->outcome != Outcome::failed;
  std::vector<Opinion> opinions;
  if (keys_.uses("exact")) {
    out.truths = exact(t);
    opinions.push_back(exact_opinion(out.truths));
  }
  if (model_ && judged && keys_.uses("monte_carlo")) {
    out.monte_carlo = monte_carlo(t, out.verdict->outcome == Outcome::correct, keys_.exhaustive, keys_.monte_carlo());
    out.tokens += out.monte_carlo->tokens;
    opinions.push_back(monte_carlo_opinion(*out.monte_carlo));
  }
  if (model_ && keys_.uses("self") && !t.steps.empty()) {
    out.grades = grades_of(self_logits(t), keys_.watch.grade.scale());
    out.tokens += out.grades->tokens;
    opinions.push_back(self_opinion(*out.grades, keys_.watch.grade.threshold));
  }
  out.one = one_verdict(opinions);
  if (!with_repair || !model_ || !judged || !out.one.first || keys_.repair_attempts == 0) return out;
  ThoughtSampler sampler(t, *sampler_, *tokenizer_, *reward_, keys_.sampling());
  const size_t step = out.one.first->step;
  out.repair = repair_thought(sampler, t, step, out.monte_carlo ? out.monte_carlo->prefixes[step] : PrefixValue(),
                              static_cast<int>(keys_.repair_attempts), static_cast<int>(keys_.rollouts));
  out.tokens += out.repair->tokens;
  return out;
}

}  // namespace r1
