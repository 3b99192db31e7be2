#include "formats/model_files.h"

#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/checked_json.h"
#include "formats/gguf.h"
#include "formats/model_path.h"
#include "formats/older_tokenizer.h"
#include "formats/peft.h"
#include "formats/safetensors.h"
#include "formats/tokenizer_additions.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
constexpr uint64_t kMostTokenizer = 256u << 20, kMostJson = 16u << 20, kMostTemplate = 1 << 20;
constexpr size_t kMostTemplates = 64;

bool is_there(const fs::path& path) {
  std::error_code error;
  const bool there = fs::exists(path, error);
  if (error) fail("{}: {}", path.string(), error.message());
  return there;
}

Json read_json_if_there(const fs::path& path) {
  if (!is_there(path)) return Json();
  Json json = parse_ordered_json(read_text_file(path.string(), kMostJson), path.string());
  if (!json.is_object()) fail("{}: holds {}, expected an object", path.string(), json.type_name());
  return json;
}

std::string named_template(const Json& list, const char* name) {
  for (const Json& entry : list)
    if (entry.is_object() && entry.value("name", Json()) == name && entry.contains("template") &&
        entry["template"].is_string())
      return entry["template"].get<std::string>();
  return "";
}

// tokenizer_config.json's chat_template: one string, or a list of named ones. Of these "default" counts, and "tool_use"
// in its place where there are tools, as transformers chooses: both become one.
std::string default_template(const Json& tokenizer_config) {
  if (!tokenizer_config.is_object() || !tokenizer_config.contains("chat_template")) return "";
  const Json& t = tokenizer_config["chat_template"];
  if (t.is_string()) return t.get<std::string>();
  if (!t.is_array()) return "";
  const std::string otherwise = named_template(t, "default"), with_tools = named_template(t, "tool_use");
  if (with_tools.empty() || otherwise.empty()) return otherwise;
  // a line break before a template's end is not part of it; the signs keep those that are
  const auto whole = [](const std::string& text) {
    return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
  };
  return "{% if tools is defined and tools is not none +%}" + whole(with_tools) + "{%+ else +%}" + whole(otherwise) +
         "{%+ endif %}";
}

// additional_chat_templates/NAME.jinja, where newer folders keep them, joins tokenizer_config.json's list, where older
// ones do.
void read_named_templates(const fs::path& folder, ModelFiles& out) {
  const fs::path templates = folder / "additional_chat_templates";
  if (!is_there(templates) || !fs::is_directory(templates)) return;
  std::map<std::string, std::string> named;
  if (!out.chat_template.empty()) named["default"] = out.chat_template;
  for (const auto& entry : fs::directory_iterator(templates))
    if (entry.path().extension() == ".jinja" && named.size() < kMostTemplates)
      named[entry.path().stem().string()] = read_text_file(entry.path().string(), kMostTemplate);
  Json list = Json::array();
  for (const auto& [name, text] : named) list.push_back({{"name", name}, {"template", text}});
  if (!out.tokenizer_config.is_object()) out.tokenizer_config = Json::object();
  out.tokenizer_config["chat_template"] = list;
}

// Tokenizer and template of a folder.
void read_tokenizer_files(const fs::path& folder, ModelFiles& out) {
  out.tokenizer_config = with_special_tokens_map(read_json_if_there(folder / "tokenizer_config.json"),
                                                 read_json_if_there(folder / "special_tokens_map.json"));
  if (is_there(folder / "tokenizer.json"))
    out.tokenizer_json =
        with_added_tokens(read_text_file((folder / "tokenizer.json").string(), kMostTokenizer), out.tokenizer_config,
                          read_json_if_there(folder / "added_tokens.json"), (folder / "tokenizer.json").string());
  else
    out.tokenizer_json = older_tokenizer_json(folder.string());
  for (const char* name :
       {"added_tokens.json", "special_tokens_map.json", "vocab.json", "merges.txt", "tokenizer.model"})
    if (is_there(folder / name))
      out.other_tokenizer_files.emplace_back(name, read_text_file((folder / name).string(), kMostTokenizer));
  out.chat_template = is_there(folder / "chat_template.jinja")
                          ? read_text_file((folder / "chat_template.jinja").string(), kMostTemplate)
                          : default_template(out.tokenizer_config);
  read_named_templates(folder, out);
}

