// Float linears. Few rows: the weights stream by once, widened in registers, under tiles of up to 8 rows x 2 panels (or
// 2 rows x 4 panels) of f32 sums. Many rows: 192 steps of k of two panels are widened once into L1, where up to 64 rows
// pass over them; the sums wait in L1 from one block of k to the next, so their order is that of few rows.
#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/float_weights_avx512.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kTileRows = 64;
constexpr std::int64_t kMaxTilePanels = 8;
constexpr std::int64_t kBlock = 192;  // two panels of it are 24 KiB: half of L1 here, three quarters where it is 32 KiB
constexpr std::int64_t kPrefetchBytes = 2048;

struct Rows {
  const float* x;  ///< the prepared row, at the first k
  std::int64_t x_stride;
  float* acc;
  std::int64_t acc_stride;

  inline Rows From(std::int64_t row) const {
    return {x + row * x_stride, x_stride, acc + row * acc_stride, acc_stride};
  }
};

// Adds k steps to the sums of a few rows and panels, which begin at zero or in acc. Never inlined: eight rows'
// addresses need nearly all of the integer registers, and recomputing them takes the ports of the multiplications.
template <PanelFloat kType, int kRows, int kPanels, bool kPrefetch>
[[gnu::noinline]] void Tile(const Rows& rows, const std::byte* weights, std::int64_t panel_bytes, std::int64_t k,
                            bool first) {
  __m512 sums[kRows][kPanels];
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) {
      sums[r][p] = first ? _mm512_setzero_ps() : _mm512_load_ps(rows.acc + r * rows.acc_stride + p * kPanel);
    }
  }
  const float* x[kRows];
  for (int r = 0; r < kRows; ++r) x[r] = rows.x + r * rows.x_stride;
  const auto step = [&](std::int64_t at, const __m512* w) {
    for (int r = 0; r < kRows; ++r) {
      const __m512 value = _mm512_set1_ps(x[r][at]);
      for (int p = 0; p < kPanels; ++p) sums[r][p] = _mm512_fmadd_ps(value, w[p], sums[r][p]);
    }
  };
  __m512 even[kPanels];
  __m512 odd[kPanels];
  std::int64_t at = 0;
  for (; at + 2 <= k; at += 2) {
    for (int p = 0; p < kPanels; ++p) {
      const std::byte* panel = weights + p * panel_bytes;
      if constexpr (kPrefetch) {
        constexpr std::int64_t kBytes = FloatPairBytes(kType);
        for (std::int64_t line = 0; line < kBytes; line += 64) {
          _mm_prefetch(panel + kPrefetchBytes + at / 2 * kBytes + line, _MM_HINT_T0);
        }
      }
      LoadPair<kType>(panel, at, even[p], odd[p]);
    }
    step(at, even);
    step(at + 1, odd);
  }
  if (at < k) {
    for (int p = 0; p < kPanels; ++p) LoadPair<kType>(weights + p * panel_bytes, at, even[p], odd[p]);
    step(at, even);
  }
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) _mm512_store_ps(rows.acc + r * rows.acc_stride + p * kPanel, sums[r][p]);
  }
}

template <PanelFloat kType, int kPanels, bool kPrefetch>
void Tiles(Rows rows, std::int64_t count, const std::byte* weights, std::int64_t panel_bytes, std::int64_t k,
           bool first) {
  for (; count >= 8; count -= 8, rows = rows.From(8)) {
    Tile<kType, 8, kPanels, kPrefetch>(rows, weights, panel_bytes, k, first);
  }
  if (count & 4) {
    Tile<kType, 4, kPanels, kPrefetch>(rows, weights, panel_bytes, k, first);
    rows = rows.From(4);
  }
  if (count & 2) {
    Tile<kType, 2, kPanels, kPrefetch>(rows, weights, panel_bytes, k, first);
    rows = rows.From(2);
  }
  if (count & 1) Tile<kType, 1, kPanels, kPrefetch>(rows, weights, panel_bytes, k, first);
}

// Steps [begin, begin + count) of a panel as f32 [count][16]; asks for the block that will be widened after it.
template <PanelFloat kType>
void Widen(const std::byte* panel, std::int64_t begin, std::int64_t count, const std::byte* next, float* out) {
  constexpr std::int64_t kPairBytes = FloatPairBytes(kType);
  for (std::int64_t k = 0; k < count; k += 2) {
    for (std::int64_t line = 0; line < kPairBytes; line += 64) {
      _mm_prefetch(next + k / 2 * kPairBytes + line, _MM_HINT_T1);
    }
    __m512 even;
    __m512 odd;
    LoadPair<kType>(panel, begin + k, even, odd);
    _mm512_store_ps(out + k * kPanel, even);
    _mm512_store_ps(out + (k + 1) * kPanel, odd);
  }
}

