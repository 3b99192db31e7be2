#include "data/jsonl.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kLongestLine = 16u << 20;
constexpr size_t kDeepest = 64;
constexpr size_t kMostKeys = 1024;  // of one object: ordered_json looks its keys up one by one

// Bounds what the parser is given. Throws with the offset in the line.
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
    if (separators.size() > kDeepest) fail("nested deeper than {}", kDeepest);
    if (c == ':' && !separators.empty() && ++separators.back() > kMostKeys)
      fail("an object with more than {} keys", kMostKeys);
  }
}

Json parse_line(std::string_view line, const std::string& where, size_t line_begin) {
  try {
    check_shape(line);
    return Json::parse(line);
  } catch (const Json::parse_error& e) {
    fail("{}: not valid JSON at byte {}: {} (one JSON object a line is expected)", where,
         line_begin + (e.byte > 0 ? e.byte - 1 : 0), e.what());
  } catch (const std::exception& e) {
    fail("{}: not valid JSON: {}", where, e.what());
  }
}

// Files of other kinds, by their first bytes.
void refuse_other_formats(std::string_view text, const std::string& name) {
  static constexpr std::pair<std::string_view, const char*> kinds[] = {
      {"\x1F\x8B", "gzip; unpack it first (gunzip)"},
      {"\x28\xB5\x2F\xFD", "zstd; unpack it first (unzstd)"},
      {"PAR1", "Parquet; export it as JSON lines first"},
      {"PK\x03\x04", "zip; unpack it first (unzip)"}};
  for (const auto& [magic, kind] : kinds)
    if (text.starts_with(magic)) fail("{}: expected JSON lines, found {}", name, kind);
}

}  // namespace

void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(int64_t, nlohmann::ordered_json)>& body) {
  refuse_other_formats(text, name);
  size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  for (int64_t number = 1; at < text.size(); number++) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const std::string where = fmt::format("{}: line {} (byte {})", name, number, at);
    if (line.size() > kLongestLine) fail("{}: {} bytes long, at most {} are read", where, line.size(), kLongestLine);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      Json row = parse_line(line, where, at);
      if (!row.is_object()) fail("{}: expected a JSON object, found {}", where, row.type_name());
      try {
        body(number, std::move(row));
      } catch (const Error& e) {
        fail("{}: {}", where, e.what());
      } catch (const Json::exception& e) {
        fail("{}: {}", where, e.what());
      }
    }
    at = end + 1;
  }
}

}  // namespace r1
