#include <algorithm>
#include <vector>

#include "base/error.h"
#include "data/records.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kLongest = 16u << 20;
constexpr size_t kDeepest = 64;
constexpr size_t kMostKeys = 1024;  // of one object: ordered_json looks its keys up one by one

// Bounds what the parser is given.
void check_shape(std::string_view line) {
  std::vector<size_t> separators;  // of each open bracket: ':' counted
  bool quoted = false;
  for (size_t i = 0; i < line.size(); i++) {
    const char c = line[i];
    if (quoted) {
      if (c == '\\') i++;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') separators.push_back(0);
    if ((c == '}' || c == ']') && !separators.empty()) separators.pop_back();
    if (separators.size() > kDeepest) fail("not valid JSON: nested deeper than {}", kDeepest);
    if (c == ':' && !separators.empty() && ++separators.back() > kMostKeys)
      fail("not valid JSON: an object with more than {} keys", kMostKeys);
  }
}

}  // namespace

Json parse_json_object(std::string_view text, size_t begin) {
  if (text.size() > kLongest) fail("{} bytes long, at most {} are read", text.size(), kLongest);
  check_shape(text);
  Json row;
  try {
    row = Json::parse(text);
  } catch (const Json::parse_error& e) {
    fail("not valid JSON at byte {}: {} (one JSON object a line is expected)", begin + (e.byte > 0 ? e.byte - 1 : 0),
         e.what());
  } catch (const Json::exception& e) {
    fail("not valid JSON: {}", e.what());
  }
  if (!row.is_object()) fail("expected a JSON object, found {}", row.type_name());
  return row;
}

void read_json_lines(std::string_view text, const RecordSink& sink) {
  size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  for (int64_t number = 1; at < text.size(); number++) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.size() > kLongest || line.find_first_not_of(" \t\r") != std::string_view::npos)
      give_record(sink, {number, at}, [&] { return parse_json_object(line, at); });
    at = end + 1;
  }
}

}  // namespace r1
