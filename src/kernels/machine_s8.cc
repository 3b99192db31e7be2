// The peak of s8 products, through oneDNN.
#include <algorithm>
#include <dnnl.hpp>
#include <vector>

#include "kernels/machine.h"

namespace r1 {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const ProductShape& shape, int64_t rows) {
  const dnnl::memory::desc a({rows, shape.in}, Type::s8, Tag::ab), b({shape.in, shape.out}, Type::s8, Tag::any),
      c({rows, shape.out}, Type::s32, Tag::ab);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, c};
#else
  return {dnnl::matmul::desc(a, b, c), engine};
#endif
}

void fill(const dnnl::memory& memory) {
  auto* data = static_cast<int8_t*>(memory.get_data_handle());
  for (size_t i = 0; i < memory.get_desc().get_size(); i++) data[i] = static_cast<int8_t>(i * 37 % 101) - 50;
}

double measure(const ProductShape& shape, int64_t rows, double seconds) {
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::matmul::primitive_desc desc = describe(engine, shape, rows);
  const dnnl::matmul product(desc);
  dnnl::memory a(desc.src_desc(), engine), plain({{shape.in, shape.out}, Type::s8, Tag::ab}, engine),
      b(desc.weights_desc(), engine), c(desc.dst_desc(), engine);
  fill(a);
  fill(plain);
  dnnl::reorder(plain, b).execute(stream, plain, b);
  const auto run = [&] {
    product.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
    stream.wait();
  };
  run();
  double best = 0;
  for (const double begin = now_seconds(); best == 0 || now_seconds() - begin < seconds;) {
    const double start = now_seconds();
    run();
    best = std::max(best, 1 / (now_seconds() - start));
  }
  return best * 2.0 * static_cast<double>(rows * shape.out) * static_cast<double>(shape.in);
}

}  // namespace

double measure_s8_product(const Compute& compute, const ProductShape& shape, int64_t rows, double seconds) {
  if (compute.isa < Isa::avx512 || !__builtin_cpu_supports("avx512vnni")) return 0;
  try {
    return measure(shape, rows, seconds);
  } catch (const dnnl::error&) {
    return 0;  // no such primitive on this machine
  }
}

}  // namespace r1
