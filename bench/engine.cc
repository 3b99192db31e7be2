#include "bench/engine.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/nearest.h"
#include "train/losses.h"

namespace r1::bench {
namespace {

constexpr uint64_t kSeed = 42;

ModelConfig llama(int64_t width, int64_t inner, int64_t layers, int heads, int kv_heads) {
  ModelConfig c;
  c.family = "llama";
  c.vocabulary = 49152;
  c.width = width;
  c.inner = inner;
  c.layers = layers;
  c.heads = heads;
  c.kv_heads = kv_heads;
  c.head_size = static_cast<int>(width) / heads;
  c.norm_eps = 1e-5f;
  c.tied_embeddings = true;
  c.max_positions = 8192;
  c.rope.theta = 100000;
  c.eos_ids = {2};
  return c;
}

ModelConfig qwen25_half_billion() {
  ModelConfig c = llama(896, 4864, 24, 14, 2);
  c.family = "qwen2";
  c.vocabulary = 151936;
  c.norm_eps = 1e-6f;
  c.qkv_bias = true;
  c.rope.theta = 1e6;
  return c;
}

const std::map<std::string, ModelConfig>& shapes() {
  static const std::map<std::string, ModelConfig> all = {{"smollm2-135m", llama(576, 1536, 30, 9, 3)},
                                                         {"smollm2-360m", llama(960, 2560, 32, 15, 5)},
                                                         {"qwen2.5-0.5b", qwen25_half_billion()},
                                                         {"tiny", llama(64, 160, 2, 4, 2)}};
  return all;
}

// VmHWM can be reset, so each case has its own peak.
void reset_peak_rss() { std::ofstream("/proc/self/clear_refs") << "5"; }
double peak_rss_gb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / (1 << 20);
  return 0;
}

TokenId random_token(const ModelConfig& c, uint32_t prompt, uint32_t sample, uint32_t token) {
  const RandomPlace place{.seed = kSeed, .stage = Stage::test, .prompt = prompt, .sample = sample, .token = token};
  return static_cast<TokenId>(random_below(place, static_cast<uint64_t>(c.vocabulary)));
}

std::vector<TokenId> random_tokens(const ModelConfig& c, int64_t n, int64_t prompt, int64_t sample) {
  std::vector<TokenId> ids;
  for (int64_t t = 0; t < n; t++)
    ids.push_back(
        random_token(c, static_cast<uint32_t>(prompt), static_cast<uint32_t>(sample), static_cast<uint32_t>(t)));
  return ids;
}

class Engine {
 public:
  Engine(const EngineOptions& options, EngineReport& report)
      : options_(options),
        report_(report),
        model_(report.config, report.compute, random_parameters(ParameterLayout(report.config), report.config, kSeed),
               ModelUse::training),
        policy_(model_),
        sampler_(model_, nullptr, {.max_active = std::max<int64_t>(64, options.work.sequences())}) {}

  // Each records the seconds of one repeat.
  void prefill() {
    const double start = now_seconds();
    generate({.prompts = options_.work.prompts, .samples = 1, .prompt = options_.work.prompt, .completion = 1});
    record("prefill", now_seconds() - start);
  }
  void decode(const std::string& name, const Work& work) {
    double first_token = 0;  // the end of prefill and the first draw
    Sampler::Hooks hooks;
    hooks.token = [&](size_t, int, TokenId) {
      if (first_token == 0) first_token = now_seconds();
    };
    generate(work, hooks);
    record(name, now_seconds() - first_token);
  }
  void train_group() {
    Work one = options_.work;
    one.prompts = 1;
    const TrainTimes times = train(random_groups(one));
    record("train.forward", times.forward);
    record("train.backward", times.backward);
    record("train.both", times.forward + times.backward);
    const double start = now_seconds();
    update();
    record("optimiser", now_seconds() - start);
  }
  void step() {
    const double start = now_seconds();
    const std::vector<Group> groups = generate(options_.work);
    const double sampled = now_seconds();
    report_.logp_difference_max = std::max(report_.logp_difference_max, train(groups).logp_difference_max);
    update();
    const double end = now_seconds();
    record("step.rollout", sampled - start);
    record("step.update", end - sampled);
    record("step", end - start);
  }

 private:
  struct TrainTimes {
    double forward = 0, backward = 0;
    double logp_difference_max = 0;
  };

  void record(const std::string& name, double seconds) {
    for (CaseResult& c : report_.cases) {
      if (c.name != name) continue;
      c.seconds.push_back(seconds);
      c.rss_gb = std::max(c.rss_gb, peak_rss_gb());
    }
  }

