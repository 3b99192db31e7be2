#include "train/goldens.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/durable_file.h"
#include "base/error.h"
#include "rollout/sampler.h"
#include "train/losses.h"
#include "train/policy.h"
#include "train/schedule.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// A golden safetensors file: matrices of numbers by name.
class GoldenFile {
 public:
  explicit GoldenFile(const fs::path& path) : source_(open_safetensors(path.string())) {}
  std::vector<float> floats(const std::string& name) const {
    const int i = index(name);
    std::vector<float> out(static_cast<size_t>(source_->tensors()[static_cast<size_t>(i)].elements()));
    source_->read_f32(i, out);
    return out;
  }
  std::vector<int64_t> integers(const std::string& name) const {
    const int i = index(name);
    std::vector<int64_t> out(static_cast<size_t>(source_->tensors()[static_cast<size_t>(i)].elements()));
    source_->read_i64(i, out);
    return out;
  }
  std::vector<int64_t> shape(const std::string& name) const {
    return source_->tensors()[static_cast<size_t>(index(name))].shape;
  }
  bool has(const std::string& name) const { return source_->find(name) >= 0; }

 private:
  int index(const std::string& name) const {
    const int i = source_->find(name);
    if (i < 0) fail("golden file has no tensor {}", name);
    return i;
  }
  std::unique_ptr<TensorSource> source_;
};

// Rows of [ids, live, learn] as sequences to learn; tag = row.
std::vector<TrainGroup> rows_to_learn(const GoldenFile& file, const std::string& prefix) {
  const auto ids = file.integers(prefix + "ids"), live = file.integers(prefix + "live"),
             learn = file.integers(prefix + "learn");
  const auto shape = file.shape(prefix + "ids");
  std::vector<TrainGroup> out;
  for (int64_t r = 0; r < shape[0]; r++) {
    TrainSample s;
    s.tag = r;
    for (int64_t t = 0; t < shape[1]; t++) {
      const size_t at = static_cast<size_t>(r * shape[1] + t);
      if (live[at] == 0) continue;
      s.ids.push_back(static_cast<TokenId>(ids[at]));
      s.learn.push_back(learn[at] != 0 && t > 0);
    }
    out.push_back({{}, {s}});
  }
  return out;
}

double norm(std::span<const float> x) {
  double sum = 0;
  for (float v : x) sum += static_cast<double>(v) * v;
  return std::sqrt(sum);
}
double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return std::sqrt(sum);
}

class FolderCheck {
 public:
  FolderCheck(const std::string& folder, const Compute& compute, const std::function<void(const GoldenCheck&)>& report)
      : folder_(folder), name_(fs::path(folder).filename().string()), compute_(compute), report_(report) {}

  void run() {
    const ModelFiles files = open_model_files(folder_.string());
    try {
      read_config(files.config, files.generation_config, files.path);
    } catch (const Error& e) {
      report_({name_, "supported", 0, 0, false, e.what()});
      return;
    }
    if (fs::exists(folder_ / "forward_backward.safetensors")) forward_backward(files);
    if (fs::exists(folder_ / "greedy.json")) greedy(files);
    if (fs::exists(folder_ / "sft.safetensors")) sft(files);
    if (fs::exists(folder_ / "grpo.safetensors")) grpo(files);
  }

 private:
  // Element by element |a - b| <= tol (1 + |b|): reports the largest |a - b| / (1 + |b|).
  void elements(const std::string& check, std::span<const float> got, std::span<const float> want, double tolerance) {
    double worst = 0;
    bool finite = got.size() == want.size();
    for (size_t i = 0; i < want.size() && finite; i++) {
      finite = std::isfinite(got[i]);
      worst = std::max(worst,
                       std::abs(static_cast<double>(got[i]) - want[i]) / (1 + std::abs(static_cast<double>(want[i]))));
    }
    report_({name_, check, worst, tolerance, finite && worst <= tolerance, ""});
  }
  // |a - b| / max(|b|, scale); `scale` is the size of what was summed, where that is known.
  void relative(const std::string& check, double got, double want, double tolerance, double scale = 1e-12) {
    const double error = std::abs(got - want) / std::max(std::abs(want), scale);
    report_({name_, check, error, tolerance, std::isfinite(got) && error <= tolerance, ""});
  }
  void gradients(const std::string& check, Policy& policy, const GoldenFile& golden, const std::string& prefix) {
    for (const Parameter& p : policy.model().layout().all()) {
      const auto want = golden.floats(prefix + p.name);
      const double gap = distance({policy.gradients() + p.offset, static_cast<size_t>(p.size)}, want),
                   bound = 2e-4 * norm(want) + 1e-7;
      report_({name_, check + p.name, gap, bound, gap <= bound, ""});
    }
  }

