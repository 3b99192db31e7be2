// Data sets from any bytes: parsed or refused by r1::Error, with rows that keep their promises. Works in memory.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "data/dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const r1::Dataset all = r1::parse_dataset({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (all.rows.empty()) std::abort();
    for (const r1::DataRow& row : all.rows) {
      if (row.labels.size() != row.input_ids.size()) std::abort();
      if (all.shape == r1::DataShape::messages && row.messages.empty()) std::abort();
    }
    const size_t held = r1::split_dataset(all, 0.5, 1, true).rows.size();
    if (held + r1::split_dataset(all, 0.5, 1, false).rows.size() != all.rows.size()) std::abort();
  } catch (const r1::Error&) {
  }
  return 0;
}
