#include "kernels/matmul_int8.h"

#include <algorithm>
#include <cmath>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/matmul.h"

namespace r1 {
namespace {

constexpr int64_t kPanel = 16;
constexpr int64_t kMostRows = 1024;  // a larger product runs in slices of this many rows
constexpr int64_t kRowsATask = 96;

dnnl::engine& cpu_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

// C (m, n) s32 = A (m, k) s8 B (k, n) s8 with B in the layout that oneDNN chose for 64 rows.
struct Product {
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c;
};

Product make_product(int64_t m, int64_t k, int64_t n, const dnnl::memory::desc* packed) {
  dnnl::memory::desc a({m, k}, Type::s8, Tag::ab), c({m, n}, Type::s32, Tag::ab);
  const dnnl::memory::desc b = packed != nullptr ? *packed : dnnl::memory::desc({k, n}, Type::s8, Tag::any);
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc desc(cpu_engine(), a, b, c);
#else
  dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a, b, c), cpu_engine());
#endif
  return {dnnl::matmul(desc), a, desc.weights_desc(), c};
}

const Product& product_for(int64_t m, int64_t k, int64_t n) {
  static std::mutex mutex;
  static std::map<std::tuple<int64_t, int64_t, int64_t>, std::unique_ptr<Product>> cache;
  std::scoped_lock lock(mutex);
  auto& packing = cache[{64, k, n}];
  if (!packing) packing = std::make_unique<Product>(make_product(64, k, n, nullptr));
  auto& slot = cache[{m, k, n}];
  if (!slot) slot = std::make_unique<Product>(make_product(m, k, n, &packing->b));
  return *slot;
}

// Room of this thread that grows to the largest call and stays.
template <typename T>
T* room_for(std::vector<T>& room, int64_t n) {
  if (static_cast<int64_t>(room.size()) < n) room.resize(static_cast<size_t>(n));
  return room.data();
}

}  // namespace

struct Int8Matrix::Impl {
  Compute compute;
  int64_t out, in, stride;    // stride: of a row of x as integers
  Tensor packed;              // oneDNN's layout, or panels (pairs, 16, 2)
  std::vector<float> scales;  // (out)

  int64_t panels() const { return (out + kPanel - 1) / kPanel; }
  int64_t pairs() const { return (in + 1) / 2; }
  void pack_own(const int8_t* q) {
    int8_t* to = packed.as<int8_t>();
    parallel_for(panels(), [&](int64_t panel) {
      for (int64_t j = 0; j < kPanel && panel * kPanel + j < out; j++)
        for (int64_t k = 0; k < in; k++)
          to[(panel * pairs() + k / 2) * 2 * kPanel + 2 * j + k % 2] = q[(panel * kPanel + j) * in + k];
    });
  }
  void pack_onednn(const int8_t* q) {
    dnnl::memory from({{in, out}, Type::s8, Tag::ba}, cpu_engine(), const_cast<int8_t*>(q));
    dnnl::memory to(product_for(64, in, out).b, cpu_engine(), packed.raw());
    dnnl::reorder(from, to).execute(cpu_stream(), from, to);
    cpu_stream().wait();
  }
  void multiply_own(const int8_t* q, int64_t rows, int32_t* c) const {
    const int64_t slices = (rows + kRowsATask - 1) / kRowsATask;
    parallel_for(panels() * slices, [&](int64_t task) {
      const int64_t panel = task % panels(), row = task / panels() * kRowsATask;
      const Int8Panel p = {.a = q + row * stride,
                           .a_stride = stride,
                           .rows = std::min(kRowsATask, rows - row),
                           .panel = packed.as<int8_t>() + panel * pairs() * 2 * kPanel,
                           .pairs = pairs(),
                           .c = c + row * out + panel * kPanel,
                           .c_stride = out,
                           .n = static_cast<int>(std::min(kPanel, out - panel * kPanel))};
      R1_DISPATCH(compute.isa, int8_panel, p);
    });
  }
  void multiply_onednn(const int8_t* q, int64_t rows, int32_t* c) const {
    const Product& p = product_for(bucket_rows(rows), in, out);
    dnnl::memory a(p.a, cpu_engine(), const_cast<int8_t*>(q)), b(p.b, cpu_engine(), const_cast<void*>(packed.raw())),
        to(p.c, cpu_engine(), c);
    p.primitive.execute(cpu_stream(), {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, to}});
    cpu_stream().wait();
  }
};

