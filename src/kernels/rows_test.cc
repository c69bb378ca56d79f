#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

// Every implementation that this machine has.
std::vector<const RowKernels*> Kernels() {
  const CpuFeatures here = DetectCpu("");
  return {&SelectRowKernels(here), &SelectRowKernels({.avx2 = here.avx2}), &SelectRowKernels({})};
}

std::vector<float> Normal(std::size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

class RowsTest : public testing::TestWithParam<std::int64_t> {};

TEST_P(RowsTest, RmsNormMatchesDouble) {
  const std::int64_t n = GetParam();
  const auto size = static_cast<std::size_t>(n);
  const std::vector<float> x = Normal(size, 1);
  const std::vector<float> weight = Normal(size, 2);
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  const double factor = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
  for (const RowKernels* kernels : Kernels()) {
    std::vector<float> out(size);
    kernels->rms_norm(x.data(), weight.data(), 1e-5f, n, out.data());
    std::vector<float> in_place = x;
    kernels->rms_norm(in_place.data(), weight.data(), 1e-5f, n, in_place.data());
    EXPECT_EQ(in_place, out) << kernels->name;
    for (std::size_t i = 0; i < size; ++i) {
      const double want = static_cast<double>(x[i]) * factor * static_cast<double>(weight[i]);
      ASSERT_NEAR(static_cast<double>(out[i]), want, 1e-6 * (1 + std::abs(want))) << kernels->name;
    }
  }
}

TEST(RopeRowTest, TurnsPairsOfEachHeadAndLeavesTheRest) {
  constexpr std::int64_t kHeads = 3;
  for (const std::int64_t head_dim : {std::int64_t{10}, std::int64_t{64}, std::int64_t{1200}}) {
    const std::int64_t rotary = head_dim == 10 ? 6 : head_dim;  // a part; all; more than is computed at a time
    std::vector<float> inv_freq;
    for (std::int64_t i = 0; i < rotary / 2; ++i) inv_freq.push_back(1.0f / static_cast<float>(i + 1));
    const std::vector<float> x = Normal(static_cast<std::size_t>(kHeads * head_dim), 3);
    for (const RopeStyle style : {RopeStyle::kHalves, RopeStyle::kInterleaved}) {
      const RopeArgs rope{inv_freq.data(), rotary, 1.25f, style};
      std::vector<float> want = x;
      for (std::int64_t pair = 0; pair < kHeads * rotary / 2; ++pair) {
        const std::int64_t head = pair / (rotary / 2), i = pair % (rotary / 2);
        const bool halves = style == RopeStyle::kHalves;
        const auto a = static_cast<std::size_t>(head * head_dim + (halves ? i : 2 * i));
        const std::size_t b = a + static_cast<std::size_t>(halves ? rotary / 2 : 1);
        const double angle = static_cast<double>(inv_freq[static_cast<std::size_t>(i)] * 7.0f);
        const double cosine = 1.25 * std::cos(angle), sine = 1.25 * std::sin(angle);
        want[a] = static_cast<float>(static_cast<double>(x[a]) * cosine - static_cast<double>(x[b]) * sine);
        want[b] = static_cast<float>(static_cast<double>(x[b]) * cosine + static_cast<double>(x[a]) * sine);
      }
      std::vector<float> of_ref(x.size());
      Kernels().back()->rope(rope, 7, kHeads, head_dim, x.data(), of_ref.data());
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(of_ref[i], want[i], 1e-6f) << head_dim << " " << i;
      for (const RowKernels* kernels : Kernels()) {
        std::vector<float> in_place = x;
        kernels->rope(rope, 7, kHeads, head_dim, in_place.data(), in_place.data());
        EXPECT_EQ(in_place, of_ref) << kernels->name << " " << head_dim;
      }
    }
  }
}

TEST_P(RowsTest, LayerNormMatchesDouble) {
  const std::int64_t n = GetParam();
  const auto size = static_cast<std::size_t>(n);
  std::vector<float> x = Normal(size, 1);
  for (float& value : x) value += 3;  // a mean that has to go
  const std::vector<float> weight = Normal(size, 2);
  const std::vector<float> bias = Normal(size, 3);
  double mean = 0, squares = 0;
  for (const float value : x) mean += static_cast<double>(value) / static_cast<double>(n);
  for (const float value : x) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  const double factor = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
  for (const RowKernels* kernels : Kernels()) {
    for (const float* added : {static_cast<const float*>(nullptr), bias.data()}) {
      std::vector<float> out(size);
      kernels->layer_norm(x.data(), weight.data(), added, 1e-5f, n, out.data());
      std::vector<float> in_place = x;
      kernels->layer_norm(in_place.data(), weight.data(), added, 1e-5f, n, in_place.data());
      EXPECT_EQ(in_place, out) << kernels->name;
      for (std::size_t i = 0; i < size; ++i) {
        const double want = (static_cast<double>(x[i]) - mean) * factor * static_cast<double>(weight[i]) +
                            (added != nullptr ? static_cast<double>(added[i]) : 0);
        ASSERT_NEAR(static_cast<double>(out[i]), want, 5e-6 * (1 + std::abs(want))) << kernels->name;
      }
    }
  }
}

TEST_P(RowsTest, ArgMaxFindsTheFirstOfEquals) {
  const std::int64_t n = GetParam();
  for (const RowKernels* kernels : Kernels()) {
    std::vector<float> x(static_cast<std::size_t>(n), -5.0f);
    EXPECT_EQ(kernels->argmax(x.data(), nullptr, n), 0) << kernels->name;
    for (std::int64_t at = n - 1; at >= 0; at -= 1 + n / 50) {
      x[static_cast<std::size_t>(at)] = -1.0f;  // equal to those set before, and earlier
      ASSERT_EQ(kernels->argmax(x.data(), nullptr, n), at) << kernels->name;
    }
    const std::vector<float> lowest(static_cast<std::size_t>(n), -std::numeric_limits<float>::infinity());
    EXPECT_EQ(kernels->argmax(lowest.data(), nullptr, n), 0) << kernels->name;
    std::vector<float> mostly_nan(static_cast<std::size_t>(n), std::numeric_limits<float>::quiet_NaN());
    EXPECT_EQ(kernels->argmax(mostly_nan.data(), nullptr, n), 0) << kernels->name;
    mostly_nan.back() = -7.0f;
    EXPECT_EQ(kernels->argmax(mostly_nan.data(), nullptr, n), n - 1) << kernels->name;
  }
}

// None, some, all of n.
std::vector<std::uint32_t> RandomMask(std::int64_t n, int round, std::minstd_rand& random) {
  std::vector<std::uint32_t> allowed(static_cast<std::size_t>((n + 31) / 32));
  for (std::uint32_t& word : allowed) {
    word = round % 3 == 0 ? 0U : static_cast<std::uint32_t>(random() * 2654435761U);
    if (random() % 4 == 0) word = random() % 2 == 0 ? ~0U : 0U;
  }
  return allowed;
}

TEST_P(RowsTest, ArgMaxOfWhatIsAllowed) {
  const std::int64_t n = GetParam();
  const std::vector<float> x = Normal(static_cast<std::size_t>(n), 1);
  std::minstd_rand random(static_cast<unsigned>(n));
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::uint32_t> allowed = RandomMask(n, round, random);
    std::int64_t want = 0;
    float greatest = -std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if ((allowed[at / 32] >> (at % 32) & 1) == 0 || !(x[at] > greatest)) continue;
      greatest = x[at];
      want = i;
    }
    for (const RowKernels* kernels : Kernels())
      ASSERT_EQ(kernels->argmax(x.data(), allowed.data(), n), want) << kernels->name;
  }
}

