#include "kernels/matmul.h"

#include <omp.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/matmul_int8.h"
#include "kernels/matmul_own.h"
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

// B (k, n) in oneDNN's own blocked layout: columns in blocks of 64, one after the other, so that a slice of whole
// blocks is itself a packed matrix. Every tile of a product is run by one thread: many rows are shared out by rows, few
// rows by columns.
class DnnlPack {
 public:
  DnnlPack(DType dtype, int64_t k, int64_t n) : dtype_(dtype), k_(k), n_(n) {
    const Product& p = product_for(key(64, n, false));
    sliceable_ = n > kColumnBlock && slices_are_packed_alike(p.b);
  }
  // `w` (out, in) f32; B is its transpose (k = in) or itself (k = out).
  void pack(const float* w, bool transposed) {
    const Product& p = product_for(key(64, n_, false));
    if (!has_block()) block_ = Tensor(DType::s8, 1, static_cast<int64_t>(p.b.get_size()));
    dnnl::memory from({{k_, n_}, dnnl::memory::data_type::f32, transposed ? Tag::ba : Tag::ab}, cpu_engine(),
                      const_cast<float*>(w));
    dnnl::memory to(p.b, cpu_engine(), block_.raw());
    dnnl::reorder(from, to).execute(cpu_stream(), from, to);
    cpu_stream().wait();
  }
  void multiply(Operand a, TensorView<float> c, bool accumulate) const {
    const int64_t threads = thread_count(), blocks = (n_ + kColumnBlock - 1) / kColumnBlock;
    if (a.rows < threads * kLeastRows && threads > 1 && sliceable_)
      return multiply_slices(a, c, accumulate, std::min(threads, blocks));
    const int64_t parts =
        std::max((a.rows + kMaxRows - 1) / kMaxRows, std::min(threads, (a.rows + kLeastRows - 1) / kLeastRows));
    parallel_for(parts, [&](int64_t i) {
      const auto [begin, end] = part_of(i, parts, a.rows, a.rows > 128 ? 16 : 8);
      if (begin == end) return;
      run_product(key(bucket_rows(end - begin), n_, accumulate), a.row(begin), block_.raw(), c.row(begin));
    });
  }
  bool has_block() const { return block_.cols() > 0; }
  void use_block_of(SpareBlocks& spare) {
    block_ = spare.take(DType::s8, 1, static_cast<int64_t>(product_for(key(64, n_, false)).b.get_size()));
  }
  Tensor take_block() { return std::exchange(block_, Tensor()); }
  size_t bytes() const { return block_.bytes(); }

 private:
  static constexpr int64_t kColumnBlock = 64;
  static constexpr int64_t kLeastRows = 16;  // of a tile, where there is a choice
  static constexpr int64_t kMaxRows = 256;

  ProductKey key(int64_t rows, int64_t columns, bool accumulate) const {
    return {rows, k_, columns, dtype_, false, true, accumulate, 1};
  }
  bool slices_are_packed_alike(const dnnl::memory::desc& whole) const {
    const int64_t half = n_ / kColumnBlock / 2 * kColumnBlock, columns = half > 0 ? half : kColumnBlock;
    return product_for(key(64, columns, false)).b.get_size() + product_for(key(64, n_ - columns, false)).b.get_size() ==
           whole.get_size();
  }
  void multiply_slices(Operand a, TensorView<float> c, bool accumulate, int64_t parts) const {
    parallel_for(parts, [&](int64_t i) {
      const auto [begin, end] = part_of(i, parts, n_, kColumnBlock);
      const int64_t columns = end - begin;
      thread_local Tensor results;
      if (results.cols() < bucket_rows(a.rows) * columns)
        results = Tensor(DType::f32, 1, bucket_rows(a.rows) * columns);
      const char* block = static_cast<const char*>(block_.raw()) + block_.bytes() / padded_columns() * begin;
      run_product(key(bucket_rows(a.rows), columns, false), a.data, block, results.as<float>());
      for (int64_t r = 0; r < a.rows; r++) {
        const float* from = results.as<float>() + r * columns;
        float* to = c.row(r) + begin;
        for (int64_t j = 0; j < columns; j++) to[j] = accumulate ? to[j] + from[j] : from[j];
      }
    });
  }
  size_t padded_columns() const { return static_cast<size_t>((n_ + kColumnBlock - 1) / kColumnBlock * kColumnBlock); }

  DType dtype_;
  int64_t k_, n_;
  Tensor block_;
  bool sliceable_ = false;
};

void zero_rows(Operand x, int64_t capacity) {
  const size_t row_bytes = static_cast<size_t>(x.cols) * dtype_size(x.dtype);
  std::memset(x.row(x.rows), 0, row_bytes * static_cast<size_t>(capacity - x.rows));
}

}  // namespace

