#include "kernels/matmul.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/matmul_bf16.h"
#include "kernels/matmul_int8.h"
#include "kernels/matmul_onednn.h"
#include "kernels/matmul_own.h"
#include "kernels/matmul_tasks.h"
#include "kernels/onednn.h"

namespace r1 {

int64_t bucket_rows(int64_t rows) {
  if (rows <= 8) return rows;
  const int64_t step = rows <= 32 ? 4 : rows <= 128 ? 8 : rows <= 256 ? 16 : rows <= 512 ? 32 : 64;
  return (rows + step - 1) / step * step;
}

int64_t row_shares(const Compute& compute, int64_t rows) {
  // weights in f32 take twice as long to read
  const int64_t least = compute.bf16_pairs() ? kLargestRowBlock : 4 * kLargestRowBlock;
  const int64_t threads = threads_here();
  const bool apart = !compute.onednn || compute.int8 != Int8::off;
  return apart && rows >= threads * least ? threads : 1;
}

Tensor SpareBlocks::take(DType dtype, int64_t rows, int64_t cols) {
  const auto fits = [&](const Tensor& t) { return t.dtype() == dtype && t.rows() == rows && t.cols() == cols; };
  const auto it = std::find_if(blocks_.begin(), blocks_.end(), fits);
  if (it == blocks_.end()) return Tensor(dtype, rows, cols);
  Tensor block = std::move(*it);
  blocks_.erase(it);
  return block;
}

void MatmulPack::multiply_turned(Operand, TensorView<float>, bool) const {
  R1_CHECK(false, "this copy serves one direction");
}

// `backward` is B = W, `forward` B = W^T. A forward copy that turns serves both.
struct PackedMatrix::Impl {
  bool one_serves() const { return forward->turns() && forward->has_block() && !lent_forward; }

  Compute compute;
  int64_t out, in;
  bool keeps_backward;
  std::unique_ptr<MatmulPack> forward, backward;
  std::unique_ptr<Int8Matrix> int8;
  bool lent_forward = false, lent_backward = false;
};

namespace {

std::unique_ptr<MatmulPack> make_pack(const Compute& compute, int64_t k, int64_t n) {
  if (compute.onednn) return std::make_unique<DnnlPack>(compute.operand, k, n);
  if (compute.bf16_pairs()) return std::make_unique<Bf16Pack>(k, n);
  return std::make_unique<OwnPack>(compute, k, n);
}

void lend_to(MatmulPack& pack, bool& lent, const float* w, bool transposed, SpareBlocks& spare) {
  if (pack.has_block() && !lent) return;  // kept
  if (!lent) pack.use_block_of(spare);
  pack.pack(w, transposed);
  lent = true;
}

}  // namespace

PackedMatrix::PackedMatrix(const Compute& compute, int64_t out, int64_t in, bool with_backward)
    : impl_(std::make_unique<Impl>(Impl{compute, out, in, with_backward, nullptr, nullptr, nullptr})) {
  R1_CHECK(out > 0 && in > 0);
  if (compute.int8 != Int8::off) {
    R1_CHECK(!with_backward);
    impl_->int8 = std::make_unique<Int8Matrix>(compute, out, in);
  } else {
    impl_->forward = make_pack(compute, in, out);
    impl_->backward = make_pack(compute, out, in);
  }
}
PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;

void PackedMatrix::pack(const float* w) {
  Impl& m = *impl_;
  if (m.int8) return m.int8->pack(w);
  m.forward->pack(w, true);
  if (m.keeps_backward && !m.forward->turns()) m.backward->pack(w, false);
}

void PackedMatrix::drop() {
  R1_CHECK(!impl_->int8);
  impl_->lent_forward = impl_->lent_backward = false;
  impl_->forward->take_block();
  impl_->backward->take_block();
}

void PackedMatrix::lend(Pass pass, const float* w, SpareBlocks& spare) {
  Impl& m = *impl_;
  R1_CHECK(!m.int8);
  if (pass == Pass::forward)
    lend_to(*m.forward, m.lent_forward, w, true, spare);
  else if (!m.one_serves())
    lend_to(*m.backward, m.lent_backward, w, false, spare);
}

void PackedMatrix::take_back(SpareBlocks& spare) {
  Impl& m = *impl_;
  if (std::exchange(m.lent_forward, false)) spare.give(m.forward->take_block());
  if (std::exchange(m.lent_backward, false)) spare.give(m.backward->take_block());
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
  R1_CHECK(m.forward->has_block(), "no packed copy: pack() or lend() first");
  m.forward->multiply(x, y, accumulate);
}

void multiply_back(const PackedMatrix::Impl& m, Operand dy, TensorView<float> dx, bool accumulate) {
  R1_CHECK(!m.int8 && dy.cols == m.out && dx.cols == m.in && dy.rows == dx.rows && dx.stride == dx.cols);
  if (m.backward->has_block()) return m.backward->multiply(dy, dx, accumulate);
  R1_CHECK(m.forward->turns() && m.forward->has_block(), "no packed copy for backward: pack() or lend() first");
  m.forward->multiply_turned(dy, dx, accumulate);
}
}  // namespace

void PackedMatrix::forward(Operand x, TensorView<float> y) const { multiply_forward(*impl_, x, y, false); }
void PackedMatrix::forward_add(Operand x, TensorView<float> y) const { multiply_forward(*impl_, x, y, true); }
void PackedMatrix::backward_input(Operand dy, TensorView<float> dx) const { multiply_back(*impl_, dy, dx, false); }
void PackedMatrix::backward_input_add(Operand dy, TensorView<float> dx) const { multiply_back(*impl_, dy, dx, true); }

void PackedMatrix::read_while_waiting(int64_t rows) const {
  if (impl_->int8 || !impl_->forward->has_block()) return;
  const std::span<const std::byte> first = impl_->forward->first_read(rows);
  r1::read_while_waiting(first.data(), first.size());
}

int64_t PackedMatrix::out() const { return impl_->out; }
int64_t PackedMatrix::in() const { return impl_->in; }
size_t PackedMatrix::bytes() const {
  return impl_->int8 ? impl_->int8->bytes() : impl_->forward->bytes() + impl_->backward->bytes();
}

void matmul_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw) {
  R1_CHECK(dy.rows == x.rows && dy.dtype == x.dtype);
  if (compute.onednn)
    dnnl_weight_gradient(dy, x, dw);
  else if (compute.bf16_pairs())
    bf16_weight_gradient(dy, x, dw);
  else
    own_weight_gradient(compute, dy, x, dw);
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
  // our own products of bf16 pairs are the faster ones (ADR 16), and oneDNN has no others of bf16
  compute.onednn = compute.onednn && compute.operand == DType::f32 && onednn_is_batch_invariant(compute);
  return compute;
}

}  // namespace r1
