// Checkpoints: every bit comes back, no damage is ever loaded, and neither a killed writer nor a failing disk costs the
// last good one.
#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include "base/log.h"
#include "base/threads.h"
#include "train/tiny_run.h"
#include "train/traced_child.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Checkpoints : public ::testing::Test {
 protected:
  Checkpoints()
      : files_(tiny_files()),
        config_(tiny_run_config()),
        model_(config_, make_compute("f32"), random_parameters(ParameterLayout(config_), config_, 1),
               ModelUse::training),
        policy_(model_) {
    set_thread_count(1);
    content_.meta = &files_;
    content_.policy = &policy_;
    content_.recipe = {{"seed", "42"}, {"beta", "0.1"}, {"delta", "4.0"}, {"threads", "1"}, {"max_steps", "5"}};
  }

  // Weights and moments that tell one step from another.
  void become(int64_t step) {
    const float s = static_cast<float>(step);
    for (int64_t i = 0; i < model_.layout().total(); i++) {
      const float x = static_cast<float>(i % 1013) / 1013;
      model_.parameters()[i] = x + s;
      policy_.optimizer().first_moment()[i] = -x * s, policy_.optimizer().second_moment()[i] = x * x * s;
    }
    policy_.set_updates(3 * step);
    content_.state = {{"rollouts", step}};
  }
  void save(int64_t step, int64_t limit = 2) {
    become(step);
    CheckpointStore(folder(), limit).save(step, content_);
  }
  fs::path folder() const { return temporary_ / "checkpoints"; }
  fs::path at(int64_t step) const { return folder() / ("step-" + std::to_string(step)); }

  // The step whose bytes are all there; -1 when what is found is not what was saved.
  int64_t restored_step() {
    const auto found = CheckpointStore(folder(), 2).newest();
    if (!found) return -1;
    become(99);
    const Json state = restore_policy(*found, policy_, nullptr);
    const float s = static_cast<float>(found->step);
    bool same =
        state.at("rollouts") == found->step && state.at("step") == found->step && policy_.updates() == 3 * found->step;
    for (int64_t i = 0; i < model_.layout().total() && same; i++) {
      const float x = static_cast<float>(i % 1013) / 1013;
      same = model_.parameters()[i] == x + s && policy_.optimizer().first_moment()[i] == -x * s &&
             policy_.optimizer().second_moment()[i] == x * x * s;
    }
    return same ? found->step : -1;
  }
  std::vector<std::string> entries() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder())) out.push_back(entry.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }
  // Expects that step 2 is passed over in favour of step 1, with words that name `part`.
  void expect_passed_over(const std::string& part, const std::string& what) {
    ::testing::internal::CaptureStderr();
    const int64_t step = restored_step();
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(step, 1) << what;
    EXPECT_NE(said.find(part), std::string::npos) << what << ": " << said;
  }

  TempFolder temporary_;
  ModelFiles files_;
  ModelConfig config_;
  Transformer model_;
  Policy policy_;
  CheckpointContent content_;
};

TEST_F(Checkpoints, EveryBitComesBack) {
  std::vector<float> reference(static_cast<size_t>(model_.layout().total()));
  for (size_t i = 0; i < reference.size(); i++) reference[i] = 1.0f / static_cast<float>(i + 3);
  content_.reference = reference.data();
  save(7);
  EXPECT_EQ(restored_step(), 7);
  std::vector<float> back(reference.size());
  restore_policy(*CheckpointStore(folder(), 2).newest(), policy_, back.data());
  EXPECT_EQ(back, reference);
  const ModelFiles whole = open_model_files(at(7).string());  // a Hugging Face folder, too
  EXPECT_EQ(whole.chat_template, files_.chat_template);
  EXPECT_EQ(whole.tensors->tensors().size(), model_.layout().all().size());
}

TEST_F(Checkpoints, NoneAtAllAndNoneWholeAreTwoThings) {
  EXPECT_FALSE(CheckpointStore(folder(), 2).newest().has_value());
  save(1);
  fs::remove(at(1) / "MANIFEST.json");
  EXPECT_NE(error_of([&] { CheckpointStore(folder(), 2).newest(); }).find("none of its 1 checkpoints is whole"),
            std::string::npos);
}

