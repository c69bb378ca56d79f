#include <arm_neon.h>

#include "kernels/distance_list.h"
#include "kernels/neon.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// As in the AVX-512 file: four rows share the loads of the query. Each has four sums, so that one row alone hides the
// latency of its multiply-adds as well.
constexpr std::size_t kRows = 4;
constexpr std::size_t kSums = 4;
constexpr std::size_t kStep = 4 * kSums;

template <std::size_t kCount, class Row, class LoadFour, class LoadOne>
void FloatRows(const float* query, const Row* const* rows, std::size_t n, float* out, const LoadFour& load_four,
               const LoadOne& load_one) {
  float32x4_t sums[kCount][kSums];
  for (auto& row : sums) {
    for (float32x4_t& sum : row) sum = vdupq_n_f32(0);
  }
  std::size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    for (std::size_t s = 0; s < kSums; ++s) {
      const float32x4_t four = vld1q_f32(query + i + 4 * s);
      for (std::size_t r = 0; r < kCount; ++r) {
        sums[r][s] = vfmaq_f32(sums[r][s], four, load_four(rows[r] + i + 4 * s));
      }
    }
  }
  for (std::size_t r = 0; r < kCount; ++r) {
    out[r] = vaddvq_f32(vaddq_f32(vaddq_f32(sums[r][0], sums[r][2]), vaddq_f32(sums[r][1], sums[r][3])));
    for (std::size_t j = i; j < n; ++j) out[r] += query[j] * load_one(rows[r][j]);
  }
}

template <class Row, class LoadFour, class LoadOne>
void Floats(const float* query, const Row* const* rows, std::size_t count, std::size_t n, float* out,
            const LoadFour& load_four, const LoadOne& load_one) {
  std::size_t i = 0;
  for (; i + kRows <= count; i += kRows) FloatRows<kRows>(query, rows + i, n, out + i, load_four, load_one);
  for (; i < count; ++i) FloatRows<1>(query, rows + i, n, out + i, load_four, load_one);
}

void F32(const float* query, const float* const* rows, std::size_t count, std::size_t n, float* out) {
  Floats(
      query, rows, count, n, out, [](const float* row) { return vld1q_f32(row); }, [](float value) { return value; });
}

void F16(const float* query, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out) {
  Floats(query, rows, count, n, out, WidenF16, F16ToF32);
}

// Widened to words: sdot has no unsigned factor, and not every processor has it.
void Int8(const std::uint8_t* query, const std::int8_t* const* rows, std::size_t count, std::size_t n,
          std::int32_t* out) {
  for (std::size_t r = 0; r < count; ++r) {
    int32x4_t even = vdupq_n_s32(0);
    int32x4_t odd = vdupq_n_s32(0);
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(query + i)));
      const int16x8_t b = vmovl_s8(vld1_s8(rows[r] + i));
      even = vmlal_s16(even, vget_low_s16(a), vget_low_s16(b));
      odd = vmlal_high_s16(odd, a, b);
    }
    out[r] = vaddvq_s32(vaddq_s32(even, odd));
    for (; i < n; ++i) out[r] += std::int32_t{query[i]} * rows[r][i];
  }
}

void Widen(const std::uint16_t* half, std::size_t n, float* out) {
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, WidenF16(half + i));
  for (; i < n; ++i) out[i] = F16ToF32(half[i]);
}

void Narrow(const float* values, std::size_t n, std::uint16_t* out) {
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1_u16(out + i, NarrowF16(vld1q_f32(values + i)));
  for (; i < n; ++i) out[i] = F32ToF16(values[i]);
}

}  // namespace

const DistanceKernels kDistanceNeon{
    .name = "neon", .f32 = F32, .f16 = F16, .int8 = Int8, .widen = Widen, .narrow = Narrow};

}  // namespace strata::kernels
