// The whole model, forward and backward, against a double re-implementation and its central differences.
#include "model/transformer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/head_ref.h"
#include "model/tiny_models.h"
#include "model/transformer_ref.h"

namespace r1 {
namespace {

// A loss sum_n weight_n log p(target_n): a learned token n is predicted by batch row selected_n, and in the reference
// by position place_n of the text text_n.
struct Problem {
  std::vector<std::vector<int32_t>> texts;  // whole sequences, prompt and answer
  TinyBatch tiny;
  std::vector<int64_t> selected, place;
  std::vector<size_t> text;
  std::vector<int32_t> targets;
  std::vector<float> weights;

  void learn(size_t which, int64_t at, int64_t row) {
    selected.push_back(row);
    text.push_back(which);
    place.push_back(at);
    targets.push_back(texts[which][static_cast<size_t>(at + 1)]);
    weights.push_back(0.4f + 0.1f * static_cast<float>(weights.size() % 7) - (weights.size() % 3 == 0 ? 1.0f : 0.0f));
  }
};

// Prompts of `prompt` tokens with answers of the given lengths; shared: the prompt is a run once, else each text is one
// run. Every answer token is learned, the first of each from the prompt's last row. A last text stands alone.
Problem make_problem(const ModelConfig& c, int64_t prompt, const std::vector<int64_t>& answers, bool shared) {
  Problem p;
  const auto ids = tiny_ids(prompt, c.vocabulary, 1);
  const int base = shared ? p.tiny.add(ids) : -1;
  for (size_t a = 0; a < answers.size(); a++) {
    auto answer = tiny_ids(answers[a], c.vocabulary, static_cast<uint32_t>(2 + a));
    std::vector<int32_t> text(ids);
    text.insert(text.end(), answer.begin(), answer.end());
    p.texts.push_back(text);
    answer.pop_back();  // the last token is no input
    int64_t first = p.tiny.batch.rows() - prompt, last_of_prompt = prompt - 1;
    if (shared) {
      if (!answer.empty()) p.tiny.add(answer, base);
    } else {
      text.pop_back();
      last_of_prompt += p.tiny.batch.rows();
      first = p.tiny.batch.rows();
      p.tiny.add(text);
    }
    for (int64_t i = prompt - 1; i + 1 < static_cast<int64_t>(p.texts.back().size()); i++)
      p.learn(a, i, i == prompt - 1 ? last_of_prompt : first + i);
  }
  p.texts.push_back(tiny_ids(6, c.vocabulary, 99));
  const int64_t row = p.tiny.batch.rows();
  p.tiny.add({p.texts.back().begin(), p.texts.back().end() - 1});
  for (int64_t i = 0; i < 5; i++) p.learn(p.texts.size() - 1, i, row + i);
  return p;
}

struct Outcome {
  std::vector<HeadScore> scores;
  std::vector<float> gradients;
  std::vector<char> hidden;
};

Outcome run(Transformer& model, const Problem& p, bool lent = false) {
  const ModelConfig& config = model.config();
  const Compute& compute = model.compute();
  const int64_t n = static_cast<int64_t>(p.selected.size()), rows = p.tiny.batch.rows();
  Workspace workspace(compute, config, rows, n, ModelUse::training);
  KvCache cache(compute, config, p.tiny.num_pages);
  const Operand hidden = lent ? model.forward_to_train(p.tiny.batch, p.selected, cache, workspace)
                              : model.forward(p.tiny.batch, p.selected, cache, workspace);
  Outcome out;
  const char* bytes = static_cast<const char*>(hidden.data);
  out.hidden.assign(bytes, bytes + static_cast<size_t>(n * config.width) * dtype_size(hidden.dtype));
  out.scores.resize(p.selected.size());
  model.head().score(hidden, p.targets.data(), out.scores.data());
  out.gradients.resize(static_cast<size_t>(model.layout().total()));
  Tensor d_hidden(DType::f32, bucket_rows(n), config.width);
  const TensorView<float> d(d_hidden.as<float>(), n, config.width);
  model.head().backward(hidden, p.targets.data(), out.scores.data(), {p.weights.data()}, d,
                        out.gradients.data() + model.layout().head());
  model.backward(p.tiny.batch, p.selected, cache, workspace, d, out.gradients.data());
  return out;
}

Outcome run(const ModelConfig& config, const Compute& compute, const Problem& p) {
  Transformer model(config, compute, tiny_parameters(config), ModelUse::training);
  return run(model, p);
}

std::vector<double> reference_logps(const Problem& p, const TransformerRef& ref, const ModelConfig& c) {
  std::vector<Doubles> logits;
  for (const auto& text : p.texts) logits.push_back(ref.logits({text.begin(), text.end() - 1}));
  std::vector<double> out;
  for (size_t n = 0; n < p.targets.size(); n++) {
    const auto begin = logits[p.text[n]].begin() + p.place[n] * c.vocabulary;
    out.push_back(log_softmax_ref({begin, begin + c.vocabulary})[static_cast<size_t>(p.targets[n])]);
  }
  return out;
}

class TransformerFamilies : public ::testing::TestWithParam<const char*> {};

TEST_P(TransformerFamilies, ForwardAgreesWithReference) {
  const ModelConfig c = tiny_config(GetParam());
  const Tensor parameters = tiny_parameters(c);
  for (const Compute& compute : all_computes()) {
    const Problem p = make_problem(c, 70, {9, 1, 61}, true);
    const auto scores = run(c, compute, p).scores;
    const auto want = reference_logps(p, {c, parameters.as<float>(), compute.operand == DType::bf16}, c);
    double worst = 0, mean = 0;
    for (size_t n = 0; n < want.size(); n++) {
      worst = std::max(worst, std::abs(scores[n].logp - want[n]) / (1 + std::abs(want[n])));
      mean += std::abs(scores[n].logp - want[n]) / static_cast<double>(want.size());
    }
    // In bf16 the reference rounds at the same places; now and then a sum's last float bit decides which way.
    EXPECT_LT(worst, compute.operand == DType::bf16 ? 3e-2 : 2e-5) << compute_name(compute);
    EXPECT_LT(mean, compute.operand == DType::bf16 ? 1e-2 : 1e-5) << compute_name(compute);
  }
}

// Every parameter, by central differences of the reference in double.
TEST_P(TransformerFamilies, BackwardAgreesWithDifferences) {
  const ModelConfig c = tiny_config(GetParam());
  const Problem p = make_problem(c, 5, {4, 1, 3}, true);
  const Tensor parameters = tiny_parameters(c);
  TransformerRef ref(c, parameters.as<float>());
  const auto value = [&] {
    const auto logps = reference_logps(p, ref, c);
    double sum = 0;
    for (size_t n = 0; n < logps.size(); n++) sum += static_cast<double>(p.weights[n]) * logps[n];
    return sum;
  };
  std::vector<double> want;
  for (size_t i = 0; i < ref.parameters.size(); i++) want.push_back(central_difference(ref.parameters, i, value, 1e-4));
  const ParameterLayout layout(c);
  for (const Compute& compute : all_computes()) {
    const auto got = run(c, compute, p).gradients;
    for (const Parameter& at : layout.all()) {
      const std::vector<double> w(want.begin() + at.offset, want.begin() + at.offset + at.size);
      const std::vector<float> g(got.begin() + at.offset, got.begin() + at.offset + at.size);
      // ten times a random walk of 2 x 11 roundings, as the golden checks have it
      EXPECT_LT(relative_gap(g, w), compute.operand == DType::bf16 ? 0.075 : 1e-5)
          << at.name << " " << compute_name(compute);
    }
  }
}

TEST_P(TransformerFamilies, ASharedPromptGivesTheBitsAndTheGradientOfPromptsApart) {
  const ModelConfig c = tiny_config(GetParam());
  for (const Compute& compute : all_computes())
    for (int64_t prompt : {1, 5, 63, 64, 65, 130}) {
      const std::vector<int64_t> answers = {9, 1, 70, 2};
      const Outcome shared = run(c, compute, make_problem(c, prompt, answers, true));
      const Outcome apart = run(c, compute, make_problem(c, prompt, answers, false));
      const std::string what = compute_name(compute) + " prompt " + std::to_string(prompt);
      EXPECT_EQ(shared.hidden, apart.hidden) << what;
      for (size_t n = 0; n < shared.scores.size(); n++) ASSERT_EQ(shared.scores[n].logp, apart.scores[n].logp) << what;
      EXPECT_LT(relative_gap(shared.gradients, apart.gradients), compute.operand == DType::bf16 ? 1e-2 : 2e-6) << what;
    }
}

INSTANTIATE_TEST_SUITE_P(Families, TransformerFamilies, ::testing::Values("llama", "qwen2", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Transformer, BitsDoNotDependOnThreadsForwardOrBackward) {
  const int before = thread_count();
  for (const char* family : {"qwen2", "qwen3"})
    for (const Compute& compute : all_computes()) {
      const ModelConfig c = tiny_config(family);
      const Problem p = make_problem(c, 66, {30, 5, 17}, true);
      set_thread_count(1);
      const Outcome one = run(c, compute, p);
      for (int threads : {2, 3}) {
        set_thread_count(threads);
        const Outcome more = run(c, compute, p);
        EXPECT_EQ(one.hidden, more.hidden) << compute_name(compute);
        EXPECT_EQ(0, std::memcmp(one.gradients.data(), more.gradients.data(), one.gradients.size() * sizeof(float)))
            << compute_name(compute);
      }
    }
  set_thread_count(before);
}

TEST(Transformer, RunsThatThreadsTakeThroughAllLayersAloneHaveTheSameBits) {
  for (const char* family : {"llama", "qwen3"})
    for (const Compute& compute : all_computes()) {
      const ModelConfig c = tiny_config(family);
      EXPECT_EQ(differs_apart(Transformer(c, compute, tiny_parameters(c), ModelUse::inference)), "");
    }
}

TEST(Transformer, GradientsAddUp) {
  const ModelConfig c = tiny_config("qwen3");
  const Compute compute{detect_isa(), DType::f32, false};
  const Problem p = make_problem(c, 5, {4, 3}, true);
  Transformer model(c, compute, tiny_parameters(c), ModelUse::training);
  const int64_t n = static_cast<int64_t>(p.selected.size());
  Workspace workspace(compute, c, p.tiny.batch.rows(), n, ModelUse::training);
  KvCache cache(compute, c, p.tiny.num_pages);
  std::vector<float> once, twice(static_cast<size_t>(model.layout().total()));
  const auto d = test_normals(n * c.width, 3);
  for (int pass = 0; pass < 2; pass++) {
    model.forward(p.tiny.batch, p.selected, cache, workspace);
    model.backward(p.tiny.batch, p.selected, cache, workspace, {d.data(), n, c.width}, twice.data());
    if (pass == 0) once = twice;
  }
  for (float& x : once) x *= 2;
  EXPECT_LT(relative_gap(twice, once), 1e-6);
}

// An update packs one layer at a time: the bits are those of the copies that sampling keeps, of the weights as they
// are.
TEST(Transformer, LayersPackedOneAtATimeGiveTheSameBits) {
  for (const char* family : {"llama", "qwen2", "qwen3"})
    for (const Compute& compute : all_computes()) {
      const ModelConfig c = tiny_config(family);
      const Problem p = make_problem(c, 5, {4, 3}, true);
      Transformer model(c, compute, tiny_parameters(c), ModelUse::training);
      const auto same = [&](const Outcome& a, const Outcome& b) {
        return a.hidden == b.hidden && a.gradients == b.gradients && a.scores[3].logp == b.scores[3].logp;
      };
      const Outcome kept = run(model, p), lent = run(model, p, true);
      EXPECT_TRUE(same(kept, lent)) << family << " " << compute_name(compute);
      for (int64_t i = 0; i < model.layout().total(); i++) model.parameters()[i] *= 1.25f;
      model.update_and_pack([](int64_t, int64_t) {});
      const Outcome moved = run(model, p, true);
      EXPECT_FALSE(same(moved, lent));
      model.pack_layers();
      EXPECT_TRUE(same(moved, run(model, p))) << family << " " << compute_name(compute);
    }
}

TEST(Transformer, PlannedBytesAreWhatIsAllocated) {
  for (const char* family : {"llama", "qwen3"})
    for (DType operand : {DType::f32, DType::bf16}) {
      const ModelConfig c = tiny_config(family);
      const Compute compute{detect_isa(), operand, false};
      for (bool training : {false, true}) {
        const LayerState s(compute, c, 33, training);
        size_t total = 0;
        for (const Tensor* t : {&s.x_in, &s.x_mid, &s.inv_rms1, &s.inv_rms2, &s.q, &s.lse, &s.attended, &s.gate_up,
                                &s.qkv, &s.inv_rms_q, &s.inv_rms_k})
          total += t->bytes();
        EXPECT_EQ(total, LayerState::bytes(compute, c, 33, training));
        const LayerScratch w(compute, c, 33, training);
        total = 0;
        for (const Tensor* t : {&w.sum, &w.normed, &w.qkv, &w.gate_up, &w.hidden, &w.qk, &w.inv_rms, &w.d_operand})
          total += t->bytes();
        EXPECT_EQ(total, LayerScratch::bytes(compute, c, 33, training));
      }
      EXPECT_EQ(KvCache(compute, c, 7).bytes(), 7 * KvCache::page_bytes(compute, c));
    }
}

TEST(Transformer, IdsAndPositionsFromOutsideAreChecked) {
  const ModelConfig c = tiny_config("llama");
  const Compute compute{detect_isa(), DType::f32, false};
  const Transformer model(c, compute, tiny_parameters(c), ModelUse::inference);
  Workspace workspace(compute, c, 500, 1, ModelUse::inference);
  KvCache cache(compute, c, 8);
  const auto error_of = [&](const std::vector<int32_t>& ids) -> std::string {
    TinyBatch tiny;
    tiny.add(ids);
    const std::vector<int64_t> selected = {0};
    try {
      model.forward(tiny.batch, selected, cache, workspace);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(error_of({0, 18}), "");
  EXPECT_NE(error_of({0, 19}).find("token id 19 is outside the model's vocabulary of 19"), std::string::npos);
  EXPECT_NE(error_of({-1}).find("token id -1"), std::string::npos);
  EXPECT_EQ(error_of(std::vector<int32_t>(400, 1)), "");
  EXPECT_NE(error_of(std::vector<int32_t>(401, 1)).find("position 400; the model's context is 400"), std::string::npos);
}

}  // namespace
}  // namespace r1
