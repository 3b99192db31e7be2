// GGUF files for tests, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace r1 {

// Writes GGUF field by field, so that tests can write wrong ones.
struct Bytes {
  std::string out;
  template <typename T>
  Bytes& put(T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Bytes& u32(uint32_t v) { return put(v); }
  Bytes& u64(uint64_t v) { return put(v); }
  Bytes& text(const std::string& s) {
    u64(s.size());
    out += s;
    return *this;
  }
  Bytes& start(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    out += "GGUF";
    return u32(version).u64(tensors).u64(keys);
  }
  Bytes& key_text(const std::string& key, const std::string& value) { return text(key).u32(8).text(value); }
  Bytes& key_u32(const std::string& key, uint32_t value) { return text(key).u32(4).u32(value); }
  Bytes& key_f32(const std::string& key, float value) { return text(key).u32(6).put(value); }
  Bytes& key_u16(const std::string& key, uint16_t value) { return text(key).u32(2).put(value); }
  Bytes& key_texts(const std::string& key, const std::vector<std::string>& values) {
    text(key).u32(9).u32(8).u64(values.size());
    for (const std::string& v : values) text(v);
    return *this;
  }
  // dimensions as the file has them: fastest first
  Bytes& tensor(const std::string& name, const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset) {
    text(name).u32(static_cast<uint32_t>(dimensions.size()));
    for (uint64_t d : dimensions) u64(d);
    return u32(type).u64(offset);
  }
  Bytes& data(size_t n, size_t alignment = 32) {
    out.resize((out.size() + alignment - 1) / alignment * alignment + n);
    return *this;
  }
};

}  // namespace r1
