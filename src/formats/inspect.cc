#include "formats/inspect.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "formats/checked_json.h"
#include "formats/gguf.h"
#include "formats/older_tokenizer.h"
#include "formats/safetensors.h"
#include "formats/tokenizer_summary.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
constexpr uint64_t kMostJson = 16u << 20, kMostTokenizer = 256u << 20;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Json read_object(const fs::path& path) {
  if (!is_there(path)) return Json();
  Json json = parse_ordered_json(read_text_file(path.string(), kMostJson), path.string());
  if (!json.is_object()) fail("{}: holds {}, expected an object", path.string(), json.type_name());
  return json;
}

struct Stored {
  const TensorInfo* info;
  uint64_t bytes;
};

// parameters, dtypes by falling size, and the list of tensors.
void add_tensors(Json& report, const std::vector<Stored>& tensors) {
  struct Sum {
    uint64_t tensors = 0, parameters = 0, bytes = 0;
  };
  std::map<std::string, Sum> sums;
  uint64_t parameters = 0;
  Json list = Json::array();
  for (const Stored& t : tensors) {
    Sum& sum = sums[t.info->dtype];
    const uint64_t elements = static_cast<uint64_t>(t.info->elements());
    sum.tensors++, sum.parameters += elements, sum.bytes += t.bytes, parameters += elements;
    list.push_back({{"name", t.info->name}, {"dtype", t.info->dtype}, {"shape", t.info->shape}});
  }
  std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  Json dtypes = Json::array();
  for (const auto& [name, sum] : order)
    dtypes.push_back({{"dtype", name}, {"tensors", sum.tensors}, {"parameters", sum.parameters}, {"bytes", sum.bytes}});
  report["parameters"] = parameters;
  report["num_tensors"] = tensors.size();
  report["dtypes"] = dtypes;
  report["tensors"] = list;
}

void add_source(Json& report, const TensorSource& source) {
  std::vector<Stored> tensors;
  for (const TensorInfo& info : source.tensors())
    tensors.push_back({&info, static_cast<uint64_t>(info.elements()) * safetensors_element_size(info.dtype)});
  add_tensors(report, tensors);
}

// ---- GGUF

// The type that most bytes of a quantised file have; null for floats.
Json quantisation_of(const Json& dtypes) {
  if (dtypes.empty()) return nullptr;
  const std::string largest = dtypes[0]["dtype"];
  return largest == "F32" || largest == "F16" || largest == "BF16" ? Json() : Json(largest);
}

Json scalar_metadata(const GgufHeader& h) {
  Json out = Json::object();
  for (const auto& [key, v] : h.metadata) {
    if (const auto* b = std::get_if<bool>(&v.value)) out[key] = *b;
    if (const auto* i = std::get_if<int64_t>(&v.value)) out[key] = *i;
    if (const auto* u = std::get_if<uint64_t>(&v.value)) out[key] = *u;
    if (const auto* d = std::get_if<double>(&v.value)) out[key] = *d;
    if (const auto* s = std::get_if<std::string>(&v.value)) out[key] = s->size() > 200 ? s->substr(0, 200) + "..." : *s;
    if (const auto* s = std::get_if<GgufValue::Strings>(&v.value)) out[key] = fmt::format("{} strings", s->size());
    if (const auto* n = std::get_if<GgufValue::Numbers>(&v.value)) out[key] = fmt::format("{} numbers", n->size());
  }
  return out;
}

void read_gguf_config(const std::shared_ptr<const GgufFile>& file, Inspection& out) {
  try {
    out.config = gguf_config(file->header(), gguf_rope_factors(*file));
    out.generation_config = gguf_generation_config(file->header());
    out.tensors = open_gguf_tensors(file);
  } catch (const Error& e) {  // what the file is can be told all the same
    out.config_problem = e.what();
  }
}

