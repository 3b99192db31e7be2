// Any text as a template, rendered over a small conversation.
#include <cstdint>

#include "base/error.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const nlohmann::ordered_json context = {
      {"messages", {{{"role", "system"}, {"content", "be brief"}}, {{"role", "user"}, {"content", "h\xC3\xA9 <x>"}}}},
      {"tools", {{{"name", "add"}, {"parameters", {{"a", 1.5}, {"b", nullptr}}}}}},
      {"add_generation_prompt", true},
      {"bos_token", "<s>"}};
  try {
    r1::ChatTemplate::parse(std::string(reinterpret_cast<const char*>(data), size), "fuzz")->render(context);
  } catch (const r1::Error&) {
  }
  return 0;
}
