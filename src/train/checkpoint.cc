#include "train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/log.h"
#include "formats/peft.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
constexpr int kFormat = 1;
constexpr uint64_t kMostState = uint64_t{4} << 30;  // bytes of trainer_state.json: rollouts can be long

// N of "step-N", or -1.
int64_t step_of(const std::string& name) {
  if (!name.starts_with("step-") || name.size() < 6 || name.size() > 17) return -1;
  for (size_t i = 5; i < name.size(); i++)
    if (name[i] < '0' || name[i] > '9') return -1;
  return std::stoll(name.substr(5));
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    fail("{}: cannot rename to {}: {}", from.string(), to.string(), std::strerror(errno));
  sync_folder(to.parent_path().string());
}

// The manifest's own digest is that of the manifest with an empty one.
std::string manifest_digest(Json manifest) {
  manifest["sha256"] = "";
  return sha256_hex(manifest.dump());
}

void add_block(const BlockLayout& layout, const float* block, const std::string& prefix,
               std::vector<StoredTensor>& out) {
  for (const Parameter& p : layout.all()) out.push_back({prefix + p.name, p.shape, DType::f32, block + p.offset});
}

// Weights and reference in float32, moments in the optimiser's own types: exact.
WrittenFile write_optimizer(const fs::path& path, const CheckpointContent& c) {
  const Transformer& model = c.policy->model();
  std::vector<StoredTensor> tensors = c.policy->optimizer().tensors();
  add_block(model.trained_layout(), model.trained(), "master.", tensors);
  if (c.reference != nullptr) add_block(model.layout(), c.reference, "reference.", tensors);
  return write_safetensors(path.string(), tensors);
}

std::string manifest_text(const Json& manifest) { return manifest.dump(1) + "\n"; }

// The manifest of a folder, byte for byte as it was written.
Json read_manifest(const fs::path& folder) {
  const fs::path path = folder / "MANIFEST.json";
  if (!fs::is_regular_file(fs::symlink_status(path))) fail("{}: there is no manifest", folder.string());
  const std::string text = read_text_file(path.string(), 64 << 20);
  const Json manifest = Json::parse(text, nullptr, false);
  if (!manifest.is_object()) fail("{}: is no manifest", path.string());
  const auto format = manifest.find("format"), digest = manifest.find("sha256");
  if (format != manifest.end() && format->is_number_integer() && *format != kFormat)
    fail("{}: format {}, this program reads {}", path.string(), format->dump(), kFormat);
  if (digest == manifest.end() || !digest->is_string() || *digest != manifest_digest(manifest) ||
      text != manifest_text(manifest))
    fail("{}: is damaged", path.string());
  return manifest;
}

// Throws r1::Error naming the first thing that is wrong with the folder of checkpoint `step`.
Json check_folder(const fs::path& folder, int64_t step) {
  const fs::path path = folder / "MANIFEST.json";
  const Json manifest = read_manifest(folder);
  if (manifest.at("step") != step) fail("{}: is the one of step {}", path.string(), manifest.at("step").dump());
  std::set<std::string> known = {"MANIFEST.json"};
  for (const Json& f : manifest.at("files")) {
    const std::string name = f.at("name").get<std::string>();
    known.insert(name);
    if (name.empty() || name.find('/') != std::string::npos || name[0] == '.')
      fail("{}: \"{}\" is no plain file name", path.string(), name);
    const fs::path file = folder / name;
    if (!fs::is_regular_file(fs::symlink_status(file))) fail("{}: is missing", file.string());
    if (fs::file_size(file) != f.at("size").get<uint64_t>())
      fail("{}: has {} bytes, expected {}", file.string(), fs::file_size(file), f.at("size").get<uint64_t>());
    if (sha256_of_file(file.string()) != f.at("sha256").get<std::string>())
      fail("{}: its digest is not the manifest's: the file is damaged", file.string());
  }
  for (const auto& entry : fs::directory_iterator(folder))
    if (!known.contains(entry.path().filename().string()))
      fail("{}: is not in the manifest; move it elsewhere to use this checkpoint", entry.path().string());
  return manifest;
}

// A Hugging Face folder, or a PEFT folder of the adapter where that is what was trained.
std::vector<WrittenFile> write_model(const std::string& folder, const ModelFiles& meta, const Transformer& model,
                                     DType dtype) {
  const std::vector<NamedTensor> tensors = named_tensors(model.trained_layout(), model.trained());
  if (model.adapter_layout() != nullptr)
    return write_peft_folder(folder, meta, model.adapter_layout()->config(), tensors, dtype);
  return write_hf_folder(folder, meta, tensors, dtype);
}

