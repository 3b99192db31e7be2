// Rows of data as tokens: prompts to answer, and sequences to learn.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "formats/model_files.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "train/options.h"
#include "train/packing.h"

namespace r1 {

struct Prompt {
  std::string text;       // as the model sees it
  std::string prefilled;  // the part of the answer that the prompt already holds, e.g. "<think>\n"
  std::vector<TokenId> ids;
};

class PromptBuilder {
 public:
  // `tokenizer` may be null: then only tokenised rows can be used. Throws r1::Error when the template asked for is not
  // there.
  PromptBuilder(const ModelFiles& files, std::shared_ptr<const Tokenizer> tokenizer, const PromptOptions& options);

  // What the model is asked: a row's prompt or messages (up to the last user turn).
  Prompt build(const DataRow& row) const;
  // The same for a single user message.
  Prompt build(const std::string& question) const;
  // A conversation as it is, for chat.
  Prompt build_messages(const nlohmann::ordered_json& messages) const;

  // What stands between the model's turn and its next one, when it is told `said`: the end of its turn, unless `last`,
  // the turn's last token, is that already; a user's turn; the opening of its own. Throws r1::Error for a chat template
  // that leaves the model's words out.
  std::vector<TokenId> next_turn(const std::string& said, TokenId last) const;
  // What next_turn opens of the model's turn, as Prompt::prefilled.
  std::string next_prefilled() const;
  // A text of somebody else inside the model's turn: no added token, special or not. Valid UTF-8.
  std::vector<TokenId> plain(const std::string& text) const;

  // What SFT learns of a row. At most `max_length` tokens, cut at the end; a group without learned tokens when
  // everything to learn was cut off.
  TrainGroup learn(const DataRow& row, int64_t max_length, bool assistant_only) const;

  const Tokenizer* tokenizer() const { return tokenizer_.get(); }

 private:
  RenderedChat between_turns(const std::string& said, size_t& begin) const;
  // `variables`: an object of what the chat template gets beside the messages: a row's tools, its chat_template_kwargs.
  Prompt ask(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& variables) const;
  RenderedChat render(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& variables,
                      bool add_generation_prompt) const;
  const Tokenizer& need_tokenizer() const;
  void learn_messages(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& variables,
                      bool assistant_only, TrainSample& out) const;
  void learn_generated(const RenderedChat& chat, TrainSample& out) const;
  void append(TrainSample& out, const std::vector<TokenId>& ids, bool learned) const;
  TokenId end_token() const;

  std::string path_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  PromptOptions options_;
  std::shared_ptr<const ChatTemplate> chat_;  // null: plain text; shared with nobody, the parser hands it out so
  nlohmann::ordered_json variables_;          // of every rendering: bos_token, eos_token, ..., chat_template_kwargs
  std::string end_text_;                      // eos_token as the tokenizer's own files have it
};

// The model's own tokenizer; null when it has none.
std::shared_ptr<const Tokenizer> open_tokenizer(const ModelFiles& files);

}  // namespace r1
