#include "kernels/compute.h"

#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace r1 {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512bf16:
      return "avx512bf16";
  }
  return "?";
}

namespace {
Isa best_isa() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && __builtin_cpu_supports("avx512bf16")) return Isa::avx512bf16;
  return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::scalar;
}
}  // namespace

Isa detect_isa() {
  const Isa best = best_isa();
  const char* wanted = std::getenv("R1_ISA");
  if (wanted == nullptr || *wanted == 0) return best;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16}) {
    if (std::strcmp(wanted, isa_name(isa)) != 0) continue;
    if (isa > best) fail_usage("R1_ISA={}: this CPU has no more than {}", wanted, isa_name(best));
    return isa;
  }
  fail_usage("R1_ISA={}: expected scalar, avx2, avx512 or avx512bf16", wanted);
}

}  // namespace r1
