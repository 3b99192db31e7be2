// How it works: a stage's keys are those of its trainer (StageRun::table) and, in a pipeline, those of the evaluation
// after it. Values come in layers, the lowest first, as r1 run applies them: the recipe's shared keys, the stage's own,
// --set for all stages, --set STAGE.key. References like {NAME.model} stay as they are written.
#include "cli/config_show.h"

#include <algorithm>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/nearest.h"
#include "base/recipe.h"
#include "cli/json_lines.h"
#include "cli/verb_registration.h"
#include "pipeline/stage_graph.h"
#include "train/presets.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct ShowFlags {
  std::string recipe, kind = "auto";
  KeyValues sets;
  bool origin = false, json = false;
};

// Values of one place, and what that place is called for a key.
struct Layer {
  KeyValues values;
  std::vector<std::string> origins;
  void add(const std::string& key, const std::string& value, const std::string& origin) {
    values.push_back({key, value});
    origins.push_back(origin);
  }
  bool has(const std::string& key) const {
    return std::any_of(values.begin(), values.end(),
                       [&](const auto& pair) { return canonical_key(pair.first) == key; });
  }
};

struct ResolvedKey {
  std::string key, value, origin;  // value as TOML writes it
};

// What a stage of a kind can be told.
class StageKeys {
 public:
  StageKeys(const std::string& kind, bool in_pipeline) : run_(make_stage_run(kind)) {
    if (in_pipeline) eval_.declare(evaluation_);
    shows_evaluation_ = in_pipeline && find_stage_kind(kind)->evaluated;
  }
  StageKeys(const StageKeys&) = delete;  // evaluation_ points into eval_
  StageKeys& operator=(const StageKeys&) = delete;

  bool has(const std::string& key) const { return run_->table().has(key) || evaluation_.has(key); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const KeyValues& values : {run_->table().values(), evaluation_.values()})
      for (const auto& [key, value] : values) out.push_back(key);
    return out;
  }
  // Throws r1::UsageError for a key or value that does not fit.
  std::vector<ResolvedKey> resolve(const std::vector<Layer>& layers) {
    KeyValues trainer, evaluation;
    KeyValues origins;  // the last one of a key counts
    for (const Layer& layer : layers)
      for (size_t i = 0; i < layer.values.size(); i++) {
        const bool evaluates = evaluation_.has(layer.values[i].first);
        (evaluates ? evaluation : trainer).push_back(layer.values[i]);
        origins.push_back({(evaluates ? evaluation_ : run_->table()).name_of(layer.values[i].first), layer.origins[i]});
      }
    run_->set(trainer);
    evaluation_.set_all(evaluation);
    std::vector<ResolvedKey> out;
    append(run_->table(), last_preset(trainer), origins, out);
    if (shows_evaluation_) append(evaluation_, "none", origins, out);
    return out;
  }

 private:
  static std::string last_preset(const KeyValues& values) {
    std::string preset = "none";
    for (const auto& [key, value] : values)
      if (key == "preset") preset = value;
    return preset;
  }
  static void append(const OptionTable& table, const std::string& preset, const KeyValues& origins,
                     std::vector<ResolvedKey>& out) {
    for (const auto& [key, value] : table.values()) {
      ResolvedKey r{key, value, "default"};
      for (const auto& [name, ignored] : preset_values(preset))
        if (name == key) r.origin = "preset " + preset;
      for (const auto& [name, origin] : origins)
        if (name == key) r.origin = origin;
      out.push_back(std::move(r));
    }
  }

  std::unique_ptr<StageRun> run_;
  StageEval eval_;
  OptionTable evaluation_;
  bool shows_evaluation_ = false;
};

// Of a recipe of one stage: the first kind that knows all its keys, GRPO before the others; where none does, SFT when
// it has a key that GRPO lacks, so that the error is that stage's.
std::string kind_of(const KeyValues& keys) {
  const auto knows_all = [&](const std::string& kind) {
    const StageKeys table(kind, false);
    return std::all_of(keys.begin(), keys.end(), [&](const auto& pair) { return table.has(pair.first); });
  };
  for (const char* kind : {"grpo", "sft", "pretrain", "distill", "reject", "reward-model"})
    if (knows_all(kind)) return kind;
  const StageKeys sft("sft", false), grpo("grpo", false);
  for (const auto& [key, value] : keys)
    if (sft.has(key) && !grpo.has(key)) return "sft";
  return "grpo";
}