TEST_F(Checkpoints, EveryByteOfTheManifestCounts) {
  save(1);
  const fs::path path = at(1) / "MANIFEST.json";
  const std::string good = bytes_of(path);
  const CheckpointStore store(folder(), 2);
  set_log_level(LogLevel::error);
  int accepted = 0;
  for (size_t i = 0; i < good.size(); i++) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << i % 7));
    write_bytes(path, bad);
    accepted += error_of([&] { store.newest(); }).empty();
  }
  for (size_t i = 0; i < good.size(); i++) {  // white space that JSON does not care about
    if (good[i] != ' ') continue;
    std::string bad = good;
    bad[i] = '\t';
    write_bytes(path, bad);
    accepted += error_of([&] { store.newest(); }).empty();
  }
  for (size_t n = 0; n < good.size(); n += 64) {
    write_bytes(path, good.substr(0, n));
    accepted += error_of([&] { store.newest(); }).empty();
  }
  set_log_level(LogLevel::info);
  EXPECT_EQ(accepted, 0);
  write_bytes(path, good);
  EXPECT_EQ(restored_step(), 1);
}

TEST_F(Checkpoints, DamageToAnyFileIsNamedAndTheOlderOneIsUsed) {
  save(1);
  save(2);
  for (const auto& entry : fs::directory_iterator(at(2))) {
    const std::string name = entry.path().filename().string(), good = bytes_of(entry.path());
    for (size_t k = 0; k < 12; k++) {
      std::string bad = good;
      const size_t place = k == 0 ? good.size() - 1 : good.size() * (k - 1) / 11;
      bad[place] = static_cast<char>(bad[place] ^ (1 << k % 8));
      write_bytes(entry.path(), bad);
      expect_passed_over(name, name + ": a flipped bit at " + std::to_string(place));
    }
    for (size_t n : {size_t{0}, good.size() / 2, good.size() - 1}) {
      write_bytes(entry.path(), good.substr(0, n));
      expect_passed_over(name, name + " truncated");
    }
    write_bytes(entry.path(), good + "\n");
    expect_passed_over(name, name + " with a byte more");
    fs::remove(entry.path());
    expect_passed_over(name == "MANIFEST.json" ? "no manifest" : name, name + " missing");
    write_bytes(temporary_ / "elsewhere", good);
    fs::create_symlink(temporary_ / "elsewhere", entry.path());
    expect_passed_over(name == "MANIFEST.json" ? "no manifest" : name, name + " as a link to the same bytes");
    fs::remove(entry.path());
    write_bytes(entry.path(), good);
  }
  EXPECT_EQ(restored_step(), 2) << "whole again";
}

TEST_F(Checkpoints, WhatIsNotInTheManifestIsRefused) {
  save(1);
  save(2);
  write_bytes(at(2) / "model-00002.safetensors", "x");
  expect_passed_over("model-00002.safetensors", "a surplus file");
  fs::remove(at(2) / "model-00002.safetensors");
  fs::create_symlink("/etc", at(2) / "link");
  expect_passed_over("link", "a surplus link");
  fs::remove(at(2) / "link");
  fs::create_directory(at(2) / "deep");
  expect_passed_over("deep", "a surplus folder");
  fs::remove(at(2) / "deep");
  EXPECT_EQ(restored_step(), 2);
}

TEST_F(Checkpoints, SwappedFilesAndStepsAreRefused) {
  save(1);
  save(2);
  const std::string name = "optimizer.safetensors";
  fs::rename(at(2) / name, temporary_ / "x");
  fs::copy_file(at(1) / name, at(2) / name);
  expect_passed_over(name, "another step's optimiser");
  fs::rename(temporary_ / "x", at(2) / name);
  fs::rename(at(2) / "config.json", temporary_ / "x");
  fs::rename(at(2) / "tokenizer.json", at(2) / "config.json");
  fs::rename(temporary_ / "x", at(2) / "tokenizer.json");
  expect_passed_over(".json", "two files swapped");
  fs::remove_all(at(2));
  fs::copy(at(1), at(2));
  expect_passed_over("is the one of step 1", "step 1 under the name of step 2");
}

TEST_F(Checkpoints, ANewerFormatIsSaid) {
  save(1);
  save(2);
  std::string text = bytes_of(at(2) / "MANIFEST.json");
  text.replace(text.find("\"format\": 1"), 11, "\"format\": 2");
  write_bytes(at(2) / "MANIFEST.json", text);
  expect_passed_over("format 2, this program reads 1", "format 2");
}

