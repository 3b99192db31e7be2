// Adapters: the adapted model against the reference with merged weights and its central differences, in double; the
// base model's bits without them; the same bits for every number of rows and threads.
#include "model/adapter.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/threads.h"
#include "kernels/head_ref.h"
#include "model/tiny_models.h"
#include "model/transformer_ref.h"

namespace r1 {
namespace {

LoraConfig all_modules(int64_t r, double alpha) {
  return {r, alpha, false, {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}};
}

// Large enough to matter, B too.
std::vector<float> tiny_adapter(const AdapterLayout& layout) {
  std::vector<float> out(static_cast<size_t>(layout.total()));
  for (size_t i = 0; i < layout.all().size(); i++) {
    const Parameter& p = layout.all()[i];
    const auto x = test_normals(p.size, static_cast<uint32_t>(500 + i), 0.2);
    std::copy(x.begin(), x.end(), out.begin() + p.offset);
  }
  return out;
}

Tensor as_block(const std::vector<float>& x) {
  Tensor block(DType::f32, 1, static_cast<int64_t>(x.size()));
  std::copy(x.begin(), x.end(), block.as<float>());
  return block;
}

Transformer adapted(const ModelConfig& c, const LoraConfig& lora, const Compute& compute,
                    const std::vector<float>& adapter) {
  const ParameterLayout layout(c);
  const Tensor base = tiny_parameters(c);
  const ReadParameter read = [&](const Parameter& p, float* to) {
    const Parameter& at = layout.all()[static_cast<size_t>(layout.find(p.name))];
    std::copy_n(base.as<float>() + at.offset, at.size, to);
  };
  return Transformer(c, compute, {read, std::make_unique<AdapterLayout>(c, lora), as_block(adapter)},
                     ModelUse::training);
}

// A text whose end hangs on its beginning, every next token learned.
struct Problem {
  explicit Problem(const ModelConfig& c) : ids(tiny_ids(8, c.vocabulary, 4)) {
    const int start = tiny.add({ids.begin(), ids.begin() + 4});
    tiny.add({ids.begin() + 4, ids.end() - 1}, start);
    for (size_t i = 0; i + 1 < ids.size(); i++) {
      selected.push_back(static_cast<int64_t>(i));
      targets.push_back(ids[i + 1]);
      weights.push_back(0.3f + 0.1f * static_cast<float>(i % 5) - (i % 3 == 0 ? 1.0f : 0.0f));
    }
  }
  std::vector<int32_t> ids, targets;
  TinyBatch tiny;
  std::vector<int64_t> selected;
  std::vector<float> weights;
};

struct Outcome {
  std::vector<char> hidden;
  std::vector<HeadScore> scores;
  std::vector<float> gradients;
};

Outcome run(Transformer& model, const Problem& p, AdapterUse use = AdapterUse::on) {
  const ModelConfig& c = model.config();
  const int64_t n = static_cast<int64_t>(p.selected.size());
  Workspace workspace(model.compute(), c, n, n, ModelUse::training);
  KvCache cache(model.compute(), c, p.tiny.num_pages);
  const Operand hidden = model.forward(p.tiny.batch, p.selected, cache, workspace, use);
  Outcome out;
  const char* bytes = static_cast<const char*>(hidden.data);
  out.hidden.assign(bytes, bytes + static_cast<size_t>(n * c.width) * dtype_size(hidden.dtype));
  out.scores.resize(p.selected.size());
  model.head().score(hidden, p.targets.data(), out.scores.data());
  if (use == AdapterUse::off) return out;
  out.gradients.resize(static_cast<size_t>(model.trained_layout().total()));
  Tensor d_hidden(DType::f32, bucket_rows(n), c.width);
  const TensorView<float> d(d_hidden.as<float>(), n, c.width);
  model.head().backward(hidden, p.targets.data(), out.scores.data(), {p.weights.data()}, d,
                        model.head_gradient(out.gradients.data()));
  model.backward(p.tiny.batch, p.selected, cache, workspace, d, out.gradients.data());
  return out;
}

Outcome run(Transformer&& model, const Problem& p) { return run(model, p); }

// sum_n weight_n log p_n of the reference with W + scale B A.
double reference_value(const Problem& p, const ModelConfig& c, const AdapterLayout& layout, TransformerRef& ref,
                       const Doubles& adapter, std::vector<double>* logps = nullptr) {
  const ParameterLayout base(c);
  const Tensor weights = tiny_parameters(c);
  ref.parameters.assign(weights.as<float>(), weights.as<float>() + base.total());
  for (const Parameter& a : layout.all()) {
    const size_t end = a.name.find(".lora_A.weight");
    if (end == std::string::npos) continue;
    const std::string name = a.name.substr(0, end), start = "base_model.model.";
    const Parameter& b = layout.all()[static_cast<size_t>(layout.find(name + ".lora_B.weight"))];
    const Parameter& w = base.all()[static_cast<size_t>(base.find(name.substr(start.size()) + ".weight"))];
    const int64_t r = a.shape[0], in = a.shape[1];
    for (int64_t o = 0; o < b.shape[0]; o++)
      for (int64_t i = 0; i < in; i++)
        for (int64_t k = 0; k < r; k++)
          ref.parameters[static_cast<size_t>(w.offset + o * in + i)] +=
              layout.config().scale() * adapter[static_cast<size_t>(b.offset + o * r + k)] *
              adapter[static_cast<size_t>(a.offset + k * in + i)];
  }
  const Doubles logits = ref.logits({p.ids.begin(), p.ids.end() - 1});
  double sum = 0;
  for (size_t n = 0; n < p.targets.size(); n++) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(n) * c.vocabulary;
    const double logp = log_softmax_ref({row, row + c.vocabulary})[static_cast<size_t>(p.targets[n])];
    if (logps != nullptr) logps->push_back(logp);
    sum += static_cast<double>(p.weights[n]) * logp;
  }
  return sum;
}

class AdapterFamilies : public ::testing::TestWithParam<const char*> {};

TEST_P(AdapterFamilies, ForwardAndBackwardAgreeWithMergedWeightsAndDifferences) {
  const ModelConfig c = tiny_config(GetParam());
  const Problem p(c);
  const LoraConfig some{2, 3, true, {"k_proj", "up_proj", "down_proj"}};
  for (const LoraConfig& lora : {all_modules(2, 3), some}) {
    const AdapterLayout layout(c, lora);
    const std::vector<float> start = tiny_adapter(layout);
    Doubles adapter(start.begin(), start.end());
    const Tensor base = tiny_parameters(c);
    TransformerRef ref(c, base.as<float>());
    std::vector<double> logps, want;
    reference_value(p, c, layout, ref, adapter, &logps);
    const auto value = [&] { return reference_value(p, c, layout, ref, adapter); };
    for (size_t i = 0; i < adapter.size(); i++) want.push_back(central_difference(adapter, i, value, 1e-4));
    for (const Compute& compute : all_computes()) {
      const bool rounded = compute.operand == DType::bf16;
      const Outcome got = run(adapted(c, lora, compute, start), p);
      for (size_t n = 0; n < logps.size(); n++)
        EXPECT_NEAR(got.scores[n].logp, logps[n], (rounded ? 0.1 : 2e-5) * (1 + std::abs(logps[n])))
            << compute_name(compute);
      for (const Parameter& at : layout.all()) {
        const std::vector<double> w(want.begin() + at.offset, want.begin() + at.offset + at.size);
        const std::vector<float> g(got.gradients.begin() + at.offset, got.gradients.begin() + at.offset + at.size);
        EXPECT_LT(relative_gap(g, w), rounded ? 0.1 : 1e-5) << at.name << " " << compute_name(compute);
      }
    }
  }
}

TEST_P(AdapterFamilies, WithoutItsAdapterItIsTheBaseToTheLastBit) {
  const ModelConfig c = tiny_config(GetParam());
  const Problem p(c);
  const LoraConfig lora = all_modules(4, 8);
  const AdapterLayout layout(c, lora);
  const Tensor fresh = new_adapter(layout, 3);
  for (const Compute& compute : all_computes()) {
    Transformer base(c, compute, tiny_parameters(c), ModelUse::training);
    const Outcome want = run(base, p);
    Transformer model = adapted(c, lora, compute, tiny_adapter(layout));
    EXPECT_EQ(run(model, p, AdapterUse::off).hidden, want.hidden) << compute_name(compute);
    EXPECT_NE(run(model, p).hidden, want.hidden) << compute_name(compute);
    const std::vector<float> start(fresh.as<float>(), fresh.as<float>() + layout.total());
    EXPECT_EQ(run(adapted(c, lora, compute, start), p).hidden, want.hidden) << "a new one changes nothing";
  }
}

INSTANTIATE_TEST_SUITE_P(Families, AdapterFamilies, ::testing::Values("llama", "qwen2", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Adapter, ANewOneIsKaimingUniformAndZero) {
  ModelConfig c = tiny_config("qwen2");
  c.width = 48, c.inner = 300;
  const AdapterLayout layout(c, all_modules(16, 32));
  const Tensor values = new_adapter(layout, 3), other = new_adapter(layout, 4);
  for (const Parameter& p : layout.all()) {
    const float* x = values.as<float>() + p.offset;
    const double bound = p.name.ends_with("lora_A.weight") ? 1 / std::sqrt(static_cast<double>(p.shape[1])) : 0;
    double square = 0;
    for (int64_t i = 0; i < p.size; i++) {
      ASSERT_LE(std::abs(x[i]), bound) << p.name;
      square += static_cast<double>(x[i]) * x[i] / static_cast<double>(p.size);
    }
    EXPECT_NEAR(square, bound * bound / 3, 0.15 * bound * bound / 3) << p.name;
    const int differs = std::memcmp(x, other.as<float>() + p.offset, static_cast<size_t>(p.size) * 4);
    EXPECT_EQ(differs != 0, bound > 0) << p.name;
  }
}

// Each way of computing, odd and even ranks, over the row counts that fall into different kernels and buckets.
TEST(Adapter, ARowsBitsDependOnItAlone) {
  ModelConfig c = tiny_config("qwen2");
  c.width = 72, c.inner = 136, c.heads = 4, c.kv_heads = 2, c.head_size = 18, c.layers = 1;
  constexpr int64_t kRows = 144;  // a bucket
  const int before = thread_count();
  for (const Compute& compute : all_computes())
    for (int64_t r : {1, 7, 16}) {
      const AdapterLayout layout(c, all_modules(r, 2 * static_cast<double>(r)));
      const auto& at = layout.layers()[0];
      for (const auto& [matrix, out] : {std::pair(&at.qkv, c.qkv_cols()), {&at.down, c.width}}) {
        Linear linear(compute, out, matrix->in, false);
        linear.attach(layout, *matrix, false);
        linear.pack(test_normals(out * matrix->in, 1, 0.3).data());
        linear.pack_adapter(tiny_adapter(layout).data());
        const OperandBlock x(test_normals(kRows * matrix->in, 2), kRows, matrix->in, compute.operand, kRows);
        AdapterScratch scratch;
        scratch.make_room(compute, kRows, layout.widest_rank());
        std::vector<float> all(static_cast<size_t>(kRows * out)), part(all.size());
        linear.forward(x.operand, {all.data(), kRows, out}, 0, scratch);
        for (int threads : {1, 3}) {
          set_thread_count(threads);
          for (int64_t rows : {1, 2, 3, 8, 9, 20, 33, 64, 100, 144}) {
            const Operand some{x.operand.data, x.operand.dtype, rows, matrix->in};
            linear.forward(some, {part.data(), rows, out}, 0, scratch);
            EXPECT_EQ(0, std::memcmp(part.data(), all.data(), static_cast<size_t>(rows * out) * 4))
                << compute_name(compute) << " r " << r << " rows " << rows << " threads " << threads;
          }
        }
      }
    }
  set_thread_count(before);
}

TEST(Adapter, BitsDoNotDependOnThreadsForwardOrBackward) {
  const ModelConfig c = tiny_config("qwen3");
  const Problem p(c);
  const LoraConfig lora = all_modules(5, 10);
  const int before = thread_count();
  for (const Compute& compute : all_computes()) {
    Transformer model = adapted(c, lora, compute, tiny_adapter(AdapterLayout(c, lora)));
    set_thread_count(1);
    const Outcome one = run(model, p);
    for (int threads : {2, 3}) {
      set_thread_count(threads);
      const Outcome more = run(model, p);
      EXPECT_EQ(one.hidden, more.hidden) << compute_name(compute);
      EXPECT_EQ(0, std::memcmp(one.gradients.data(), more.gradients.data(), one.gradients.size() * sizeof(float)))
          << compute_name(compute);
    }
  }
  set_thread_count(before);
}

// Threads are in different layers then, at adapters of different ranks.
TEST(Adapter, RunsThatThreadsTakeThroughAllLayersAloneHaveTheSameBits) {
  const ModelConfig c = tiny_config("qwen3");
  const LoraConfig lora = all_modules(5, 10);
  for (const Compute& compute : all_computes())
    EXPECT_EQ(differs_apart(adapted(c, lora, compute, tiny_adapter(AdapterLayout(c, lora)))), "");
}

TEST(Adapter, MergedItIsTheSameModel) {
  const ModelConfig c = tiny_config("qwen3");
  const Problem p(c);
  const LoraConfig lora = all_modules(3, 5);
  const AdapterLayout layout(c, lora);
  const std::vector<float> adapter = tiny_adapter(layout);
  const Compute compute{detect_isa(), DType::f32, false};
  Tensor merged = tiny_parameters(c);
  merge_adapter(layout, adapter.data(), ParameterLayout(c), merged.as<float>());
  const auto want = run(adapted(c, lora, compute, adapter), p).scores;
  const auto got = run(Transformer(c, compute, std::move(merged), ModelUse::training), p).scores;
  for (size_t n = 0; n < want.size(); n++) EXPECT_NEAR(got[n].logp, want[n].logp, 2e-5);
}

}  // namespace
}  // namespace r1
