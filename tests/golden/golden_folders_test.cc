// Tiny models against PyTorch, transformers and TRL: every check, by the code that training runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "formats/model_files.h"
#include "kernels/compute.h"
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

// What rounding allows. bf16 keeps 8 bits, so an operand is off by at most 2^-9 of itself, some 1.1e-3 at rms; a
// product rounds both of its operands: 1.6e-3. Errors of the n products on a path add up like a random walk, and what
// passes softmax and its gradient p (dp - sum p dp) is magnified where it cancels; a factor of ten is left for that. A
// wrong term gives errors of size 1, and float32 of the same code is held to 2e-4 above.
double rounding_allows(double products) { return 10 * 1.6e-3 * std::sqrt(products); }

double rms_logit(const std::string& model) {
  const auto file = open_safetensors(kModels + model + "/forward_backward.safetensors");
  const int index = file->find("logits");
  std::vector<float> logits(static_cast<size_t>(file->tensors()[static_cast<size_t>(index)].elements()));
  file->read_f32(index, logits);
  double sum = 0, live = 0;
  for (float x : logits) sum += static_cast<double>(x) * x, live += x != 0;
  return std::sqrt(sum / live);
}

TEST_P(GoldenFolder, Bfloat16StaysWithinWhatRoundingAllows) {
  const auto config = open_model_files(kModels + GetParam()).config;
  const double forward_products = 5 * config.at("num_hidden_layers").get<double>() + 1;  // q k v, o, gate up, down, KV
  for (const Compute& compute : {make_compute("bf16"), Compute{Isa::scalar, DType::bf16, false}})
    for (const GoldenCheck& c : run_checks(GetParam(), compute)) {
      const std::string what = c.model + " " + c.check;
      ASSERT_TRUE(std::isfinite(c.error)) << what;
      if (c.check == "forward.logits") {  // the worst of 10^5, |a - b| / (1 + |b|)
        EXPECT_LT(c.error, rounding_allows(forward_products) * rms_logit(GetParam())) << what;
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
