#include "formats/safetensors.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/threads.h"
#include "formats/checked_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;  // not ordered_json, which looks keys up from the start: shards name 100,000 tensors
// The format's own library takes 100 MB, Hugging Face's hub 25: a header of more has no model behind it, only a tree
// that takes many times its bytes.
constexpr uint64_t kMostHeader = 32u << 20, kMostIndex = 32u << 20;

}  // namespace

uint64_t safetensors_element_size(const std::string& dtype) {
  static const std::map<std::string, uint64_t> sizes = {{"F32", 4}, {"F16", 2},  {"BF16", 2}, {"F64", 8}, {"I8", 1},
                                                        {"U8", 1},  {"BOOL", 1}, {"I16", 2},  {"U16", 2}, {"I32", 4},
                                                        {"U32", 4}, {"I64", 8},  {"U64", 8}};
  const auto it = sizes.find(dtype);
  return it == sizes.end() ? 0 : it->second;
}

namespace {

uint64_t read_unsigned(const Json& value, const std::string& what) {
  if (!value.is_number_unsigned()) fail("{}: {} is no whole number >= 0", what, value.dump().substr(0, 80));
  return value.get<uint64_t>();
}

SafetensorsEntry parse_entry(const std::string& name, const Json& value, const std::string& file) {
  const std::string what = fmt::format("{}: tensor {}", file, name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
    fail("{}: expected an object with dtype, shape and data_offsets", what);
  SafetensorsEntry entry;
  entry.info.name = name;
  if (!value["dtype"].is_string())
    fail("{}: dtype is {}, expected a string", what, value["dtype"].dump().substr(0, 40));
  entry.info.dtype = value["dtype"].get<std::string>();
  const uint64_t size = safetensors_element_size(entry.info.dtype);
  if (size == 0) fail("{}: dtype {} is not supported (F32, F16, BF16, F64 and integers are)", what, entry.info.dtype);
  uint64_t bytes = size;
  if (!value["shape"].is_array() || value["shape"].size() > 8)
    fail("{}: shape is {}, expected a list of at most 8 sizes", what, value["shape"].dump().substr(0, 80));
  for (const Json& d : value["shape"]) {
    const uint64_t n = read_unsigned(d, what + ": shape");
    if (n > (uint64_t{1} << 48)) fail("{}: dimension {} is too large", what, n);
    entry.info.shape.push_back(static_cast<int64_t>(n));
    bytes = checked_mul(bytes, n, what);
  }
  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2)
    fail("{}: data_offsets is {}, expected [begin, end]", what, offsets.dump().substr(0, 80));
  entry.begin = read_unsigned(offsets[0], what + ": data_offsets");
  entry.end = read_unsigned(offsets[1], what + ": data_offsets");
  if (entry.begin > entry.end || entry.end - entry.begin != bytes)
    fail("{}: data_offsets [{}, {}] span {} bytes, expected {} from dtype and shape", what, entry.begin, entry.end,
         entry.end - entry.begin, bytes);
  return entry;
}

}  // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& file) {
  ByteReader reader(bytes, file);
  const uint64_t length = reader.read<uint64_t>("header length");
  if (length < 2 || length > kMostHeader)
    fail("{}: header length {} is outside 2 .. {}; this is no safetensors file", file, length, kMostHeader);
  const std::string_view text = reader.text(length, "header");
  if (text[0] != '{') fail("{}: header does not start with an opening brace; this is no safetensors file", file);
  const Json json = parse_checked_json(text, file + ": header");
  if (!json.is_object()) fail("{}: header is no JSON object", file);
  SafetensorsHeader out;
  out.data_start = reader.at();
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      if (!value.is_object()) fail("{}: __metadata__ is no object", file);
      for (const auto& [k, v] : value.items()) {
        if (!v.is_string()) fail("{}: __metadata__ {} is no string", file, k);
        out.metadata[k] = v.get<std::string>();
      }
    } else {
      if (name.empty() || name.size() > 512 || name.find('\0') != std::string::npos)
        fail("{}: a tensor name of {} bytes is not accepted", file, name.size());
      out.entries.push_back(parse_entry(name, value, file));
    }
  }
  std::stable_sort(out.entries.begin(), out.entries.end(),
                   [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t next = 0;
  for (const SafetensorsEntry& e : out.entries) {
    if (e.begin != next)
      fail("{}: tensor {} starts at {}, expected {}: tensors must follow each other without gap or overlap", file,
           e.info.name, e.begin, next);
    next = e.end;
  }
  if (next != reader.left()) fail("{}: tensors end at {}, the file's data has {} bytes", file, next, reader.left());
  return out;
}

namespace {

class SafetensorsSource : public TensorSource {
 public:
  explicit SafetensorsSource(const std::string& path)
      : path_(path), file_(path), header_(parse_safetensors(file_.bytes(), path)) {
    for (const auto& e : header_.entries) infos_.push_back(e.info);
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }

  void read_f32(int index, std::span<float> out) const override {
    const SafetensorsEntry& e = header_.entries[static_cast<size_t>(index)];
    R1_CHECK(static_cast<int64_t>(out.size()) == e.info.elements());
    const std::string& type = e.info.dtype;
    if (type == "F32")
      widen<float>(e, out, [](float x) { return x; });
    else if (type == "BF16")
      widen<bf16>(e, out, [](bf16 x) { return to_float(x); });
    else if (type == "F16")
      widen<uint16_t>(e, out, half_to_float);
    else if (type == "F64")
      widen<double>(e, out, [](double x) { return static_cast<float>(x); });
    else
      fail("{}: tensor {}: dtype {}, expected F32, F16, BF16 or F64", path_, e.info.name, type);
    for (size_t i = 0; i < out.size(); i++)
      if (!std::isfinite(out[i])) fail("{}: tensor {}: element {} is not finite", path_, e.info.name, i);
  }

  void read_i64(int index, std::span<int64_t> out) const override {
    const SafetensorsEntry& e = header_.entries[static_cast<size_t>(index)];
    R1_CHECK(static_cast<int64_t>(out.size()) == e.info.elements());
    const std::string& type = e.info.dtype;
    const auto same = [](auto x) { return static_cast<int64_t>(x); };
    if (type == "I64" || type == "U64")
      widen<int64_t>(e, out, same);
    else if (type == "I32")
      widen<int32_t>(e, out, same);
    else if (type == "U32")
      widen<uint32_t>(e, out, same);
    else if (type == "I16")
      widen<int16_t>(e, out, same);
    else if (type == "U16")
      widen<uint16_t>(e, out, same);
    else if (type == "I8")
      widen<int8_t>(e, out, same);
    else if (type == "U8" || type == "BOOL")
      widen<uint8_t>(e, out, same);
    else
      fail("{}: tensor {}: dtype {}, expected an integer type", path_, e.info.name, type);
    if (type == "U64")
      for (size_t i = 0; i < out.size(); i++)
        if (out[i] < 0) fail("{}: tensor {}: element {} does not fit 63 bits", path_, e.info.name, i);
  }

  void read_stored(int index, const char* dtype, std::span<std::byte> out) const override {
    const SafetensorsEntry& e = header_.entries[static_cast<size_t>(index)];
    if (e.info.dtype != dtype) fail("{}: tensor {}: dtype {}, expected {}", path_, e.info.name, e.info.dtype, dtype);
    if (e.end - e.begin != out.size())
      fail("{}: tensor {} has {} bytes, expected {}", path_, e.info.name, e.end - e.begin, out.size());
    std::memcpy(out.data(), file_.bytes().data() + header_.data_start + e.begin, out.size());
  }

 private:
  template <typename Stored, typename Out, typename Convert>
  void widen(const SafetensorsEntry& e, std::span<Out> out, Convert convert) const {
    const std::byte* from = file_.bytes().data() + header_.data_start + e.begin;
    parallel_chunks(static_cast<int64_t>(out.size()), 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        Stored x;
        std::memcpy(&x, from + static_cast<size_t>(i) * sizeof x, sizeof x);
        out[static_cast<size_t>(i)] = convert(x);
      }
    });
    file_.release(header_.data_start + e.begin, header_.data_start + e.end);  // weights are read once
  }

  std::string path_;
  MappedFile file_;
  SafetensorsHeader header_;
  std::vector<TensorInfo> infos_;
};

