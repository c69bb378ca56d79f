#include "quantize/input_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "quantize/matrix_product.h"

namespace strata::quantize {
namespace {

constexpr std::int64_t kTile = 64;
constexpr std::int64_t kMostSampled = 1024;

/// [rows, columns] -> [columns, rows].
std::vector<float> Transposed(Workers& workers, const float* values, std::int64_t rows, std::int64_t columns) {
  std::vector<float> out(static_cast<std::size_t>(rows * columns));
  workers.For(columns, kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = begin; c < end; ++c) {
        out[static_cast<std::size_t>(c * rows + r)] = values[r * columns + c];
      }
    }
  });
  return out;
}

/// What is below the diagonal to above it.
void Mirror(Workers& workers, float* square, std::int64_t n) {
  workers.For(n, kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t column0 = begin; column0 < n; column0 += kTile) {
      for (std::int64_t r = begin; r < end; ++r) {
        for (std::int64_t c = std::max(column0, r + 1); c < std::min(column0 + kTile, n); ++c) {
          square[r * n + c] = square[c * n + r];
        }
      }
    }
  });
}

}  // namespace

InputStatistics::InputStatistics(std::int64_t columns)
    : columns_(columns), gram_(static_cast<std::size_t>(columns * columns)) {}

void InputStatistics::Add(Workers& workers, const float* values, std::int64_t rows, std::span<const float> weights) {
  std::vector<float> weighted(values, values + rows * columns_);
  for (std::size_t r = 0; r < weights.size(); ++r) {
    const float root = std::sqrt(weights[r]);
    for (float& value :
         std::span(weighted).subspan(r * static_cast<std::size_t>(columns_), static_cast<std::size_t>(columns_))) {
      value *= root;
    }
  }
  weight_ += weights.empty() ? static_cast<double>(rows) : std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::int64_t r = 0; r < rows; ++r) Sample({weighted.data() + r * columns_, static_cast<std::size_t>(columns_)});
  const std::vector<float> transposed = Transposed(workers, weighted.data(), rows, columns_);
  const PackedMatrix packed = PackedMatrix::OfRows(transposed.data(), columns_, rows, rows);
  packed.MultiplyLower(workers, {transposed.data(), rows}, columns_, Into::kAdd, {gram_.data(), columns_});
}

/// Vitter's algorithm R. At equal distances would not do: windows of text begin at multiples of powers of two, and
/// their first tokens, whose rows are like no others, would be far too many.
void InputStatistics::Sample(std::span<const float> row) {
  ++rows_;
  if (sampled() < kMostSampled) {
    sample_.insert(sample_.end(), row.begin(), row.end());
    return;
  }
  const auto place = static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(rows_));
  if (place < kMostSampled) std::ranges::copy(row, sample_.begin() + place * columns_);
}

std::vector<float> InputStatistics::Gram(Workers& workers) const {
  std::vector<float> all = gram_;
  Mirror(workers, all.data(), columns_);
  return all;
}

InputStatistics InputStatistics::DividedBy(std::span<const float> scales) const {
  InputStatistics out(columns_);
  out.rows_ = rows_;
  out.weight_ = weight_;
  out.sample_ = sample_;
  for (std::int64_t r = 0; r < sampled(); ++r) {
    for (std::int64_t c = 0; c < columns_; ++c) {
      out.sample_[static_cast<std::size_t>(r * columns_ + c)] /= scales[static_cast<std::size_t>(c)];
    }
  }
  for (std::int64_t i = 0; i < columns_; ++i) {
    const float own = scales[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j <= i; ++j) {
      out.gram_[static_cast<std::size_t>(i * columns_ + j)] = gram(i, j) / (own * scales[static_cast<std::size_t>(j)]);
    }
  }
  return out;
}

double OutputError(Workers& workers, const float* error, std::int64_t rows, const InputStatistics& inputs) {
  const std::int64_t k = inputs.columns();
  const PackedMatrix gram = PackedMatrix::OfRows(inputs.Gram(workers).data(), k, k, k);
  std::vector<double> sums(static_cast<std::size_t>((rows + kTile - 1) / kTile));
  workers.For(rows, kTile, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    std::vector<float> product(static_cast<std::size_t>(count * k));
    gram.Multiply({error + begin * k, k}, count, Into::kSet, {product.data(), k});
    double& sum = sums[static_cast<std::size_t>(begin / kTile)];
    for (std::int64_t i = 0; i < count * k; ++i) {
      sum += static_cast<double>(product[static_cast<std::size_t>(i)] * error[begin * k + i]);
    }
  });
  return std::max(std::accumulate(sums.begin(), sums.end(), 0.0), 0.0);
}

}  // namespace strata::quantize
