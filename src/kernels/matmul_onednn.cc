#include "kernels/matmul_onednn.h"

#include <omp.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>

#include "base/threads.h"
#include "kernels/onednn.h"

namespace r1 {
namespace {

constexpr int64_t kLargestBucket = 1024;  // rows

dnnl::memory::data_type dnnl_type(DType dtype) {
  return dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

using Tag = dnnl::memory::format_tag;

// One primitive a shape: C (m, n) f32 (+)= A (m, k) B (k, n), all dense, run by `threads` threads. Packed B: layout
// chosen by oneDNN, the same for every m.
struct ProductKey {
  int64_t m, k, n;
  DType dtype;
  bool transposed_a, packed_b, accumulate;
  int threads;
  auto operator<=>(const ProductKey&) const = default;
};

struct Product {
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul primitive;
  dnnl::memory::desc a, b, c;
};

Product make_product(const ProductKey& key) {
  const auto type = dnnl_type(key.dtype);
  dnnl::memory::desc a({key.m, key.k}, type, key.transposed_a ? Tag::ba : Tag::ab);
  dnnl::memory::desc b({key.k, key.n}, type, key.packed_b ? Tag::any : Tag::ab);
  dnnl::memory::desc c({key.m, key.n}, dnnl::memory::data_type::f32, Tag::ab);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (key.accumulate) {
    dnnl::post_ops post;
    post.append_sum(1.0f);
    attr.set_post_ops(post);
  }
  const int threads = omp_get_max_threads();
  omp_set_num_threads(key.threads);  // of this thread: what the primitive plans for
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc desc(cpu_engine(), a, b, c, attr);
#else
  dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a, b, c), attr, cpu_engine());
#endif
  Product made{desc, dnnl::matmul(desc), a, desc.weights_desc(), c};
  omp_set_num_threads(threads);
  return made;
}

// Shared by all threads; lives as long as the program.
const Product& product_for(const ProductKey& key) {
  static std::mutex mutex;
  static std::map<ProductKey, std::unique_ptr<Product>> cache;
  std::scoped_lock lock(mutex);
  auto& slot = cache[key];
  if (!slot) slot = std::make_unique<Product>(make_product(key));
  return *slot;
}

// A product with what one thread needs to run it.
struct BoundProduct {
  explicit BoundProduct(const Product& p)
      : product(p),
        a(p.a, cpu_engine(), nullptr),
        b(p.b, cpu_engine(), nullptr),
        c(p.c, cpu_engine(), nullptr),
        scratch(DType::s8, 1, static_cast<int64_t>(p.desc.scratchpad_desc().get_size())),
        scratchpad(p.desc.scratchpad_desc(), cpu_engine(), scratch.raw()),
        arguments({{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}, {DNNL_ARG_SCRATCHPAD, scratchpad}}) {}

  const Product& product;
  dnnl::memory a, b, c;
  Tensor scratch;
  dnnl::memory scratchpad;
  std::unordered_map<int, dnnl::memory> arguments;
};

void run_product(const ProductKey& key, const void* a, const void* b, float* c) {
  thread_local std::map<ProductKey, std::unique_ptr<BoundProduct>> bound;
  auto& slot = bound[key];
  if (!slot) slot = std::make_unique<BoundProduct>(product_for(key));
  slot->a.set_data_handle(const_cast<void*>(a));
  slot->b.set_data_handle(const_cast<void*>(b));
  slot->c.set_data_handle(c);
  slot->product.primitive.execute(cpu_stream(), slot->arguments);
}

// [begin, end) of part i of n cut into parts of whole `unit`s, as even as they come.
std::pair<int64_t, int64_t> part_of(int64_t i, int64_t parts, int64_t n, int64_t unit) {
  const int64_t units = (n + unit - 1) / unit;
  return {std::min(n, units * i / parts * unit), std::min(n, units * (i + 1) / parts * unit)};
}

constexpr int64_t kColumnBlock = 64;
constexpr int64_t kLeastRows = 16;  // of a tile, where there is a choice
constexpr int64_t kMaxRows = 256;

// Of a product with packed B, run by one thread.
ProductKey packed_key(DType dtype, int64_t rows, int64_t k, int64_t columns, bool accumulate) {
  return {rows, k, columns, dtype, false, true, accumulate, 1};
}

int64_t packed_bytes(DType dtype, int64_t k, int64_t columns) {
  return static_cast<int64_t>(product_for(packed_key(dtype, 64, k, columns, false)).b.get_size());
}

void zero_rows(Operand x, int64_t capacity) {
  const size_t row_bytes = static_cast<size_t>(x.cols) * dtype_size(x.dtype);
  std::memset(x.row(x.rows), 0, row_bytes * static_cast<size_t>(capacity - x.rows));
}

}  // namespace

