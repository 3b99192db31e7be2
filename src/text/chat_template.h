// Chat templates as transformers renders them (Jinja2's immutable sandbox, trim_blocks and lstrip_blocks on). Strict:
// what the engine does not know is an error with line and column, never silently empty text. Bounded in steps, output
// and depth. A rendering knows which bytes came from people: they must not become special tokens (encode_chat).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

struct TextRange {
  size_t begin, end;  // bytes
};

// Ranges are in order, apart, and not empty. What a template did with a text is followed byte by byte; a text whose
// parts cannot be told apart any more counts as the user's wholly.
struct RenderedChat {
  std::string text;
  std::vector<TextRange> user;       // of messages but the assistant's, of tools and of all other variables
  std::vector<TextRange> model;      // of the assistant's messages
  std::vector<TextRange> generated;  // written inside {% generation %}: what assistant-only losses learn
};

class ChatTemplate {
 public:
  // Throws r1::Error (name, line, column) on a syntax error or an unknown construct.
  static std::shared_ptr<const ChatTemplate> parse(const std::string& source, const std::string& name);
  virtual ~ChatTemplate() = default;

  // `context`: messages, tools (absent or null: none), add_generation_prompt, bos_token, ... Variables named *_token
  // are the model's own and count as the template's text, and so do the usual names of roles. Throws r1::Error with the
  // template's own message where it refuses (raise_exception). May be called from many threads.
  virtual RenderedChat render_marked(const nlohmann::ordered_json& context) const = 0;
  std::string render(const nlohmann::ordered_json& context) const { return render_marked(context).text; }
};

}  // namespace r1
