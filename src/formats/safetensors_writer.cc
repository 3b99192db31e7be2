// safetensors files, written from memory or one tensor at a time.
#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/model_files.h"
#include "formats/weight_encoding.h"

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

WrittenFile write_safetensors(const std::string& path, const WeightStream& weights, std::span<const size_t> which,
                              DType dtype, const nlohmann::ordered_json& metadata) {
  std::map<std::string, size_t> index;
  std::vector<StoredTensor> stored;
  for (size_t i : which) {
    index[weights.entries[i].name] = i;
    stored.push_back({weights.entries[i].name, weights.entries[i].shape, dtype, nullptr});
  }
  std::vector<float> scratch;
  std::vector<std::byte> encoded;
  return write_sorted(path, std::move(stored), metadata, [&](DurableFile& file, const StoredTensor& t) {
    const std::span<const float> values = weights.read(index.at(t.name), scratch);
    R1_CHECK(static_cast<int64_t>(values.size()) == elements_of(t.shape));
    const auto bytes = encode_weights(values, dtype, fmt::format("{}: tensor {}", path, t.name), encoded);
    file.write(bytes.data(), bytes.size());
  });
}

WrittenFile write_safetensors(const std::string& path, std::span<const NamedTensor> tensors, DType dtype,
                              const nlohmann::ordered_json& metadata) {
  std::vector<size_t> all(tensors.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return write_safetensors(path, stream_of(tensors), all, dtype, metadata);
}

int64_t WeightStream::Entry::elements() const { return elements_of(shape); }

WeightStream stream_of(std::span<const NamedTensor> tensors) {
  WeightStream out;
  std::vector<const float*> data;
  for (const NamedTensor& t : tensors) {
    out.entries.push_back({t.name, t.shape});
    data.push_back(t.data);
  }
  out.read = [entries = out.entries, data = std::move(data)](size_t i, std::vector<float>&) {
    return std::span<const float>(data[i], static_cast<size_t>(entries[i].elements()));
  };
  return out;
}

}  // namespace r1
