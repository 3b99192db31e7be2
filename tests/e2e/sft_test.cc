// r1 sft: the ten golden steps through the command line, and what it refuses.
#include <cmath>

#include "formats/model_files.h"
#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

class Tensors {
 public:
  explicit Tensors(const std::string& path) : source_(open_safetensors(path)) {}
  std::vector<int64_t> integers(const std::string& name) const {
    std::vector<int64_t> out(size_of(name));
    source_->read_i64(source_->find(name), out);
    return out;
  }
  std::vector<float> floats(const std::string& name) const {
    std::vector<float> out(size_of(name));
    source_->read_f32(source_->find(name), out);
    return out;
  }
  const std::vector<TensorInfo>& all() const { return source_->tensors(); }
  const std::vector<int64_t>& shape(const std::string& name) const {
    return source_->tensors().at(static_cast<size_t>(source_->find(name))).shape;
  }

 private:
  size_t size_of(const std::string& name) const {
    return static_cast<size_t>(source_->tensors().at(static_cast<size_t>(source_->find(name))).elements());
  }
  std::unique_ptr<TensorSource> source_;
};

// The golden batches as tokenised rows, in order.
std::string rows_of(const Tensors& golden) {
  std::string out;
  for (int step = 0; step < 10; step++) {
    const std::string prefix = std::to_string(step) + ".";
    const auto ids = golden.integers(prefix + "ids"), live = golden.integers(prefix + "live"),
               learn = golden.integers(prefix + "learn");
    const auto shape = golden.shape(prefix + "ids");
    for (int64_t r = 0; r < shape[0]; r++) {
      Json input = Json::array(), labels = Json::array();
      for (int64_t t = 0; t < shape[1]; t++) {
        const size_t at = static_cast<size_t>(r * shape[1] + t);
        if (live[at] == 0) continue;
        input.push_back(ids[at]);
        labels.push_back(learn[at] != 0 ? ids[at] : -100);
      }
      out += Json({{"input_ids", input}, {"labels", labels}}).dump() + "\n";
    }
  }
  return out;
}

double norm_of_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum);
}

void check_golden_run(const std::string& name) {
  const TempFolder t;
  const Tensors golden_file(golden(name) + "/sft.safetensors");
  write_file(t / "rows.jsonl", rows_of(golden_file));
  const int64_t batch = golden_file.shape("0.ids")[0];
  const Outcome o = r1(with_sets({"sft", "--model", golden(name), "--data", t / "rows.jsonl", "--out", t / "run"},
                                 {"per_device_train_batch_size=" + std::to_string(batch), "max_steps=10",
                                  "learning_rate=1e-3", "warmup_steps=2", "lr_scheduler_type=cosine", "adam_beta2=0.95",
                                  "weight_decay=0.1", "shuffle_dataset=false", "compute_dtype=f32", "save_dtype=f32"}));
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.out, "") << "a run's lines are stderr's";
  const auto metrics = json_lines_of(t / "run/metrics.jsonl");
  const Json log = Json::parse(read_file(golden(name) + "/sft.json"));
  ASSERT_EQ(metrics.size(), 10u);
  for (size_t i = 0; i < 10; i++) {
    const auto near = [&](const char* key, const char* golden_key, double tolerance) {
      const double want = log[i][golden_key].get<double>();
      EXPECT_NEAR(metrics[i][key].get<double>(), want, tolerance * std::abs(want)) << key << " of step " << i + 1;
    };
    EXPECT_EQ(metrics[i]["step"], i + 1);
    near("loss", "loss", 2e-4);
    near("grad_norm", "grad_norm", 2e-4);
    near("learning_rate", "lr", 1e-9);
  }
  const Tensors start(golden(name) + "/model.safetensors"), end(t / "run/model/model.safetensors");
  ASSERT_EQ(end.all().size(), start.all().size());
  for (const TensorInfo& tensor : end.all()) {
    const auto before = start.floats(tensor.name), want = golden_file.floats("final." + tensor.name),
               got = end.floats(tensor.name);
    ASSERT_EQ(got.size(), want.size()) << tensor.name;
    EXPECT_LE(norm_of_difference(got, want), 1e-2 * norm_of_difference(want, before) + 1e-5) << tensor.name;
  }
}

