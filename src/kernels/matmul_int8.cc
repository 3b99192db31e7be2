#include "kernels/matmul_int8.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/matmul.h"
#include "kernels/onednn.h"

namespace r1 {
namespace {

constexpr int64_t kPanel = 16;
constexpr int64_t kSlice = 256;     // columns: a multiple of kPanel
constexpr int64_t kMostRows = 256;  // of a task
constexpr int64_t kLeastRows = 16;  // of a task, where rows are shared out

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;
using ProductKey = std::tuple<int64_t, int64_t, int64_t>;  // m, k, n

// C (m, n) s32 = A (m, k) s8 B (k, n) s8 with B in the layout that oneDNN chose for 64 rows.
struct Product {
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c;
};

Product make_product(const ProductKey& key, const dnnl::memory::desc* packed) {
  const auto [m, k, n] = key;
  dnnl::memory::desc a({m, k}, Type::s8, Tag::ab), c({m, n}, Type::s32, Tag::ab);
  const dnnl::memory::desc b = packed != nullptr ? *packed : dnnl::memory::desc({k, n}, Type::s8, Tag::any);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc desc(cpu_engine(), a, b, c, attr);
#else
  dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a, b, c), attr, cpu_engine());
#endif
  return {desc, dnnl::matmul(desc), a, desc.weights_desc(), c};
}

// Shared by all threads; lives as long as the program.
const Product& product_for(const ProductKey& key) {
  static std::mutex mutex;
  static std::map<ProductKey, std::unique_ptr<Product>> cache;
  std::scoped_lock lock(mutex);
  auto& packing = cache[{64, std::get<1>(key), std::get<2>(key)}];
  if (!packing) packing = std::make_unique<Product>(make_product({64, std::get<1>(key), std::get<2>(key)}, nullptr));
  auto& slot = cache[key];
  if (!slot) slot = std::make_unique<Product>(make_product(key, &packing->b));
  return *slot;
}

void run_product(const ProductKey& key, const int8_t* a, const int8_t* b, int32_t* c) {
  thread_local std::map<ProductKey, Tensor> scratchpads;
  const Product& p = product_for(key);
  Tensor& scratch = scratchpads[key];
  if (scratch.raw() == nullptr)
    scratch = Tensor(DType::s8, 1, static_cast<int64_t>(p.desc.scratchpad_desc().get_size()));
  dnnl::memory a_mem(p.a, cpu_engine(), const_cast<int8_t*>(a)), b_mem(p.b, cpu_engine(), const_cast<int8_t*>(b)),
      c_mem(p.c, cpu_engine(), c), scratch_mem(p.desc.scratchpad_desc(), cpu_engine(), scratch.raw());
  p.primitive.execute(
      cpu_stream(),
      {{DNNL_ARG_SRC, a_mem}, {DNNL_ARG_WEIGHTS, b_mem}, {DNNL_ARG_DST, c_mem}, {DNNL_ARG_SCRATCHPAD, scratch_mem}});
  cpu_stream().wait();
}

// Room of this thread that grows to the largest call and stays.
template <typename T>
T* room_for(std::vector<T>& room, int64_t n) {
  if (static_cast<int64_t>(room.size()) < n) room.resize(static_cast<size_t>(n));
  return room.data();
}

}  // namespace

// Columns are kept in slices of kSlice, each packed by itself.
struct Int8Matrix::Impl {
  Compute compute;
  int64_t out, in, stride;     // stride: of a row of x as integers
  std::vector<Tensor> slices;  // oneDNN's layout, or panels (pairs, 16, 2)
  std::vector<float> scales;   // (out)

