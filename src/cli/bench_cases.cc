#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "cli/bench.h"
#include "cli/verbs.h"
#include "formats/model_path.h"
#include "model/floors.h"
#include "train/grpo_update.h"
#include "train/memory_plan.h"

namespace r1 {
namespace {

constexpr uint64_t kSeed = 42;
constexpr int64_t kGroup = 8;  // sequences that share a prompt in the decode and training cases
constexpr int64_t kDecodes[] = {1, 8, 32, 64, 128};
constexpr int64_t kPacked[] = {1024, 2048, 4096};
constexpr double kLeastSeconds = 0.05;  // what is shorter is repeated within a repeat

// What the cases work on, every option with its value.
struct Sizes {
  explicit Sizes(const BenchOptions& o)
      : step{.prompts = o.prompts.value_or(o.quick ? 2 : 8),
             .samples = o.samples.value_or(o.quick ? 4 : 8),
             .prompt = o.prompt_length.value_or(o.quick ? 16 : 128),
             .completion = o.completion_length.value_or(o.quick ? 8 : 256)},
        prefill(o.prefill_length.value_or(o.quick ? 64 : 512)),
        decode(o.decode_length.value_or(o.quick ? 2 : 64)),
        packed_divisor(o.quick ? 16 : 1),
        repeats(o.repeats.value_or(o.quick ? 1 : 5)) {}
  UniformWork step;
  int64_t prefill, decode, packed_divisor, repeats;
};

TokenId random_token(const ModelConfig& c, int64_t prompt, int64_t sample, int64_t token) {
  return static_cast<TokenId>(random_below({.seed = kSeed,
                                            .stage = Stage::test,
                                            .prompt = static_cast<uint32_t>(prompt),
                                            .sample = static_cast<uint32_t>(sample),
                                            .token = static_cast<uint32_t>(token)},
                                           static_cast<uint64_t>(c.vocabulary)));
}

std::vector<TokenId> random_tokens(const ModelConfig& c, int64_t n, int64_t prompt, int64_t sample) {
  std::vector<TokenId> ids;
  for (int64_t t = 0; t < n; t++) ids.push_back(random_token(c, prompt, sample, t));
  return ids;
}

std::vector<PromptRequest> random_requests(const ModelConfig& c, const UniformWork& w) {
  std::vector<PromptRequest> out;
  for (int64_t p = 0; p < w.prompts; p++)
    out.push_back({.ids = random_tokens(c, w.prompt, p, 0), .index = p, .samples = static_cast<int>(w.samples)});
  return out;
}

SamplingOptions forced_length(int64_t tokens) {
  SamplingOptions s;
  s.max_new_tokens = tokens;
  s.ignore_eos = true;
  s.seed = kSeed;
  return s;
}

template <typename Body>
double seconds_of(const Body& body) {
  const double start = now_seconds();
  body();
  return now_seconds() - start;
}

// Cases that one measurement fills. `prepare` makes what they need and returns the body, which does the work once and
// returns the seconds of each.
struct Measurement {
  struct Part {
    std::string name;
    double tokens;
    std::function<double(const Floors&)> floor;
  };
  using Body = std::function<std::vector<double>()>;
  std::vector<Part> parts;
  MemoryNeeds needs = {};
  bool is_long = false;  // needs no warm-up: the median leaves the first repeat out
  std::function<Body(Transformer&)> prepare;
};

SamplingLoad load_of(const UniformWork& w) {
  return {.prompts = w.prompts,
          .samples = w.prompts * w.samples,
          .longest_prompt = w.prompt,
          .max_new_tokens = w.completion,
          .one_length = true};
}

Measurement measure_prefill(const Sizes& sizes) {
  const UniformWork w{.prompts = 1, .samples = 1, .prompt = sizes.prefill, .completion = 1};
  const SamplerLimits limits{.max_active = 1};
  return {
      .parts = {{"prefill", static_cast<double>(w.prompt), [w](const Floors& f) { return f.prefill(make_work(w)); }}},
      .needs = {.trains = false, .limits = limits, .sampling = {load_of(w)}},
      .prepare = [=](Transformer& model) -> Measurement::Body {
        auto sampler = std::make_shared<Sampler>(model, nullptr, limits);  // shared by copies of the body
        return [=, requests = random_requests(model.config(), w)] {
          return std::vector{seconds_of([&] { sampler->generate(requests, forced_length(1)); })};
        };
      }};
}

// What the first tokens cost is taken away: they are the prefill's.
Measurement measure_decode(const Sizes& sizes, int64_t sequences, bool shared) {
  const int64_t group = shared ? std::min(kGroup, sequences) : 1;
  const UniformWork w{
      .prompts = sequences / group, .samples = group, .prompt = sizes.step.prompt, .completion = sizes.decode + 1};
  const SamplerLimits limits{.max_active = sequences};
  return {.parts = {{fmt::format("decode_{}{}", sequences, shared || sequences == 1 ? "" : "_unshared"),
                     static_cast<double>(sequences * sizes.decode),
                     [=](const Floors& f) { return f.decode(make_work(w), sequences); }}},
          .needs = {.trains = false, .limits = limits, .sampling = {load_of(w)}},
          .prepare = [=](Transformer& model) -> Measurement::Body {
            auto sampler = std::make_shared<Sampler>(model, nullptr, limits);
            return [=, requests = random_requests(model.config(), w)] {
              const double first = seconds_of([&] { sampler->generate(requests, forced_length(1)); });
              const double all = seconds_of([&] { sampler->generate(requests, forced_length(w.completion)); });
              return std::vector{std::max(all - first, 1e-9)};
            };
          }};
}

// Groups that fill about `rows` rows, as one micro-batch.
UniformWork packed_work(const Sizes& sizes, const ModelConfig& c, int64_t rows) {
  const int64_t prompt = std::min(sizes.step.prompt, rows / 2),
                completion = std::clamp<int64_t>((rows - prompt) / kGroup + 1, 2, c.max_positions - prompt),
                group = prompt + kGroup * (completion - 1);
  return {.prompts = std::max<int64_t>(1, rows / group), .samples = kGroup, .prompt = prompt, .completion = completion};
}

MicroBatch random_batch(const ModelConfig& c, const UniformWork& w) {
  std::vector<TrainGroup> groups;
  for (int64_t p = 0; p < w.prompts; p++) {
    groups.push_back({.prompt = random_tokens(c, w.prompt, p, 0), .samples = {}});
    for (int64_t s = 0; s < w.samples; s++)
      groups.back().samples.push_back({.ids = random_tokens(c, w.completion, p, s + 1), .learn = {}});
  }
  std::vector<MicroBatch> batches = pack(groups, w.prompts * (w.prompt + w.samples * w.completion));
  R1_CHECK(batches.size() == 1);
  return std::move(batches[0]);
}

UpdateLoad packed_load(const UniformWork& w) {
  return update_load(load_of(w), w.prompts * (w.prompt + w.samples * w.completion));
}

double all_tokens(const UniformWork& w) {
  return static_cast<double>(w.prompts * (w.prompt + w.samples * w.completion));
}

Measurement measure_scoring(const UniformWork& w) {
  return {.parts = {{"scoring", all_tokens(w), [w](const Floors& f) { return f.forward(make_work(w)); }}},
          .needs = {.trains = false, .update = packed_load(w)},
          .prepare = [=](Transformer& model) -> Measurement::Body {
            auto scorer = std::make_shared<Scorer>(model);
            auto batch = std::make_shared<MicroBatch>(random_batch(model.config(), w));
            return [=] { return std::vector{seconds_of([&] { scorer->score(*batch); })}; };
          }};
}

Measurement measure_training(const std::string& name, const UniformWork& w) {
  return {.parts = {{name, all_tokens(w), [w](const Floors& f) { return f.train(make_work(w)); }}},
          .needs = {.update = packed_load(w)},
          .prepare = [=](Transformer& model) -> Measurement::Body {
            auto policy = std::make_shared<Policy>(model);
            policy->update({.learning_rate = 0});  // the moments stand in memory, as between two steps of training
            auto batch = std::make_shared<MicroBatch>(random_batch(model.config(), w));
            const std::vector<float> dlogp(batch->targets.size(), 1e-4f);
            return [=] { return std::vector{seconds_of([&] { policy->learn(*batch, dlogp); })}; };
          }};
}

// As behind the passes of an update, which leave the layers without packed copies.
Measurement measure_optimizer() {
  return {.parts = {{"optimizer", 0, [](const Floors& f) { return f.optimizer(28, false); }}},
          .prepare = [](Transformer& model) -> Measurement::Body {
            auto policy = std::make_shared<Policy>(model);
            const MicroBatch few =
                random_batch(model.config(), {.prompts = 1, .samples = 1, .prompt = 4, .completion = 4});
            policy->learn(few, std::vector<float>(few.targets.size(), 0.0f));
            return [policy, total = model.layout().total()] {
              std::fill_n(policy->gradients(), total, 1e-4f);
              return std::vector{seconds_of([&] { policy->update({.learning_rate = 1e-6}); })};
            };
          }};
}

// What `r1 grpo` does between the data and the metrics, with advantages that a reward might have given.
class StepRig {
 public:
  StepRig(Transformer& model, const UniformWork& w, int64_t micro_batch_tokens, int64_t max_active)
      : work_(w),
        micro_batch_tokens_(micro_batch_tokens),
        policy_(model),
        sampler_(model, nullptr, {.max_active = max_active}),
        requests_(random_requests(model.config(), w)) {
    const UpdateLoad load = update_load(load_of(w), micro_batch_tokens);
    policy_.reserve(load.rows, load.selected, load.pages);
  }

