#include "bench/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/threads.h"
#include "kernels/head.h"
#include "kernels/matmul.h"

namespace r1::bench {
namespace {

constexpr double kProbeSeconds = 0.02;
constexpr size_t kReadBytes = size_t{256} << 20;  // well beyond the last-level cache

// Sums a range with eight independent chains, so that memory and not the adder is what is measured.
uint64_t read_range(const uint64_t* p, size_t n) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; j++) sums[j] += p[i + j];
  uint64_t sum = 0;
  for (uint64_t s : sums) sum += s;
  return sum;
}

double read_once(const std::vector<uint64_t>& memory) {
  std::atomic<uint64_t> total = 0;  // keeps the reads alive
  const double start = now_seconds();
  parallel_chunks(static_cast<int64_t>(memory.size()), 1 << 18, [&](int64_t begin, int64_t end) {
    total += read_range(memory.data() + begin, static_cast<size_t>(end - begin));
  });
  return static_cast<double>(memory.size() * sizeof(uint64_t)) / (now_seconds() - start);
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

}  // namespace

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

MachineProbe::MachineProbe(const ModelConfig& c)
    : f32_(make_compute("f32")), bf16_(make_compute("bf16")), memory_(kReadBytes / sizeof(uint64_t), 1) {
  const int64_t tile = std::min(kHeadTile, c.vocabulary);
  const std::pair<const char*, std::pair<int64_t, int64_t>> shapes[] = {{"qkv", {c.qkv_cols(), c.width}},
                                                                        {"o", {c.width, c.q_cols()}},
                                                                        {"gate_up", {2 * c.inner, c.width}},
                                                                        {"down", {c.width, c.inner}},
                                                                        {"head tile", {tile, c.width}}};
  for (DType operand : {DType::f32, DType::bf16})
    for (int64_t rows : {64, 1024})
      for (const auto& [name, size] : shapes)
        products_.push_back({.name = name, .out = size.first, .in = size.second, .rows = rows, .operand = operand});
}

void MachineProbe::measure_product(ProductProbe& probe) const {
  const Compute& compute = probe.operand == DType::bf16 ? bf16_ : f32_;
  const int64_t room = bucket_rows(probe.rows);
  Tensor w(DType::f32, probe.out, probe.in), x(probe.operand, room, probe.in), y(DType::f32, room, probe.out);
  fill(w);
  fill(x);
  PackedMatrix matrix(compute, probe.out, probe.in, false);
  matrix.pack(w.as<float>());
  const Operand operand{x.raw(), x.dtype(), probe.rows, probe.in};
  const double flops = 2.0 * static_cast<double>(probe.rows * probe.out) * static_cast<double>(probe.in);
  matrix.forward(operand, {y.as<float>(), probe.rows, probe.out});  // makes the primitive
  for (const double begin = now_seconds(); now_seconds() - begin < kProbeSeconds;) {
    const double start = now_seconds();
    matrix.forward(operand, {y.as<float>(), probe.rows, probe.out});
    probe.flops = std::max(probe.flops, flops / (now_seconds() - start));
  }
}

void MachineProbe::measure() {
  for (ProductProbe& probe : products_) measure_product(probe);
  for (int i = 0; i < 4; i++) read_bytes_per_s_ = std::max(read_bytes_per_s_, read_once(memory_));
}

Machine MachineProbe::machine() const {
  Machine m;
  m.read_bytes_per_s = read_bytes_per_s_;
  for (const ProductProbe& probe : products_) {
    double& best = probe.operand == DType::bf16 ? m.bf16_flops : m.f32_flops;
    best = std::max(best, probe.flops);
  }
  return m;
}

}  // namespace r1::bench