Int8Matrix::Int8Matrix(const Compute& compute, int64_t out, int64_t in)
    : impl_(std::make_unique<Impl>(Impl{compute, out, in, in, {}, {}})) {
  R1_CHECK(out > 0 && in > 0 && in <= kInt8Depth && compute.int8 != Int8::off, "{} x {}", out, in);
  impl_->scales.resize(static_cast<size_t>(out));
  if (compute.int8 == Int8::onednn) {
    impl_->packed = Tensor(DType::s8, 1, static_cast<int64_t>(product_for(64, in, out).b.get_size()));
  } else {
    impl_->stride = 2 * impl_->pairs();
    impl_->packed = Tensor(DType::s8, impl_->panels(), impl_->pairs() * 2 * kPanel);
  }
}
Int8Matrix::~Int8Matrix() = default;
Int8Matrix::Int8Matrix(Int8Matrix&&) noexcept = default;

void quantise_rows(const Compute& compute, Operand x, int64_t stride, int8_t* q, float* scale) {
  parallel_chunks(x.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      R1_DISPATCH(compute.isa, quantise_row, x.row(r), x.dtype == DType::bf16, x.cols, q + r * stride, scale + r);
      std::fill(q + r * stride + x.cols, q + (r + 1) * stride, int8_t{0});
    }
  });
}

void Int8Matrix::pack(const float* w) {
  Impl& m = *impl_;
  thread_local std::vector<int8_t> room;
  int8_t* q = room_for(room, m.out * m.in);
  quantise_rows(m.compute, {const_cast<float*>(w), DType::f32, m.out, m.in}, m.in, q, m.scales.data());
  if (m.compute.int8 == Int8::onednn)
    m.pack_onednn(q);
  else
    m.pack_own(q);
}

void Int8Matrix::forward(Operand x, TensorView<float> y) const {
  const Impl& m = *impl_;
  R1_CHECK(x.cols == m.in && y.cols == m.out && x.rows == y.rows && y.stride == y.cols, "x {}x{} y {}x{}", x.rows,
           x.cols, y.rows, y.cols);
  thread_local std::vector<int8_t> q_room;
  thread_local std::vector<float> scale_room;
  for (int64_t done = 0; done < x.rows; done += kMostRows) {
    const int64_t rows = std::min(kMostRows, x.rows - done);
    int8_t* q = room_for(q_room, bucket_rows(rows) * m.stride);
    float* scale = room_for(scale_room, rows);
    quantise_rows(m.compute, {x.row(done), x.dtype, rows, x.cols}, m.stride, q, scale);
    int32_t* sums = reinterpret_cast<int32_t*>(y.row(done));  // the sums lie where the numbers will
    if (m.compute.int8 == Int8::onednn)
      m.multiply_onednn(q, rows, sums);
    else
      m.multiply_own(q, rows, sums);
    parallel_chunks(rows, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++)
        R1_DISPATCH(m.compute.isa, rescale_row, y.row(done + r), m.out, scale[r], m.scales.data());
    });
  }
}

size_t Int8Matrix::bytes() const { return impl_->packed.bytes() + impl_->scales.size() * sizeof(float); }

// Without instructions for it, oneDNN sums products of 8 bits in 16, which overflow or are halved first: the largest
// integers show it.
Int8 choose_int8(const Compute& compute) {
  if (compute.isa == Isa::scalar) return Int8::own;
  constexpr int64_t kRows = 40, kIn = 203, kOut = 144;
  std::vector<float> w(kIn * kOut), x(kRows * kIn);
  for (size_t i = 0; i < w.size(); i++) w[i] = i % 5 == 0 ? 1 : static_cast<float>(i * 2654435761u >> 16 & 0xff) / 255;
  for (size_t i = 0; i < x.size(); i++) x[i] = i % 7 == 0 ? 1 : static_cast<float>(i * 2246822519u >> 16 & 0xff) / 255;
  std::vector<std::vector<float>> results;
  try {
    for (Int8 who : {Int8::own, Int8::onednn}) {
      Compute with = compute;
      with.int8 = who;
      Int8Matrix matrix(with, kOut, kIn);
      matrix.pack(w.data());
      for (int64_t rows : {int64_t{1}, int64_t{5}, int64_t{24}, kRows}) {
        results.emplace_back(static_cast<size_t>(bucket_rows(rows) * kOut));
        matrix.forward({x.data(), DType::f32, rows, kIn}, {results.back().data(), rows, kOut});
        results.back().resize(static_cast<size_t>(rows * kOut));
      }
    }
  } catch (const dnnl::error&) {
    return Int8::own;  // this instruction set has no such primitive
  }
  const auto half = results.begin() + static_cast<std::ptrdiff_t>(results.size() / 2);
  return std::equal(results.begin(), half, half) ? Int8::onednn : Int8::own;
}

}  // namespace r1
