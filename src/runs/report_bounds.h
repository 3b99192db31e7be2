// What comes from a run's folder is text of a model and files of anybody: here it is read within limits and made safe
// to show.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace r1 {

// Valid UTF-8 with nothing in it that acts: control characters (but line feed and tab) become their pictures, marks
// that turn the direction of writing become U+FFFD, as do broken bytes. A character stays one character. What is longer
// than `most` bytes is cut between characters, with a note of how much was left out.
std::string shown_text(std::string_view text, size_t most);

struct JsonBounds {
  size_t text = 16'000;  // bytes of a string
  size_t items = 4'000;  // of a list
  size_t keys = 100;     // of an object
  size_t depth = 6;
};
// A copy with shown_text of every string and every key; what is beyond the bounds is left out, as are numbers that are
// not finite.
nlohmann::ordered_json bounded_json(const nlohmann::json& value, const JsonBounds& bounds);

struct LineCounts {
  size_t lines = 0;     // objects handed on
  size_t damaged = 0;   // no JSON objects, or longer than 4 MB
  bool cut = false;     // the file is longer than `most_bytes`
  bool absent = false;  // not there, or no regular file
};
// body(object) for every line of the file.
LineCounts for_each_object(const std::string& path, size_t most_bytes,
                           const std::function<void(const nlohmann::json&)>& body);

}  // namespace r1
