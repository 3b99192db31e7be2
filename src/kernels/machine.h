// What this machine can do, measured by the code that will use it, or by oneDNN where that is faster: packed matmuls at
// a model's shapes, reading memory with all threads. The best of several probes counts: these are the peaks that floors
// (model/floors.h) are computed from. Nothing is held between calls.
#pragma once

#include <string>
#include <vector>

#include "kernels/compute.h"

namespace r1 {

struct Machine {
  double f32_flops = 0, bf16_flops = 0, s8_flops = 0;  // best packed product, FLOP/s; 0: not measured or not there
  double read_bytes_per_s = 0;
  double flops(DType operand) const { return operand == DType::bf16 ? bf16_flops : f32_flops; }
  void keep_best(const Machine& other);
};

// One matmul of a model: y (rows, out) = x (rows, in) W^T.
struct ProductShape {
  std::string name;
  int64_t out = 0, in = 0;
};
struct ProductRate {
  ProductShape shape;
  int64_t rows = 0;
  DType operand = DType::f32;
  double flops = 0;  // the best of its probes, FLOP/s
};

struct ProbePlan {
  std::vector<ProductShape> shapes;
  std::vector<DType> operands;  // f32, bf16 or s8
  std::vector<int64_t> rows;
  double seconds = 0.02;                  // that a product is repeated for
  size_t read_bytes = size_t{256} << 20;  // well beyond the last-level cache
};

// With the matmuls of `compute`; an operand type that this machine has no fast product for is left out.
std::vector<ProductRate> measure_products(const Compute& compute, const ProbePlan& plan);
double measure_read_bandwidth(size_t bytes);
// Seconds of a loop of a team (base/threads.h) that does nothing: what it takes all threads to hear from each other.
// Several times as long where they share no cache.
double measure_meeting();
// Both, reduced to the best.
Machine measure_machine(const Compute& compute, const ProbePlan& plan);
Machine machine_of(const std::vector<ProductRate>& products);

// s8 x s8 -> s32 with packed weights, through oneDNN. 0 where the CPU has no AVX512-VNNI or oneDNN is not used.
double measure_s8_product(const Compute& compute, const ProductShape& shape, int64_t rows, double seconds);

double now_seconds();  // monotonic

}  // namespace r1