// The base of an adapter: a path as it stands or beside the adapter, else whatever --model may name.
std::string find_base(const std::string& name, const fs::path& folder, const std::string& config) {
  if (!is_there(name) && is_there(folder / name)) return (folder / name).string();
  try {
    return resolve_model(name);
  } catch (const Error& e) {
    fail("{}: base_model_name_or_path: {}", config, e.what());
  }
}

ModelFiles open_adapter_folder(const fs::path& folder) {
  const std::string path = (folder / "adapter_config.json").string();
  const Json config = read_json_if_there(path);
  const std::string name = adapter_base_name(config, path), base = find_base(name, folder, path);
  if (is_there(fs::path(base) / "adapter_config.json"))
    fail("{}: base_model_name_or_path \"{}\" is an adapter itself; merge that one first (r1 convert)", path, name);
  if (!is_there(folder / "adapter_model.safetensors"))
    fail("{}: adapter_model.safetensors is missing{}", folder.string(),
         is_there(folder / "adapter_model.bin") ? "; adapter_model.bin is a pickle, which is never read" : "");
  ModelFiles out = open_model_files(base);
  out.path = folder.string();
  out.base = !is_there(name) && is_there(folder / name) ? portable_model_name(base) : portable_model_name(name);
  out.adapter.emplace();
  out.adapter->tensors = open_safetensors((folder / "adapter_model.safetensors").string());
  out.adapter->config = read_lora_config(config, *out.adapter->tensors, path);
  ModelFiles own;
  read_tokenizer_files(folder, own);
  if (!own.tokenizer_json.empty()) {  // an adapter may have been trained with a template or end token of its own
    out.tokenizer_json = std::move(own.tokenizer_json);
    out.tokenizer_config = std::move(own.tokenizer_config);
    out.other_tokenizer_files = std::move(own.other_tokenizer_files);
    out.gguf = nullptr;
  }
  if (!own.chat_template.empty()) out.chat_template = std::move(own.chat_template);
  return out;
}

ModelFiles open_folder(const fs::path& folder) {
  if (is_there(folder / "adapter_config.json")) return open_adapter_folder(folder);
  ModelFiles out;
  out.path = folder.string();
  out.config = read_json_if_there(folder / "config.json");
  out.generation_config = read_json_if_there(folder / "generation_config.json");
  read_tokenizer_files(folder, out);
  if (is_there(folder / "model.safetensors"))
    out.tensors = open_safetensors((folder / "model.safetensors").string());
  else if (is_there(folder / "model.safetensors.index.json"))
    out.tensors = open_safetensors_index(folder.string());
  else if (is_there(folder / "pytorch_model.bin"))
    fail("{}: pytorch_model.bin is a pickle, which is never read; save the model as safetensors", out.path);
  if (!out.tensors && out.tokenizer_json.empty() && out.config.is_null())
    fail(
        "{}: holds neither a model (config.json, model.safetensors) nor a tokenizer (tokenizer.json, vocab.json with "
        "merges.txt, tokenizer.model)",
        out.path);
  return out;
}

ModelFiles open_gguf(const std::string& path) {
  const auto file = std::make_shared<const GgufFile>(path);  // stays as long as somebody reads its tensors
  const GgufHeader& header = file->header();
  ModelFiles out;
  out.path = path;
  out.config = gguf_config(header, gguf_rope_factors(*file));
  out.generation_config = header.tensors.empty() ? Json() : gguf_generation_config(header);
  out.tokenizer_json = gguf_tokenizer_json(header);
  out.tokenizer_config = gguf_tokenizer_config(header);
  out.chat_template = default_template(out.tokenizer_config);
  out.tensors = open_gguf_tensors(file);
  out.gguf = file;
  return out;
}

}  // namespace

ModelFiles open_model_files(const std::string& path) {
  if (!is_there(path)) fail("{}: no such file or folder", path);
  if (fs::is_directory(path)) return open_folder(path);
  if (path.ends_with(".gguf")) return open_gguf(path);
  fail("{}: expected a Hugging Face folder or a .gguf file", path);
}

}  // namespace r1