int64_t bucket_rows(int64_t rows) {
  if (rows <= 8) return rows;
  const int64_t step = rows <= 32 ? 4 : rows <= 128 ? 8 : rows <= 256 ? 16 : rows <= 512 ? 32 : 64;
  return (rows + step - 1) / step * step;
}

Tensor SpareBlocks::take(DType dtype, int64_t rows, int64_t cols) {
  const auto fits = [&](const Tensor& t) { return t.dtype() == dtype && t.rows() == rows && t.cols() == cols; };
  const auto it = std::find_if(blocks_.begin(), blocks_.end(), fits);
  if (it == blocks_.end()) return Tensor(dtype, rows, cols);
  Tensor block = std::move(*it);
  blocks_.erase(it);
  return block;
}

struct PackedMatrix::Impl {
  Compute compute;
  int64_t out, in;
  bool keeps_backward;
  std::unique_ptr<DnnlPack> forward, backward;
  std::unique_ptr<OwnPack> own, own_backward;  // what is kept of ours serves both; lent, backward has its own
  std::unique_ptr<Int8Matrix> int8;
  bool lent_forward = false, lent_backward = false;
};

namespace {
template <typename Pack>
void lend_to(Pack& pack, bool& lent, const float* w, bool transposed, SpareBlocks& spare) {
  if (pack.has_block() && !lent) return;  // kept
  if (!lent) pack.use_block_of(spare);
  pack.pack(w, transposed);
  lent = true;
}
}  // namespace

PackedMatrix::PackedMatrix(const Compute& compute, int64_t out, int64_t in, bool with_backward)
    : impl_(
          std::make_unique<Impl>(Impl{compute, out, in, with_backward, nullptr, nullptr, nullptr, nullptr, nullptr})) {
  R1_CHECK(out > 0 && in > 0);
  if (compute.int8 != Int8::off) {
    R1_CHECK(!with_backward);
    impl_->int8 = std::make_unique<Int8Matrix>(compute, out, in);
  } else if (compute.onednn) {
    impl_->forward = std::make_unique<DnnlPack>(compute.operand, in, out);
    impl_->backward = std::make_unique<DnnlPack>(compute.operand, out, in);
  } else {
    impl_->own = std::make_unique<OwnPack>(compute, in, out);
    impl_->own_backward = std::make_unique<OwnPack>(compute, out, in);
  }
}
PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;

void PackedMatrix::pack(const float* w) {
  if (impl_->int8) impl_->int8->pack(w);
  if (impl_->forward) impl_->forward->pack(w, true);
  if (impl_->backward && impl_->keeps_backward) impl_->backward->pack(w, false);
  if (impl_->own) impl_->own->pack(w, true);
}

void PackedMatrix::drop() {
  R1_CHECK(!impl_->int8);
  impl_->lent_forward = impl_->lent_backward = false;
  if (impl_->forward) impl_->forward->take_block();
  if (impl_->backward) impl_->backward->take_block();
  if (impl_->own) impl_->own->take_block(), impl_->own_backward->take_block();
}

void PackedMatrix::lend(Pass pass, const float* w, SpareBlocks& spare) {
  Impl& m = *impl_;
  R1_CHECK(!m.int8);
  if (pass == Pass::forward)
    m.own ? lend_to(*m.own, m.lent_forward, w, true, spare) : lend_to(*m.forward, m.lent_forward, w, true, spare);
  else if (!m.own)
    lend_to(*m.backward, m.lent_backward, w, false, spare);
  else if (!m.own->has_block() || m.lent_forward)
    lend_to(*m.own_backward, m.lent_backward, w, false, spare);
}

void PackedMatrix::take_back(SpareBlocks& spare) {
  Impl& m = *impl_;
  if (std::exchange(m.lent_forward, false)) spare.give(m.own ? m.own->take_block() : m.forward->take_block());
  if (std::exchange(m.lent_backward, false))
    spare.give(m.own ? m.own_backward->take_block() : m.backward->take_block());
}

namespace {
void multiply_forward(const PackedMatrix::Impl& m, Operand x, TensorView<float> y, bool accumulate) {
  R1_CHECK(x.cols == m.in && y.cols == m.out && x.rows == y.rows && y.stride == y.cols, "x {}x{} y {}x{}", x.rows,
           x.cols, y.rows, y.cols);
  R1_CHECK(x.dtype == m.compute.operand);
  if (m.int8) {
    R1_CHECK(!accumulate);
    m.int8->forward(x, y);
    return;
  }
  R1_CHECK(m.own ? m.own->has_block() : m.forward->has_block(), "no packed copy: pack() or lend() first");
  if (m.forward)
    m.forward->multiply(x, y, accumulate);
  else
    m.own->multiply(x, y, accumulate);
}

void multiply_back(const PackedMatrix::Impl& m, Operand dy, TensorView<float> dx, bool accumulate) {
  R1_CHECK(dy.cols == m.out && dx.cols == m.in && dy.rows == dx.rows && dx.stride == dx.cols);
  const DnnlPack* theirs = m.backward.get();
  R1_CHECK(theirs ? theirs->has_block() : m.own && (m.own->has_block() || m.own_backward->has_block()),
           "no packed copy for backward: pack() or lend() first");
  if (theirs)
    theirs->multiply(dy, dx, accumulate);
  else if (m.own_backward->has_block())
    m.own_backward->multiply(dy, dx, accumulate);
  else
    m.own->multiply_turned(dy, dx, accumulate);
}
}  // namespace

