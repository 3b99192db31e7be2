// adapter_config.json beside tensors whose names follow it: a line a name after the first zero byte.
#include <cmath>
#include <cstdint>
#include <sstream>

#include "base/error.h"
#include "formats/checked_json.h"
#include "formats/peft.h"

namespace {

class Names : public r1::TensorSource {
 public:
  explicit Names(const std::string& lines) {
    std::stringstream in(lines);
    for (std::string name; std::getline(in, name);) infos_.push_back({name, "F32", {1, 1}});
  }
  const std::vector<r1::TensorInfo>& tensors() const override { return infos_; }
  void read_f32(int, std::span<float>) const override {}
  void read_i64(int, std::span<int64_t>) const override {}

 private:
  std::vector<r1::TensorInfo> infos_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t zero = all.find('\0');
  try {
    const auto json = r1::parse_ordered_json(all.substr(0, zero), "fuzz");
    if (!json.is_object()) return 0;
    r1::adapter_base_name(json, "fuzz");
    const Names names(zero == std::string::npos ? "" : all.substr(zero + 1));
    const r1::LoraConfig config = r1::read_lora_config(json, names, "fuzz");
    R1_CHECK(config.r >= 1 && !config.modules.empty() && std::isfinite(config.scale()));
  } catch (const r1::Error&) {
  }
  return 0;
}
