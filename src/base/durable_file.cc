#include "base/durable_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace r1 {
namespace {

EVP_MD_CTX* hash_context(void* p) { return static_cast<EVP_MD_CTX*>(p); }

std::string hex_of(EVP_MD_CTX* context) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context, digest, &size);
  std::string out;
  for (unsigned int i = 0; i < size; i++) out += fmt::format("{:02x}", digest[i]);
  return out;
}

EVP_MD_CTX* new_sha256() {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  R1_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  return context;
}

}  // namespace

DurableFile::DurableFile(const std::string& path) : path_(path), hash_(new_sha256()) {
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    const int error = errno;
    EVP_MD_CTX_free(hash_context(hash_));
    fail("{}: cannot create: {}", path, std::strerror(error));
  }
}

DurableFile::~DurableFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    unlink(path_.c_str());
  }
  EVP_MD_CTX_free(hash_context(hash_));
}

void DurableFile::write(const void* data, size_t size) {
  EVP_DigestUpdate(hash_context(hash_), data, size);
  const char* from = static_cast<const char*>(data);
  size_t left = size;
  while (left > 0) {
    const ssize_t n = ::write(fd_, from, left < (size_t{1} << 30) ? left : size_t{1} << 30);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: writing failed after {} bytes: {}", path_, size_ + (size - left), std::strerror(errno));
    if (n == 0) fail("{}: writing made no progress after {} bytes", path_, size_ + (size - left));
    from += n;
    left -= static_cast<size_t>(n);
  }
  size_ += size;
}

void DurableFile::close() {
  if (fsync(fd_) != 0) fail("{}: fsync failed: {}", path_, std::strerror(errno));
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) {
    const int error = errno;
    unlink(path_.c_str());
    fail("{}: close failed: {}", path_, std::strerror(error));
  }
  digest_ = hex_of(hash_context(hash_));
}

void sync_folder(const std::string& path) {
  const int fd = open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail("{}: cannot open the folder: {}", path, std::strerror(errno));
  const int result = fsync(fd);
  const int error = errno;
  ::close(fd);
  if (result != 0 && error != EINVAL) fail("{}: fsync of the folder failed: {}", path, std::strerror(error));
}

void replace_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  DurableFile file(temporary);
  file.write(content);
  file.close();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    fail("{}: rename failed: {}", path, std::strerror(error));
  }
  sync_folder(std::filesystem::path(path).parent_path().string());
}

std::string sha256_hex(std::string_view bytes) {
  EVP_MD_CTX* context = new_sha256();
  EVP_DigestUpdate(context, bytes.data(), bytes.size());
  std::string out = hex_of(context);
  EVP_MD_CTX_free(context);
  return out;
}

std::string sha256_of_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) fail("{}: cannot open: {}", path, std::strerror(errno));
  EVP_MD_CTX* context = new_sha256();
  std::vector<char> buffer(1 << 20);
  size_t n;
  while ((n = std::fread(buffer.data(), 1, buffer.size(), file)) > 0) EVP_DigestUpdate(context, buffer.data(), n);
  const bool bad = std::ferror(file) != 0;
  std::fclose(file);
  std::string out = hex_of(context);
  EVP_MD_CTX_free(context);
  if (bad) fail("{}: reading failed", path);
  return out;
}

void require_free_space(const std::string& folder, uint64_t bytes) {
  struct statvfs info{};
  if (statvfs(folder.c_str(), &info) != 0) fail("{}: cannot tell the free space: {}", folder, std::strerror(errno));
  const uint64_t available = uint64_t{info.f_bavail} * info.f_frsize, wanted = bytes + bytes / 50 + (1u << 20);
  if (available < wanted)
    fail("{}: {:.2f} GB needed, {:.2f} GB free; make room or set another --out", folder, double(wanted) / 1e9,
         double(available) / 1e9);
}

std::string read_text_file(const std::string& path, uint64_t most) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) fail("{}: cannot open: {}", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) fail("{}: not a regular file", path);
  if (static_cast<uint64_t>(info.st_size) > most) fail("{}: {} bytes, at most {} are read", path, info.st_size, most);
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) fail("{}: cannot open: {}", path, std::strerror(errno));
  std::string out(static_cast<size_t>(info.st_size), '\0');
  const size_t n = std::fread(out.data(), 1, out.size(), file);
  std::fclose(file);
  if (n != out.size()) fail("{}: read {} of {} bytes", path, n, out.size());
  return out;
}

}  // namespace r1
