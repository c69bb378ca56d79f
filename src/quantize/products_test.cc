// What the quantizer computes with: products, Gram matrices, factors of inverses.
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "quantize/input_statistics.h"
#include "quantize/inverse_factor.h"
#include "quantize/matrix_product.h"

namespace strata::quantize {
namespace {

Workers& TestWorkers() {
  static Workers workers(2);
  return workers;
}

Matrix RandomMatrix(std::int64_t rows, std::int64_t columns, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix matrix{rows, columns, std::vector<float>(static_cast<std::size_t>(rows * columns))};
  for (float& value : matrix.values) value = normal(random);
  return matrix;
}

double Dot(const float* a, const float* b, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

struct Size {
  std::int64_t rows, n, k;
};
class Products : public testing::TestWithParam<Size> {};

TEST_P(Products, AreSetAddedAndSubtracted) {
  const auto [rows, n, k] = GetParam();
  const Matrix a = RandomMatrix(rows, k, 1), b = RandomMatrix(n, k, 2), was = RandomMatrix(rows, n, 3);
  Matrix b_columns{k, n, std::vector<float>(static_cast<std::size_t>(n * k))};
  for (std::int64_t r = 0; r < n; ++r) {
    for (std::int64_t c = 0; c < k; ++c) b_columns.row(c)[r] = b.row(r)[c];
  }
  for (const PackedMatrix& packed :
       {PackedMatrix::OfRows(b.values.data(), n, k, k), PackedMatrix::OfColumns(b_columns.values.data(), n, k, n)}) {
    for (const auto& [into, keep, sign] :
         {std::tuple(Into::kSet, 0, 1), std::tuple(Into::kAdd, 1, 1), std::tuple(Into::kSubtract, 1, -1)}) {
      Matrix out = was;
      packed.Multiply(TestWorkers(), {a.values.data(), k}, rows, into, {out.values.data(), n});
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < n; ++c) {
          const double want = keep * static_cast<double>(was.row(r)[c]) + sign * Dot(a.row(r), b.row(c), k);
          ASSERT_NEAR(out.row(r)[c], want, 1e-5 * static_cast<double>(k + 10)) << r << ", " << c;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Products,
                         testing::Values(Size{1, 1, 1}, Size{3, 17, 5}, Size{65, 40, 33}, Size{200, 96, 128}));

TEST(Grams, AreSumsOfSquares) {
  constexpr std::int64_t kColumns = 150;
  const Matrix first = RandomMatrix(70, kColumns, 4), second = RandomMatrix(3, kColumns, 5);
  InputStatistics inputs(kColumns);
  inputs.Add(TestWorkers(), first.values.data(), first.rows);
  inputs.Add(TestWorkers(), second.values.data(), second.rows);
  const std::vector<float> gram = inputs.Gram(TestWorkers());
  for (std::int64_t i = 0; i < kColumns; ++i) {
    for (std::int64_t j = 0; j < kColumns; ++j) {
      double want = 0;
      for (const Matrix* part : {&first, &second}) {
        for (std::int64_t r = 0; r < part->rows; ++r) {
          want += static_cast<double>(part->row(r)[i]) * static_cast<double>(part->row(r)[j]);
        }
      }
      ASSERT_NEAR(gram[static_cast<std::size_t>(i * kColumns + j)], want, 1e-3) << i << ", " << j;
      ASSERT_EQ(gram[static_cast<std::size_t>(i * kColumns + j)], inputs.gram(i, j));
    }
  }
}

class Factors : public testing::TestWithParam<std::int64_t> {};

TEST_P(Factors, OfTheInverseMakeTheIdentity) {
  const std::int64_t n = GetParam();
  const Matrix x = RandomMatrix(2 * n, n, 6);
  InputStatistics inputs(n);
  inputs.Add(TestWorkers(), x.values.data(), x.rows);
  const Matrix gram{n, n, inputs.Gram(TestWorkers())};
  const auto factor = InverseFactor(TestWorkers(), gram);
  ASSERT_TRUE(factor.has_value());
  // U gram U^T = 1, for the inverse is U^T U.
  Matrix half = gram;
  for (std::int64_t i = 0; i < n; ++i) {
    EXPECT_GT(factor->row(i)[i], 0);
    for (std::int64_t j = 0; j < n; ++j) {
      if (j < i) ASSERT_EQ(factor->row(i)[j], 0) << i << ", " << j;
      half.row(i)[j] = static_cast<float>(Dot(factor->row(i), gram.row(j), n));
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j)
      ASSERT_NEAR(Dot(half.row(i), factor->row(j), n), i == j, 2e-3) << i << ", " << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Factors, testing::Values(1, 2, 63, 64, 65, 200));

TEST(FactorsTest, NeedAPositiveDefiniteMatrix) {
  EXPECT_FALSE(InverseFactor(TestWorkers(), {2, 2, {1, 2, 2, 1}}).has_value());
  EXPECT_FALSE(InverseFactor(TestWorkers(), {1, 1, {0}}).has_value());
}

}  // namespace
}  // namespace strata::quantize
