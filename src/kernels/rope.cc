#include "kernels/rope.h"

#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/elementwise_rows.h"

namespace r1 {

RopeTable make_rope_table(const std::vector<double>& inverse_frequencies, double attention_factor, int64_t positions) {
  RopeTable t;
  t.half = static_cast<int>(inverse_frequencies.size());
  t.positions = positions;
  t.cos.resize(static_cast<size_t>(positions) * inverse_frequencies.size());
  t.sin.resize(t.cos.size());
  parallel_chunks(positions, 256, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++)
      for (int j = 0; j < t.half; j++) {
        const float angle = static_cast<float>(p) * static_cast<float>(inverse_frequencies[static_cast<size_t>(j)]);
        t.cos[static_cast<size_t>(p * t.half + j)] =
            static_cast<float>(std::cos(static_cast<double>(angle)) * attention_factor);
        t.sin[static_cast<size_t>(p * t.half + j)] =
            static_cast<float>(std::sin(static_cast<double>(angle)) * attention_factor);
      }
  });
  return t;
}

namespace {
void rotate(const Compute& compute, TensorView<float> x, int heads, int head_size, const RopeTable& table,
            const int32_t* positions, float sign) {
  R1_CHECK(head_size == 2 * table.half && x.cols == int64_t{heads} * head_size);
  parallel_chunks(x.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      R1_CHECK(positions[r] >= 0 && positions[r] < table.positions, "position {} of {}", positions[r], table.positions);
      const int64_t at = int64_t{positions[r]} * table.half;
      for (int h = 0; h < heads; h++)
        R1_DISPATCH(compute.isa, rope_row, x.row(r) + h * head_size, table.cos.data() + at, table.sin.data() + at,
                    table.half, sign);
    }
  });
}
}  // namespace

void rope_forward(const Compute& compute, TensorView<float> x, int heads, int head_size, const RopeTable& table,
                  const int32_t* positions) {
  rotate(compute, x, heads, head_size, table, positions, 1.0f);
}
void rope_backward(const Compute& compute, TensorView<float> x, int heads, int head_size, const RopeTable& table,
                   const int32_t* positions) {
  rotate(compute, x, heads, head_size, table, positions, -1.0f);
}

}  // namespace r1
