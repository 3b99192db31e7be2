// Makes the embedded model's folder without its weights: configuration, tokenizer and chat template. The tokenizer is
// learnt from the texts the model is trained on. Weights: recipes/mini-base.toml.
//   make_mini OUT_FOLDER
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/durable_file.h"
#include "base/error.h"
#include "data/dataset.h"
#include "text/bpe_trainer.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kChatTemplate =
    "{%- for message in messages -%}\n"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}\n";

// From the world's texts, and its questions in the chat template's words for the stages behind the base.
std::string learn_tokenizer() {
  TaskOptions task;
  task.num_rows = 20000;
  std::vector<std::string> texts;
  for (const DataRow& row : load_dataset("world:corpus", task).rows) texts.push_back(row.text);
  task.num_rows = 1000;
  for (const DataRow& row : load_dataset("world:reasoning", task).rows)
    texts.push_back("user\n" + row.prompt + "\nassistant\n");
  BpeTrainerOptions options;
  options.vocabulary_size = 768;
  // a text ends as a turn of a chat does, so that a base knows how to stop when it is asked in chats
  options.special_tokens = {"<|im_end|>", "<|im_start|>", "<|endoftext|>"};
  options.added_tokens = {"<think>", "</think>", "<answer>", "</answer>"};
  return train_bpe(texts, options);
}

// Highest id + 1.
int64_t size_of(const Json& tokenizer) {
  int64_t most = 0;
  for (const auto& [token, id] : tokenizer.at("model").at("vocab").items()) most = std::max(most, id.get<int64_t>());
  for (const Json& t : tokenizer.at("added_tokens")) most = std::max(most, t.at("id").get<int64_t>());
  return most + 1;
}

// The ids of added tokens follow from the tokenizer itself.
int64_t id_of(const Json& tokenizer, const std::string& token) {
  for (const Json& t : tokenizer.at("added_tokens"))
    if (t.at("content") == token) return t.at("id").get<int64_t>();
  fail("the tokenizer has no {}", token);
}

void write(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const std::string text = learn_tokenizer();
  const Json tokenizer = Json::parse(text);
  const int64_t end = id_of(tokenizer, "<|im_end|>"), document_end = id_of(tokenizer, "<|endoftext|>");
  const Json config = {{"architectures", {"Qwen3ForCausalLM"}},
                       {"model_type", "qwen3"},
                       {"vocab_size", size_of(tokenizer)},
                       {"hidden_size", 192},
                       {"intermediate_size", 512},
                       {"num_hidden_layers", 5},
                       {"num_attention_heads", 6},
                       {"num_key_value_heads", 2},
                       {"head_dim", 32},
                       {"hidden_act", "silu"},
                       {"max_position_embeddings", 1024},
                       {"rms_norm_eps", 1e-6},
                       {"rope_theta", 10000.0},
                       {"tie_word_embeddings", true},
                       {"attention_bias", false},
                       {"bos_token_id", document_end},
                       {"eos_token_id", end},
                       {"pad_token_id", document_end},
                       {"torch_dtype", "bfloat16"}};
  const Json generation = {{"eos_token_id", {end, document_end}}, {"pad_token_id", document_end}};
  const Json tokenizer_config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                 {"bos_token", nullptr},
                                 {"eos_token", "<|im_end|>"},
                                 {"pad_token", "<|endoftext|>"},
                                 {"add_bos_token", false},
                                 {"clean_up_tokenization_spaces", false},
                                 {"model_max_length", 1024}};
  replace_file((folder / "tokenizer.json").string(), text);
  replace_file((folder / "config.json").string(), config.dump(2) + "\n");
  replace_file((folder / "generation_config.json").string(), generation.dump(2) + "\n");
  replace_file((folder / "tokenizer_config.json").string(), tokenizer_config.dump(2) + "\n");
  replace_file((folder / "chat_template.jinja").string(), kChatTemplate);
}

}  // namespace
}  // namespace r1

int main(int argc, char** argv) {
  try {
    if (argc != 2) r1::fail_usage("usage: make_mini OUT_FOLDER");
    r1::write(argv[1]);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "make_mini: " << e.what() << "\n";
    return 1;
  }
}
