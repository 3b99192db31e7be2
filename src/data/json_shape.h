// Bounds what a JSON parser is given: a tree takes many times its text's bytes, and the library turns whole numbers
// that do not fit into others.
#pragma once

#include <cstddef>
#include <string_view>

namespace r1 {

constexpr size_t kMostRowValues = 1 << 18;  // of one row

// For brackets nested deeper than 64, an object of more than 1024 keys, more than `most_values` values (keys are none;
// numbers are counted apart, and may be four times as many: they take little), and a whole number outside -2^63 .. 2^64
// - 1 (`begin` is where the text stands in its file, for the byte in that message), throws r1::Error. What is no JSON
// at all passes.
void check_json_shape(std::string_view text, size_t begin, size_t most_values = kMostRowValues);

}  // namespace r1