TEST_P(RowsTest, SoftmaxMatchesDouble) {
  const std::int64_t n = GetParam();
  const auto size = static_cast<std::size_t>(n);
  for (const float scale : {0.0F, 0.5F, 1.0F, 30.0F, 1e30F}) {
    std::vector<float> x = Normal(size, 4);
    const auto greatest = static_cast<double>(*std::ranges::max_element(x));
    for (const RowKernels* kernels : Kernels()) {
      std::vector<float> out(size + 1, -1);
      const double sum = kernels->softmax(x.data(), nullptr, scale, n, out.data());
      double want_sum = 0;
      for (std::size_t i = 0; i < size; ++i) {
        const double want = std::exp((static_cast<double>(x[i]) - greatest) * static_cast<double>(scale));
        want_sum += want;
        ASSERT_NEAR(static_cast<double>(out[i]), want, 2e-5 * want + 1e-37) << kernels->name << " " << scale;
      }
      EXPECT_NEAR(sum, want_sum, 2e-5 * want_sum) << kernels->name;
      EXPECT_EQ(out.back(), -1) << kernels->name;
    }
  }
}

// The others might as well be -infinity: the same bits.
TEST_P(RowsTest, SoftmaxOfWhatIsAllowed) {
  const std::int64_t n = GetParam();
  const std::vector<float> x = Normal(static_cast<std::size_t>(n), 4);
  std::minstd_rand random(static_cast<unsigned>(n));
  for (int round = 0; round < 20; ++round) {
    const std::vector<std::uint32_t> allowed = RandomMask(n, round, random);
    std::vector<float> only = x;
    for (std::size_t i = 0; i < only.size(); ++i) {
      if ((allowed[i / 32] >> (i % 32) & 1) == 0) only[i] = -std::numeric_limits<float>::infinity();
    }
    for (const RowKernels* kernels : Kernels()) {
      std::vector<float> want(x.size()), out(x.size() + 1, -1);
      const double want_sum = kernels->softmax(only.data(), nullptr, 0.7F, n, want.data());
      EXPECT_EQ(kernels->softmax(x.data(), allowed.data(), 0.7F, n, out.data()), want_sum) << kernels->name;
      EXPECT_EQ(out.back(), -1) << kernels->name;
      out.pop_back();
      EXPECT_EQ(out, want) << kernels->name;
    }
  }
}