  void forward_backward(const ModelFiles& files) {
    const GoldenFile golden(folder_ / "forward_backward.safetensors");
    Transformer model = load_transformer(files, compute_, ModelUse::training);
    const auto groups = rows_to_learn(golden, "");
    logits(model, golden, groups);
    Policy policy(model);
    double loss = 0, tokens = 0;
    const auto batches = pack(groups, 64);  // several micro-batches, so that packing is part of the check
    for (const MicroBatch& b : batches) tokens += static_cast<double>(b.targets.size());
    for (const MicroBatch& b : batches) {
      for (const HeadScore& s : policy.forward(b)) loss -= s.logp / tokens;
      policy.backward(b, std::vector<float>(b.targets.size(), static_cast<float>(-1 / tokens)));
    }
    relative("forward.loss", loss, golden.floats("loss")[0], 1e-5);
    gradients("backward.", policy, golden, "grad.");
  }

  void logits(const Transformer& model, const GoldenFile& golden, const std::vector<TrainGroup>& groups) {
    const auto want = golden.floats("logits");
    const auto shape = golden.shape("logits");
    std::vector<float> got(want.size());
    for (const TrainGroup& g : groups) {
      const std::vector<TokenId>& ids = g.samples[0].ids;
      const int64_t n = static_cast<int64_t>(ids.size());
      Batch batch;
      std::vector<int64_t> selected;
      std::vector<int32_t> pages(static_cast<size_t>(KvCache::pages_between(0, n)));
      for (size_t i = 0; i < pages.size(); i++) pages[i] = static_cast<int32_t>(i);
      for (int64_t t = 0; t < n; t++) {
        batch.ids.push_back(ids[static_cast<size_t>(t)]);
        batch.positions.push_back(static_cast<int32_t>(t));
        selected.push_back(t);
      }
      batch.runs.push_back({.row = 0, .rows = n, .start = 0, .own_pages = pages.data()});
      KvCache cache(compute_, model.config(), static_cast<int32_t>(pages.size()));
      Workspace workspace(compute_, model.config(), n, n, ModelUse::inference);
      model.head().logits(model.forward(batch, selected, cache, workspace),
                          {got.data() + g.samples[0].tag * shape[1] * shape[2], n, shape[2]});
    }
    elements("forward.logits", got, want, 2e-4);
  }

  void greedy(const ModelFiles& files) {
    const Json rows = Json::parse(read_text_file((folder_ / "greedy.json").string()));
    const Transformer model = load_transformer(files, compute_, ModelUse::inference);
    Sampler sampler(model, nullptr, {.max_active = 4, .prefill_rows = 16});
    double wrong = 0;
    for (const Json& row : rows) {
      const auto want = row["completion"].get<std::vector<TokenId>>();
      const auto margin = row["margin"].get<std::vector<double>>();
      SamplingOptions options;
      options.temperature = 0;
      options.max_new_tokens = static_cast<int64_t>(want.size());
      options.ignore_eos = true;
      const auto groups = sampler.generate({{row["prompt"].get<std::vector<TokenId>>(), 0, 1}}, options);
      for (size_t i = 0; i < want.size() && margin[i] >= 1e-3; i++) wrong += groups[0].completions[0].ids[i] != want[i];
    }
    report_({name_, "greedy", wrong, 0, wrong == 0, ""});
  }

