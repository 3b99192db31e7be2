#include <algorithm>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/model_files.h"

namespace r1 {

namespace {

int64_t elements_of(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

std::string header_text(const std::vector<StoredTensor>& tensors, const nlohmann::ordered_json& metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};  // transformers refuses a file without it
  if (metadata.is_object()) header["__metadata__"].update(metadata);
  uint64_t offset = 0;
  for (const StoredTensor& t : tensors) {
    const uint64_t size = static_cast<uint64_t>(elements_of(t.shape)) * dtype_size(t.dtype);
    header[t.name] = {
        {"dtype", safetensors_dtype(t.dtype)}, {"shape", t.shape}, {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

// Header and tensors by name; write_data(file, tensor) writes the bytes of one.
template <typename WriteData>
WrittenFile write_sorted(const std::string& path, std::vector<StoredTensor> tensors,
                         const nlohmann::ordered_json& metadata, const WriteData& write_data) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const std::string text = header_text(tensors, metadata);
  DurableFile file(path);
  const uint64_t length = text.size();
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const StoredTensor& t : tensors) write_data(file, t);
  file.close();
  return {std::filesystem::path(path).filename().string(), file.size(), file.sha256()};
}

}  // namespace

const char* safetensors_dtype(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::f16:
      return "F16";
    case DType::bf16:
      return "BF16";
    case DType::s8:
      return "I8";
    case DType::s32:
      return "I32";
  }
  return "?";
}

WrittenFile write_safetensors(const std::string& path, std::span<const StoredTensor> tensors,
                              const nlohmann::ordered_json& metadata) {
  return write_sorted(path, {tensors.begin(), tensors.end()}, metadata, [](DurableFile& file, const StoredTensor& t) {
    file.write(t.data, static_cast<size_t>(elements_of(t.shape)) * dtype_size(t.dtype));
  });
}

WrittenFile write_safetensors(const std::string& path, std::span<const NamedTensor> tensors, DType dtype,
                              const nlohmann::ordered_json& metadata) {
  R1_CHECK(dtype == DType::f32 || dtype == DType::bf16);
  std::vector<StoredTensor> stored;  // data is float32 here whatever the type it is written in
  for (const NamedTensor& t : tensors) stored.push_back({t.name, t.shape, dtype, t.data});
  std::vector<bf16> rounded;
  return write_sorted(path, std::move(stored), metadata, [&](DurableFile& file, const StoredTensor& t) {
    const size_t n = static_cast<size_t>(elements_of(t.shape));
    const float* data = static_cast<const float*>(t.data);
    if (dtype == DType::f32) return file.write(data, n * sizeof(float));
    rounded.resize(n);
    for (size_t i = 0; i < n; i++) rounded[i] = to_bf16(data[i]);
    file.write(rounded.data(), n * sizeof(bf16));
  });
}

}  // namespace r1