TEST_P(RowsTest, SoftmaxGivesNothingToWhatIsNoNumber) {
  const auto size = static_cast<std::size_t>(GetParam());
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const RowKernels* kernels : Kernels()) {
    for (const float nothing : {-kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> x(size, nothing), out(size, -1);
      EXPECT_EQ(kernels->softmax(x.data(), nullptr, 1, GetParam(), out.data()), 0) << kernels->name;
      EXPECT_EQ(out, std::vector<float>(size, 0)) << kernels->name;
      x.back() = -3;
      EXPECT_EQ(kernels->softmax(x.data(), nullptr, 1, GetParam(), out.data()), 1) << kernels->name;
      EXPECT_EQ(out.back(), 1) << kernels->name;
      EXPECT_EQ(std::ranges::count(out, 0.0F), GetParam() - 1) << kernels->name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RowsTest, testing::Values(1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 576, 1000, 49152));

TEST(EmbedTest, GivesTheStoredRowOfEveryFormat) {
  constexpr std::int64_t kRows = 5;
  constexpr std::int64_t kCols = 64;
  const std::vector<float> values = Normal(kRows * kCols, 3);
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ4_0, DType::kQ4_1, DType::kQ8_0}) {
    const std::vector<std::byte> bytes = Quantize(type, values).value();
    const TensorView table{type, {kRows, kCols}, bytes};
    const std::vector<float> want = DequantizeTensor(table).value();
    for (const RowKernels* kernels : Kernels()) {
      std::vector<float> out(kCols);
      for (std::int32_t token = 0; token < kRows; ++token) {
        kernels->embed(table, token, out.data());
        EXPECT_TRUE(std::equal(out.begin(), out.end(), want.begin() + token * kCols)) << Info(type).name;
      }
    }
  }
}

TEST(SelectRowKernelsTest, SaysWhyNot) {
  std::vector<Choice> log;
  EXPECT_EQ(SelectRowKernels({}, &log).name, "rows_ref");
  EXPECT_TRUE(log.back().taken);
  for (std::size_t i = 0; i + 1 < log.size(); ++i) EXPECT_TRUE(log[i].reason.starts_with("needs ")) << log[i].kernel;
}

}  // namespace
}  // namespace strata::kernels
