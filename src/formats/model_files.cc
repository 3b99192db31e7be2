#include "formats/model_files.h"

#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/checked_json.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
constexpr uint64_t kMostTokenizer = 256u << 20, kMostJson = 16u << 20;

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

// tokenizer_config.json's chat_template: one string, or a list of named ones of which "default" counts.
std::string default_template(const Json& tokenizer_config) {
  if (!tokenizer_config.is_object() || !tokenizer_config.contains("chat_template")) return "";
  const Json& t = tokenizer_config["chat_template"];
  if (t.is_string()) return t.get<std::string>();
  if (t.is_array())
    for (const Json& entry : t)
      if (entry.is_object() && entry.value("name", "") == "default" && entry.contains("template") &&
          entry["template"].is_string())
        return entry["template"].get<std::string>();
  return "";
}

ModelFiles open_folder(const fs::path& folder) {
  ModelFiles out;
  out.path = folder.string();
  out.config = read_json_if_there(folder / "config.json");
  out.generation_config = read_json_if_there(folder / "generation_config.json");
  out.tokenizer_config = read_json_if_there(folder / "tokenizer_config.json");
  if (is_there(folder / "tokenizer.json"))
    out.tokenizer_json = read_text_file((folder / "tokenizer.json").string(), kMostTokenizer);
  out.chat_template = is_there(folder / "chat_template.jinja")
                          ? read_text_file((folder / "chat_template.jinja").string(), 1 << 20)
                          : default_template(out.tokenizer_config);
  if (is_there(folder / "model.safetensors"))
    out.tensors = open_safetensors((folder / "model.safetensors").string());
  else if (is_there(folder / "model.safetensors.index.json"))
    out.tensors = open_safetensors_index(folder.string());
  else if (is_there(folder / "pytorch_model.bin"))
    fail("{}: pytorch_model.bin is a pickle, which is never read; save the model as safetensors", out.path);
  if (!out.tensors && out.tokenizer_json.empty() && out.config.is_null())
    fail("{}: holds neither a model (config.json, model.safetensors) nor a tokenizer.json", out.path);
  return out;
}

ModelFiles open_gguf(const std::string& path) {
  auto file = std::make_shared<MappedFile>(path);
  const GgufHeader header = parse_gguf(file->bytes(), path);
  ModelFiles out;
  out.path = path;
  out.config = gguf_config(header);
  out.tokenizer_json = gguf_tokenizer_json(header);
  out.tokenizer_config = gguf_tokenizer_config(header);
  out.chat_template = default_template(out.tokenizer_config);
  if (!header.tensors.empty()) out.tensors = open_gguf_tensors(file, header);
  return out;
}

}  // namespace

ModelFiles open_model_files(const std::string& path) {
  if (!is_there(path)) fail("{}: no such file or folder", path);
  if (fs::is_directory(path)) return open_folder(path);
  if (path.ends_with(".gguf")) return open_gguf(path);
  fail("{}: expected a Hugging Face folder or a .gguf file", path);
}

std::vector<WrittenFile> write_hf_folder(const std::string& folder, const ModelFiles& meta,
                                         std::span<const NamedTensor> tensors, DType dtype) {
  const fs::path at(folder);
  std::vector<WrittenFile> written;
  const auto write_text = [&](const char* name, const std::string& text) {
    replace_file((at / name).string(), text);
    written.push_back({name, text.size(), sha256_hex(text)});
  };
  const auto write_json = [&](const char* name, const Json& json) { write_text(name, json.dump(2) + "\n"); };
  if (!meta.config.is_object()) fail("{}: a model without config.json cannot be written", folder);
  Json config = meta.config;
  for (const char* key : {"dtype", "torch_dtype"})  // transformers' generations know one of them each
    config[key] = dtype == DType::f32 ? "float32" : "bfloat16";
  write_json("config.json", config);
  if (!meta.generation_config.is_null()) write_json("generation_config.json", meta.generation_config);
  if (!meta.tokenizer_json.empty()) write_text("tokenizer.json", meta.tokenizer_json);
  if (meta.tokenizer_config.is_object()) {
    Json tokenizer = meta.tokenizer_config;
    tokenizer.erase("chat_template");
    write_json("tokenizer_config.json", tokenizer);
    Json special = Json::object();
    for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token"})
      if (tokenizer.contains(key) && !tokenizer[key].is_null()) special[key] = tokenizer[key];
    write_json("special_tokens_map.json", special);
  }
  if (!meta.chat_template.empty()) write_text("chat_template.jinja", meta.chat_template);
  written.push_back(write_safetensors((at / "model.safetensors").string(), tensors, dtype));
  sync_folder(folder);
  return written;
}

}  // namespace r1
