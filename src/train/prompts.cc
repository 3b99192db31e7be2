#include "train/prompts.h"

#include <algorithm>

#include "base/error.h"
#include "formats/tokenizer_additions.h"
#include "text/chat_tokens.h"
#include "text/thinking.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::ptrdiff_t kMostTurns = 512;  // the conversation is rendered anew up to each

// What an answer's text already has when the prompt ends inside its thought (R1's templates end with "<think>\n").
std::string prefilled_part(const std::string& prompt) {
  const std::string_view tag = "<think>";
  const size_t at = prompt.rfind(tag);
  if (at == std::string::npos || !trim(std::string_view(prompt).substr(at + tag.size())).empty()) return "";
  return prompt.substr(at);
}

// A question in R1-Zero's frame, or a text that is the whole prompt: who gives that writes its special tokens too.
RenderedChat plain_prompt(const std::string& question, bool r1_zero) {
  RenderedChat out;
  out.text = r1_zero ? r1_zero_prompt(question) : question;
  const size_t begin = r1_zero ? out.text.rfind(question + " Assistant:") : std::string::npos;
  if (begin != std::string::npos && !question.empty()) out.user.push_back({begin, begin + question.size()});
  return out;
}

// A row's variables of the chat template, beside its messages.
Json variables_of(const DataRow& row) {
  Json out = row.chat_template_kwargs.is_object() ? row.chat_template_kwargs : Json::object();
  out["tools"] = row.tools;
  return out;
}

Json user_turn(const std::string& text) { return Json::array({{{"role", "user"}, {"content", text}}}); }

}  // namespace

std::shared_ptr<const Tokenizer> open_tokenizer(const ModelFiles& files) {
  if (files.tokenizer_json.empty()) return nullptr;
  return Tokenizer::from_json(files.tokenizer_json, files.path);
}

PromptBuilder::PromptBuilder(const ModelFiles& files, std::shared_ptr<const Tokenizer> tokenizer,
                             const PromptOptions& options)
    : path_(files.path),
      tokenizer_(std::move(tokenizer)),
      options_(options),
      variables_(special_tokens_of(files.tokenizer_config)) {
  end_text_ = variables_.value("eos_token", "");
  variables_.update(options.chat_template_variables());
  const std::string& source = options.chat_template.empty() ? files.chat_template : options.chat_template;
  const bool has_template = !source.empty();
  if (options.prompt_template == "chat" && !has_template)
    fail("{}: holds no chat template; use prompt_template=none or r1-zero", path_);
  if (has_template && (options.prompt_template == "chat" || options.prompt_template == "auto"))
    chat_ = ChatTemplate::parse(source, options.chat_template.empty() ? path_ : "chat_template");
}

const Tokenizer& PromptBuilder::need_tokenizer() const {
  if (!tokenizer_) fail("{}: holds no tokenizer; give rows of input_ids, or a model folder with tokenizer.json", path_);
  return *tokenizer_;
}

RenderedChat PromptBuilder::render(const Json& messages, const Json& variables, bool add_generation_prompt) const {
  Json context = {{"tools", nullptr}, {"documents", nullptr}};
  context.update(variables_);
  context.update(variables);
  context["messages"] = messages;
  context["add_generation_prompt"] = add_generation_prompt;
  return chat_->render_marked(context);
}

Prompt PromptBuilder::build_messages(const Json& messages) const { return ask(messages, Json::object()); }

Prompt PromptBuilder::ask(const Json& given, const Json& variables) const {
  Json messages = given;
  if (!options_.system_prompt.empty() && (messages.empty() || messages[0].value("role", "") != "system"))
    messages.insert(messages.begin(), Json{{"role", "system"}, {"content", options_.system_prompt}});
  Prompt out;
  RenderedChat chat;
  if (chat_) {
    chat = render(messages, variables, true);
  } else {
    if (messages.size() != 1) fail("{}: no chat template, so a prompt must be one user message", path_);
    chat = plain_prompt(messages[0].at("content").get<std::string>(), options_.prompt_template == "r1-zero");
  }
  // what the template opened and what is put behind it are the answer's beginning, whatever it says
  out.prefilled = options_.thought_prefill.empty() ? prefilled_part(chat.text)
                                                   : prefilled_part(chat.text) + options_.thought_prefill;
  chat.text += options_.thought_prefill;
  // a template writes its own special tokens; a plain text gets the post-processor's
  const std::vector<PlainRange> plain = plain_ranges(chat, 0, chat.text.size());
  out.ids =
      need_tokenizer().encode(chat.text, {.add_special_tokens = !chat_, .parse_special_tokens = true, .plain = plain});
  out.text = std::move(chat.text);
  if (out.ids.empty()) fail("a prompt is empty: it has no tokens");
  return out;
}

