// JSON from outside: nested at most 64 deep, no key twice, no object with more keys than a model's files have.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// `what` begins the message: the file, or the part of it. Throws r1::Error.
nlohmann::json parse_checked_json(std::string_view text, const std::string& what);
// As above, with keys in the file's order, which costs the square of an object's size: at most 16384 keys each.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what);

}  // namespace r1
