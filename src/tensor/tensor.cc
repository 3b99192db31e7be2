#include "tensor/tensor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/error.h"

namespace r1 {

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::s32:
      return 4;
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::s8:
      return 1;
  }
  return 0;
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::s8:
      return "s8";
    case DType::s32:
      return "s32";
  }
  return "?";
}

float half_to_float(uint16_t h) {
  const uint32_t sign = uint32_t{h & 0x8000u} << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
  uint32_t u;
  if (exponent == 31) {
    u = sign | 0x7f800000u | mantissa << 13;
  } else if (exponent != 0) {
    u = sign | (exponent + 112) << 23 | mantissa << 13;
  } else {
    const float f = static_cast<float>(mantissa) * 0x1p-24f;
    std::memcpy(&u, &f, 4);
    u |= sign;
  }
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

uint16_t float_to_half(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  const uint32_t sign = u >> 16 & 0x8000u, size = u & 0x7fffffffu;
  uint32_t half;
  if (size > 0x7f800000u) {
    half = 0x7e00u;
  } else if (size >= 0x477ff000u) {  // 65520, half way from the largest to where the next one would be
    half = 0x7c00u;
  } else if (size < 0x38800000u) {  // below 2^-14: a step is 2^-24, which is that of floats from 0.5 to 1
    float f;
    std::memcpy(&f, &size, 4);
    f += 0.5f;
    std::memcpy(&half, &f, 4);
    half -= 0x3f000000u;
  } else {
    half = (size + 0xfffu + (size >> 13 & 1) - 0x38000000u) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

namespace {

constexpr size_t kHugePage = size_t{1} << 21;

size_t block_size(size_t bytes) { return (bytes + 63) / 64 * 64 + 64; }  // slack: vector tails may be read, never used

// Large blocks come from the system as zero pages that exist once they are touched, and go back to it at once.
void* map_block(size_t size) {
  const size_t room = size + kHugePage;
  void* all = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(all), aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > begin) munmap(all, aligned - begin);
  if (begin + room > aligned + size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t end = (aligned + size + page - 1) / page * page;
    if (begin + room > end) munmap(reinterpret_cast<void*>(end), begin + room - end);
  }
  madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

Tensor::Tensor(DType dtype, int64_t rows, int64_t cols) : rows_(rows), cols_(cols), dtype_(dtype) {
  R1_CHECK(rows >= 0 && cols >= 0, "rows {} cols {}", rows, cols);
  const size_t size = block_size(bytes());
  data_ = size >= kHugePage ? map_block(size) : std::aligned_alloc(64, size);
  if (data_ == nullptr)
    fail("out of memory: {:.2f} GB for a {} x {} {} tensor", double(size) / 1e9, rows, cols, dtype_name(dtype));
  if (size < kHugePage) std::memset(data_, 0, size);
}

Tensor::~Tensor() {
  const size_t size = block_size(bytes());
  if (data_ != nullptr && size >= kHugePage)
    munmap(data_, size);
  else
    std::free(data_);
}

void Tensor::clear_and_release() {
  const size_t size = block_size(bytes());
  if (data_ == nullptr) return;
  if (size >= kHugePage)
    madvise(data_, size, MADV_DONTNEED);
  else
    std::memset(data_, 0, size);
}

void Tensor::swap(Tensor& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(rows_, other.rows_);
  std::swap(cols_, other.cols_);
  std::swap(dtype_, other.dtype_);
}

}  // namespace r1
