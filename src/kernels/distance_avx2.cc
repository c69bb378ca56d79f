#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/distance_list.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// As in the AVX-512 file: four rows share the loads of the query, and each has two sums.
constexpr std::size_t kRows = 4;

template <std::size_t kCount, class Row, class LoadEight, class LoadOne>
void FloatRows(const float* query, const Row* const* rows, std::size_t n, float* out, const LoadEight& load_eight,
               const LoadOne& load_one) {
  __m256 even[kCount], odd[kCount];
  for (std::size_t r = 0; r < kCount; ++r) even[r] = odd[r] = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256 a = _mm256_loadu_ps(query + i);
    const __m256 b = _mm256_loadu_ps(query + i + 8);
    for (std::size_t r = 0; r < kCount; ++r) {
      even[r] = _mm256_fmadd_ps(a, load_eight(rows[r] + i), even[r]);
      odd[r] = _mm256_fmadd_ps(b, load_eight(rows[r] + i + 8), odd[r]);
    }
  }
  for (std::size_t r = 0; r < kCount; ++r) {
    out[r] = Sum(_mm256_add_ps(even[r], odd[r]));
    for (std::size_t j = i; j < n; ++j) out[r] += query[j] * load_one(rows[r][j]);
  }
}

template <class Row, class LoadEight, class LoadOne>
void Floats(const float* query, const Row* const* rows, std::size_t count, std::size_t n, float* out,
            const LoadEight& load_eight, const LoadOne& load_one) {
  std::size_t i = 0;
  for (; i + kRows <= count; i += kRows) FloatRows<kRows>(query, rows + i, n, out + i, load_eight, load_one);
  for (; i < count; ++i) FloatRows<1>(query, rows + i, n, out + i, load_eight, load_one);
}

void F32(const float* query, const float* const* rows, std::size_t count, std::size_t n, float* out) {
  Floats(
      query, rows, count, n, out, [](const float* row) { return _mm256_loadu_ps(row); },
      [](float value) { return value; });
}

__m256 LoadHalf(const std::uint16_t* row) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
}

void F16(const float* query, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out) {
  Floats(query, rows, count, n, out, LoadHalf, F16ToF32);
}

// Widened to words: vpmaddubsw would saturate.
void Int8(const std::uint8_t* query, const std::int8_t* const* rows, std::size_t count, std::size_t n,
          std::int32_t* out) {
  for (std::size_t r = 0; r < count; ++r) {
    __m256i sums = _mm256_setzero_si256();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(query + i)));
      const __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[r] + i)));
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
    }
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    out[r] = _mm_cvtsi128_si32(four);
    for (; i < n; ++i) out[r] += std::int32_t{query[i]} * rows[r][i];
  }
}

void Widen(const std::uint16_t* half, std::size_t n, float* out) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, LoadHalf(half + i));
  for (; i < n; ++i) out[i] = F16ToF32(half[i]);
}

void Narrow(const float* values, std::size_t n, std::uint16_t* out) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT));
  }
  for (; i < n; ++i) out[i] = F32ToF16(values[i]);
}

}  // namespace

const DistanceKernels kDistanceAvx2{
    .name = "avx2", .f32 = F32, .f16 = F16, .int8 = Int8, .widen = Widen, .narrow = Narrow};

}  // namespace strata::kernels
