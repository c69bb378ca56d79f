// The argmax that epilogues keep, against the argmax of the whole row: through ApplyEpilogue and through every linear
// over floats, whose epilogues are inlined for their instruction set.
#include <algorithm>
#include <functional>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kUntouched = 12345.0f;

/// Few different values, so that most maxima are tied, and now and then one that is no number.
std::vector<float> Awkward(std::int64_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    const auto kind = random() / 16 % 40;
    value = kind == 0 ? kNan : kind == 1 ? -kInfinity : static_cast<float>(random() / 16 % 5) - 3.0f;
  }
  return values;
}

std::int64_t Argmax(std::span<const float> row) {
  std::int64_t best = -1;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] == row[i] && (best < 0 || row[i] > row[static_cast<std::size_t>(best)])) {
      best = static_cast<std::int64_t>(i);
    }
  }
  return std::max<std::int64_t>(best, 0);
}

std::int64_t Column(const RowMax& row_max) {
  return row_max.column == std::numeric_limits<std::int32_t>::max() ? 0 : row_max.column;
}

void Negate(const float* const* inputs, const std::int64_t* strides, float* out, std::int64_t out_stride,
            std::int64_t rows, std::int64_t cols) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) out[r * out_stride + c] = -inputs[0][r * strides[0] + c];
  }
}

class EpilogueTest : public testing::TestWithParam<std::int64_t> {
 protected:
  const std::int64_t columns_ = GetParam();
  static constexpr std::int64_t kRows = 7;
};

TEST_P(EpilogueTest, TilesInAnyOrderGiveTheRowsArgmax) {
  const std::int64_t panels = Panels(columns_), stride = panels * kPanel;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::vector<float> acc = Awkward(kRows * stride, seed);
    for (const MapFn map : {MapFn{nullptr}, MapFn{Negate}}) {
      for (const std::int64_t stored : {std::int64_t{0}, std::int64_t{3}, kRows}) {
        std::vector<float> out(static_cast<std::size_t>(kRows * columns_), kUntouched);
        std::vector<RowMax> row_max(kRows);
        const Epilogue epilogue{.map = map,
                                .out = out.data(),
                                .out_stride = columns_,
                                .out_cols = columns_,
                                .out_rows = stored,
                                .row_max = row_max.data()};
        for (std::int64_t panel = panels - 1; panel >= 0; --panel) {
          for (std::int64_t row = 0; row < kRows; row += 2) {
            ApplyEpilogue(epilogue, acc.data() + row * stride + panel * kPanel, stride, row,
                          std::min<std::int64_t>(2, kRows - row), panel, 1);
          }
        }
        for (std::int64_t row = 0; row < kRows; ++row) {
          std::vector<float> want(acc.begin() + row * stride, acc.begin() + row * stride + columns_);
          if (map != nullptr) std::ranges::transform(want, want.begin(), std::negate<float>());
          EXPECT_EQ(Column(row_max[static_cast<std::size_t>(row)]), Argmax(want)) << "row " << row;
          for (std::int64_t c = 0; c < columns_; ++c) {
            const float got = out[static_cast<std::size_t>(row * columns_ + c)];
            const float expected = row < stored ? want[static_cast<std::size_t>(c)] : kUntouched;
            ASSERT_TRUE(got == expected || (got != got && expected != expected)) << row << ", " << c;
          }
        }
      }
    }
  }
}

TEST_P(EpilogueTest, LinearsKeepTheArgmaxOfWhatTheyWouldWrite) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    // With k = 1 the weights are the answer, but for the factor.
    const std::vector<float> weights = Awkward(columns_, seed);
    const TensorView view{DType::kF32, {columns_, 1}, std::as_bytes(std::span(weights))};
    const float x[kRows] = {1, 2, 0.5, 4, 1, 3, 2};
    for (const LinearKernel* kernel : LinearKernels()) {
      const LinearProblem problem{DType::kF32, columns_, 1};
      if (!kernel->refuses(problem, DetectCpu("")).empty()) continue;
      std::vector<std::byte> memory(kernel->packed_bytes(problem) + kRows * kernel->prepared_row_bytes(1) + 128);
      std::byte* packed = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
      std::byte* activations = packed + kernel->packed_bytes(problem);
      kernel->pack(problem, {{&view, 1}, false}, 0, Panels(columns_), packed);
      kernel->prepare({.x = x, .x_stride = 1, .rows = kRows, .k = 1, .run_rows = kRows, .out = activations});
      std::vector<float> out(static_cast<std::size_t>(kRows * columns_));
      Epilogue epilogue{.out = out.data(), .out_stride = columns_, .out_cols = columns_};
      const LinearArgs args{activations, packed, kRows, columns_, 1, &epilogue};
      kernel->run(args, 0, Panels(columns_));
      const std::vector<float> want = out;

      std::ranges::fill(out, kUntouched);
      std::vector<RowMax> row_max(kRows);
      epilogue.row_max = row_max.data();
      epilogue.out_rows = 2;
      for (std::int64_t panel = Panels(columns_) - 1; panel >= 0; --panel) kernel->run(args, panel, panel + 1);
      for (std::int64_t row = 0; row < kRows; ++row) {
        const auto whole =
            std::span(want).subspan(static_cast<std::size_t>(row * columns_), static_cast<std::size_t>(columns_));
        EXPECT_EQ(Column(row_max[static_cast<std::size_t>(row)]), Argmax(whole)) << kernel->name << ", row " << row;
      }
      EXPECT_TRUE(std::all_of(out.begin() + 2 * columns_, out.end(), [](float v) { return v == kUntouched; }))
          << kernel->name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Columns, EpilogueTest, testing::Values(1, 15, 16, 17, 131, 640));

TEST(RowMaxTest, NothingButNanHasNoColumn) {
  RowMax row_max;
  row_max.Take({kNan, 3});
  EXPECT_EQ(row_max.column, std::numeric_limits<std::int32_t>::max());
  row_max.Take({-kInfinity, 5});
  EXPECT_EQ(row_max.column, 5);
  row_max.Take({-kInfinity, 2});
  EXPECT_EQ(row_max.column, 2);
  row_max.Take({0.0f, 9});
  row_max.Take({-0.0f, 8});
  EXPECT_EQ(row_max.column, 8) << "zeros are equal";
}

}  // namespace
}  // namespace strata::kernels
