#include "kernels/matmul_bf16.h"
#include "kernels/simd.h"

namespace r1::R1_NS {

#if defined(__AVX512BF16__)

constexpr int kRows = 12, kPanelColumns = 32;

// A line asked for into the second cache: the first one is full of what is multiplied now.
static R1_INLINE void fetch_soon(const void* p) { __builtin_prefetch(p, 0, 2); }

static R1_INLINE __mmask32 first_32(int64_t n) { return n >= 32 ? ~0u : n <= 0 ? 0u : (1u << n) - 1; }
static R1_INLINE __mmask16 first_16(int64_t n) { return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1); }

// Lanes of two registers, dealt out; by sixteen words or eight pairs of words.
#define R1_DEAL(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
static R1_INLINE u64n low_words(u32n a, u32n b) {
  return (u64n)R1_DEAL(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
static R1_INLINE u64n high_words(u32n a, u32n b) {
  return (u64n)R1_DEAL(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
static R1_INLINE u64n low_twos(u64n a, u64n b) { return R1_DEAL(a, b, 0, 8, 2, 10, 4, 12, 6, 14); }
static R1_INLINE u64n high_twos(u64n a, u64n b) { return R1_DEAL(a, b, 1, 9, 3, 11, 5, 13, 7, 15); }
static R1_INLINE u64n even_quads(u64n a, u64n b) { return R1_DEAL(a, b, 0, 1, 4, 5, 8, 9, 12, 13); }
static R1_INLINE u64n odd_quads(u64n a, u64n b) { return R1_DEAL(a, b, 2, 3, 6, 7, 10, 11, 14, 15); }
#undef R1_DEAL

// Sixteen words of sixteen rows turned: word r of line i of `to` is word i of row r.
static R1_INLINE void turn_words(const u32n* row, uint32_t* to, int64_t stride) {
  u64n t[16], u[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = low_words(row[i], row[i + 1]);
    t[i + 1] = high_words(row[i], row[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // quad q of u[4 g + j]: word 4 q + j of rows 4 g to 4 g + 3
    u[i] = low_twos(t[i], t[i + 2]);
    u[i + 1] = high_twos(t[i], t[i + 2]);
    u[i + 2] = low_twos(t[i + 1], t[i + 3]);
    u[i + 3] = high_twos(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; j++) {
    const u64n even_low = even_quads(u[j], u[4 + j]), odd_low = odd_quads(u[j], u[4 + j]),
               even_high = even_quads(u[8 + j], u[12 + j]), odd_high = odd_quads(u[8 + j], u[12 + j]);
    const u64n line[4] = {even_quads(even_low, even_high), even_quads(odd_low, odd_high),
                          odd_quads(even_low, even_high), odd_quads(odd_low, odd_high)};
    for (int i = 0; i < 4; i++) memcpy(to + (4 * i + j) * stride, &line[i], sizeof(u64n));
  }
}

void lay_pair_rows(const PairRows& p) {
  for (int64_t k = 0; k < p.k; k += 32) {
    const __mmask32 there = first_32(p.k - k);
    u32n row[16];
    for (int r = 0; r < 16; r++)
      row[r] = r < p.rows ? (u32n)_mm512_maskz_loadu_epi16(there, p.from + r * p.stride + k) : u32n{};
    turn_words(row, p.to + k / 2 * 16, 16);
  }
}

// Words of two rows of sixteen bf16: the first one's in the lower halves.
static R1_INLINE u32n paired(u16n first, u16n second) { return widened(first) | widened(second) << 16; }

void lay_pair_columns(const PairColumns& p) {
  uint32_t* to = p.to;
  for (int64_t t = 0; t < p.rows; t += 2)
    for (int j = 0; j < p.width; j += 16, to += 16) {
      const __mmask16 there = first_16(p.n - j);
      const bf16* from = p.from + t * p.stride + j;
      const u16n first = (u16n)_mm256_maskz_loadu_epi16(there, from);
      const u16n second = t + 1 < p.rows ? (u16n)_mm256_maskz_loadu_epi16(there, from + p.stride) : u16n{};
      fetch_soon(from + 32);
      fetch_soon(from + p.stride + 32);
      const u32n words = paired(first, second);
      memcpy(to, &words, sizeof words);
    }
}

// 32 float32 numbers of a row, rounded: sixteen words.
static R1_INLINE u32n rounded_words(const float* from, int64_t n) {
  return (u32n)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(first_16(n - 16), from + 16),
                                   _mm512_maskz_loadu_ps(first_16(n), from));
}

static void pack_transposed(const PairPanel& p) {
  for (int64_t k = 0; k < p.k; k += 32)
    for (int half = 0; half < 32; half += 16) {
      u32n row[16];
      for (int r = 0; r < 16; r++) {
        const float* from = p.from + (half + r) * p.stride + k;
        row[r] = half + r < p.n ? rounded_words(from, p.k - k) : u32n{};
        fetch_soon(from + 64);  // each row lies in a page of its own, which no hardware foresees
        fetch_soon(from + 80);
      }
      if (p.k - k >= 31) {
        turn_words(row, p.to + k / 2 * kPanelColumns + half, kPanelColumns);
      } else {
        uint32_t words[16 * 16];
        turn_words(row, words, 16);
        for (int64_t i = 0; i < (p.k - k + 1) / 2; i++)
          memcpy(p.to + (k / 2 + i) * kPanelColumns + half, words + i * 16, sizeof(uint32_t) * 16);
      }
    }
}

static void pack_plain(const PairPanel& p) {
  uint32_t* to = p.to;
  for (int64_t k = 0; k < p.k; k += 2)
    for (int j = 0; j < kPanelColumns; j += 16, to += 16) {
      const __mmask16 there = first_16(p.n - j);
      const float* from = p.from + k * p.stride + j;
      const f32n first = _mm512_maskz_loadu_ps(there, from);
      const f32n second = k + 1 < p.k ? (f32n)_mm512_maskz_loadu_ps(there, from + p.stride) : f32n{};
      fetch_soon(from + 16 * p.stride);
      fetch_soon(from + 17 * p.stride);
      const u32n words = paired((u16n)_mm512_cvtneps_pbh(first), (u16n)_mm512_cvtneps_pbh(second));
      memcpy(to, &words, sizeof words);
    }
}

void pack_pair_panel(const PairPanel& p) {
  if (p.transposed)
    pack_transposed(p);
  else
    pack_plain(p);
}

// What is asked for beside a block: the results of the next one, and every kStride pairs `lines` lines of what comes
// next, in each of four places of it.
constexpr int64_t kStride = 8, kPlaces = 4;
struct Ahead {
  const float* results;
  const uint32_t* next;
  int64_t place_words, lines;
};

// R rows of one block against V times sixteen columns of a panel, k in order.
template <int R, int V, bool kAdd>
static void block_product(const PairProduct& p, const uint32_t* a, float* c, int64_t c_stride, Ahead& ahead) {
  const float* soon = ahead.results;
#pragma GCC unroll 1
  for (int r = 0; r < R; r++, soon += p.c_stride)
    for (int v = 0; v < V; v++) __builtin_prefetch(soon + 16 * v, 1, 3);
  __m512 sum[R][V];
  float* row = c;
  for (int r = 0; r < R; r++, row += c_stride)
    for (int v = 0; v < V; v++) sum[r][v] = kAdd ? _mm512_loadu_ps(row + 16 * v) : _mm512_setzero_ps();
  const uint32_t* b = p.panel;
  for (int64_t k = 0; k < p.pairs; k += kStride) {
    for (int64_t i = 0; i < ahead.lines; i++, ahead.next += 16)
      for (int64_t place = 0; place < kPlaces; place++) fetch_soon(ahead.next + place * ahead.place_words);
    const int64_t steps = p.pairs - k < kStride ? p.pairs - k : kStride;
    for (int64_t i = 0; i < steps; i++, b += kPanelColumns, a += 16) {
      __m512bh words[V];
      for (int v = 0; v < V; v++) words[v] = (__m512bh)_mm512_loadu_si512(b + 16 * v);
      for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
          sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)_mm512_set1_epi32((int)a[r]), words[v]);
    }
  }
  row = c;
  for (int r = 0; r < R; r++, row += c_stride)
    for (int v = 0; v < V; v++) _mm512_storeu_ps(row + 16 * v, sum[r][v]);
}

template <int R, int V>
static void product_of_rows(const PairProduct& p, int64_t rows, const uint32_t* a, float* c, int64_t c_stride,
                            Ahead& ahead) {
  if constexpr (R > 0) {
    if (rows < R)
      product_of_rows<R - 1, V>(p, rows, a, c, c_stride, ahead);
    else if (p.accumulate)
      block_product<R, V, true>(p, a, c, c_stride, ahead);
    else
      block_product<R, V, false>(p, a, c, c_stride, ahead);
  }
}

// A last panel that is not whole: through a block of whole ones, since stores under a mask are slow.
static void edge_product(const PairProduct& p, int64_t rows, const uint32_t* a, float* c, Ahead& ahead) {
  float edge[kRows * kPanelColumns];
  const size_t bytes = sizeof(float) * (size_t)p.n;
  const int64_t stride = p.n > 16 ? 32 : 16;
  for (int64_t r = 0; r < rows && p.accumulate; r++) memcpy(edge + r * stride, c + r * p.c_stride, bytes);
  if (stride > 16)
    product_of_rows<kRows, 2>(p, rows, a, edge, stride, ahead);
  else
    product_of_rows<kRows, 1>(p, rows, a, edge, stride, ahead);
  for (int64_t r = 0; r < rows; r++) memcpy(c + r * p.c_stride, edge + r * stride, bytes);
}

constexpr int64_t kWordsAhead = 1024;

void pair_product(const PairProduct& p) {
  // as many lines as the part at hand has, spread over the blocks
  constexpr int64_t kLines = kStride * kPanelColumns / 16 / kPlaces;
  Ahead ahead{p.c, p.next, p.pairs / kPlaces * kPanelColumns, (kLines + p.blocks - 1) / p.blocks};
  for (int64_t i = 0; i < p.blocks; i++) {
    const int64_t first = p.rows * i / p.blocks, rows = p.rows * (i + 1) / p.blocks - first;
    const uint32_t* a = p.a + i * p.block_words;
    float* c = p.c + first * p.c_stride;
    ahead.results = i + 1 < p.blocks ? c + rows * p.c_stride : p.c + kPanelColumns;
    if (p.n == kPanelColumns)
      product_of_rows<kRows, 2>(p, rows, a, c, p.c_stride, ahead);
    else
      edge_product(p, rows, a, c, ahead);
  }
}

template <int N>
struct Number {
  static constexpr int kValue = N;
};

// R rows against S panels; S are read at once.
template <int R, int S>
static R1_INLINE void streamed_product(const PairStreams& p, const uint32_t* panel, float* c) {
  __m512 sum[R][2 * S];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < 2 * S; v++)
      sum[r][v] = p.accumulate ? _mm512_loadu_ps(c + r * p.c_stride + 16 * v) : _mm512_setzero_ps();
  const uint32_t *a = p.a, *b = panel;
  for (int64_t k = 0; k < p.pairs; k++, a += 16, b += kPanelColumns)
    for (int s = 0; s < S; s++)
      for (int v = 0; v < 2; v++) {
        const uint32_t* words = b + s * p.panel_words + 16 * v;
        fetch_soon(words + kWordsAhead);
        for (int r = 0; r < R; r++)
          sum[r][2 * s + v] = _mm512_dpbf16_ps(sum[r][2 * s + v], (__m512bh)_mm512_set1_epi32((int)a[r]),
                                               (__m512bh)_mm512_loadu_si512(words));
      }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < 2 * S; v++) _mm512_storeu_ps(c + r * p.c_stride + 16 * v, sum[r][v]);
}

template <int R>
static void streams_of_rows(const PairStreams& p) {
  constexpr int S = R <= 3 ? 4 : R == 4 ? 3 : 2;
  int64_t i = 0;
  const auto many = [&](auto streams) {
    constexpr int kStreams = decltype(streams)::kValue;
    for (; i + kStreams <= p.panels; i += kStreams)
      streamed_product<R, kStreams>(p, p.panel + i * p.panel_words, p.c + i * kPanelColumns);
  };
  many(Number<S>());
  many(Number<(S > 3 ? 3 : 1)>());
  many(Number<(S > 2 ? 2 : 1)>());
  many(Number<1>());
}

void pair_streams(const PairStreams& p) {
  static_assert(kStreamedRows == 6);
  switch (p.rows) {
    case 1:
      return streams_of_rows<1>(p);
    case 2:
      return streams_of_rows<2>(p);
    case 3:
      return streams_of_rows<3>(p);
    case 4:
      return streams_of_rows<4>(p);
    case 5:
      return streams_of_rows<5>(p);
    default:
      return streams_of_rows<6>(p);
  }
}

#else

// No such instruction: nobody calls these (Compute::bf16_pairs).
void lay_pair_rows(const PairRows&) { __builtin_trap(); }
void lay_pair_columns(const PairColumns&) { __builtin_trap(); }
void pack_pair_panel(const PairPanel&) { __builtin_trap(); }
void pair_product(const PairProduct&) { __builtin_trap(); }
void pair_streams(const PairStreams&) { __builtin_trap(); }

#endif

}  // namespace r1::R1_NS
