// What a file or folder is, from its headers and metadata alone: no weight is read.
#pragma once

#include <string>

#include "base/json.h"

namespace r1 {

struct Inspection {
  // path, format (gguf, safetensors, huggingface, peft, checkpoint, tokenizer), files, size_bytes, and of what there
  // is: architecture, parameters, dtypes, quantisation, context_length, tokenizer, chat_template, adapter, checkpoint,
  // metadata, tensors (name, dtype, shape).
  nlohmann::ordered_json report;
  nlohmann::ordered_json config, generation_config;  // of a model; null when there is none
  std::string config_problem;                        // why a GGUF's metadata give no config, else empty
};

// GGUF (of a split model the first file), a safetensors file, tokenizer.json, or a folder: a Hugging Face model, a PEFT
// adapter (its base need not be there), a checkpoint of ours, a tokenizer alone. Throws r1::Error for anything else.
Inspection inspect_path(const std::string& path);

}  // namespace r1
