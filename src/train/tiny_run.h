// A tiny random model as a folder, runs on it, and a folder that goes away again: for tests of this room.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/json.h"
#include "formats/model_files.h"
#include "model/parameters.h"
#include "train/grpo.h"
#include "train/sft.h"

namespace r1 {

// Removed with everything in it. In memory where the machine has /dev/shm: the tests flush thousands of files.
class TempFolder {
 public:
  TempFolder() {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::is_directory("/dev/shm", error)
                                             ? std::filesystem::path("/dev/shm")
                                             : std::filesystem::temp_directory_path();
    std::string name = (parent / "r1_train_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail("{}: cannot make a folder", name);
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// "What is 0 + 2?", "What is 1 + 2?" and so on, with their answers.
inline std::vector<DataRow> sum_questions(int64_t count) {
  std::vector<DataRow> rows(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; i++) {
    DataRow& row = rows[static_cast<size_t>(i)];
    row.prompt = "What is " + std::to_string(i) + " + 2?";
    row.row = {{"answer", std::to_string(i + 2)}};
  }
  return rows;
}

// A tokenizer of arithmetic's texts with a chat template, and no weights. Kept here, so that the losses that tests know
// do not change with the embedded model.
inline ModelFiles mini_files() {
  return open_model_files(std::string(R1_SOURCE_DIR) + "/tests/golden/arithmetic_tokenizer");
}

// That tokenizer and template around a Qwen3 of some ten thousand weights. A tenth of the vocabulary
// ends a sample, so that lengths differ.
inline ModelFiles tiny_files() {
  ModelFiles files = mini_files();
  auto& c = files.config;
  c["hidden_size"] = 16, c["intermediate_size"] = 24, c["num_hidden_layers"] = 2;
  c["num_attention_heads"] = 4, c["num_key_value_heads"] = 2, c["head_dim"] = 8;
  c["max_position_embeddings"] = 256;
  files.generation_config["eos_token_id"] = {327, 325};
  for (int id = 100; id < 130; id++) files.generation_config["eos_token_id"].push_back(id);
  return files;
}

inline ModelConfig tiny_run_config() {
  const ModelFiles files = tiny_files();
  return read_config(files.config, files.generation_config, "tiny");
}

// Returns the folder, for --model.
inline std::string write_tiny_model(const std::filesystem::path& folder, uint64_t seed = 7) {
  const ModelFiles files = tiny_files();
  const ModelConfig config = read_config(files.config, files.generation_config, "tiny");
  const ParameterLayout layout(config);
  const Tensor weights = random_parameters(layout, config, seed);
  std::filesystem::create_directories(folder);
  write_hf_folder(folder.string(), files, named_tensors(layout, weights.as<float>()), DType::f32);
  return folder.string();
}

inline std::string bytes_of(const std::filesystem::path& path) { return read_text_file(path.string()); }

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::vector<nlohmann::ordered_json> json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::ordered_json> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) out.push_back(nlohmann::ordered_json::parse(line));
  return out;
}

// What Error says; empty when nothing was thrown.
template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

template <typename Run>
Run make_run(const KeyValues& values, bool resume = false) {
  Run run;
  OptionTable table;
  run.options.declare(table);
  table.set_all(values);
  run.recipe = table.values();
  run.recipe_toml = table.to_toml();
  run.resume = resume;
  return run;
}

inline KeyValues operator+(KeyValues a, const KeyValues& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace r1
