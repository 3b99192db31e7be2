#include "pipeline/predict.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <type_traits>

#include "base/error.h"
#include "base/openai_client.h"
#include "data/sources.h"
#include "formats/model_path.h"
#include "model/floors.h"
#include "train/memory_plan.h"
#include "train/prompts.h"

namespace r1 {

namespace fs = std::filesystem;

struct Predictor::Base {
  explicit Base(const std::string& model)
      : files(open_model_files(resolve_model(model))),
        tokenizer(open_tokenizer(files)),
        config(read_config(files.config, files.generation_config, files.path)),
        compute(make_compute("auto")) {
    const std::vector<ProductShape> shapes = product_shapes(config);
    machine = measure_machine(compute, {.shapes = {shapes.end() - 3, shapes.end()},
                                        .operands = {compute.operand},
                                        .rows = {compute.isa >= Isa::avx512 ? 1024 : 128},
                                        .seconds = 0.01,
                                        .read_bytes = size_t{128} << 20});
  }
  ModelFiles files;
  std::shared_ptr<const Tokenizer> tokenizer;
  ModelConfig config;
  Compute compute;
  Machine machine;
};

// Means over the first rows.
struct Predictor::Lengths {
  int64_t prompt = 64, completion = 128, rows = 1000;
  bool guessed = true;
};

Predictor::Predictor(const StageGraph& graph) : graph_(graph), base_(std::make_unique<Base>(graph.model())) {}
Predictor::~Predictor() = default;

Predictor::Lengths Predictor::guessed(const RecipeStage& stage, const StageSize& size) const {
  Lengths out;
  out.completion = std::max<int64_t>(1, size.completion / 2);
  for (const std::string& name : stage.needs) {
    const RecipeStage& maker = graph_.stage(name);
    if (!maker.kind->makes_data) continue;
    const std::unique_ptr<StageRun> run = graph_.make(maker);
    const StageSize made = run->size();
    const Lengths asked = lengths_of(maker, *run, made);
    const int64_t kept = asked.rows * made.rows_kept / 2;
    out.rows = std::max<int64_t>(1, (made.rows_most > 0 ? std::min(kept, made.rows_most) : kept) + made.rows_added);
    out.completion = asked.prompt + made.completion / 2;
  }
  if (size.samples == 0) out.prompt = 0;
  return out;
}

Predictor::Lengths Predictor::lengths_of(const RecipeStage& stage, const StageRun& run, const StageSize& size) const {
  constexpr int64_t kLooked = 64;
  Lengths out;
  out.completion = std::max<int64_t>(1, size.completion / 2);
  const DistillOptions* const distills = run.distills();
  const bool from_texts = distills != nullptr && distills->distill_method == "sft" && !distills->traces.empty();
  DataOptions few = from_texts ? DataOptions() : run.data();
  if (from_texts) few.data = distills->traces;
  const std::vector<SourcePart> parts = parse_source(few.data);
  const bool there = !few.data.empty() && std::all_of(parts.begin(), parts.end(), [](const SourcePart& p) {
    return is_generated(p.path) || p.path.find('*') != std::string::npos || fs::exists(p.path);
  });
  if (!there || !(from_texts || run.needs_data())) return guessed(stage, size);
  out.rows = size.steps > 0 ? kLooked : static_cast<int64_t>(few.load(false, true).rows.size());
  few.task_rows = std::min(few.task_rows, kLooked);
  few.read.limit = kLooked;
  const Dataset data = few.load(false, true);
  const PromptBuilder prompts(base_->files, base_->tokenizer, run.prompt());
  int64_t total = 0, n = 0;
  const auto tokens = [&](const DataRow& row) -> size_t {
    if (size.samples > 0) return prompts.build(row).ids.size();
    if (row.shape == DataShape::preference || row.shape == DataShape::unpaired_preference)  // a reward model's
      return prompts.build(row).ids.size() +
             base_->tokenizer->encode(row.chosen.is_string() ? row.chosen.get<std::string>() : row.completion).size();
    return prompts.learn(row, size.completion, false).samples[0].ids.size();
  };
  for (const DataRow& row : data.rows) {
    total += static_cast<int64_t>(tokens(row));
    n++;
  }
  if (n == 0) return out;
  (size.samples > 0 ? out.prompt : out.completion) = std::max<int64_t>(1, total / n);
  if (size.samples == 0) out.prompt = 0;
  out.guessed = false;
  return out;
}

ModelConfig Predictor::config_of_model(const std::string& model) const {
  if (model == graph_.model() || is_openai_address(model)) return base_->config;
  for (const RecipeStage& s : graph_.stages())
    if (s.kind->makes_model && graph_.model_of(s.name) == model) return config_of(*graph_.make(s));
  const ModelFiles files = open_model_files(resolve_model(model));
  return read_config(files.config, files.generation_config, files.path);
}

ModelConfig Predictor::config_of(const StageRun& run) const {
  const DistillOptions* const distills = run.distills();
  if (distills == nullptr || !distills->student.given()) return config_of_model(run.begins_with());
  const StudentShape& student = distills->student;
  ModelConfig c = config_of_model(student.config.empty() ? distills->teacher : student.config);
  const auto set = [](auto& size, int64_t wanted) {
    if (wanted > 0) size = static_cast<std::remove_reference_t<decltype(size)>>(wanted);
  };
  set(c.layers, student.layers);
  set(c.width, student.hidden);
  set(c.inner, student.intermediate);
  set(c.heads, student.heads);
  set(c.kv_heads, student.kv_heads);
  if (student.hidden + student.heads > 0) set(c.head_size, c.width / c.heads);
  set(c.head_size, student.head_dim);
  return c;
}

Prediction Predictor::predict(const RecipeStage& stage) const {
  Prediction out;
  const std::unique_ptr<StageRun> run = graph_.make(stage);
  const StageSize size = run->size();
  if (size.sequences == 0 && size.samples == 0) return out;
  const Lengths lengths = lengths_of(stage, *run, size);
  const bool samples = size.samples > 0;
  Work work;
  if (samples)
    work = make_work({.prompts = size.prompts,
                      .samples = size.samples / std::max<int64_t>(1, size.prompts),
                      .prompt = lengths.prompt,
                      .completion = lengths.completion});
  else
    work = make_work({.prompts = size.sequences, .samples = 1, .prompt = 0, .completion = lengths.completion});
  const ModelConfig config = config_of(*run);
  const Floors floors(config, base_->machine, base_->compute.operand);
  double step = 0;
  if (samples) step += floors.prefill(work) + floors.decode(work, size.max_active);
  if (size.sequences > 0) step += floors.train(work) + floors.optimizer();
  const DistillOptions* const distills = run->distills();
  const bool taught = distills != nullptr && distills->distill_method == "on_policy";
  const ModelConfig teacher = taught ? config_of_model(distills->teacher) : config;
  if (taught) step += Floors(teacher, base_->machine, base_->compute.operand).forward(work);
  const double rows_a_step = static_cast<double>(std::max<int64_t>(1, size.rows_a_step));
  out.steps = size.steps > 0
                  ? size.steps
                  : static_cast<int64_t>(std::ceil(size.epochs * static_cast<double>(lengths.rows) / rows_a_step));
  out.seconds = static_cast<double>(out.steps) * step / kSharePredicted;
  out.tokens = out.steps * (completion_tokens(work) + prompt_tokens(work));
  out.guessed = lengths.guessed;
  const SamplingLoad load{.prompts = std::max<int64_t>(1, size.prompts),
                          .samples = samples ? size.samples : size.sequences,
                          .longest_prompt = std::max<int64_t>(1, lengths.prompt),
                          .max_new_tokens = std::max<int64_t>(1, samples ? size.completion : lengths.completion),
                          .one_length = false};
  MemoryNeeds needs{.trains = size.sequences > 0, .limits = {.max_active = size.max_active}};
  if (samples) needs.sampling.push_back(load);
  if (size.sequences > 0) needs.update = update_load(load, size.micro_batch_tokens);
  size_t bytes = plan_memory(base_->compute, config, needs).peak_bytes();
  if (taught) bytes += plan_memory(base_->compute, teacher, teacher_needs(*distills, teacher, 0)).peak_bytes();
  out.memory_gb = static_cast<double>(bytes) / 1e9;
  return out;
}

}  // namespace r1
