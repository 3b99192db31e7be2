#include "pipeline/provenance.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/openai_client.h"
#include "formats/model_path.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Keys that change how fast or where a stage runs, or what it tells, never what it makes.
const std::set<std::string>& idle_keys() {
  static const std::set<std::string> keys = {
      "out",        "threads",   "logging_steps",          "save_steps",   "save_total_limit",    "memory_limit_gb",
      "eval_steps", "eval_rows", "num_completions_to_log", "api_requests", "api_timeout_seconds", "api_key_variable"};
  return keys;
}

bool counts_for_model(const fs::path& file) {
  const std::string name = file.filename().string(), ending = file.extension().string();
  return ending == ".safetensors" || ending == ".json" || ending == ".jinja" || ending == ".gguf" ||
         ending == ".model" || name == "merges.txt";
}

std::string digest_of_folder(const fs::path& folder, bool model_files_alone) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && (!model_files_alone || counts_for_model(entry.path())))
      names.push_back(fs::relative(entry.path(), folder).generic_string());
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += name + " " + sha256_of_file((folder / name).string()) + "\n";
  return sha256_hex(all);
}

// A value as TOML writes it (a quoted text reads as JSON's), bare.
std::string bare(const std::string& toml) {
  const Json value = Json::parse(toml, nullptr, false);
  return value.is_string() ? value.get<std::string>() : toml;
}

}  // namespace

std::string model_digest(const std::string& name) {
  if (name.empty() || is_openai_address(name)) return name;  // made by the stage itself; nothing of it is here
  const std::string path = resolve_model(name);
  return fs::is_directory(path) ? digest_of_folder(path, true) : sha256_of_file(path);
}

std::string data_digest(const std::string& source) {
  std::error_code ignored;
  if (fs::is_directory(source, ignored)) return digest_of_folder(source, false);
  return fs::is_regular_file(source, ignored) ? sha256_of_file(source) : source;
}

Provenance::Provenance(const StageGraph& graph, const RecipeStage& stage, const Resolve& digest_of) {
  inputs_ = {{"stage", stage.kind->name}};
  const std::unique_ptr<StageRun> run = graph.make(stage, digest_of, false);
  for (const auto& [key, toml] : run->table().values()) {
    if (idle_keys().contains(key)) continue;
    std::string text = bare(toml);
    if (key == "model" && text != digest_of(stage.from, "model")) text = model_digest(text);  // its own key
    if (key == "data" || key == "general_data") text = data_digest(text);
    inputs_[key] = text;
  }
}

Provenance::Provenance(const Json& inputs) : inputs_(inputs) {}

std::string Provenance::key() const { return sha256_hex(inputs_.dump()); }

std::string Provenance::difference(const Provenance& other) const {
  std::vector<std::string> out;
  const auto text = [](const Json& j, const std::string& key) {
    return j.contains(key) && j[key].is_string() ? j[key].get<std::string>() : std::string("not there");
  };
  std::set<std::string> keys;
  for (const Json* j : {&inputs_, &other.inputs_})
    for (const auto& [key, ignored] : j->items()) keys.insert(key);
  for (const std::string& key : keys)
    if (const std::string was = text(inputs_, key), is = text(other.inputs_, key); was != is)
      out.push_back(fmt::format("{} (was {}, is {})", key, was.substr(0, 60), is.substr(0, 60)));
  return fmt::format("{}", fmt::join(out, ", "));
}

Json artefacts_of(const StageGraph& graph, const RecipeStage& stage) {
  Json out = Json::object();
  if (stage.kind->makes_model) out["model"] = model_digest(graph.model_of(stage.name));
  if (stage.kind->makes_data) out["data"] = sha256_of_file(graph.path_of(stage.name, "data"));
  return out;
}

}  // namespace r1
