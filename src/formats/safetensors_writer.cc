#include <algorithm>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/model_files.h"

namespace r1 {

WrittenFile write_safetensors(const std::string& path, std::span<const NamedTensor> tensors, DType dtype,
                              const nlohmann::ordered_json& metadata) {
  R1_CHECK(dtype == DType::f32 || dtype == DType::bf16);
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& t : tensors) order.push_back(&t);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};  // transformers refuses a file without it
  if (metadata.is_object()) header["__metadata__"].update(metadata);
  uint64_t offset = 0;
  const auto elements = [](const NamedTensor& t) {
    int64_t n = 1;
    for (int64_t d : t.shape) n *= d;
    return n;
  };
  for (const NamedTensor* t : order) {
    const uint64_t size = static_cast<uint64_t>(elements(*t)) * dtype_size(dtype);
    header[t->name] = {{"dtype", dtype == DType::f32 ? "F32" : "BF16"},
                       {"shape", t->shape},
                       {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  DurableFile file(path);
  const uint64_t length = text.size();
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  std::vector<bf16> rounded;
  for (const NamedTensor* t : order) {
    const int64_t n = elements(*t);
    if (dtype == DType::f32) {
      file.write(t->data, static_cast<size_t>(n) * sizeof(float));
      continue;
    }
    rounded.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; i++) rounded[static_cast<size_t>(i)] = to_bf16(t->data[i]);
    file.write(rounded.data(), rounded.size() * sizeof(bf16));
  }
  file.close();
  return {std::filesystem::path(path).filename().string(), file.size(), file.sha256()};
}

}  // namespace r1
