// Inside the kernels only: what the AVX-512 files share. Each file that includes this gets its own copies.
#pragma once

#include <algorithm>

#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/row_scale.h"

namespace strata::kernels {
namespace {

// The first `count` lanes; all for 16 and more, none for 0 and fewer.
inline __mmask16 Lanes(std::int64_t count) {
  if (count >= 16) return 0xffff;
  return static_cast<__mmask16>(count <= 0 ? 0 : (1 << count) - 1);
}

// 2^x for x <= 0: x = n + f, 0 <= f < 1; the polynomial is the one of degree 5 whose greatest relative error is least
// (8.2e-8, found by Remez's exchange with 2^0 = 1 held). scalef multiplies it by 2^n, n = floor(x), which may be zero.
[[maybe_unused]] __m512 Exp2(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 y = _mm512_set1_ps(1.867130069869e-3f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(9.017030322464e-3f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(5.579991310372e-2f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(2.401644501551e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(6.931513118046e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(y, x);
}

// Between -1 and 1 of either sign, by 2^x; its absolute error is that of 1 in f32.
[[maybe_unused]] __m512 Tanh(__m512 x) {
  constexpr float kTwoLog2E = 2.88539008f;
  const __m512 power = Exp2(_mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(-kTwoLog2E)));
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 tanh = _mm512_div_ps(_mm512_sub_ps(one, power), _mm512_add_ps(one, power));
  return _mm512_or_ps(tanh, _mm512_and_ps(x, _mm512_set1_ps(-0.0f)));
}

// Takes in columns [column, column + count) of a row. Nearly always nothing is as great as what is known already, and
// one comparison says so.
inline void KeepMax(RowMax& row_max, const float* values, std::int64_t column, std::int64_t count) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 max = lowest;
  for (std::int64_t i = 0; i < count; i += kPanel) {
    const __m512 v = _mm512_mask_loadu_ps(lowest, Lanes(count - i), values + i);
    max = _mm512_max_ps(v, max);  // of NaN and a number the second operand
  }
  if (_mm512_cmp_ps_mask(max, _mm512_set1_ps(row_max.value), _CMP_GE_OQ) == 0) [[likely]]
    return;
  const float greatest = _mm512_reduce_max_ps(max);
  for (std::int64_t i = 0; i < count; i += kPanel) {
    const __mmask16 lanes = Lanes(count - i);
    const __mmask16 equal =
        _mm512_mask_cmp_ps_mask(lanes, _mm512_maskz_loadu_ps(lanes, values + i), _mm512_set1_ps(greatest), _CMP_EQ_OQ);
    if (equal == 0) continue;
    row_max.Take({greatest, static_cast<std::int32_t>(column + i + __builtin_ctz(equal))});
    return;
  }
}

// ApplyEpilogue with the plain store inlined: a call of memcpy per row and tile costs as much as the tile.
[[maybe_unused]] void Finish(const Epilogue& epilogue, const float* acc, std::int64_t acc_stride, std::int64_t row0,
                             std::int64_t rows, std::int64_t panel0, std::int64_t panels) {
  if (epilogue.map != nullptr) return ApplyEpilogue(epilogue, acc, acc_stride, row0, rows, panel0, panels);
  if (epilogue.row_max != nullptr) {
    for (std::int64_t r = 0; r < rows; ++r) {
      KeepMax(epilogue.row_max[row0 + r], acc + r * acc_stride, panel0 * kPanel,
              std::min(panels * kPanel, epilogue.out_cols - panel0 * kPanel));
    }
  }
  rows = std::min(rows, epilogue.out_rows - row0);
  for (std::int64_t r = 0; r < rows; ++r) {
    float* out = epilogue.out + (row0 + r) * epilogue.out_stride + panel0 * kPanel;
    for (std::int64_t p = 0; p < panels; ++p) {
      _mm512_mask_storeu_ps(out + p * kPanel, Lanes(epilogue.out_cols - (panel0 + p) * kPanel),
                            _mm512_load_ps(acc + r * acc_stride + p * kPanel));
    }
  }
}

// Asks for what Finish will write, and for what it reads beside the sums. Without it stores wait for their lines, one
// after the other, and what follows them, too. Asked for all at once, they are what loads wait for: few at a time are
// best, amid the products before.
class FinishLines {
 public:
  FinishLines(const Epilogue& epilogue, std::int64_t row0, std::int64_t rows, std::int64_t panel0, std::int64_t panels)
      : epilogue_(epilogue),
        row_(row0),
        end_(std::min(row0 + rows, epilogue.out_rows)),
        column_(panel0 / epilogue.parts * kPanel),
        column_end_(std::min((panel0 + panels + epilogue.parts - 1) / epilogue.parts * kPanel, epilogue.out_cols)) {}

  // Of the next rows; nothing when all have been asked for.
  inline void Fetch(std::int64_t rows) {
    for (const std::int64_t end = std::min(row_ + rows, end_); row_ < end; ++row_) {
      for (std::int64_t c = column_; c < column_end_; c += kPanel)
        __builtin_prefetch(epilogue_.out + row_ * epilogue_.out_stride + c, 1);
      for (int i = 0; i < epilogue_.extras; ++i) {
        if (epilogue_.extra_stride[i] == 0) continue;
        for (std::int64_t c = column_; c < column_end_; c += kPanel)
          __builtin_prefetch(epilogue_.extra[i] + row_ * epilogue_.extra_stride[i] + c);
      }
    }
  }

 private:
  const Epilogue& epilogue_;
  std::int64_t row_, end_, column_, column_end_;
};

[[maybe_unused]] inline void FetchForFinish(const Epilogue& epilogue, std::int64_t row0, std::int64_t rows,
                                            std::int64_t panel0, std::int64_t panels) {
  FinishLines(epilogue, row0, rows, panel0, panels).Fetch(rows);
}

// Panels [panel_begin, panel_end) by all rows, in blocks whose sums stay close. of_block(first row, rows, first panel,
// panels, acc) leaves them in acc, [rows][kBlockPanels * kPanel], and asks for what the epilogue needs, which follows.
template <std::int64_t kBlockRows, std::int64_t kBlockPanels, class OfBlock>
void RunByBlocks(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end, const OfBlock& of_block) {
  alignas(64) float acc[kBlockRows * kBlockPanels * kPanel];
  const std::int64_t step = kBlockPanels / args.epilogue->parts * args.epilogue->parts;
  for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
    const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
    for (std::int64_t row0 = 0; row0 < args.rows; row0 += kBlockRows) {
      const std::int64_t rows = args.rows - row0 < kBlockRows ? args.rows - row0 : kBlockRows;
      of_block(row0, rows, panel0, panels, acc);
      Finish(*args.epilogue, acc, kBlockPanels * kPanel, row0, rows, panel0, panels);
    }
  }
}

// The columns of 16 rows of 16 32-bit values, which lie `stride` bytes apart. Half of the shuffles are inserts from
// memory: they share two ports, where the others have one.
[[maybe_unused]] inline void Transpose16(const void* rows, std::int64_t stride, __m512i (&columns)[16]) {
  const auto quarter = [&](int row, int q) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const std::byte*>(rows) + row * stride) + q);
  };
  __m512i fours[4][4];  // [q][i]: columns 4 q to 4 q + 3 of row i, then of rows 4 + i, 8 + i and 12 + i
  for (int q = 0; q < 4; ++q) {
    for (int i = 0; i < 4; ++i) {
      __m512i four = _mm512_castsi128_si512(quarter(i, q));
      four = _mm512_inserti32x4(four, quarter(4 + i, q), 1);
      four = _mm512_inserti32x4(four, quarter(8 + i, q), 2);
      fours[q][i] = _mm512_inserti32x4(four, quarter(12 + i, q), 3);
    }
  }
  for (int q = 0; q < 4; ++q) {
    const __m512i low01 = _mm512_unpacklo_epi32(fours[q][0], fours[q][1]);
    const __m512i high01 = _mm512_unpackhi_epi32(fours[q][0], fours[q][1]);
    const __m512i low23 = _mm512_unpacklo_epi32(fours[q][2], fours[q][3]);
    const __m512i high23 = _mm512_unpackhi_epi32(fours[q][2], fours[q][3]);
    columns[4 * q] = _mm512_unpacklo_epi64(low01, low23);
    columns[4 * q + 1] = _mm512_unpackhi_epi64(low01, low23);
    columns[4 * q + 2] = _mm512_unpacklo_epi64(high01, high23);
    columns[4 * q + 3] = _mm512_unpackhi_epi64(high01, high23);
  }
}

// 1 / sqrt(mean(x^2) + eps), in an order that depends on k alone.
[[maybe_unused]] float RmsFactor(const float* x, std::int64_t k, float eps) {
  __m512 even = _mm512_setzero_ps();
  __m512 odd = _mm512_setzero_ps();
  const auto add = [&](__m512 a, __m512 b) {
    even = _mm512_fmadd_ps(a, a, even);
    odd = _mm512_fmadd_ps(b, b, odd);
  };
  std::int64_t i = 0;
  for (; i + 32 <= k; i += 32) add(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + 16));
  if (i < k) add(_mm512_maskz_loadu_ps(Lanes(k - i), x + i), _mm512_maskz_loadu_ps(Lanes(k - i - 16), x + i + 16));
  return 1.0f / __builtin_sqrtf(_mm512_reduce_add_ps(_mm512_add_ps(even, odd)) / static_cast<float>(k) + eps);
}

