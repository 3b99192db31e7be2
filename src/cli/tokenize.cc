#include "base/error.h"
#include "cli/json_lines.h"
#include "cli/verbs.h"
#include "formats/model_files.h"
#include "formats/model_path.h"
#include "text/tokenizer.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of_row(const std::string& line, const std::string& where) {
  const Json row = json_of_line(line, where);
  if (!row.is_object() || !row.contains("text") || !row["text"].is_string())
    fail("{}: expected {{\"text\":\"...\"}} in UTF-8, got {}", where, line.substr(0, 80));
  return row["text"].get<std::string>();
}

}  // namespace

int run_tokenize(const std::string& model, bool decode) {
  const ModelFiles files = open_model_files(resolve_model(model));
  if (files.tokenizer_json.empty()) fail("{}: holds no tokenizer", model);
  const auto tokenizer = Tokenizer::from_json(files.tokenizer_json, model);
  for_each_line(std::cin, [&](const std::string& line, const std::string& where) {
    if (decode)
      print_json_line({{"text", tokenizer->decode(ids_of_row(line, where))}});
    else
      print_json_line({{"ids", tokenizer->encode(text_of_row(line, where))}});
  });
  return 0;
}

}  // namespace r1
