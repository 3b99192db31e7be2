// What the fuzz targets start from: seeds made by the program, and a file of inputs a target that earlier runs found to
// reach new code (corpus/TARGET.txt). One input is one line of that file: printable ASCII as it is, but \\ for a
// backslash, \n for a line break, \xHH for any other byte.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace r1::fuzz {

using Inputs = std::vector<std::string>;

// Small valid inputs, by the target's name (gguf_fuzz ...).
std::map<std::string, Inputs> make_seeds();

// Throws r1::Error for a file that cannot be read and for a line that is spelled wrongly.
Inputs read_corpus(const std::string& path);
std::string corpus_line(std::string_view input);  // with the line break at its end

}  // namespace r1::fuzz
