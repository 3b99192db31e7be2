// Files that are there whole or not at all: full writes, fsync, checked close; names change only after the data is on
// disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace r1 {

// A new file, written in order. close() flushes it to disk and checks; a file never closed is removed again.
class DurableFile {
 public:
  explicit DurableFile(const std::string& path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void close();
  // SHA-256 of what was handed to write(), from memory: damage on the way to the disk is caught. Hex; valid after
  // close().
  const std::string& sha256() const { return digest_; }
  uint64_t size() const { return size_; }

 private:
  std::string path_, digest_;
  int fd_ = -1;
  uint64_t size_ = 0;
  void* hash_ = nullptr;  // EVP_MD_CTX
};

// Replaces a small file atomically: temporary neighbour, fsync, rename, fsync of the folder.
void replace_file(const std::string& path, std::string_view content);
void sync_folder(const std::string& path);
std::string sha256_hex(std::string_view bytes);
std::string sha256_of_file(const std::string& path);
// Throws when the file system of `folder` has less than `bytes` and a margin free.
void require_free_space(const std::string& folder, uint64_t bytes);
// The whole file; throws above `most` bytes.
std::string read_text_file(const std::string& path, uint64_t most = uint64_t{1} << 30);

}  // namespace r1
