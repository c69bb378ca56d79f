#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/distance_list.h"

namespace strata::kernels {
namespace {

// Four rows at a time share the loads of the query, and their two sums each keep both multipliers busy (a multiply-add
// takes four cycles, two begin in each). A row's sums are the same when it is alone.
constexpr std::size_t kRows = 4;

template <std::size_t kCount, class Row, class Load>
void FloatRows(const float* query, const Row* const* rows, std::size_t n, float* out, const Load& load) {
  __m512 even[kCount], odd[kCount];
  for (std::size_t r = 0; r < kCount; ++r) even[r] = odd[r] = _mm512_setzero_ps();
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m512 a = _mm512_loadu_ps(query + i);
    const __m512 b = _mm512_loadu_ps(query + i + 16);
    for (std::size_t r = 0; r < kCount; ++r) {
      even[r] = _mm512_fmadd_ps(a, load(rows[r] + i, 0xffff), even[r]);
      odd[r] = _mm512_fmadd_ps(b, load(rows[r] + i + 16, 0xffff), odd[r]);
    }
  }
  for (; i < n; i += 16) {
    const __mmask16 lanes = Lanes(static_cast<std::int64_t>(n - i));
    const __m512 a = _mm512_maskz_loadu_ps(lanes, query + i);
    for (std::size_t r = 0; r < kCount; ++r) even[r] = _mm512_fmadd_ps(a, load(rows[r] + i, lanes), even[r]);
  }
  for (std::size_t r = 0; r < kCount; ++r) out[r] = _mm512_reduce_add_ps(_mm512_add_ps(even[r], odd[r]));
}

template <class Row, class Load>
void Floats(const float* query, const Row* const* rows, std::size_t count, std::size_t n, float* out,
            const Load& load) {
  std::size_t i = 0;
  for (; i + kRows <= count; i += kRows) FloatRows<kRows>(query, rows + i, n, out + i, load);
  for (; i < count; ++i) FloatRows<1>(query, rows + i, n, out + i, load);
}

void F32(const float* query, const float* const* rows, std::size_t count, std::size_t n, float* out) {
  Floats(query, rows, count, n, out,
         [](const float* row, __mmask16 lanes) { return _mm512_maskz_loadu_ps(lanes, row); });
}

void F16(const float* query, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out) {
  Floats(query, rows, count, n, out, [](const std::uint16_t* row, __mmask16 lanes) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, row));
  });
}

__mmask64 Bytes(std::size_t count) { return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1; }

template <std::size_t kCount>
void ByteRows(const std::uint8_t* query, const std::int8_t* const* rows, std::size_t n, std::int32_t* out) {
  __m512i sums[kCount];
  for (std::size_t r = 0; r < kCount; ++r) sums[r] = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n; i += 64) {
    const __mmask64 lanes = Bytes(n - i);
    const __m512i a = _mm512_maskz_loadu_epi8(lanes, query + i);
    for (std::size_t r = 0; r < kCount; ++r) {
      sums[r] = _mm512_dpbusd_epi32(sums[r], a, _mm512_maskz_loadu_epi8(lanes, rows[r] + i));
    }
  }
  for (std::size_t r = 0; r < kCount; ++r) out[r] = _mm512_reduce_add_epi32(sums[r]);
}

void Int8(const std::uint8_t* query, const std::int8_t* const* rows, std::size_t count, std::size_t n,
          std::int32_t* out) {
  std::size_t i = 0;
  for (; i + kRows <= count; i += kRows) ByteRows<kRows>(query, rows + i, n, out + i);
  for (; i < count; ++i) ByteRows<1>(query, rows + i, n, out + i);
}

void Widen(const std::uint16_t* half, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = Lanes(static_cast<std::int64_t>(n - i));
    _mm512_mask_storeu_ps(out + i, lanes, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, half + i)));
  }
}

void Narrow(const float* values, std::size_t n, std::uint16_t* out) {
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = Lanes(static_cast<std::int64_t>(n - i));
    const __m256i half = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(lanes, values + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_mask_storeu_epi16(out + i, lanes, half);
  }
}

}  // namespace

const DistanceKernels kDistanceAvx512{
    .name = "avx512", .f32 = F32, .f16 = F16, .int8 = Int8, .widen = Widen, .narrow = Narrow};

}  // namespace strata::kernels
