#include "kernels/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/matmul.h"

namespace r1 {
namespace {

constexpr int kReads = 3;

// Sums a range, a line at a time in four places of it: memory gives more when several are read at once, and lines that
// are asked for ahead; with eight chains memory and not the adder is what is measured.
uint64_t read_range(const uint64_t* p, size_t n) {
  constexpr size_t kPlaces = 4, kLine = 8, kAhead = 512;
  uint64_t sums[kLine] = {};
  const size_t part = n / kPlaces / kLine * kLine;
  for (size_t i = 0; i < part; i += kLine)
    for (size_t place = 0; place < kPlaces; place++) {
      const uint64_t* line = p + place * part + i;
      __builtin_prefetch(line + kAhead, 0, 2);
      for (size_t j = 0; j < kLine; j++) sums[j] += line[j];
    }
  for (size_t i = kPlaces * part; i < n; i++) sums[0] += p[i];
  uint64_t sum = 0;
  for (uint64_t s : sums) sum += s;
  return sum;
}

// Of memory that holds ones: their sum keeps the reads alive.
double read_once(const uint64_t* memory, int64_t n) {
  std::atomic<uint64_t> total = 0;
  const double start = now_seconds();
  parallel_chunks(n, 1 << 18, [&](int64_t begin, int64_t end) {
    total += read_range(memory + begin, static_cast<size_t>(end - begin));
  });
  const double seconds = now_seconds() - start;
  R1_CHECK(total == static_cast<uint64_t>(n));
  return static_cast<double>(n) * sizeof(uint64_t) / seconds;
}

void fill(Tensor& t) {
  for (int64_t i = 0; i < t.rows() * t.cols(); i++) {
    const float value = static_cast<float>((i * 40503) & 0xffff) / 65536.0f - 0.5f;
    if (t.dtype() == DType::bf16)
      t.as<bf16>()[i] = to_bf16(value);
    else
      t.as<float>()[i] = value;
  }
}

double measure_with(const Compute& compute, const ProductShape& shape, int64_t num_rows, double seconds) {
  const int64_t room = bucket_rows(num_rows);
  Tensor w(DType::f32, shape.out, shape.in), x(compute.operand, room, shape.in), y(DType::f32, room, shape.out);
  fill(w);
  fill(x);
  PackedMatrix matrix(compute, shape.out, shape.in, false);
  matrix.pack(w.as<float>());
  const Operand operand{x.raw(), x.dtype(), num_rows, shape.in};
  const TensorView<float> result(y.as<float>(), num_rows, shape.out);
  const double flops = 2.0 * static_cast<double>(num_rows * shape.out) * static_cast<double>(shape.in);
  const double first = now_seconds();
  matrix.forward(operand, result);  // makes the primitive
  const double begin = now_seconds();
  if (begin - first >= 10 * seconds && seconds > 0) return flops / (begin - first);  // slow enough to be no lie
  double best = 0;
  while (best == 0 || now_seconds() - begin < seconds) {
    const double start = now_seconds();
    matrix.forward(operand, result);
    best = std::max(best, flops / (now_seconds() - start));
  }
  return best;
}

// Where our own product runs, oneDNN's is tried too: a floor must not come from the code that is judged by it alone.
double measure_product(const Compute& compute, const ProductShape& shape, int64_t num_rows, double seconds) {
  const double used = measure_with(compute, shape, num_rows, seconds);
  const bool both = compute.isa != Isa::scalar && (compute.operand == DType::f32 || compute.bf16_pairs());
  if (compute.onednn || !both) return used;
  Compute other = compute;
  other.onednn = true;
  return std::max(used, measure_with(other, shape, num_rows, seconds));
}

// As `compute`, for another operand type.
Compute compute_for(const Compute& compute, DType operand) {
  return compute.operand == operand ? compute : make_compute(dtype_name(operand));
}

}  // namespace

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Machine::keep_best(const Machine& other) {
  f32_flops = std::max(f32_flops, other.f32_flops);
  bf16_flops = std::max(bf16_flops, other.bf16_flops);
  s8_flops = std::max(s8_flops, other.s8_flops);
  read_bytes_per_s = std::max(read_bytes_per_s, other.read_bytes_per_s);
}

std::vector<ProductRate> measure_products(const Compute& compute, const ProbePlan& plan) {
  std::vector<ProductRate> out;
  for (DType operand : plan.operands) {
    if (operand == DType::bf16 && compute.isa != Isa::avx512bf16 && compute.operand != DType::bf16) continue;
    const Compute with = operand == DType::s8 ? compute : compute_for(compute, operand);
    for (int64_t rows : plan.rows)
      for (const ProductShape& shape : plan.shapes) {
        const double flops = operand == DType::s8 ? measure_s8_product(with, shape, rows, plan.seconds)
                                                  : measure_product(with, shape, rows, plan.seconds);
        if (flops > 0) out.push_back({.shape = shape, .rows = rows, .operand = operand, .flops = flops});
      }
  }
  return out;
}

double measure_read_bandwidth(size_t bytes) {
  Tensor block(DType::s8, 1, static_cast<int64_t>(bytes));
  auto* memory = block.as<uint64_t>();
  const auto n = static_cast<int64_t>(bytes / sizeof(uint64_t));
  std::fill_n(memory, n, 1);  // pages never written to are all one page of zeros, and that one is read from a cache
  double best = 0;
  for (int i = 0; i < kReads; i++) best = std::max(best, read_once(memory, n));
  return best;
}

double measure_meeting() {
  constexpr int kLoops = 2000;
  double best = 0;
  for (int i = 0; i < kReads; i++) {
    const double start = now_seconds();
    in_team([] {
      for (int loop = 0; loop < kLoops; loop++) parallel_for(thread_count(), [](int64_t) {});
    });
    const double seconds = (now_seconds() - start) / kLoops;
    best = best == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

Machine machine_of(const std::vector<ProductRate>& products) {
  Machine m;
  for (const ProductRate& p : products) {
    double& best = p.operand == DType::bf16 ? m.bf16_flops : p.operand == DType::s8 ? m.s8_flops : m.f32_flops;
    best = std::max(best, p.flops);
  }
  return m;
}

Machine measure_machine(const Compute& compute, const ProbePlan& plan) {
  Machine m = machine_of(measure_products(compute, plan));
  m.read_bytes_per_s = measure_read_bandwidth(plan.read_bytes);
  return m;
}

}  // namespace r1
