#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "base/threads.h"

namespace r1 {
namespace {

enum Kind : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };
constexpr uint64_t kMostDimensions = 4, kLongestName = 1024;  // of a tensor
constexpr uint64_t kLongestKey = 64 * 1024;
// DeepSeek-V3 has about 1,100 tensors and 60 keys; the largest vocabularies 260,000 tokens and 600,000 merges.
constexpr uint64_t kMostTensors = 1 << 17, kMostKeys = 1 << 14;
constexpr uint64_t kMostStrings = 1 << 21, kMostNumbers = 1 << 22, kMostText = 48 << 20;  // of all keys together

uint64_t kind_size(uint32_t kind) {
  switch (kind) {
    case kU8:
    case kI8:
    case kBool:
      return 1;
    case kU16:
    case kI16:
      return 2;
    case kU32:
    case kI32:
    case kF32:
      return 4;
    case kU64:
    case kI64:
    case kF64:
      return 8;
    case kString:
      return 8;  // at least its length
    default:
      return 0;
  }
}

class HeaderParser {
 public:
  HeaderParser(std::span<const std::byte> bytes, const std::string& file)
      : reader_(bytes, file), file_(file), size_(bytes.size()) {}

  GgufHeader parse() {
    GgufHeader h;
    h.file = file_;
    if (reader_.text(4, "magic") != "GGUF") fail("{}: does not start with GGUF; this is no GGUF file", file_);
    h.version = reader_.read<uint32_t>("version");
    if (h.version != 2 && h.version != 3)
      fail("{}: GGUF version {}, expected 2 or 3 (a byte-swapped or newer file?)", file_, h.version);
    const uint64_t num_tensors = reader_.read<uint64_t>("tensor count"), num_keys = reader_.read<uint64_t>("key count");
    if (num_tensors > reader_.left() / 24) fail("{}: {} tensors cannot fit the file", file_, num_tensors);
    if (num_keys > reader_.left() / 13) fail("{}: {} metadata keys cannot fit the file", file_, num_keys);
    if (num_tensors > kMostTensors) fail("{}: {} tensors, at most {} are accepted", file_, num_tensors, kMostTensors);
    if (num_keys > kMostKeys) fail("{}: {} metadata keys, at most {} are accepted", file_, num_keys, kMostKeys);
    for (uint64_t i = 0; i < num_keys; i++) {
      std::string key = string("metadata key", kLongestKey);
      if (key.empty() || !valid_utf8(key)) fail("{}: metadata key {} is empty or not valid UTF-8", file_, i);
      const uint32_t kind = reader_.read<uint32_t>("value type");
      if (!h.metadata.emplace(key, value(kind, key)).second) fail("{}: metadata key {} appears twice", file_, key);
    }
    read_tensors(h, num_tensors);
    return h;
  }

 private:
  std::string string(const char* field, uint64_t most) {
    const uint64_t length = reader_.read<uint64_t>(field);
    if (length > most) fail("{}: {} of {} bytes, at most {} are accepted", file_, field, length, most);
    const std::string_view text = reader_.text(length, field);
    spend(text_left_, length, "bytes of text", kMostText);
    return std::string(text);
  }

  // What the header may still hold.
  void spend(uint64_t& left, uint64_t n, const char* of_what, uint64_t most) {
    if (n > left) fail("{}: metadata holds more than {} {}", file_, most, of_what);
    left -= n;
  }

  double number(uint32_t kind, const std::string& key) {
    switch (kind) {
      case kU8:
        return reader_.read<uint8_t>("value");
      case kI8:
        return reader_.read<int8_t>("value");
      case kU16:
        return reader_.read<uint16_t>("value");
      case kI16:
        return reader_.read<int16_t>("value");
      case kU32:
        return reader_.read<uint32_t>("value");
      case kI32:
        return reader_.read<int32_t>("value");
      case kF32:
        return reader_.read<float>("value");
      case kBool:
        return reader_.read<uint8_t>("value");
      case kU64:
        return static_cast<double>(reader_.read<uint64_t>("value"));
      case kI64:
        return static_cast<double>(reader_.read<int64_t>("value"));
      case kF64:
        return reader_.read<double>("value");
      default:
        fail("{}: metadata key {} has type {}, which GGUF does not define", file_, key, kind);
    }
  }