// out = x * factor * weight.
[[maybe_unused]] void ScaleBy(const float* x, float factor, const float* weight, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = Lanes(n - i);
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_set1_ps(factor));
    _mm512_mask_storeu_ps(out + i, lanes, _mm512_mul_ps(scaled, _mm512_maskz_loadu_ps(lanes, weight + i)));
  }
}

// Rounds a row to integers of at most `most` and, times the scale that is returned, a norm of at most `longest`. What
// is not finite makes the scale NaN.
[[maybe_unused]] float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
  __m512 greatest = _mm512_setzero_ps();
  for (std::int64_t i = 0; i < count; i += 16) {
    greatest = _mm512_max_ps(greatest, _mm512_abs_ps(_mm512_maskz_loadu_ps(Lanes(count - i), x + i)));
  }
  __m512 squares = _mm512_setzero_ps();
  const RowScale row(_mm512_reduce_max_ps(greatest));
  for (std::int64_t i = 0; i < count; i += 16) {
    const __m512 part = _mm512_mul_ps(_mm512_maskz_loadu_ps(Lanes(count - i), x + i), _mm512_set1_ps(row.to_one));
    squares = _mm512_fmadd_ps(part, part, squares);
  }
  const float scale = row.Scale(_mm512_reduce_add_ps(squares), most, longest);
  const __m512 inverse = _mm512_set1_ps(RowScale::Inverse(scale));
  for (std::int64_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = Lanes(count - i);
    const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), inverse));
    _mm512_mask_cvtsepi32_storeu_epi16(out + i, lanes, rounded);
  }
  return scale;
}

}  // namespace
}  // namespace strata::kernels