TEST(SftTest, TheGoldenRunOfTiedLlama) { check_golden_run("llama-tied"); }
TEST(SftTest, TheGoldenRunOfQwen3) { check_golden_run("qwen3"); }

TEST(SftTest, TheMetricsAndTheFolder) {
  const TempFolder t;
  const std::string speck = make_speck(t);
  for (const Json& line : json_lines_of(t / "speck-run/metrics.jsonl"))
    for (const char* key : {"step", "loss", "grad_norm", "learning_rate", "epoch", "num_tokens", "entropy", "step_time",
                            "mean_token_accuracy", "share/update", "memory/planned_gb", "memory/peak_gb"})
      EXPECT_TRUE(line.contains(key) && line[key].is_number()) << key;
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"}) {
    EXPECT_TRUE(fs::exists(fs::path(speck) / name)) << name;
    EXPECT_TRUE(fs::exists(t / "speck-run/checkpoints/step-1" / name)) << name;
  }
  EXPECT_TRUE(fs::exists(t / "speck-run/recipe.toml"));
}

TEST(SftTest, ARunThatCannotBeginLeavesNoRun) {
  const TempFolder t;
  write_file(t / "rows.jsonl", "{\"input_ids\":[5,7,9]}\n");
  const std::vector<std::string> words = {"sft",     "--model", golden("qwen3"), "--out",
                                          t / "run", "--set",   "max_steps=1"};
  const auto with_data = [&](const std::string& data) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--data", data});
    return r1(all);
  };
  EXPECT_TRUE(refused(with_data(t / "nothing.jsonl"), 1, "nothing.jsonl"));
  EXPECT_TRUE(refused(r1(words), 2, "--data"));
  EXPECT_TRUE(done(with_data(t / "rows.jsonl"))) << "the same --out, once the data are there";
  const Outcome again = with_data(t / "rows.jsonl");
  EXPECT_TRUE(refused(again, 1, "holds a run already"));
}

TEST(SftTest, WhatDoesNotFitTheMemoryIsRefused) {
  const TempFolder t;
  write_file(t / "rows.jsonl", "{\"input_ids\":[5,7,9]}\n");
  const Outcome o = r1(with_sets({"sft", "--model", golden("qwen3"), "--data", t / "rows.jsonl", "--out", t / "run"},
                                 {"memory_limit_gb=0.01"}));
  EXPECT_TRUE(refused(o, 1, "nothing was begun"));
  EXPECT_NE(o.err.find("optim=adamw_8bit"), std::string::npos) << o.err;
}

TEST(SftTest, BadRowsAreNamed) {
  const TempFolder t;
  const auto with_rows = [&](const std::string& rows) {
    write_file(t / "rows.jsonl", rows);
    return r1({"sft", "--model", golden("qwen3"), "--data", t / "rows.jsonl", "--out", t / "run"});
  };
  EXPECT_TRUE(refused(with_rows("{\"input_ids\":[5,331]}\n"), 1, "row 1: token id 331"));
  EXPECT_TRUE(refused(with_rows("{\"input_ids\":[5,6]}\n{\"input_ids\":[5,6],\"labels\":[5]}\n"), 1, "line 2"));
  EXPECT_TRUE(refused(with_rows("{\"input_ids\":[5,6],\"labels\":[-100,-100]}\n"), 1, "token to learn"));
  EXPECT_TRUE(refused(with_rows("{\"prompt\":\"a\",\"completion\":\"b\"}\n"), 1, "no tokenizer"));
  EXPECT_TRUE(refused(with_rows(""), 1, "no rows"));
}

}  // namespace
}  // namespace r1::e2e