Inspection inspect_gguf(const std::string& path) {
  const auto file = std::make_shared<const GgufFile>(path);  // shared with the tensors in `out`
  const GgufHeader& h = file->header();
  Inspection out;
  read_gguf_config(file, out);
  const std::string architecture = h.text("general.architecture", "");
  std::vector<Stored> tensors;
  for (const GgufTensor& t : h.tensors) tensors.push_back({&t.info, t.bytes});
  Json& r = out.report;
  r = {{"path", path},
       {"format", "gguf"},
       {"version", h.version},
       {"files", file->parts()},
       {"size_bytes", file->size()}};
  r["architecture"] = architecture.empty() ? Json() : Json(architecture);
  Json listed;
  add_tensors(listed, tensors);
  r["parameters"] = listed["parameters"];
  r["quantisation"] = quantisation_of(listed["dtypes"]);
  const int64_t context = h.whole(architecture + ".context_length", 0, 0, INT64_C(1) << 40);
  r["context_length"] = context > 0 ? Json(context) : Json();
  r["tokenizer"] = summarise_gguf_tokenizer(h);
  const std::string chat = h.text("tokenizer.chat_template", "");
  r["chat_template"] = chat.empty() ? Json() : Json{{"bytes", chat.size()}};
  for (const char* key : {"num_tensors", "dtypes"}) r[key] = listed[key];
  r["metadata"] = scalar_metadata(h);
  r["tensors"] = listed["tensors"];
  return out;
}

// ---- files and folders of Hugging Face

bool holds_tokenizer(const fs::path& folder) {
  return is_there(folder / "tokenizer.json") || is_there(folder / "vocab.json") || is_there(folder / "tokenizer.model");
}

Json template_summary(const fs::path& folder, const Json& tokenizer_config) {
  if (is_there(folder / "chat_template.jinja")) return {{"bytes", fs::file_size(folder / "chat_template.jinja")}};
  if (!tokenizer_config.is_object() || !tokenizer_config.contains("chat_template")) return nullptr;
  const Json& t = tokenizer_config["chat_template"];
  if (t.is_string()) return {{"bytes", t.get_ref<const std::string&>().size()}};
  Json names = Json::array();
  if (t.is_array())
    for (const Json& entry : t)
      if (entry.is_object() && entry.contains("name")) names.push_back(entry["name"]);
  return names.empty() ? Json() : Json{{"names", names}};
}

void add_text_parts(const fs::path& folder, Json& report) {
  const Json config = read_object(folder / "tokenizer_config.json");
  report["tokenizer"] = Json();
  if (is_there(folder / "tokenizer.json"))
    report["tokenizer"] = summarise_tokenizer_json(read_text_file((folder / "tokenizer.json").string(), kMostTokenizer),
                                                   (folder / "tokenizer.json").string());
  else if (const std::string made = older_tokenizer_json(folder.string()); !made.empty())
    report["tokenizer"] = summarise_tokenizer_json(made, folder.string());
  for (const char* key : {"bos_token", "eos_token", "pad_token"})
    if (report["tokenizer"].is_object() && config.is_object() && config.contains(key) && !config[key].is_null())
      report["tokenizer"][key] = config[key].is_object() ? config[key].value("content", Json()) : config[key];
  report["chat_template"] = template_summary(folder, config);
}

// Files of a folder, not of those below it.
void add_size(const fs::path& folder, Json& report) {
  uint64_t files = 0, bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) files++, bytes += entry.file_size();
  report["files"] = files;
  report["size_bytes"] = bytes;
}

std::unique_ptr<TensorSource> folder_tensors(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "adapter_model.safetensors"})
    if (is_there(folder / name)) return open_safetensors((folder / name).string());
  if (is_there(folder / "model.safetensors.index.json")) return open_safetensors_index(folder.string());
  for (const char* name : {"pytorch_model.bin", "adapter_model.bin"})
    if (is_there(folder / name)) fail("{}: {} is a pickle, which is never read", folder.string(), name);
  return nullptr;
}

Json checkpoint_summary(const fs::path& folder) {
  const Json manifest = read_object(folder / "MANIFEST.json");
  Json out = {{"step", manifest.value("step", Json())}};
  if (const Json recipe = manifest.value("recipe", Json()); recipe.is_object())
    for (const char* key : {"model", "data", "stage", "optim"})
      if (recipe.contains(key)) out[key] = recipe[key];
  out["optimizer_bytes"] =
      is_there(folder / "optimizer.safetensors") ? Json(fs::file_size(folder / "optimizer.safetensors")) : Json();
  return out;
}

