// Chat templates as transformers renders them (Jinja2, trim_blocks and lstrip_blocks on). Strict: what the engine does
// not know is an error with line and column, never silently empty text. Bounded in steps, output and depth.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"

namespace r1 {

class ChatTemplate {
 public:
  // Throws r1::Error (name, line, column) on a syntax error or an unknown construct.
  static std::shared_ptr<const ChatTemplate> parse(const std::string& source, const std::string& name);
  virtual ~ChatTemplate() = default;

  // `context`: messages, tools (absent or null: none), add_generation_prompt, bos_token, ... Throws r1::Error with the
  // template's own message where it refuses (raise_exception).
  virtual std::string render(const nlohmann::ordered_json& context) const = 0;
};

}  // namespace r1
