// What a folder's other files add to its tokenizer.json, as transformers does when it loads the folder: tokens of
// tokenizer_config.json (added_tokens_decoder, bos_token and the like, extra_special_tokens), of
// special_tokens_map.json and of added_tokens.json that tokenizer.json lacks or flags otherwise.
#pragma once

#include <string>

#include "base/json.h"

namespace r1 {

// tokenizer_config.json with what special_tokens_map.json says besides; the map counts only where the configuration has
// no added_tokens_decoder, and then before it. Both may be null.
nlohmann::ordered_json with_special_tokens_map(nlohmann::ordered_json config, const nlohmann::ordered_json& map);

// The tokens with a role, by its name (bos_token, ..., also a model's own, like image_token): variables of its
// templates.
nlohmann::ordered_json special_tokens_of(const nlohmann::ordered_json& config);

// `text`: a tokenizer.json. `config`: the above. `by_name`: added_tokens.json's ids by token, or null. Ids of added
// tokens are given in the file's order from the vocabulary's size on, whatever the file says, as PyPI tokenizers gives
// them: no gap stays behind the vocabulary. Throws r1::Error for entries that are no tokens.
std::string with_added_tokens(std::string text, const nlohmann::ordered_json& config,
                              const nlohmann::ordered_json& by_name, const std::string& file);

}  // namespace r1
