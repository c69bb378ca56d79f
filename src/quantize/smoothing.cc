#include "quantize/smoothing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

namespace strata::quantize {
namespace {

constexpr int kSteps = 120;
/// Of the squares of scales from where they begin: other text may have more in a column than the sample has.
constexpr double kFarthest = 4.2;  // 2 log 8

/// The squares of rows of one side, each row weighted.
struct Squares {
  std::int64_t rows = 0, columns = 0;
  std::vector<float> values;  ///< [rows, columns]

  std::vector<double> ColumnSums() const {
    std::vector<double> sums(static_cast<std::size_t>(columns));
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        sums[static_cast<std::size_t>(c)] += static_cast<double>(values[static_cast<std::size_t>(r * columns + c)]);
      }
    }
    return sums;
  }
};

/// A sum and what each column has of it.
struct Shares {
  double all = 0;
  std::vector<double> of;
};

/// The sum over rows of their greatest square, times `factors`, which is that of one column.
Shares Greatest(Workers& workers, const Squares& squares, std::span<const float> factors) {
  constexpr std::int64_t kRows = 32;
  std::vector<std::int64_t> columns(static_cast<std::size_t>(squares.rows));
  std::vector<float> greatest(static_cast<std::size_t>(squares.rows));
  workers.For(squares.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> products(static_cast<std::size_t>(squares.columns));
    for (std::int64_t r = begin; r < end; ++r) {
      const float* const row = squares.values.data() + r * squares.columns;
      for (std::size_t c = 0; c < products.size(); ++c) products[c] = row[c] * factors[c];
      const auto at = std::ranges::max_element(products);
      columns[static_cast<std::size_t>(r)] = at - products.begin();
      greatest[static_cast<std::size_t>(r)] = *at;
    }
  });
  Shares shares{0, std::vector<double>(static_cast<std::size_t>(squares.columns))};
  for (std::size_t r = 0; r < greatest.size(); ++r) {
    shares.all += static_cast<double>(greatest[r]);
    shares.of[static_cast<std::size_t>(columns[r])] += static_cast<double>(greatest[r]);
  }
  return shares;
}

Shares Total(std::span<const double> sums, std::span<const float> factors) {
  Shares shares{0, std::vector<double>(sums.begin(), sums.end())};
  for (std::size_t c = 0; c < sums.size(); ++c) shares.all += shares.of[c] *= static_cast<double>(factors[c]);
  return shares;
}

class Descent {
 public:
  Descent(Workers& workers, const InputStatistics& inputs, const std::vector<const Matrix*>& readers)
      : workers_(workers),
        inputs_{inputs.sampled(), inputs.columns(), {}},
        weights_{0, inputs.columns(), {}},
        begin_(static_cast<std::size_t>(inputs.columns())) {
    for (const float value : inputs.sample()) inputs_.values.push_back(value * value);
    for (const Matrix* reader : readers) {
      const double outputs = OutputError(workers, reader->values.data(), reader->rows, inputs);
      const auto relative = static_cast<float>(outputs > 0 ? 1 / outputs : 0);
      weights_.rows += reader->rows;
      for (const float value : reader->values) weights_.values.push_back(value * value * relative);
    }
    input_sums_ = inputs_.ColumnSums();
    weight_sums_ = weights_.ColumnSums();
  }

  /// Columns in which nothing comes in, or of no weight, do not move.
  std::vector<float> Run() {
    Begin();
    logarithms_ = begin_;
    std::vector<double> best = logarithms_;
    double least = std::numeric_limits<double>::infinity();
    for (int step = 0; step < kSteps; ++step) {
      const double error = Step(0.6 / (1 + step / 20.0), least, best);
      if (!(error > 0)) break;
    }
    const double mean = std::accumulate(best.begin(), best.end(), 0.0) / static_cast<double>(best.size());
    std::vector<float> scales;
    scales.reserve(best.size());
    for (const double logarithm : best) scales.push_back(static_cast<float>(std::exp((logarithm - mean) / 2)));
    return scales;
  }

 private:
  /// As SmoothQuant with a strength of a half: greatest input = greatest weight in each column. What is not to move is
  /// in the middle.
  void Begin() {
    const auto greatest = [](const Squares& squares, std::int64_t c) {
      float most = 0;
      for (std::int64_t r = 0; r < squares.rows; ++r) {
        most = std::max(most, squares.values[static_cast<std::size_t>(r * squares.columns + c)]);
      }
      return most;
    };
    double sum = 0, moving = 0;
    for (std::int64_t c = 0; c < inputs_.columns; ++c) {
      const auto at = static_cast<std::size_t>(c);
      if (!Moves(at)) continue;
      begin_[at] = std::log(static_cast<double>(greatest(inputs_, c)) / static_cast<double>(greatest(weights_, c))) / 2;
      sum += begin_[at];
      ++moving;
    }
    for (std::size_t c = 0; c < begin_.size(); ++c) {
      if (Moves(c)) begin_[c] -= sum / moving;
    }
  }

  bool Moves(std::size_t column) const { return input_sums_[column] > 0 && weight_sums_[column] > 0; }

  /// The error at logarithms_, which then go on; `best` becomes them where it is the least so far. Each column's scale
  /// moves by the ratio of what a greater one would make better to what it would make worse: at the optimum it is 1.
  double Step(double rate, double& least, std::vector<double>& best) {
    std::vector<float> up(logarithms_.size()), down(logarithms_.size());
    for (std::size_t c = 0; c < up.size(); ++c) {
      up[c] = static_cast<float>(std::exp(logarithms_[c]));
      down[c] = static_cast<float>(std::exp(-logarithms_[c]));
    }
    const Shares input_steps = Greatest(workers_, inputs_, down), weight_steps = Greatest(workers_, weights_, up);
    const Shares by_inputs = Total(weight_sums_, up), by_weights = Total(input_sums_, down);
    const double error = input_steps.all * by_inputs.all + weight_steps.all * by_weights.all;
    if (error < least) {
      least = error;
      best = logarithms_;
    }
    const double little = 1e-9 * error / static_cast<double>(logarithms_.size());
    for (std::size_t c = 0; c < logarithms_.size(); ++c) {
      if (!Moves(c)) continue;
      const double better = input_steps.of[c] * by_inputs.all + weight_steps.all * by_weights.of[c];
      const double worse = input_steps.all * by_inputs.of[c] + weight_steps.of[c] * by_weights.all;
      const double moved =
          logarithms_[c] + rate * std::clamp(std::log((better + little) / (worse + little)), -1.4, 1.4);
      logarithms_[c] = std::clamp(moved, begin_[c] - kFarthest, begin_[c] + kFarthest);
    }
    return error;
  }

  Workers& workers_;
  Squares inputs_, weights_;
  std::vector<double> input_sums_, weight_sums_;
  std::vector<double> begin_, logarithms_;  ///< of the squares of the scales
};

}  // namespace

std::vector<float> SmoothingScales(Workers& workers, const InputStatistics& inputs,
                                   const std::vector<const Matrix*>& readers) {
  return Descent(workers, inputs, readers).Run();
}

}  // namespace strata::quantize