TEST_F(Checkpoints, TheLimitIsKeptAndOrphansGo) {
  fs::create_directories(folder() / "step-9.tmp-123");
  fs::create_directories(folder() / ".trash-step-3");
  fs::create_directories(folder() / "step-best");
  write_bytes(folder() / "notes", "mine");
  for (int64_t step : {1, 2, 5, 30}) save(step, 3);
  EXPECT_EQ(entries(), (std::vector<std::string>{"notes", "step-2", "step-30", "step-5", "step-best"}));
  save(31, 1);
  EXPECT_EQ(entries(), (std::vector<std::string>{"notes", "step-31", "step-best"}));
  EXPECT_EQ(restored_step(), 31);
}

TEST_F(Checkpoints, ADamagedOneOfTheSameStepIsReplaced) {
  save(1);
  save(2);
  fs::remove(at(2) / "config.json");
  expect_passed_over("config.json", "damaged");
  save(2);
  EXPECT_EQ(restored_step(), 2);
  EXPECT_EQ(entries(), (std::vector<std::string>{"step-1", "step-2"}));
}

TEST_F(Checkpoints, AnotherRecipeIsRefusedWithBothValues) {
  save(1);
  const auto found = CheckpointStore(folder(), 2).newest();
  const auto said = [&](KeyValues recipe) { return error_of([&] { require_same_recipe(*found, recipe); }); };
  KeyValues same = content_.recipe;
  EXPECT_EQ(said(same), "");
  same[3].second = "8", same[4].second = "100";
  EXPECT_EQ(said(same), "") << "threads and length may change";
  KeyValues other = content_.recipe;
  other[0].second = "43", other[1].second = "0.2";
  EXPECT_NE(said(other).find("seed: the run has 42, now 43"), std::string::npos) << said(other);
  EXPECT_NE(said(other).find("beta: the run has 0.1, now 0.2"), std::string::npos) << "all at once";
  KeyValues added = content_.recipe + KeyValues{{"epsilon_high", "0.28"}};
  EXPECT_NE(said(added).find("epsilon_high: the run has nothing, now 0.28"), std::string::npos);
  KeyValues unset = content_.recipe;
  unset.erase(unset.begin() + 2);
  EXPECT_NE(said(unset).find("delta: the run has 4.0, now nothing"), std::string::npos) << said(unset);
}

// What a full disk does, without one: no file of this process may grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_{};
  void (*signal_)(int);
};

TEST_F(Checkpoints, AFullDiskCostsNothing) {
  save(1);
  become(2);
  const uint64_t largest = fs::file_size(at(1) / "optimizer.safetensors");
  for (uint64_t bytes = 100; bytes < largest; bytes += largest / 12) {
    std::string said;
    {
      const FileSizeLimit full(bytes);
      said = error_of([&] { CheckpointStore(folder(), 1).save(2, content_); });
    }
    EXPECT_NE(said.find("the checkpoint of step 2 could not be saved, the ones before it stay"), std::string::npos);
    EXPECT_NE(said.find("writing failed"), std::string::npos) << said;
    EXPECT_EQ(entries(), std::vector<std::string>{"step-1"}) << "nothing half-written takes room";
  }
  EXPECT_EQ(restored_step(), 1);
}

TEST_F(Checkpoints, AModelFolderIsReplacedWhole) {
  const fs::path model = temporary_ / "model";
  write_model_folder(model, files_, policy_, DType::f32);
  fs::create_directories(temporary_ / "model.tmp-1");
  fs::create_directories(temporary_ / "model.old-1");
  fs::create_directories(temporary_ / "models");
  become(3);
  write_model_folder(model, files_, policy_, DType::f32);
  const ModelFiles back = open_model_files(model.string());
  std::vector<float> embedding(static_cast<size_t>(config_.vocabulary * config_.width));
  back.tensors->read_f32(back.tensors->find("model.embed_tokens.weight"), embedding);
  EXPECT_EQ(embedding[5], 5.0f / 1013 + 3);
  for (const char* name : {"model.tmp-1", "model.old-1"}) EXPECT_FALSE(fs::exists(temporary_ / name)) << name;
  EXPECT_TRUE(fs::exists(temporary_ / "models"));
}

// ---- the writer interfered with at any of its file operations

