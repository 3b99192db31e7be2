// r1 config: recipes looked at, presets read, recipes of others imported.
#include <algorithm>
#include <iostream>
#include <memory>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/recipe.h"
#include "cli/json_lines.h"
#include "cli/recipe_import.h"
#include "cli/verb_registration.h"
#include "train/options.h"
#include "train/presets.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// ---- show

struct ShowFlags {
  std::string recipe, kind = "auto";
  KeyValues sets;
  bool origin = false, json = false;
};

// Values of one place, and what that place is called for a key.
struct Layer {
  KeyValues values;
  std::vector<std::string> origins;
};

struct ResolvedKey {
  std::string key, value, origin;  // value as TOML writes it
};

template <typename Options>
std::vector<ResolvedKey> resolve(const std::vector<Layer>& layers) {
  Options options;
  OptionTable table;
  options.declare(table);
  KeyValues all;
  std::vector<std::pair<std::string, std::string>> origins;  // the last one of a key counts
  for (const Layer& layer : layers)
    for (size_t i = 0; i < layer.values.size(); i++) {
      all.push_back(layer.values[i]);
      origins.push_back({table.name_of(layer.values[i].first), layer.origins[i]});
    }
  apply_with_preset(table, all);
  std::string preset = "none";
  for (const auto& [key, value] : all)
    if (key == "preset") preset = value;
  std::vector<ResolvedKey> out;
  for (const auto& [key, value] : table.values()) {
    ResolvedKey r{key, value, "default"};
    for (const auto& [name, ignored] : preset_values(preset))
      if (name == key) r.origin = "preset " + preset;
    for (const auto& [name, origin] : origins)
      if (name == key) r.origin = origin;
    out.push_back(std::move(r));
  }
  return out;
}

template <typename Options>
bool knows(const std::string& key) {
  Options options;
  OptionTable table;
  options.declare(table);
  return table.has(key);
}

// Keys that only one of the stages has tell which it is.
std::string kind_of(const KeyValues& keys) {
  for (const auto& [key, value] : keys)
    if (knows<SftOptions>(key) && !knows<GrpoOptions>(key)) return "sft";
  return "grpo";
}

Layer layer_of(const KeyValues& values, const std::vector<uint32_t>& lines, const std::string& file) {
  Layer out{values, {}};
  for (uint32_t line : lines) out.origins.push_back(fmt::format("{}:{}", file, line));
  return out;
}

// What of a layer a stage knows: a pipeline's shared keys are for whom they fit.
Layer known_of(const Layer& layer, const std::string& kind) {
  Layer out;
  for (size_t i = 0; i < layer.values.size(); i++)
    if (kind == "sft" ? knows<SftOptions>(layer.values[i].first) : knows<GrpoOptions>(layer.values[i].first)) {
      out.values.push_back(layer.values[i]);
      out.origins.push_back(layer.origins[i]);
    }
  return out;
}

void print_resolved(const ShowFlags& f, const std::string& stage, const std::string& kind,
                    const std::vector<Layer>& layers) {
  const std::vector<ResolvedKey> keys = kind == "sft" ? resolve<SftOptions>(layers) : resolve<GrpoOptions>(layers);
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

int run_show(const ShowFlags& f) {
  Recipe recipe;
  if (!f.recipe.empty()) recipe = read_recipe(f.recipe);
  const Layer file = layer_of(recipe.keys, recipe.key_lines, f.recipe);
  Layer given{f.sets, std::vector<std::string>(f.sets.size(), "--set")};
  if (recipe.stages.empty()) {
    KeyValues all = recipe.keys;
    all.insert(all.end(), f.sets.begin(), f.sets.end());
    print_resolved(f, "", f.kind == "auto" ? kind_of(all) : f.kind, {file, given});
    return 0;
  }
  for (size_t i = 0; i < recipe.stages.size(); i++) {
    auto [stage, own] = recipe.stages[i];
    std::string kind = stage;
    std::vector<uint32_t> lines = recipe.stage_lines[i];
    for (size_t k = own.size(); k-- > 0;)
      if (own[k].first == "stage") {
        kind = own[k].second;
        own.erase(own.begin() + static_cast<std::ptrdiff_t>(k));
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(k));
      }
    if (kind != "sft" && kind != "grpo")
      fail_usage("{}: stage [{}]: \"{}\" is no stage; expected sft or grpo", f.recipe, stage, kind);
    Layer for_stage;  // STAGE.key
    for (const auto& [key, value] : f.sets)
      if (key.starts_with(stage + ".")) {
        for_stage.values.push_back({key.substr(stage.size() + 1), value});
        for_stage.origins.push_back("--set");
      }
    print_resolved(f, stage, kind,
                   {known_of(file, kind), layer_of(own, lines, f.recipe), known_of(given, kind), for_stage});
  }
  return 0;
}

// ---- import

struct ImportFlags : ImportOptions {
  std::string yaml, out;
  bool json = false, strict = false;
};