// Every file of a checkpoint into an empty folder, the manifest last.
void write_checkpoint(const fs::path& folder, int64_t step, const CheckpointContent& c) {
  std::vector<WrittenFile> files = write_model(folder.string(), *c.meta, c.policy->model(), c.save_dtype);
  files.push_back(write_optimizer(folder / "optimizer.safetensors", c));
  Json state = c.state;
  state["step"] = step;
  state["updates"] = c.policy->updates();
  const std::string text = state.dump() + "\n";
  replace_file((folder / "trainer_state.json").string(), text);
  files.push_back({"trainer_state.json", text.size(), sha256_hex(text)});
  Json manifest = {{"format", kFormat}, {"step", step}, {"recipe", Json::object()}, {"files", Json::array()}};
  for (const auto& [key, value] : c.recipe) manifest["recipe"][key] = value;
  for (const WrittenFile& f : files)
    manifest["files"].push_back({{"name", f.name}, {"size", f.size}, {"sha256", f.sha256}});
  manifest["sha256"] = "";
  manifest["sha256"] = manifest_digest(manifest);
  replace_file((folder / "MANIFEST.json").string(), manifest_text(manifest));
  sync_folder(folder.string());
}

void read_block(const TensorSource& source, const BlockLayout& layout, const std::string& prefix, float* block) {
  for (const Parameter& p : layout.all()) {
    const int index = source.find(prefix + p.name);
    if (index < 0) fail("optimizer.safetensors: tensor {}{} is missing", prefix, p.name);
    if (source.tensors()[static_cast<size_t>(index)].elements() != p.size)
      fail("optimizer.safetensors: tensor {}{} has {} elements, expected {}", prefix, p.name,
           source.tensors()[static_cast<size_t>(index)].elements(), p.size);
    source.read_f32(index, {block + p.offset, static_cast<size_t>(p.size)});
  }
}

// Into the optimiser's own block, which `t` names; policies are restored through tensors() alone.
void read_stored(const TensorSource& source, const StoredTensor& t) {
  const int index = source.find(t.name);
  if (index < 0) fail("optimizer.safetensors: tensor {} is missing; was the run made with another optim?", t.name);
  size_t size = dtype_size(t.dtype);
  for (int64_t d : t.shape) size *= static_cast<size_t>(d);
  source.read_stored(index, safetensors_dtype(t.dtype), {static_cast<std::byte*>(const_cast<void*>(t.data)), size});
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder, int64_t limit) : folder_(std::move(folder)), limit_(limit) {
  try {
    fs::create_directories(folder_);
    for (const auto& entry : fs::directory_iterator(folder_)) {  // the run's lock is ours: whoever made these is dead
      const std::string name = entry.path().filename().string();
      if (name.find(".tmp-") != std::string::npos || name.starts_with(".trash-")) fs::remove_all(entry.path());
    }
  } catch (const fs::filesystem_error& e) {
    fail("{}: cannot be used for checkpoints: {}", folder_.string(), e.what());
  }
}

void CheckpointStore::save(int64_t step, const CheckpointContent& c) {
  const uint64_t weights = static_cast<uint64_t>(c.policy->model().trained_layout().total());
  require_free_space(folder_.string(), c.policy->optimizer().bytes() +
                                           weights * (4 + dtype_size(c.save_dtype) + (c.reference != nullptr ? 4 : 0)));
  const std::string name = "step-" + std::to_string(step);
  const fs::path temporary = folder_ / fmt::format("{}.tmp-{}", name, getpid()), place = folder_ / name,
                 trash = folder_ / (".trash-" + name);
  try {
    fs::remove_all(temporary);
    fs::create_directory(temporary);
    write_checkpoint(temporary, step, c);
    fs::remove_all(trash);
    if (fs::exists(place)) fs::rename(place, trash);  // a damaged one of the same step
    rename_durably(temporary, place);
  } catch (const std::exception& e) {  // what was begun would only take the room that is missing
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fail("the checkpoint of step {} could not be saved, the ones before it stay: {}", step, e.what());
  }
  try {
    fs::remove_all(trash);
    remove_old(step);
  } catch (const std::exception& e) {  // the new one is whole, the next save tries again
    log_warning("an old checkpoint could not be removed: {}", e.what());
  }
}

std::vector<int64_t> CheckpointStore::steps() const {
  std::vector<int64_t> out;
  for (const auto& entry : fs::directory_iterator(folder_))
    if (const int64_t s = step_of(entry.path().filename().string()); s >= 0) out.push_back(s);
  std::sort(out.rbegin(), out.rend());
  return out;
}

void CheckpointStore::remove(int64_t step) {
  const std::string name = "step-" + std::to_string(step);
  fs::remove_all(folder_ / (".trash-" + name));  // left when an earlier removal failed
  fs::rename(folder_ / name, folder_ / (".trash-" + name));
  fs::remove_all(folder_ / (".trash-" + name));
}

