// JSON from outside: nested at most 64 deep, no key twice, no more keys and values than a model's files have.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// `what` begins the message: the file, or the part of it. Throws r1::Error.
nlohmann::json parse_checked_json(std::string_view text, const std::string& what, size_t most_values = size_t{1} << 20);
// As above, with keys in the file's order, where each look-up walks through the object: at most 2^17 keys each and 2^20
// values.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& what);

}  // namespace r1
