// A header that is accepted describes the file exactly: every tensor lies inside it and they cover it.
#include <cstdint>

#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const r1::SafetensorsHeader h = r1::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
    uint64_t next = 0;
    for (const auto& e : h.entries) {
      R1_CHECK(e.begin == next && e.end >= e.begin && e.info.elements() >= 0);
      next = e.end;
    }
    R1_CHECK(h.data_start + next == size);
  } catch (const r1::Error&) {
  }
  return 0;
}
