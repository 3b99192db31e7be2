// JSON lines: one object a line; every error names file, line and byte.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace r1 {

// Calls body(line number from 1, object) for each line that is not blank. Throws r1::Error for a line longer than 64
// MB, nesting deeper than 64, invalid UTF-8 or JSON, or a line that is no object. `text` is the whole file, `name` for
// messages.
void for_each_json_line(std::string_view text, const std::string& name,
                        const std::function<void(int64_t, nlohmann::ordered_json)>& body);

}  // namespace r1
