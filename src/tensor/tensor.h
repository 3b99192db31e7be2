// Two tensor types. Tensor owns one aligned block and only moves; TensorView borrows a matrix inside somebody's block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace r1 {

enum class DType : uint8_t { f32, f16, bf16, s8, s32 };

size_t dtype_size(DType dtype);
const char* dtype_name(DType dtype);

// bfloat16 as a two-byte struct: the upper half of a float.
struct bf16 {
  uint16_t bits;
};

inline float to_float(bf16 x) {
  const uint32_t u = uint32_t{x.bits} << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}
inline float to_float(float x) { return x; }

// Round to nearest, ties to even; NaN stays NaN.
inline bf16 to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>(u >> 16 | 0x40)};
  return {static_cast<uint16_t>((u + 0x7fffu + (u >> 16 & 1)) >> 16)};
}

float half_to_float(uint16_t bits);
// Round to nearest, ties to even; what is beyond 65504 by half a step or more becomes infinite, NaN stays NaN.
uint16_t float_to_half(float x);

// One 64-byte aligned block of bytes, zeroed when made.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, int64_t rows, int64_t cols);
  ~Tensor();
  Tensor(Tensor&& other) noexcept { swap(other); }
  Tensor& operator=(Tensor&& other) noexcept {
    swap(other);
    return *this;
  }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  // All zero again; the memory of a large block goes back to the system until it is touched.
  void clear_and_release();

  DType dtype() const { return dtype_; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  size_t bytes() const { return static_cast<size_t>(rows_) * static_cast<size_t>(cols_) * dtype_size(dtype_); }
  void* raw() { return data_; }
  const void* raw() const { return data_; }
  template <typename T>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void swap(Tensor& other) noexcept;

  void* data_ = nullptr;
  int64_t rows_ = 0, cols_ = 0;
  DType dtype_ = DType::f32;
};

// A borrowed row-major matrix: element (r, c) is data[r * stride + c]. Valid as long as the owner's block.
template <typename T>
struct TensorView {
  T* data = nullptr;
  int64_t rows = 0, cols = 0, stride = 0;

  TensorView() = default;
  TensorView(T* data_, int64_t rows_, int64_t cols_) : data(data_), rows(rows_), cols(cols_), stride(cols_) {}
  TensorView(T* data_, int64_t rows_, int64_t cols_, int64_t stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}
  operator TensorView<const T>() const { return {data, rows, cols, stride}; }
  T* row(int64_t r) const { return data + r * stride; }
  TensorView columns(int64_t begin, int64_t count) const { return {data + begin, rows, count, stride}; }
  TensorView row_range(int64_t begin, int64_t count) const { return {data + begin * stride, count, cols, stride}; }
};

// A matmul operand: f32 or bf16, chosen at run time (Compute::operand). Row-major, dense.
struct Operand {
  void* data = nullptr;
  DType dtype = DType::f32;
  int64_t rows = 0, cols = 0;

  void* row(int64_t r) const { return static_cast<char*>(data) + static_cast<size_t>(r * cols) * dtype_size(dtype); }
};

}  // namespace r1