  void sft(const ModelFiles& files) {
    const GoldenFile golden(folder_ / "sft.safetensors");
    const Json log = Json::parse(read_text_file((folder_ / "sft.json").string()));
    Transformer model = load_transformer(files, compute_, ModelUse::training);
    const std::vector<float> start(model.parameters(), model.parameters() + model.layout().total());
    Policy policy(model);
    double worst = 0;
    for (size_t t = 0; t < log.size(); t++) {
      const auto batches = pack(rows_to_learn(golden, std::to_string(t) + "."), 64);
      double loss = 0, tokens = 0;
      for (const MicroBatch& b : batches) tokens += static_cast<double>(b.targets.size());
      for (const MicroBatch& b : batches) {
        for (const HeadScore& s : policy.forward(b)) loss -= s.logp / tokens;
        policy.backward(b, std::vector<float>(b.targets.size(), static_cast<float>(-1 / tokens)));
      }
      const double rate = learning_rate_at({.kind = SchedulerKind::cosine,
                                            .peak = 1e-3,
                                            .warmup_steps = 2,
                                            .total_steps = static_cast<int64_t>(log.size())},
                                           static_cast<int64_t>(t));
      const double grad_norm = policy.update(
          {.learning_rate = rate, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .max_grad_norm = 1.0});
      for (const auto& [key, got] : {std::pair("loss", loss), {"grad_norm", grad_norm}, {"lr", rate}})
        worst = std::max(
            worst, std::abs(got - log[t][key].get<double>()) / std::max(std::abs(log[t][key].get<double>()), 1e-12));
    }
    report_({name_, "sft.loss", worst, 2e-4, worst <= 2e-4, ""});
    double final_worst = 0, final_bound = 1;
    for (const Parameter& p : model.layout().all()) {
      const auto want = golden.floats("final." + p.name);
      const std::span<const float> before(start.data() + p.offset, static_cast<size_t>(p.size));
      const double gap = distance({model.parameters() + p.offset, static_cast<size_t>(p.size)}, want),
                   bound = 1e-2 * distance(want, before) + 1e-5;
      if (gap / bound > final_worst / final_bound) final_worst = gap, final_bound = bound;
    }
    report_({name_, "sft.final", final_worst, final_bound, final_worst <= final_bound, ""});
  }

  struct GrpoBatch {
    std::vector<TrainGroup> groups;
    std::vector<std::vector<float>> old_logp, ref_logp;  // a completion each
    std::vector<float> advantages;
    int64_t tall = 0;
    double tokens = 0;
  };

  static GrpoBatch read_grpo(const GoldenFile& g) {
    GrpoBatch out;
    const auto prompt = g.integers("prompt_ids"), prompt_mask = g.integers("prompt_mask"),
               ids = g.integers("completion_ids"), mask = g.integers("completion_mask");
    const auto old_logp = g.floats("old_per_token_logps"), ref_logp = g.floats("ref_per_token_logps");
    out.advantages = g.floats("advantages");
    const int64_t wide = g.shape("prompt_ids")[1], rows = g.shape("completion_ids")[0];
    out.tall = g.shape("completion_ids")[1];
    for (int64_t r = 0; r < rows; r++) {
      std::vector<TokenId> p;
      for (int64_t t = 0; t < wide; t++)
        if (prompt_mask[static_cast<size_t>(r * wide + t)])
          p.push_back(static_cast<TokenId>(prompt[static_cast<size_t>(r * wide + t)]));
      TrainSample s;
      s.tag = r;
      std::vector<float> old, ref;
      for (int64_t t = 0; t < out.tall; t++) {
        const size_t at = static_cast<size_t>(r * out.tall + t);
        if (mask[at] == 0) continue;
        s.ids.push_back(static_cast<TokenId>(ids[at]));
        old.push_back(old_logp[at]);
        ref.push_back(ref_logp[at]);
      }
      out.tokens += static_cast<double>(s.ids.size());
      out.old_logp.push_back(old);
      out.ref_logp.push_back(ref);
      if (out.groups.empty() || out.groups.back().prompt != p) out.groups.push_back({p, {}});
      out.groups.back().samples.push_back(s);
    }
    return out;
  }

