// Float linears: tiles of up to 8 rows x 2 panels (or 2 rows x 4 panels) of f32 sums in registers.
#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/linear_float.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kTileRows = 64;
constexpr std::int64_t kMaxTilePanels = 8;

template <PanelFloat kType>
inline __m512 LoadWeights(const std::byte* panel, std::int64_t k) {
  if constexpr (kType == PanelFloat::kF32) {
    return _mm512_load_ps(panel + k * 64);
  } else {
    const __m256i halves = _mm256_load_si256(reinterpret_cast<const __m256i*>(panel + k * 32));
    if constexpr (kType == PanelFloat::kF16) return _mm512_cvtph_ps(halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
}

template <PanelFloat kType, int kRows, int kPanels>
void Tile(const LinearArgs& args, std::int64_t row0, const std::byte* weights, float* acc, std::int64_t acc_stride) {
  const std::int64_t panel_bytes = FloatPanelBytes(kType, args.k);
  const auto* x = reinterpret_cast<const float*>(args.activations + row0 * FloatRowBytes(args.k));
  const std::int64_t x_stride = FloatRowBytes(args.k) / 4;
  __m512 sums[kRows][kPanels];
  for (auto& row : sums) {
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  }
  for (std::int64_t k = 0; k < args.k; ++k) {
    __m512 w[kPanels];
    for (int p = 0; p < kPanels; ++p) {
      const std::byte* panel = weights + p * panel_bytes;
      if constexpr (kRows <= 2) {
        constexpr std::int64_t kBytes = kType == PanelFloat::kF32 ? 64 : 32;
        if (k * kBytes % 64 == 0) _mm_prefetch(panel + 2048 + k * kBytes, _MM_HINT_T0);
      }
      w[p] = LoadWeights<kType>(panel, k);
    }
    for (int r = 0; r < kRows; ++r) {
      const __m512 value = _mm512_set1_ps(x[r * x_stride + k]);
      for (int p = 0; p < kPanels; ++p) sums[r][p] = _mm512_fmadd_ps(value, w[p], sums[r][p]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) _mm512_store_ps(acc + r * acc_stride + p * kPanel, sums[r][p]);
  }
}

template <PanelFloat kType, int kPanels>
void Rows(const LinearArgs& args, std::int64_t row0, std::int64_t rows, const std::byte* weights, float* acc,
          std::int64_t acc_stride) {
  for (; rows >= 8; rows -= 8, row0 += 8, acc += 8 * acc_stride) {
    Tile<kType, 8, kPanels>(args, row0, weights, acc, acc_stride);
  }
  if (rows & 4) {
    Tile<kType, 4, kPanels>(args, row0, weights, acc, acc_stride);
    row0 += 4;
    acc += 4 * acc_stride;
  }
  if (rows & 2) {
    Tile<kType, 2, kPanels>(args, row0, weights, acc, acc_stride);
    row0 += 2;
    acc += 2 * acc_stride;
  }
  if (rows & 1) Tile<kType, 1, kPanels>(args, row0, weights, acc, acc_stride);
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
    const std::int64_t rows = args.rows - row0 < kTileRows ? args.rows - row0 : kTileRows;
    const std::int64_t want = rows <= 2 ? 4 : 2;
    const std::int64_t step = want / parts > 0 ? want / parts * parts : parts;
    for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
      const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
      const std::byte* weights = args.weights + panel0 * panel_bytes;
      const std::int64_t stride = panels * kPanel;
      std::int64_t p = 0;
      if (rows <= 2) {
        for (; p + 4 <= panels; p += 4) {
          const std::byte* at = weights + p * panel_bytes;
          if (rows == 2) Tile<kType, 2, 4>(args, row0, at, acc + p * kPanel, stride);
          if (rows == 1) Tile<kType, 1, 4>(args, row0, at, acc + p * kPanel, stride);
        }
      }
      for (; p + 2 <= panels; p += 2) {
        Rows<kType, 2>(args, row0, rows, weights + p * panel_bytes, acc + p * kPanel, stride);
      }
      for (; p < panels; ++p) {
        Rows<kType, 1>(args, row0, rows, weights + p * panel_bytes, acc + p * kPanel, stride);
      }
      Finish(*args.epilogue, acc, stride, row0, rows, panel0, panels);
    }
  }
}

template void RunFloatAvx512<PanelFloat::kF32>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunFloatAvx512<PanelFloat::kF16>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunFloatAvx512<PanelFloat::kBF16>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