DnnlPack::DnnlPack(DType dtype, int64_t k, int64_t n) : dtype_(dtype), k_(k), n_(n) {
  if (n <= kColumnBlock) return;
  const int64_t half = n / kColumnBlock / 2 * kColumnBlock, columns = half > 0 ? half : kColumnBlock;
  sliceable_ = packed_bytes(dtype, k, columns) + packed_bytes(dtype, k, n - columns) == block_bytes();
}

int64_t DnnlPack::block_bytes() const { return packed_bytes(dtype_, k_, n_); }

void DnnlPack::pack(const float* w, bool transposed) {
  const Product& p = product_for(packed_key(dtype_, 64, k_, n_, false));
  if (!has_block()) block_ = Tensor(DType::s8, 1, block_bytes());
  dnnl::memory from({{k_, n_}, dnnl::memory::data_type::f32, transposed ? Tag::ba : Tag::ab}, cpu_engine(),
                    const_cast<float*>(w));
  dnnl::memory to(p.b, cpu_engine(), block_.raw());
  dnnl::reorder(from, to).execute(cpu_stream(), from, to);
  cpu_stream().wait();
}

void DnnlPack::multiply(Operand a, TensorView<float> c, bool accumulate) const {
  const int64_t threads = threads_here(), blocks = (n_ + kColumnBlock - 1) / kColumnBlock;
  if (a.rows < threads * kLeastRows && threads > 1 && sliceable_)
    return multiply_slices(a, c, accumulate, std::min(threads, blocks));
  // as many tiles for each thread: five for two threads would leave one waiting a sixth of the time
  const int64_t needed = (a.rows + kMaxRows - 1) / kMaxRows, most = (a.rows + kLeastRows - 1) / kLeastRows,
                parts = std::min((needed + threads - 1) / threads * threads, most);
  parallel_for(parts, [&](int64_t i) {
    const auto [begin, end] = part_of(i, parts, a.rows, a.rows > 128 ? 16 : 8);
    if (begin == end) return;
    run_product(packed_key(dtype_, bucket_rows(end - begin), k_, n_, accumulate), a.row(begin), block_.raw(),
                c.row(begin));
  });
}

void DnnlPack::multiply_slices(Operand a, TensorView<float> c, bool accumulate, int64_t parts) const {
  const size_t padded_columns = static_cast<size_t>((n_ + kColumnBlock - 1) / kColumnBlock * kColumnBlock);
  parallel_for(parts, [&](int64_t i) {
    const auto [begin, end] = part_of(i, parts, n_, kColumnBlock);
    const int64_t columns = end - begin;
    thread_local Tensor results;
    if (results.cols() < bucket_rows(a.rows) * columns) results = Tensor(DType::f32, 1, bucket_rows(a.rows) * columns);
    const char* block = static_cast<const char*>(block_.raw()) + block_.bytes() / padded_columns * begin;
    run_product(packed_key(dtype_, bucket_rows(a.rows), k_, columns, false), a.data, block, results.as<float>());
    for (int64_t r = 0; r < a.rows; r++) {
      const float* from = results.as<float>() + r * columns;
      float* to = c.row(r) + begin;
      for (int64_t j = 0; j < columns; j++) to[j] = accumulate ? to[j] + from[j] : from[j];
    }
  });
}

void dnnl_weight_gradient(Operand dy, Operand x, float* dw) {
  const int64_t capacity = bucket_rows(x.rows);
  zero_rows(dy, capacity);
  zero_rows(x, capacity);
  for (int64_t done = 0; done < x.rows; done += kLargestBucket) {  // zero rows add exactly nothing to the sums
    const int64_t rows = bucket_rows(std::min(kLargestBucket, x.rows - done));
    run_product({dy.cols, rows, x.cols, x.dtype, true, false, true, thread_count()}, dy.row(done), x.row(done), dw);
  }
}

}  // namespace r1
