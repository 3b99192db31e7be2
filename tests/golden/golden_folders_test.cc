// Tiny models against PyTorch, transformers and TRL: every check, by the code that training runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "formats/model_files.h"
#include "kernels/compute.h"
#include "model/transformer_ref.h"
#include "train/goldens.h"

namespace r1 {
namespace {

const std::string kModels = std::string(R1_SOURCE_DIR) + "/tests/golden/models/";

std::vector<GoldenCheck> run_checks(const std::string& model, const Compute& compute) {
  std::vector<GoldenCheck> all;
  check_golden_folder(kModels + model, compute, [&](const GoldenCheck& c) { all.push_back(c); });
  return all;
}

// Every way to compute in f32: the best here, and plain scalar code with our own matmul.
std::vector<Compute> f32_computes() { return {make_compute("f32"), {Isa::scalar, DType::f32, false}}; }

class GoldenFolder : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenFolder, EveryCheckHoldsInFloat32) {
  for (const Compute& compute : f32_computes()) {
    const auto checks = run_checks(GetParam(), compute);
    int forward = 0, backward = 0;
    for (const GoldenCheck& c : checks) {
      EXPECT_TRUE(c.ok) << c.model << " " << c.check << ": " << c.error << ", at most " << c.tolerance << " " << c.note;
      forward += c.check.starts_with("forward.");
      backward += c.check.starts_with("backward.");
    }
    EXPECT_EQ(forward, 2);
    EXPECT_GT(backward, 10);
    const auto has = [&](const std::string& name) {
      return std::any_of(checks.begin(), checks.end(), [&](const GoldenCheck& c) { return c.check.starts_with(name); });
    };
    EXPECT_TRUE(has("greedy"));
    const std::filesystem::path folder(kModels + GetParam());
    EXPECT_EQ(has("sft.loss") && has("sft.final"), std::filesystem::exists(folder / "sft.json"));
    for (const char* form :
         {"grpo", "grpo_kl", "grpo_kl_is", "grpo_two_sided", "r1", "bnpo", "dapo", "dr_grpo", "gspo", "cispo"})
      for (const char* part : {".loss", ".dlogps"})
        EXPECT_EQ(has(std::string("grpo.") + form + part), std::filesystem::exists(folder / "grpo.json"))
            << form << part;
  }
}

// What rounding allows, for logits: what the double reference gives when it rounds the same operands, keys and values
// to bf16 and nothing else. Half as much again, since a sum's last float bit may decide a rounding the other way.
double rounded_reference_error(const std::string& model) {
  const ModelFiles files = open_model_files(kModels + model);
  const ModelConfig config = read_config(files.config, files.generation_config, files.path);
  const Tensor parameters = load_parameters(ParameterLayout(config), files);
  const TransformerRef reference(config, parameters.as<float>(), true);
  const auto golden = open_safetensors(kModels + model + "/forward_backward.safetensors");
  const auto shape = golden->tensors()[static_cast<size_t>(golden->find("logits"))].shape;
  const size_t rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]),
               vocabulary = static_cast<size_t>(shape[2]);
  std::vector<int64_t> ids(rows * columns), live(rows * columns);
  std::vector<float> want(rows * columns * vocabulary);
  golden->read_i64(golden->find("ids"), ids);
  golden->read_i64(golden->find("live"), live);
  golden->read_f32(golden->find("logits"), want);
  double worst = 0;
  for (size_t r = 0; r < rows; r++) {
    std::vector<int32_t> text;
    for (size_t t = 0; t < columns && live[r * columns + t]; t++)
      text.push_back(static_cast<int32_t>(ids[r * columns + t]));
    const auto got = reference.logits(text);
    for (size_t i = 0; i < got.size(); i++) {
      const double w = want[r * columns * vocabulary + i];
      worst = std::max(worst, std::abs(got[i] - w) / (1 + std::abs(w)));
    }
  }
  return worst;
}

// For gradients: bf16 keeps 8 bits, so an operand is off by at most 2^-9 of itself, some 1.1e-3 at rms; a product
// rounds both of its operands: 1.6e-3. Errors of the n products on a path add up like a random walk, and what passes
// softmax and its gradient p (dp - sum p dp) is magnified where it cancels; a factor of ten is left for that. A wrong
// term gives errors of size 1, and float32 of the same code is held to 2e-4 above.
double rounding_allows(double products) { return 10 * 1.6e-3 * std::sqrt(products); }

TEST_P(GoldenFolder, Bfloat16StaysWithinWhatRoundingAllows) {
  const auto config = open_model_files(kModels + GetParam()).config;
  // A layer's roundings: inputs of q k v, of o, of gate up, of down; q; k and v; attention's weights; gate and up.
  const double forward_products = 8 * config.at("num_hidden_layers").get<double>() + 1;
  const double allowed = rounded_reference_error(GetParam());
  for (const Compute& compute : {make_compute("bf16"), Compute{Isa::scalar, DType::bf16, false}})
    for (const GoldenCheck& c : run_checks(GetParam(), compute)) {
      const std::string what = c.model + " " + c.check;
      ASSERT_TRUE(std::isfinite(c.error)) << what;
      if (c.check == "forward.logits") {  // the worst of 10^5, |a - b| / (1 + |b|)
        EXPECT_LT(c.error, 1.5 * allowed) << what;
      } else if (c.check == "forward.loss") {  // the mean over some 150 tokens: a twelfth
        EXPECT_LT(c.error, rounding_allows(forward_products) / 12) << what;
      } else if (c.check.starts_with("backward.")) {  // the float32 tolerance, 2e-4 ||b|| + 1e-7, gives ||b||
        EXPECT_LT(c.error, rounding_allows(2 * forward_products) * (c.tolerance - 1e-7) / 2e-4 + 1e-5) << what;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenFolder,
                         ::testing::Values("llama-tied", "llama3-rope", "llama-linear-rope", "qwen2", "qwen2-yarn",
                                           "qwen3"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(GoldenFolders, FamiliesToComeAreReportedByName) {
  for (const char* model : {"qwen3-moe", "deepseek-v3"}) {
    const auto checks = run_checks(model, make_compute("f32"));
    ASSERT_EQ(checks.size(), 1u) << model;
    EXPECT_FALSE(checks[0].ok);
    EXPECT_EQ(checks[0].check, "supported");
    EXPECT_NE(checks[0].note.find("is not supported yet; r1 knows llama, qwen2, qwen3"), std::string::npos)
        << checks[0].note;
  }
}

}  // namespace
}  // namespace r1
