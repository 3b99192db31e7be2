// Bytes from outside: a mapped file, and a reader that checks every step against what is left.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"

namespace r1 {

// A whole file mapped for reading; unmapped with the last owner (tensor sources share it with nobody else). A file that
// shrinks while it is mapped ends the process with SIGBUS, as it does with any program that maps files.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
  // Pages wholly inside [begin, end) need not stay in this process's memory; reading them again fetches them.
  void release(uint64_t begin, uint64_t end) const;

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Little-endian values from a span; running past the end is an error naming the file and the field.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}
  template <typename T>
  T read(const char* field) {
    T value;
    need(sizeof(T), field);
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::string_view text(uint64_t length, const char* field) {
    need(length, field);
    const std::string_view out(reinterpret_cast<const char*>(bytes_.data()) + at_, static_cast<size_t>(length));
    at_ += static_cast<size_t>(length);
    return out;
  }
  void need(uint64_t n, const char* field) const {
    if (n > left()) fail("{}: {} at byte {} needs {} bytes, the file has {} left", file_, field, at_, n, left());
  }
  uint64_t left() const { return bytes_.size() - at_; }
  uint64_t at() const { return at_; }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  size_t at_ = 0;
};

// a * b, or an error naming what overflowed.
inline uint64_t checked_mul(uint64_t a, uint64_t b, const std::string& what) {
  uint64_t out;
  if (__builtin_mul_overflow(a, b, &out)) fail("{}: size {} x {} does not fit 64 bits", what, a, b);
  return out;
}

bool valid_utf8(std::string_view text);

}  // namespace r1
