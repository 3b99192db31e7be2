// Checkpoints that survive anything (reliability 5): written into a temporary folder, every file flushed, MANIFEST.json
// with sizes and digests last, then renamed. A folder without a valid manifest is no checkpoint. The newest valid one
// counts; the ones before it are removed only after it is whole.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/options.h"
#include "formats/model_files.h"
#include "train/policy.h"

namespace r1 {

struct CheckpointContent {
  const ModelFiles* meta = nullptr;  // config, tokenizer, template
  Policy* policy = nullptr;
  const float* reference = nullptr;  // a block of the parameters' layout, or null
  DType save_dtype = DType::bf16;
  nlohmann::ordered_json state;  // the trainer's own: cursor, counters, an unfinished rollout
  KeyValues recipe;
};

class CheckpointStore {
 public:
  // `folder` holds step-N folders. Left-overs of dead processes are removed.
  CheckpointStore(std::filesystem::path folder, int64_t limit);

  // Writes step-N and removes what is beyond the limit. Throws r1::Error when there is no room or the disk fails; the
  // checkpoints before it stay.
  void save(int64_t step, const CheckpointContent& content);

  struct Found {
    std::filesystem::path path;
    int64_t step = 0;
    nlohmann::ordered_json manifest;
  };
  // The newest one whose every byte is as it was written; damaged ones are named through log_warning and passed over.
  // nullopt when there is none at all; throws when there are some but none is whole.
  std::optional<Found> newest() const;
  // The newest whole one that `wanted` accepts; nullopt when there is none.
  std::optional<Found> newest_of(const std::function<bool(const Found&)>& wanted) const;
  // Removes all of later steps.
  void remove_after(int64_t step);

 private:
  std::vector<int64_t> steps() const;  // the newest first
  void remove(int64_t step);
  void remove_old(int64_t newest_step);
  std::filesystem::path folder_;
  int64_t limit_;
};

// The trainer's own state alone.
nlohmann::ordered_json trainer_state(const CheckpointStore::Found& found);

// Puts weights, moments and update count back; `reference` (a block of the layout) only when it is not null. Returns
// the trainer's own state.
nlohmann::ordered_json restore_policy(const CheckpointStore::Found& found, Policy& policy, float* reference);

// Throws r1::Error naming every key whose value differs from the run's recipe or that only one of them has, both values
// beside it. Keys that cannot
// change the bytes of a run are passed over, and so are max_steps and num_train_epochs: a run may be made longer.
void require_same_recipe(const CheckpointStore::Found& found, const KeyValues& recipe);

// Makes a folder that is there whole or not at all: write(path) fills a neighbour that then takes its place.
void write_folder_whole(const std::filesystem::path& folder, const std::function<void(const std::string& path)>& write);

// Writes the model's folder (of an adapter: PEFT's) that is there whole or not at all.
void write_model_folder(const std::filesystem::path& folder, const ModelFiles& meta, const Policy& policy, DType dtype);

}  // namespace r1
