#include "data/jsonl.h"

#include "base/error.h"

namespace r1 {

void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(int64_t, nlohmann::ordered_json)>& body) {
  using Json = nlohmann::ordered_json;
  constexpr size_t kLongestLine = 64u << 20;
  constexpr int kDeepest = 64;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  size_t at = 0;
  for (int64_t number = 1; at < text.size(); number++) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.size() > kLongestLine)
      fail("{}: line {} (byte {}): {} bytes long, at most {} are read", name, number, at, line.size(), kLongestLine);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      Json row;
      try {
        row = Json::parse(line, [&](int depth, Json::parse_event_t, Json&) {
          if (depth > kDeepest) fail("{}: line {} (byte {}): nested deeper than {}", name, number, at, kDeepest);
          return true;
        });
      } catch (const Json::exception& e) {
        fail("{}: line {} (byte {}): not valid JSON: {}", name, number, at, e.what());
      }
      if (!row.is_object())
        fail("{}: line {} (byte {}): expected a JSON object, found {}", name, number, at, row.type_name());
      body(number, std::move(row));
    }
    at = end + 1;
  }
}

}  // namespace r1
