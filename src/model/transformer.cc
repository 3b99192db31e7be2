#include "model/transformer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/embedding.h"
#include "kernels/rms_norm.h"

namespace r1 {
namespace {

int64_t states_for(const ModelConfig& config, ModelUse use) { return use == ModelUse::training ? config.layers : 1; }

RopeTable table_for(const ModelConfig& config) {
  const RopeFrequencies f = rope_frequencies(config.rope, config.head_size, config.max_positions);
  return make_rope_table(f.inverse, f.attention_factor, config.max_positions);
}

// Ids come from users' data and other tokenizers.
void check_rows(const Batch& batch, const ModelConfig& c) {
  for (int32_t id : batch.ids)
    if (id < 0 || id >= c.vocabulary)
      fail("token id {} is outside the model's vocabulary of {}; was the text made with another tokenizer?", id,
           c.vocabulary);
  for (int32_t position : batch.positions)
    if (position < 0 || position >= c.max_positions)
      fail("a sequence reaches position {}; the model's context is {} (max_position_embeddings)", position,
           c.max_positions);
}

// A share of the rows for each thread, whole runs, where it can take them through all layers without waiting for others
// and shares come out nearly even; else the whole batch.
const std::vector<BatchRows>& shares_of(const Batch& batch, const Compute& compute) {
  thread_local std::vector<BatchRows> shares;
  shares.clear();
  const int64_t count = batch.independent ? row_shares(compute, batch.rows()) : 1, even = batch.rows() / count;
  size_t begin = 0;
  int64_t largest = 0;
  for (size_t i = 0; i < batch.runs.size(); i++) {
    const int64_t end = batch.runs[i].row + batch.runs[i].rows, done = static_cast<int64_t>(shares.size());
    if (end < batch.rows() * (done + 1) / count) continue;
    const int64_t first = batch.runs[begin].row;
    shares.push_back({first, end - first, std::span(batch.runs).subspan(begin, i + 1 - begin)});
    largest = std::max(largest, end - first);
    begin = i + 1;
  }
  if (largest > even + even / 8) shares.assign(1, batch.all());
  return shares;
}

}  // namespace

Workspace::Workspace(const Compute& compute, const ModelConfig& c, int64_t rows, int64_t selected, ModelUse use)
    : rows_(rows), selected_(selected), scratch_(compute, c, rows, use == ModelUse::training) {
  for (int64_t i = 0; i < states_for(c, use); i++)
    states_.push_back(std::make_unique<LayerState>(compute, c, rows, use == ModelUse::training));
  const int64_t room = bucket_rows(rows), picks = bucket_rows(selected);
  x_out = Tensor(DType::f32, room, c.width);
  picked = Tensor(DType::f32, picks, c.width);
  picked_inv_rms = Tensor(DType::f32, picks, 1);
  hidden = Tensor(compute.operand, picks, c.width);
  if (use == ModelUse::inference) return;
  dx = Tensor(DType::f32, room, c.width);
  d_picked = Tensor(DType::f32, picks, c.width);
}

size_t Workspace::bytes(const Compute& compute, const ModelConfig& c, int64_t rows, int64_t selected, ModelUse use) {
  const bool training = use == ModelUse::training;
  const size_t width = static_cast<size_t>(c.width), room = static_cast<size_t>(bucket_rows(rows)),
               picks = static_cast<size_t>(bucket_rows(selected));
  return static_cast<size_t>(states_for(c, use)) * LayerState::bytes(compute, c, rows, training) +
         LayerScratch::bytes(compute, c, rows, training) + room * width * 4 * (training ? 2 : 1) +
         picks * (width * (4 + dtype_size(compute.operand) + (training ? 4 : 0)) + 4);
}

Transformer::Transformer(const ModelConfig& config, const Compute& compute, Tensor parameters, ModelUse use)
    : config_(config),
      compute_(compute),
      frozen_(false),
      layout_(config),
      held_(config),
      parameters_(std::move(parameters)),
      rope_(table_for(config)) {
  make_head(use);
  R1_CHECK(parameters_.cols() == layout_.total());
  for (const ParameterLayout::Layer& at : layout_.layers()) layers_.emplace_back(compute, config, at, false);
  repack();
}

Transformer::Transformer(const Transformer& source, Int8 multiplier)
    : config_(source.config_),
      compute_(source.compute_),
      frozen_(false),
      layout_(source.layout_),
      held_(source.config_),
      source_(&source),
      rope_(table_for(source.config_)) {
  compute_.int8 = multiplier;
  for (const ParameterLayout::Layer& at : layout_.layers()) layers_.emplace_back(compute_, config_, at, false);
  repack();
}

Transformer::Transformer(const ModelConfig& config, const Compute& compute, Frozen frozen, ModelUse use)
    : config_(config),
      compute_(compute),
      frozen_(true),
      layout_(config),
      held_(config, ParameterLayout::Holds::unpacked),
      parameters_(DType::f32, 1, held_.total()),
      adapter_layout_(std::move(frozen.adapter_layout)),
      adapter_(std::move(frozen.adapter)),
      rope_(table_for(config)) {
  make_head(use);
  const bool with_backward = use == ModelUse::training;
  R1_CHECK(!with_backward || adapter_layout_, "there is nothing to train");
  R1_CHECK(!adapter_layout_ || adapter_.cols() == adapter_layout_->total());
  for (const ParameterLayout::Layer& at : held_.layers()) layers_.emplace_back(compute, config, at, with_backward);
  for (size_t i = 0; i < layers_.size() && adapter_layout_; i++)
    layers_[i].attach(*adapter_layout_, adapter_layout_->layers()[i], with_backward);
  pack_frozen(frozen.read);
  repack();
}

void Transformer::make_head(ModelUse use) {
  if (!config_.scalar_head) head_.emplace(compute_, config_.vocabulary, config_.width, use == ModelUse::training);
}

const LmHead& Transformer::head() const {
  if (source_ != nullptr) return source_->head();
  if (!head_)
    fail("this is a reward model (score.weight): it scores texts, as reward=rm:FOLDER, and cannot write them");
  return *head_;
}

// One matrix at a time is there in float32.
void Transformer::pack_frozen(const ReadParameter& read) {
  for (const Parameter& p : held_.all()) read(p, parameters_.as<float>() + p.offset);
  Tensor buffer;
  const Layer::ReadMatrix read_matrix = [&](int64_t offset, int64_t size) {
    if (buffer.cols() < size) buffer = Tensor(DType::f32, 1, size);
    for (const Parameter& p : layout_.all())
      if (p.offset >= offset && p.offset < offset + size) read(p, buffer.as<float>() + p.offset - offset);
    return buffer.as<float>();
  };
  for (size_t i = 0; i < layers_.size(); i++)
    layers_[i].pack_frozen(parameters_.as<float>(), layout_.layers()[i], read_matrix);
  if (!head_) return;
  head_->pack(config_.tied_embeddings ? parameters_.as<float>() + held_.embedding()
                                      : read_matrix(layout_.head(), config_.vocabulary * config_.width));
}

float* Transformer::parameters() {
  R1_CHECK(!frozen_, "a frozen model keeps no block of its parameters");
  return parameters_.as<float>();
}
const float* Transformer::parameters() const {
  return source_ != nullptr ? source_->parameters() : const_cast<Transformer*>(this)->parameters();
}

const BlockLayout& Transformer::trained_layout() const {
  if (adapter_layout_) return *adapter_layout_;
  return layout_;
}
float* Transformer::trained() { return adapter_layout_ ? adapter_.as<float>() : parameters(); }
const float* Transformer::trained() const { return const_cast<Transformer*>(this)->trained(); }

void Transformer::repack() {
  if (frozen_) {
    for (size_t i = 0; i < layers_.size() && adapter_layout_; i++) layers_[i].pack_adapter(adapter_.as<float>());
    return;
  }
  layers_packed_ = false;
  pack_layers();
  if (head_) head_->pack(std::as_const(*this).parameters() + layout_.head());
}

bool Transformer::drop_layers() {
  if (frozen_ || !layers_packed_) return false;  // of a frozen layer they are all there is
  for (Layer& layer : layers_) layer.drop();
  layers_packed_ = false;
  return true;
}

void Transformer::pack_layers() {
  if (head_) head_->free_row_logits();
  if (layers_packed_) return;
  spare_.clear();
  for (Layer& layer : layers_) layer.pack(std::as_const(*this).parameters());
  layers_packed_ = true;
}

void Transformer::update_and_pack(const std::function<void(int64_t begin, int64_t end)>& update) {
  R1_CHECK(source_ == nullptr, "a copy follows its source");
  int64_t done = 0;
  const auto update_up_to = [&](int64_t end) {
    if (end > done) update(done, end);
    done = std::max(done, end);
  };
  if (adapter_layout_) {
    for (size_t i = 0; i < layers_.size(); i++) {
      update_up_to(adapter_layout_->layers()[i].end);
      layers_[i].pack_adapter(adapter_.as<float>());
    }
    return;
  }
  const auto update_head = [&] {
    for (int64_t tile = 0; tile < head_->tiles(); tile++) {
      update_up_to(layout_.head() + std::min((tile + 1) * kHeadTile, config_.vocabulary) * config_.width);
      head_->pack_tile(tile, parameters() + layout_.head());
    }
  };
  if (config_.tied_embeddings && head_) update_head();
  for (size_t i = 0; i < layers_.size(); i++) {
    update_up_to(layout_.layers()[i].down + config_.width * config_.inner);
    if (layers_packed_) layers_[i].pack(parameters());
  }
  if (!config_.tied_embeddings) update_head();
  update_up_to(layout_.total());
}

size_t Transformer::packed_bytes() const {
  size_t total = head_ ? head_->bytes() : 0;
  for (const Layer& layer : layers_) total += layer.bytes();
  return total;
}

void Transformer::embed(const Batch& batch, std::span<const int64_t> selected, Workspace& w, AdapterUse adapter) const {
  const int64_t T = batch.rows(), D = config_.width, N = static_cast<int64_t>(selected.size());
  R1_CHECK(T <= w.rows() && N <= w.selected(), "{} rows, {} selected; room for {} and {}", T, N, w.rows(),
           w.selected());
  check_rows(batch, config_);
  w.scratch_.adapters.use = adapter;
  if (adapter_layout_) w.scratch_.adapters.make_room(compute_, T, adapter_layout_->widest_rank());
  embedding_forward(compute_, held() + held_.embedding(), D, batch.ids.data(), {w.state(0).x_in.as<float>(), T, D});
}

void Transformer::run_layer(int64_t i, const Batch& batch, BatchRows rows, KvCache& cache, Workspace& w) const {
  const bool last = i + 1 == config_.layers;
  float* x_out = last ? w.x_out.as<float>() : w.state(i + 1).x_in.as<float>();
  layers_[static_cast<size_t>(i)].forward(batch, rows, rope_, cache.layer(i), w.state(i), w.scratch_,
                                          {x_out, batch.rows(), config_.width},
                                          last ? nullptr : &layers_[static_cast<size_t>(i + 1)]);
}

Operand Transformer::pick(std::span<const int64_t> selected, Workspace& w) const {
  const int64_t D = config_.width, N = static_cast<int64_t>(selected.size());
  for (int64_t n = 0; n < N; n++)
    std::copy_n(w.x_out.as<float>() + selected[static_cast<size_t>(n)] * D, D, w.picked.as<float>() + n * D);
  const Operand hidden{w.hidden.raw(), compute_.operand, N, D};
  rms_norm_forward(compute_, {w.picked.as<float>(), N, D}, held() + held_.final_norm(), config_.norm_eps, hidden,
                   w.picked_inv_rms.as<float>());
  return hidden;
}

Operand Transformer::forward(const Batch& batch, std::span<const int64_t> selected, KvCache& cache, Workspace& w,
                             AdapterUse adapter) const {
  R1_CHECK(layers_packed_, "the layers are packed one at a time now: pack_layers() first");
  embed(batch, selected, w, adapter);
  const auto run_layers = [&](BatchRows rows) {
    for (int64_t i = 0; i < config_.layers; i++) run_layer(i, batch, rows, cache, w);
  };
  const std::vector<BatchRows>& shares = shares_of(batch, compute_);
  if (shares.size() > 1)
    parallel_for(static_cast<int64_t>(shares.size()), [&](int64_t i) { run_layers(shares[static_cast<size_t>(i)]); });
  else
    in_team([&] { run_layers(batch.all()); });
  return pick(selected, w);
}

Operand Transformer::forward_to_train(const Batch& batch, std::span<const int64_t> selected, KvCache& cache,
                                      Workspace& w) {
  if (frozen_) return forward(batch, selected, cache, w);  // its copies are all there is of its matrices
  drop_layers();
  embed(batch, selected, w, AdapterUse::on);
  for (int64_t i = 0; i < config_.layers; i++) {
    Layer& layer = layers_[static_cast<size_t>(i)];
    layer.lend(Pass::forward, parameters(), spare_);
    in_team([&] { run_layer(i, batch, batch.all(), cache, w); });
    layer.take_back(spare_);
  }
  return pick(selected, w);
}

void Transformer::backward(const Batch& batch, std::span<const int64_t> selected, KvCache& cache, Workspace& w,
                           TensorView<const float> d_hidden, float* gradients) {
  const int64_t T = batch.rows(), D = config_.width, N = static_cast<int64_t>(selected.size());
  R1_CHECK(w.dx.rows() >= T && d_hidden.rows == N);
  std::fill_n(w.d_picked.as<float>(), N * D, 0.0f);
  rms_norm_backward(compute_, {w.picked.as<float>(), N, D}, held() + held_.final_norm(), w.picked_inv_rms.as<float>(),
                    d_hidden, {w.d_picked.as<float>(), N, D}, gradient_at(gradients, layout_.final_norm()));
  std::fill_n(w.dx.as<float>(), T * D, 0.0f);
  for (int64_t n = 0; n < N; n++) {  // in order: rows may repeat (a prompt's last row starts every sample of its group)
    float* to = w.dx.as<float>() + selected[static_cast<size_t>(n)] * D;
    const float* from = w.d_picked.as<float>() + n * D;
    for (int64_t d = 0; d < D; d++) to[d] += from[d];
  }
  const TensorView<float> dx(w.dx.as<float>(), T, D);
  for (int64_t i = config_.layers - 1; i >= 0; i--) {
    Layer& layer = layers_[static_cast<size_t>(i)];
    if (!frozen_) layer.lend(Pass::backward, parameters(), spare_);
    layer.backward(batch, rope_, cache.layer(i), w.state(i), w.scratch_, dx, gradients);
    layer.take_back(spare_);
  }
  if (!frozen_) embedding_backward(compute_, dx, batch.ids.data(), gradients + layout_.embedding(), D);
}

Transformer load_transformer(const ModelFiles& files, const Compute& compute, ModelUse use) {
  const ModelConfig config = read_config(files.config, files.generation_config, files.path);
  const ParameterLayout layout(config);
  if (use == ModelUse::training) return Transformer(config, compute, load_parameters(layout, files), use);
  Transformer::Frozen frozen{weights_of(layout, files), nullptr, {}};
  if (files.adapter) {
    frozen.adapter_layout = std::make_unique<AdapterLayout>(config, files.adapter->config);
    frozen.adapter = load_adapter(*frozen.adapter_layout, files);
  }
  return Transformer(config, compute, std::move(frozen), use);
}

}  // namespace r1