  std::vector<double> step() {
    const double start = now_seconds();
    const Rollout rollout = sample();
    const double sampled = now_seconds();
    const auto minibatch = cut_into_minibatches(rollout, 1, kSeed)[0];
    grpo_forward_backward(policy_, {.rollout = &rollout,
                                    .minibatch = minibatch,
                                    .max_completion_length = work_.completion,
                                    .micro_batch_tokens = micro_batch_tokens_,
                                    .same_policy = true});
    policy_.update({.learning_rate = 1e-6});
    const double end = now_seconds();
    return {sampled - start, end - sampled, end - start};
  }

 private:
  Rollout sample() {
    policy_.rest();
    Rollout rollout;
    for (Group& group : sampler_.generate(requests_, forced_length(work_.completion))) {
      std::vector<float> advantages;
      for (size_t i = 0; i < group.completions.size(); i++) advantages.push_back(i % 2 == 0 ? 1.0f : -1.0f);
      group.set_advantages(advantages);
      JudgedGroup judged;
      judged.prompt.ids = group.prompt_ids;
      judged.verdicts.resize(group.completions.size());
      for (Verdict& v : judged.verdicts) v.outcome = Outcome::wrong;
      judged.group = std::move(group);
      judged.spread = true;
      rollout.groups.push_back(std::move(judged));
    }
    return rollout;
  }

