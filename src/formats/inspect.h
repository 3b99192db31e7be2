// What a file or folder is, from its headers and metadata alone: no weight is read.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "formats/model_files.h"

namespace r1 {

struct Inspection {
  // path, format (gguf, safetensors, huggingface, peft, checkpoint, tokenizer), files, size_bytes, and of what there
  // is: architecture, parameters, dtypes, quantisation, context_length, tokenizer, chat_template, adapter, checkpoint,
  // metadata, tensors (name, dtype, shape).
  nlohmann::ordered_json report;
  nlohmann::ordered_json config, generation_config;  // of a model; null when there is none
  std::string config_problem;             // why a GGUF gives no config or no tensors that r1 can name, else empty
  std::unique_ptr<TensorSource> tensors;  // of a model whose tensors r1 can name, under Hugging Face's names
};

// GGUF (of a split model the first file), a safetensors file, tokenizer.json, or a folder: a Hugging Face model, a PEFT
// adapter (its base need not be there), a checkpoint of ours, a tokenizer alone. Throws r1::Error for anything else.
Inspection inspect_path(const std::string& path);

}  // namespace r1
