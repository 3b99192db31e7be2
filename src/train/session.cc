#include "train/session.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "formats/model_path.h"
#include "formats/peft.h"
#include "model/scalar_head.h"

namespace r1 {

using Json = nlohmann::ordered_json;

namespace {
double gb(size_t bytes) { return static_cast<double>(bytes) / 1e9; }

std::string describe(const LoraConfig& c) {
  return fmt::format("r {}, alpha {:g}{}, {}", c.r, c.alpha, c.rslora ? ", rslora" : "", fmt::join(c.modules, ","));
}

// An adapter given as model goes on as it is: keys that were given otherwise than both it and their defaults are a
// mistake.
LoraConfig adapter_config(const LoraOptions& options, const ModelFiles& files) {
  const LoraConfig asked = options.config();
  if (!files.adapter) return asked;
  const LoraConfig &own = files.adapter->config, usual = LoraOptions().config();
  if ((asked.r != own.r && asked.r != usual.r) || (asked.alpha != own.alpha && asked.alpha != usual.alpha) ||
      (asked.rslora && !own.rslora) || (asked.modules != own.modules && asked.modules != usual.modules))
    fail_usage("{}: its adapter has {}; the keys lora_* say {}; leave them out to go on with it", files.path,
               describe(own), describe(asked));
  return own;
}

}  // namespace

TrainSession::TrainSession(const TrainingOptions& options, const Setup& setup)
    : options_(options),
      setup_(setup),
      folder_(options.out, setup.resume),
      store_(folder_.checkpoints(), options.save_total_limit),
      files_(open_model_files(resolve_model(options.model))) {
  set_thread_count(options.threads > 0 ? static_cast<int>(options.threads) : available_cores());
  compute_ = make_compute(options.compute_dtype);
  if (setup.adapt) setup.adapt(files_);
  tokenizer_ = open_tokenizer(files_);
  if (!options.prompt.chat_template.empty()) files_.chat_template = options.prompt.chat_template;  // written with it
  prompts_ = std::make_unique<PromptBuilder>(files_, tokenizer_, options.prompt);
  const ModelConfig config = read_config(files_.config, files_.generation_config, files_.path);
  measure(config);
  plan(config);
  make_model(config);
  policy_ = std::make_unique<Policy>(*model_, parse_optim(options.optim));
  reserve();
  if (setup.resume) {
    if (const auto found = store_.newest()) {
      require_same_recipe(*found, setup.recipe);
      state_ = restore_policy(*found, *policy_, reference_ ? reference_->parameters() : nullptr);
      if (reference_) reference_->repack();
      step_ = saved_step_ = found->step;
    } else {
      log_info("{}: no checkpoint yet, starting at the beginning", options.out);
    }
  }
}

// Some 100 ms: the peaks that the steps' shares are taken of.
void TrainSession::measure(const ModelConfig& config) {
  const std::vector<ProductShape> shapes = product_shapes(config);
  machine_ = measure_machine(compute_, {.shapes = {shapes.end() - 3, shapes.end()},  // the wide ones
                                        .operands = {compute_.operand},
                                        .rows = {compute_.isa >= Isa::avx512 ? 1024 : 128},
                                        .seconds = 0.01,
                                        .read_bytes = size_t{128} << 20});
  floors_ = std::make_unique<Floors>(config, machine_, compute_.operand);
}

void TrainSession::plan(const ModelConfig& config) {
  MemoryNeeds needs = setup_.needs(*prompts_, config);
  release_freed_memory();
  reset_peak_resident();
  needs.program = resident_bytes();
  const auto state_bytes = [&](const BlockLayout& trained) {
    return static_cast<double>(optimizer_bytes(parse_optim(options_.optim), trained.all())) /
           static_cast<double>(trained.total());
  };
  if (options_.lora.use_peft) {
    const AdapterLayout adapter(config, adapter_config(options_.lora, files_));
    needs.trained = adapter.total();
    needs.state_bytes = state_bytes(adapter);
    needs.kept_f32 = ParameterLayout(config, ParameterLayout::Holds::unpacked).total() + adapter.total();
    needs.base_is_reference = setup_.with_reference;
  } else {
    needs.reference = setup_.with_reference;
    needs.state_bytes = state_bytes(ParameterLayout(config));
  }
  update_load_ = needs.update;
  plan_ = plan_memory(compute_, config, needs);
  const double asked = options_.memory_limit_gb;
  require_memory(plan_, asked > 0 ? MemoryLimit{static_cast<size_t>(asked * 1e9), "memory_limit_gb"}
                                  : memory_limit(needs.program));
}

// Room for every micro-batch but those of a single sequence longer than that.
void TrainSession::reserve() {
  const int64_t most = options_.micro_batch_tokens;
  const bool longer = update_load_.rows > most;
  policy_->reserve(std::min(update_load_.rows, most), std::min(update_load_.selected, most),
                   longer ? std::min(update_load_.pages, most / (kPageSize / 4)) : update_load_.pages);
}

void TrainSession::make_model(const ModelConfig& config) {
  const ParameterLayout layout(config);
  if (!files_.tensors && !setup_.random_init) fail("{}: holds no weights", files_.path);
  const uint64_t seed = static_cast<uint64_t>(options_.seed);
  const Optim optim = parse_optim(options_.optim);
  if (options_.lora.use_peft) {
    if (files_.base.empty()) files_.base = portable_model_name(options_.model);
    auto adapter = std::make_unique<AdapterLayout>(config, adapter_config(options_.lora, files_));
    Tensor values = files_.adapter ? load_adapter(*adapter, files_) : new_adapter(*adapter, seed);
    round_weights(optim, adapter->all(), values.as<float>());
    model_ = std::make_unique<Transformer>(
        config, compute_, Transformer::Frozen{weights_of(layout, files_), std::move(adapter), std::move(values)},
        ModelUse::training);
    return;
  }
  Tensor weights = setup_.random_init   ? random_parameters(layout, config, seed)
                   : config.scalar_head ? load_scalar_model(layout, config, files_, seed)
                                        : load_parameters(layout, files_);
  round_weights(optim, layout.all(), weights.as<float>());
  model_ = std::make_unique<Transformer>(config, compute_, std::move(weights), ModelUse::training);
  if (!setup_.with_reference) return;
  Tensor copy(DType::f32, 1, layout.total());
  std::copy_n(model_->parameters(), layout.total(), copy.as<float>());
  reference_ = std::make_unique<Transformer>(config, compute_, std::move(copy), ModelUse::inference);
}

// Only now, when everything that can be wrong with the run's beginning has been looked at, does the folder hold a run.
void TrainSession::open_view(const std::string& curve, double low, double high) {
  folder_.write_recipe(setup_.recipe_toml);
  const int64_t keep = setup_.resume ? step_ : -1;
  metrics_ = std::make_unique<JsonLog>(folder_.path() / "metrics.jsonl", keep);
  samples_ = std::make_unique<JsonLog>(folder_.path() / "samples.jsonl", keep);
  const std::string title =
      fmt::format("r1 {}: {} ({:.1f} M parameters), {} matmuls on {}, {} threads, into {}", setup_.verb, options_.model,
                  static_cast<double>(model_->layout().total()) / 1e6, dtype_name(compute_.operand),
                  isa_name(compute_.isa), thread_count(), options_.out);
  view_ = std::make_unique<RunView>(title, curve, low, high);
  view_->note(fmt::format("machine: packed matmul {:.0f} GFLOP/s, read {:.1f} GB/s",
                          machine_.flops(compute_.operand) / 1e9, machine_.read_bytes_per_s / 1e9));
  for (const std::string& line : memory_table(plan_)) view_->note(line);
  if (const AdapterLayout* adapter = model_->adapter_layout())
    view_->note(fmt::format("adapter: {} ({:.2f} M parameters are trained)", describe(adapter->config()),
                            static_cast<double>(adapter->total()) / 1e6));
  else if (files_.adapter)
    view_->note("the adapter is merged into its base, all parameters are trained; use_peft=true goes on training it");
  if (step_ > 0) view_->note(fmt::format("going on after step {}", step_));
}

void TrainSession::save(const Json& state) {
  CheckpointContent content;
  content.meta = &files_;
  content.policy = policy_.get();
  content.reference = reference_ ? reference_->parameters() : nullptr;
  content.save_dtype = options_.save_dtype == "f32" ? DType::f32 : DType::bf16;
  content.state = state;
  content.recipe = setup_.recipe;
  metrics_->flush();
  samples_->flush();
  if (before_save_) before_save_();
  store_.save(step_, content);
  saved_step_ = step_;
}

bool TrainSession::end_step(Json metrics, const StepSummary& summary, const Json& state, bool good) {
  step_++;
  for (const char* phase : {"share/rollout", "share/update"})
    if (!said_too_fast_ && metrics.value(phase, 0.0) > 1) {
      said_too_fast_ = true;
      view_->note(
          fmt::format("{} is above 1: the machine was busy when its peaks were measured, or the weights stay in "
                      "the cache; shares are too high",
                      phase));
    }
  metrics["memory/planned_gb"] = gb(plan_.peak_bytes());
  metrics["memory/peak_gb"] = gb(peak_resident_bytes());
  metrics_->append(metrics);
  view_->step(summary, step_ % options_.logging_steps == 0 || step_ == total_steps_);
  if (interrupted()) {
    save_interrupted(state);
    return false;
  }
  if (good && options_.save_steps > 0 && step_ % options_.save_steps == 0 && step_ < total_steps_) save(state);
  return true;
}

void TrainSession::go_back(const std::function<bool(const Json& state)>& good) {
  policy_->rest();
  const auto found = options_.save_steps > 0 ? store_.newest_of([&](const CheckpointStore::Found& c) {
    return c.step % options_.save_steps == 0 && good(trainer_state(c));
  })
                                             : std::nullopt;
  if (found) {
    state_ = restore_policy(*found, *policy_, reference_ ? reference_->parameters() : nullptr);
    if (reference_) reference_->repack();
    step_ = found->step;
  } else {
    begin_again();
  }
  saved_step_ = found ? step_ : -1;
  store_.remove_after(step_);
  metrics_.reset();
  samples_.reset();
  metrics_ = std::make_unique<JsonLog>(folder_.path() / "metrics.jsonl", step_);
  samples_ = std::make_unique<JsonLog>(folder_.path() / "samples.jsonl", step_);
}

// The files' own weights and an optimiser that has seen nothing. Needs as much memory as an update's gradients, which
// are at rest.
void TrainSession::begin_again() {
  const Optim optim = parse_optim(options_.optim);
  const BlockLayout& trained = model_->trained_layout();
  const AdapterLayout* adapter = model_->adapter_layout();
  {
    const Tensor values = adapter == nullptr ? load_parameters(model_->layout(), files_)
                          : files_.adapter   ? load_adapter(*adapter, files_)
                                             : new_adapter(*adapter, static_cast<uint64_t>(options_.seed));
    std::copy_n(values.as<float>(), trained.total(), model_->trained());
  }
  round_weights(optim, trained.all(), model_->trained());
  if (reference_) {
    std::copy_n(model_->parameters(), model_->layout().total(), reference_->parameters());
    reference_->repack();
  }
  policy_->optimizer().clear();
  policy_->set_updates(0);
  model_->repack();
  state_ = Json();
  step_ = 0;
}

void TrainSession::save_interrupted(const Json& state) {
  if (saved_step_ != step_ && step_ > 0) save(state);
  view_->note(
      fmt::format("interrupted after step {}; go on with: r1 {} --out {} --resume", step_, setup_.verb, options_.out));
}

void TrainSession::finish(const Json& state) {
  if (saved_step_ != step_) save(state);
  write_model_folder(folder_.model(), files_, *policy_, options_.save_dtype == "f32" ? DType::f32 : DType::bf16);
  view_->note(fmt::format("done: {} (peak memory {:.3f} GB, planned {:.3f} GB)", folder_.model().string(),
                          gb(peak_resident_bytes()), gb(plan_.peak_bytes())));
}

}  // namespace r1
