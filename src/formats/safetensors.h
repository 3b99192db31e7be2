// safetensors, read and written. The header is checked whole before any tensor is touched: no overlap, no gap, no
// duplicate name, sizes that follow from the shapes (the rules of the format's own library).
#pragma once

#include <cstddef>
#include <map>

#include "formats/bytes.h"
#include "formats/model_files.h"

namespace r1 {

struct SafetensorsEntry {
  TensorInfo info;
  uint64_t begin = 0, end = 0;  // in the data part
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // by offset
  uint64_t data_start = 0;
  std::map<std::string, std::string> metadata;
};

// Bytes of an element of F32, BF16, I64 and so on; 0 for a type that is not read.
uint64_t safetensors_element_size(const std::string& dtype);

// Throws r1::Error naming `file`, the tensor, what it holds and what is expected.
SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& file);

// Shards named by model.safetensors.index.json in `folder`.
std::unique_ptr<TensorSource> open_safetensors_index(const std::string& folder);

}  // namespace r1
