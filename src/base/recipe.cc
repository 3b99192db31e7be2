#include "base/recipe.h"

#include <toml++/toml.h>

#include <algorithm>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

// A value as --set would spell it.
std::string text_of(const toml::node& node, const std::string& key, const std::string& file) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* d = node.as_floating_point()) return exact_double(d->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* list = node.as_array(); list != nullptr && key == "lora_target_modules") {  // PEFT writes a list
    std::string out;
    for (const toml::node& one : *list) {
      const auto* s = one.as_string();
      if (s == nullptr) fail_usage("{}: line {}: {}: expected a list of texts", file, node.source().begin.line, key);
      out += (out.empty() ? "" : ",") + s->get();
    }
    return out;
  }
  const char* what = node.is_table() ? "a table inside a table" : node.is_array() ? "a list" : "a date or time";
  fail_usage("{}: line {}: {} is {}; expected a text, a number, true or false", file, node.source().begin.line, key,
             what);
}

// In the file's order: TOML tables are sorted by key, lines are not.
enum class Tables { pass_over, refuse };
KeyValues flat_keys(const toml::table& table, const std::string& file, Tables tables, std::vector<uint32_t>& lines) {
  std::vector<std::pair<uint32_t, std::pair<std::string, std::string>>> found;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (tables == Tables::refuse || !node.is_table())
      found.push_back({node.source().begin.line, {name, text_of(node, name, file)}});
  }
  std::sort(found.begin(), found.end());
  KeyValues out;
  for (auto& [line, pair] : found) {
    out.push_back(std::move(pair));
    lines.push_back(line);
  }
  return out;
}

}  // namespace

Recipe parse_recipe(const std::string& text, const std::string& name) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& e) {
    fail_usage("{}: line {}: {}", name, e.source().begin.line, std::string(e.description()));
  }
  Recipe out;
  out.keys = flat_keys(table, name, Tables::pass_over, out.key_lines);
  std::vector<std::pair<uint32_t, std::string>> stages;
  for (const auto& [key, node] : table)
    if (node.is_table()) stages.push_back({node.source().begin.line, std::string(key.str())});
  std::sort(stages.begin(), stages.end());
  for (const auto& [line, stage] : stages) {
    out.stage_lines.emplace_back();
    out.stages.push_back({stage, flat_keys(*table[stage].as_table(), name, Tables::refuse, out.stage_lines.back())});
  }
  return out;
}

Recipe read_recipe(const std::string& path) { return parse_recipe(read_text_file(path, 4 << 20), path); }

KeyValues read_flat_recipe(const std::string& path) {
  Recipe recipe = read_recipe(path);
  if (!recipe.stages.empty())
    fail_usage("{}: has a table [{}]; a recipe of one stage has flat keys only (r1 run takes pipelines)", path,
               recipe.stages[0].first);
  return std::move(recipe.keys);
}

void set_from_recipe(OptionTable& table, const KeyValues& values, const std::string& name) {
  std::string errors;
  for (const auto& [key, value] : values) {
    try {
      table.set(key, value);
    } catch (const UsageError& e) {
      errors += fmt::format("{}{}: {}", errors.empty() ? "" : "\n", name, e.what());
    }
  }
  if (!errors.empty()) fail_usage("{}", errors);
}

}  // namespace r1
