// A GGUF model split into files, NAME-00001-of-00003.gguf and so on: the first holds the metadata, each its own tensors
// and three keys, split.no, split.count and split.tensors.count.
#include <filesystem>
#include <unordered_set>

#include "formats/gguf.h"

namespace r1 {
namespace {

constexpr int64_t kMostParts = 4096;

std::string part_ending(int64_t number, int64_t count) { return fmt::format("-{:05}-of-{:05}.gguf", number, count); }

// The common beginning of the files' names. `path` must be the first one's.
std::string name_of_split(const std::string& path, int64_t number, int64_t count) {
  const std::string ending = part_ending(number + 1, count);
  if (!path.ends_with(ending))
    fail("{}: is file {} of {} of a split model, whose name must end in {}", path, number + 1, count, ending);
  const std::string prefix = path.substr(0, path.size() - ending.size());
  if (number != 0)
    fail("{}: is file {} of {} of a split model; name the first, {}", path, number + 1, count,
         prefix + part_ending(1, count));
  return prefix;
}

}  // namespace

GgufFile::GgufFile(const std::string& path) {
  add_part(path, header_);
  const int64_t count = header_.whole("split.count", 1, 0, kMostParts);
  if (count <= 1) return;
  const std::string prefix = name_of_split(path, header_.whole("split.no", 0, 0, count - 1), count);
  std::unordered_set<std::string> names;
  for (const GgufTensor& t : header_.tensors) names.insert(t.info.name);
  for (int64_t i = 1; i < count; i++) {
    const std::string name = prefix + part_ending(i + 1, count);
    if (!std::filesystem::exists(name)) fail("{}: is missing; the model is split into {} files", name, count);
    GgufHeader part;
    add_part(name, part);
    if (part.whole("split.no", -1, 0, count - 1) != i || part.whole("split.count", -1, 0, kMostParts) != count)
      fail("{}: split.no and split.count do not say that it is file {} of {}", name, i + 1, count);
    for (GgufTensor& t : part.tensors) {
      if (!names.insert(t.info.name).second) fail("{}: tensor {} is in an earlier file too", name, t.info.name);
      t.part = static_cast<size_t>(i);
      header_.tensors.push_back(std::move(t));
    }
  }
  const int64_t expected = header_.whole("split.tensors.count", static_cast<int64_t>(names.size()), 0, INT32_MAX);
  if (static_cast<int64_t>(names.size()) != expected)
    fail("{}: {} tensors in {} files, split.tensors.count says {}", path, names.size(), count, expected);
}

void GgufFile::add_part(const std::string& path, GgufHeader& header) {
  auto file = std::make_unique<MappedFile>(path);
  header = parse_gguf(file->bytes(), path);
  const uint64_t start = header.data_start;
  parts_.push_back({std::move(file), start});
}

std::span<const std::byte> GgufFile::data(const GgufTensor& t) const {
  const Part& part = parts_[t.part];
  return part.file->bytes().subspan(part.data_start + t.offset, t.bytes);
}

const GgufTensor* GgufFile::find(const std::string& name) const {
  for (const GgufTensor& t : header_.tensors)
    if (t.info.name == name) return &t;
  return nullptr;
}

uint64_t GgufFile::size() const {
  uint64_t total = 0;
  for (const Part& part : parts_) total += part.file->bytes().size();
  return total;
}

}  // namespace r1
