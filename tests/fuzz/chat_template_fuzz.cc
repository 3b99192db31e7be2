// Any text as a template, rendered over a small conversation; the marked ranges of what it gives must be in order and
// inside the text.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "text/chat_template.h"

namespace {

void check(const std::vector<r1::TextRange>& ranges, size_t size) {
  size_t at = 0;
  for (const r1::TextRange& r : ranges) {
    if (r.begin < at || r.end <= r.begin || r.end > size) std::abort();
    at = r.end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const nlohmann::ordered_json context = {
      {"messages",
       {{{"role", "system"}, {"content", "be brief"}},
        {{"role", "user"}, {"content", "h\xC3\xA9 <x>"}},
        {{"role", "assistant"}, {"content", "so"}}}},
      {"tools", {{{"name", "add"}, {"parameters", {{"a", 1.5}, {"b", nullptr}}}}}},
      {"add_generation_prompt", true},
      {"bos_token", "<s>"}};
  try {
    const auto chat =
        r1::ChatTemplate::parse(std::string(reinterpret_cast<const char*>(data), size), "fuzz")->render_marked(context);
    for (const auto* ranges : {&chat.user, &chat.model, &chat.generated}) check(*ranges, chat.text.size());
  } catch (const r1::Error&) {
  }
  return 0;
}
