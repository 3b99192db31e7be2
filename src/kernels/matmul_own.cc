#include "kernels/matmul_own.h"

#include <vector>

#include "base/threads.h"

namespace r1 {

namespace scalar {
void panel_product(const PanelProduct& p);
}
namespace avx2 {
void panel_product(const PanelProduct& p);
}
namespace avx512 {
void panel_product(const PanelProduct& p);
}
namespace avx512bf16 {
void panel_product(const PanelProduct& p);
}

namespace {
constexpr int64_t kPanel = 16;
constexpr int64_t kRowsATask = 96;

void run_panel(Isa isa, const PanelProduct& p) { R1_DISPATCH(isa, panel_product, p); }

float operand_at(Operand x, int64_t r, int64_t c) {
  return x.dtype == DType::bf16 ? to_float(static_cast<const bf16*>(x.data)[r * x.cols + c])
                                : static_cast<const float*>(x.data)[r * x.cols + c];
}
}  // namespace

OwnPack::OwnPack(const Compute& compute, int64_t k, int64_t n)
    : compute_(compute), k_(k), n_(n), panels_(DType::f32, (n + kPanel - 1) / kPanel * k, kPanel) {}

void OwnPack::pack(const float* w, bool transposed) {
  float* to = panels_.as<float>();
  const bool round = compute_.operand == DType::bf16;
  parallel_for(panels_.rows() / k_, [&](int64_t panel) {
    for (int64_t k = 0; k < k_; k++) {
      for (int64_t j = 0; j < kPanel && panel * kPanel + j < n_; j++) {
        const int64_t n = panel * kPanel + j;
        const float value = transposed ? w[n * k_ + k] : w[k * n_ + n];
        to[(panel * k_ + k) * kPanel + j] = round ? to_float(to_bf16(value)) : value;
      }
    }
  });
}

void OwnPack::multiply(Operand a, TensorView<float> c, bool accumulate) const {
  const int64_t panels = panels_.rows() / k_, slices = (a.rows + kRowsATask - 1) / kRowsATask;
  parallel_for(panels * slices, [&](int64_t task) {
    const int64_t panel = task % panels, row = task / panels * kRowsATask;
    const int64_t rows = a.rows - row < kRowsATask ? a.rows - row : kRowsATask;
    const int n = static_cast<int>(n_ - panel * kPanel < kPanel ? n_ - panel * kPanel : kPanel);
    run_panel(compute_.isa, {a.row(row), a.dtype, k_, 1, rows, k_, panels_.as<float>() + panel * k_ * kPanel,
                             c.row(row) + panel * kPanel, c.stride, n, accumulate});
  });
}

void own_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw) {
  const int64_t panels = (x.cols + kPanel - 1) / kPanel;
  parallel_for(panels, [&](int64_t panel) {
    const int n = static_cast<int>(x.cols - panel * kPanel < kPanel ? x.cols - panel * kPanel : kPanel);
    std::vector<float> packed(static_cast<size_t>(x.rows * kPanel));
    for (int64_t t = 0; t < x.rows; t++)
      for (int j = 0; j < n; j++) packed[static_cast<size_t>(t * kPanel + j)] = operand_at(x, t, panel * kPanel + j);
    run_panel(compute.isa,
              {dy.data, dy.dtype, 1, dy.cols, dy.cols, x.rows, packed.data(), dw + panel * kPanel, x.cols, n, true});
  });
}

}  // namespace r1