  static LossForm read_form(const std::string& name, const Json& form) {
    LossForm out;
    static const std::map<std::string, LossType> types = {
        {"bnpo", LossType::bnpo}, {"dapo", LossType::dapo}, {"dr_grpo", LossType::dr_grpo}, {"cispo", LossType::cispo}};
    const auto it = types.find(name);
    out.type = it == types.end() ? LossType::grpo : it->second;
    out.level = form["level"] == "sequence" ? RatioLevel::sequence : RatioLevel::token;
    out.epsilon_low = form["epsilon_low"].get<double>();
    out.epsilon_high = form["epsilon_high"].get<double>();
    out.beta = form["beta"].get<double>();
    if (!form["delta"].is_null()) out.delta = form["delta"].get<double>();
    out.kl_times_ratio = form["kl_is_corrected"].get<bool>();
    return out;
  }

  void grpo(const ModelFiles& files) {
    const GoldenFile golden(folder_ / "grpo.safetensors");
    const Json forms = Json::parse(read_text_file((folder_ / "grpo.json").string()));
    const GrpoBatch batch = read_grpo(golden);
    Transformer model = load_transformer(files, compute_, ModelUse::training);
    Policy policy(model);
    const auto packed = pack(batch.groups, 4096);
    for (const auto& [name, form] : forms.items()) {
      const LossForm loss_form = read_form(name, form);
      const LossCounts counts{static_cast<double>(batch.advantages.size()), batch.tokens,
                              form["max_completion_length"].get<double>()};
      LossSums sums;
      double size = 0;  // sum of the sequences' shares of the loss, without their signs
      std::vector<float> dlogps(batch.advantages.size() * static_cast<size_t>(batch.tall));
      std::fill_n(policy.gradients(), model.layout().total(), 0.0f);
      for (const MicroBatch& b : packed) {
        const auto& scores = policy.forward(b);
        std::vector<float> dlogp(scores.size());
        for (size_t first = 0; first < scores.size();) {  // tokens of a sample are neighbours
          size_t last = first;
          std::vector<float> logp;
          while (last < scores.size() && b.tokens[last].tag == b.tokens[first].tag) logp.push_back(scores[last++].logp);
          const size_t row = static_cast<size_t>(b.tokens[first].tag);
          const double before = sums.loss;
          sequence_loss(loss_form, counts, {logp, batch.old_logp[row], batch.ref_logp[row], batch.advantages[row]},
                        std::span(dlogp).subspan(first, last - first), sums);
          size += std::abs(sums.loss - before);
          for (size_t i = first; i < last; i++)
            dlogps[row * static_cast<size_t>(batch.tall) + static_cast<size_t>(b.tokens[i].place)] = dlogp[i];
          first = last;
        }
        if (golden.has(name + ".grad." + model.layout().all()[0].name)) policy.backward(b, dlogp);
      }
      const std::string check = "grpo." + name + ".";
      // terms of both signs nearly cancel in some of these sums: float32 rounds relative to the terms, not to the rest
      relative(check + "loss", sums.loss, form["loss"].get<double>(), 1e-5, size);
      const auto want = golden.floats(name + ".dlogps");
      if (form["metrics"].contains("clip_ratio/low_min")) {
        relative(check + "clip_ratio/low_min", sums.clipped_low_min,
                 form["metrics"]["clip_ratio/low_min"].get<double>(), 1e-6, 1);
        relative(check + "clip_ratio/high_max", sums.clipped_high_max,
                 form["metrics"]["clip_ratio/high_max"].get<double>(), 1e-6, 1);
      }
      const double gap = distance(dlogps, want), bound = 2e-4 * norm(want) + 1e-7;
      report_({name_, check + "dlogps", gap, bound, gap <= bound, ""});
      if (golden.has(name + ".grad." + model.layout().all()[0].name))
        gradients(check + "grad.", policy, golden, name + ".grad.");
    }
  }

  fs::path folder_;
  std::string name_;
  Compute compute_;
  const std::function<void(const GoldenCheck&)>& report_;
};

}  // namespace

void check_golden_folder(const std::string& folder, const Compute& compute,
                         const std::function<void(const GoldenCheck&)>& report) {
  FolderCheck(folder, compute, report).run();
}

}  // namespace r1
