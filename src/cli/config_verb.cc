// r1 config: presets read, recipes of others imported (recipes looked at: config_show.cc).
#include <algorithm>
#include <iostream>
#include <memory>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/config_show.h"
#include "cli/json_lines.h"
#include "cli/recipe_import.h"
#include "cli/verb_registration.h"
#include "train/presets.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

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

  add_config_show(*config, action);

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
  presets->add_option("name", *preset, "of a preset")
      ->type_name(fmt::format("TEXT:{{{}}}", fmt::join(preset_names(), ",")));
  presets->callback([preset, &action] { action = [preset] { return run_preset(*preset); }; });
}

}  // namespace r1
