#include "train/policy.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/convert.h"
#include "model/scalar_head.h"

namespace r1 {
namespace {

// Buffers grow to the largest micro-batch seen and stay.
struct Room {
  int64_t rows, selected, pages;
};
Room room_for(const MicroBatch& batch) {
  return {batch.batch.rows(), static_cast<int64_t>(batch.selected.size()), batch.num_pages};
}
void grow(const Transformer& model, const Room& room, ModelUse use, std::unique_ptr<Workspace>& workspace,
          std::unique_ptr<KvCache>& cache, int32_t& cache_pages) {
  if (!workspace || workspace->rows() < room.rows || workspace->selected() < room.selected) {
    const int64_t old_rows = workspace ? workspace->rows() : 0, old_selected = workspace ? workspace->selected() : 0;
    workspace.reset();
    workspace = std::make_unique<Workspace>(model.compute(), model.config(), std::max(room.rows, old_rows),
                                            std::max(room.selected, old_selected), use);
  }
  if (cache_pages < room.pages) {
    cache.reset();
    cache_pages = 0;
    cache = std::make_unique<KvCache>(model.compute(), model.config(), static_cast<int32_t>(room.pages));
    cache_pages = static_cast<int32_t>(room.pages);
  }
}

}  // namespace

Policy::Policy(Transformer& model, Optim optim)
    : model_(model),
      gradients_(DType::f32, 1, model.trained_layout().total()),
      optimizer_(optim, model.trained_layout().all()) {}

void Policy::reserve(int64_t rows, int64_t selected, int64_t pages) {
  grow(model_, {rows, selected, pages}, ModelUse::training, workspace_, cache_, cache_pages_);
  if (d_hidden_.rows() < bucket_rows(selected))
    d_hidden_ = Tensor(DType::f32, bucket_rows(selected), model_.config().width);
}

void Policy::run_layers(const MicroBatch& batch) {
  // before buffers are made, and given back: small copies leave holes in the heap that no buffer fits
  if (model_.drop_layers()) release_freed_memory();
  const Room room = room_for(batch);
  reserve(room.rows, room.selected, room.pages);
  hidden_ = model_.forward_to_train(batch.batch, batch.selected, *cache_, *workspace_);
}

const std::vector<HeadScore>& Policy::forward(const MicroBatch& batch) {
  run_layers(batch);
  scores_.resize(batch.selected.size());
  model_.head().score(hidden_, batch.targets.data(), scores_.data());
  return scores_;
}

void Policy::backward(const MicroBatch& batch, const std::vector<float>& dlogp, const std::vector<float>& dentropy) {
  R1_CHECK(dlogp.size() == batch.selected.size() && (dentropy.empty() || dentropy.size() == dlogp.size()));
  const TensorView<float> d_hidden(d_hidden_.as<float>(), hidden_.rows, hidden_.cols);
  model_.head().backward(hidden_, batch.targets.data(), scores_.data(),
                         {dlogp.data(), dentropy.empty() ? nullptr : dentropy.data()}, d_hidden,
                         model_.head_gradient(gradients()));
  model_.backward(batch.batch, batch.selected, *cache_, *workspace_, d_hidden, gradients());
}

const std::vector<HeadScore>& Policy::learn(const MicroBatch& batch, const std::vector<float>& dlogp,
                                            const std::vector<float>& dentropy) {
  R1_CHECK(dlogp.size() == batch.selected.size() && (dentropy.empty() || dentropy.size() == dlogp.size()));
  run_layers(batch);
  scores_.resize(batch.selected.size());
  const TensorView<float> d_hidden(d_hidden_.as<float>(), hidden_.rows, hidden_.cols);
  model_.head().learn(hidden_, batch.targets.data(), {dlogp.data(), dentropy.empty() ? nullptr : dentropy.data()},
                      scores_.data(), d_hidden, model_.head_gradient(gradients()));
  model_.backward(batch.batch, batch.selected, *cache_, *workspace_, d_hidden, gradients());
  return scores_;
}

const std::vector<float>& Policy::forward_scores(const MicroBatch& batch) {
  run_layers(batch);
  scalar_scores_ = scalar_scores(hidden_, model_.score_weight());
  return scalar_scores_;
}

void Policy::backward_scores(const MicroBatch& batch, const std::vector<float>& dscore) {
  R1_CHECK(dscore.size() == batch.selected.size());
  const TensorView<float> d_hidden(d_hidden_.as<float>(), hidden_.rows, hidden_.cols);
  scalar_backward(hidden_, model_.score_weight(), dscore, d_hidden, gradients() + model_.layout().score());
  model_.backward(batch.batch, batch.selected, *cache_, *workspace_, d_hidden, gradients());
}

void Policy::rest() {
  gradients_.clear_and_release();
  workspace_.reset();
  cache_.reset();
  cache_pages_ = 0;
  d_hidden_ = Tensor();
  model_.pack_layers();
}

double Policy::update(const UpdateOptions& o) {
  const int64_t total = model_.trained_layout().total();
  const double norm = std::sqrt(squared_norm(gradients(), total));
  if (!std::isfinite(norm))
    fail(
        "the gradient is not finite (norm {}) before update {}; nothing was changed. Lower learning_rate or look at "
        "the last batch",
        norm, updates_ + 1);
  updates_++;
  AdamwStep step{.lr = o.learning_rate, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .step = updates_};
  // as torch.nn.utils.clip_grad_norm_
  if (o.max_grad_norm > 0) step.grad_scale = std::min(1.0, o.max_grad_norm / (norm + 1e-6));
  const std::vector<Parameter>& all = model_.trained_layout().all();  // by offset
  size_t next = 0;
  model_.update_and_pack([&](int64_t begin, int64_t end) {
    while (begin < end) {
      while (all[next].offset + all[next].size <= begin) next++;
      const int64_t up_to = std::min(end, all[next].offset + all[next].size);
      step.weight_decay = all[next].is_matrix() ? o.weight_decay : 0.0;
      optimizer_.update(model_.compute(), model_.trained(), gradients(), {next, begin, up_to}, step, o.seed);
      begin = up_to;
    }
  });
  return norm;
}

Operand Scorer::forward(const MicroBatch& batch) {
  grow(model_, room_for(batch), ModelUse::inference, workspace_, cache_, cache_pages_);
  return model_.forward(batch.batch, batch.selected, *cache_, *workspace_, adapter_);
}

std::vector<HeadScore> Scorer::score(const MicroBatch& batch) {
  const Operand hidden = forward(batch);
  std::vector<HeadScore> scores(batch.selected.size());
  model_.head().score(hidden, batch.targets.data(), scores.data());
  return scores;
}

std::vector<float> Scorer::score_scalar(const MicroBatch& batch) {
  return scalar_scores(forward(batch), model_.score_weight());
}

}  // namespace r1
