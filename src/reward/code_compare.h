// Is what a program gave what was expected? Decided here, outside the jail, on bytes and plain data: no object of the
// program's takes part.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// Line by line; white space at the end of a line, and empty lines at the end of the text, do not count; everything else
// does, the number of lines included. With a tolerance, words that are both numbers may differ by that much, absolutely
// or relative to the expected one. `why`: the first difference, for people.
bool same_output(std::string_view got, std::string_view expected, double tolerance, std::string& why);

// Plain data crosses as tagged JSON (sandbox/driver.py): null, true, 3, "text", ["i","0x..."] a large integer,
// ["f","0x1.8p+0"], ["l",..] a list, ["t",..] a tuple, ["d",[key,value],..], ["s",..] a set, ["z",..] a frozen set,
// ["b","hex"], ["y","hex"], ["c",re,im], ["r",start,stop,step].
nlohmann::ordered_json tagged(const nlohmann::ordered_json& plain);

// `expected` is plain JSON, as data sets have it. JSON knows one sequence and one kind of key: a tuple may stand for a
// list, and a key that is a number for its text. A set is no list, as in Python's own ==: it has no order, so that one
// would pass for a sorted list unsorted, and for a list without its repetitions. True is not 1. Integers are compared
// exactly (with an expected float: as numbers); floats within `tolerance`, absolutely or relative to the expected one;
// NaN and infinities equal nothing.
bool same_value(const nlohmann::ordered_json& got_tagged, const nlohmann::ordered_json& expected, double tolerance);

// A value as Python would write it, more or less and not longer than `most` bytes; for reasons.
std::string readable(const nlohmann::ordered_json& tagged_value, size_t most);

}  // namespace r1
