#include "base/durable_file.h"
#include "base/error.h"
#include "cli/json_lines.h"
#include "cli/verbs.h"
#include "data/json_shape.h"
#include "formats/model_files.h"
#include "formats/model_path.h"
#include "formats/tokenizer_additions.h"
#include "text/chat_template.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// Keys that hold variables: the second is TRL's.
bool is_variables(std::string_view key) { return key == "extra" || key == "chat_template_kwargs"; }

std::string render_line(const ChatTemplate& chat, const Json& row, const Json& tokenizer_config) {
  Json context = special_tokens_of(tokenizer_config);
  if (!row.is_object() || !row.contains("messages")) fail("expected a JSON object with \"messages\"");
  context["tools"] = Json();
  context["documents"] = Json();
  context["add_generation_prompt"] = false;
  // What else stands beside the messages is a variable, as in transformers' apply_chat_template; "template" and "text"
  // are what such files say of themselves.
  for (const auto& [key, value] : row.items())
    if (!is_variables(key) && key != "template" && key != "text") context[key] = value;
  for (const auto& [key, value] : row.items()) {
    if (!is_variables(key) || value.is_null()) continue;
    if (!value.is_object()) fail("\"{}\" is {}, expected an object of variables", key, value.type_name());
    context.update(value);
  }
  return chat.render(context);
}

Json row_of_line(const std::string& line, const std::string& where) {
  try {
    check_json_shape(line, 0);
    return Json::parse(line);
  } catch (const std::exception& e) {
    fail("{}: {}", where, e.what());
  }
}

}  // namespace

int run_template(const std::string& template_file, const std::string& model) {
  std::string source, name = template_file;
  Json tokenizer_config;
  if (!model.empty()) {
    const ModelFiles files = open_model_files(resolve_model(model));
    tokenizer_config = files.tokenizer_config;
    source = files.chat_template;
    if (template_file.empty()) name = model;
  }
  if (!template_file.empty()) source = read_text_file(template_file, 1 << 20);
  if (source.empty()) fail("{}: holds no chat template", name);
  const auto chat = ChatTemplate::parse(source, name);
  for_each_line(std::cin, [&](const std::string& line, const std::string& where) {
    Json out;
    try {
      out = {{"text", render_line(*chat, row_of_line(line, where), tokenizer_config)}};
    } catch (const Json::exception& e) {
      out = {{"error", fmt::format("{}: {}", where, e.what())}};
    } catch (const Error& e) {
      out = {{"error", e.what()}};
    }
    print_json_line(out);
  });
  return 0;
}

}  // namespace r1