  GgufValue value(uint32_t kind, const std::string& key) {
    const GgufKind name = static_cast<GgufKind>(kind);
    switch (kind) {
      case kString:
        return {string("string value", size_), name};
      case kBool:
        return {reader_.read<uint8_t>("value") != 0, name};
      case kU64:
        return {reader_.read<uint64_t>("value"), name};
      case kI64:
        return {reader_.read<int64_t>("value"), name};
      case kF32:
      case kF64:
        return {number(kind, key), name};
      case kArray:
        return array(key);
      default:
        return {static_cast<int64_t>(number(kind, key)), name};
    }
  }

  GgufValue array(const std::string& key) {
    const uint32_t kind = reader_.read<uint32_t>("array type");
    const uint64_t count = reader_.read<uint64_t>("array length");
    if (kind == kArray) fail("{}: metadata key {} is an array of arrays, which is not supported", file_, key);
    if (kind_size(kind) == 0)
      fail("{}: metadata key {} is an array of type {}, which GGUF does not define", file_, key, kind);
    if (count > reader_.left() / kind_size(kind))
      fail("{}: metadata key {}: {} array entries cannot fit the file", file_, key, count);
    if (kind == kString) {
      spend(strings_left_, count, "strings", kMostStrings);
      GgufValue::Strings out;
      out.reserve(count);
      for (uint64_t i = 0; i < count; i++) out.push_back(string("array string", size_));
      return {std::move(out), GgufKind::string};
    }
    spend(numbers_left_, count, "numbers", kMostNumbers);
    GgufValue::Numbers out(count);
    for (double& x : out) x = number(kind, key);
    return {std::move(out), static_cast<GgufKind>(kind)};
  }

  void read_tensors(GgufHeader& h, uint64_t count) {
    std::set<std::string> names;
    for (uint64_t i = 0; i < count; i++) {
      h.tensors.push_back(tensor());
      if (!names.insert(h.tensors.back().info.name).second)
        fail("{}: tensor {} appears twice", file_, h.tensors.back().info.name);
    }
    const double alignment = h.number("general.alignment", 32);
    if (!(alignment >= 8 && alignment <= 65536) || alignment != std::floor(alignment) ||
        !std::has_single_bit(static_cast<uint64_t>(alignment)))
      fail("{}: general.alignment is {}, expected a power of two from 8 to 65536", file_, alignment);
    const uint64_t align = static_cast<uint64_t>(alignment);
    h.data_start = (reader_.at() + align - 1) / align * align;
    uint64_t next = 0;
    std::vector<const GgufTensor*> order;
    for (const GgufTensor& t : h.tensors) order.push_back(&t);
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
    for (const GgufTensor* t : order) {
      const std::string& name = t->info.name;
      if (t->offset % align != 0)
        fail("{}: tensor {}: offset {} is no multiple of the alignment {}", file_, name, t->offset, align);
      if (t->offset < next)
        fail("{}: tensor {}: offset {} overlaps the tensor before, which ends at {}", file_, name, t->offset, next);
      if (h.data_start > size_ || t->offset > size_ - h.data_start || t->bytes > size_ - h.data_start - t->offset)
        fail("{}: tensor {}: {} bytes at {} run past the end of the file (cut short?)", file_, name, t->bytes,
             t->offset);
      next = t->offset + t->bytes;
    }
  }

