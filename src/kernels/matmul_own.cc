#include "kernels/matmul_own.h"

#include "kernels/matmul_tasks.h"

#define R1_DECLARE_OWN_MATMUL(isa)         \
  namespace isa {                          \
  void panel_product(const PanelProduct&); \
  void lay_row_blocks(const RowBlocks&);   \
  void lay_panel(const PanelColumns&);     \
  void turn_tile(const TileTurn&);         \
  int64_t own_row_block();                 \
  }

namespace r1 {

R1_DECLARE_OWN_MATMUL(scalar)
R1_DECLARE_OWN_MATMUL(avx2)
R1_DECLARE_OWN_MATMUL(avx512)
R1_DECLARE_OWN_MATMUL(avx512bf16)

namespace {
constexpr int64_t kPanel = 16;
constexpr int64_t kSlice = 384;  // of k: a panel's part (24 KB) stays in the first cache

void run_panel(Isa isa, const PanelProduct& p) { R1_DISPATCH(isa, panel_product, p); }
void lay_rows(Isa isa, const RowBlocks& p) { R1_DISPATCH(isa, lay_row_blocks, p); }
void turn(Isa isa, const TileTurn& p) { R1_DISPATCH(isa, turn_tile, p); }
void lay_columns(Isa isa, const PanelColumns& p) { R1_DISPATCH(isa, lay_panel, p); }

// k is not cut where a task has one row block: its panels are read once, and best in one go.
int64_t slice_of(int64_t rows, int64_t k) { return rows > kLargestRowBlock ? kSlice : k; }

struct RowBlocksUse;
struct PanelsUse;
template <typename Use>
float* scratch(int64_t n) {
  return static_cast<float*>(matmul_scratch<Use>(DType::f32, n));
}

}  // namespace

OwnPack::OwnPack(const Compute& compute, int64_t k, int64_t n) : compute_(compute), k_(k), n_(n) {}

void OwnPack::pack(const float* w, bool transposed) {
  const bool round = compute_.operand == DType::bf16;
  if (!has_block()) panels_ = Tensor(DType::f32, num_panels() * k_, kPanel);
  parallel_for(num_panels(), [&](int64_t panel) {
    float* to = panels_.as<float>() + panel * k_ * kPanel;
    const int n = static_cast<int>(std::min(kPanel, n_ - panel * kPanel));
    if (transposed) {
      const float* from = w + panel * kPanel * k_;
      for (int64_t k = 0; k < k_; k += kPanel)
        turn(compute_.isa,
             {from + k, k_, n, static_cast<int>(std::min(kPanel, k_ - k)), to + k * kPanel, from + k + kPanel});
    } else {
      lay_columns(compute_.isa, {w, DType::f32, n_, k_, panel * kPanel, n, to});
    }
    for (int64_t i = 0; round && i < k_ * kPanel; i++) to[i] = to_float(to_bf16(to[i]));
  });
}

void OwnPack::multiply(Operand a, TensorView<float> c, bool accumulate) const {
  const MatmulTasks tasks(a.rows, num_panels());
  parallel_for(tasks.count(), [&](int64_t task) {
    const auto [row, last_row] = tasks.rows_of(task);
    const auto [first, last] = tasks.panels_of(task);
    const int64_t rows = last_row - row, slice = slice_of(rows, k_);
    float* blocks = scratch<RowBlocksUse>((rows + kLargestRowBlock) * std::min(slice, k_));
    for (int64_t k = 0; k < k_; k += slice) {
      const int64_t ks = std::min(slice, k_ - k);
      const char* from = static_cast<const char*>(a.row(row)) + static_cast<size_t>(k) * dtype_size(a.dtype);
      lay_rows(compute_.isa, {from, a.dtype, k_, 1, rows, ks, blocks});
      for (int64_t panel = first; panel < last; panel++) {
        const int n = static_cast<int>(std::min(kPanel, n_ - panel * kPanel));
        const float* b = panels_.as<float>() + (panel * k_ + k) * kPanel;
        const float* next = panel + 1 < last ? b + k_ * kPanel : nullptr;
        float* to = c.row(row) + panel * kPanel;
        run_panel(compute_.isa, {blocks, rows, ks, b, next, to, c.stride, n, accumulate || k > 0});
      }
    }
  });
}

void OwnPack::multiply_turned(Operand a, TensorView<float> c, bool accumulate) const {
  const MatmulTasks tasks(a.rows, parts_of(k_, kPanel));
  parallel_for(tasks.count(), [&](int64_t task) {
    const auto [row, last_row] = tasks.rows_of(task);
    const auto [first, last] = tasks.panels_of(task);
    const int64_t rows = last_row - row;
    float* blocks = scratch<RowBlocksUse>((rows + kLargestRowBlock) * kSlice);
    float* b = scratch<PanelsUse>(kSlice * kPanel);
    for (int64_t o = 0; o < n_; o += kSlice) {
      const int64_t outs = std::min(kSlice, n_ - o);
      const char* from = static_cast<const char*>(a.row(row)) + static_cast<size_t>(o) * dtype_size(a.dtype);
      lay_rows(compute_.isa, {from, a.dtype, n_, 1, rows, outs, blocks});
      for (int64_t panel = first; panel < last; panel++) {
        const int n = static_cast<int>(std::min(kPanel, k_ - panel * kPanel));
        for (int64_t done = 0; done < outs; done += kPanel) {
          const float* tile = panels_.as<float>() + ((o + done) / kPanel * k_ + panel * kPanel) * kPanel;
          turn(compute_.isa,
               {tile, kPanel, n, kPanel, b + done * kPanel, panel + 1 < last ? tile + kPanel * kPanel : nullptr});
        }
        float* to = c.row(row) + panel * kPanel;
        run_panel(compute_.isa, {blocks, rows, outs, b, nullptr, to, c.stride, n, accumulate || o > 0});
      }
    }
  });
}

std::span<const std::byte> OwnPack::first_read(int64_t rows) const {
  return first_panels(MatmulTasks(rows, num_panels()), panels_);
}

// Every task wants all panels of x: they are laid once, for all.
void own_weight_gradient(const Compute& compute, Operand dy, Operand x, float* dw) {
  const MatmulTasks tasks(dy.cols, parts_of(x.cols, kPanel));
  float* panels = scratch<PanelsUse>(tasks.panels * x.rows * kPanel);
  parallel_for(tasks.panels, [&](int64_t panel) {
    const int n = static_cast<int>(std::min(kPanel, x.cols - panel * kPanel));
    lay_columns(compute.isa, {x.data, x.dtype, x.cols, x.rows, panel * kPanel, n, panels + panel * x.rows * kPanel});
  });
  parallel_for(tasks.count(), [&](int64_t task) {
    const auto [out, last_out] = tasks.rows_of(task);
    const auto [first, last] = tasks.panels_of(task);
    float* blocks = scratch<RowBlocksUse>((last_out - out + kLargestRowBlock) * kSlice);
    for (int64_t t = 0; t < x.rows; t += kSlice) {
      const int64_t ts = std::min(kSlice, x.rows - t);
      const char* from = static_cast<const char*>(dy.row(t)) + static_cast<size_t>(out) * dtype_size(dy.dtype);
      lay_rows(compute.isa, {from, dy.dtype, 1, dy.cols, last_out - out, ts, blocks});
      for (int64_t panel = first; panel < last; panel++) {
        const int n = static_cast<int>(std::min(kPanel, x.cols - panel * kPanel));
        const float* b = panels + (panel * x.rows + t) * kPanel;
        const float* next = panel + 1 < last ? b + x.rows * kPanel : nullptr;
        float* to = dw + out * x.cols + panel * kPanel;
        run_panel(compute.isa, {blocks, last_out - out, ts, b, next, to, x.cols, n, true});
      }
    }
  });
}

}  // namespace r1