Layer layer_of(const KeyValues& values, const std::vector<uint32_t>& lines, const std::string& file) {
  Layer out;
  for (size_t i = 0; i < values.size(); i++)
    out.add(values[i].first, values[i].second, fmt::format("{}:{}", file, lines[i]));
  return out;
}

void print_resolved(const ShowFlags& f, const std::string& stage, const std::string& kind,
                    const std::vector<ResolvedKey>& keys) {
  if (f.json) {
    for (const ResolvedKey& k : keys) {
      Json line = {{"key", k.key}, {"value", k.value}, {"origin", k.origin}};
      if (!stage.empty()) line["stage"] = stage;
      print_json_line(line);
    }
    return;
  }
  std::cout << (stage.empty() ? fmt::format("# r1 {}\n", kind) : fmt::format("\n[{}] # {}\n", stage, kind));
  for (const ResolvedKey& k : keys) {
    const std::string line = fmt::format("{} = {}", k.key, k.value);
    std::cout << (f.origin ? fmt::format("{:<50} # {}\n", line, k.origin) : line + "\n");
  }
}

// A stage as the file has it.
struct ShownStage {
  std::string name;
  const StageKind* kind = nullptr;
  Layer own;    // what its trainer and its evaluation are told
  Layer graph;  // from, gate
};

ShownStage read_shown_stage(const ShowFlags& f, const std::string& name, const Layer& table) {
  ShownStage s{name, nullptr, {}, {}};
  std::string kind = name;
  for (size_t i = 0; i < table.values.size(); i++) {
    const auto& [key, value] = table.values[i];
    if (key == "stage")
      kind = value;
    else
      (key == "from" || key == "gate" ? s.graph : s.own).add(key, value, table.origins[i]);
  }
  s.kind = find_stage_kind(kind);
  if (s.kind != nullptr) return s;
  std::vector<std::string> names;
  for (const StageKind& k : stage_kinds()) names.push_back(k.name);
  fail_usage("{}: stage [{}]: \"{}\" is no stage; expected one of {}", f.recipe, name, kind, fmt::join(names, ", "));
}

// Keys for all stages that none of them can have, and STAGE.key of a stage that is not there.
void refuse_unknown(const Layer& layer, const std::string& where, const std::vector<ShownStage>& stages) {
  std::vector<std::string> stage_names, names;
  std::deque<StageKeys> kinds;
  for (const StageKind& kind : stage_kinds()) kinds.emplace_back(kind.name, true);
  for (const ShownStage& s : stages) stage_names.push_back(s.name);
  for (const auto& [key, value] : layer.values) {
    const size_t dot = key.find('.');
    if (const std::string stage = key.substr(0, dot); dot != std::string::npos) {
      if (std::find(stage_names.begin(), stage_names.end(), stage) == stage_names.end())
        fail_usage("{}: {}: no stage \"{}\"; nearest is \"{}\"", where, key, stage, nearest_name(stage, stage_names));
      continue;
    }
    if (std::any_of(kinds.begin(), kinds.end(), [&](const StageKeys& k) { return k.has(key); })) continue;
    for (const StageKeys& k : kinds)
      for (const std::string& name : k.names()) names.push_back(name);
    fail_usage("{}: unknown key \"{}\"; nearest is \"{}\"", where, key, nearest_name(key, names));
  }
}

// What of a shared layer a stage takes: what it knows, not the pipeline's folder, and no data beside its own.
Layer shared_with(const Layer& layer, const StageKeys& keys, const ShownStage& stage) {
  Layer out;
  for (size_t i = 0; i < layer.values.size(); i++) {
    const auto& [key, value] = layer.values[i];
    const std::string name = canonical_key(key);
    if (keys.has(key) && name != "out" && !(name == "data" && stage.own.has("data")))
      out.add(key, value, layer.origins[i]);
  }
  return out;
}