  GgufTensor tensor() {
    GgufTensor t;
    t.info.name = string("tensor name", kLongestName);
    if (t.info.name.empty() || !valid_utf8(t.info.name) || t.info.name.find('\0') != std::string::npos)
      fail("{}: a tensor's name is empty or no valid text", file_);
    const std::string what = fmt::format("{}: tensor {}", file_, t.info.name);
    const uint32_t dimensions = reader_.read<uint32_t>("dimension count");
    if (dimensions < 1 || dimensions > kMostDimensions)
      fail("{}: {} dimensions, expected 1 to {}", what, dimensions, kMostDimensions);
    uint64_t elements = 1;
    for (uint32_t d = 0; d < dimensions; d++) {
      const uint64_t n = reader_.read<uint64_t>("dimension");
      if (n == 0 || n > (uint64_t{1} << 40)) fail("{}: dimension {} is {}", what, d, n);
      t.info.shape.insert(t.info.shape.begin(), static_cast<int64_t>(n));
      elements = checked_mul(elements, n, what);
    }
    t.type = reader_.read<uint32_t>("tensor type");
    const GgufType* type = find_gguf_type(t.type);
    if (type == nullptr) fail("{}: type {} is not supported ({} are)", what, t.type, gguf_type_names());
    t.info.dtype = type->name;
    if (static_cast<uint64_t>(t.info.shape.back()) % type->elements != 0)
      fail("{}: rows of {} are no multiple of {}'s blocks of {}", what, t.info.shape.back(), type->name,
           type->elements);
    t.bytes = checked_mul(elements / type->elements, type->bytes, what);
    t.offset = reader_.read<uint64_t>("tensor offset");
    return t;
  }

  ByteReader reader_;
  const std::string& file_;
  uint64_t size_;
  uint64_t text_left_ = kMostText, strings_left_ = kMostStrings, numbers_left_ = kMostNumbers;
};

}  // namespace

GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& file) {
  return HeaderParser(bytes, file).parse();
}

namespace {
[[noreturn]] void wrong_type(const GgufHeader& h, const std::string& key, const char* expected) {
  fail("{}: metadata key {} has another type than expected ({})", h.file, key, expected);
}
}  // namespace

std::string GgufHeader::text(const std::string& key, const std::string& fallback) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return fallback;
  const auto* s = std::get_if<std::string>(&it->second.value);
  if (s == nullptr) wrong_type(*this, key, "string");
  if (!valid_utf8(*s)) fail("{}: metadata key {} is not valid UTF-8", file, key);
  return *s;
}

double GgufHeader::number(const std::string& key, double fallback) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return fallback;
  if (const auto* i = std::get_if<int64_t>(&it->second.value)) return static_cast<double>(*i);
  if (const auto* u = std::get_if<uint64_t>(&it->second.value)) return static_cast<double>(*u);
  if (const auto* d = std::get_if<double>(&it->second.value)) return *d;
  wrong_type(*this, key, "number");
}

int64_t GgufHeader::whole(const std::string& key, int64_t fallback, int64_t least, int64_t most) const {
  const double n = number(key, static_cast<double>(fallback));
  if (!metadata.contains(key)) return fallback;
  if (!(n >= static_cast<double>(least) && n <= static_cast<double>(most)) || n != std::floor(n))
    fail("{}: metadata key {} is {}, expected a whole number from {} to {}", file, key, n, least, most);
  return static_cast<int64_t>(n);
}

bool GgufHeader::flag(const std::string& key, bool fallback) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return fallback;
  if (const auto* b = std::get_if<bool>(&it->second.value)) return *b;
  wrong_type(*this, key, "bool");
}

const GgufValue::Strings* GgufHeader::strings(const std::string& key) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return nullptr;
  if (const auto* s = std::get_if<GgufValue::Strings>(&it->second.value)) return s;
  wrong_type(*this, key, "array of strings");
}

const GgufValue::Numbers* GgufHeader::numbers(const std::string& key) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return nullptr;
  if (const auto* s = std::get_if<GgufValue::Numbers>(&it->second.value)) return s;
  wrong_type(*this, key, "array of numbers");
}

}  // namespace r1
