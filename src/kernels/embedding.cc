#include "kernels/embedding.h"

#include <cstring>

#include "base/threads.h"
#include "kernels/elementwise_rows.h"

namespace r1 {

void embedding_forward(const Compute&, const float* table, int64_t width, const int32_t* ids, TensorView<float> x) {
  for (int64_t r = 0; r < x.rows; r++)
    std::memcpy(x.row(r), table + ids[r] * width, static_cast<size_t>(width) * sizeof(float));
}

void embedding_backward(const Compute& compute, TensorView<const float> dx, const int32_t* ids, float* dtable,
                        int64_t width) {
  parallel_chunks(width, 64, [&](int64_t begin, int64_t end) {  // ids repeat: threads share columns, not rows
    for (int64_t r = 0; r < dx.rows; r++)
      R1_DISPATCH(compute.isa, add_row, dtable + ids[r] * width + begin, dx.row(r) + begin, end - begin);
  });
}

}  // namespace r1