// Several files as one.
class ShardedSource : public TensorSource {
 public:
  ShardedSource(const std::string& folder, const Json& weight_map) {
    std::map<std::string, std::string> where;
    std::set<std::string> files;
    for (const auto& [name, value] : weight_map.items()) {
      if (!value.is_string()) fail("{}: model.safetensors.index.json: weight_map {} is no file name", folder, name);
      const std::string file = value.get<std::string>();
      if (file.empty() || file.find('/') != std::string::npos || file.find('\\') != std::string::npos || file == ".." ||
          file.find('\0') != std::string::npos)
        fail("{}: model.safetensors.index.json: tensor {} lies in no plain file name: \"{}\"", folder, name, file);
      where[name] = file;
      files.insert(file);
    }
    for (const std::string& file : files) {
      shards_.push_back(std::make_unique<SafetensorsSource>((std::filesystem::path(folder) / file).string()));
      const auto& infos = shards_.back()->tensors();
      for (size_t i = 0; i < infos.size(); i++) {
        const auto it = where.find(infos[i].name);
        if (it == where.end() || it->second != file)
          fail("{}: shard {} holds tensor {}, which the index does not place there", folder, file, infos[i].name);
        where.erase(it);
        infos_.push_back(infos[i]);
        places_.push_back({shards_.back().get(), static_cast<int>(i)});
      }
    }
    if (!where.empty())
      fail("{}: shard {} has no tensor {}, which the index places there", folder, where.begin()->second,
           where.begin()->first);
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  void read_f32(int index, std::span<float> out) const override {
    places_[static_cast<size_t>(index)].first->read_f32(places_[static_cast<size_t>(index)].second, out);
  }
  void read_i64(int index, std::span<int64_t> out) const override {
    places_[static_cast<size_t>(index)].first->read_i64(places_[static_cast<size_t>(index)].second, out);
  }

 private:
  std::vector<std::unique_ptr<SafetensorsSource>> shards_;
  std::vector<std::pair<SafetensorsSource*, int>> places_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

int TensorSource::find(const std::string& name) const {
  const auto& all = tensors();
  for (size_t i = 0; i < all.size(); i++)
    if (all[i].name == name) return static_cast<int>(i);
  return -1;
}

void TensorSource::read_stored(int index, const char*, std::span<std::byte>) const {
  fail("tensor {} is not of a single safetensors file", tensors()[static_cast<size_t>(index)].name);
}

std::unique_ptr<TensorSource> open_safetensors(const std::string& path) {
  return std::make_unique<SafetensorsSource>(path);
}

std::unique_ptr<TensorSource> open_safetensors_index(const std::string& folder) {
  const std::string path = folder + "/model.safetensors.index.json";
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > kMostIndex) fail("{}: has {} bytes, at most {} are accepted", path, bytes.size(), kMostIndex);
  const Json json = parse_checked_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    fail("{}: expected an object with weight_map", path);
  return std::make_unique<ShardedSource>(folder, json["weight_map"]);
}

}  // namespace r1