Json adapter_summary(const Json& config) {
  Json out = Json::object();
  for (const char* key : {"peft_type", "base_model_name_or_path", "r", "lora_alpha", "use_rslora", "use_dora", "bias",
                          "target_modules", "task_type"})
    if (config.contains(key)) out[key] = config[key];
  return out;
}

Inspection inspect_folder(const fs::path& folder) {
  Inspection out;
  const bool adapter = is_there(folder / "adapter_config.json"), ours = is_there(folder / "MANIFEST.json");
  auto tensors = folder_tensors(folder);
  out.config = read_object(folder / "config.json");
  out.generation_config = read_object(folder / "generation_config.json");
  if (!adapter && out.config.is_null() && !tensors && !holds_tokenizer(folder))
    fail(
        "{}: holds no model (config.json, model.safetensors), adapter (adapter_config.json) or tokenizer "
        "(tokenizer.json, vocab.json, tokenizer.model)",
        folder.string());
  const bool model = tensors != nullptr || !out.config.is_null();
  Json& r = out.report;
  r = {{"path", folder.string()},
       {"format", ours      ? "checkpoint"
                  : adapter ? "peft"
                  : model   ? "huggingface"
                            : "tokenizer"}};
  add_size(folder, r);
  if (out.config.is_object()) r["architecture"] = out.config.value("model_type", Json());
  Json listed;
  if (tensors) add_source(listed, *tensors);
  if (tensors) r["parameters"] = listed["parameters"];
  if (out.config.is_object()) {
    const Json quantised = out.config.value("quantization_config", Json());
    r["quantisation"] = quantised.is_object() ? quantised.value("quant_method", Json("unknown")) : Json();
    r["context_length"] = out.config.value("max_position_embeddings", Json());
  }
  add_text_parts(folder, r);
  if (adapter) r["adapter"] = adapter_summary(read_object(folder / "adapter_config.json"));
  if (ours) r["checkpoint"] = checkpoint_summary(folder);
  if (tensors)
    for (const char* key : {"num_tensors", "dtypes", "tensors"}) r[key] = listed[key];
  if (!adapter) out.tensors = std::move(tensors);
  return out;
}

Inspection inspect_safetensors(const std::string& path) {
  const MappedFile file(path);
  const SafetensorsHeader header = parse_safetensors(file.bytes(), path);
  Inspection out;
  out.report = {{"path", path}, {"format", "safetensors"}, {"files", 1}, {"size_bytes", file.bytes().size()}};
  std::vector<Stored> tensors;
  for (const auto& e : header.entries) tensors.push_back({&e.info, e.end - e.begin});
  Json listed;
  add_tensors(listed, tensors);
  for (const char* key : {"parameters", "num_tensors", "dtypes"}) out.report[key] = listed[key];
  out.report["metadata"] = header.metadata;
  out.report["tensors"] = listed["tensors"];
  return out;
}

Inspection inspect_tokenizer(const std::string& path) {
  const std::string text = read_text_file(path, kMostTokenizer);
  Inspection out;
  out.report = {{"path", path}, {"format", "tokenizer"}, {"files", 1}, {"size_bytes", text.size()}};
  out.report["tokenizer"] = summarise_tokenizer_json(text, path);
  return out;
}

std::string first_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string out(16, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<size_t>(in.gcount()));
  return out;
}

}  // namespace

Inspection inspect_path(const std::string& path) {
  if (!is_there(path)) fail("{}: no such file or folder", path);
  if (fs::is_directory(path)) return inspect_folder(path);
  const std::string start = first_bytes(path);
  if (start.starts_with("GGUF") || path.ends_with(".gguf")) return inspect_gguf(path);
  if (path.ends_with(".safetensors") || (start.size() > 8 && start[8] == '{')) return inspect_safetensors(path);
  if (const size_t brace = start.find_first_not_of(" \t\r\n"); brace != std::string::npos && start[brace] == '{')
    return inspect_tokenizer(path);
  if (start.starts_with("PK\3\4") || start.starts_with("\x80\x02"))
    fail("{}: is a pickle of PyTorch's, which is never read; save the model as safetensors", path);
  fail("{}: is none of GGUF, safetensors, tokenizer.json, or a folder of a model or adapter", path);
}

}  // namespace r1
