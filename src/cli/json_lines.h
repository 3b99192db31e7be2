// JSON lines on standard input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "base/json.h"

namespace r1 {

// body(line, where) for every line of `in` that is not empty, as it comes; `where` names it for messages. Throws
// r1::Error for a line above 64 MB.
void for_each_line(std::istream& in,
                   const std::function<void(const std::string& line, const std::string& where)>& body);

// One line to standard output. Bytes that are no UTF-8 become U+FFFD.
void print_json_line(const nlohmann::ordered_json& line);

// The line as JSON; what is no JSON comes back discarded. Throws r1::Error beginning with `where` for what
// check_json_shape refuses.
nlohmann::ordered_json json_of_line(const std::string& line, const std::string& where, size_t most_values = 1 << 18);

// row["ids"]: whole numbers from 0 to 2^31 - 1. Throws r1::Error beginning with `where`.
std::vector<int32_t> ids_of_row(const std::string& line, const std::string& where);

}  // namespace r1
