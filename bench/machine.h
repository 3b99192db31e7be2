// What this machine can do, measured by the code that will use it: packed matmuls at a model's shapes, reading memory
// with all threads. The best of many probes counts: these are the peaks that floors are computed from.
#pragma once

#include <string>
#include <vector>

#include "kernels/compute.h"
#include "model/config.h"

namespace r1::bench {

struct Machine {
  double f32_flops = 0, bf16_flops = 0;  // best packed product, FLOP/s
  double read_bytes_per_s = 0;
  double flops(DType operand) const { return operand == DType::bf16 ? bf16_flops : f32_flops; }
};

// One matmul shape of a model: y (rows, out) = x (rows, in) W^T.
struct ProductProbe {
  std::string name;
  int64_t out = 0, in = 0, rows = 0;
  DType operand = DType::f32;
  double flops = 0;  // best so far, FLOP/s
};

class MachineProbe {
 public:
  // Holds its blocks (some 0.3 GB) for its own lifetime.
  explicit MachineProbe(const ModelConfig& config);

  // Probes everything once more, about a second; the best values so far are kept.
  void measure();
  Machine machine() const;
  const std::vector<ProductProbe>& products() const { return products_; }

 private:
  void measure_product(ProductProbe& probe) const;

  Compute f32_, bf16_;
  std::vector<ProductProbe> products_;
  std::vector<uint64_t> memory_;
  double read_bytes_per_s_ = 0;
};

double now_seconds();  // monotonic

}  // namespace r1::bench