void CheckpointStore::remove_old(int64_t newest_step) {
  std::vector<int64_t> known = steps();
  std::erase_if(known, [&](int64_t s) { return s > newest_step; });
  for (size_t i = static_cast<size_t>(limit_); i < known.size(); i++) remove(known[i]);
}

void CheckpointStore::remove_after(int64_t step) {
  try {
    for (const int64_t s : steps())  // the newest first: what is left is never ahead of what went
      if (s > step) remove(s);
  } catch (const fs::filesystem_error& e) {
    fail("{}: a checkpoint behind step {} cannot be removed: {}", folder_.string(), step, e.what());
  }
}

std::optional<CheckpointStore::Found> CheckpointStore::newest_of(
    const std::function<bool(const Found&)>& wanted) const {
  for (const int64_t step : steps()) {
    const fs::path path = folder_ / ("step-" + std::to_string(step));
    try {
      Found found{path, step, check_folder(path, step)};
      if (wanted(found)) return found;
    } catch (const std::exception& e) {
      log_warning("checkpoint passed over: {}", e.what());
    }
  }
  return std::nullopt;
}

std::optional<CheckpointStore::Found> CheckpointStore::newest() const {
  std::optional<Found> found = newest_of([](const Found&) { return true; });
  if (const size_t n = steps().size(); !found && n > 0)
    fail("{}: none of its {} checkpoints is whole; nothing was changed", folder_.string(), n);
  return found;
}

Json trainer_state(const CheckpointStore::Found& found) {
  return Json::parse(read_text_file((found.path / "trainer_state.json").string(), kMostState));
}

Json restore_policy(const CheckpointStore::Found& found, Policy& policy, float* reference) {
  const auto source = open_safetensors((found.path / "optimizer.safetensors").string());
  Transformer& model = policy.model();
  read_block(*source, model.trained_layout(), "master.", model.trained());
  for (const StoredTensor& t : policy.optimizer().tensors()) read_stored(*source, t);
  if (reference != nullptr) read_block(*source, model.layout(), "reference.", reference);
  const Json state = trainer_state(found);
  policy.set_updates(state.at("updates").get<int64_t>());
  model.repack();
  return state;
}

void require_same_recipe(const CheckpointStore::Found& found, const KeyValues& recipe) {
  static const std::set<std::string> free_keys = {"threads",
                                                  "memory_limit_gb",
                                                  "save_steps",
                                                  "save_total_limit",
                                                  "logging_steps",
                                                  "out",
                                                  "max_active",
                                                  "max_steps",
                                                  "num_train_epochs",
                                                  "eval_steps",
                                                  "eval_rows",
                                                  "model",
                                                  "num_completions_to_log",
                                                  "save_dtype",
                                                  "reward_timeout_seconds",
                                                  "reward_python",
                                                  "max_failed_rewards",
                                                  "audit",
                                                  "radar_steps",
                                                  "watch_steps",
                                                  "watch_prompts"};
  const Json& old = found.manifest.at("recipe");
  std::string differences;
  for (const auto& [key, value] : recipe)
    if (!free_keys.contains(key) && old.value(key, "") != value)
      differences += fmt::format("\n  {}: the run has {}, now {}", key, old.value(key, "nothing"), value);
  for (const auto& [key, value] : old.items()) {  // unset now
    const bool there = std::any_of(recipe.begin(), recipe.end(), [&](const auto& x) { return x.first == key; });
    if (!free_keys.contains(key) && !there)
      differences += fmt::format("\n  {}: the run has {}, now nothing", key, value.get<std::string>());
  }
  if (!differences.empty())
    fail("{}: cannot go on with another recipe; give the run's own values or start a new --out:{}", found.path.string(),
         differences);
}

void write_folder_whole(const fs::path& folder, const std::function<void(const std::string& path)>& write) {
  const fs::path temporary = folder.string() + fmt::format(".tmp-{}", getpid()),
                 old = folder.string() + fmt::format(".old-{}", getpid());
  for (const auto& entry : fs::directory_iterator(folder.parent_path())) {  // left by a process that was killed here
    const std::string name = entry.path().filename().string(), stem = folder.filename().string();
    if (name.starts_with(stem + ".tmp-") || name.starts_with(stem + ".old-")) fs::remove_all(entry.path());
  }
  fs::create_directories(temporary);
  write(temporary.string());
  if (fs::exists(folder)) fs::rename(folder, old);
  rename_durably(temporary, folder);
  fs::remove_all(old);
}

void write_model_folder(const fs::path& folder, const ModelFiles& meta, const Policy& policy, DType dtype) {
  write_folder_whole(folder, [&](const std::string& path) { write_model(path, meta, policy.model(), dtype); });
}

}  // namespace r1