Json as_json(const ImportedRecipe& r, const std::string& out) {
  Json line = {{"kind", r.kind}};
  for (const Fate fate : {Fate::mapped, Fate::ignored, Fate::impossible}) {
    Json list = Json::array();
    for (const ImportedKey& k : r.keys)
      if (k.fate == fate)
        list.push_back(
            {{"key", k.key}, {"line", k.line}, {"value", k.value}, {fate == Fate::mapped ? "to" : "why", k.what}});
    line[fate_name(fate)] = list;
  }
  line["notes"] = r.notes;
  line["out"] = out.empty() ? Json() : Json(out);
  line["recipe"] = r.toml;
  return line;
}

void print_list(const ImportedRecipe& r, const std::string& name) {
  size_t width = 0;
  for (const ImportedKey& k : r.keys) width = std::max(width, k.key.size());
  width = std::min<size_t>(width, 40);
  for (const Fate fate : {Fate::mapped, Fate::ignored, Fate::impossible}) {
    const auto count =
        std::count_if(r.keys.begin(), r.keys.end(), [&](const ImportedKey& k) { return k.fate == fate; });
    if (count == 0) continue;
    std::cerr << fmt::format("{}: {} {}\n", name, count, fate_name(fate));
    for (const ImportedKey& k : r.keys)
      if (k.fate == fate)
        std::cerr << fmt::format("  line {:<4} {:<{}} = {}  {} {}\n", k.line, k.key, width, k.value,
                                 fate == Fate::mapped ? "->" : "#", k.what);
  }
  for (const std::string& note : r.notes) std::cerr << fmt::format("{}: note: {}\n", name, note);
}

int run_import(const ImportFlags& f) {
  const ImportedRecipe recipe = import_recipe(parse_yaml(read_text_file(f.yaml, 1 << 20), f.yaml), f.yaml, f);
  const bool impossible = std::any_of(recipe.keys.begin(), recipe.keys.end(),
                                      [](const ImportedKey& k) { return k.fate == Fate::impossible; });
  if (!f.json) print_list(recipe, f.yaml);
  if (f.strict && impossible) fail("{}: some of it is impossible, and --strict was given: nothing is written", f.yaml);
  if (!f.out.empty()) replace_file(f.out, recipe.toml);
  if (f.json)
    print_json_line(as_json(recipe, f.out));
  else if (f.out.empty())
    std::cout << recipe.toml;
  return 0;
}

// ---- preset

int run_preset(const std::string& name) {
  if (name.empty()) {
    for (const std::string& one : preset_names()) std::cout << one << "\n";
    return 0;
  }
  for (const auto& [preset, text] : preset_files())
    if (preset == name) {
      std::cout << text;
      return 0;
    }
  preset_values(name);  // throws
  return 0;
}

}  // namespace

void add_config_verbs(CLI::App& app, std::function<int()>& action) {
  CLI::App* config = app.add_subcommand("config", "recipes: looked at, imported from TRL and open-r1; presets");
  config->require_subcommand(1);

  const auto show_flags = std::make_shared<ShowFlags>();  // shared by this verb's callbacks
  CLI::App* show = config->add_subcommand("show", "every key with its value");
  show->add_option("recipe", show_flags->recipe, "TOML file of keys, or a pipeline; without it: the defaults");
  show->add_option("--kind", show_flags->kind, "sft or grpo; auto: by the keys")
      ->check(CLI::IsMember({"auto", "sft", "grpo"}));
  show->add_flag("--origin", show_flags->origin, "and where it came from: default, preset NAME, FILE:LINE, --set");
  show->add_flag("--json", show_flags->json, "a JSON line a key");
  add_set(show, show_flags->sets);
  show->callback([show_flags, &action] { action = [show_flags] { return run_show(*show_flags); }; });

  const auto import_flags = std::make_shared<ImportFlags>();
  CLI::App* import = config->add_subcommand("import", "a YAML recipe of TRL or open-r1 as a recipe of ours");
  import->add_option("yaml", import_flags->yaml, "the recipe")->required();
  import->add_option("--out", import_flags->out, "TOML file to write; without it: standard output");
  import->add_option("--kind", import_flags->kind, "sft or grpo; auto: by the keys")
      ->check(CLI::IsMember({"auto", "sft", "grpo"}));
  import
      ->add_option("--num-processes", import_flags->num_processes,
                   "of the training it was written for: its batch is that of all of them")
      ->capture_default_str();
  import->add_flag("--strict", import_flags->strict, "write nothing and fail where something is impossible");
  import->add_flag("--json", import_flags->json, "one JSON object");
  const auto import_sets = std::make_shared<KeyValues>();
  add_set(import, *import_sets);
  import->callback([import_flags, import_sets, &action] {
    action = [import_flags, import_sets] {
      OptionTable().set_all(*import_sets);
      return run_import(*import_flags);
    };
  });

  const auto preset = std::make_shared<std::string>();
  CLI::App* presets = config->add_subcommand("preset", "the presets' names, or one preset as it is written");
  presets->add_option("name", *preset, "of a preset");
  presets->callback([preset, &action] { action = [preset] { return run_preset(*preset); }; });
}

}  // namespace r1
