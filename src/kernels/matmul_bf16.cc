#include "kernels/matmul_bf16.h"

#include "kernels/matmul_tasks.h"

#define R1_DECLARE_BF16_MATMUL(isa)          \
  namespace isa {                            \
  void lay_pair_rows(const PairRows&);       \
  void lay_pair_columns(const PairColumns&); \
  void pack_pair_panel(const PairPanel&);    \
  void pair_product(const PairProduct&);     \
  void pair_streams(const PairStreams&);     \
  }

namespace r1 {

R1_DECLARE_BF16_MATMUL(avx512bf16)

namespace {
constexpr int64_t kPanel = 32;
constexpr int64_t kSlice = 1536;  // of k: row blocks of a task (0.8 MB) and a panel's part stay in the second cache

int64_t pairs_of(int64_t k) { return (k + 1) / 2; }

// Words of a laid block: sixteen lanes a pair, sixteen pairs at a time.
int64_t block_words(int64_t k) { return parts_of(k, 32) * 16 * 16; }

// A slice of k of the task's rows against its panels.
struct TaskSlice {
  const uint32_t* blocks;
  int64_t rows, first_k, k;
  bool accumulate;
};

struct Panels {
  const uint32_t* words;
  int64_t k, n;  // of the whole of B
};

void multiply_panels(const Panels& b, int64_t first, int64_t last, const TaskSlice& s, float* c) {
  const int64_t panel_words = pairs_of(b.k) * kPanel, whole = std::min(last, b.n / kPanel);
  if (s.rows <= kStreamedRows && first < whole) {
    avx512bf16::pair_streams({.a = s.blocks,
                              .rows = s.rows,
                              .pairs = pairs_of(s.k),
                              .panel = b.words + first * panel_words + s.first_k / 2 * kPanel,
                              .panel_words = panel_words,
                              .panels = whole - first,
                              .c = c + first * kPanel,
                              .c_stride = b.n,
                              .accumulate = s.accumulate});
    first = whole;
  }
  for (int64_t panel = first; panel < last; panel++) {
    const uint32_t* from = b.words + panel * panel_words + s.first_k / 2 * kPanel;
    avx512bf16::pair_product({.a = s.blocks,
                              .rows = s.rows,
                              .blocks = parts_of(s.rows, kLargestRowBlock),
                              .block_words = block_words(s.k),
                              .pairs = pairs_of(s.k),
                              .panel = from,
                              .next = panel + 1 < last ? from + panel_words : from,
                              .c = c + panel * kPanel,
                              .c_stride = b.n,
                              .n = static_cast<int>(std::min(kPanel, b.n - panel * kPanel)),
                              .accumulate = s.accumulate});
  }
}

uint32_t* block_scratch(int64_t rows, int64_t k) {
  struct Blocks;
  return static_cast<uint32_t*>(
      matmul_scratch<Blocks>(DType::f32, parts_of(rows, kLargestRowBlock) * block_words(std::min(k, kSlice))));
}

}  // namespace

size_t Bf16Pack::bytes(int64_t k, int64_t n) {
  return sizeof(uint32_t) * static_cast<size_t>(parts_of(n, kPanel) * kPanel * pairs_of(k));
}

void Bf16Pack::use_block_of(SpareBlocks& spare) {
  panels_ = spare.take(DType::bf16, parts_of(n_, kPanel) * pairs_of(k_), 2 * kPanel);
}

void Bf16Pack::pack(const float* w, bool transposed) {
  if (!has_block()) panels_ = Tensor(DType::bf16, parts_of(n_, kPanel) * pairs_of(k_), 2 * kPanel);
  parallel_for(parts_of(n_, kPanel), [&](int64_t panel) {
    const int64_t first = panel * kPanel;
    avx512bf16::pack_pair_panel({.from = w + (transposed ? first * k_ : first),
                                 .stride = transposed ? k_ : n_,
                                 .k = k_,
                                 .n = static_cast<int>(std::min(kPanel, n_ - first)),
                                 .transposed = transposed,
                                 .to = static_cast<uint32_t*>(panels_.raw()) + first * pairs_of(k_)});
  });
}

void Bf16Pack::multiply(Operand a, TensorView<float> c, bool accumulate) const {
  const MatmulTasks tasks(a.rows, parts_of(n_, kPanel));
  const Panels b{static_cast<const uint32_t*>(panels_.raw()), k_, n_};
  parallel_for(tasks.count(), [&](int64_t task) {
    const auto [row, last_row] = tasks.rows_of(task);
    const auto [first, last] = tasks.panels_of(task);
    const int64_t rows = last_row - row, blocks = parts_of(rows, kLargestRowBlock);
    uint32_t* words = block_scratch(rows, k_);
    for (int64_t k = 0; k < k_; k += kSlice) {
      const int64_t ks = std::min(kSlice, k_ - k);
      for (int64_t i = 0; i < blocks; i++) {
        const int64_t begin = rows * i / blocks, end = rows * (i + 1) / blocks;
        avx512bf16::lay_pair_rows({.from = static_cast<const bf16*>(a.row(row + begin)) + k,
                                   .stride = k_,
                                   .rows = static_cast<int>(end - begin),
                                   .k = ks,
                                   .to = words + i * block_words(ks)});
      }
      multiply_panels(b, first, last, {words, rows, k, ks, accumulate || k > 0}, c.row(row));
    }
  });
}

std::span<const std::byte> Bf16Pack::first_read(int64_t rows) const {
  return first_panels(MatmulTasks(rows, parts_of(n_, kPanel)), panels_);
}

// Every task wants all panels of x: they are laid once, for all. Both operands' pairs are pairs of rows.
void bf16_weight_gradient(Operand dy, Operand x, float* dw) {
  struct XPanels;
  const MatmulTasks tasks(dy.cols, parts_of(x.cols, kPanel));
  const int64_t panel_words = pairs_of(x.rows) * kPanel;
  auto* panels = static_cast<uint32_t*>(matmul_scratch<XPanels>(DType::f32, tasks.panels * panel_words));
  parallel_for(tasks.panels, [&](int64_t panel) {
    avx512bf16::lay_pair_columns({.from = static_cast<const bf16*>(x.data) + panel * kPanel,
                                  .stride = x.cols,
                                  .rows = x.rows,
                                  .n = static_cast<int>(std::min(kPanel, x.cols - panel * kPanel)),
                                  .width = kPanel,
                                  .to = panels + panel * panel_words});
  });
  parallel_for(tasks.count(), [&](int64_t task) {
    const auto [out, last_out] = tasks.rows_of(task);
    const auto [first, last] = tasks.panels_of(task);
    const int64_t outs = last_out - out, blocks = parts_of(outs, kLargestRowBlock);
    uint32_t* words = block_scratch(outs, x.rows);
    for (int64_t t = 0; t < x.rows; t += kSlice) {
      const int64_t ts = std::min(kSlice, x.rows - t);
      for (int64_t i = 0; i < blocks; i++) {
        const int64_t begin = outs * i / blocks, end = outs * (i + 1) / blocks;
        avx512bf16::lay_pair_columns({.from = static_cast<const bf16*>(dy.row(t)) + out + begin,
                                      .stride = dy.cols,
                                      .rows = ts,
                                      .n = static_cast<int>(end - begin),
                                      .width = 16,
                                      .to = words + i * block_words(ts)});
      }
      multiply_panels({panels, x.rows, x.cols}, first, last, {words, outs, t, ts, true}, dw + out * x.cols);
    }
  });
}

}  // namespace r1
