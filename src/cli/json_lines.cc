#include "cli/json_lines.h"

#include "base/error.h"
#include "data/json_shape.h"

namespace r1 {

using Json = nlohmann::ordered_json;

void for_each_line(std::istream& in,
                   const std::function<void(const std::string& line, const std::string& where)>& body) {
  constexpr size_t kLongest = 64u << 20;
  std::string line;
  for (int64_t number = 1; std::getline(in, line); number++) {
    const std::string where = fmt::format("standard input, line {}", number);
    if (line.size() > kLongest) fail("{}: {} bytes long, at most {} are read", where, line.size(), kLongest);
    if (line.find_first_not_of(" \t\r") != std::string::npos) body(line, where);
  }
}

void print_json_line(const Json& line) {
  std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

Json json_of_line(const std::string& line, const std::string& where, size_t most_values) {
  try {
    check_json_shape(line, 0, most_values);
  } catch (const Error& e) {
    fail("{}: {}", where, e.what());
  }
  return Json::parse(line, nullptr, false);
}

std::vector<int32_t> ids_of_row(const std::string& line, const std::string& where) {
  constexpr size_t kMostIds = 4 << 20;  // a number takes no more than 16 bytes
  const Json row = json_of_line(line, where, kMostIds / 4);
  if (!row.is_object() || !row.contains("ids") || !row["ids"].is_array())
    fail("{}: expected {{\"ids\":[...]}}, got {}", where, line.substr(0, 80));
  std::vector<int32_t> out;
  for (const Json& id : row["ids"]) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
      fail("{}: \"ids\" holds {}, expected whole numbers from 0 to {}", where, id.dump(), INT32_MAX);
    out.push_back(id.get<int32_t>());
  }
  return out;
}

}  // namespace r1