  UniformWork work_;
  int64_t micro_batch_tokens_;
  Policy policy_;
  Sampler sampler_;
  std::vector<PromptRequest> requests_;
};

Measurement measure_step(const BenchOptions& o, const UniformWork& w) {
  const double tokens = static_cast<double>(w.prompts * w.samples * w.completion);
  const int64_t together = o.max_active, micro_batch_tokens = o.micro_batch_tokens;
  const auto rollout = [=](const Floors& f) { return f.prefill(make_work(w)) + f.decode(make_work(w), together); };
  const auto update = [=](const Floors& f) { return f.train(make_work(w)) + f.optimizer(); };
  return {.parts = {{"rollout", tokens, rollout},
                    {"update", tokens, update},
                    {"grpo_step", tokens, [=](const Floors& f) { return rollout(f) + update(f); }}},
          .needs = {.limits = {.max_active = together},
                    .sampling = {load_of(w)},
                    .update = update_load(load_of(w), micro_batch_tokens)},
          .is_long = true,
          .prepare = [=](Transformer& model) -> Measurement::Body {
            auto rig = std::make_shared<StepRig>(model, w, micro_batch_tokens, together);
            return [rig] { return rig->step(); };
          }};
}

// Those of one use of the model are neighbours, so that it is made twice only.
std::vector<Measurement> all_measurements(const BenchOptions& o, const Sizes& sizes, const ModelConfig& c) {
  std::vector<Measurement> out = {measure_prefill(sizes)};
  for (int64_t n : kDecodes) {
    out.push_back(measure_decode(sizes, n, true));
    if (n > 1) out.push_back(measure_decode(sizes, n, false));
  }
  const auto packed = [&](int64_t rows) { return packed_work(sizes, c, rows / sizes.packed_divisor); };
  out.push_back(measure_scoring(packed(kPacked[2])));
  for (int64_t rows : kPacked)
    out.push_back(measure_training(
        rows == kPacked[2] ? std::string("forward_backward") : fmt::format("forward_backward_{}", rows), packed(rows)));
  out.push_back(measure_optimizer());
  out.push_back(measure_step(o, sizes.step));
  return out;
}

bool is_wanted(const BenchOptions& o, const std::string& name) {
  return o.cases.empty() || std::find(o.cases.begin(), o.cases.end(), name) != o.cases.end();
}

void check_sizes(const Sizes& s, const ModelConfig& c) {
  const auto fits = [&](const char* what, int64_t tokens) {
    if (tokens > c.max_positions)
      fail_usage("{}: {} tokens a sequence; the model's context is {}", what, tokens, c.max_positions);
  };
  fits("--prefill-length", s.prefill + 1);
  fits("--prompt-length and --decode-length", s.step.prompt + s.decode + 1);
  fits("--prompt-length and --completion-length", s.step.prompt + s.step.completion);
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n == 0 ? 0 : n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

class Bench {
 public:
  Bench(const BenchOptions& options, const BenchHooks& hooks) : o_(options), hooks_(hooks), sizes_(options) {
    use_threads(o_.threads);
    start_.compute = make_compute(o_.compute_dtype);
    if (!o_.model.empty()) files_ = std::make_unique<ModelFiles>(open_model_files(resolve_model(o_.model)));
    start_.config =
        files_ ? read_config(files_->config, files_->generation_config, files_->path) : bench_shape(o_.shape);
    check_sizes(sizes_, start_.config);
  }

  void run() {
    hooks_.progress("measuring the machine");
    start_.products = measure_products(start_.compute, plan_of_probe(true));
    start_.machine = machine_of(start_.products);
    start_.machine.read_bytes_per_s = measure_read_bandwidth(plan_of_probe(true).read_bytes);
    start_.meeting_seconds = measure_meeting();
    hooks_.started(start_);
    release_freed_memory();
    program_ = resident_bytes();
    for (const Measurement& m : all_measurements(o_, sizes_, start_.config))
      if (std::any_of(m.parts.begin(), m.parts.end(), [&](const auto& p) { return is_wanted(o_, p.name); })) measure(m);
  }

 private:
  // `whole`: every type and the row counts of decode and training; else what is measured around the cases.
  ProbePlan plan_of_probe(bool whole) const {
    const bool fast = start_.compute.isa >= Isa::avx512;
    ProbePlan plan{.shapes = product_shapes(start_.config),
                   .operands = {start_.compute.operand},
                   .rows = fast ? std::vector<int64_t>{64, 1024} : std::vector<int64_t>{96},
                   .seconds = o_.quick ? 0.002
                              : whole  ? 0.05
                                       : 0.01};
    if (whole) plan.operands = {DType::f32, DType::bf16, DType::s8};
    if (o_.quick) plan.read_bytes = size_t{64} << 20;
    return plan;
  }

  void need_model(ModelUse use) {
    if (model_ && use_ == use) return;
    model_.reset();
    release_freed_memory();
    const ParameterLayout layout(start_.config);
    model_ = std::make_unique<Transformer>(
        start_.config, start_.compute,
        files_ ? load_parameters(layout, *files_) : random_parameters(layout, start_.config, kSeed), use);
    use_ = use;
  }

  void measure(const Measurement& m) {
    hooks_.progress(m.parts.back().name);
    need_model(m.needs.trains ? ModelUse::training : ModelUse::inference);
    MemoryNeeds needs = m.needs;
    needs.program = program_;
    needs.saves = false;
    std::vector<BenchCase> cases;
    for (const Measurement::Part& part : m.parts)
      cases.push_back({.name = part.name,
                       .tokens = part.tokens,
                       .seconds = {},
                       .rss_predicted = plan_memory(start_.compute, start_.config, needs).peak_bytes()});
    std::vector<std::vector<double>> floors(cases.size());
    {
      const Measurement::Body body = m.prepare(*model_);
      const double once = m.is_long ? kLeastSeconds : seconds_of(body);  // and buffers are there now
      const int64_t within = std::clamp<int64_t>(static_cast<int64_t>(kLeastSeconds / once) + 1, 1, 100);
      Machine before = measure_machine(start_.compute, plan_of_probe(false));
      for (int64_t r = 0; r < sizes_.repeats; r++) {
        release_freed_memory();
        reset_peak_resident();
        repeat(body, m.is_long || o_.quick ? 1 : within, cases);
        const Machine after = measure_machine(start_.compute, plan_of_probe(false));
        before.keep_best(after);  // what neighbours on a shared machine left at the time, not what they left once
        const Floors at(start_.config, before, start_.compute.operand);
        for (size_t i = 0; i < cases.size(); i++) floors[i].push_back(m.parts[i].floor(at));
        before = after;
      }
    }
    for (size_t i = 0; i < cases.size(); i++) {
      cases[i].floor_seconds = median_of(floors[i]);
      if (is_wanted(o_, cases[i].name)) hooks_.finished(cases[i]);
    }
  }

  static void repeat(const Measurement::Body& body, int64_t within, std::vector<BenchCase>& cases) {
    std::vector<double> sums(cases.size(), 0.0);
    for (int64_t n = 0; n < within; n++) {
      const std::vector<double> seconds = body();
      for (size_t i = 0; i < sums.size(); i++) sums[i] += seconds[i] / static_cast<double>(within);
    }
    for (size_t i = 0; i < cases.size(); i++) {
      cases[i].seconds.push_back(sums[i]);
      cases[i].rss = std::max(cases[i].rss, peak_resident_bytes());
    }
  }

  const BenchOptions& o_;
  const BenchHooks& hooks_;
  const Sizes sizes_;
  BenchStart start_;
  std::unique_ptr<ModelFiles> files_;
  std::unique_ptr<Transformer> model_;
  ModelUse use_ = ModelUse::inference;
  size_t program_ = 0;
};

}  // namespace

double BenchCase::median() const { return median_of(seconds); }

std::vector<std::string> bench_case_names() {
  std::vector<std::string> names;
  const BenchOptions options;
  for (const Measurement& m : all_measurements(options, Sizes(options), bench_shape("mini")))
    for (const Measurement::Part& part : m.parts) names.push_back(part.name);
  return names;
}

void run_bench_cases(const BenchOptions& options, const BenchHooks& hooks) {
  const std::vector<std::string> known = bench_case_names();
  for (const std::string& name : options.cases)
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail_usage("--case {}: there is no such case; nearest: {}", name, nearest_name(name, known));
  Bench(options, hooks).run();
}

}  // namespace r1
