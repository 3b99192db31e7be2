// r1 inspect: what a file or folder is, and what running it would take. Headers and metadata are read, no weight is.
#include "cli/inspect_verb.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/options.h"
#include "cli/json_lines.h"
#include "formats/inspect.h"
#include "formats/model_path.h"
#include "model/config.h"
#include "model/parameters.h"
#include "train/memory_plan.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// Bytes that generating (one text as long as the context) and training (without activations) take.
Json memory_of(const ModelConfig& config) {
  const Compute compute = make_compute("auto");
  const ParameterLayout all(config), unpacked(config, ParameterLayout::Holds::unpacked);
  const int64_t context = config.max_positions;
  const MemoryPlan asked = plan_memory(
      compute, config,
      {.trains = false,
       .kept_f32 = unpacked.total(),
       .limits = {.max_active = 1},
       .sampling = {{.prompts = 1, .samples = 1, .longest_prompt = context / 2, .max_new_tokens = context / 2}},
       .saves = false});
  const MemoryPlan trained = plan_memory(compute, config, {.saves = false});
  return {{"compute_dtype", dtype_name(compute.operand)},
          {"weights_f32", static_cast<uint64_t>(all.total()) * sizeof(float)},
          {"generate", asked.peak_bytes()},
          {"train", trained.peak_bytes()}};
}

// memory, and whether r1 can run it; else why not.
void add_plans(const Inspection& found, Json& report) {
  if (found.config.is_null() && found.config_problem.empty()) return;
  std::string problem = found.config_problem;
  Json memory;
  if (problem.empty()) try {
      const std::string path = report["path"].get<std::string>();
      const ModelConfig config = read_config(found.config, found.generation_config, path);
      if (found.tensors) check_tensors(ParameterLayout(config), *found.tensors, path, "config.json");
      memory = memory_of(config);
    } catch (const Error& e) {  // what the file is can be told all the same
      problem = e.what();
    }
  report["runs"] = problem.empty();
  if (!problem.empty()) report["why_not"] = problem;
  report["memory"] = memory;
}

std::string size_text(uint64_t bytes) {
  const double n = static_cast<double>(bytes);
  return bytes >= 1000'000'000 ? fmt::format("{:.2f} GB", n / 1e9)
         : bytes >= 1000'000   ? fmt::format("{:.1f} MB", n / 1e6)
                               : fmt::format("{:.1f} kB", n / 1e3);
}
std::string count_text(uint64_t n) {
  return n >= 1000'000'000 ? fmt::format("{:.2f} G", static_cast<double>(n) / 1e9)
         : n >= 1000'000   ? fmt::format("{:.1f} M", static_cast<double>(n) / 1e6)
                           : fmt::format("{}", n);
}
std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// Tensors that differ by their layer alone are one line: blk.*.attn_q.weight  Q4_1 [576, 576]  x 30.
void print_shapes(const Json& tensors) {
  std::vector<std::pair<std::string, uint64_t>> lines;
  std::map<std::string, size_t> places;
  for (const Json& t : tensors) {
    std::string name = t["name"].get<std::string>();
    for (size_t at = 0; (at = name.find('.', at)) != std::string::npos; at++) {
      const size_t end = name.find_first_not_of("0123456789", at + 1);
      if (end != std::string::npos && end > at + 1 && name[end] == '.') name.replace(at + 1, end - at - 1, "*");
    }
    const std::string line = fmt::format("{:<48} {:<6} {}", name, plain(t["dtype"]), t["shape"].dump());
    const auto [it, is_new] = places.emplace(line, lines.size());
    if (is_new) lines.emplace_back(line, 0);
    lines[it->second].second++;
  }
  constexpr size_t kMostLines = 60;
  for (size_t i = 0; i < lines.size() && i < kMostLines; i++)
    std::cout << "  " << lines[i].first << (lines[i].second > 1 ? fmt::format("  x {}", lines[i].second) : "") << "\n";
  if (lines.size() > kMostLines) std::cout << "  and " << lines.size() - kMostLines << " more (--json lists all)\n";
}

void print_line(const char* name, const std::string& value) { std::cout << fmt::format("{:<16}{}\n", name, value); }

void print_fields(const char* name, const Json& fields) {
  if (!fields.is_object()) return;
  std::string text;
  for (const auto& [key, value] : fields.items()) text += (text.empty() ? "" : ", ") + key + " " + plain(value);
  print_line(name, text);
}

void print_report(const Json& r) {
  print_line("path", plain(r["path"]));
  print_line("format", plain(r["format"]) + (r.contains("version") ? " " + r["version"].dump() : ""));
  print_line("size", fmt::format("{} in {} file{}", size_text(r["size_bytes"].get<uint64_t>()), r["files"].dump(),
                                 r["files"] == 1 ? "" : "s"));
  for (const char* key : {"architecture", "context_length", "quantisation"})
    if (r.contains(key) && !r[key].is_null()) print_line(key, plain(r[key]));
  if (r.contains("parameters")) print_line("parameters", count_text(r["parameters"].get<uint64_t>()));
  for (const char* key : {"tokenizer", "chat_template", "adapter", "checkpoint"})
    if (r.contains(key)) print_fields(key, r[key]);
  if (r.contains("runs")) print_line("runs", r["runs"] == true ? "yes" : "no: " + plain(r["why_not"]));
  if (r.contains("memory") && r["memory"].is_object())
    print_line("memory",
               fmt::format("{} to generate ({}), {} and activations to train",
                           size_text(r["memory"]["generate"].get<uint64_t>()), plain(r["memory"]["compute_dtype"]),
                           size_text(r["memory"]["train"].get<uint64_t>())));
  if (!r.contains("dtypes")) return;
  for (const Json& d : r["dtypes"])
    print_line(plain(d["dtype"]).c_str(),
               fmt::format("{} tensors, {} parameters, {}", d["tensors"].dump(),
                           count_text(d["parameters"].get<uint64_t>()), size_text(d["bytes"].get<uint64_t>())));
  print_shapes(r["tensors"]);
}

int run_inspect(const std::string& path, bool json) {
  const Inspection found = inspect_path(resolve_model(path));
  Json report = found.report;
  add_plans(found, report);
  if (json)
    print_json_line(report);
  else
    print_report(report);
  return 0;
}

struct Words {
  std::string path;
  bool json = false;
  KeyValues sets;
};

}  // namespace

void add_inspect_verb(CLI::App& app, std::function<int()>& action) {
  const auto words = std::make_shared<Words>();  // with the callbacks, which outlive this function
  CLI::App* inspect = app.add_subcommand("inspect", "what a file or folder is, without loading it");
  inspect->add_option("path", words->path, ".gguf, .safetensors, tokenizer.json, a model's or adapter's folder, mini")
      ->required();
  inspect->add_flag("--json", words->json, "one JSON object, every tensor in it");
  inspect
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [words](const std::vector<std::string>& all) {
            for (const std::string& one : all) words->sets.push_back(split_assignment(one));
          },
          "key=value; there are no keys")
      ->take_all()
      ->expected(1)
      ->type_name("KEY=VALUE");
  inspect->callback([words, &action] {
    action = [words] {
      OptionTable().set_all(words->sets);
      return run_inspect(words->path, words->json);
    };
  });
}

}  // namespace r1
