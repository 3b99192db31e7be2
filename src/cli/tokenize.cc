#include <iostream>

#include "base/error.h"
#include "cli/verbs.h"
#include "formats/model_files.h"
#include "formats/model_path.h"
#include "text/tokenizer.h"

namespace r1 {

int run_tokenize(const std::string& model, bool decode) {
  using Json = nlohmann::ordered_json;
  const ModelFiles files = open_model_files(resolve_model(model));
  if (files.tokenizer_json.empty()) fail("{}: holds no tokenizer", model);
  const auto tokenizer = Tokenizer::from_json(files.tokenizer_json, model);
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); number++) {
    if (line.empty()) continue;
    try {
      const Json row = Json::parse(line);
      const Json out = decode ? Json{{"text", tokenizer->decode(row.at("ids").get<std::vector<TokenId>>())}}
                              : Json{{"ids", tokenizer->encode(row.at("text").get<std::string>())}};
      std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    } catch (const Json::exception& e) {
      fail("standard input, line {}: expected a JSON object with \"{}\": {}", number, decode ? "ids" : "text",
           e.what());
    }
  }
  std::cout.flush();
  return 0;
}

}  // namespace r1
