// Hugging Face folders as transformers' save_pretrained leaves them.
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/model_files.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void write_text(const fs::path& folder, const std::string& name, const std::string& text,
                std::vector<WrittenFile>& written) {
  replace_file((folder / name).string(), text);
  written.push_back({name, text.size(), sha256_hex(text)});
}
void write_json(const fs::path& folder, const char* name, const Json& json, std::vector<WrittenFile>& written) {
  write_text(folder, name, json.dump(2) + "\n", written);
}

// Several named templates stay a list in tokenizer_config.json: beside a chat_template.jinja the list would not be
// looked at.
bool has_named_templates(const Json& tokenizer_config) {
  return tokenizer_config.is_object() && tokenizer_config.contains("chat_template") &&
         tokenizer_config["chat_template"].is_array() && tokenizer_config["chat_template"].size() > 1;
}

// The list with the default one as it is now.
Json with_default_template(Json list, const std::string& text) {
  for (Json& entry : list)
    if (entry.is_object() && entry.value("name", Json()) == "default") {
      entry["template"] = text;
      return list;
    }
  if (!text.empty()) list.push_back({{"name", "default"}, {"template", text}});
  return list;
}

Json special_tokens(const Json& tokenizer_config) {
  Json special = Json::object();
  for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token"})
    if (tokenizer_config.contains(key) && !tokenizer_config[key].is_null()) special[key] = tokenizer_config[key];
  return special;
}

void write_tokenizer_config(const fs::path& folder, const ModelFiles& meta, bool has_map,
                            std::vector<WrittenFile>& written) {
  Json tokenizer = meta.tokenizer_config;
  if (has_named_templates(tokenizer))
    tokenizer["chat_template"] = with_default_template(tokenizer["chat_template"], meta.chat_template);
  else
    tokenizer.erase("chat_template");
  write_json(folder, "tokenizer_config.json", tokenizer, written);
  if (!has_map) write_json(folder, "special_tokens_map.json", special_tokens(tokenizer), written);
}

// Which entries go into which file: in their order, a file closed before it would grow beyond `most` bytes.
std::vector<std::vector<size_t>> shards_of(const WeightStream& weights, DType dtype, uint64_t most) {
  std::vector<std::vector<size_t>> shards(1);
  uint64_t bytes = 0;
  for (size_t i = 0; i < weights.entries.size(); i++) {
    const uint64_t size = static_cast<uint64_t>(weights.entries[i].elements()) * dtype_size(dtype);
    if (most > 0 && bytes > 0 && bytes + size > most) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(i);
    bytes += size;
  }
  return shards;
}

void write_weights(const fs::path& folder, const WeightStream& weights, const FolderOptions& options,
                   std::vector<WrittenFile>& written) {
  const auto shards = shards_of(weights, options.dtype, options.max_shard_bytes);
  if (shards.size() == 1) {
    written.push_back(write_safetensors((folder / "model.safetensors").string(), weights, shards[0], options.dtype));
    return;
  }
  uint64_t parameters = 0;
  std::map<std::string, std::string> places;
  for (size_t s = 0; s < shards.size(); s++) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards.size());
    written.push_back(write_safetensors((folder / name).string(), weights, shards[s], options.dtype));
    for (size_t i : shards[s]) {
      places[weights.entries[i].name] = name;
      parameters += static_cast<uint64_t>(weights.entries[i].elements());
    }
  }
  write_json(folder, "model.safetensors.index.json",
             {{"metadata", {{"total_parameters", parameters}, {"total_size", parameters * dtype_size(options.dtype)}}},
              {"weight_map", places}},
             written);
}

const char* torch_name(DType dtype) {
  return dtype == DType::f32 ? "float32" : dtype == DType::f16 ? "float16" : "bfloat16";
}

}  // namespace

void write_tokenizer_files(const std::string& folder, const ModelFiles& meta, std::vector<WrittenFile>& written) {
  if (!meta.tokenizer_json.empty()) write_text(folder, "tokenizer.json", meta.tokenizer_json, written);
  bool has_map = false;
  for (const auto& [name, text] : meta.other_tokenizer_files) {
    write_text(folder, name, text, written);
    has_map = has_map || name == "special_tokens_map.json";
  }
  if (meta.tokenizer_config.is_object()) write_tokenizer_config(folder, meta, has_map, written);
  if (!meta.chat_template.empty() && !has_named_templates(meta.tokenizer_config))
    write_text(folder, "chat_template.jinja", meta.chat_template, written);
}

std::vector<WrittenFile> write_hf_folder(const std::string& folder, const ModelFiles& meta, const WeightStream& weights,
                                         const FolderOptions& options) {
  std::vector<WrittenFile> written;
  if (!meta.config.is_object()) fail("{}: a model without config.json cannot be written", folder);
  Json config = meta.config;
  for (const char* key : {"dtype", "torch_dtype"})  // transformers' generations know one of them each
    config[key] = torch_name(options.dtype);
  write_json(folder, "config.json", config, written);
  if (!meta.generation_config.is_null()) write_json(folder, "generation_config.json", meta.generation_config, written);
  write_tokenizer_files(folder, meta, written);
  write_weights(folder, weights, options, written);
  sync_folder(folder);
  return written;
}

std::vector<WrittenFile> write_hf_folder(const std::string& folder, const ModelFiles& meta,
                                         std::span<const NamedTensor> tensors, DType dtype) {
  return write_hf_folder(folder, meta, stream_of(tensors), {.dtype = dtype});
}

}  // namespace r1
