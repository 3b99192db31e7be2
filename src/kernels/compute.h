// What this run computes with: instruction set, matmul operand type. Made once, passed down.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace r1 {

enum class Isa { scalar, avx2, avx512, avx512bf16 };
const char* isa_name(Isa isa);

// Who multiplies in eight bits (kernels/matmul_int8.h), if anyone.
enum class Int8 { off, own, onednn };

struct Compute {
  Isa isa = Isa::scalar;
  DType operand = DType::f32;  // matmul operands and KV cache: f32, or bf16 with f32 accumulation
  bool onednn = true;          // matmul backend; false: our own kernels
  Int8 int8 = Int8::off;       // not off: forward products run in eight bits, and there is no backward

  // Whether our own products are those of native bf16 (kernels/matmul_bf16.h), whose packed copies are bf16.
  bool bf16_pairs() const { return !onednn && isa == Isa::avx512bf16 && operand == DType::bf16; }
};

// The best instruction set of this CPU, or what R1_ISA=scalar|avx2|avx512|avx512bf16 says (an error where the CPU lacks
// it).
Isa detect_isa();

// `compute_dtype`: "auto" (bf16 where native), "f32" or "bf16". oneDNN multiplies f32 where it is batch-invariant.
Compute make_compute(const std::string& compute_dtype);

}  // namespace r1

// Calls R1_NS::name(args...) of the instruction set in `isa`; the four are compiled from one *_simd.cc.
#define R1_DISPATCH(isa_, name, ...)   \
  do {                                 \
    switch (isa_) {                    \
      case ::r1::Isa::scalar:          \
        scalar::name(__VA_ARGS__);     \
        break;                         \
      case ::r1::Isa::avx2:            \
        avx2::name(__VA_ARGS__);       \
        break;                         \
      case ::r1::Isa::avx512:          \
        avx512::name(__VA_ARGS__);     \
        break;                         \
      default:                         \
        avx512bf16::name(__VA_ARGS__); \
        break;                         \
    }                                  \
  } while (0)
