#include "kernels/distance.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// Every implementation that this machine has.
std::vector<const DistanceKernels*> Kernels() {
  const CpuFeatures here = DetectCpu("");
  return {&SelectDistanceKernels(here), &SelectDistanceKernels({.avx2 = here.avx2}), &SelectDistanceKernels({})};
}

template <class T>
std::vector<const T*> RowsOf(const std::vector<T>& values, std::size_t n) {
  std::vector<const T*> rows;
  for (std::size_t at = 0; at + n <= values.size(); at += n) rows.push_back(values.data() + at);
  return rows;
}

class DistanceTest : public testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::size_t kCount = 11;
  std::mt19937 random_{static_cast<unsigned>(GetParam())};
};

TEST_P(DistanceTest, FloatsMatchDoubleAndARowIsTheSameAlone) {
  const std::size_t n = GetParam();
  std::normal_distribution<float> normal;
  std::vector<float> query(n), values(kCount * n);
  for (float& value : query) value = normal(random_);
  for (float& value : values) value = F16ToF32(F32ToF16(normal(random_)));  // the same as halves
  std::vector<std::uint16_t> halves;
  for (const float value : values) halves.push_back(F32ToF16(value));
  const auto rows = RowsOf(values, n);
  const auto half_rows = RowsOf(halves, n);
  for (const DistanceKernels* kernels : Kernels()) {
    std::vector<float> out(kCount), half_out(kCount);
    kernels->f32(query.data(), rows.data(), kCount, n, out.data());
    kernels->f16(query.data(), half_rows.data(), kCount, n, half_out.data());
    for (std::size_t r = 0; r < kCount; ++r) {
      double want = 0, size = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double product = double{query[i]} * double{rows[r][i]};
        want += product;
        size += std::abs(product);
      }
      EXPECT_NEAR(double{out[r]}, want, 1e-6 * (size + 1)) << kernels->name;
      EXPECT_NEAR(double{half_out[r]}, want, 1e-6 * (size + 1)) << kernels->name;
      float alone = 0;
      kernels->f32(query.data(), rows.data() + r, 1, n, &alone);
      EXPECT_EQ(alone, out[r]) << kernels->name;
      kernels->f16(query.data(), half_rows.data() + r, 1, n, &alone);
      EXPECT_EQ(alone, half_out[r]) << kernels->name;
    }
  }
}

TEST_P(DistanceTest, BytesAreExact) {
  const std::size_t n = GetParam();
  std::vector<std::uint8_t> query(n);
  std::vector<std::int8_t> values(kCount * n);
  for (auto& value : query) value = static_cast<std::uint8_t>(random_() % 4 == 0 ? 255 : random_() % 256);
  for (auto& value : values) value = static_cast<std::int8_t>(random_() % 4 == 0 ? 127 : random_() % 256);
  const auto rows = RowsOf(values, n);
  for (const DistanceKernels* kernels : Kernels()) {
    std::vector<std::int32_t> out(kCount);
    kernels->int8(query.data(), rows.data(), kCount, n, out.data());
    for (std::size_t r = 0; r < kCount; ++r) {
      std::int32_t want = 0;
      for (std::size_t i = 0; i < n; ++i) want += std::int32_t{query[i]} * rows[r][i];
      EXPECT_EQ(out[r], want) << kernels->name;
    }
  }
}

TEST_P(DistanceTest, ConversionsAreThoseOfTheFormat) {
  const std::size_t n = GetParam();
  std::normal_distribution<float> normal(0, 100);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random_) * std::exp2(static_cast<float>(random_() % 20) - 20);
  for (const DistanceKernels* kernels : Kernels()) {
    std::vector<std::uint16_t> half(n);
    std::vector<float> back(n);
    kernels->narrow(values.data(), n, half.data());
    kernels->widen(half.data(), n, back.data());
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(half[i], F32ToF16(values[i])) << kernels->name;
      ASSERT_EQ(back[i], F16ToF32(half[i])) << kernels->name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dimensions, DistanceTest, testing::Values(1, 7, 16, 31, 63, 64, 65, 96, 384, 1024, 1031));

TEST(DistanceSelectionTest, SaysWhyNot) {
  std::vector<Choice> log;
  EXPECT_EQ(SelectDistanceKernels({}, &log).name, "ref");
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(log.back().reason, "");
  EXPECT_TRUE(log.back().taken);
}

}  // namespace
}  // namespace strata::kernels