  std::vector<Group> generate(const Work& work, const Sampler::Hooks& hooks = {}) {
    std::vector<PromptRequest> requests;
    for (int64_t p = 0; p < work.prompts; p++)
      requests.push_back({.ids = random_tokens(report_.config, work.prompt, p, 0),
                          .index = p,
                          .samples = static_cast<int>(work.samples)});
    SamplingOptions sampling;
    sampling.max_new_tokens = work.completion;
    sampling.ignore_eos = true;
    sampling.seed = kSeed;
    return sampler_.generate(requests, sampling, hooks);
  }

  // As if sampled; log-probs are not known and taken from the forward pass.
  std::vector<Group> random_groups(const Work& work) const {
    std::vector<Group> groups;
    for (int64_t p = 0; p < work.prompts; p++) {
      Group group;
      group.prompt_ids = random_tokens(report_.config, work.prompt, p, 0);
      for (int64_t s = 0; s < work.samples; s++) {
        Completion completion;
        completion.ids = random_tokens(report_.config, work.completion, p, s + 1);
        group.completions.push_back(std::move(completion));
      }
      groups.push_back(std::move(group));
    }
    return groups;
  }

  // Forward and backward of all groups with alternating advantages; the gradient stays in the policy.
  TrainTimes train(const std::vector<Group>& groups) {
    std::vector<TrainGroup> packed;
    std::vector<const Completion*> completions;
    for (const Group& group : groups) {
      packed.push_back({.prompt = group.prompt_ids, .samples = {}});
      for (const Completion& c : group.completions) {
        packed.back().samples.push_back({.ids = c.ids, .learn = {}, .tag = static_cast<int64_t>(completions.size())});
        completions.push_back(&c);
      }
    }
    TrainTimes times;
    for (const MicroBatch& batch : pack(packed, options_.rows)) {
      const double start = now_seconds();
      const std::vector<HeadScore>& scores = policy_.forward(batch);
      const double scored = now_seconds();
      const std::vector<float> dlogp = loss_gradient(batch, scores, completions, times);
      const double weighed = now_seconds();
      policy_.backward(batch, dlogp);
      times.forward += scored - start;
      times.backward += now_seconds() - weighed;
    }
    return times;
  }

  static std::vector<float> loss_gradient(const MicroBatch& batch, const std::vector<HeadScore>& scores,
                                          const std::vector<const Completion*>& completions, TrainTimes& times) {
    std::vector<float> dlogp(scores.size());
    LossSums sums;
    for (size_t begin = 0; begin < scores.size();) {
      const int64_t tag = batch.tokens[begin].tag;
      const Completion& completion = *completions[static_cast<size_t>(tag)];
      size_t end = begin;
      std::vector<float> fresh;
      for (; end < scores.size() && batch.tokens[end].tag == tag; end++) fresh.push_back(scores[end].logp);
      const std::vector<float>& old = completion.behavior_logp.empty() ? fresh : completion.behavior_logp;
      for (size_t t = 0; t < fresh.size(); t++)
        times.logp_difference_max =
            std::max(times.logp_difference_max, std::fabs(static_cast<double>(fresh[t]) - old[t]));
      const LossSequence sequence{
          .new_logp = fresh, .old_logp = old, .ref_logp = {}, .advantage = tag % 2 == 0 ? 1.0 : -1.0};
      sequence_loss({}, {.tokens = static_cast<double>(scores.size())}, sequence,
                    std::span(dlogp).subspan(begin, end - begin), sums);
      begin = end;
    }
    return dlogp;
  }

  void update() { policy_.update({.learning_rate = 1e-6}); }

  const EngineOptions& options_;
  EngineReport& report_;
  Transformer model_;
  Policy policy_;
  Sampler sampler_;
};

// The cases that one measurement fills, and how to take it.
struct Measurement {
  std::vector<std::string> names;
  std::function<void(Engine&)> take;
};

struct Plan {
  explicit Plan(const Work& w) : alone(w), unshared(w) {
    alone.prompts = alone.samples = 1;
    unshared.prompts = w.sequences();
    unshared.samples = 1;
    measurements = {
        {{"prefill"}, [](Engine& e) { e.prefill(); }},
        {{"decode.1"}, [this](Engine& e) { e.decode("decode.1", alone); }},
        {{"decode.shared"}, [w](Engine& e) { e.decode("decode.shared", w); }},
        {{"decode.unshared"}, [this](Engine& e) { e.decode("decode.unshared", unshared); }},
        {{"train.forward", "train.backward", "train.both", "optimiser"}, [](Engine& e) { e.train_group(); }},
        {{"step.rollout", "step.update", "step"}, [](Engine& e) { e.step(); }}};
  }
  Plan(const Plan&) = delete;