// The model of the stage it begins with, where that is not the pipeline's own.
std::optional<std::string> begins_with(const std::vector<ShownStage>& stages, size_t index) {
  std::string from;
  for (size_t i = 0; i < index; i++)
    if (stages[i].kind->makes_model && !stages[i].kind->scores) from = stages[i].name;
  for (const auto& [key, value] : stages[index].graph.values)
    if (key == "from") from = value;
  if (from.empty() || from == "base") return std::nullopt;
  return from;
}

void show_stage(const ShowFlags& f, const std::vector<ShownStage>& stages, size_t index, const Layer& file,
                const Layer& given) {
  const ShownStage& s = stages[index];
  StageKeys keys(s.kind->name, true);
  std::vector<Layer> layers = {shared_with(file, keys, s), s.own, shared_with(given, keys, s)};
  if (const auto from = begins_with(stages, index); from && !s.own.has("model")) {
    for (Layer* layer : {&layers[0], &layers[2]})
      for (size_t i = layer->values.size(); i-- > 0;)
        if (canonical_key(layer->values[i].first) == "model") {
          layer->values.erase(layer->values.begin() + static_cast<std::ptrdiff_t>(i));
          layer->origins.erase(layer->origins.begin() + static_cast<std::ptrdiff_t>(i));
        }
    layers[0].add("model", "{" + *from + ".model}", fmt::format("made by [{}]", *from));
  }
  Layer for_stage;  // STAGE.key
  std::vector<ResolvedKey> all;
  for (size_t i = 0; i < s.graph.values.size(); i++)
    all.push_back({s.graph.values[i].first, Json(s.graph.values[i].second).dump(), s.graph.origins[i]});
  for (const auto& [key, value] : given.values)
    if (key.starts_with(s.name + ".")) for_stage.add(key.substr(s.name.size() + 1), value, "--set");
  layers.push_back(for_stage);
  try {
    for (ResolvedKey& k : keys.resolve(layers)) all.push_back(std::move(k));
  } catch (const UsageError& e) {
    fail_usage("{}: stage [{}]: {}", f.recipe, s.name, e.what());
  }
  print_resolved(f, s.name, s.kind->name, all);
}

int run_show(const ShowFlags& f) {
  Recipe recipe;
  if (!f.recipe.empty()) recipe = read_recipe(f.recipe);
  const Layer file = layer_of(recipe.keys, recipe.key_lines, f.recipe);
  const Layer given{f.sets, std::vector<std::string>(f.sets.size(), "--set")};
  if (recipe.stages.empty()) {
    KeyValues all = recipe.keys;
    all.insert(all.end(), f.sets.begin(), f.sets.end());
    const std::string kind = f.kind == "auto" ? kind_of(all) : f.kind;
    print_resolved(f, "", kind, StageKeys(kind, false).resolve({file, given}));
    return 0;
  }
  std::vector<ShownStage> stages;
  for (size_t i = 0; i < recipe.stages.size(); i++)
    stages.push_back(read_shown_stage(f, recipe.stages[i].first,
                                      layer_of(recipe.stages[i].second, recipe.stage_lines[i], f.recipe)));
  refuse_unknown(file, f.recipe, stages);
  refuse_unknown(given, "--set", stages);
  for (size_t i = 0; i < stages.size(); i++) show_stage(f, stages, i, file, given);
  return 0;
}

}  // namespace

void add_config_show(CLI::App& config, std::function<int()>& action) {
  const auto flags = std::make_shared<ShowFlags>();  // shared by the verb's options and its callback
  CLI::App* show = config.add_subcommand("show", "every key with its value");
  show->add_option("recipe", flags->recipe, "TOML file of keys, or a pipeline; without it: the defaults");
  show->add_option("--kind", flags->kind, "of a recipe of one stage; auto: by the keys")
      ->check(CLI::IsMember({"auto", "sft", "grpo", "pretrain", "distill", "reject", "reward-model"}));
  show->add_flag("--origin", flags->origin, "and where it came from: default, preset NAME, FILE:LINE, --set");
  show->add_flag("--json", flags->json, "a JSON line a key");
  add_set(show, flags->sets);
  show->callback([flags, &action] { action = [flags] { return run_show(*flags); }; });
}

}  // namespace r1