template <PanelFloat kType, int kPanels>
void ManyRows(const Rows& rows, std::int64_t count, const std::byte* weights, std::int64_t panel_bytes,
              std::int64_t k) {
  alignas(64) float wide[kPanels * kBlock * kPanel];
  for (std::int64_t begin = 0; begin < k; begin += kBlock) {
    const std::int64_t steps = k - begin < kBlock ? k - begin : kBlock;
    const bool last = begin + kBlock >= k;
    const Rows at{rows.x + begin, rows.x_stride, rows.acc, rows.acc_stride};
    if constexpr (kType == PanelFloat::kF32) {
      Tiles<kType, kPanels, false>(at, count, weights + FloatStepOffset(kType, begin), panel_bytes, steps, begin == 0);
      continue;
    }
    for (int p = 0; p < kPanels; ++p) {
      const std::byte* panel = weights + p * panel_bytes;
      const std::byte* next = last ? panel + kPanels * panel_bytes : panel + FloatStepOffset(kType, begin + kBlock);
      Widen<kType>(panel, begin, steps, next, wide + p * kBlock * kPanel);
    }
    Tiles<PanelFloat::kF32, kPanels, false>(at, count, reinterpret_cast<const std::byte*>(wide), kBlock * kPanel * 4,
                                            steps, begin == 0);
  }
}

template <PanelFloat kType, int kPanels>
void Panelwise(const Rows& rows, std::int64_t count, const std::byte* weights, std::int64_t panel_bytes,
               std::int64_t k) {
  if (count > kFewRows) return ManyRows<kType, kPanels>(rows, count, weights, panel_bytes, k);
  Tiles<kType, kPanels, true>(rows, count, weights, panel_bytes, k, true);
}

}  // namespace

void PrepareFloatAvx512(const PrepareArgs& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* in = args.x + r * args.x_stride;
    auto* row = reinterpret_cast<float*>(args.out + r * FloatRowBytes(args.k));
    if (args.norm_weight != nullptr) {
      ScaleBy(in, RmsFactor(in, args.k, args.norm_eps), args.norm_weight, args.k, row);
    } else {
      for (std::int64_t i = 0; i < args.k; i += 16) {
        const __mmask16 lanes = Lanes(args.k - i);
        _mm512_mask_storeu_ps(row + i, lanes, _mm512_maskz_loadu_ps(lanes, in + i));
      }
    }
  }
}

template <PanelFloat kType>
void RunFloatAvx512(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  alignas(64) float acc[kTileRows * kMaxTilePanels * kPanel];
  const std::int64_t panel_bytes = FloatPanelBytes(kType, args.k);
  const std::int64_t parts = args.epilogue->parts;
  for (std::int64_t row0 = 0; row0 < args.rows; row0 += kTileRows) {
    const std::int64_t count = args.rows - row0 < kTileRows ? args.rows - row0 : kTileRows;
    const std::int64_t want = count <= 2 ? 4 : 2;
    const std::int64_t step = want / parts > 0 ? want / parts * parts : parts;
    for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
      const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
      const std::byte* weights = args.weights + panel0 * panel_bytes;
      const std::int64_t stride = panels * kPanel;
      const auto* x = reinterpret_cast<const float*>(args.activations + row0 * FloatRowBytes(args.k));
      const auto columns = [&](std::int64_t p) { return Rows{x, FloatRowBytes(args.k) / 4, acc + p * kPanel, stride}; };
      std::int64_t p = 0;
      for (; count <= 2 && p + 4 <= panels; p += 4) {
        const std::byte* four = weights + p * panel_bytes;
        if (count == 2) Tile<kType, 2, 4, true>(columns(p), four, panel_bytes, args.k, true);
        if (count == 1) Tile<kType, 1, 4, true>(columns(p), four, panel_bytes, args.k, true);
      }
      for (; p + 2 <= panels; p += 2) {
        Panelwise<kType, 2>(columns(p), count, weights + p * panel_bytes, panel_bytes, args.k);
      }
      for (; p < panels; ++p) {
        Panelwise<kType, 1>(columns(p), count, weights + p * panel_bytes, panel_bytes, args.k);
      }
      Finish(*args.epilogue, acc, stride, row0, count, panel0, panels);
    }
  }
}

#define STRATA_INSTANTIATE(name, lower) \
  template void RunFloatAvx512<PanelFloat::k##name>(const LinearArgs&, std::int64_t, std::int64_t);
STRATA_PANEL_FLOATS(STRATA_INSTANTIATE)
#undef STRATA_INSTANTIATE

}  // namespace strata::kernels
