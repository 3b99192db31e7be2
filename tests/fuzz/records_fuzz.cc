// Data files of every kind from any bytes: the first byte chooses the name's ending, the rest is the file.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "data/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr const char* kNames[] = {"f.csv", "f.tsv", "f.json", "f.jsonl"};
  if (size == 0) return 0;
  int64_t last_line = 0;
  try {
    r1::read_records({reinterpret_cast<const char*>(data) + 1, size - 1}, kNames[data[0] % 4], "train",
                     {.record =
                          [&](const r1::RecordPlace& place, nlohmann::ordered_json row) {
                            if (!row.is_object() || place.line < last_line) std::abort();
                            last_line = place.line;
                            static_cast<void>(row.dump());
                          },
                      .bad =
                          [](const r1::RecordPlace&, const std::string& reason) {
                            if (reason.empty()) std::abort();
                          }});
  } catch (const r1::Error&) {
  }
  return 0;
}
