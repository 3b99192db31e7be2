// A reward model's scores against transformers, and its gradient against differences in double.
#include "model/scalar_head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "model/tiny_models.h"
#include "model/transformer_ref.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

Json scalar_config_json() {
  return {{"architectures", {"Qwen3ForSequenceClassification"}},
          {"model_type", "qwen3"},
          {"vocab_size", 19},
          {"hidden_size", 12},
          {"intermediate_size", 20},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 6},
          {"rms_norm_eps", 1e-5},
          {"max_position_embeddings", 400},
          {"rope_theta", 100.0},
          {"tie_word_embeddings", false},
          {"pad_token_id", 0},
          {"id2label", {{"0", "LABEL_0"}}},
          {"label2id", {{"LABEL_0", 0}}}};
}

// Weights by a formula that tells every one apart: parameter k in the order of names has sin(0.7 i + k).
Tensor formula_weights(const ParameterLayout& layout) {
  std::map<std::string, const Parameter*> by_name;
  for (const Parameter& p : layout.all()) by_name[p.name] = &p;
  Tensor block(DType::f32, 1, layout.total());
  int k = 0;
  for (const auto& [name, p] : by_name) {
    for (int64_t i = 0; i < p->size; i++) {
      const double v = std::sin(0.7 * static_cast<double>(i) + k);
      block.as<float>()[p->offset + i] = static_cast<float>(name.ends_with("norm.weight") ? 1 + 0.2 * v : 0.35 * v);
    }
    k++;
  }
  return block;
}

std::vector<float> scores_of(const Transformer& model, const std::vector<std::vector<int32_t>>& texts) {
  TinyBatch tiny;
  std::vector<int64_t> last;
  for (const auto& text : texts) {
    tiny.add(text);
    last.push_back(tiny.batch.rows() - 1);
  }
  const int64_t n = static_cast<int64_t>(last.size());
  Workspace workspace(model.compute(), model.config(), tiny.batch.rows(), n, ModelUse::inference);
  KvCache cache(model.compute(), model.config(), tiny.num_pages);
  return scalar_scores(model.forward(tiny.batch, last, cache, workspace), model.score_weight());
}

// Expected values: transformers 5.24, Qwen3ForSequenceClassification in float64 with these weights, one text a call.
TEST(ScalarHead, ScoresAreTransformers) {
  const std::string folder = (std::filesystem::path(::testing::TempDir()) / "r1_scalar_head").string();
  std::filesystem::create_directories(folder);
  ModelFiles files;
  files.config = scalar_config_json();
  const ParameterLayout layout(read_config(files.config, {}, "test"));
  const Tensor weights = formula_weights(layout);
  write_hf_folder(folder, files, named_tensors(layout, weights.as<float>()), DType::f32);
  const ModelFiles back = open_model_files(folder);
  EXPECT_GE(back.tensors->find("score.weight"), 0);
  EXPECT_LT(back.tensors->find("lm_head.weight"), 0);
  std::vector<int32_t> all;
  for (int32_t id = 1; id < 19; id++) all.push_back(id);
  const std::vector<double> want = {0.6966799314173032, -0.14677715637216912, 0.49692414214390296, -0.1666340110038197};
  for (const ModelUse use : {ModelUse::inference, ModelUse::training}) {
    const Transformer model = load_transformer(back, make_compute("f32"), use);
    const std::vector<float> got = scores_of(model, {{3, 7, 1, 12, 5}, {18}, {4, 4, 9}, all});
    for (size_t i = 0; i < want.size(); i++) EXPECT_NEAR(got[i], want[i], 2e-6) << "text " << i;
    EXPECT_THROW(model.head(), Error) << "it cannot write";
  }
  std::filesystem::remove_all(folder);
}

TEST(ScalarHead, BackwardAgreesWithDifferences) {
  const ModelConfig c = read_config(scalar_config_json(), {}, "test");
  const ParameterLayout layout(c);
  const Compute compute = make_compute("f32");
  Transformer model(c, compute, formula_weights(layout), ModelUse::training);
  const std::vector<std::vector<int32_t>> texts = {{3, 7, 1, 12, 5}, {4, 4, 9}};
  const std::vector<float> dscore = {0.7f, -1.3f};
  TinyBatch tiny;
  for (const auto& text : texts) tiny.add(text);
  const std::vector<int64_t> last = {4, 7};
  Workspace workspace(compute, c, 8, 2, ModelUse::training);
  KvCache cache(compute, c, tiny.num_pages);
  const Operand hidden = model.forward(tiny.batch, last, cache, workspace);
  std::vector<float> got(static_cast<size_t>(layout.total()));
  Tensor d_hidden(DType::f32, bucket_rows(2), c.width);
  const TensorView<float> d(d_hidden.as<float>(), 2, c.width);
  scalar_backward(hidden, model.score_weight(), dscore, d, got.data() + layout.score());
  model.backward(tiny.batch, last, cache, workspace, d, got.data());
  TransformerRef ref(c, formula_weights(layout).as<float>());
  const auto value = [&] { return 0.7f * ref.score(texts[0]) + -1.3f * ref.score(texts[1]); };
  for (const Parameter& p : layout.all()) {
    std::vector<double> want;
    std::vector<float> mine;
    for (int64_t i = 0; i < p.size; i += 1 + p.size / 40) {
      want.push_back(central_difference(ref.parameters, static_cast<size_t>(p.offset + i), value, 1e-4));
      mine.push_back(got[static_cast<size_t>(p.offset + i)]);
    }
    EXPECT_LT(relative_gap(mine, want), 1e-4) << p.name;
  }
}

TEST(ScalarHead, ALanguageModelBecomesOne) {
  Json json = scalar_config_json();
  json["architectures"] = {"Qwen3ForCausalLM"};
  json.erase("id2label");
  json.erase("label2id");
  for (const bool tied : {true, false}) {
    json["tie_word_embeddings"] = tied;
    const std::string folder = (std::filesystem::path(::testing::TempDir()) / "r1_scalar_from").string();
    std::filesystem::create_directories(folder);
    ModelFiles files;
    files.config = json;
    const ParameterLayout layout(read_config(json, {}, "test"));
    const Tensor weights = formula_weights(layout);
    write_hf_folder(folder, files, named_tensors(layout, weights.as<float>()), DType::f32);
    ModelFiles from = open_model_files(folder);
    describe_scalar_model(from);
    describe_scalar_model(from);  // once it is one, it stays one
    EXPECT_EQ(from.config["architectures"][0], "Qwen3ForSequenceClassification");
    const ModelConfig c = read_config(from.config, {}, "test");
    EXPECT_TRUE(c.scalar_head);
    const ParameterLayout scored(c);
    const Tensor a = load_scalar_model(scored, c, from, 1), b = load_scalar_model(scored, c, from, 2);
    const int64_t rest = scored.total() - c.width;
    EXPECT_EQ(scored.find("lm_head.weight"), -1);
    EXPECT_EQ(0, std::memcmp(a.as<float>(), weights.as<float>(), static_cast<size_t>(rest) * 4));
    EXPECT_NE(0, std::memcmp(a.as<float>() + rest, b.as<float>() + rest, static_cast<size_t>(c.width) * 4));
    std::filesystem::remove_all(folder);
  }
  json["architectures"] = {"Qwen3ForSequenceClassification"};
  json["id2label"] = {{"0", "bad"}, {"1", "good"}};
  EXPECT_THROW(read_config(json, {}, "test"), Error) << "two labels are no score";
}

}  // namespace
}  // namespace r1