  int64_t pairs() const { return (in + 1) / 2; }
  int64_t num_slices() const { return (out + kSlice - 1) / kSlice; }
  int64_t columns_of(int64_t slice) const { return std::min(kSlice, out - slice * kSlice); }
  // q: the slice's rows of W as integers, (columns, in)
  void pack_own(const int8_t* q, int64_t columns, int8_t* to) const {
    for (int64_t o = 0; o < columns; o++)
      for (int64_t k = 0; k < in; k++)
        to[(o / kPanel * pairs() + k / 2) * 2 * kPanel + 2 * (o % kPanel) + k % 2] = q[o * in + k];
  }
  void pack_onednn(const int8_t* q, int64_t columns, int8_t* to) const {
    dnnl::memory from({{in, columns}, Type::s8, Tag::ba}, cpu_engine(), const_cast<int8_t*>(q));
    dnnl::memory packed(product_for({64, in, columns}).b, cpu_engine(), to);
    dnnl::reorder(from, packed).execute(cpu_stream(), from, packed);
    cpu_stream().wait();
  }
  void multiply_own(const int8_t* q, int64_t rows, int64_t slice, int32_t* sums) const {
    const int64_t columns = columns_of(slice);
    for (int64_t first = 0; first < columns; first += kPanel) {
      const Int8Panel p = {.a = q,
                           .a_stride = stride,
                           .rows = rows,
                           .panel = slices[static_cast<size_t>(slice)].as<int8_t>() + first * pairs() * 2,
                           .pairs = pairs(),
                           .c = sums + first,
                           .c_stride = columns,
                           .n = static_cast<int>(std::min(kPanel, columns - first))};
      R1_DISPATCH(compute.isa, int8_panel, p);
    }
  }
  // Everything of rows [row, row + rows) and a run of slices, by one thread in room of its own: what surrounds this may
  // run on every thread (base/threads.h, in_team).
  void multiply(Operand x, int64_t first_slice, int64_t end_slice, TensorView<float> y) const {
    thread_local std::vector<int8_t> q_room;
    thread_local std::vector<float> scale_room;
    thread_local std::vector<int32_t> sum_room;
    const int64_t bucket = bucket_rows(x.rows);
    int8_t* q = room_for(q_room, bucket * stride);
    float* scale = room_for(scale_room, x.rows);
    int32_t* sums = room_for(sum_room, bucket * kSlice);
    quantise_rows(compute, x, stride, q, scale);
    for (int64_t slice = first_slice; slice < end_slice; slice++) {
      const int64_t columns = columns_of(slice), first = slice * kSlice;
      if (compute.int8 == Int8::onednn)
        run_product({bucket, in, columns}, q, slices[static_cast<size_t>(slice)].as<int8_t>(), sums);
      else
        multiply_own(q, x.rows, slice, sums);
      for (int64_t r = 0; r < x.rows; r++)
        R1_DISPATCH(compute.isa, rescale_row, sums + r * columns, columns, scale[r], scales.data() + first,
                    y.row(r) + first);
    }
  }
};

Int8Matrix::Int8Matrix(const Compute& compute, int64_t out, int64_t in)
    : impl_(std::make_unique<Impl>(Impl{compute, out, in, in, {}, {}})) {
  R1_CHECK(out > 0 && in > 0 && in <= kInt8Depth && compute.int8 != Int8::off, "{} x {}", out, in);
  Impl& m = *impl_;
  m.scales.resize(static_cast<size_t>(out));
  if (compute.int8 == Int8::own) m.stride = 2 * m.pairs();
  for (int64_t slice = 0; slice < m.num_slices(); slice++) {
    const int64_t columns = m.columns_of(slice), panels = (columns + kPanel - 1) / kPanel;
    m.slices.emplace_back(DType::s8, 1,
                          compute.int8 == Int8::own
                              ? panels * m.pairs() * 2 * kPanel
                              : static_cast<int64_t>(product_for({64, in, columns}).b.get_size()));
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
  parallel_for(m.num_slices(), [&](int64_t slice) {
    thread_local std::vector<int8_t> room;
    const int64_t columns = m.columns_of(slice), first = slice * kSlice;
    int8_t* q = room_for(room, columns * m.in);
    quantise_rows(m.compute, {const_cast<float*>(w + first * m.in), DType::f32, columns, m.in}, m.in, q,
                  m.scales.data() + first);
    int8_t* to = m.slices[static_cast<size_t>(slice)].as<int8_t>();
    if (m.compute.int8 == Int8::onednn)
      m.pack_onednn(q, columns, to);
    else
      m.pack_own(q, columns, to);
  });
}

// Many rows are shared out by rows, few by slices of columns.
void Int8Matrix::forward(Operand x, TensorView<float> y) const {
  const Impl& m = *impl_;
  R1_CHECK(x.cols == m.in && y.cols == m.out && x.rows == y.rows && y.stride == y.cols, "x {}x{} y {}x{}", x.rows,
           x.cols, y.rows, y.cols);
  const int64_t threads = threads_here();
  const bool few = x.rows < threads * kLeastRows;
  const int64_t row_parts = few ? 1 : std::max((x.rows + kMostRows - 1) / kMostRows, threads);
  const int64_t column_parts = few ? std::min(threads, m.num_slices()) : 1;
  parallel_for(row_parts * column_parts, [&](int64_t task) {
    const int64_t i = task / column_parts, j = task % column_parts;
    const int64_t row = x.rows * i / row_parts, rows = x.rows * (i + 1) / row_parts - row;
    if (rows == 0) return;
    m.multiply({x.row(row), x.dtype, rows, x.cols}, m.num_slices() * j / column_parts,
               m.num_slices() * (j + 1) / column_parts, y.row_range(row, rows));
  });
}

size_t Int8Matrix::bytes() const {
  size_t total = impl_->scales.size() * sizeof(float);
  for (const Tensor& slice : impl_->slices) total += slice.bytes();
  return total;
}

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
