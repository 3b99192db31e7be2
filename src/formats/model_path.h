// What --model may name: a Hugging Face folder, a .gguf file, ORG/NAME in the local Hub cache, or `mini`.
#pragma once

#include <string>

namespace r1 {

// The path of what `name` means. `mini` is the embedded model: $R1_ASSETS/mini, else assets/mini beside the program's
// checkout; `mini-student`, in the same place, a model of a quarter of its size with the same tokenizer. A
// Hub name is looked up in $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub, revision main. Nothing is fetched.
// Throws r1::Error saying where it looked.
std::string resolve_model(const std::string& name);

// The name under which the same model is found from any folder: an absolute path for what is a path, else the name.
std::string portable_model_name(const std::string& name);

}  // namespace r1