  Work alone, unshared;
  std::vector<Measurement> measurements;
};

bool wanted(const EngineOptions& options, const Measurement& m) {
  if (options.cases.empty()) return true;
  return std::any_of(m.names.begin(), m.names.end(), [&](const std::string& name) {
    return std::find(options.cases.begin(), options.cases.end(), name) != options.cases.end();
  });
}

void check_case_names(const EngineOptions& options) {
  const std::vector<std::string> known = case_names();
  for (const std::string& name : options.cases)
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail_usage("--case {}: there is no such case; nearest: {}", name, nearest_name(name, known));
}

void set_tokens_and_floor(CaseResult& c, const Plan& plan, const Work& work, const Floors& floors) {
  Work one = work;
  one.prompts = 1;
  const auto decode = [&](const Work& w) {
    c.tokens = static_cast<double>(w.sequences() * (w.completion - 1));
    c.floor_seconds = floors.decode(w);
  };
  const double group_tokens = static_cast<double>(one.prompt_tokens() + one.completion_tokens());
  const double rollout = floors.prefill(work) + floors.decode(work);
  const double update = floors.train_forward(work) + floors.train_backward(work) + floors.optimiser();
  c.tokens = c.name.starts_with("train") ? group_tokens : static_cast<double>(work.completion_tokens());
  if (c.name == "prefill") {
    c.tokens = static_cast<double>(work.prompt_tokens());
    c.floor_seconds = floors.prefill(work);
  } else if (c.name == "decode.1") {
    decode(plan.alone);
  } else if (c.name == "decode.shared") {
    decode(work);
  } else if (c.name == "decode.unshared") {
    decode(plan.unshared);
  } else if (c.name == "train.forward") {
    c.floor_seconds = floors.train_forward(one);
  } else if (c.name == "train.backward") {
    c.floor_seconds = floors.train_backward(one);
  } else if (c.name == "train.both") {
    c.floor_seconds = floors.train_forward(one) + floors.train_backward(one);
  } else if (c.name == "optimiser") {
    c.tokens = 0;
    c.floor_seconds = floors.optimiser();
  } else {
    c.floor_seconds = c.name == "step.rollout" ? rollout : c.name == "step.update" ? update : rollout + update;
  }
}

}  // namespace

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const auto& [name, config] : shapes()) names.push_back(name);
  return names;
}

ModelConfig shape_config(const std::string& name) {
  const auto it = shapes().find(name);
  if (it == shapes().end())
    fail_usage("--shape {}: there is no such shape; nearest: {}", name, nearest_name(name, shape_names()));
  return it->second;
}

double CaseResult::median() const {
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const size_t n = sorted.size();
  return n == 0 ? 0 : n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const Measurement& m : Plan(Work()).measurements) names.insert(names.end(), m.names.begin(), m.names.end());
  return names;
}

EngineReport run_engine_bench(const EngineOptions& options, const std::function<void(const std::string&)>& progress) {
  check_case_names(options);
  EngineReport report;
  report.config = shape_config(options.shape);
  report.compute = make_compute(options.compute_dtype);
  const Plan plan(options.work);
  for (const Measurement& m : plan.measurements)
    if (wanted(options, m))
      for (const std::string& name : m.names)
        report.cases.push_back({.name = name, .tokens = 0, .seconds = {}, .floor_seconds = 0, .rss_gb = 0});

  MachineProbe probe(report.config);
  Engine engine(options, report);
  for (int round = 0; round < options.repeats; round++) {
    progress(fmt::format("round {}/{}: machine", round + 1, options.repeats));
    probe.measure();
    for (const Measurement& m : plan.measurements) {
      if (!wanted(options, m)) continue;
      progress(fmt::format("round {}/{}: {}", round + 1, options.repeats, m.names.back()));
      reset_peak_rss();
      m.take(engine);
    }
  }
  report.machine = probe.machine();
  report.products = probe.products();
  const Floors floors(report.config, report.machine, report.compute.operand);
  for (CaseResult& c : report.cases) set_tokens_and_floor(c, plan, options.work, floors);
  return report;
}

}  // namespace r1::bench