Prompt PromptBuilder::build(const std::string& question) const {
  return build_messages(user_turn(options_.prompt_prefix + question + options_.prompt_suffix));
}

Prompt PromptBuilder::build(const DataRow& row) const {
  if (!row.messages.is_array())
    return ask(user_turn(options_.prompt_prefix + row.prompt + options_.prompt_suffix), variables_of(row));
  Json messages = row.messages;
  while (!messages.empty() && messages.back().value("role", "") == "assistant") messages.erase(messages.size() - 1);
  return ask(messages, variables_of(row));
}

// A conversation whose part from `begin` on follows the model's words.
RenderedChat PromptBuilder::between_turns(const std::string& said, size_t& begin) const {
  RenderedChat chat;
  if (chat_) {
    Json messages = Json::array();
    if (!options_.system_prompt.empty()) messages.push_back({{"role", "system"}, {"content", options_.system_prompt}});
    messages.push_back({{"role", "user"}, {"content", "?"}});
    messages.push_back({{"role", "assistant"}, {"content", "."}});
    messages.push_back({{"role", "user"}, {"content", said}});
    chat = render(messages, Json::object(), true);
    if (chat.model.empty())
      fail("{}: its chat template leaves the model's turns out, so there is no second one", path_);
    begin = chat.model.back().end;
  } else {
    const bool dialogue = options_.prompt_template == "r1-zero";
    chat.text = dialogue ? "\nUser: " : "\n";
    chat.user.push_back({chat.text.size(), chat.text.size() + said.size()});
    chat.text += said + (dialogue ? "\nAssistant:" : "\n");
    begin = 0;
  }
  chat.text += options_.thought_prefill;
  return chat;
}

std::vector<TokenId> PromptBuilder::next_turn(const std::string& said, TokenId last) const {
  size_t begin = 0;
  const RenderedChat chat = between_turns(said, begin);
  std::vector<TokenId> out = encode_chat(need_tokenizer(), chat, begin, chat.text.size());
  if (!out.empty() && out[0] == last) out.erase(out.begin());
  return out;
}

std::string PromptBuilder::next_prefilled() const {
  size_t begin = 0;
  return prefilled_part(between_turns("?", begin).text.substr(begin));
}

std::vector<TokenId> PromptBuilder::plain(const std::string& text) const {
  const PlainRange whole[] = {{0, text.size()}};  // <think> and <answer> control nothing, but are not for others to say
  return need_tokenizer().encode(text, {.add_special_tokens = false, .parse_special_tokens = true, .plain = whole});
}

TokenId PromptBuilder::end_token() const { return end_text_.empty() ? -1 : tokenizer_->find(end_text_); }

void PromptBuilder::append(TrainSample& out, const std::vector<TokenId>& ids, bool learned) const {
  out.ids.insert(out.ids.end(), ids.begin(), ids.end());
  out.learn.insert(out.learn.end(), ids.size(), learned ? 1 : 0);
}

// The template says itself what the model is to write.
void PromptBuilder::learn_generated(const RenderedChat& chat, TrainSample& out) const {
  size_t done = 0;
  for (const TextRange& r : chat.generated) {
    append(out, encode_chat(*tokenizer_, chat, done, r.begin), false);
    append(out, encode_chat(*tokenizer_, chat, r.begin, r.end), true);
    done = r.end;
  }
  append(out, encode_chat(*tokenizer_, chat, done, chat.text.size()), false);
}