class Interfered : public Checkpoints {
 protected:
  // Saves step 2 beside step 1 in a child, again and again, `decision` at every `stride`th file call in turn, until a
  // save goes through untouched. Whatever happens, the newest whole checkpoint is the old or the new one.
  void sweep(int decision, int64_t stride, int64_t limit) {
    save(1);
    fs::copy(folder(), temporary_ / "before", fs::copy_options::recursive);
    const std::string name = decision == kKill ? "killed" : std::strerror(decision);
    set_log_level(LogLevel::error);
    int64_t old_ones = 0, new_ones = 0, errors = 0;
    for (int64_t k = 0;; k += stride) {
      fs::remove_all(folder());
      fs::copy(temporary_ / "before", folder(), fs::copy_options::recursive);
      become(2);
      bool reached = false;
      const ChildEnd end = run_traced([&] { CheckpointStore(folder(), limit).save(2, content_); },
                                      [&](const FileCall& c) {
                                        if (c.number != k) return kGoOn;
                                        reached = true;
                                        return decision;
                                      });
      if (!end.traced) GTEST_SKIP() << "this machine does not allow ptrace";
      if (!reached) break;
      if (decision == kKill) {
        ASSERT_TRUE(end.killed);
      } else {
        ASSERT_TRUE(end.code == 0 || end.code == 3) << name << " at " << k << ": exit " << end.code;
      }
      errors += end.code == 3;
      const int64_t step = restored_step();
      ASSERT_TRUE(step == 1 || step == 2) << name << " at file call " << k << ": torn";
      (step == 1 ? old_ones : new_ones)++;
      for (const std::string& entry : entries()) ASSERT_TRUE(entry == "step-1" || entry == "step-2") << entry;
    }
    set_log_level(LogLevel::info);
    EXPECT_GT(old_ones, 50 / stride) << "the sweep went through a whole save";
    EXPECT_GT(new_ones, 0);
    if (decision != kKill) {
      EXPECT_GT(errors, 50 / stride);
    }
    RecordProperty("points", std::to_string(old_ones + new_ones));
  }
};

using CheckpointsInterfered = Interfered;
using CheckpointsInterferedSlow = Interfered;

TEST_F(CheckpointsInterfered, AKilledWriterCostsNothing) { sweep(kKill, 17, 2); }
TEST_F(CheckpointsInterferedSlow, KilledAtEveryFileCall) { sweep(kKill, 1, 2); }
TEST_F(CheckpointsInterferedSlow, KilledAtEveryFileCallWithOneKept) { sweep(kKill, 1, 1); }
TEST_F(CheckpointsInterferedSlow, NoSpaceAtEveryFileCall) { sweep(ENOSPC, 1, 2); }
TEST_F(CheckpointsInterferedSlow, InputOutputErrorAtEveryFileCall) { sweep(EIO, 1, 1); }

// kill -9 keeps the page cache, so it cannot show a missing flush: the calls themselves are looked at. A power cut
// after the rename must find every byte and every name on the disk.
TEST_F(CheckpointsInterfered, EverythingIsFlushedBeforeItsNameCounts) {
  save(1);
  become(2);
  std::set<std::string> dirty_files, dirty_folders;
  int renames_into_place = 0;
  const ChildEnd end = run_traced(
      [&] { CheckpointStore(folder(), 2).save(2, content_); },
      [&](const FileCall& c) {
        const auto parent = [](const std::string& path) { return fs::path(path).parent_path().string(); };
        if (c.is({SYS_write, SYS_pwrite64, SYS_writev})) {
          dirty_files.insert(c.path_of(c.arguments[0]));
          dirty_folders.insert(parent(c.path_of(c.arguments[0])));
        } else if (c.is({SYS_fsync, SYS_fdatasync})) {
          dirty_files.erase(c.path_of(c.arguments[0]));
          dirty_folders.erase(c.path_of(c.arguments[0]));
        } else if (c.is({SYS_rename})) {
          const std::string from = c.text_at(c.arguments[0]), to = c.text_at(c.arguments[1]);
          EXPECT_FALSE(dirty_files.contains(from)) << from << " gets its name before its bytes are on the disk";
          dirty_folders.insert(parent(to));
          if (to == at(2).string()) {
            renames_into_place++;
            EXPECT_TRUE(dirty_files.empty()) << *dirty_files.begin();
            EXPECT_FALSE(dirty_folders.contains(from)) << "names inside the folder are not on the disk";
          }
        }
        return kGoOn;
      });
  if (!end.traced) GTEST_SKIP() << "this machine does not allow ptrace";
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(renames_into_place, 1);
  EXPECT_FALSE(dirty_folders.contains(folder().string())) << "the checkpoint's own name is not on the disk";
  EXPECT_GT(end.calls, 100);
}

}  // namespace
}  // namespace r1