void PackedMatrix::forward(Operand x, TensorView<float> y) const { multiply_forward(*impl_, x, y, false); }
void PackedMatrix::forward_add(Operand x, TensorView<float> y) const { multiply_forward(*impl_, x, y, true); }
void PackedMatrix::backward_input(Operand dy, TensorView<float> dx) const { multiply_back(*impl_, dy, dx, false); }
void PackedMatrix::backward_input_add(Operand dy, TensorView<float> dx) const { multiply_back(*impl_, dy, dx, true); }

int64_t PackedMatrix::out() const { return impl_->out; }
int64_t PackedMatrix::in() const { return impl_->in; }
size_t PackedMatrix::bytes() const {
  size_t total = 0;
  if (impl_->int8) total += impl_->int8->bytes();
  if (impl_->forward) total += impl_->forward->bytes();
  if (impl_->backward) total += impl_->backward->bytes();
  if (impl_->own) total += impl_->own->bytes() + impl_->own_backward->bytes();
  return total;
}

void matmul_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw) {
  R1_CHECK(dy.rows == x.rows && dy.dtype == x.dtype);
  if (!compute.onednn) return own_weight_gradient(compute, dy, x, dw);
  const int64_t capacity = bucket_rows(x.rows);
  zero_rows(dy, capacity);
  zero_rows(x, capacity);
  for (int64_t done = 0; done < x.rows; done += kLargestBucket) {  // zero rows add exactly nothing to the sums
    const int64_t rows = bucket_rows(std::min(kLargestBucket, x.rows - done));
    run_product({dy.cols, rows, x.cols, x.dtype, true, false, true, thread_count()}, dy.row(done), x.row(done), dw);
  }
}

bool onednn_is_batch_invariant(const Compute& compute) {
  constexpr int64_t kRows = 96, kIn = 200, kOut = 144;
  Compute with = compute;
  with.onednn = true;
  std::vector<float> w(kIn * kOut), x(kRows * kIn);
  for (size_t i = 0; i < w.size(); i++) w[i] = static_cast<float>(i * 2654435761u >> 16 & 0xffff) / 65536.0f - 0.5f;
  for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i * 2246822519u >> 16 & 0xffff) / 65536.0f - 0.5f;
  std::vector<bf16> x16(x.size());
  for (size_t i = 0; i < x.size(); i++) x16[i] = to_bf16(x[i]);
  void* data = compute.operand == DType::bf16 ? static_cast<void*>(x16.data()) : x.data();
  const int before = thread_count();
  bool same = true;
  try {
    PackedMatrix packed(with, kOut, kIn, false);
    packed.pack(w.data());
    std::vector<float> all(kRows * kOut), part(kRows * kOut);
    packed.forward({data, compute.operand, kRows, kIn}, {all.data(), kRows, kOut});
    for (int threads : {1, before}) {
      set_thread_count(threads);
      for (int64_t rows : {1, 2, 5, 8, 12, 24, 64, 96}) {
        packed.forward({data, compute.operand, rows, kIn}, {part.data(), rows, kOut});
        same = same && std::memcmp(part.data(), all.data(), static_cast<size_t>(rows * kOut) * 4) == 0;
      }
    }
  } catch (const dnnl::error&) {
    same = false;  // this instruction set has no such primitive
  }
  set_thread_count(before);
  return same;
}

Compute make_compute(const std::string& compute_dtype) {
  Compute compute;
  compute.isa = detect_isa();
  if (compute_dtype == "auto")
    compute.operand = compute.isa == Isa::avx512bf16 ? DType::bf16 : DType::f32;
  else if (compute_dtype == "f32" || compute_dtype == "float32")
    compute.operand = DType::f32;
  else if (compute_dtype == "bf16" || compute_dtype == "bfloat16")
    compute.operand = DType::bf16;
  else
    fail_usage("compute_dtype={}: expected auto, f32 or bf16", compute_dtype);
  switch (compute.isa) {
    case Isa::scalar:
      compute.onednn = false;
      break;
    case Isa::avx2:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
      break;
    case Isa::avx512:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_vnni);
      break;
    case Isa::avx512bf16:
      break;
  }
  const bool native = compute.operand == DType::f32 || compute.isa == Isa::avx512bf16;
  compute.onednn = compute.onednn && native && onednn_is_batch_invariant(compute);
  return compute;
}

}  // namespace r1