// Turn by turn: what the template writes up to an assistant's words is context, the words and the turn's end are
// learned. Pieces are encoded apart, as they are when the model answers.
void PromptBuilder::learn_messages(const Json& messages, const Json& variables, bool assistant_only,
                                   TrainSample& out) const {
  if (assistant_only)
    if (const RenderedChat chat = render(messages, variables, false); !chat.generated.empty())
      return learn_generated(chat, out);
  const auto turns =
      std::count_if(messages.begin(), messages.end(), [](const Json& m) { return m.value("role", "") == "assistant"; });
  if (turns > kMostTurns)
    fail(
        "a conversation of {} assistant turns, at most {} can be learned where the chat template has no generation "
        "blocks",
        turns, kMostTurns);
  std::string done;
  const auto add_up_to = [&](const RenderedChat& chat, bool learned) {
    if (!chat.text.starts_with(done))
      fail("{}: the chat template rewrites earlier turns, so they cannot be learned", path_);
    append(out, encode_chat(*tokenizer_, chat, done.size(), chat.text.size()), learned);
    done = chat.text;
  };
  Json so_far = Json::array();
  for (const Json& m : messages) {
    const bool assistant = m.value("role", "") == "assistant";
    if (assistant) {
      RenderedChat before = render(so_far, variables, true);
      before.text += options_.thought_prefill;
      Json with = so_far;
      with.push_back(m);
      const std::string whole = render(with, variables, false).text;
      if (whole.starts_with(before.text))
        add_up_to(before, !assistant_only);
      else if (!so_far.empty())  // no common generation prompt: the turn's own opening is learned with it
        add_up_to(render(so_far, variables, false), !assistant_only);
    }
    so_far.push_back(m);
    if (assistant) add_up_to(render(so_far, variables, false), true);
  }
  if (!messages.empty() && messages.back().value("role", "") != "assistant")
    add_up_to(render(so_far, variables, false), !assistant_only);
}

TrainGroup PromptBuilder::learn(const DataRow& row, int64_t max_length, bool assistant_only) const {
  TrainSample s;
  if (!row.input_ids.empty()) {
    s.ids = row.input_ids;
    for (int32_t label : row.labels) s.learn.push_back(label != -100);
    for (size_t i = 0; i < s.ids.size(); i++)
      if (row.labels[i] != -100 && row.labels[i] != s.ids[i])
        fail("labels hold {} where input_ids hold {}: a label is its own token, or -100", row.labels[i], s.ids[i]);
  } else if (!row.text.empty()) {
    append(s, need_tokenizer().encode(row.text), true);
    if (end_token() >= 0) append(s, {end_token()}, true);
  } else if (row.completion.empty() && row.messages.is_array() && chat_) {
    need_tokenizer();
    Json messages = row.messages;
    if (!options_.system_prompt.empty() && messages[0].value("role", "") != "system")
      messages.insert(messages.begin(), Json{{"role", "system"}, {"content", options_.system_prompt}});
    learn_messages(messages, variables_of(row), assistant_only, s);
  } else {
    if (row.completion.empty()) fail("a row has nothing to learn: no completion, assistant turn, text or labels");
    const Prompt prompt = build(row);
    append(s, prompt.ids, false);
    // the chat template's own end of turn follows the completion, as the model will have to write it
    std::string completion = row.completion;
    if (!prompt.prefilled.empty() && completion.starts_with(prompt.prefilled))  // the prompt says it already
      completion.erase(0, prompt.prefilled.size());
    const PlainRange whole[] = {{0, completion.size(), /*of_model=*/true}};  // it must not end the turn itself
    append(s,
           tokenizer_->encode(completion, {.add_special_tokens = false,
                                           .parse_special_tokens = true,
                                           .plain = std::span<const PlainRange>(whole, chat_ ? 1 : 0)}),
           true);
    if (end_token() >= 0) append(s, {end_token()}, true);
  }
  if (static_cast<int64_t>(s.ids.size()) > max_length) {
    s.ids.resize(static_cast<size_t>(max_length));
    s.learn.resize(static_cast<size_t>(max_length));
  }
  return {{}, {std::move(s)}};
}

}  // namespace r1
