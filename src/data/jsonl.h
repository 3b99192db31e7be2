// JSON lines: one object a line; every error names file, line and byte.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// Calls body(line number from 1, object) for each line that is not blank. Throws r1::Error, with "name: line L (byte
// B)" (B: where the line begins, from 0), for a line longer than 16 MB, nesting deeper than 64, an object of more than
// 1024 keys, invalid UTF-8 or JSON, a line that is no object, and for every r1::Error or JSON error that body throws.
// `text` is the whole file (a BOM, CRLF and a missing last newline are fine), `name` for messages.
void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(int64_t, nlohmann::ordered_json)>& body);

}  // namespace r1
